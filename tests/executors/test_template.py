"""The warm template: as good as a fresh process, nobody's neighbour, gone with its program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.bench.leaks import Traces
from intentos.contract import descendants, lives
from intentos.errors import ExecutorUnavailable
from intentos.executors import bubblewrap, standby, template
from intentos.executors.harness_template import LIBRARIES
from intentos.executors.sandbox import SandboxExecutor
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.testing import Recorder, until
from intentos.types import Limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux's")

HOW = "report('how', 'warm' if 'harness_template' in open('/proc/1/cmdline').read() else 'cold')\n"
STATE = (
    f"import {', '.join(LIBRARIES)}"
    + """
import gc, locale, os, random, resource, signal, sys, threading, time, warnings
def text(thing): return repr(thing)[:900]
report("environment", text(sorted(os.environ.items())))
report("folder", text([os.getcwd(), sorted(os.listdir()), sorted(os.listdir("/dev/shm"))]))
report("random", random.random())
report("numpy_random", float(numpy.random.rand()))
report("generator", float(numpy.random.default_rng().random()))
report("arguments", text([sys.argv[:1], sys.flags, sys.orig_argv[1:5], sys.path[-2:]]))
report("collector", text([gc.isenabled(), gc.get_threshold()]))
report("filters", text(sorted(map(repr, warnings.filters))))
report("signals", text([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]))
report("threads", text([threading.active_count(), threading.current_thread().name]))
report("process", text([os.getpid(), os.getppid(), os.umask(0o22), os.nice(0), os.getpgrp()]))
limits = {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n[:7] == "RLIMIT_"}
del limits["RLIMIT_AS"], limits["RLIMIT_NPROC"]
report("limits", text(limits))
report("streams", text([(type(s).__name__, s.encoding, s.errors, s.line_buffering, s.fileno())
                        for s in (sys.stdin, sys.stdout, sys.stderr)]))
report("input", sys.stdin.read())
report("locale", text([locale.getlocale(), time.tzname]))
rc = {k: v for k, v in matplotlib.rcParams.items()}
report("rc", text(hash(text(sorted((k, repr(v)) for k, v in rc.items())))))
report("fonts", text([rc["font.family"], rc["backend"], matplotlib.get_configdir()]))
report("figures", text(matplotlib.pyplot.get_fignums()))
report("errors", text([numpy.geterr(), numpy.get_printoptions()]))
report("hash", hash("text"))
report("descriptors", text(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3]))
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
report("rights", text([status[n] for n in ("CapPrm", "CapEff", "CapAmb", "NoNewPrivs",
                                           "Seccomp", "Groups", "Threads")]))
"""
)
STRANGE = """
import os, socket, stat
names = [int(name) for name in os.listdir("/proc/self/fd")]
kinds = []
for name in names:
    try:
        kinds.append(stat.S_ISSOCK(os.fstat(name).st_mode))
    except OSError:
        pass
report("sockets", sum(kinds))
report("descriptors", len(kinds))
report("processes", sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
reached = []
for process in range(3, 400):
    try:
        os.kill(process, 0)
        reached.append(process)
    except ProcessLookupError:
        pass
report("reached", reached)
report("spaces", " ".join(os.readlink(f"/proc/self/ns/{kind}")
                          for kind in ("user", "pid", "mnt", "net", "ipc", "uts")))
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[SandboxExecutor]:
    """Return an executor whose template is ready."""
    executor = SandboxExecutor()
    try:
        executor.check()
    except ExecutorUnavailable as unavailable:
        pytest.skip(str(unavailable))
    assert asyncio.run(ready(executor)), executor.why_cold
    yield executor
    asyncio.run(executor.cool())


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "steps")


async def ready(executor: SandboxExecutor) -> bool:
    await executor.warm()
    return await executor.ready()


async def run(
    executor: SandboxExecutor, recorder: Recorder, code: str, **more: object
) -> StepResult:
    context = recorder.context(**{"seed": 7, "limits": Limits(wall_time=60), **more})  # type: ignore[arg-type]
    step = Step(id="step", language="python", code=textwrap.dedent(code))
    return await executor.execute(step, context)


@pytest.fixture
async def settled(warm: SandboxExecutor, recorder: Recorder) -> SandboxExecutor:
    """Return the same executor when what an earlier test did to its template is mended."""
    for _ in range(3):
        if await how(warm, recorder) == "warm":
            return warm
        await warm.ready()
    raise AssertionError(f"still cold: {warm.why_cold}")


async def how(executor: SandboxExecutor, recorder: Recorder, **more: object) -> str:
    result = await run(executor, recorder, HOW, **more)
    assert result.status is StepStatus.OK, result.stderr
    return str(result.values["how"].value)


def template_process(executor: SandboxExecutor) -> int:
    """Return an executor's template: other tests of this process may have one, too."""
    template = executor._standby._template
    assert template is not None, "there is no template"
    assert template._inside is not None
    return template._inside


async def test_code_finds_everything_as_in_a_fresh_process(
    settled: SandboxExecutor, recorder: Recorder
) -> None:
    assert await how(settled, recorder) == "warm"
    cold = SandboxExecutor()
    results = [await run(executor, recorder, STATE) for executor in (cold, settled, settled)]
    for result in results:
        assert result.status is StepStatus.OK, result.stderr
    fresh, first, second = ({n: q.value for n, q in r.values.items()} for r in results)
    assert {n: (fresh[n], first[n]) for n in fresh if fresh[n] != first[n]} == {}
    assert first == second


async def test_a_step_reaches_neither_the_template_nor_another_step(
    settled: SandboxExecutor, recorder: Recorder
) -> None:
    waits = STRANGE + "import time\ntime.sleep(1)\n"
    results = await asyncio.gather(*(run(settled, recorder, waits) for _ in range(2)))
    spaces = []
    for result in results:
        assert result.status is StepStatus.OK, result.stderr
        values = {name: quantity.value for name, quantity in result.values.items()}
        assert values["sockets"] == 0
        assert values["descriptors"] == 4  # three streams and the report
        assert values["processes"] == [1, 2]
        assert values["reached"] == []
        spaces.append(set(str(values["spaces"]).split()))
    own = template_process(settled)
    kinds = ("user", "pid", "mnt", "net", "ipc", "uts")
    spaces.append({os.readlink(f"/proc/{own}/ns/{kind}") for kind in kinds})
    assert len(set.union(*spaces)) == 3 * len(kinds)


async def test_inputs_are_copies_that_cannot_be_written(
    settled: SandboxExecutor, recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("1,2,3")
    path.chmod(0o600)
    code = HOW + "report('text', open(inputs['numbers']).read())\nopen(inputs['numbers'], 'w')"
    result = await run(settled, recorder, code, inputs={"numbers": path})
    assert result.values["how"].value == "warm"
    assert result.values["text"].value == "1,2,3"
    assert result.error is not None
    assert "numbers.csv" in str(result.error.arguments["what"])
    assert path.read_text() == "1,2,3"


async def test_large_inputs_are_bound_into_a_cold_sandbox(
    settled: SandboxExecutor, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("1,2,3")
    monkeypatch.setattr(template, "MOST_INPUT_BYTES", 4)
    assert await how(settled, recorder, inputs={"numbers": path}) == "cold"
    assert await how(settled, recorder) == "warm"


async def test_other_packages_make_another_template(
    settled: SandboxExecutor, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = template_process(settled), standby.key()
    monkeypatch.setattr(standby, "key", lambda: (*now, "numpy 9 was installed"))
    assert await how(settled, recorder) == "cold"
    assert await settled.ready()
    assert await how(settled, recorder) == "warm"
    assert template_process(settled) != before
    until(lambda: not lives(before), "the old one should have ended", seconds=30)


def test_the_key_changes_when_something_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    before = standby.key()
    assert standby.key() == before
    (packages / "something.dist-info").mkdir()
    os.utime(packages, ns=(1, 1))  # clocks are coarse
    assert standby.key() != before


async def test_a_template_is_replaced_after_its_share(
    settled: SandboxExecutor, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = template_process(settled)
    monkeypatch.setattr(template, "MOST_STEPS", 0)
    assert await how(settled, recorder) == "warm"  # the old one serves until the new one is there
    monkeypatch.undo()
    assert await settled.ready()
    until(lambda: not lives(before), "the old one should have ended", seconds=30)
    assert await how(settled, recorder) == "warm"


async def test_a_killed_template_costs_time_and_nothing_else(
    settled: SandboxExecutor, recorder: Recorder
) -> None:
    victim = template_process(settled)
    below = [process for process in descendants() if _is_below(process, victim)]
    os.kill(victim, signal.SIGKILL)
    # A step that began in between would be killed with it, and say so.
    until(lambda: not any(map(lives, below)), "children are left")
    assert await how(settled, recorder) == "cold"
    await how(settled, recorder)  # the first to see that it is gone has a new one made
    assert await settled.ready()
    assert await how(settled, recorder) == "warm"


async def test_a_step_whose_template_is_killed_says_so_and_leaves_nothing(
    settled: SandboxExecutor, recorder: Recorder
) -> None:
    code = "import os, time\nprint('up', flush=True)\nos.fork()\ntime.sleep(1e9)"
    running = asyncio.ensure_future(run(settled, recorder, code))
    while not recorder.events:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.02)
    victim = template_process(settled)
    os.kill(victim, signal.SIGKILL)
    result = await running
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "sandbox.killed"
    await how(settled, recorder)
    assert await settled.ready()


async def test_one_that_does_not_start_leaves_steps_cold_and_the_reason_known(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ["/bin/sh", "-c", "echo this kernel has no namespaces >&2; exit 1"]
    monkeypatch.setattr(bubblewrap, "template_command", lambda *_: refusal)
    executor = SandboxExecutor()
    try:
        assert not await ready(executor)
        assert "no namespaces" in executor.why_cold
        assert await how(executor, recorder) == "cold"
    finally:
        await executor.cool()


def test_it_dies_with_its_program_however_that_ends() -> None:
    program = textwrap.dedent("""
        import asyncio, sys, time
        from intentos.executors.sandbox import SandboxExecutor
        async def main():
            executor = SandboxExecutor()
            await executor.warm()
            print(await executor.ready(), flush=True)
            time.sleep(1000)
        asyncio.run(main())
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"True\n"
        started = [pid for pid in descendants() if _is_below(pid, process.pid)]
        assert len(started) >= 4  # two of bubblewrap's, the template, the child that waits
        process.kill()
    process.wait()
    until(lambda: not any(map(lives, started)), "left", seconds=30)


async def test_steps_in_a_row_leave_nothing(
    settled: SandboxExecutor, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where nobody else leaves files
    await asyncio.sleep(1)  # the child that waits for the next step
    traces = Traces.of_now()
    results = [await run(settled, recorder, "print('x' * 100)") for _ in range(40)]
    assert {result.stdout for result in results} == {"x" * 100 + "\n"}
    left = await traces.left()
    assert left["problems"] == []


def _is_below(process: int, above: int) -> bool:
    while process > 1:
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return False
        process = int(stat.rpartition(")")[2].split()[1])
        if process == above:
            return True
    return False
