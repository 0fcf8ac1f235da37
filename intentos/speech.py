"""Speech to text on this machine: a recording goes in, words come out, nothing is kept.

The model lives in a worker process (:mod:`intentos.speech_worker`) that is started for the first
recording and ends when none has come for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import IO

from intentos.config import Settings
from intentos.errors import IntentOSError, ModelUnavailable
from intentos.presence import mark
from intentos.protocols import Models
from intentos.recording import Recording, read_recording
from intentos.types import Frozen, Language

MODEL = "whisper-base"
"""Name of the model that :class:`~intentos.protocols.Models` fetches for it."""
REMEDY = "pip install 'intentos-runtime[voice]'"
IDLE = 60.0
"""Seconds without a recording after which the worker ends and gives its memory back."""
PATIENCE = 180.0
"""Seconds after which a recording is given up."""


class Transcript(Frozen):
    """What somebody said."""

    text: str
    """Empty where nobody spoke."""
    language: Language
    seconds: float
    """How long the recording is."""


def installed() -> bool:
    """Return whether the library that understands speech is there; it is not imported."""
    return importlib.util.find_spec("faster_whisper") is not None


class Speech:
    """Understands one recording at a time; others wait. Belongs to one event loop."""

    def __init__(self, settings: Settings, models: Models, *, idle: float = IDLE) -> None:
        self._settings = settings
        self._models = models
        self._idle = idle
        self._turn = asyncio.Lock()
        self._worker: _Worker | None = None
        self._later: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def process(self) -> int | None:
        """The worker's process id while it runs."""
        worker = self._worker
        return worker.process.pid if worker and worker.process.returncode is None else None

    def check(self) -> None:
        """Return if speech can be understood here; the model's bytes are not read.

        Raises:
            ModelUnavailable: the library or the model is missing; the message says what to do.
        """
        if not installed():
            raise ModelUnavailable("speech.no_library", remedy=REMEDY)
        info = next((m for m in self._models.every() if m.name == MODEL), None)
        if info is None or not info.present or info.problem:
            raise ModelUnavailable("speech.no_model", command=f"intentos models pull {MODEL}")

    async def transcribe(self, audio: bytes, language: Language | None = None) -> Transcript:
        """Return what is said in the bytes of a WAV file; canceling ends the work at once.

        ``language``: what is most probably spoken; where nothing makes sense in it the other one
        is tried. None: whichever of the two it sounds like.

        Raises:
            UsageError: it is no WAV file, holds no sound, or is too long.
            ModelUnavailable: the library or the model is missing or damaged, or the worker died.
        """
        recording = await asyncio.to_thread(read_recording, audio)
        async with self._turn:
            self._stay()
            worker = await self._running()
            finished = False
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await worker.ask(recording, language)
                finished = True
            except TimeoutError:
                raise ModelUnavailable("speech.too_slow", seconds=PATIENCE) from None
            finally:
                if not finished:  # canceled, dead or stuck: it may be at work still
                    self._worker = None
                    await worker.end()
                else:
                    self._later = asyncio.get_running_loop().call_later(self._idle, self._retire)
        heard: Language = "zh" if answer["language"] == "zh" else "en"
        return Transcript(text=answer["text"], language=heard, seconds=recording.seconds)

    async def close(self) -> None:
        """End the worker; it is started again when it is needed."""
        self._stay()
        worker, self._worker = self._worker, None
        if worker:
            await worker.end()
        if self._ending:
            await asyncio.wait(self._ending)

    def _stay(self) -> None:
        if self._later:
            self._later.cancel()
            self._later = None

    def _retire(self) -> None:
        worker, self._worker = self._worker, None
        if worker:
            task = asyncio.ensure_future(worker.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _running(self) -> _Worker:
        if self.process is None:
            self.check()
            if self._worker:
                await self._worker.end()
                self._worker = None
            folder = await asyncio.to_thread(self._models.verified, MODEL)
            self._worker = await _Worker.start(folder)
        assert self._worker
        return self._worker


class _Worker:
    """The parent's end of the worker process."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: IO[bytes]) -> None:
        self.process = process
        self._complaints = complaints

    @classmethod
    async def start(cls, folder: Path) -> _Worker:
        options = {"folder": str(folder), "threads": _threads(), "parent": os.getpid()}
        complaints = tempfile.TemporaryFile()
        try:
            # -P: no module out of the current folder may stand in for a library.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "intentos.speech_worker", json.dumps(options)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=complaints,
                env={"OMP_WAIT_POLICY": "passive"} | os.environ | mark(),
                limit=1 << 20,
            )
        except BaseException:
            complaints.close()
            raise
        return cls(process, complaints)

    async def ask(self, recording: Recording, language: Language | None) -> dict[str, str]:
        """Return the worker's answer; raises ModelUnavailable where it has none."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        header = {"language": language, "bytes": len(recording.samples)}
        with contextlib.suppress(ConnectionError):  # its end is told below
            stdin.write(json.dumps(header).encode() + b"\n" + recording.samples)
            await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise ModelUnavailable("speech.crashed", what=await self._why())
        answer: dict[str, str] = json.loads(line)
        if "error" in answer:
            raise _problem(answer)
        return answer

    async def end(self) -> None:
        """Stop the process at once, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self._complaints.close()

    async def _why(self) -> str:
        code = await self.process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{how} {last}".strip()


def _problem(answer: dict[str, str]) -> IntentOSError:
    if answer["error"] == "damaged":
        command = f"intentos models pull {MODEL}"
        return ModelUnavailable("speech.damaged", what=answer["what"], command=command)
    return ModelUnavailable("speech.crashed", what=answer["what"])


def _threads() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, 8)
