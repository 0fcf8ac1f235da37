"""A phone as the device that draws one program: its pixels and numbers as they come, into files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from intentos.errors import ExecutorError
from intentos.program import GpuProgram, load
from intentos.types import Json

from .phone_words import AllMade, Device, Failed, FrameMade, OutputMade, Said

PIECE = 1024 * 1024
Heard = tuple[Said, bytes]

Tell = Callable[[Mapping[str, Json]], Awaitable[None]]
Give = Callable[[bytes], Awaitable[None]]


class PhoneDrawing:
    """One task on one phone, in the words of :class:`intentos.protocols.Drawing`."""

    def __init__(self, nonce: str, tell: Tell, give: Give) -> None:
        """``tell`` sends a message to the phone, ``give`` bytes."""
        self.nonce = nonce
        self.heard: asyncio.Queue[Heard | None] = asyncio.Queue(maxsize=4)
        """What the phone said about this task, with the bytes that it announced; None: it is gone.
        Bounded, so that a phone that is quicker than the disk waits."""
        self._tell = tell
        self._give = give
        self._job: Mapping[str, Any] = {}
        self._program: GpuProgram
        self._frames = 0
        self._distinct = 0
        self._before: bytes | None = None
        self._outputs: set[str] = set()

    async def send(self, job: Mapping[str, Any]) -> None:
        """Tell the phone what to draw, and give it the arrays that the program starts from."""
        self._job = job
        self._program = load(job["program"])
        arrays = {sha: Path(file) for sha, file in job["arrays"].items()}
        await self._tell(
            {
                "kind": "work",
                "nonce": self.nonce,
                "program": self._program.model_dump(mode="json", by_alias=True),
                "values": dict(job["values"]),
                "seed": str(job["seed"]),
                "arrays": [[sha, path.stat().st_size] for sha, path in arrays.items()],
            }
        )
        for path in arrays.values():
            with path.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    await self._give(piece)

    async def read(self, silence: float | None) -> dict[str, Any]:
        """Return the next thing that the phone has made, in its file by then.

        Raises:
            ExecutorError: it failed, is gone, or sent something else than the program makes.
        """
        while True:
            try:
                async with asyncio.timeout(silence):
                    heard = await self.heard.get()
            except TimeoutError:
                raise ExecutorError("mesh.phone_failed", what="silence") from None
            if heard is None:
                raise ExecutorError("mesh.phone_failed", what="gone")
            said, data = heard
            match said:
                case Device():
                    return {"kind": "device", "text": said.text}
                case FrameMade():
                    await self._keep_frame(said, data)
                    probes = {probe.name for probe in self._program.probes}
                    numbers = {n: v for n, v in said.probes.items() if n in probes}
                    return {"kind": "frame", "index": said.index, "probes": numbers}
                case OutputMade():
                    await asyncio.to_thread(self._keep_output, said.name, data)
                case AllMade():
                    wanted = {output.name for output in self._program.outputs}
                    if self._frames != self._program.frames or self._outputs != wanted:
                        raise ExecutorError("mesh.phone_failed", what="incomplete")
                    return {
                        "kind": "done",
                        "distinct": self._distinct,
                        "outputs": sorted(self._outputs),
                    }
                case Failed():
                    raise ExecutorError("mesh.phone_failed", what=said.what)

    async def _keep_frame(self, said: FrameMade, data: bytes) -> None:
        program = self._program
        size = program.width * program.height * 4 if program.draw else 0
        if said.index != self._frames or len(data) != size or said.index >= program.frames:
            raise ExecutorError("mesh.phone_failed", what=f"frame {said.index}, {len(data)} bytes")
        self._distinct += data != self._before
        self._before = data
        await asyncio.to_thread(_append, Path(self._job["frames"]), data)
        self._frames += 1

    def _keep_output(self, name: str, data: bytes) -> None:
        import numpy as np

        output = next((o for o in self._program.outputs if o.name == name), None)
        if output is None or name in self._outputs:
            raise ExecutorError("mesh.phone_failed", what=f"output {name}")
        try:
            array = np.frombuffer(data, np.dtype(output.dtype)).reshape(output.shape)
        except ValueError as error:
            raise ExecutorError("mesh.phone_failed", what=str(error)) from error
        with open(self._job["outputs"][name], "wb") as file:
            np.save(file, array, allow_pickle=False)
        self._outputs.add(name)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
