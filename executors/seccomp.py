"""The system calls that sandboxed code may make, as a classic BPF program for the kernel.

Everything that is not on the list is refused. The list was measured: it is what NumPy, SciPy,
Matplotlib, pandas, SymPy, NetworkX, Pillow, SQLite, threads, processes and asyncio call, and what
their calls are named in other versions of the C library. Namespaces already hide the network, the
files and the other processes; the filter takes away the rest of the kernel: mounting, new
namespaces, tracing, keys, BPF, io_uring, userfaultfd, typing into terminals, memory that no limit
counts (System V, message queues, memfd, extended attributes) and all but local sockets.

Needs the standard library only, and no other module of ours, so that it may also be read inside.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Iterator

_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # Files.
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "preadv2": (327, 286), "pwritev2": (328, 287), "lseek": (8, 62), "close": (3, 57),
    "close_range": (436, 436), "open": (2, None), "openat": (257, 56), "creat": (85, None),
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "statfs": (137, 43), "fstatfs": (138, 44), "getdents": (78, None), "getdents64": (217, 61),
    "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "readlink": (89, None),
    "readlinkat": (267, 78), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "umask": (95, 166), "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47),
    "fadvise64": (221, 223), "fsync": (74, 82), "fdatasync": (75, 83), "utime": (132, None),
    "utimes": (235, None), "utimensat": (280, 88), "flock": (73, 32), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "pipe": (22, None), "pipe2": (293, 59), "fcntl": (72, 25), "getxattr": (191, 8),
    "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13),
    # Memory.
    "brk": (12, 214), "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216),
    "mprotect": (10, 226), "madvise": (28, 233), "msync": (26, 227), "membarrier": (324, 283),
    # Processes and threads, oneself above all.
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "exit": (60, 93),
    "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95), "pidfd_open": (434, 434),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "getpid": (39, 172),
    "getppid": (110, 173), "gettid": (186, 178), "getpgid": (121, 155), "getpgrp": (111, None),
    "setpgid": (109, 154), "getsid": (124, 156), "setsid": (112, 157), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "setuid": (105, 146),
    "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159),
    "set_tid_address": (218, 96), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "futex": (202, 98), "rseq": (334, 293), "arch_prctl": (158, None), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "sched_setaffinity": (203, 122),
    "sched_getscheduler": (145, 120), "sched_getparam": (143, 121),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "getpriority": (140, 141), "setpriority": (141, 140), "getrlimit": (97, 163),
    "setrlimit": (160, 164), "prlimit64": (302, 261), "getrusage": (98, 165),
    "times": (100, 153), "getcpu": (309, 168), "sysinfo": (99, 179), "uname": (63, 160),
    "restart_syscall": (219, 128),
    # Waiting, signals and clocks.
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "epoll_create": (213, None), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, None), "epoll_pwait": (281, 22), "eventfd": (284, None),
    "eventfd2": (290, 19), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "pause": (34, None), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133),
    "rt_sigreturn": (15, 139), "sigaltstack": (131, 132), "alarm": (37, None),
    "setitimer": (38, 103), "getitimer": (36, 102), "time": (201, None),
    "gettimeofday": (96, 169), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "getrandom": (318, 278),
    # Local sockets; which they are is looked at when they are made.
    "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "getsockname": (51, 204), "getpeername": (52, 205),
    "getsockopt": (55, 209), "setsockopt": (54, 208), "sendto": (44, 206),
    "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269),
    "recvmmsg": (299, 243), "shutdown": (48, 210),
}  # fmt: skip
"""Name → number on x86-64 (``asm/unistd_64.h``) and 64-bit ARM (``asm-generic/unistd.h``)."""

_DRIVER: dict[str, tuple[int | None, int | None]] = {
    "ioctl": (16, 29), "memfd_create": (319, 279), "kcmp": (312, 272), "mbind": (237, 235),
    "get_mempolicy": (239, 236), "set_mempolicy": (238, 237), "sched_setscheduler": (144, 119),
    "mincore": (27, 232), "mlock": (149, 228), "munlock": (150, 229),
}  # fmt: skip
"""What graphics drivers call besides: Mesa's, and what is known of NVIDIA's."""

AF_UNIX = 1
NEW_FAMILIES = 0x7E02_0000 | 0x8000 | 0x2000
"""CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, CLONE_PARENT and PTRACE:
a process stays a child of who made it."""
_TERMINALS_AND_QUEUES = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C_542A, 0x4004_9409)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2 and FICLONE."""
_ONESELF = (1, 3, 15, 16, 38, 39, 0x53564D41)
"""PR_SET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, SET_NO_NEW_PRIVS, GET_NO_NEW_PRIVS, SET_VMA.
Not PR_SET_DUMPABLE: it would hide a process's memory from who counts it."""

_LOOKED_AT = {
    "clone": (56, 220), "socket": (41, 198), "socketpair": (53, 199), "ioctl": (16, 29),
    "prctl": (157, 167),
}  # fmt: skip
"""Allowed by their first or second argument."""

NEWEST_REFUSED = 423
"""Calls with greater numbers, the same everywhere, are answered as if the kernel were older, so
that libraries fall back. clone3 is among them: it hides its flags in memory that a filter cannot
read."""

_ANSWERED_AS_UNKNOWN = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "openat2", "pidfd_getfd",
    "epoll_pwait2", "memfd_secret", "futex_waitv", "cachestat", "fchmodat2", "map_shadow_stack",
    "futex_wake", "futex_wait", "futex_requeue", "mseal",
)  # fmt: skip
"""Of the calls above ``NEWEST_REFUSED``, by name, those that the C library or others try."""

_MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

_LOAD, _EQUAL, _ABOVE, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000

_Instruction = tuple[int, int, int, int]


def program(machine: str | None = None, *, driver: bool = False) -> bytes | None:
    """Return the filter for ``bwrap --seccomp`` or :func:`install`; None: an unknown machine.

    A socket that is not local is refused with ENETUNREACH, which reads as what it is. ``driver``:
    for a process that talks to a graphics driver, which does so by ioctl and shares memory.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        return None
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_arguments(machine, driver=driver),
        *_ranges(sorted(_numbers(_ALLOWED | (_DRIVER if driver else {}), machine))),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def container_profile(machine: str | None = None) -> dict[str, object] | None:
    """Return the same rules as container engines take them, by name; None: an unknown machine."""
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        return None

    def rule(
        names: Iterable[str], error: int | None = None, **look: int | str
    ) -> dict[str, object]:
        refused = {"action": "SCMP_ACT_ERRNO", "errnoRet": error}
        told = {"action": "SCMP_ACT_ALLOW"} if error is None else refused
        return {"names": sorted(names), **told, "args": [look] if look else []}

    numbers = {name: _number(both, machine) for name, both in _ALLOWED.items()}
    local = ("socket", "socketpair")
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            rule(name for name, number in numbers.items() if number is not None),
            rule(("clone",), index=0, value=NEW_FAMILIES, valueTwo=0, op="SCMP_CMP_MASKED_EQ"),
            rule(local, index=0, value=AF_UNIX, op="SCMP_CMP_EQ"),
            rule(local, errno.ENETUNREACH, index=0, value=AF_UNIX, op="SCMP_CMP_NE"),
            *(rule(("ioctl",), index=1, value=value, op="SCMP_CMP_EQ")
              for value in _TERMINALS_AND_QUEUES),
            *(rule(("prctl",), index=0, value=value, op="SCMP_CMP_EQ") for value in _ONESELF),
            rule(_ANSWERED_AS_UNKNOWN, errno.ENOSYS),
        ],
    }  # fmt: skip


def install(rules: bytes) -> None:
    """Put this thread and whatever it starts under a filter for good.

    Raises:
        OSError: the kernel has no such filter, or refuses this one.
    """
    import ctypes

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    filled = Program(len(rules) // 8, rules)
    for words in ((38, 1, 0, 0, 0), (22, 2, ctypes.byref(filled), 0, 0)):  # no new privileges first
        if libc.prctl(*(ctypes.c_ulong(w) if isinstance(w, int) else w for w in words)) != 0:
            raise OSError(ctypes.get_errno(), "the kernel refused the filter of system calls")


def _arguments(machine: str, *, driver: bool) -> Iterator[_Instruction]:
    """Yield the rules for calls that depend on what they are asked; the number is loaded."""
    looked_at = {name: both[list(_MACHINES).index(machine)] for name, both in _LOOKED_AT.items()}
    yield (_EQUAL, 0, 4, looked_at["clone"])
    yield (_LOAD, 0, 0, _FIRST)
    yield (_ANY_BIT, 0, 1, NEW_FAMILIES)
    yield (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    yield (_RETURN, 0, 0, _ALLOW)
    for name, argument, values, error in (
        ("socket", _FIRST, (AF_UNIX,), errno.ENETUNREACH),
        ("socketpair", _FIRST, (AF_UNIX,), errno.ENETUNREACH),
        ("ioctl", _SECOND, _TERMINALS_AND_QUEUES, errno.ENOTTY),
        ("prctl", _FIRST, _ONESELF, errno.EPERM),
    ):
        if driver and name in _DRIVER:
            continue
        yield (_EQUAL, 0, 2 * len(values) + 2, looked_at[name])
        yield (_LOAD, 0, 0, argument)  # of each only the lower half counts, for the kernel as well
        for value in values:
            yield (_EQUAL, 0, 1, value)
            yield (_RETURN, 0, 0, _ALLOW)
        yield (_RETURN, 0, 0, _ERRNO | error)


def _ranges(numbers: list[int]) -> Iterator[_Instruction]:
    """Yield the rules for calls that are always allowed, in rising order, and for the rest."""
    first = last = numbers[0]
    for number in [*numbers[1:], -1]:
        if number == last + 1:
            last = number
            continue
        yield (_ABOVE, 3, 0, last)
        yield (_AT_LEAST, 0, 1, first)
        yield (_RETURN, 0, 0, _ALLOW)
        yield (_RETURN, 0, 0, _ERRNO | (errno.EPERM if first <= NEWEST_REFUSED else errno.ENOSYS))
        first = last = number
    yield (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)


def _numbers(calls: dict[str, tuple[int | None, int | None]], machine: str) -> Iterable[int]:
    found = (_number(both, machine) for both in calls.values())
    return (number for number in found if number is not None)


def _number(both: tuple[int | None, int | None], machine: str) -> int | None:
    return both[list(_MACHINES).index(machine)]
