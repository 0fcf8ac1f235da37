"""Python steps in containers: what they can do, what they cannot, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from intentos import config
from intentos.errors import ExecutorUnavailable
from intentos.events import OutputWritten
from intentos.executors import docker_engine, docker_image, docker_leftovers
from intentos.executors.docker import DockerExecutor
from intentos.executors.samples import python
from intentos.plan import Step
from intentos.presence import present
from intentos.run import StepResult, StepStatus
from intentos.testing import PATIENCE, ExecutorContract, Recorder, assert_explained, until
from intentos.types import Limits

pytestmark = pytest.mark.usefixtures("docker_here")


class TestDocker(ExecutorContract):
    samples = python()

    @pytest.fixture
    def executor(self) -> DockerExecutor:
        return DockerExecutor()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def api() -> Iterator[Any]:
    """Return a client of the engine."""
    with docker_engine.connect().client() as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left(docker_here: None, api: Any) -> Iterator[None]:
    """Fail a test after which a container of its own state folder is there."""
    yield
    state = docker_leftovers._state(config.load())
    assert api.containers(all=True, filters={"label": f"{docker_leftovers.STATE}={state}"}) == []


async def run(
    recorder: Recorder, code: str, *, inputs: dict[str, Path] | None = None, **limits: float
) -> StepResult:
    step = Step(id="step", language="python", code=textwrap.dedent(code))
    context = recorder.context(
        inputs=inputs,
        limits=Limits.model_validate({"wall_time": 60} | limits),
        step_id="step",
    )
    return await DockerExecutor().execute(step, context)


def problem(result: StepResult, code: str) -> dict[str, object]:
    assert_explained(result)
    assert result.error is not None
    assert result.error.code == code, (result.error.text("en"), result.stderr)
    return result.error.arguments


# What code can do.


async def test_the_libraries_are_those_of_this_machine(recorder: Recorder) -> None:
    import numpy
    import scipy

    code = """
        import numpy, scipy.integrate, sympy, pandas, networkx
        report("numpy", numpy.__version__)
        report("scipy", scipy.__version__)
        report("area", scipy.integrate.quad(lambda x: x * x, 0, 3)[0])
    """
    result = await run(recorder, code)
    assert result.values["numpy"].value == numpy.__version__
    assert result.values["scipy"].value == scipy.__version__
    assert result.values["area"].value == pytest.approx(9)
    assert result.device.startswith("Python 3.")


async def test_a_figure_shows_chinese(recorder: Recorder) -> None:
    code = """
        import matplotlib.pyplot as plt, warnings
        warnings.simplefilter("error")
        plt.plot([1, 2, 3], label="温度")
        plt.title("速度与时间 −1")
        plt.legend()
    """
    result = await run(recorder, code)
    assert result.status is StepStatus.OK, result.stderr  # a missing glyph would be a warning
    assert Image.open(io.BytesIO(recorder.saved["figure.png"][0])).size == (960, 720)


async def test_frames_become_a_film(recorder: Recorder) -> None:
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


async def test_a_large_input_arrives_whole_and_stays_as_it_is_here(
    recorder: Recorder, tmp_path: Path
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_bytes(os.urandom(2**20) * 40)
    path.chmod(0o600)  # as the store leaves it
    code = """
        import hashlib, os
        report("hash", hashlib.sha256(open(inputs["numbers"], "rb").read()).hexdigest())
        os.chmod(inputs["numbers"], 0o600)
        open(inputs["numbers"], "w").write("changed")
    """
    result = await run(recorder, code, inputs={"numbers": path})
    assert result.values["hash"].value == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_large_artifacts_come_out_whole(recorder: Recorder) -> None:
    code = "import numpy; save('big', numpy.arange(20_000_000 // 8)); print('x' * 200_000)"
    result = await run(recorder, code)
    assert result.status is StepStatus.OK, result.error
    assert len(recorder.saved["big.npy"][0]) == 20_000_128
    assert len(result.stdout) == 200_001


# What it cannot.


async def test_code_is_nobody_in_an_empty_place_without_rights(recorder: Recorder) -> None:
    code = """
        import os
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
        report("user", os.getuid())
        report("rights", int(status["CapEff"], 16) | int(status["CapPrm"], 16)
               | int(status["CapBnd"], 16))
        report("locked", int(status["NoNewPrivs"]))
        report("filter", int(status["Seccomp"]))
        net = open("/proc/net/dev")
        report("network", " ".join(l.split(":")[0].strip() for l in net if ":" in l))
        report("environment", " ".join(sorted(os.environ)))
        report("root", " ".join(sorted(os.listdir("/"))))
        report("writable", " ".join(sorted(
            folder for folder, _, _ in os.walk("/")
            if not folder.startswith("/proc") and os.access(folder, os.W_OK))))
        report("programs", sum(os.path.exists(f"/{at}/sh") for at in ("bin", "usr/bin")))
        report("mounted", next(l.split()[3] for l in open("/proc/self/mounts")
                               if l.split()[1] == "/"))
        report("names", open("/etc/hosts").read() + open("/etc/resolv.conf").read())
    """
    values = {name: q.value for name, q in (await run(recorder, code)).values.items()}
    assert values["user"] != 0
    assert (values["rights"], values["locked"], values["filter"]) == (0, 1, 2)
    assert values["network"] == "lo"
    assert "INTENTOS_HOME" not in str(values["environment"])
    assert set(str(values["root"]).split()) <= {
        ".dockerenv", "dev", "etc", "intentos", "lib", "lib64", "proc", "sys", "tmp", "usr",
    }  # fmt: skip
    assert set(str(values["writable"]).split()) <= {
        "/dev/mqueue", "/dev/shm", "/intentos/work", "/tmp",
        "/intentos/work/.matplotlib",
    }  # fmt: skip
    assert str(values["mounted"]).startswith("ro,")
    assert values["programs"] == 0
    assert values["names"] == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import socket\nsocket.socket()", "sandbox.network"),
        ("import urllib.request\nurllib.request.urlopen('http://example.com')", "sandbox.network"),
        ("print(1)\nprint(open('/etc/shadow').read())", "sandbox.exception"),
        ("import os\nwhile True: os.fork()", "sandbox.processes"),
        ("print(1)\nb = bytearray(100 * 1024**3)", "sandbox.memory"),
        ("print(1)\nopen('big', 'wb').write(bytes(300 * 1024**2))", "sandbox.storage"),
        ("print(1)\nfor i in range(10**6): open(f'{i}', 'x').close()", "sandbox.storage"),
        ("import os\nopen('/intentos/x', 'w')", "sandbox.exception"),
        ("import os\nos.setuid(0)", "sandbox.exception"),
        ("import os\nos.open('/proc/sys/kernel/hostname', os.O_WRONLY)", "sandbox.exception"),
        ("import os\nos.execv('/tmp/x', ['x'])", "sandbox.exception"),
    ],
)  # fmt: skip
async def test_hostile_code_fails_with_a_reason(recorder: Recorder, code: str, reason: str) -> None:
    result = await run(recorder, code)
    assert result.status is StepStatus.FAILED
    assert problem(result, reason)["line"] == 2


FORGED = """
import os, struct, time
for kind in (9, 3):
    out = os.open("/proc/1/fd/1", os.O_WRONLY)
    os.write(out, struct.pack(">BI", kind, 5) + b"lies\\n")
time.sleep(99)
"""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(0)", "sandbox.ended_early"),
        ("import os; os.kill(os.getpid(), 9)", "sandbox.killed"),
        ("import os, time\nos.write(3, b'no json\\n')\ntime.sleep(99)", "sandbox.protocol"),
        (FORGED, "sandbox.protocol"),
        ("import numpy\nsave('big', numpy.zeros(80 * 1024**2, 'uint8'))",
         "sandbox.storage_together"),
        ("import os, time\nos.fork(); os.fork(); a = b'x' * 400_000_000\ntime.sleep(99)",
         "sandbox.memory_together"),
    ],
    ids=["exit", "kill", "report", "forged", "storage", "memory"],
)  # fmt: skip
async def test_code_that_breaks_the_whole_is_stopped(
    recorder: Recorder, code: str, reason: str
) -> None:
    result = await run(recorder, code, memory_bytes=512 * 1024**2, artifact_bytes=64 * 1024**2)
    assert result.status is StepStatus.FAILED
    problem(result, reason)
    assert result.values == {}


async def test_the_kernels_doors_are_shut(recorder: Recorder) -> None:
    code = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def call(name, *arguments):
            return getattr(libc, name)(*arguments), ctypes.get_errno()
        report("unshare", call("unshare", 0x10000000))
        report("mount", call("mount", b"none", b"/intentos/work", b"tmpfs", 0, None))
        report("ptrace", call("ptrace", 0, 0, 0, 0))
        report("memfd", call("memfd_create", b"x", 0))
        for name, number in dict(keyctl=250, bpf=321, io_uring=425, userfaultfd=323).items():
            report(name, call("syscall", number, 0, 0, 0, 0, 0))
    """
    result = await run(recorder, code)
    assert len(result.values) == 8, result.stderr
    for name, quantity in result.values.items():
        returned, error = quantity.value
        assert returned == -1, name
        assert error in (1, 38), name  # not permitted; no such call


async def test_code_that_changes_its_walls_cannot_outlive_its_time(recorder: Recorder) -> None:
    code = """
        import os, signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        for number in (1, 2, 15, 19, 9):
            os.kill(1, number)
        os.close(1); os.close(2); os.close(3)
        os.setsid() if os.fork() == 0 else None
        while True: pass
    """
    begun = time.monotonic()
    result = await run(recorder, code, wall_time=2)
    assert result.status is StepStatus.TIMED_OUT
    problem(result, "sandbox.timed_out")
    assert time.monotonic() - begun < PATIENCE


FLOODS = {
    "report": "while True: os.write(3, b'no json\\n' * 9999)",
    "unknown": "out = os.open('/proc/1/fd/1', os.O_WRONLY)\n"
    "while True: os.write(out, bytes([9, 0, 0, 0, 1, 0]) * 9999)",
    "endless": "out = os.open('/proc/1/fd/1', os.O_WRONLY)\n"
    "os.write(out, bytes([1, 127, 0, 0, 0]))\nwhile True: os.write(out, b'x' * 9999)",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_reader_that_stopped_reading_does_not_keep_the_container(
    recorder: Recorder, flood: str
) -> None:
    code = "import os\nfor _ in range(4): os.fork()\n" + flood
    begun = time.monotonic()
    problem(await run(recorder, code), "sandbox.protocol")
    assert time.monotonic() - begun < PATIENCE


# Nothing stays behind.


async def test_stop_ends_a_container_within_a_moment(recorder: Recorder, api: Any) -> None:
    code = "import os, time\nprint('on', flush=True)\nos.fork()\nos.fork()\ntime.sleep(1e9)"
    running = asyncio.ensure_future(run(recorder, code))
    end = time.monotonic() + PATIENCE
    while not any(isinstance(event, OutputWritten) for event in recorder.events):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    mine = {"label": f"{docker_leftovers.STATE}={docker_leftovers._state(config.load())}"}
    (container,) = api.containers(filters=mine)
    # The step's own limits hold for one process; these hold for all of them together.
    kept = api.inspect_container(container["Id"])["HostConfig"]
    assert 0 < kept["PidsLimit"] < 64
    assert 0 < kept["Memory"] == kept["MemorySwap"] < 4 * 1024**3
    assert (kept["NetworkMode"], kept["LogConfig"]["Type"]) == ("none", "none")
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < PATIENCE
    assert api.containers(all=True, filters=mine) == []


KILLED = """
import asyncio, sys
from pathlib import Path
from intentos.executors.docker import DockerExecutor
from intentos.plan import Step
from intentos.testing import Recorder
step = Step(id="step", language="python", code="import time; time.sleep(1e9)")
asyncio.run(DockerExecutor().execute(step, Recorder(Path(sys.argv[1])).context()))
"""


def test_a_killed_program_takes_its_container_with_it(tmp_path: Path, api: Any) -> None:
    program = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    mine = {"label": f"{docker_leftovers.STATE}={docker_leftovers._state(config.load())}"}
    try:
        until(lambda: bool(api.containers(filters=mine)), "the container should run", PATIENCE)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    until(lambda: not api.containers(all=True, filters=mine), "it was left behind", PATIENCE)


def test_only_what_nobody_owns_any_more_is_swept(api: Any, tmp_path: Path) -> None:
    settings = config.load()
    presence = present(settings)
    alive = docker_leftovers.labels(settings, presence)
    dead = alive | {docker_leftovers.OWNER: "00000-1-gone.sign"}
    strange = dead | {docker_leftovers.STATE: "somebody-else"}
    made = [
        api.create_container(docker_image.name(), labels=labels)["Id"]
        for labels in (alive, dead, strange)
    ]
    try:
        DockerExecutor().check()
        there = {container["Id"] for container in api.containers(all=True)}
        assert {made[0], made[2]} <= there
        assert made[1] not in there
    finally:
        for container in (made[0], made[2]):
            api.remove_container(container)


def test_an_image_that_is_gone_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docker_image, "name", lambda: f"{docker_image.REPOSITORY}:never-built")
    with pytest.raises(ExecutorUnavailable, match="intentos executors build docker"):
        DockerExecutor().check()


def test_the_tests_changed_nothing_else_in_the_engine(api: Any) -> None:
    used = {image["Id"] for image in api.images(filters={"dangling": True})}
    assert used == set()
    assert api.volumes()["Volumes"] in (None, [])
