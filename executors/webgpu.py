"""The executor ``webgpu``: GpuPrograms on this machine's GPU, in a worker process."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from intentos.errors import ExecutorUnavailable

from . import vulkan
from .frames import FrameExecutor
from .worker import worker_command

PROBE_SECONDS = 30.0


class WebGPUExecutor(FrameExecutor):
    """Runs kernels and WGSL programs on wgpu, in a process that can be killed at any moment."""

    name = "webgpu"
    languages = frozenset({"kernel", "wgsl"})
    work = "gpu"

    _found: frozenset[str] = frozenset()
    """Adapter names that were found to be there."""

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
        if self.adapter or not _vulkan_answers():
            _probe(self.adapter)
        self._found |= {self.adapter}


def _vulkan_answers() -> bool:
    if sys.platform != "linux":
        return False
    command = [sys.executable, "-I", "-S", str(Path(vulkan.__file__))]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and done.stdout.strip() not in (b"", b"0")


def _probe(adapter: str) -> None:
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
