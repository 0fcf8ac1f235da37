"""System calls that numerical Python never needs: the filter refuses them, one by one.

Alone each call reaches the kernel, which does what it is asked or complains about the arguments;
inside it never gets that far. Arguments are chosen so that nothing happens to the machine.
"""

from __future__ import annotations

import errno
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

from intentos.executors import seccomp

from .attack import Walls, alone, is_new, proven, succeeds_alone

pytestmark = pytest.mark.skipif(
    seccomp.program() is None, reason="no filter for this machine's processor"
)
MACHINE = ("x86_64", "aarch64").index(platform.machine()) if seccomp.program() else 0


@dataclass(frozen=True)
class Call:
    """A system call: its numbers on x86-64 and ARM, and arguments that do no harm."""

    numbers: tuple[int | None, int | None]
    arguments: str = "0, 0, 0, 0"
    refusal: str = "EPERM"
    root: bool = False
    """Whether the kernel itself refuses it to ordinary users, in the same words."""


CALLS = {
    "mount": Call((165, 40), "b'none', b'/nonexistent', b'tmpfs', 0, 0", root=True),
    "umount2": Call((166, 39), "b'/nonexistent', 0", root=True),
    "pivot_root": Call((155, 41), "b'/nonexistent', b'/nonexistent'", root=True),
    "chroot": Call((161, 51), "b'.'", root=True),
    "unshare: a user namespace": Call((272, 97), "0x10000000"),
    "unshare: a mount namespace": Call((272, 97), "0x00020000", root=True),
    "setns": Call((308, 268), "-1, 0"),
    "clone: a user namespace": Call((56, 220), "0x10000000 | 17, 0, 0, 0, 0"),
    "clone: a sibling of the harness": Call((56, 220), "0x8000 | 17, 0, 0, 0, 0"),
    "clone3": Call((435, 435), "0, 0", "ENOSYS"),
    "ptrace": Call((101, 117), "0, 0, 0, 0"),
    "process_vm_readv": Call((310, 270), "os.getpid(), 0, 0, 0, 0, 0"),
    "process_vm_writev": Call((311, 271), "os.getpid(), 0, 0, 0, 0, 0"),
    "kcmp": Call((312, 272), "os.getpid(), os.getpid(), 0, 1, 1"),
    "pidfd_getfd": Call((438, 438), "-1, 0, 0", "ENOSYS"),
    "pidfd_send_signal": Call((424, 424), "-1, 0, 0, 0", "ENOSYS"),
    "process_madvise": Call((440, 440), "-1, 0, 0, 0, 0", "ENOSYS"),
    "add_key": Call((248, 217), "b'user', b'name', b'data', 4, -1"),
    "request_key": Call((249, 218), "b'user', b'nothing', 0, -1"),
    "keyctl": Call((250, 219), "0, -2, 1"),
    "bpf": Call((321, 280), "0, 0, 0", root=True),
    "userfaultfd": Call((323, 282), "1"),
    "perf_event_open": Call((298, 241), "0, 0, -1, -1, 0"),
    "io_uring_setup": Call((425, 425), "1, 0", "ENOSYS"),
    "io_uring_enter": Call((426, 426), "-1, 0, 0, 0", "ENOSYS"),
    "io_uring_register": Call((427, 427), "-1, 0, 0, 0", "ENOSYS"),
    "init_module": Call((175, 105), "0, 0, b''", root=True),
    "finit_module": Call((313, 273), "-1, b'', 0", root=True),
    "delete_module": Call((176, 106), "b'nonexistent', 0", root=True),
    "kexec_load": Call((246, 104), "0, 1000, 0, 0", root=True),
    "reboot": Call((169, 142), "0, 0, 0, 0", root=True),
    "swapon": Call((167, 224), "b'/nonexistent', 0", root=True),
    "acct": Call((163, 89), "b'/nonexistent'", root=True),
    "syslog: the kernel's messages": Call((103, 116), "10, 0, 0", root=True),
    "quotactl": Call((179, 60), "0x80000100, b'/nonexistent', 0, 0"),
    "sethostname": Call((170, 161), "1, 4", root=True),
    "settimeofday": Call((164, 170), "1, 0"),
    "clock_settime": Call((227, 112), "0, 1"),
    "iopl": Call((172, None), "0"),
    "modify_ldt": Call((154, None), "0, 0, 0"),
    "personality": Call((135, 92), "0xffffffff"),
    "memfd_create": Call((319, 279), "b'hidden', 0"),
    "memfd_secret": Call((447, 447), "0", "ENOSYS"),
    "shmget": Call((29, 194), "0, 4096, 0o1600"),
    "semget": Call((64, 190), "0, 1, 0o1600"),
    "msgget": Call((68, 186), "0, 0o1600"),
    "mq_open": Call((240, 180), "b'intentos', 0, 0, 0"),
    "setxattr": Call((188, 5), "b'.', b'user.hidden', b'data', 4, 0"),
    "mknodat: a FIFO": Call((259, 33), "-100, b'fifo', 0o10600, 0"),
    "inotify_init1": Call((294, 26), "0"),
    "fanotify_init": Call((300, 262), "0, 0", root=True),
    "name_to_handle_at": Call((303, 264), "-100, b'.', 0, 0, 0"),
    "open_by_handle_at": Call((304, 265), "-100, 0, 0", root=True),
    "open_tree": Call((428, 428), "-100, b'.', 0", "ENOSYS"),
    "move_mount": Call((429, 429), "-1, b'', -1, b'', 0", "ENOSYS", root=True),
    "fsopen": Call((430, 430), "b'nonexistent', 0", "ENOSYS", root=True),
    "mount_setattr": Call((442, 442), "-1, b'', 0, 0, 0", "ENOSYS", root=True),
    "vmsplice": Call((278, 75), "-1, 0, 0, 0"),
    "splice": Call((275, 76), "-1, 0, -1, 0, 1, 0"),
    "tee": Call((276, 77), "-1, -1, 1, 0"),
    "move_pages": Call((279, 239), "0, 0, 0, 0, 0, 0"),
    "mbind": Call((237, 235), "0, 0, 0, 0, 0, 0"),
    "sched_setscheduler: real time": Call((144, 119), "0, 99, 0"),
    "ioprio_set": Call((251, 30), "1, 0, 0x6000"),
    "seccomp: a filter with a supervisor": Call((317, 277), "3, 0, 0"),
    "landlock_create_ruleset": Call((444, 444), "0, 0, 1", "ENOSYS"),
    "prctl: hiding memory from who counts it": Call((157, 167), "4, 0, 0, 0, 0"),
    "ioctl TIOCSTI: typing into a terminal": Call((16, 29), "0, 0x5412, b'x'", "ENOTTY"),
    "ioctl TIOCLINUX": Call((16, 29), "0, 0x541C, b'x'", "ENOTTY"),
    "socket: netlink": Call((41, 198), "16, 3, 0", "ENETUNREACH"),
    "socket: packets of all": Call((41, 198), "17, 3, 0", "ENETUNREACH", root=True),
    "socket: the kernel's ciphers": Call((41, 198), "38, 5, 0", "ENETUNREACH"),
    "socket: the host of a virtual machine": Call((41, 198), "40, 1, 0", "ENETUNREACH"),
    "socketpair: tipc": Call((53, 199), "30, 1, 0, 0", "ENETUNREACH"),
}  # fmt: skip

KNOWS = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT"}
"""What a kernel says that was built without the thing."""


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_that_nobody_needs_does_not_reach_the_kernel(
    name: str, walls: Walls, tmp_path: Path
) -> None:
    """Stopped by: the seccomp filter."""
    attack = CALLS[name]
    number = attack.numbers[MACHINE]
    if number is None:
        pytest.skip("this processor has no such call")
    code = f"""
        if (pid := os.getpid()) and {number} in (56, 220):
            said = call({number}, {attack.arguments})
            if os.getpid() != pid:
                os._exit(0)
        else:
            said = call({number}, {attack.arguments})
        print("said", said)
    """
    result = await walls.run(code)
    assert result.stdout == f"said {attack.refusal}\n", result.stderr
    if attack.root and os.geteuid() != 0:
        return  # the kernel says the same; the filter's own numbers are tested in test_seccomp.py
    if not is_new(code):
        return
    outcome = alone(code, folder=tmp_path)
    said = outcome.stdout.split()[-1]
    if said in KNOWS - {attack.refusal}:
        pytest.skip(f"this machine's kernel has no {name}")
    # ioctls of terminals: stdin is none here, so that the kernel itself finds no terminal.
    assert said != attack.refusal or attack.refusal == "ENOTTY", (
        f"the machine refuses {name} itself"
    )
    proven(code)


async def test_typing_into_the_terminal_of_the_person(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: no controlling terminal, and the filter knows no TIOCSTI."""
    code = """
        try:
            os.close(os.open("/dev/tty", os.O_RDWR))
            breach()
        except OSError as error:
            print(error)
    """
    owner = """
        import pty
        pid, master = pty.fork()
        if pid == 0:
            os.close(os.open("/dev/tty", os.O_RDWR))
            os._exit(0)
        if os.waitpid(pid, 0)[1] == 0:
            breach()
    """
    succeeds_alone(owner, folder=tmp_path)
    await walls.hold(code)


async def test_taking_all_of_the_machines_terminals(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: a /dev without ptmx; their number is one limit for the whole machine."""
    code = "os.close(os.open('/dev/ptmx', os.O_RDWR)); breach()"
    succeeds_alone(code, folder=tmp_path)
    await walls.hold(code)


async def test_another_processors_calls(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: the filter ends a process that makes 32-bit calls, whose numbers differ."""
    if platform.machine() != "x86_64":
        pytest.skip("int 0x80 is x86's")
    code = """
        import mmap
        # mov eax, 20 (getpid in 32 bits); int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        if ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid():
            breach()
        else:
            impossible("this kernel has no 32-bit calls")
    """
    result = await walls.run(code)
    assert "BREACH" not in result.stdout
    assert result.error is not None
    assert result.error.code == "sandbox.killed"
    succeeds_alone(code, folder=tmp_path)


async def test_a_child_is_under_the_same_filter(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: filters are inherited, by fork and by exec."""
    code = """
        import subprocess
        inner = "import socket; socket.socket(); print('got one')"
        done = subprocess.run([sys.executable, "-S", "-c", inner], capture_output=True, text=True)
        if "got one" in done.stdout:
            breach()
        print(done.returncode)
    """
    succeeds_alone(code, folder=tmp_path)
    assert (await walls.hold(code)).stdout.strip() == "1"


def test_the_refusals_have_names() -> None:
    assert {call.refusal for call in CALLS.values()} <= set(errno.errorcode.values())
