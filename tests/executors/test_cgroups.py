"""Control groups: where they can be made, and that they hold where they can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from intentos.executors import cgroups

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


def test_version_two_is_used_above_our_own_group_where_controllers_are_handed_on(
    tmp_path: Path,
) -> None:
    own = tmp_path / "user.slice" / "app.slice" / "terminal.scope"
    own.mkdir(parents=True)
    above = own.parent
    (above / "cgroup.subtree_control").write_text("memory pids\n")
    (above / "cgroup.procs").touch()
    mounts = f"30 24 0:26 / {tmp_path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    found = cgroups.find("0::/user.slice/app.slice/terminal.scope\n", mounts)
    assert [(branch.folder, branch.version) for branch in found] == [(above, 2)]
    assert found[0].controllers == ("memory", "pids")
    (above / "cgroup.subtree_control").write_text("cpu\n")
    assert cgroups.find("0::/user.slice/app.slice/terminal.scope\n", mounts) == []


def test_version_one_is_used_below_our_own_group_of_each_controller(tmp_path: Path) -> None:
    for name in ("memory/box", "pids"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "cgroup.procs").touch()
    mounts = "".join(
        f"{number} 24 0:{number} / {tmp_path}/{name} rw - cgroup cgroup rw,{name}\n"
        for number, name in ((30, "memory"), (31, "pids"), (32, "cpu"))
    )
    found = cgroups.find("4:memory:/box\n8:pids:/\n1:cpu:/\n0::/\n", mounts)
    assert {(branch.folder, branch.controllers) for branch in found} == {
        (tmp_path / "memory" / "box", ("memory",)),
        (tmp_path / "pids", ("pids",)),
    }


def test_a_group_holds_its_processes_to_their_limits() -> None:
    group = cgroups.make()
    if group is None:
        pytest.skip("this user may not make control groups here")
    code = "input()\nimport os, time\ntry:\n for _ in range(9):\n  if os.fork() == 0: time.sleep(9)"
    code += "\nexcept BlockingIOError: print('full')"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        group.limit(memory_bytes=256 * 1024**2, processes=4)
        group.add(process.pid)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "full\n"
        assert not group.ran_out_of_memory()
        os.killpg(process.pid, signal.SIGKILL)
    group.remove()
