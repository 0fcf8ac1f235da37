"""What goes into the docker executor's image: the libraries of steps, the harness, an interpreter.

Steps may import a few libraries, and the image holds those with what they need themselves, in the
versions that are installed beside IntentOS, so that a step computes the same in every executor.
"""

from __future__ import annotations

import io
import platform
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path, PurePosixPath

from intentos.errors import ExecutorUnavailable
from intentos.types import sha256

from . import bubblewrap, bytecode, fonts

LIBRARIES = ("numpy", "scipy", "sympy", "matplotlib", "pandas", "networkx", "pillow")
PACKAGES = f"{bubblewrap.INSIDE}/packages/0"
INPUTS = f"{bubblewrap.INSIDE}/inputs"
WRITABLE = ("/tmp", bubblewrap.WORK, INPUTS)
"""Folders in whose place a container gets memory; it takes over their mode from the image."""
_BESIDE = Path(__file__).parent
_HARNESS = ("harness.py", "harness_formula.py", "harness_container.py")
_LEFT_OUT = frozenset(
    "test tests idlelib tkinter turtledemo ensurepip lib2to3 site-packages dist-packages "
    "__pycache__".split()
)
"""Folders of the standard library and of packages that no step needs."""
_PREPARE = f"""# Run once when the image is built, so that no step has to: compiles, lists fonts.
import os, sys
os.environ["MPLBACKEND"] = "agg"
os.makedirs("{bubblewrap.FONT_CACHE}", exist_ok=True)
os.chdir("/tmp")
sys.path.append("{PACKAGES}")
import {", ".join(module for modules in bytecode.LIBRARIES.values() for module in modules)}
def save(name, data):
    name = {{"matplotlibrc.txt": "matplotlibrc"}}.get(name, name)
    data = data.encode() if isinstance(data, str) else data
    with open(os.path.join("{bubblewrap.FONT_CACHE}", name), "wb") as file:
        file.write(data)
{fonts.BUILD}
"""


@cache
def tag() -> str:
    """Return a name for what is installed here now: the same for the same image."""
    parts = [platform.machine(), platform.python_version(), Path(__file__).read_text("utf-8")]
    parts += [data.decode("utf-8") for _, data in sorted(context().items())]
    return sha256("\n".join(parts).encode())[:16]


@cache
def requirements() -> str:
    """Return the libraries and what they need, pinned to the versions that are installed here."""
    return "".join(f"{found.name}=={found.version}\n" for found in _distributions().values())


def context() -> dict[str, bytes]:
    """Return name → content of the files from which the Dockerfile builds."""
    files = {name: (_BESIDE / name).read_bytes() for name in ("Dockerfile", *_HARNESS)}
    return files | {"requirements.txt": requirements().encode(), "prepare.py": _PREPARE.encode()}


def context_archive() -> bytes:
    """Return :func:`context` as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in context().items():
            _add(archive, name, data)
    return buffer.getvalue()


def root_archive() -> Iterator[bytes]:
    """Yield, piece by piece, a tar archive of a root file system made of this machine's own files.

    It holds the interpreter that runs IntentOS with its standard library, the libraries of steps,
    the shared libraries that they load, the fonts and the harness; no programs and no settings.

    Raises:
        ExecutorUnavailable: not Linux, or the packages were not installed by an installer.
    """
    if sys.platform != "linux":
        raise ExecutorUnavailable("docker.other_system", system=platform.system())
    buffer = _Pieces()
    with tarfile.open(fileobj=buffer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for folder in ("/dev", "/proc", "/sys", "/etc", *WRITABLE):
            entry = tarfile.TarInfo(folder[1:])
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder in WRITABLE else 0o755
            archive.addfile(entry)
        for name, data in context().items():
            if name.endswith(".py"):
                _add(archive, f"{bubblewrap.INSIDE[1:]}/{name}", data)
        # Steps are told where the packages are; this is for people who look into a container.
        site = f"{bubblewrap.PYTHON[1:]}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
        _add(archive, f"{site}/site-packages/intentos.pth", f"{PACKAGES}\n".encode())
        loaders: list[Path] = []
        for inside, path in _root_files():
            if path.suffix == ".so" or ".so." in path.name or path.stat().st_mode & 0o111:
                loaders.append(path)
            archive.add(path.resolve(), inside[1:], recursive=False, filter=_owned_by_root)
            yield buffer.take()
        for inside, path in _shared_libraries(loaders).items():
            archive.add(path.resolve(), inside[1:], recursive=False, filter=_owned_by_root)
            yield buffer.take()
    yield buffer.take()


def _root_files() -> Iterator[tuple[str, Path]]:
    for path, inside in bubblewrap.python():
        if path.is_dir():
            yield from ((f"{inside}/{file.relative_to(path)}", file) for file in _kept(path))
        else:
            yield inside, path
    for found in _distributions().values():
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if ".." in file.parts or not _LEFT_OUT.isdisjoint(file.parts[:-1]):
                continue
            if path.is_file():
                inside = f"{PACKAGES}/{PurePosixPath(file).parent}"
                for kept in _with_bytecode(path):
                    yield f"{inside}/{kept.relative_to(path.parent)}", kept
    for path in sorted(bubblewrap.FONTS.rglob("*")):
        if path.is_file():
            yield str(path), path


def _kept(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in _LEFT_OUT and not path.name.startswith("config-"):
                yield from _kept(path)
        elif path.is_file() and not path.name.startswith("_tkinter"):
            yield from _with_bytecode(path)


def _with_bytecode(path: Path) -> Iterator[Path]:
    yield path
    if path.suffix == ".py" and (compiled := Path(cache_from_source(str(path)))).is_file():
        yield compiled


def _shared_libraries(programs: list[Path]) -> dict[str, Path]:
    """Return path inside → file of all shared libraries of the system that programs load."""
    said = subprocess.run(
        ["ldd", *map(str, programs)], capture_output=True, text=True, timeout=300, check=False
    ).stdout
    found = {}
    there = {program.resolve() for program in programs}
    for path in map(Path, re.findall(r"=> (/\S+) \(0x", said)):
        if path.resolve() not in there:  # packages bring some of their own
            found[f"{bubblewrap.PYTHON}/lib/{path.name}"] = path
    for path in map(Path, re.findall(r"^\s*(/\S+) \(0x", said, re.MULTILINE)):
        found[str(path)] = path  # the loader is named by its place in every program
    return found


@cache
def _distributions() -> dict[str, Distribution]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, Distribution] = {}
    wanted = list(LIBRARIES)
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError as error:
            raise ExecutorUnavailable("docker.no_library", name=name) from error
        for line in found[name].requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.append(needed.name)
    return dict(sorted(found.items()))


class _Pieces(io.RawIOBase):
    """A file that forgets what was taken from it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._pieces.append(bytes(data))  # type: ignore[call-overload]
        return len(self._pieces[-1])

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    archive.addfile(entry, io.BytesIO(data))


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry
