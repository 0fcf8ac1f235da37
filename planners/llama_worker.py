"""The process that holds the model: one JSON line in for each question, JSON lines out.

A process of its own, so that a native crash or a long batch cannot take the program with it: it is
killed to stop it, and dies with its parent. Questions (``op``): ``complete``, ``score``, ``close``.
Answers (``kind``): ``text`` pieces, then one ``done``; or ``error`` with a code from ``models.py``.
"""

from __future__ import annotations

import codecs
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from intentos.worker_process import Answer, die_with_parent, private_stdout

from .kept_state import KeptStates
from .llama import Llama, LoadFailed, TooLong


def main() -> None:
    """Serve questions from stdin until it closes."""
    options = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to judge
    die_with_parent(options["parent"])
    answer = private_stdout()
    questions = _questions()
    try:
        llama = Llama(
            Path(options["path"]),
            context=options["context"],
            batch=options["batch"],
            threads=options["threads"],
        )
    except LoadFailed as error:
        answer({"kind": "error", "error": "damaged", "what": str(error)})
        return
    identity = json.dumps([options["sha256"], llama.version, llama.limit, options["batch"]])
    kept = KeptStates(Path(options["states"]), identity=identity)
    while (question := questions.get())["op"] != "close":
        try:
            _serve(llama, kept, question, answer)
        except TooLong as error:
            answer({"kind": "error", "error": "too_long", "what": list(error.args)})
        except ValueError as error:
            answer({"kind": "error", "error": "value", "what": str(error)})
        else:
            # After the answer, so that nobody waits for the disk.
            try:
                llama.keep(kept)
            except OSError as error:
                answer({"kind": "note", "what": f"KV state not kept: {error}"})


def _serve(llama: Llama, kept: KeptStates, question: dict[str, Any], answer: Answer) -> None:
    prefix, rest = llama.split(question["system"], question["user"], question["prefill"])
    if question["op"] == "score":
        tokens = llama.read(prefix, rest, kept)
        scores = llama.score(len(prefix) + len(rest), question["choices"])
        answer({"kind": "done", "scores": scores, "tokens": tokens})
        return
    tokens = llama.read(prefix, rest, kept)
    position = len(prefix) + len(rest)
    most = min(question["max_tokens"], llama.limit - position)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    whole, written = "", 0
    for piece in llama.write(position, question["grammar"], most):
        written += 1
        if text := decoder.decode(piece):
            whole += text
            answer({"kind": "text", "text": text})
    if text := decoder.decode(b"", True):
        whole += text
        answer({"kind": "text", "text": text})
    stopped = written < most
    answer({"kind": "done", "text": whole, "tokens": tokens + written, "stopped": stopped})


def _questions() -> queue.SimpleQueue[dict[str, Any]]:
    """Return the questions as they come; a closed stdin ends the process in mid-decoding."""
    questions: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            question = json.loads(line)
            questions.put(question)
            if question["op"] == "close":
                return
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return questions


if __name__ == "__main__":
    main()
