"""A program that is played live in a GPU worker: the parent's side of ``gpu_play.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intentos.errors import ExecutorError, StoreError
from intentos.program import GpuProgram, View
from intentos.protocols import LiveFrame
from intentos.types import Value

from .worker import Stopped, Worker

SILENCE = 10.0
"""Seconds that a program which is played may keep the GPU without a sign of life."""


class Playing:
    """One program in one worker; used by one task at a time."""

    device = ""

    def __init__(self, worker: Worker, file: Path, silence: float | None) -> None:
        """``file`` takes the pixels of the present frame; ``silence``: seconds after which a worker
        that says nothing is given up, or None."""
        self._worker = worker
        self._file = file
        self._compiling = silence
        self._silence = None if silence is None else min(silence, SILENCE)

    async def begin(
        self,
        program: GpuProgram,
        *,
        values: Mapping[str, Value],
        seed: int,
        arrays: Mapping[str, Path],
    ) -> None:
        """Hand the program over, and wait until it is compiled."""
        job: dict[str, Any] = {
            "live": True,
            "program": program.model_dump(mode="json"),
            "values": dict(values),
            "seed": seed,
            "arrays": {sha: str(path) for sha, path in arrays.items()},
            "frames": str(self._file),
            "outputs": {},
        }
        try:
            await self._worker.send(job)
        except FileNotFoundError as error:  # an array was tidied away meanwhile
            what = error.strerror or str(error)
            path = str(error.filename)
            raise StoreError("store.unreadable_artifact", path=path, what=what) from error
        message = await self._heard("device", silence=self._compiling)
        self.device = message["text"]

    async def draw(
        self,
        frames: int = 1,
        *,
        seconds: float,
        values: Mapping[str, Value] | None = None,
        view: View | None = None,
        pointer: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> LiveFrame | None:
        """Go on so many frames and draw the last one; see ``protocols.Live``."""
        await self._worker.tell(
            {
                "seconds": seconds,
                "frames": frames,
                "values": None if values is None else dict(values),
                "view": None if view is None else view.model_dump(),
                "pointer": None if pointer is None else list(pointer),
                "seed": seed,
            }
        )
        return await self._frame()

    async def go_on(self, *, seconds: float) -> LiveFrame | None:
        """Go on with the frame that lies still."""
        await self._worker.tell({"seconds": seconds})
        return await self._frame()

    async def _frame(self) -> LiveFrame | None:
        message = await self._heard("frame", "rest", silence=self._silence)
        if message["kind"] == "rest":
            return None
        return LiveFrame(
            index=message["index"],
            rounds=message["rounds"],
            pixels=await asyncio.to_thread(self._file.read_bytes),
            probes=message["probes"],
        )

    async def _heard(self, *kinds: str, silence: float | None) -> dict[str, Any]:
        try:
            while (message := await self._worker.read(silence))["kind"] not in kinds:
                continue
        except Stopped as stop:
            raise ExecutorError(stop.problem.code, **stop.problem.arguments) from stop
        return message
