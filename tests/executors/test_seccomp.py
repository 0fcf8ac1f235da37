"""The filter of system calls: what it lets through, on every machine whose numbers it knows."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import re
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.executors import seccomp

MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
ALLOWED, KILLED = "allowed", "killed"
here = pytest.mark.skipif(
    sys.platform != "linux" or seccomp.program() is None, reason="no filter for this machine"
)


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> object:
    """Return what the kernel would do: run the filter as the kernel runs it."""
    rules = seccomp.program(machine)
    assert rules is not None
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, architecture or MACHINES[machine], 0, *padded)
    code = list(struct.iter_unpack("=HBBI", rules))
    at = accumulator = 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, value)[0]
            case 0x15 | 0x25 | 0x35 | 0x45:
                holds = {
                    0x15: accumulator == value,
                    0x25: accumulator > value,
                    0x35: accumulator >= value,
                    0x45: bool(accumulator & value),
                }[operation]
                at += yes if holds else no
            case 0x06:
                if value == 0x7FFF_0000:
                    return ALLOWED
                return KILLED if value == 0x8000_0000 else errno.errorcode[value & 0xFFFF]
            case _:
                raise AssertionError(f"operation {operation:#x}")


@pytest.mark.parametrize("machine", MACHINES)
def test_only_the_calls_on_the_list_go_through(machine: str) -> None:
    index = list(MACHINES).index(machine)
    listed = {both[index] for both in seccomp._ALLOWED.values()} - {None}
    looked_at = {both[index] for both in seccomp._LOOKED_AT.values()}
    assert 130 < len(listed) < 190
    for number in range(1200):
        expected: object = "EPERM" if number <= seccomp.NEWEST_REFUSED else "ENOSYS"
        found = verdict(machine, number)
        if number in listed:
            assert found == ALLOWED, number
        elif number not in looked_at and found != expected:
            # Between the last old call and the first new one there is nothing to tell apart.
            assert found == "ENOSYS", number
            assert number > 290
    assert verdict(machine, -1) == "ENOSYS"


REFUSED = {
    "mount": ("EPERM", 165, 40), "umount2": ("EPERM", 166, 39), "pivot_root": ("EPERM", 155, 41),
    "chroot": ("EPERM", 161, 51), "unshare": ("EPERM", 272, 97), "setns": ("EPERM", 308, 268),
    "ptrace": ("EPERM", 101, 117), "process_vm_readv": ("EPERM", 310, 270),
    "process_vm_writev": ("EPERM", 311, 271), "kcmp": ("EPERM", 312, 272),
    "add_key": ("EPERM", 248, 217), "request_key": ("EPERM", 249, 218),
    "keyctl": ("EPERM", 250, 219), "bpf": ("EPERM", 321, 280),
    "userfaultfd": ("EPERM", 323, 282), "perf_event_open": ("EPERM", 298, 241),
    "init_module": ("EPERM", 175, 105), "finit_module": ("EPERM", 313, 273),
    "delete_module": ("EPERM", 176, 106), "kexec_load": ("EPERM", 246, 104),
    "reboot": ("EPERM", 169, 142), "swapon": ("EPERM", 167, 224), "syslog": ("EPERM", 103, 116),
    "personality": ("EPERM", 135, 92), "memfd_create": ("EPERM", 319, 279),
    "shmget": ("EPERM", 29, 194), "msgget": ("EPERM", 68, 186), "mq_open": ("EPERM", 240, 180),
    "setxattr": ("EPERM", 188, 5), "mknodat": ("EPERM", 259, 33), "splice": ("EPERM", 275, 76),
    "vmsplice": ("EPERM", 278, 75), "open_by_handle_at": ("EPERM", 304, 265),
    "fanotify_init": ("EPERM", 300, 262), "inotify_init1": ("EPERM", 294, 26),
    "clock_settime": ("EPERM", 227, 112), "quotactl": ("EPERM", 179, 60),
    "io_uring_setup": ("ENOSYS", 425, 425), "open_tree": ("ENOSYS", 428, 428),
    "move_mount": ("ENOSYS", 429, 429), "fsopen": ("ENOSYS", 430, 430),
    "clone3": ("ENOSYS", 435, 435), "openat2": ("ENOSYS", 437, 437),
    "pidfd_getfd": ("ENOSYS", 438, 438), "memfd_secret": ("ENOSYS", 447, 447),
}  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_numbers_never_need_is_refused(machine: str, name: str) -> None:
    error, *numbers = REFUSED[name]
    assert verdict(machine, numbers[list(MACHINES).index(machine)]) == error


@pytest.mark.parametrize("machine", MACHINES)
def test_some_calls_are_allowed_by_what_they_ask_for(machine: str) -> None:
    index = list(MACHINES).index(machine)
    clone, socket, pair, ioctl, prctl = (both[index] for both in seccomp._LOOKED_AT.values())
    thread = 0x0035_0F00  # CLONE_VM | FS | FILES | SIGHAND | THREAD and more
    assert verdict(machine, clone, thread) == ALLOWED
    assert verdict(machine, clone, 17) == ALLOWED  # SIGCHLD: a fork
    for namespace in (0x2000_0000, 0x1000_0000, 0x0002_0000, 0x4000_0000, 0x8000):
        assert verdict(machine, clone, 17 | namespace) == "EPERM"
    for call in (socket, pair):
        assert verdict(machine, call, 1) == ALLOWED
        for family in (2, 10, 16, 17, 38, 40):  # IPv4, IPv6, netlink, packet, crypto, vsock
            assert verdict(machine, call, family) == "ENETUNREACH"
    assert verdict(machine, ioctl, 0, 0x5401) == ALLOWED
    assert verdict(machine, ioctl, 0, 0x5412) == "ENOTTY"  # TIOCSTI
    assert verdict(machine, ioctl, 0, 0x1_0000_0000 | 0x5412) == "ENOTTY"
    assert verdict(machine, ioctl, 0, 0x541C) == "ENOTTY"  # TIOCLINUX
    assert verdict(machine, prctl, 15) == ALLOWED
    assert verdict(machine, prctl, 4, 0) == "EPERM"  # PR_SET_DUMPABLE
    assert verdict(machine, prctl, 22, 2) == "EPERM"  # PR_SET_SECCOMP


@pytest.mark.parametrize("machine", MACHINES)
def test_another_machines_calls_end_the_process(machine: str) -> None:
    foreign = 0x4000_0003 if machine == "x86_64" else 0x4000_0028  # their 32-bit halves
    assert verdict(machine, 1, architecture=foreign) == KILLED
    assert verdict(machine, 0x4000_0000 + 165) == "ENOSYS"  # x86-64's 32-bit variant


def test_the_filter_is_known_for_the_usual_machines_only() -> None:
    for machine in MACHINES:
        rules = seccomp.program(machine)
        assert rules is not None
        assert len(rules) < 4096  # it goes through a pipe in one write
    assert seccomp.program("riscv64") is None


def _by_libseccomp() -> Iterator[tuple[str, str, int]]:
    library = ctypes.util.find_library("seccomp")
    if library is None:
        return
    resolve = ctypes.CDLL(library).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    for machine, architecture in MACHINES.items():
        for name in [*seccomp._ALLOWED, *seccomp._LOOKED_AT]:
            yield machine, name, resolve(architecture, name.encode())


def _by_headers(folder: Path) -> Iterator[tuple[str, str, int]]:
    for machine, header in (("aarch64", "asm-generic/unistd.h"), ("x86_64", "asm/unistd_64.h")):
        source = folder / "numbers.c"
        source.write_text(f"#include <{header}>\n")
        told = subprocess.run(["cpp", "-dM", str(source)], capture_output=True, text=True)
        known = dict(re.findall(r"#define __NR_(\w+) (\d+)\n", told.stdout))
        for name in [*seccomp._ALLOWED, *seccomp._LOOKED_AT]:
            if name in known:
                yield machine, name, int(known[name])


@pytest.mark.parametrize("source", ["libseccomp", "headers"])
def test_the_numbers_are_the_kernels(source: str, tmp_path: Path) -> None:
    if source == "headers" and not Path("/usr/include/asm-generic/unistd.h").exists():
        pytest.skip("no kernel headers (linux-libc-dev)")
    known = list(_by_libseccomp() if source == "libseccomp" else _by_headers(tmp_path))
    if source == "libseccomp" and not known:
        pytest.skip("no libseccomp")
    ours = seccomp._ALLOWED | seccomp._LOOKED_AT
    for machine, name, number in known:
        expected = ours[name][list(MACHINES).index(machine)]
        assert (expected if expected is not None else -1) == max(number, -1), (machine, name)
    assert len(known) > 250


WORK = """
def main():
    import asyncio, io, sqlite3, subprocess, sys, tempfile, threading, os
    os.chdir(tempfile.mkdtemp())
    import numpy, scipy.linalg, scipy.integrate, pandas, networkx, sympy
    import matplotlib; matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from PIL import Image
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context, shared_memory
    a = numpy.random.rand(300, 300)
    scipy.linalg.svd(a @ a)
    scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0])
    numpy.save("a.npy", a); numpy.load("a.npy", mmap_mode="r").sum()
    plt.plot([1, 2]); plt.savefig("a.png"); plt.savefig("a.svg"); plt.savefig("a.pdf")
    Image.open("a.png").convert("RGB").save("a.jpg")
    pandas.DataFrame({"a": [1, 2]}).to_csv("a.csv"); pandas.read_csv("a.csv").describe()
    networkx.pagerank(networkx.erdos_renyi_graph(20, 0.2, seed=1))
    sympy.integrate("sin(x)**2", sympy.Symbol("x"))
    with sqlite3.connect("a.db") as base:
        base.execute("create table t (x)")
    for how in ("fork", "spawn"):
        with ProcessPoolExecutor(2, mp_context=get_context(how)) as pool:
            assert list(pool.map(abs, [-1, 2])) == [1, 2]
    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(abs, range(9))) == 36
    shared = shared_memory.SharedMemory(create=True, size=1000); shared.close(); shared.unlink()
    subprocess.run([sys.executable, "-S", "-c", "print(1)"], check=True, capture_output=True)
    async def waits():
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(abs, -1)
    assert asyncio.run(waits()) == 1
    print("fine")
if __name__ == "__main__":
    main()
"""


@here
def test_the_libraries_do_not_miss_what_is_refused(tmp_path: Path) -> None:
    """Here a refused call kills, so that none of them is made and quietly done without.

    Only mbind is: OpenBLAS asks to have memory near its core, and goes on when it is told no.
    """
    mbind = {"x86_64": 237, "aarch64": 235}[os.uname().machine]
    strict = f"""
        import os, struct, sys
        from intentos.executors import seccomp
        rules = [*struct.iter_unpack("=HBBI", seccomp.program())]
        rules = [(c, y, n, 0x8000_0000 if (c, k) == (6, 0x5_0001) else k) for c, y, n, k in rules]
        rules[4:4] = [(0x15, 0, 1, {mbind}), (6, 0, 0, 0x5_0001)]
        seccomp.install(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
        os.execv(sys.executable, [sys.executable, sys.argv[1]])
    """
    (tmp_path / "work.py").write_text(WORK)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(strict), str(tmp_path / "work.py")],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"TMPDIR": str(tmp_path), "OPENBLAS_NUM_THREADS": "2"},
    )
    assert done.stdout == "fine\n", (done.returncode, done.stderr)


@here
def test_a_process_can_put_itself_under_the_filter(tmp_path: Path) -> None:
    code = """
        import socket
        from intentos.executors import seccomp
        socket.socket().close()
        seccomp.install(seccomp.program())
        socket.socket(socket.AF_UNIX).close()
        try:
            socket.socket()
        except OSError as error:
            print(error.errno)
        try:
            seccomp.install(b"nothing!")
        except OSError as error:
            print(error.errno)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [str(errno.ENETUNREACH), str(errno.EPERM)], done.stderr
