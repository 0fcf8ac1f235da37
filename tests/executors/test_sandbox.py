"""Python steps in the sandbox: what they can do, and what becomes of those that try more."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
import textwrap
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy
import pytest
from PIL import Image

from intentos.errors import StoreError
from intentos.events import OutputWritten, ProgressMade
from intentos.executors.samples import python
from intentos.executors.sandbox import SandboxExecutor
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.testing import (
    PATIENCE,
    ExecutorContract,
    Recorder,
    assert_explained,
    until,
)
from intentos.types import Limits, Value

SLEEPS = """
import os, time
os.fork()
os.fork()
time.sleep(1e9)
"""
MEETS = """
import os, time
for folder in (".", "/tmp", "/dev/shm"):
    if os.path.isdir(folder):
        open(f"{folder}/trace", "x").close()
time.sleep(1)
assert os.listdir("/dev/shm") == ["trace"], os.listdir("/dev/shm")
assert sum(name.isdigit() for name in os.listdir("/proc")) == 2, os.listdir("/proc")
"""


@pytest.fixture(scope="module")
def template() -> Iterator[SandboxExecutor]:
    """Return an executor with a warm template, which all tests share."""
    executor = SandboxExecutor()

    async def ready() -> bool:
        await executor.warm()
        return await executor.ready()

    assert asyncio.run(ready()), executor.why_cold
    yield executor
    asyncio.run(executor.cool())


@pytest.fixture(params=["cold", "warm"])
def executor(request: pytest.FixtureRequest) -> SandboxExecutor:
    """Return the executor as one-shot commands have it, and as programs that stay do."""
    if request.param == "cold":
        return SandboxExecutor()
    warm: SandboxExecutor = request.getfixturevalue("template")
    return warm


class TestSandbox(ExecutorContract):
    samples = replace(python(), sleeps=SLEEPS, meets=MEETS)

    @pytest.fixture(params=["cold", "warm"])
    def executor(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> SandboxExecutor:
        if request.param == "cold":
            return SandboxExecutor()
        # The child that waits for the next step would be counted as one that was left.
        monkeypatch.setattr("intentos.executors.template.FORK_AHEAD", False)
        warm: SandboxExecutor = request.getfixturevalue("template")
        return warm


@dataclass
class Place(Recorder):
    """A recorder that knows where the steps run."""

    executor: SandboxExecutor = field(default_factory=SandboxExecutor)


@pytest.fixture
def recorder(tmp_path: Path, executor: SandboxExecutor) -> Place:
    return Place(tmp_path, executor=executor)


async def run(
    recorder: Place,
    code: str,
    *,
    values: dict[str, Value] | None = None,
    inputs: dict[str, Path] | None = None,
    seed: int = 7,
    **limits: float,
) -> StepResult:
    step = Step(id="step", language="python", code=textwrap.dedent(code))
    context = recorder.context(
        values=values,
        inputs=inputs,
        seed=seed,
        limits=Limits.model_validate({"wall_time": 60} | limits),
        step_id="step",
    )
    result = await recorder.executor.execute(step, context)
    assert list(context.workdir.iterdir()) == []
    return result


def problem(result: StepResult, code: str) -> dict[str, object]:
    assert_explained(result)
    assert result.error is not None
    assert result.error.code == code, result.error.text("en")
    return result.error.arguments


# What code can do.


async def test_a_persons_formula_is_read_not_run(recorder: Place) -> None:
    code = """
f = formula(parameters["f"], "x", a=2.0)
report("there", f(3.0))
save("curve", f(__import__("numpy").linspace(0, 1, 5)))
"""
    result = await run(recorder, code, values={"f": "a x^2 + 1"})
    assert result.values["there"].value == 19
    hostile = await run(recorder, code, values={"f": "__import__('os').getpid()"})
    assert hostile.status is StepStatus.FAILED
    assert "no part of a formula" in hostile.stderr or "not known" in hostile.stderr


async def test_code_computes_with_its_parameters(recorder: Place) -> None:
    code = """
        report("primes", sum(all(n % d for d in range(2, int(n**0.5) + 1))
                             for n in range(2, parameters["below"])))
        report("seed", seed)
    """
    result = await run(recorder, code, values={"below": 1000, "text": "'; import os"})
    assert result.status is StepStatus.OK
    assert result.values["primes"].value == 168
    assert result.values["seed"].value == 7
    assert result.device.startswith("Python 3.")


async def test_arguments_of_the_step_come_before_the_plans_values(recorder: Place) -> None:
    step = Step(
        id="step",
        language="python",
        code="report('sum', parameters['a'] + parameters['b'][0])",
        arguments={"a": "$cars", "b": [30, "x"]},
    )
    result = await recorder.executor.execute(step, recorder.context(values={"cars": 12}))
    assert result.values["sum"].value == 42


async def test_numbers_come_out_as_they_are(recorder: Place) -> None:
    code = """
        import numpy
        report("exact", 3**500)
        report("longer", 7**6000)
        report("speed", numpy.float32(1.5), "m/s")
        report("right", numpy.bool_(True))
        report("word", "爱心 ❤")
    """
    values = (await run(recorder, code)).values
    assert values["exact"].value == 3**500
    assert zlib.crc32(values["longer"].value.encode()) == zlib.crc32(_decimal(7**6000))
    assert (values["speed"].value, values["speed"].unit) == (1.5, "m/s")
    assert values["right"].value is True
    assert values["word"].value == "爱心 ❤"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("report('x', float('nan'))", "not a finite number"),
        ("report('x', {1})", "takes a number, a truth value, a short list or text, not set"),
        ("report('mean speed', 1)", "letters, digits and underscores"),
        ("report('x', 1, 2)", "the unit is text"),
        ("save('../x', 'text')", "no slash"),
        ("save('.bashrc', 'text')", "no dot in front"),
        ("save('x', object())", "cannot save object"),
        ("save('x', b'bytes')", "an extension"),
        ("import numpy; save('x', numpy.array([{}]))", "Python objects"),
        ("save('x', {'a': float('inf')})", "JSON"),
    ],
)
async def test_what_cannot_be_handed_out_is_said_clearly(
    recorder: Place, call: str, said: str
) -> None:
    result = await run(recorder, f"print(1)\n{call}")
    assert result.status is StepStatus.FAILED
    arguments = problem(result, "sandbox.exception")
    assert said in str(arguments["what"])
    assert arguments["line"] == 2
    assert recorder.saved == {}


async def test_every_kind_of_thing_is_saved_in_its_own_format(recorder: Place) -> None:
    code = """
        import numpy
        from PIL import Image
        save("array", numpy.arange(6.0).reshape(2, 3))
        save("arrays", {"x": numpy.arange(3), "y": numpy.ones(2)})
        save("table", [{"a": 1, "b": "你"}, {"a": 2, "c": 3}])
        save("table", [[1, 2], [3, 4]])
        save("matrix.csv", numpy.eye(2))
        save("text", "你好")
        save("page.html", "<p>")
        save("raw.bin", b"\\x00\\x01")
        save("facts", {"mean": numpy.float64(2.5), "list": numpy.arange(2)})
        save("picture", Image.new("RGB", (3, 2), "red"))
        save("pixels.png", numpy.zeros((4, 5, 3), "uint8"))
    """
    result = await run(recorder, code)
    assert result.status is StepStatus.OK, result.stderr
    saved = {name: content for name, (content, _) in recorder.saved.items()}
    types = {name: media_type for name, (_, media_type) in recorder.saved.items()}
    assert numpy.load(io.BytesIO(saved["array.npy"])).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert numpy.load(io.BytesIO(saved["arrays.npz"]))["y"].tolist() == [1, 1]
    rows = list(csv.DictReader(io.StringIO(saved["table.csv"].decode())))
    assert rows[0] == {"a": "1", "b": "你", "c": ""}
    assert saved["table-2.csv"] == b"1,2\n3,4\n"
    assert saved["text.txt"].decode() == "你好"
    assert saved["raw.bin"] == b"\x00\x01"
    assert json.loads(saved["facts.json"]) == {"mean": 2.5, "list": [0, 1]}
    assert Image.open(io.BytesIO(saved["picture.png"])).size == (3, 2)
    assert Image.open(io.BytesIO(saved["pixels.png"])).size == (5, 4)
    assert (types["table.csv"], types["page.html"]) == ("text/csv", "text/html")


async def test_a_figure_that_nobody_saved_is_saved_with_its_chinese_text(
    recorder: Place,
) -> None:
    code = """
        import matplotlib.pyplot as plt, warnings
        warnings.simplefilter("error")
        plt.rcParams["font.sans-serif"] = ["SimHei"]
        for _ in range(2):
            plt.figure()
            plt.plot([1, 2, 3], label="温度")
            plt.title("速度与时间 −1")
            plt.legend()
        plt.figure(1)
        save("kept", plt.gcf())
    """
    result = await run(recorder, code)
    # A glyph that no font has is a warning, and warnings are errors here.
    assert result.status is StepStatus.OK, result.stderr
    assert sorted(recorder.saved) == ["figure.png", "kept.png"]
    assert Image.open(io.BytesIO(recorder.saved["kept.png"][0])).size == (960, 720)


async def test_frames_become_a_film(recorder: Place) -> None:
    code = """
        import numpy
        frames = numpy.zeros((40, 32, 48, 3), "uint8")
        for i in range(40):
            frames[i, :, i] = (255, 0, 0)
        save("moving", frames, fps=20)
    """
    result = await run(recorder, code)
    assert result.status is StepStatus.OK, result.error
    assert sorted(recorder.saved) == ["moving.gif", "moving.mp4"]
    film = Image.open(io.BytesIO(recorder.saved["moving.gif"][0]))
    assert film.size == (48, 32)
    assert getattr(film, "n_frames", 1) >= 36
    assert recorder.saved["moving.mp4"][1] == "video/mp4"


async def test_an_earlier_steps_file_is_read_by_name(recorder: Place, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("1,2,3")
    path.chmod(0o600)  # as the store leaves it
    code = "report('sum', sum(map(int, open(inputs['numbers']).read().split(','))))"
    result = await recorder.executor.execute(
        Step(id="step", language="python", code=code),
        recorder.context(inputs={"numbers": path}),
    )
    assert result.values["sum"].value == 6


async def test_output_and_progress_are_told_while_the_code_runs(recorder: Place) -> None:
    code = """
        import time, sys
        print("first")
        progress(0.5)
        time.sleep(60)
    """
    running = asyncio.ensure_future(run(recorder, code))
    end = time.monotonic() + PATIENCE
    while len(recorder.events) < 2:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert OutputWritten(step_id="step", stream="stdout", text="first\n") in recorder.events
    told = ProgressMade(stage="stage.computing", fraction=0.5, step_id="step")
    assert told in recorder.events


async def test_the_same_seed_gives_the_same_numbers(recorder: Place) -> None:
    code = """
        import random, numpy
        report("python", random.random())
        report("legacy", numpy.random.rand())
        report("modern", numpy.random.default_rng().random())
        report("other", numpy.random.default_rng().random())
    """
    first, again = await run(recorder, code, seed=1), await run(recorder, code, seed=1)
    other = await run(recorder, code, seed=2)
    assert first.values == again.values
    assert len({value.value for value in first.values.values()}) == 4
    assert all(first.values[name] != other.values[name] for name in first.values)


async def test_sets_have_one_order_for_every_seed(recorder: Place) -> None:
    code = "report('order', ' '.join({'a', 'bc', 'def', 'ghi', 'j'})); report('hash', hash('text'))"
    values = [(await run(recorder, code, seed=seed)).values for seed in (1, 2)]
    elsewhere = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "print(hash('text'))",
        env=os.environ | {"PYTHONHASHSEED": "0"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await elsewhere.communicate()
    assert values[0] == values[1]
    assert values[0]["hash"].value == int(said)


async def test_processes_of_ones_own_can_be_used(recorder: Place) -> None:
    code = """
        from concurrent.futures import ProcessPoolExecutor
        def square(x): return x * x
        with ProcessPoolExecutor(2) as pool:
            report("sum", sum(pool.map(square, range(10))))
    """
    result = await run(recorder, code)
    assert result.values["sum"].value == 285, result.stderr


# What happens to code that tries more.


async def test_failing_code_is_told_by_line(recorder: Place) -> None:
    result = await run(recorder, "save('kept', 'text')\nx = 0\nprint(1 / x)")
    arguments = problem(result, "sandbox.exception")
    assert arguments["line"] == 3
    assert "ZeroDivisionError" in str(arguments["what"])
    assert "harness" not in result.stderr
    assert "print(1 / x)" in result.stderr
    assert list(recorder.saved) == ["kept.txt"]
    assert result.artifacts[0].name == "kept.txt"


async def test_broken_syntax_is_told_by_line(recorder: Place) -> None:
    assert problem(await run(recorder, "x = 1\ndef f(\n"), "sandbox.exception")["line"] == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import socket\nsocket.socket()", "sandbox.network"),
        ("import socket\nsocket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "sandbox.network"),
        ("import urllib.request\nurllib.request.urlopen('http://example.com')", "sandbox.network"),
        ("import os\nprint(os.listdir(os.path.expanduser('~')))", "sandbox.exception"),
        ("import pathlib\nprint(list(pathlib.Path.home().iterdir()))", "sandbox.exception"),
        ("print(1)\nprint(open('/etc/passwd').read())", "sandbox.exception"),
        ("import os\nwhile True: os.fork()", "sandbox.processes"),
        ("import threading, time\nfor _ in range(999): "
         "threading.Thread(target=time.sleep, args=(9,)).start()", "sandbox.processes"),
        ("print(1)\nb = bytearray(100 * 1024**3)", "sandbox.memory"),
        ("import numpy\na = numpy.ones(100 * 1024**3 // 8)", "sandbox.memory"),
        ("print(1)\nopen('big', 'wb').write(bytes(300 * 1024**2))", "sandbox.storage"),
        ("import os\nopen('/intentos/x', 'w')", "sandbox.exception"),
        ("import os\nos.mkdir('/x')", "sandbox.exception"),
        ("import os\nos.setuid(0)", "sandbox.exception"),
        ("import os\nos.open('/proc/sys/kernel/hostname', os.O_WRONLY)", "sandbox.exception"),
        ("import sys\nsys.exit('enough')", "sandbox.exit"),
    ],
)  # fmt: skip
async def test_hostile_code_fails_with_a_reason(recorder: Place, code: str, reason: str) -> None:
    result = await run(recorder, code)
    assert result.status is StepStatus.FAILED
    assert problem(result, reason)["line"] == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(0)", "sandbox.ended_early"),
        ("import ctypes; ctypes.string_at(0)", "sandbox.killed"),
        ("import os; os.kill(os.getpid(), 9)", "sandbox.killed"),
        ("import os\nfor fd in range(3, 64):\n"
         " try: os.write(fd, b'{\"kind\": \"value\", \"name\": \"x\", \"value\": NaN}\\n')\n"
         " except OSError: pass\nimport time; time.sleep(99)", "sandbox.protocol"),
        ("import numpy\nsave('big', numpy.zeros(300 * 1024**2, 'uint8'))",
         "sandbox.storage_together"),
        ("import numpy, os\nos.fork(); os.fork(); a = numpy.ones(10**8)\nimport time\n"
         "time.sleep(99)", "sandbox.memory_together"),
    ],
)  # fmt: skip
async def test_code_that_breaks_the_whole_is_stopped(
    recorder: Place, code: str, reason: str
) -> None:
    result = await run(recorder, code)
    assert result.status is StepStatus.FAILED
    problem(result, reason)
    assert result.values == {}


async def test_a_fork_bomb_that_never_gives_up_runs_out_of_time(recorder: Place) -> None:
    code = """
        import os
        print(os.readlink("/proc/self/ns/pid"), flush=True)
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """
    result = await run(recorder, code, wall_time=3)
    assert result.status is StepStatus.TIMED_OUT
    problem(result, "sandbox.timed_out")
    namespace = result.stdout.strip().splitlines()[0]
    assert namespace.startswith("pid:[")
    assert members(namespace) == []


async def test_canceling_leaves_no_process_of_its_namespace(recorder: Place) -> None:
    code = """
        import os, time
        print(os.readlink("/proc/self/ns/pid"), flush=True)
        for _ in range(4):
            os.fork()
        time.sleep(1e9)
    """
    running = asyncio.ensure_future(run(recorder, code))
    end = time.monotonic() + PATIENCE
    while not recorder.events:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    event = recorder.events[0]
    assert isinstance(event, OutputWritten)
    namespace = event.text.strip()
    until(lambda: len(members(namespace)) > 10, "the code should have forked")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert members(namespace) == []


async def test_code_is_a_user_that_nobody_else_is_without_rights(recorder: Place) -> None:
    code = """
        import os
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
        report("user", os.getuid())
        report("rights", int(status["CapEff"], 16) | int(status["CapPrm"], 16))
        report("locked", int(status["NoNewPrivs"]))
        report("filter", int(status["Seccomp"]))
        net = open("/proc/net/dev")
        report("network", " ".join(l.split(":")[0].strip() for l in net if ":" in l))
        report("environment", " ".join(sorted(os.environ)))
        report("root", " ".join(sorted(os.listdir("/"))))
    """
    values = {name: q.value for name, q in (await run(recorder, code)).values.items()}
    assert values["user"] != 0
    assert (values["rights"], values["locked"], values["filter"]) == (0, 1, 2)
    assert values["network"] == "lo"
    assert not {"PATH", "HOME"} - set(values["environment"].split())
    assert "INTENTOS_HOME" not in values["environment"]
    assert set(values["root"].split()) <= {"dev", "etc", "intentos", "lib", "lib64", "proc", "usr"}


async def test_new_namespaces_cannot_be_made(recorder: Place) -> None:
    code = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        report("unshare", libc.unshare(0x10000000))
        report("error", ctypes.get_errno())
        report("mount", libc.mount(b"none", b"/intentos/work", b"tmpfs", 0, None))
        report("memfd", libc.memfd_create(b"x", 0))
    """
    values = {name: q.value for name, q in (await run(recorder, code)).values.items()}
    assert values == {"unshare": -1, "error": 1, "mount": -1, "memfd": -1}


async def test_a_disk_that_cannot_be_written_is_no_fault_of_the_code(recorder: Place) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match="could not be written"):
            await run(recorder, "save('big', 'x' * 1_000_000)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert recorder.saved == {}


async def test_a_forked_child_cannot_speak_for_the_step(recorder: Place) -> None:
    code = """
        import os
        child = os.fork()
        if child == 0:
            report("x", 2)
        os.waitpid(child, 0)
        report("x", 1)
    """
    result = await run(recorder, code)
    assert result.status is StepStatus.OK
    assert result.values["x"].value == 1
    assert "first process only" in result.stderr


def members(namespace: str) -> list[int]:
    """Return the processes of the whole machine that are in a pid namespace."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/ns/pid") == namespace:
                    found.append(int(entry))
            except OSError:  # ended, or not ours to see
                continue
    return found


def _decimal(number: int) -> bytes:
    digits = []
    while number:
        number, chunk = divmod(number, 10**1000)
        digits.append(f"{chunk:01000d}")
    return "".join(reversed(digits)).lstrip("0").encode()


async def test_exact_and_symbolic_numbers_and_short_lists_can_be_reported(
    recorder: Place,
) -> None:
    code = """
from decimal import Decimal
from fractions import Fraction

import numpy as np
import sympy

report("fraction", Fraction(1, 4))
report("decimal", Decimal("2.5"))
report("symbol", sympy.sqrt(2) * sympy.pi)
report("integer", sympy.Integer(10) ** 20)
report("complex", 1 + 2j)
report("list", [1, 2.5, "three", sympy.Rational(1, 2)])
report("array", np.arange(3))
"""
    result = await run(recorder, code)
    assert result.status == "ok", result.stderr
    values = {name: quantity.value for name, quantity in result.values.items()}
    assert values == {
        "fraction": 0.25,
        "decimal": 2.5,
        "symbol": pytest.approx(4.442882938),
        "integer": 10**20,
        "complex": "(1+2j)",
        "list": [1, 2.5, "three", 0.5],
        "array": [0, 1, 2],
    }


@pytest.mark.parametrize("thing", ["[[1, 2]]", "list(range(2000))", "object()", "[float('nan')]"])
async def test_what_is_no_number_is_told(recorder: Place, thing: str) -> None:
    result = await run(recorder, f"report('x', {thing})")
    assert result.status == "failed"
    assert result.error is not None
    assert "report('x'" in result.error.text("en")
