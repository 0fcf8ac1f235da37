"""The process that understands speech: a JSON line and samples in, one JSON line out.

A process of its own, so that it can be stopped at any moment and gives its memory back when it has
not been needed for a while. What was said is neither written down nor kept.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import re
import signal
import sys
import threading
from typing import Any

from intentos.worker_process import die_with_parent, private_stdout

RATE = 16_000
LEAST_SPEECH = 0.3
"""Seconds of somebody speaking below which nothing was said: a click, a breath."""
_SIMPLIFIED = "请模拟、画图或计算。"
"""Whisper goes on as its prompt begins: without one it writes Chinese in either script."""
_STRAY = re.compile(
    # What it was taught to write where nobody speaks: names of sounds, and the ends of films.
    r"[\[(（【*♪].*[\])）】*♪]"
    r"|thank(s| you)( very much| so much)?( for watching.*)?[.!]*|(please )?subscribe.*"
    r"|.*(amara\.org|字幕(由|志愿者|提供|组)|请不吝点赞|明镜与点点|谢谢(大家)?(观看|收看)).*",
    re.IGNORECASE,
)
CLEARLY_OTHER = 0.9
"""Share of the other language from which a hint is not believed."""
_LEAST_LIKELY = -1.5
"""Mean log-probability of a token below which a sentence is a guess."""


def main() -> None:
    """Serve recordings from stdin until it closes."""
    options = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to judge
    keep_off_the_network()
    die_with_parent(options["parent"])  # after it: new rights would undo this
    answer = private_stdout()
    try:
        ears = Ears(options["folder"], options["threads"])
    except Exception as error:  # whatever CTranslate2 and the tokenizer think of the files
        answer({"error": "damaged", "what": _one_line(error)})
        return
    questions = _questions()
    while True:
        language, samples = questions.get()
        try:
            text, heard = ears.hear(samples, language)
        except Exception as error:
            answer({"error": "failed", "what": _one_line(error)})
        else:
            answer({"text": text, "language": heard})


class Ears:
    """The speech model, loaded."""

    def __init__(self, folder: str, threads: int) -> None:
        from faster_whisper import WhisperModel

        self._model: Any = WhisperModel(
            folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )

    def hear(self, samples: bytes, language: str | None) -> tuple[str, str]:
        """Return what was said and its language; empty where nobody spoke.

        ``language``: zh or en, which is heard first; None: whichever of them it sounds like.
        """
        import numpy as np
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        sound = np.frombuffer(samples, "<i2").astype(np.float32) / 32768
        spoken = get_speech_timestamps(sound, VadOptions(speech_pad_ms=0))
        if sum(span["end"] - span["start"] for span in spoken) < LEAST_SPEECH * RATE:
            return "", language or ""
        spoken_in = self._language(sound, language)
        return self._write(sound, spoken_in), spoken_in

    def _language(self, sound: Any, hint: str | None) -> str:
        """Return zh or en: as hinted, unless it clearly is the other one, which in the wrong
        language would become fluent nonsense. All other languages are out of the question."""
        _, _, odds = self._model.detect_language(sound, vad_filter=True)
        likely = dict(odds)
        chinese = likely.get("zh", 0.0) + likely.get("yue", 0.0)
        chance = chinese / (chinese + likely.get("en", 0.0) or 1.0)
        bar = {"zh": CLEARLY_OTHER, "en": 1 - CLEARLY_OTHER, None: 0.5}[hint]
        return "zh" if chance >= 1 - bar else "en"

    def _write(self, sound: Any, language: str) -> str:
        prompt = _SIMPLIFIED if language == "zh" else None
        segments, _ = self._model.transcribe(
            sound,
            language=language,
            beam_size=5,
            temperature=0.0,  # a higher one makes up what it cannot hear
            vad_filter=True,
            condition_on_previous_text=False,
            initial_prompt=prompt,
        )
        said = [
            segment.text.strip()
            for segment in segments
            if segment.avg_logprob > _LEAST_LIKELY and segment.compression_ratio < 2.4
        ]
        said = [text for text in said if not _STRAY.fullmatch(text) and text != prompt]
        text = ("" if language == "zh" else " ").join(said)
        return text if any(character.isalnum() for character in text) else ""


def keep_off_the_network() -> None:
    """Refuse every connection: the model lies here, and what is said stays here.

    Called before anything is imported that might start a thread.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    # onnxruntime, which finds the pauses, else reports its use to its maker, on Linux too.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if sys.platform == "linux":
        # A network of its own with nothing in it, which binds native code, too. Where the system
        # grants none, the lines around this one have to do.
        new_user, new_network = 0x1000_0000, 0x4000_0000
        ctypes.CDLL(None).unshare(new_user | new_network)

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            raise PermissionError("the speech worker reaches no network")

    sys.addaudithook(look)


def _questions() -> queue.SimpleQueue[tuple[str | None, bytes]]:
    """Return recordings as they come; a closed stdin ends the process in the middle of one."""
    questions: queue.SimpleQueue[tuple[str | None, bytes]] = queue.SimpleQueue()
    stdin = sys.stdin.buffer

    def listen() -> None:
        for line in iter(stdin.readline, b""):
            question = json.loads(line)
            samples = stdin.read(question["bytes"])
            if len(samples) == question["bytes"]:
                questions.put((question["language"], samples))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return questions


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    main()
