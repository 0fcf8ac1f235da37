"""The sandbox's walls: what bubblewrap is told, and what to do where it does not work.

Inside there is only the Python that runs IntentOS, its installed packages, the shared libraries
they need, the fonts, the step's inputs and an empty work folder in memory. Nothing is writable but
the work folder and ``/dev/shm``, both of a fixed size; no path of the host's home shows.

As an ordinary user the walls stand in a user namespace. As root they are built without one and the
harness then becomes a real user that nobody else is: the kernel never applies the limit on
processes to root, whatever root calls itself inside a namespace.
"""

from __future__ import annotations

import glob
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from intentos.errors import ExecutorUnavailable, WrongSystem
from intentos.presence import MARK

INSIDE = "/intentos"
WORK = f"{INSIDE}/work"
PYTHON = f"{INSIDE}/python"
HARNESS = f"{INSIDE}/harness.py"
FONT_CACHE = f"{INSIDE}/matplotlib"
FONTS = Path("/usr/share/fonts")
OLDEST = (0, 7, 0)  # the first that can give a tmpfs a size
SHARED_MEMORY_BYTES = 64 * 1024**2
OWN_PROCESSES = 1
"""The first process inside, which waits for the code's."""
HARNESS_FILES = ("harness.py", "harness_formula.py", "harness_template.py", "seccomp.py")
"""Of ours, what the warm template is made of."""
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                 "stderr": "/proc/self/fd/2"}  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_FIRST_FREE_ID, _FREE_IDS = 1_900_000_000, 2**16


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One sandbox to be started."""

    user: int | None
    """Real user and group id that the code gets; None: the caller's own, in a user namespace."""
    work_bytes: int
    inputs: Mapping[str, Path]
    """Path inside → file."""
    font_cache: Path | None
    control: int
    """File descriptor on which the harness reports."""
    info: int
    """File descriptor on which bubblewrap names its first process."""
    seccomp: int | None

    def command(self) -> list[str]:
        """Return the command line of the harness in its sandbox."""
        return [
            str(find()), "--die-with-parent", "--info-fd", str(self.info),
            "--unsetenv", MARK,  # bubblewrap's own processes keep it, the code never sees it
            "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts",
            "--unshare-cgroup-try", "--hostname", "sandbox",
            *self._rights(), *folders(self._files()), *self._files(),
            "--proc", "/proc", "--dev", "/dev",
            # No terminals of its own: their number is one limit for the whole machine.
            "--size", "4096", "--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts",
            "--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm",
            "--remount-ro", "/dev",
            "--perms", "1777", "--size", str(self.work_bytes), "--tmpfs", WORK,
            "--remount-ro", "/", "--chdir", WORK, "--",
            f"{PYTHON}/bin/python", "-S", "-s", "-P", "-B", HARNESS, str(self.control),
        ]  # fmt: skip

    def _files(self) -> list[str]:
        return [
            *system(),
            *_bind(Path(__file__).with_name("harness.py"), HARNESS),
            *_bind(Path(__file__).with_name("harness_formula.py"), f"{INSIDE}/harness_formula.py"),
            *(_bind(self.font_cache, FONT_CACHE) if self.font_cache else ()),
            *(word for inside, file in self.inputs.items() for word in _bind(file, inside)),
        ]

    def _rights(self) -> list[str]:
        rights = ["--cap-drop", "ALL"]
        if self.user is None:
            rights = ["--unshare-user", "--uid", "65534", "--gid", "65534", *rights]
        else:  # given up by the harness when it changes its user
            rights += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        return rights if self.seccomp is None else [*rights, "--seccomp", str(self.seccomp)]


def template_command(font_cache: Path, requests: int, info: int) -> list[str]:
    """Return the command line of the warm template; see ``harness_template.py``.

    ``requests``, ``info``: file descriptors.
    """
    root = free_user() is not None
    # It makes the namespaces of its children and gives them their users, and does nothing else.
    rights = ["CAP_SYS_ADMIN", *(("CAP_SETUID", "CAP_SETGID") if root else ())]
    own = Path(__file__).parent
    files = [
        *system(),
        *(word for name in HARNESS_FILES for word in _bind(own / name, f"{INSIDE}/{name}")),
        *_bind(font_cache, FONT_CACHE),
    ]
    # Not --dev: with a terminal device in it, bubblewrap takes the rights over its namespaces away.
    devices = [word for name in _DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    links = [
        word
        for name, target in _DEVICE_LINKS.items()
        for word in ("--symlink", target, f"/dev/{name}")
    ]
    return [
        str(find()), "--die-with-parent", "--info-fd", str(info), "--unsetenv", MARK,
        "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts",
        "--unshare-cgroup-try", "--hostname", "sandbox",
        *(() if root else ("--unshare-user", "--uid", "65534", "--gid", "65534")),
        "--cap-drop", "ALL", *(word for right in rights for word in ("--cap-add", right)),
        *folders(files), *files, "--perms", "0755", "--dir", f"{INSIDE}/inputs",
        "--proc", "/proc", "--perms", "0755", "--tmpfs", "/dev", *devices, *links,
        "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
        "--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", WORK,
        "--remount-ro", "/", "--chdir", WORK, "--",
        f"{PYTHON}/bin/python", "-S", "-s", "-P", "-B",
        f"{INSIDE}/harness_template.py", str(requests),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Return all environment variables that there are inside."""
    threads = ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "BLIS")
    return {
        "PATH": "/nonexistent",
        "HOME": "/nonexistent",
        "USER": "nobody",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": WORK,
        # One order of sets for all: a template that forks cannot change it for a step's seed.
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "agg",
        "LD_LIBRARY_PATH": f"{PYTHON}/lib",
        "INTENTOS_PACKAGES": ":".join(inside for _, inside in packages()),
    } | {f"{name}_NUM_THREADS": "1" for name in threads}


def free_user() -> int | None:
    """Return a user id that nobody has, for a sandbox started by root; None: not root.

    Root inside a container that maps few ids gets one of those; one that maps a single id cannot
    change its user and builds a user namespace like anybody else.
    """
    if os.geteuid() != 0:
        return None
    for first, count in ((_FIRST_FREE_ID, _FREE_IDS), (61_184, 4_096), (20_000, 1_000)):
        if all(_is_mapped(kind, first, count) for kind in ("uid", "gid")):
            return first + secrets.randbelow(count)
    return None


def find() -> Path:
    """Return bubblewrap's program: the system's, or the one a wheel brought.

    Raises:
        WrongSystem: not Linux.
        ExecutorUnavailable: there is none, or it is too old.
    """
    if sys.platform != "linux":
        raise WrongSystem("sandbox.not_linux", system=platform.system())
    return _find(os.environ.get("PATH", os.defpath))


@cache
def _find(path: str) -> Path:
    beside = Path(sys.executable).parent
    found = shutil.which("bwrap", path=path) or shutil.which("bwrap", path=str(beside))
    if found is None:
        raise ExecutorUnavailable("sandbox.no_bubblewrap")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:3])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ExecutorUnavailable("sandbox.old_bubblewrap", version=said.strip(), oldest=oldest)
    return Path(found)


def explain(stderr: str) -> ExecutorUnavailable:
    """Return why a sandbox did not start, with the remedy."""
    what = stderr.strip()[-500:] or "?"
    if os.geteuid() != 0:
        if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
            return ExecutorUnavailable("sandbox.apparmor", program=str(find()), what=what)
        if _setting("kernel/unprivileged_userns_clone") == "0":
            return ExecutorUnavailable(
                "sandbox.no_user_namespaces", setting="kernel.unprivileged_userns_clone=1"
            )
        if _setting("user/max_user_namespaces") == "0":
            return ExecutorUnavailable(
                "sandbox.no_user_namespaces", setting="user.max_user_namespaces=15000"
            )
    return ExecutorUnavailable("sandbox.blocked", what=what)


@cache
def system() -> tuple[str, ...]:
    """Return what shows the interpreter, its packages, shared libraries and fonts inside."""
    words: list[str] = []
    for folder in ("lib", "lib64"):  # most systems keep them under /usr and leave links
        path = Path("/", folder)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path).lstrip("/"), str(path)]
        elif path.is_dir():
            words += _libraries(path)
    for folder in ("usr/lib", "usr/lib64"):
        words += _libraries(Path("/", folder))
    for loader in glob.glob("/lib*/ld-*.so*"):
        if not _is_bound(os.path.realpath(Path(loader).parent), words):
            words += _bind(Path(loader), os.path.join(os.path.realpath(Path(loader).parent),
                                                      Path(loader).name))  # fmt: skip
    for shown in (Path("/etc/ld.so.cache"), FONTS):
        words += ["--ro-bind-try", str(shown), str(shown)]
    for source, inside in (*python(), *packages()):
        words += _bind(source, inside)
    return tuple(words)


def _libraries(folder: Path) -> Iterator[str]:
    # Debian's folder for one machine type holds shared libraries; where there is none, all of it.
    own = folder / (sysconfig.get_config_var("MULTIARCH") or "none")
    if own.is_dir():
        yield from _bind(own, str(own))
    elif folder.is_dir() and not any(folder.glob("*-linux-gnu*")):
        yield from _bind(folder, str(folder))


def _is_bound(folder: str, words: list[str]) -> bool:
    return any(folder == word for word in words)


def python() -> Iterator[tuple[Path, str]]:
    """Yield the interpreter and its standard library, moved to a place that names no home."""
    base = Path(sys.base_prefix)
    program = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    yield program, f"{PYTHON}/bin/python"
    for folder in {Path(os.__file__).parent, Path(sysconfig.get_path("platstdlib"))}:
        if folder.is_relative_to(base) and (folder / "os.py").exists():
            yield folder, f"{PYTHON}/{folder.relative_to(base)}"
    for library in (base / "lib").glob(f"libpython{sys.version_info.major}*.so*"):
        yield library, f"{PYTHON}/lib/{library.name}"


def packages() -> list[tuple[Path, str]]:
    """Return the folders of installed packages and where each lies inside."""
    folders = [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    kept = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    return [(folder, f"{INSIDE}/packages/{index}") for index, folder in enumerate(kept)]


def folders(words: list[str]) -> list[str]:
    """Return what makes the folders that files are bound in, so that anybody may enter them."""
    # Folders that bubblewrap makes by itself can be entered by their owner only.
    targets = [Path(words[i + 2]) for i, word in enumerate(words) if word.startswith("--ro-bind")]
    parents = {parent for target in targets for parent in target.parents if parent != Path("/")}
    return [
        word for parent in sorted(parents) for word in ("--perms", "0755", "--dir", str(parent))
    ]


def _bind(source: Path, inside: str) -> list[str]:
    return ["--ro-bind", str(source), inside]


def _is_mapped(kind: str, first: int, count: int) -> bool:
    for line in Path(f"/proc/self/{kind}_map").read_text().splitlines():
        start, _, length = (int(word) for word in line.split())
        if start <= first and first + count <= start + length:
            return True
    return False


def _setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
