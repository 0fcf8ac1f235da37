"""The one door to language models: what there is, and how to open one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.errors import IntentOSError, ModelUnavailable, PlanningError
from intentos.presence import mark
from intentos.protocols import ModelInfo
from intentos.spending import count

from .model import Choice, Completion, Model, Prompt, T, Typed
from .model_file import ModelFile, fetchable, inspect, inspect_pinned, sha256_of, verified
from .model_file import catalogue as catalogue
from .profiles import EMBEDDED
from .remote import RemoteModel

CONTEXT = 4096
"""Tokens of prompt and answer together."""
BATCH = 128
"""Prompt tokens at a time: small, so that the cores are soon free again."""
_CLOSING = 5.0
_log = logging.getLogger(__name__)


def open_model(name: str, settings: Settings) -> Model | None:
    """Return the model called ``name``; nothing is loaded before the first question.

    ``none`` is no model, ``embedded`` the default, else a catalogue name, a path to a GGUF file,
    or somebody else's model as litellm names it (``provider/model``).

    Raises:
        ModelUnavailable: the file is missing, truncated or not GGUF, the name is unknown, or
            llama-cpp-python is not installed.
    """
    if name == "none":
        return None
    if "/" in name and not name.endswith(".gguf"):
        return RemoteModel(name, settings)
    pinned = next((m for m in catalogue() if name in ("embedded", m.name)), None)
    if pinned is None and not name.endswith(".gguf"):
        known = ", ".join(["none", "embedded", *(m.name for m in catalogue())])
        raise ModelUnavailable("model.unknown", name=name, known=known)
    path = pinned.path(settings) if pinned else Path(name).expanduser().resolve()
    inspect(path, pinned.size if pinned else None)
    if importlib.util.find_spec("llama_cpp") is None:
        raise ModelUnavailable("model.no_llama", remedy="pip install 'intentos-runtime[local]'")
    return EmbeddedModel(path, settings, sha256=pinned.sha256 if pinned else None)


class Models:
    """The models that can be had, as the command line and the doctor see them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def every(self) -> list[ModelInfo]:
        """Return what is here and what can be fetched, the default first; no file is read whole."""
        return [self._info(file) for file in fetchable()]

    def check(self, name: str) -> None:
        """Raise ModelUnavailable where ``name`` is no model; somebody else's are not asked."""
        if isinstance(open_model(name, self._settings), RemoteModel):
            from .wire import known_provider

            known_provider(name)

    def verified(self, name: str) -> Path:
        """Return the folder of a model whose bytes are right; each file is read whole once."""
        return verified(name, self._settings)

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        canceled: threading.Event | None = None,
    ) -> Path:
        """Fetch a model, resuming what was begun, and return its file; see ``fetch.pull``."""
        from .fetch import pull

        return pull(name, self._settings, source_file=source, progress=progress, canceled=canceled)

    def _info(self, file: ModelFile) -> ModelInfo:
        path = file.path(self._settings)
        problem = None
        if path.exists():
            try:
                inspect_pinned(file, self._settings)
            except ModelUnavailable as error:
                problem = error.problem()
        return ModelInfo(
            name=file.name,
            path=path,
            size=file.whole,
            licence=file.licence,
            present=path.exists(),
            problem=problem,
            kind=file.kind,
        )


class EmbeddedModel:
    """A GGUF model in a worker process of its own, started at the first question.

    One question at a time; others wait. Canceling a question kills the worker, and the next one
    starts it anew. May be used from one event loop after another.
    """

    profile = EMBEDDED
    host = ""

    def __init__(self, path: Path, settings: Settings, *, sha256: str | None = None) -> None:
        """``sha256``: what the file must have; None: whatever it has."""
        self.name = path.stem
        self._path = path
        self._settings = settings
        self._sha256 = sha256
        self._worker: _Worker | None = None
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    @property
    def process(self) -> int | None:
        """The worker's process id while it runs."""
        worker = self._worker
        return worker.process.pid if worker and worker.process.poll() is None else None

    async def choose(self, prompt: Prompt, names: Sequence[str]) -> Choice:
        """Return the likeliest of the names, each read to its closing quote.

        Raises:
            ModelUnavailable: the model cannot be loaded, or its worker died.
            PlanningError: the prompt is too long.
            ValueError: a name is empty, or two are alike.
        """
        if not all(names):
            raise ValueError(f"names must not be empty: {names!r}")
        scores, tokens = await self.score(prompt, [f'{name}"' for name in names])
        odds = dict(zip(names, scores, strict=True))
        return Choice(name=max(odds, key=lambda name: odds[name]), odds=odds, tokens=tokens)

    async def typed(
        self, prompt: Prompt, kind: type[T], *, grammar: str, max_tokens: int = 200
    ) -> Typed[T]:
        """Return an answer of a type, decoded under the grammar of its JSON.

        Raises:
            ModelUnavailable: the model cannot be loaded, or its worker died.
            PlanningError: the prompt is too long.
            ValueError: the grammar cannot be parsed, or lets through what is not of the type.
        """
        done = await self.complete(prompt, grammar=grammar, max_tokens=max_tokens)
        value = kind.model_validate_json(prompt.prefill + done.text) if done.stopped else None
        return Typed(value=value, tokens=done.tokens)

    async def complete(
        self,
        prompt: Prompt,
        *,
        grammar: str,
        shape: re.Pattern[str] | None = None,
        max_tokens: int = 512,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Return the likeliest text under a GBNF grammar; the prefill is not repeated in it.

        Raises:
            ModelUnavailable: the model cannot be loaded, or its worker died.
            PlanningError: the prompt is too long.
            ValueError: the grammar is empty or cannot be parsed, or ``max_tokens`` is below 1.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}, must be at least 1")
        if not grammar.strip():  # llama.cpp takes it for "anything goes"
            raise ValueError("the GBNF grammar is empty")
        question = {"op": "complete", "grammar": grammar, "max_tokens": max_tokens}
        done = await self._ask(question | _texts(prompt), on_text)
        return Completion(text=done["text"], tokens=done["tokens"], stopped=done["stopped"])

    async def score(self, prompt: Prompt, choices: Sequence[str]) -> tuple[list[float], int]:
        """Return the natural log-probability that each choice comes next, out of all that could,
        up to where it parts from the other choices; and the tokens read for it.

        Raises:
            ModelUnavailable: the model cannot be loaded, or its worker died.
            PlanningError: the prompt is too long.
            ValueError: a choice is empty, or the beginning of another one.
        """
        if not choices or not all(choices):
            raise ValueError(f"choices must not be empty: {choices!r}")
        question = {"op": "score", "choices": list(choices)}
        done = await self._ask(question | _texts(prompt), None)
        return done["scores"], done["tokens"]

    async def close(self) -> None:
        """End the worker, after it has written the state it keeps; the model can be used again."""
        async with self._turn():
            worker, self._worker = self._worker, None
            if worker:
                await asyncio.to_thread(worker.close)

    async def _ask(
        self, question: dict[str, Any], on_text: Callable[[str], None] | None
    ) -> dict[str, Any]:
        async with self._turn():
            worker = await self._running()
            answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            worker.listen(asyncio.get_running_loop(), answers)
            finished = False
            try:
                await asyncio.to_thread(worker.ask, question)
                while True:
                    answer = await answers.get()
                    if answer["kind"] == "text" and on_text:
                        on_text(answer["text"])
                    elif answer["kind"] in ("done", "error"):
                        finished = answer.get("error") in (None, "too_long", "value")
                        break
            finally:
                worker.listen(None, None)
                if not finished:  # canceled, crashed, or on_text raised: it may be decoding still
                    self._worker = None
                    worker.kill()
            if answer["kind"] == "error":
                raise self._problem(answer)
            count(self.name, "", answer["tokens"], 0.0)
            return answer

    async def _running(self) -> _Worker:
        if self._worker is None or self._worker.process.poll() is not None:
            self._worker = None
            inspect(self._path)
            sha256 = await self._verified()
            options = {
                "path": str(self._path),
                "sha256": sha256,
                "states": str(self._settings.cache / "kv"),
                "context": CONTEXT,
                "batch": BATCH,
                "threads": _threads(),
                "parent": os.getpid(),
            }
            self._worker = _Worker(options)
            weakref.finalize(self, self._worker.kill)
        return self._worker

    async def _verified(self) -> str:
        """Return the file's sha256, which is computed only when the file is new or has changed."""
        canceled = threading.Event()
        try:
            actual = await asyncio.to_thread(
                sha256_of, self._path, self._settings, stop=canceled.is_set
            )
        finally:
            canceled.set()
        if self._sha256 not in (None, actual):
            raise ModelUnavailable(
                "model.damaged",
                path=str(self._path),
                what=f"sha256 {actual}",
                command="intentos models pull",
            )
        return actual

    def _problem(self, answer: dict[str, Any]) -> Exception:
        what = answer["what"]
        problem: IntentOSError
        match answer["error"]:
            case "value":
                return ValueError(what)
            case "too_long":
                problem = PlanningError("model.too_long", tokens=what[0], limit=what[1])
            case "damaged":
                problem = ModelUnavailable(
                    "model.damaged",
                    path=str(self._path),
                    what=what,
                    command="intentos models pull",
                )
            case _:
                problem = ModelUnavailable("model.crashed", name=self.name, what=what)
        return problem

    def _turn(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]


class _Worker:
    """The parent's end of the worker process; a thread reads what it answers."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._complaints = tempfile.TemporaryFile()
        # -P: no module out of the current folder may stand in for a library. Threads that spin
        # while they wait are eight times slower as soon as anything else wants the cores.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "intentos.planners.llama_worker", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={"OMP_WAIT_POLICY": "passive"} | os.environ | mark(),
        )
        self._guard = threading.Lock()
        self._listener: tuple[asyncio.AbstractEventLoop, asyncio.Queue[dict[str, Any]]] | None
        self._listener = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def listen(
        self,
        loop: asyncio.AbstractEventLoop | None,
        answers: asyncio.Queue[dict[str, Any]] | None,
    ) -> None:
        """Deliver what comes from now on to ``answers``, or nowhere."""
        with self._guard:
            self._listener = (loop, answers) if loop and answers else None

    def ask(self, question: dict[str, Any]) -> None:
        """Send a question; one that comes too late is answered by the process's end."""
        stdin = self.process.stdin
        assert stdin
        with contextlib.suppress(BrokenPipeError, ValueError):
            stdin.write(json.dumps(question).encode() + b"\n")
            stdin.flush()

    def close(self) -> None:
        """Let the process finish what it does, but not for long."""
        self.ask({"op": "close"})
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_CLOSING)
        self.kill()

    def kill(self) -> None:
        """Stop the process at once, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        stdout, stdin = self.process.stdout, self.process.stdin
        assert stdout
        assert stdin
        for line in stdout:
            answer = json.loads(line)
            if answer["kind"] == "note":
                _log.warning("%s", answer["what"])
            else:
                self._deliver(answer)
        code = self.process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._deliver({"kind": "error", "error": "crashed", "what": f"{how} {last}".strip()})
        self._complaints.close()
        stdout.close()
        with contextlib.suppress(OSError):  # closing flushes a question that nobody reads
            stdin.close()

    def _deliver(self, answer: dict[str, Any]) -> None:
        with self._guard:
            if self._listener is None:
                return
            loop, answers = self._listener
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(answers.put_nowait, answer)


def _texts(prompt: Prompt) -> dict[str, str]:
    return {"system": prompt.system, "user": prompt.user, "prefill": prompt.prefill}


def _threads() -> int:
    """Return how many threads to use: one where others keep the cores busy, because threads that
    wait for one another are then slower together than one alone."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return 1 if load > 2 * cores else min(cores, 8)
