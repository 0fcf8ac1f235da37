"""What code wants to read and write of this machine: files, secrets, other people's work."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from intentos import config
from intentos.store import Store

from .attack import Walls, succeeds_alone

SECRET = "a7f3 the secret"


@dataclass(frozen=True)
class Attack:
    """An attack on files; ``target`` is a path that the test makes."""

    stopped_by: str
    code: str
    target: str = ""
    root: bool = False
    """Whether only root's processes could do it in the first place."""


READ = "if 'the secret' in open(parameters['target']).read(): breach()"
ATTACKS = {
    "a private file of the home folder": Attack(
        "mount namespace: no home folder is inside", READ, target="home/diary.txt"
    ),
    "an ssh key": Attack(
        "mount namespace: no home folder is inside", READ, target="home/.ssh/id_ed25519"
    ),
    "the list of the home folder": Attack(
        "mount namespace; HOME names nothing",
        "if os.listdir(os.path.expanduser('~')): breach()",
    ),
    "/etc/shadow": Attack(
        "mount namespace: nothing of /etc but the linker's cache, and an unprivileged user",
        "if ':' in open('/etc/shadow').read(): breach()",
        root=True,
    ),
    "/etc/passwd": Attack(
        "mount namespace: nothing of /etc but the linker's cache",
        "if 'root:' in open('/etc/passwd').read(): breach()",
    ),
    "the environment": Attack(
        "bubblewrap starts with an empty environment",
        "if 'the secret' in ' '.join(os.environ.values()): breach()",
    ),
    "the environment of other processes": Attack(
        "pid namespace: /proc shows its own processes only",
        """
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    if "the secret" in open(f"/proc/{name}/environ").read():
                        breach()
                except OSError:
                    pass
        """,
    ),
    "a way round by /proc/1/root": Attack(
        "pid namespace: process 1 is the sandbox's own",
        """
        for way in ("/proc/1/root", f"/proc/{os.getppid()}/root", "/proc/self/root/../.."):
            try:
                if "the secret" in open(way + parameters["target"]).read():
                    breach()
            except OSError:
                pass
        """,
        target="home/diary.txt",
    ),
    "a symlink out of the work folder": Attack(
        "mount namespace: the link's target is not inside",
        """
        os.symlink(parameters["target"], "link")
        if "the secret" in open("link").read():
            breach()
        """,
        target="home/diary.txt",
    ),
    "a hard link into the work folder": Attack(
        "mount namespace, and the work folder is a file system of its own",
        "os.link(parameters['target'], 'link'); breach()",
        target="home/diary.txt",
    ),
    "another program's file in /tmp": Attack(
        "mount namespace: /tmp is not inside", READ, target="tmp/session"
    ),
    "the store's database": Attack(
        "mount namespace: the state folder is not inside",
        "if b'SQLite' in open(parameters['store'], 'rb').read(20): breach()",
    ),
    "the model's cache": Attack(
        "mount namespace: the cache is not inside",
        "if os.listdir(parameters['cache']): breach()",
    ),
    "planting code in an installed package": Attack(
        "read-only bind mounts",
        """
        import json
        with open(json.__file__, "r+"):
            breach()
        """,
    ),
    "planting a module beside the harness": Attack(
        "read-only root",
        """
        folder = "/intentos" if os.path.isdir("/intentos") else parameters["folder"]
        open(os.path.join(folder, "sitecustomize.py"), "w").close()
        breach()
        """,
    ),
    "changing an input": Attack(
        "read-only bind mount of the input",
        """
        with open(inputs["data"], "r+") as file:
            file.write("changed")
        breach()
        """,
    ),
    "a device node of the disk": Attack(
        "seccomp refuses mknod; no capability; the work folder is mounted nodev",
        """
        import stat
        os.mknod("disk", stat.S_IFBLK | 0o600, os.stat("/").st_dev)
        breach()
        """,
        root=True,
    ),
    "reading the machine's memory": Attack(
        "a /dev of its own without the machine's devices",
        """
        found = [n for n in os.listdir("/dev") if n in ("mem", "kmsg", "kvm", "fuse", "vda", "sda")]
        if found:
            breach(found)
        """,
    ),
    "kernel settings below /sys": Attack(
        "/sys is not inside", "if os.listdir('/sys'): breach()"
    ),
    "kernel settings below /proc/sys": Attack(
        "an unprivileged user, and bubblewrap mounts them read-only",
        "open('/proc/sys/kernel/hostname', 'r+').close(); breach()",
        root=True,
    ),
    "SysRq": Attack(
        "an unprivileged user, and bubblewrap mounts it read-only",
        """
        if os.path.exists("/proc/sys/kernel/sysrq"):
            os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))
            breach()
        else:
            impossible("this kernel has no SysRq")
        """,
        root=True,
    ),
    "a set-user-id program": Attack(
        "no program is inside; no_new_privs would take its rights",
        """
        import subprocess
        subprocess.run(["/bin/su", "--version"], check=True, capture_output=True)
        breach()
        """,
    ),
    "a shell": Attack(
        "mount namespace: no program but Python is inside",
        "if os.system('true') == 0: breach()",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_files_stay_out_of_reach(
    name: str, walls: Walls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = ATTACKS[name]
    home, cache = tmp_path / "person", tmp_path / "cache"
    for folder in (home / ".ssh", cache / "models"):
        folder.mkdir(parents=True)
    target = tmp_path / attack.target
    if attack.target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(SECRET)
    data = tmp_path / "data.csv"
    data.write_text("x\n1\n")
    settings = config.load()
    Store(settings).close()
    values = {
        "target": str(target),
        "folder": str(tmp_path),
        "store": str(next(settings.home.glob("*.db"), settings.home)),
        "cache": str(cache),
    }
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("API_KEY", SECRET)
    is_root = os.geteuid() == 0
    packages_are_ours = os.access(Path(os.__file__), os.W_OK)
    if (is_root or not attack.root) and (packages_are_ours or "json.__file__" not in attack.code):
        (tmp_path / "alone").mkdir()
        copy = tmp_path / "copy.csv"
        copy.write_text("x\n1\n")
        succeeds_alone(attack.code, values, folder=tmp_path / "alone", inputs={"data": str(copy)})
    result = await walls.run(attack.code, values, inputs={"data": data})
    assert "BREACH" not in result.stdout, attack.stopped_by
    assert "NameError" not in result.stderr, result.stderr
    assert SECRET not in result.model_dump_json()
    assert data.read_text() == "x\n1\n"


async def test_nothing_passes_from_one_run_to_the_next(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: a work folder and a /dev/shm in memory that are gone with the run."""
    leave = """
        for folder in (".", "/dev/shm", "/tmp", "/intentos", "/var/tmp"):
            try:
                with open(f"{folder}/intentos-trace", "x") as file:
                    file.write("the secret")
            except OSError:
                pass
    """
    look = """
        for folder in (".", "/dev/shm", "/tmp", "/intentos", "/var/tmp"):
            try:
                if open(f"{folder}/intentos-trace").read():
                    breach(folder)
                    os.unlink(f"{folder}/intentos-trace")
            except OSError:
                pass
    """
    succeeds_alone(leave + look, folder=tmp_path)
    await walls.hold(leave)
    await walls.hold(look)


async def test_the_code_is_an_unprivileged_user_with_nothing_to_gain(walls: Walls) -> None:
    """No capability, no group, no_new_privs, a filter, no core dumps, a user that nobody is."""
    result = await walls.run(
        """
        import resource
        lines = open("/proc/self/status").read().splitlines()
        status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
        for key in ("CapPrm", "CapEff", "CapAmb"):
            assert int(status[key], 16) == 0, (key, status[key])
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
        assert os.getuid() == os.geteuid() == os.getresuid()[2] != 0
        assert 0 not in os.getgroups() and os.getgid() != 0
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
        print("all well")
        """
    )
    assert "all well" in result.stdout, result.stderr


async def test_no_handle_is_inherited(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: descriptors are closed at start; a folder or socket of ours is a way out."""
    code = """
        import stat
        for number in range(3, 1000):
            try:
                kind = os.fstat(number).st_mode
            except OSError:
                continue
            if stat.S_ISSOCK(kind) or stat.S_ISDIR(kind) or stat.S_ISREG(kind):
                breach((number, oct(kind)))
    """
    folder = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(folder, True)
    try:
        succeeds_alone(code, folder=tmp_path, descriptors=[folder])
        await walls.hold(code)
    finally:
        os.close(folder)


async def test_stdin_gives_nothing(walls: Walls) -> None:
    """Stopped by: the harness puts /dev/null in place of the pipe that brought the job."""
    result = await walls.run("print(repr(sys.stdin.read()), os.isatty(0))")
    assert result.stdout == "'' False\n"
    assert sys.stdin is not None
