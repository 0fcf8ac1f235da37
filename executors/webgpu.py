"""The executor ``webgpu``: GpuPrograms on this machine's GPU, in a worker process behind walls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from intentos.config import load as load_settings
from intentos.errors import ExecutorUnavailable, InvalidProgram
from intentos.program import GpuProgram
from intentos.protocols import Drawing, Executor
from intentos.scratch import scratch_folder
from intentos.types import Limits, Value

from . import vulkan
from .frames import FrameExecutor
from .gpu_walls import Walls, compile_worker
from .playing import Playing
from .worker import worker_command

PROBE_SECONDS = 30.0


class WebGPUExecutor(FrameExecutor):
    """Runs kernels and WGSL programs on wgpu, in a process that can be killed at any moment."""

    name = "webgpu"
    languages = frozenset({"kernel", "wgsl"})
    work = "gpu"

    _found: frozenset[str] = frozenset()
    """Adapter names that were found to be there."""
    _behind: Walls | None = None

    def check(self) -> None:
        """Return if there is an adapter.

        Drivers are asked in a child process: they may crash, and would stay in memory.

        Raises:
            ExecutorUnavailable: there is none, or none of the name that the settings prefer.
        """
        if self.adapter in self._found:
            return
        if find_spec("wgpu") is None:
            raise ExecutorUnavailable("gpu.no_wgpu", what="No module named 'wgpu'")
        # Asking the Vulkan loader takes 40 ms, starting wgpu close to a second.
        self._behind = _walls()
        if self.adapter or not (self._behind or _vulkan_answers()):
            _probe(self.adapter)
        self.isolation = "process" if self._behind is None else "sandbox"
        self._found |= {self.adapter}

    @asynccontextmanager
    async def play(
        self,
        program: GpuProgram,
        *,
        values: Mapping[str, Value],
        seed: int,
        arrays: Mapping[str, Path],
        limits: Limits,
    ) -> AsyncIterator[Playing]:
        """Make a program ready to be played live in a worker of its own, behind the same walls.

        Raises:
            ExecutorUnavailable: there is no adapter, or not the one that the settings name.
            InvalidProgram: the device refuses the program, or it wants more memory than allowed.
            ExecutorError: the worker ended by itself, or did not answer and was stopped.
        """
        if program.memory_bytes > limits.memory_bytes:
            wanted, limit = program.memory_bytes, limits.memory_bytes
            raise InvalidProgram("gpu.memory", wanted=wanted, limit=limit)
        with scratch_folder() as folder:
            async with self._worker(folder) as worker:
                playing = Playing(worker, folder / "frame.rgba", self._silence)
                await playing.begin(program, values=values, seed=seed, arrays=arrays)
                if self._spare is not None:  # the next wish is not to wait until this one ends
                    await self._spare.refill()
                yield playing

    def through(self, device: Callable[[], AbstractAsyncContextManager[Drawing]]) -> Executor:
        """Return an executor that has another device draw, and does the rest here."""
        from .elsewhere import ElsewhereExecutor

        return ElsewhereExecutor(device)

    def describe(self) -> str:
        """Return the adapter's name, backend and kind; takes about a second.

        Raises:
            ExecutorUnavailable: there is none, or none of the name that the settings prefer.
        """
        return _probe(self.adapter)

    def _walls(self) -> Walls | None:
        self.check()
        return self._behind


def _walls() -> Walls | None:
    """Return the walls for workers, where bubblewrap works and a driver answers inside."""
    try:
        walls = Walls(load_settings().cache / "shaders")
        if not walls.stand():
            return None
        compile_worker()
        return walls
    except ExecutorUnavailable:  # no bubblewrap: as on every system but Linux
        return None


def _vulkan_answers() -> bool:
    if sys.platform != "linux":
        return False
    command = [sys.executable, "-I", "-S", str(Path(vulkan.__file__))]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and done.stdout.strip() not in (b"", b"0")


def _probe(adapter: str) -> str:
    try:
        done = subprocess.run(
            worker_command("probe", adapter),
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExecutorUnavailable("gpu.no_answer", seconds=PROBE_SECONDS) from error
    lines = done.stdout.splitlines()
    if not lines:  # the driver took the process with it
        raise ExecutorUnavailable("gpu.no_adapter")
    answer = json.loads(lines[-1])
    if answer["kind"] == "error":
        raise ExecutorUnavailable(answer["code"], **answer["arguments"])
    return str(answer["text"])
