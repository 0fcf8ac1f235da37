"""The warm template: a process in the sandbox with the libraries imported that forks once a step.

It never runs foreign code and never reads a job. For each step it forks a first process into new
pid, mount, network, IPC and UTS namespaces; that one mounts the step's own folders, becomes a user
without any right in a user namespace of its own, shuts the filter behind itself, and only then
forks the process that reads the job and becomes the step (``harness.py``). Nothing of the template
can be reached from there: no process, no file, no socket, no number of its memory that matters.

The parent asks on a socket of whole messages; every request is JSON, with the step's file
descriptors: a socket for the answers, stdin, stdout, stderr, the report's, then the inputs'. The
answers are ``started`` with a pidfd of the first process, and the exit status when it has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from typing import Any, NoReturn

HERE = os.path.dirname(os.path.abspath(__file__))
PROC, SHARED, WORK, INPUTS = "/proc", "/dev/shm", f"{HERE}/work", f"{HERE}/inputs"
CONTROL = 3
"""File descriptor of a step's report."""
MOST_DESCRIPTORS = 128
BROKEN = 70
"""Exit status of a first process that could not set a step up; its stderr says why."""
LIBRARIES = (
    "numpy", "numpy.fft", "numpy.polynomial", "numpy.random", "scipy.integrate", "scipy.optimize",
    "scipy.linalg", "scipy.stats", "scipy.ndimage", "matplotlib.pyplot", "matplotlib.animation",
    "PIL.PngImagePlugin",
)  # fmt: skip

# Linux: sched.h, mount.h, prctl.h, capability.h.
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
_NEW_USER, _NEW_PID, _NEW_NET = 0x1000_0000, 0x2000_0000, 0x4000_0000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 1, 2, 4, 8, 32
_SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT = 4, 24, 38, 47
_CAPABILITIES_VERSION, _LAST_CAPABILITY = 0x2008_0522, 63

_libc = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(kind: str, place: str, flags: int, options: str = "") -> None:
    _done(_libc.mount(kind.encode(), place.encode(), kind.encode(), flags, options.encode()), place)


class Template:
    """Waits for requests and forks; ends when the parent does."""

    def __init__(self, requests: socket.socket, harness: Any, seccomp: Any) -> None:
        self._requests = requests
        self._harness = harness
        self._seccomp = seccomp
        self._rules: bytes | None = seccomp.program()
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._steps: dict[int, tuple[int, socket.socket]] = {}
        """pidfd → process and the socket for its end."""
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)

    def serve(self) -> NoReturn:
        """Answer requests for ever."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._steps:
                    self._bury(descriptor)
                else:
                    self._take()

    def _take(self) -> None:
        data, descriptors, flags, _ = socket.recv_fds(self._requests, 65536, MOST_DESCRIPTORS)
        if not data:
            os._exit(0)  # the parent is gone
        if flags & socket.MSG_CTRUNC or len(descriptors) < 5:
            raise OSError("a request without its file descriptors")
        answers = socket.socket(fileno=descriptors[0])
        try:
            pid = self._fork(json.loads(data), descriptors, answers)
            pidfd = os.pidfd_open(pid)
            self._steps[pidfd] = pid, answers
            self._poll.register(pidfd, select.POLLIN)
            socket.send_fds(answers, [b'{"kind": "started"}'], [pidfd])
        except OSError as error:
            answer = {"kind": "refused", "what": str(error)}
            _tell(answers, answer)
        finally:
            for descriptor in descriptors[1:]:
                os.close(descriptor)

    def _fork(self, request: dict[str, Any], descriptors: list[int], answers: socket.socket) -> int:
        # The next child, and not this process, is the first of a new pid namespace.
        _done(_libc.unshare(_NEW_PID), "unshare")
        try:
            pid = os.fork()
            if pid == 0:
                self._forget(answers)
                self._become_first(request, descriptors)
        finally:
            _done(_libc.setns(self._own_pids, _NEW_PID), "setns")
        return pid

    def _forget(self, answers: socket.socket) -> None:
        # An object that outlives its descriptor would close one of the step's when it is freed.
        for held in (self._requests, answers, *(one for _, one in self._steps.values())):
            held.detach()
        self._steps.clear()

    def _bury(self, pidfd: int) -> None:
        pid, answers = self._steps.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        _tell(answers, {"kind": "ended", "status": _shell_status(status)})
        answers.close()

    def _become_first(self, request: dict[str, Any], descriptors: list[int]) -> NoReturn:
        try:
            self._separate(request, descriptors)
            worker = os.fork()
            if worker == 0:
                sys.argv = [f"{HERE}/harness.py", str(CONTROL)]
                self._harness.main(CONTROL)
            for descriptor in range(CONTROL + 1):
                os.close(descriptor)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a first process never hears
            while True:
                pid, status = os.wait()
                if pid == worker:
                    os._exit(_shell_status(status))
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(BROKEN)

    def _separate(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Leave everything that is the template's, and every right, for good."""
        for place, descriptor in enumerate(_moved_up(descriptors[1:5])):
            os.dup2(descriptor, place, inheritable=place != CONTROL)
        inputs = _moved_up(descriptors[5:])
        _done(_libc.unshare(_NEW_MOUNTS | _NEW_NET | _NEW_IPC | _NEW_UTS), "unshare")
        _mount("proc", PROC, _NOSUID | _NODEV | _NOEXEC)
        held = _NOSUID | _NODEV
        _mount("tmpfs", SHARED, held, f"mode=1777,size={request['shared_bytes']}")
        _mount("tmpfs", WORK, held, f"mode=1777,size={request['work_bytes']}")
        if inputs:
            _take_in(inputs, request["inputs"])
        # Not closerange(): where the C library has no close_range() it goes through billions.
        for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
            if descriptor > CONTROL:
                with contextlib.suppress(OSError):  # the listing's own
                    os.close(descriptor)
        os.chdir(WORK)
        _give_up_rights(request["user"])
        if self._rules is not None:
            self._seccomp.install(self._rules)


def _moved_up(descriptors: list[int]) -> list[int]:
    """Return copies that no dup2() to a small number can hit."""
    import fcntl

    return [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 1000) for descriptor in descriptors]


def _take_in(descriptors: list[int], files: list[tuple[str, int]]) -> None:
    """Copy the inputs into memory: a reopened descriptor of the host's could be written to."""
    whole = sum(size + 4096 for _, size in files) + 2**16
    _mount("tmpfs", INPUTS, _NOSUID | _NODEV, f"mode=755,size={whole}")
    for descriptor, (path, size) in zip(descriptors, files, strict=True):
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        done = 0
        while done < size and (count := os.sendfile(target, descriptor, done, size - done)):
            done += count
        os.close(target)
        os.chmod(path, 0o444)
    _mount("tmpfs", INPUTS, _NOSUID | _NODEV | _RDONLY | _REMOUNT)


def _give_up_rights(user: int | None) -> None:
    """Become the user, in a user namespace that owns nothing, without a capability."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        _done(_libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0), "prctl")
    ids = os.geteuid(), os.getegid()
    if _libc.unshare(_NEW_USER) == 0:
        for file, line in (
            ("uid_map", f"{ids[0]} {ids[0]} 1"),
            ("setgroups", "deny"),
            ("gid_map", f"{ids[1]} {ids[1]} 1"),
        ):
            with open(f"/proc/self/{file}", "w") as target:
                target.write(line)
        for capability in range(_LAST_CAPABILITY + 1):
            if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0) < 0:
                break  # the kernel knows no more
    elif user is None:  # a user of this step's own is enough; the caller's own is not
        _done(-1, "unshare")
    _done(_libc.prctl(_CAP_AMBIENT, 4, 0, 0, 0), "prctl")
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    _done(_libc.capset(header, bytes(24)), "capset")
    _done(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _shell_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _tell(answers: socket.socket, message: dict[str, Any]) -> None:
    try:
        answers.send(json.dumps(message).encode())
    except OSError:  # nobody waits for it any more
        return


def _import_libraries(harness: Any) -> None:
    sys.path += [p for p in os.environ.pop("INTENTOS_PACKAGES", "").split(":") if p]
    os.environ["MPLCONFIGDIR"] = harness.settle_fonts()
    for name in LIBRARIES:
        importlib.import_module(name)
    del os.environ["MPLCONFIGDIR"]


def _memory() -> dict[str, int]:
    with open("/proc/self/status") as file:
        lines = [line.split() for line in file]
    found = {words[0]: int(words[1]) * 1024 for words in lines if words[-1] == "kB"}
    return {"own_bytes": found["RssAnon:"], "address_bytes": found["VmSize:"]}


def _beside(name: str) -> Any:
    spec: Any = importlib.util.spec_from_file_location(f"__{name}__", f"{HERE}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Import everything, say that it is ready, and fork as long as the parent lives."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    harness, seccomp = _beside("harness"), _beside("seccomp")
    _import_libraries(harness)
    gc.collect()
    gc.freeze()  # or every child copies what the collector looks at
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a library has started a thread, which no fork can copy")
    requests.send(json.dumps({"kind": "ready", **_memory()}).encode())
    Template(requests, harness, seccomp).serve()


if __name__ == "__main__":
    main()
