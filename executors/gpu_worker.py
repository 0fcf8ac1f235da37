"""The child process that draws frames, on the GPU or with a kernel's NumPy twin.

``python -m intentos.executors.gpu_worker gpu|twin|probe PARENT ADAPTER [SOCKET]`` reads one JSON
line, the job, and answers with JSON lines; the raw frames go to a file. A job that is played live
goes on with a line for each frame (see ``gpu_play.py``). Behind walls the files of a
job come open, through the socket. It ends with its parent, with its standard input, or when it is
killed, which may be at any moment. Start-up counts, so only what the
kind of work needs is imported, and the imports run while the parent still builds the program.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from intentos.errors import ExecutorError, IntentOSError, StoreError

if TYPE_CHECKING:
    import numpy

HEARTBEAT_SECONDS = 0.5
FRAMES = "frames.rgba"


class Voice:
    """Writes lines to the parent; everything that a library prints goes to stderr instead."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self._last = 0.0

    def say(self, kind: str, **data: Any) -> None:
        self._last = time.monotonic()
        self._out.write(json.dumps({"kind": kind, **data}).encode() + b"\n")

    def alive(self) -> None:
        if time.monotonic() - self._last > HEARTBEAT_SECONDS:
            self.say("alive")


class _Film:
    """The file of raw frames, and how many of them differ from the one before."""

    def __init__(self, path: str | int, voice: Voice) -> None:
        try:
            self._file: BinaryIO = open(path, "wb", buffering=0)
        except OSError as error:
            raise _disk_problem(error, FRAMES) from error
        self._voice = voice
        self._before: bytes | None = None
        self.distinct = 0

    def add(self, index: int, pixels: bytes, probes: Mapping[str, float]) -> None:
        left = memoryview(pixels)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _disk_problem(error, FRAMES) from error
        self.distinct += pixels != self._before
        self._before = pixels
        self._voice.say("frame", index=index, probes=probes)


def main(arguments: list[str]) -> None:
    """Do one job."""
    work, parent, adapter, *channel = arguments
    if not channel:  # bubblewrap sees to it
        _tie_to_parent(int(parent))
    voice = Voice()
    try:
        if work == "probe":
            from .adapter import choose_adapter, describe

            voice.say("device", text=describe(choose_adapter(adapter)).text)
            return
        chosen = _prepare_gpu(adapter) if work == "gpu" else None
        job = json.loads(sys.stdin.buffer.readline() or b"null")
        if job is None:
            return
        if channel:
            job = _with_files(job, int(channel[0]))
        told: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=_listen, args=[told], daemon=True).start()
        if job.get("live"):
            from .gpu_play import play

            play(job, chosen, voice, told)
            return
        film = _Film(job["frames"], voice)
        draw = _draw_twin if chosen is None else _draw_gpu(chosen)
        outputs = draw(job, film, voice)
        _save(outputs, job["outputs"])
        voice.say("done", distinct=film.distinct, outputs=sorted(outputs))
    except IntentOSError as error:
        _tell(voice, error)
    except MemoryError as error:
        _tell(voice, ExecutorError("gpu.out_of_memory", what=str(error) or "MemoryError"))
    except ImportError as error:
        _tell(voice, ExecutorError("gpu.no_wgpu", what=str(error)))


Draw = Callable[[dict[str, Any], _Film, Voice], "Mapping[str, numpy.ndarray[Any, Any]]"]


def _tie_to_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def _prepare_gpu(adapter: str) -> Any:
    """Import and wake the driver before the job is there, side by side; return the adapter."""
    from .quick_types import hasten

    hasten()
    import_module("wgpu.backends.wgpu_native")

    from wgpu import GPUError

    from .adapter import choose_adapter

    def wake() -> Any:
        chosen = choose_adapter(adapter)
        # A process's first device and its first work take a fifth of a second each, the next ones
        # a hundredth.
        # If there is none, the runner asks again and tells why.
        with suppress(RuntimeError, GPUError):
            _first_work(chosen.request_device_sync())
        return chosen

    with ThreadPoolExecutor(1) as thread:
        waking = thread.submit(wake)
        for module in ("numpy", "intentos.program", "intentos.executors.gpu"):
            import_module(module)
        return waking.result()


def _draw_gpu(chosen: Any) -> Draw:
    from intentos.program import load

    from .gpu import ProgramRunner

    def draw(
        job: dict[str, Any], film: _Film, voice: Voice
    ) -> Mapping[str, numpy.ndarray[Any, Any]]:
        runner = ProgramRunner(
            load(job["program"]),
            job["values"],
            job["seed"],
            arrays={sha: _read(path) for sha, path in job["arrays"].items()},
            alive=voice.alive,
            chosen=chosen,
        )
        driver = str(chosen.info.get("description", ""))
        voice.say("device", text=runner.device.text, driver=driver)
        for index, pixels in runner.frames():
            film.add(index, pixels, _latest(runner.series.items(), index))
        return runner.outputs()

    return draw


def _first_work(device: Any) -> None:
    """Have the driver start its compiler and its threads."""
    import wgpu

    code = "@group(0) @binding(0) var<storage, read_write> cell: array<u32>;"
    code += "@compute @workgroup_size(1) fn first() { cell[0] = 1u; }"
    pipeline = device.create_compute_pipeline(
        layout="auto",
        compute={"module": device.create_shader_module(code=code), "entry_point": "first"},
    )
    usage = wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC
    cell = device.create_buffer(size=4, usage=usage)
    group = device.create_bind_group(
        layout=pipeline.get_bind_group_layout(0),
        entries=[{"binding": 0, "resource": {"buffer": cell, "offset": 0, "size": 4}}],
    )
    encoder = device.create_command_encoder()
    work = encoder.begin_compute_pass()
    work.set_pipeline(pipeline)
    work.set_bind_group(0, group)
    work.dispatch_workgroups(1)
    work.end()
    device.queue.submit([encoder.finish()])
    device.queue.read_buffer(cell)


def _draw_twin(
    job: dict[str, Any], film: _Film, voice: Voice
) -> Mapping[str, numpy.ndarray[Any, Any]]:
    _limit_memory(job["memory_bytes"])
    import numpy as np

    from intentos.bindings import fold_seed
    from intentos.config import load as settings
    from intentos.program import load
    from intentos.registry import Registry

    kernel = Registry(plugins=settings().plugins).kernel(job["kernel"])
    every = {probe.name: probe.every for probe in load(job["program"]).probes}
    voice.say("device", text=f"NumPy {np.__version__} · CPU")
    buffers: Mapping[str, numpy.ndarray[Any, Any]] = {}
    try:
        snapshots = kernel.reference(job["arguments"], seed=fold_seed(job["seed"]))
        for index, snapshot in enumerate(snapshots):
            due = {
                name: float(number)
                for name, number in snapshot.probes.items()
                if index % every.get(name, 1) == 0
            }
            pixels = np.ascontiguousarray(snapshot.pixels, np.uint8)
            film.add(index, pixels.tobytes(), due)
            buffers = snapshot.buffers
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ExecutorError("numpy.failed", kernel=job["kernel"], what=what[:500]) from error
    return buffers


def _latest(series: Iterable[tuple[str, list[tuple[int, float]]]], index: int) -> dict[str, float]:
    return {name: pairs[-1][1] for name, pairs in series if pairs and pairs[-1][0] == index}


def _save(outputs: Mapping[str, numpy.ndarray[Any, Any]], files: Mapping[str, str | int]) -> None:
    if not outputs:
        return
    import numpy as np

    for name, array in outputs.items():
        try:
            with open(files[name], "wb") as file:
                np.save(file, array, allow_pickle=False)
        except OSError as error:
            raise _disk_problem(error, f"{name}.npy") from error


def _read(file: str | int) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def _with_files(job: dict[str, Any], channel: int) -> dict[str, Any]:
    """Return the job with file descriptors in the place of their numbers among those sent."""
    wanted = len(job["arrays"]) + 1 + len(job["outputs"])
    with socket.socket(fileno=channel) as end:
        _, files, _, _ = socket.recv_fds(end, 1, wanted)
    return {
        **job,
        "arrays": {sha: files[place] for sha, place in job["arrays"].items()},
        "frames": files[job["frames"]],
        "outputs": {name: files[place] for name, place in job["outputs"].items()},
    }


def _limit_memory(amount: int) -> None:
    if sys.platform == "linux":
        import resource

        # The interpreter and NumPy themselves take up to a quarter of a gigabyte of data.
        limit = amount + 256 * 1024**2
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _listen(told: SimpleQueue[bytes]) -> None:
    """Hand on the lines that follow the job; the end of the input is the end of this process."""
    rest = b""
    while piece := os.read(0, 65_536):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            told.put(line)
    os._exit(1)


def _disk_problem(error: OSError, name: str) -> StoreError:
    if error.errno == errno.ENOSPC:
        return StoreError("film.no_space", path=name)
    return StoreError("store.cannot_write", name=name, path=name, what=str(error))


def _tell(voice: Voice, error: IntentOSError) -> None:
    voice.say("error", error=type(error).__name__, code=error.code, arguments=error.arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
