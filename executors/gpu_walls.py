"""The walls around the GPU worker: bubblewrap, with the graphics driver and nothing else inside.

A shader cannot name a file, but it runs on a large driver that parses what strangers wrote. So the
worker sees the interpreter, the packages, the shared libraries, the driver's own files and the
render nodes, all read-only; it has no network, no home, no capability and nobody else's processes.
Its job's files come as open file descriptors: it could not name them either. The one folder that it
can write keeps the driver's compiled shaders, which save a quarter of a second a run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from glob import glob
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from intentos.presence import MARK

from . import bubblewrap, seccomp
from .bubblewrap import INSIDE, PYTHON

SOURCE = f"{INSIDE}/source"
SHADERS = f"{INSIDE}/shaders"
SHADER_BYTES = 256 * 1024**2
"""Most that the driver keeps of compiled shaders."""
TEMPORARY_BYTES = 64 * 1024**2
PROBE_SECONDS = 30.0

_NODES = ("/dev/dri/renderD*", "/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/kfd", "/dev/dxg")
_DRIVER_FILES = (
    "/usr/share/vulkan", "/etc/vulkan", "/usr/local/share/vulkan", "/usr/share/drirc.d",
    "/usr/share/libdrm", "/usr/share/nvidia", "/usr/share/glvnd", "/usr/local/nvidia",
    "/usr/lib/wsl", "/opt/amdgpu", "/run/opengl-driver",
)  # fmt: skip
_HARDWARE = ("/sys/dev/char", "/sys/devices", "/sys/class/drm", "/sys/bus/pci")
_PROCESSORS = "/sys/devices/system/cpu"
_SETTINGS = (
    "VK_", "MESA_", "LP_", "GALLIUM_", "RADV_", "AMD_", "INTEL_", "ANV_", "NVK_", "NVIDIA_",
    "WGPU_", "DRI_PRIME", "LIBGL_", "__GL", "__EGL", "__VK",
)  # fmt: skip
"""Beginnings of the environment variables by which people steer graphics drivers."""
_IMPORTED = (
    *(
        f"intentos.executors.{name}"
        for name in ("gpu_worker", "gpu_play", "gpu", "adapter", "vulkan")
    ),
    *(f"intentos.{name}" for name in ("bindings", "errors", "messages", "program", "types")),
)
"""Our modules that a worker imports."""
_BY_PATH = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES")


class Walls:
    """Walls for GPU workers, of one folder of compiled shaders."""

    def __init__(self, shaders: Path) -> None:
        self._shaders = shaders

    def stand(self) -> bool:
        """Return whether a process inside finds a Vulkan device; makes the folder.

        Raises:
            ExecutorUnavailable: there is no bubblewrap, or it is too old.
        """
        try:
            self._shaders.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        source = _inside(Path(__file__).with_name("vulkan.py"))
        if source is None:
            return False
        with self._filter() as rules:
            command = [*self._bubblewrap(rules), *_python("-I", "-S", source)]
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    timeout=PROBE_SECONDS,
                    check=False,
                    env=self.environment(),
                    pass_fds=[rules] if rules is not None else (),
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                return False
        return done.returncode == 0 and done.stdout.strip() not in (b"", b"0")

    @contextmanager
    def command(self, arguments: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """Give the command line of a worker with these arguments, and the file descriptors that it
        must inherit; they are closed when the block ends."""
        start = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "
        start += "from intentos.executors.gpu_worker import main; main(sys.argv[1:])"
        python = _python("-S", "-s", "-P", "-B", "-c", start, ":".join(_search()))
        with self._filter() as rules:
            inherited = [rules] if rules is not None else []
            yield [*self._bubblewrap(rules), *python, *arguments], inherited

    def environment(self) -> dict[str, str]:
        """Return all environment variables that there are inside."""
        libraries = f"{PYTHON}/lib:/usr/local/nvidia/lib64:/usr/local/nvidia/lib"
        return {
            "PATH": "/nonexistent",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUTF8": "1",
            "TMPDIR": "/tmp",
            "XDG_RUNTIME_DIR": "/tmp",
            "XDG_CACHE_HOME": SHADERS,
            "LD_LIBRARY_PATH": libraries,
            "MESA_SHADER_CACHE_MAX_SIZE": f"{SHADER_BYTES // 1024**2}M",
            "__GL_SHADER_DISK_CACHE_PATH": SHADERS,
            "__GL_SHADER_DISK_CACHE_SIZE": str(SHADER_BYTES),
        } | {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}

    @contextmanager
    def _filter(self) -> Iterator[int | None]:
        rules = seccomp.program(driver=True)
        if rules is None:
            yield None
            return
        read, write = os.pipe()
        try:
            os.write(write, rules)  # less than a pipe holds
            os.close(write)
            yield read
        finally:
            os.close(read)

    def _bubblewrap(self, rules: int | None) -> list[str]:
        files = [*_files(), *_asked_for(os.environ)]
        rights = ["--cap-drop", "ALL"]
        if os.geteuid() != 0:
            rights = ["--unshare-user", "--uid", "65534", "--gid", "65534", *rights]
        return [
            str(bubblewrap.find()), "--die-with-parent", "--unsetenv", MARK,
            "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts",
            "--unshare-cgroup-try", "--hostname", "gpu", *rights,
            *(["--seccomp", str(rules)] if rules is not None else []),
            *bubblewrap.folders(files), *files,
            "--proc", "/proc", "--dev", "/dev",
            "--size", "4096", "--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts",
            "--size", str(TEMPORARY_BYTES), "--tmpfs", "/dev/shm",
            *(word for node in _nodes() for word in ("--dev-bind-try", node, node)),
            "--remount-ro", "/dev",
            "--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp",
            "--bind", str(self._shaders), SHADERS,
            "--remount-ro", "/", "--chdir", "/", "--",
        ]  # fmt: skip


def _python(*words: str) -> list[str]:
    return [f"{PYTHON}/bin/python", *words]


@cache
def _files() -> tuple[str, ...]:
    words = [*bubblewrap.system()]
    for folder, inside in _sources():
        words += ["--ro-bind", str(folder), inside]
    hardware = _HARDWARE if _nodes() else (_PROCESSORS,)
    for path in (*_DRIVER_FILES, *hardware):
        if os.path.exists(path):
            words += ["--ro-bind", path, path]
    return tuple(words)


def _asked_for(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what shows the driver descriptions that a person's environment names."""
    for variable in _BY_PATH:
        for path in filter(None, environment.get(variable, "").split(os.pathsep)):
            if os.path.isfile(path):
                yield from ("--ro-bind", os.path.realpath(path), os.path.abspath(path))


@cache
def _nodes() -> tuple[str, ...]:
    found = (node for pattern in _NODES for node in sorted(glob(pattern)))
    return tuple(node for node in found if not os.path.isdir(node))


@cache
def _sources() -> tuple[tuple[Path, str], ...]:
    """Return our own folders where they are not among the installed packages: in development."""
    found = []
    for name in ("", "executors", "gpu_kernels"):
        spec = find_spec("intentos." + name if name else "intentos")
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).resolve().parent
        if not any(folder.is_relative_to(package) for package, _ in bubblewrap.packages()):
            # The links in the folder of the package lead to its neighbours.
            found.append((folder, f"{SOURCE}/{name or 'intentos'}"))
    return tuple(found)


def _search() -> Iterator[str]:
    if _sources():
        yield SOURCE
    yield from (inside for _, inside in bubblewrap.packages())


def _inside(path: Path) -> str | None:
    """Return where a file of ours lies inside."""
    path = path.resolve()
    for folder, inside in (*_sources(), *bubblewrap.packages()):
        if path.is_relative_to(folder):
            return f"{inside}/{path.relative_to(folder)}"
    return None


@cache
def compile_worker() -> None:
    """Compile what a worker imports, where that was not done or is out of date: inside, where all
    is read-only, it would be done for every worker anew."""
    specs = [find_spec(name) for name in (*_IMPORTED, "wgpu", "numpy", "pydantic")]
    files = [Path(spec.origin) for spec in specs if spec is not None and spec.origin]
    if sys.dont_write_bytecode or not any(map(_is_stale, files)):
        return
    modules = ", ".join((*_IMPORTED, "wgpu.backends.wgpu_native", "numpy"))
    subprocess.run(
        [sys.executable, "-P", "-c", f"import {modules}"],
        capture_output=True,
        timeout=PROBE_SECONDS,
        check=False,  # a failure shows again, and better, in the worker itself
    )


def _is_stale(source: Path) -> bool:
    if not os.access(source.parent, os.W_OK):
        return False
    try:
        compiled = Path(cache_from_source(str(source))).stat().st_mtime
    except OSError:
        return True
    return compiled < source.stat().st_mtime
