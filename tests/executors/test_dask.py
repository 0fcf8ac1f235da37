"""Steps on a person's own machines: the contract, through a real Dask scheduler and worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from intentos.contract import Recorder, descendants, lives, until
from intentos.errors import ExecutorUnavailable
from intentos.events import OutputWritten
from intentos.executors.dask import DaskExecutor
from intentos.executors.samples import python
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import Executor
from intentos.registry import Registry
from intentos.run import StepStatus
from intentos.testing import ExecutorContract

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="needs Dask: pip install 'intentos-runtime[dask]'"
)


def dask(command: str, *arguments: str, log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start a scheduler or a worker as a person would."""
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{command}", "--no-dashboard", *arguments],
            stdout=out,
            stderr=out,
            env=os.environ | variables,
        )


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a scheduler that has a worker."""
    folder = tmp_path_factory.mktemp("dask")
    file, home = folder / "scheduler.json", folder / "home"
    started = []
    try:
        quiet = ["--scheduler-file", str(file), "--host", "127.0.0.1"]
        log = folder / "scheduler.log"
        started.append(dask("scheduler", *quiet, "--port", "0", log=log))
        until(file.exists, f"no scheduler: {log.read_text()}", 60)
        log = folder / "worker.log"
        one = ["--nworkers", "1", "--nthreads", "4", "--local-directory", str(folder)]
        started.append(dask("worker", *quiet, *one, log=log, INTENTOS_HOME=str(home)))
        ready = "Starting established connection"
        until(lambda: ready in log.read_text(), f"no worker: {log.read_text()}", 60)
        address: str = json.loads(file.read_text())["address"]
        # The first step takes as long as importing IntentOS does.
        hello = Step(id="s", language="python", code="print('hello')")
        asyncio.run(DaskExecutor(address).execute(hello, Recorder(folder).context()))
        yield address
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@needs_dask
class TestDask(ExecutorContract):
    samples = python()

    @pytest.fixture
    def executor(self, scheduler: str) -> Executor:
        return DaskExecutor(scheduler)


@needs_dask
async def test_a_step_tells_what_it_does_and_where_it_ran(scheduler: str, tmp_path: Path) -> None:
    code = "import time\nprint('begun', flush=True)\ntime.sleep(2)\nsave('note', 'done')"
    recorder = Recorder(tmp_path)
    work = asyncio.create_task(
        DaskExecutor(scheduler).execute(
            Step(id="s", language="python", code=code), recorder.context(step_id="s")
        )
    )
    end = time.monotonic() + 60
    while not any(isinstance(e, OutputWritten) for e in recorder.events):
        assert time.monotonic() < end
        assert not work.done(), "nothing was told before it ended"
        await asyncio.sleep(0.05)
    result = await work
    assert result.status is StepStatus.OK
    assert result.executor == "dask"
    assert result.node.startswith("tcp://127.0.0.1:")
    assert [a.name for a in result.artifacts] == list(recorder.saved)


@needs_dask
def test_a_step_ends_when_whoever_waits_for_it_was_killed(scheduler: str, tmp_path: Path) -> None:
    """The machine that asked is gone without a word: the worker's step goes with it."""
    script = f"""
import asyncio
from pathlib import Path
from intentos.contract import Recorder
from intentos.executors.dask import DaskExecutor
from intentos.plan import Step
code = "print('begun', flush=True)\\nimport time\\ntime.sleep(1000)"
recorder = Recorder(Path({str(tmp_path)!r}))
async def main():
    step = Step(id="s", language="python", code=code)
    executor = DaskExecutor({scheduler!r}, silence=3)
    work = asyncio.create_task(executor.execute(step, recorder.context()))
    while not recorder.events:
        await asyncio.sleep(0.05)
    print("begun", flush=True)
    await work
asyncio.run(main())
"""
    before = descendants()
    asking = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert asking.stdout is not None
    assert asking.stdout.readline() == b"begun\n"
    begun = descendants() - before - {asking.pid}
    asking.kill()
    asking.wait()
    asking.stdout.close()
    until(lambda: not any(map(lives, begun)), "the step goes on", 90)


@needs_dask
async def test_a_cluster_that_does_not_answer_says_so(tmp_path: Path) -> None:
    step = Step(id="s", language="python", code="pass")
    with pytest.raises(ExecutorUnavailable, match=r"tcp://127.0.0.1:9 cannot be reached"):
        await DaskExecutor("tcp://127.0.0.1:9").execute(step, Recorder(tmp_path).context())


@needs_dask
def test_it_is_off_until_a_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step(id="s", language="kernel", code="automaton")
    registry = Registry(plugins=False)
    with pytest.raises(ExecutorUnavailable, match="No cluster is set up"):
        choose_executor(step, registry, where="cluster")
    monkeypatch.setenv("INTENTOS_CLUSTER", "tcp://127.0.0.1:9")
    assert choose_executor(step, registry, where="cluster").name == "dask"
    # What goes to neighbours never goes there instead, nor what stays here.
    with pytest.raises(ExecutorUnavailable, match="joined no mesh"):
        choose_executor(step, registry, where="peer")
    assert choose_executor(step, registry).isolation != "remote"
