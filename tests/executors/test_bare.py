"""Python without a sandbox: never as root, never unasked, and gone when the step ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors.bare import BareExecutor
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.registry import Registry

# What is installed may lie where only root looks; the right to read is all that root keeps.
READS = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
ORDINARY = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", *READS]

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from intentos.executors.bare import BareExecutor
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.types import Artifact, Limits, sha256

job = json.loads(sys.stdin.read())
saved = {}

async def save(name, data, media_type):
    data = data if isinstance(data, bytes) else Path(data).read_bytes()
    saved[name] = data.decode()
    return Artifact(id=sha256(data), name=name, media_type=media_type, size=len(data), step_id="s")

async def main():
    folder = Path(job["folder"])
    context = StepContext(
        values={"n": 6}, live=frozenset(), seed=7, inputs={}, workdir=folder,
        limits=Limits(wall_time=job["seconds"], memory_bytes=2**30), emit=lambda _: None, save=save,
    )
    executor = BareExecutor()
    executor.check()
    work = asyncio.ensure_future(executor.execute(
        Step(id="s", language="python", code=job["code"]), context
    ))
    if job["stop"]:
        while not (folder / "inside" / "ready").exists() and not work.done():
            await asyncio.sleep(0.02)
        work.cancel()
        await asyncio.wait([work])
        print(json.dumps({"status": "canceled" if work.cancelled() else "?"}))
        return
    result = await work
    print(json.dumps({
        "status": result.status, "stdout": result.stdout, "saved": saved,
        "values": {name: q.value for name, q in result.values.items()},
        "error": result.error and result.error.code,
    }))

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return an empty work folder that an ordinary user may write."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="intentos-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


def run(code: str, folder: Path, *, seconds: float = 60, stop: bool = False) -> dict[str, object]:
    """Run a step as an ordinary user, whoever runs the test."""
    import json

    as_user = ORDINARY if os.geteuid() == 0 else []
    job = {"code": code, "folder": str(folder), "seconds": seconds, "stop": stop}
    command = [*as_user, sys.executable, "-P", "-c", PROGRAM]
    environment = {**os.environ, "HOME": str(folder)}
    try:
        done = subprocess.run(
            command, input=json.dumps(job), capture_output=True, text=True, timeout=120,
            env=environment, cwd=folder,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("setpriv is not installed, and the test runs as root")
    if done.returncode and "Permission denied" in done.stderr + done.stdout:
        pytest.skip("an ordinary user cannot read this installation")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_it_runs_what_the_sandbox_runs(folder: Path) -> None:
    code = (
        "import numpy as np\nreport('x', int(np.arange(parameters['n']).sum()), 'm')\n"
        "save('note', 'done')\nprint('hello')\nopen('scratch', 'w').write('x')"
    )
    found = run(code, folder)
    assert (found["status"], found["error"]) == ("ok", None)
    assert (found["stdout"], found["values"]) == ("hello\n", {"x": 15})
    assert found["saved"] == {"note.txt": "done"}
    assert (folder / "inside" / "scratch").exists()


def test_failing_code_is_a_result(folder: Path) -> None:
    assert run("print('a')\nraise ValueError('mine')", folder)["status"] == "failed"


FORKS = """
import os, time
open('ready', 'w').close()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            open('alive', 'w').close()
            time.sleep(0.02)
    os._exit(0)
time.sleep(1e9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
@pytest.mark.parametrize("stop", [False, True])
def test_nothing_is_left_when_time_is_over_or_it_is_stopped(folder: Path, stop: bool) -> None:
    found = run(FORKS, folder, seconds=3, stop=stop)
    assert found["status"] == ("canceled" if stop else "timed_out")
    alive = folder / "inside" / "alive"
    alive.unlink(missing_ok=True)
    time.sleep(0.5)
    assert not alive.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="takes root")
def test_root_is_refused() -> None:
    with pytest.raises(ExecutorUnavailable, match="ordinary user"):
        BareExecutor().check()


def test_it_comes_last_and_only_where_it_is_said() -> None:
    registry = Registry(plugins=False)
    step = Step(id="s", language="python", code="1")
    try:
        usual = choose_executor(step, registry)
    except ExecutorUnavailable:
        return  # no sandbox works here: then the remedy is told, and this one is not taken
    assert usual.isolation in ("sandbox", "container")
    assert choose_executor(step, registry, unsafe_no_sandbox=True) is usual
