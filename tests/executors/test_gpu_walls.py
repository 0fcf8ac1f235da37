"""The walls around the GPU worker: what a driver that a shader took over would find there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors import bubblewrap
from intentos.executors.gpu_walls import SHADERS, Walls, _python
from intentos.executors.webgpu import WebGPUExecutor
from intentos.run import StepStatus
from intentos.testing import Recorder

from .frame_steps import moving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux")


@pytest.fixture
def walls(tmp_path: Path) -> Walls:
    """Walls with a folder of shaders of their own."""
    made = Walls(tmp_path / "shaders")
    try:
        standing = made.stand()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    if not standing:
        pytest.skip("bubblewrap does not work here, or no driver answers inside")
    return made


def inside(walls: Walls, code: str) -> Any:
    """Return what code prints as JSON that runs where the worker would."""
    with walls._filter() as rules:
        done = subprocess.run(
            [*walls._bubblewrap(rules), *_python("-I", "-S", "-c", "import json, os\n" + code)],
            env=walls.environment(),
            pass_fds=[rules] if rules is not None else (),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_file_of_a_person_is_there(walls: Walls, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    wanted = [str(secret), "/etc/shadow", "/etc/passwd", str(Path.home()), "/home", "/root"]
    assert secret.exists()
    assert inside(walls, f"print(json.dumps([os.path.exists(p) for p in {wanted!r}]))") == (
        [False] * len(wanted)
    )


def test_nothing_can_be_written_but_the_shaders(walls: Walls, tmp_path: Path) -> None:
    code = f"""
found = []
for folder in ("/", "/usr/lib", "/etc", "/dev", "/sys/devices/system/cpu", "/intentos",
               "/intentos/packages/0", "/intentos/source/executors", {SHADERS!r}):
    try:
        open(folder + "/x", "w").close()
        found.append(folder)
    except OSError:
        pass
print(json.dumps(found))"""
    assert inside(walls, code) == [SHADERS]
    assert (tmp_path / "shaders" / "x").exists()


def test_there_is_no_network_and_nobody_else(walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_TOKEN", "abc")
    code = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), 1)
    met = "connected"
except OSError as error:
    met = error.errno
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "met": met,
    "devices": sorted(l.split(":")[0].strip() for l in open("/proc/net/dev") if ":" in l),
    "processes": [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 4],
    "rights": int(status["CapEff"], 16) | int(status["CapPrm"], 16),
    "locked": int(status["NoNewPrivs"]),
    "filter": int(status["Seccomp"]),
    "secret": "A_SECRET_TOKEN" in os.environ or "INTENTOS_OWNER" in os.environ,
}))"""
    found = inside(walls, code)
    assert found.pop("met") in (101, 111)  # ENETUNREACH; ECONNREFUSED where there is no filter
    assert found["filter"] in (0, 2)
    del found["filter"]
    assert found == {
        "devices": ["lo"],
        "processes": [],
        "rights": 0,
        "locked": 1,
        "secret": False,
    }


async def test_a_step_runs_behind_walls_and_says_so(walls: Walls, tmp_path: Path) -> None:
    executor = WebGPUExecutor()
    result = await executor.execute(moving(3), Recorder(tmp_path / "steps").context())
    assert result.status is StepStatus.OK, result.error
    assert executor.isolation == "sandbox"


async def test_without_bubblewrap_it_runs_all_the_same_and_says_so(
    walls: Walls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Path:
        raise ExecutorUnavailable("sandbox.no_bubblewrap")

    monkeypatch.setattr(bubblewrap, "find", none)
    executor = WebGPUExecutor()
    result = await executor.execute(moving(3), Recorder(tmp_path / "steps").context())
    assert result.status is StepStatus.OK, result.error
    assert executor.isolation == "process"


def test_walls_that_fall_are_not_stood_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho No permissions to create new namespace >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "find", lambda: broken)
    assert not Walls(tmp_path / "shaders").stand()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--unshare-user" in Walls(tmp_path / "shaders")._bubblewrap(None)


def test_a_folder_for_shaders_that_cannot_be_made_means_no_walls(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not Walls(tmp_path / "file" / "shaders").stand()


async def test_a_worker_that_lies_names_no_file_of_ours(
    walls: Walls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intentos.executors.worker import Worker

    executor = WebGPUExecutor()
    context = Recorder(tmp_path / "steps").context()
    honest = Worker.read

    async def lie(self: Worker, silence: float | None) -> dict[str, Any]:
        message = await honest(self, silence)
        if message["kind"] == "done":
            message["outputs"] = ["/etc/passwd", "../../secret", "total"]
        return message

    monkeypatch.setattr(Worker, "read", lie)
    result = await executor.execute(moving(3), context)
    assert result.status is StepStatus.OK, result.error
    names = [artifact.name for artifact in result.artifacts]
    assert names == ["film.mp4", "film.gif", "series.csv", "total.npy"]
