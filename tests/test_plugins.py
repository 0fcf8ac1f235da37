"""Executors of other packages, from their installation to the result: good ones work beside the
wheel, and a bad one gives a clear message while everything else goes on."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from intentos import guest, inspection
from intentos.contract import Recorder, descendants
from intentos.errors import ExecutorError, ExecutorUnavailable
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import Executor, Resident, StepContext
from intentos.registry import PluginWarning, Registry, strangers
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Check, Limits, Quantity

from .parts import InstantExecutor, plan_of, write
from .wheel import ROOT, run, uv

EXAMPLE = ROOT / "examples" / "intentos-executor-duckdb"

ABACUS = """
from intentos.command import CommandExecutor
from intentos.samples import Samples

class Executor(CommandExecutor):
    name = "abacus"
    languages = frozenset({"beads"})
    program = "sh"

SAMPLES = Samples(language="beads", hello="echo hello", fails="echo no beads >&2; exit 3",
                  complaint="no beads", sleeps="setsid sleep 100 & sleep 100", starts=0.3)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on the import path of this process and of those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def install(site: Path, package: str, entry: str, code: str, *, samples: str = "") -> None:
    """Install a one-module package with one executor."""
    module = f"{package.replace('-', '_')}_{secrets.token_hex(4)}"  # no test's is another's
    write(site / f"{module}.py", code)
    info = site / f"{module}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = f"[intentos.executors]\n{entry} = {module}:Executor\n"
    if samples:
        points += f"[intentos.samples]\n{entry} = {module}:{samples}\n"
    write(info / "entry_points.txt", points)


def intentos(*arguments: str | Path, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "intentos", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"INTENTOS_LANGUAGE": language, "COLUMNS": "200"},
    )  # fmt: skip


def plan_file(folder: Path, language: str, code: str) -> Path:
    """Write a plan of one step."""
    document = {
        "schema": 1,
        "title": {"en": "A plan"},
        "interpretation": {"en": "Just this."},
        "steps": [{"id": "one", "language": language, "code": code}],
        "origin": "edited",
    }
    return write(folder / "plan.yaml", json.dumps(document))


# ---- the way of a good one ----------------------------------------------------------------------


def test_a_plan_runs_with_a_strangers_executor_and_its_card_says_so(
    site: Path, tmp_path: Path
) -> None:
    install(site, "intentos-abacus", "abacus", ABACUS)
    plan = plan_file(tmp_path, "beads", "echo $((6 * 7)); echo 42 > answer.txt")
    asked = intentos("run", plan)
    assert asked.returncode == 3  # nobody was asked, so nothing ran
    assert "abacus" in asked.stdout
    assert "intentos-abacus, which is not part of IntentOS" in asked.stdout
    assert "Needs nothing beyond the sandbox" not in asked.stdout
    done = intentos("run", plan, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["executor"] == "abacus"
    assert [artifact["name"] for artifact in document["artifacts"]] == ["answer.txt"]


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("echo three beads are missing >&2; exit 3", "failed", "three beads are missing"),
        ("sleep 60", "failed", "longer than its 1 s"),
    ],
)
def test_code_that_fails_is_told_in_words(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, status: str, words: str
) -> None:
    install(site, "intentos-abacus", "abacus", ABACUS)
    monkeypatch.setenv("INTENTOS_WALL_TIME", "1")
    done = intentos("run", plan_file(tmp_path, "beads", code), "--yes", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == status
    assert words in done.stderr


def test_a_step_that_only_others_can_run_is_bound_to_one_of_them(site: Path) -> None:
    install(site, "intentos-abacus", "abacus", ABACUS)
    plan = plan_of(steps=(Step(id="one", language="beads", code="true"),))
    pinned = Registry().pin(plan)
    assert pinned.steps[0].executor == "abacus"
    assert pinned.digest != plan.digest  # an approval of the one is none of the other
    assert strangers(pinned) == {"abacus": "intentos-abacus"}
    ours = plan_of(steps=(Step(id="one", language="python", code="1"),))
    assert Registry().pin(ours) == ours
    assert strangers(ours) == {}


def test_our_languages_go_to_a_stranger_only_where_the_plan_names_it(site: Path) -> None:
    greedy = ABACUS.replace('"beads"', '"python"')
    install(site, "intentos-abacus", "abacus", greedy + "\nExecutor.isolation = 'sandbox'\n")
    registry = Registry()
    step = Step(id="one", language="python", code="1")
    sandbox: Any = registry.executor("sandbox")
    sandbox.check = _unavailable  # as on a machine without bubblewrap
    with pytest.raises(ExecutorUnavailable, match="bubblewrap"):
        choose_executor(step, registry)
    named = step.model_copy(update={"executor": "abacus"})
    assert choose_executor(named, registry).name == "abacus"


def _unavailable() -> None:
    raise ExecutorUnavailable("sandbox.no_bubblewrap")


# ---- bad ones, and everything else --------------------------------------------------------------

BAD = {
    "does not import": ("import no_such_module", "no_such_module"),
    "leaves the program": ("raise SystemExit('bye')", "bye"),
    "cannot be made": (ABACUS + "\ndef Executor(): raise KeyError('colour')", "colour"),
    "is no executor": ("class Executor:\n    name = 'abacus'\n", "check()"),
    "has another name": (ABACUS.replace('name = "abacus"', 'name = "calculator"'), "calculator"),
    "has no languages": (ABACUS.replace("frozenset({", "list({"), "languages"),
    "is isolated by magic": (ABACUS + "\nExecutor.isolation = 'magic'", "isolation"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_that_does_not_load_is_a_warning_and_the_others_go_on(site: Path, kind: str) -> None:
    code, words = BAD[kind]
    install(site, "intentos-abacus", "abacus", code)
    registry = Registry()
    with pytest.warns(PluginWarning, match="intentos-abacus") as warned:
        found = registry.executors()
    assert words in str(warned[0].message)
    assert {"sandbox", "webgpu", "numpy"} <= found.keys()
    assert "abacus" not in found
    with pytest.raises(ExecutorUnavailable, match=re.escape(words)):
        registry.executor("abacus")


def test_the_command_line_tells_of_a_bad_one_and_goes_on(site: Path, tmp_path: Path) -> None:
    install(site, "intentos-abacus", "abacus", "raise SystemExit('bye')")
    broken = ABACUS.replace("abacus", "counter") + "\nExecutor.check = lambda self: 1 / 0\n"
    install(site, "intentos-counter", "counter", broken)
    install(site, "second-sandbox", "sandbox", ABACUS)
    listed = intentos("executors", language="zh")
    assert listed.returncode == 0
    assert "intentos-abacus 的 'abacus' 无法加载" in listed.stderr
    assert "second-sandbox" in listed.stderr  # two packages bring the name, and ours keeps it
    assert "ZeroDivisionError" in listed.stdout
    assert "✓ sandbox" in listed.stdout
    doctor = intentos("doctor", "--json")
    (told,) = [f for f in json.loads(doctor.stdout) if f["detail"].startswith("counter")]
    assert told["problem"]["code"] == "guest.check_broke"
    assert told["detail"].endswith("intentos-counter")
    plan = plan_file(tmp_path, "python", "print('as always')")
    assert intentos("run", plan, "--yes").returncode == 0


class Guest(InstantExecutor):
    """Misbehaves as its code says."""

    name = "guest"

    def __init__(self, check: Any = None, result: Any = None) -> None:
        self._check = check
        self._result = result

    def check(self) -> None:
        if self._check is not None:
            self._check()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        changed: StepResult = self._result(result) if self._result else result
        return changed


def received(inner: Any) -> Executor:
    return guest.guest(inner, "guest", "intentos-guest")


def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "CHECK_SECONDS", 0.2)
    executor = received(Guest(check=lambda: time.sleep(3)))
    for _ in range(2):  # the second time it is known
        with pytest.raises(ExecutorUnavailable, match=r"intentos-guest.*within 0.2 s"):
            executor.check()


def test_a_check_that_breaks_is_a_reason_not_to_use_it() -> None:
    with pytest.raises(ExecutorUnavailable, match=r"intentos-guest.*ZeroDivisionError"):
        received(Guest(check=lambda: 1 / 0)).check()


NOT_SAVED = Artifact(id="0" * 64, name="x.txt", media_type="text/plain", size=1, step_id="s")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda result: None, "NoneType"),
        (lambda result: {"status": "ok"}, "dict"),
        (lambda result: result.model_copy(update={"step_id": "other"}), "other"),
        (lambda result: result.model_copy(update={"executor": "sandbox"}), "sandbox"),
        (lambda result: result.model_copy(update={"status": "perfect"}), "perfect"),
        (lambda result: _with(result, values={"x": Quantity(value=float("nan"))}), "JSON"),
        (lambda result: _with(result, values={"x": Quantity(value=object())}), "JSON"),
        (lambda result: _with(result, artifacts=(NOT_SAVED,)), "x.txt"),
        (lambda result: 1 / 0, "ZeroDivisionError"),
    ],
)
async def test_garbage_is_told_to_be_the_executors_mistake(
    tmp_path: Path, result: Any, words: str
) -> None:
    with pytest.raises(ExecutorError, match=words) as error:
        await _run(received(Guest(result=result)), tmp_path, "say hello")
    assert "intentos-guest" in error.value.text("zh")


async def test_what_a_result_claims_for_itself_is_put_in_its_place(tmp_path: Path) -> None:
    def boast(result: StepResult) -> StepResult:
        proof = Check(name="proof", kind="oracle", status="passed")
        return _with(result, checks=(proof,), stdout="x" * 5000, node="the moon")

    result = await _run(received(Guest(result=boast)), tmp_path, "say hello", output_bytes=1024)
    assert [check.kind for check in result.checks] == ["generic"]  # never "verified" by its word
    assert (len(result.stdout), result.truncated, result.node) == (1024, True, "here")
    silent = received(Guest(result=lambda r: _with(r, status=StepStatus.FAILED, error=None)))
    result = await _run(silent, tmp_path, "say hello")
    assert result.error is not None
    assert "guest" in result.error.text("zh")


async def test_one_that_ignores_its_time_is_taken_the_step_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(Guest):
        async def execute(self, step: Step, context: StepContext) -> StepResult:
            await asyncio.sleep(60)
            raise AssertionError

    monkeypatch.setattr(guest, "GRACE", 0.1)
    result = await _run(received(Endless()), tmp_path, "say hello", wall_time=0.1)
    assert result.status is StepStatus.TIMED_OUT


async def test_stop_does_not_wait_for_one_that_will_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    class Stubborn(Guest):
        async def execute(self, step: Step, context: StepContext) -> StepResult:
            while not over.is_set():
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue
            raise AssertionError

    monkeypatch.setattr(guest, "STOPPING", 0.2)
    running = asyncio.ensure_future(_run(received(Stubborn()), tmp_path, "say hello"))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.warns(PluginWarning, match="does not stop"), pytest.raises(asyncio.CancelledError):
        await running
    over.set()
    (left,) = asyncio.all_tasks() - {asyncio.current_task()}
    left.cancel()
    with pytest.raises(AssertionError):
        await left


async def test_one_that_keeps_a_process_ready_may_do_so() -> None:
    class Warm(Guest):
        async def warm(self) -> None:
            raise OSError("no room")

        async def cool(self) -> None:
            return None

    assert not isinstance(received(Guest()), Resident)
    executor = received(Warm())
    assert isinstance(executor, Resident)
    with pytest.warns(PluginWarning, match="no room"):
        await executor.warm()


async def _run(executor: Executor, folder: Path, code: str, **limits: Any) -> StepResult:
    step = Step(id="s", language="words", code=code)
    context = Recorder(folder).context(limits=Limits.model_validate(limits))
    return await executor.execute(step, context)


def _with(result: StepResult, **changes: Any) -> StepResult:
    return result.model_copy(update=changes)


# ---- intentos executors check -------------------------------------------------------------------


def test_an_installed_executor_is_tried_on_its_samples(site: Path) -> None:
    install(site, "intentos-abacus", "abacus", ABACUS, samples="SAMPLES")
    done = intentos("executors", "check", "abacus", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["keeps"] is True
    assert document["package"] == "intentos-abacus"
    assert document["kept"] > 12
    assert len(document["promises"]) == document["kept"] + document["skipped"]


def test_a_broken_promise_is_shown_with_what_was_seen(site: Path) -> None:
    careless = ABACUS.replace('program = "sh"', 'program = "sh"\n    failure = lambda *_: ""')
    install(site, "intentos-abacus", "abacus", careless, samples="SAMPLES")
    done = intentos("executors", "check", "abacus", language="zh")
    assert done.returncode == 1
    assert "✗ 代码失败也是结果，并用两种语言说明原因\n    status ok" in done.stdout
    assert "intentos-abacus" in done.stderr


def test_without_samples_or_without_the_program_nothing_is_tried(site: Path) -> None:
    install(site, "intentos-abacus", "abacus", ABACUS)
    done = intentos("executors", "check", "abacus")
    assert done.returncode == 2
    assert "intentos.samples" in done.stderr
    lost = ABACUS.replace('"sh"', '"no-such-program"').replace('"abacus"', '"lost"')
    install(site, "intentos-lost", "lost", lost)
    done = intentos("executors", "check", "lost", "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["code"] == "executor.no_program"


async def test_one_that_hangs_or_takes_its_process_with_it_does_not_stop_the_trial(
    site: Path,
) -> None:
    deadly = ABACUS + (
        "\nimport os, time\n"
        "def estimate(self, step, values): os._exit(7)\n"
        "async def execute(self, step, context): time.sleep(1000)\n"
        "Executor.estimate, Executor.execute = estimate, execute\n"
    )
    install(site, "intentos-abacus", "abacus", deadly, samples="SAMPLES")
    before, verdicts = descendants(), []
    async for verdict in inspection.inspect("abacus", allowance=4.0):
        verdicts.append(verdict)
        if len(verdicts) == 5:
            break
    seen = [(verdict.status, verdict.detail) for verdict in verdicts]
    assert [status for status, _ in seen] == ["kept", "kept", "kept", "broken", "broken"]
    assert seen[3][1].endswith("7")
    assert "4 s" in seen[4][1]
    await asyncio.sleep(0.5)
    assert not descendants() - before


# ---- the how-to ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["write-an-executor.md", "write-an-executor.zh.md"])
def test_the_how_to_does_what_it_says(page: str, site: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    module, tests = (block for kind, block in blocks if kind == "python")
    (project,) = (tomllib.loads(block) for kind, block in blocks if kind == "toml")
    (plan,) = (block for kind, block in blocks if kind == "yaml")
    code = [line for line in module.split("SAMPLES = ")[0].splitlines() if line.strip()]
    assert len(code) <= 20
    assert "class TestAwk(ExecutorContract)" in tests
    write(site / "intentos_awk.py", module)
    name, points = project["project"]["name"], project["project"]["entry-points"]
    info = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in of.items())
             for group, of in points.items()]  # fmt: skip
    write(info / "entry_points.txt", "\n".join(lines) + "\n")
    tried = intentos("executors", "check", "awk", language="zh" if ".zh" in page else "en")
    assert tried.returncode == 0, tried.stdout
    assert tried.stderr.strip() in text  # how many are kept, and how many not tried
    harvest = write(tmp_path / "harvest.csv", "year,kg\n2024,1180\n2025,940\n")
    done = intentos("run", write(tmp_path / "plan.yaml", plan), "--attach", harvest, "--yes")
    assert done.returncode == 0, done.stderr
    assert "2120" in done.stdout


# ---- beside the wheel ---------------------------------------------------------------------------


def test_the_example_installs_beside_the_wheel_and_keeps_its_promises(
    beside_the_wheel: Path, tmp_path: Path
) -> None:
    intentos = beside_the_wheel / "intentos"
    listed = json.loads(run(intentos, "executors", "--json", cwd=tmp_path))
    (row,) = [row for row in listed if row["name"] == "duckdb"]
    assert row.items() >= {
        "name": "duckdb", "isolation": "process", "available": True,
        "package": "intentos-executor-duckdb", "problem": None,
    }.items()  # fmt: skip
    assert row["languages"] == ["sql"]
    tried = json.loads(run(intentos, "executors", "check", "duckdb", "--json", cwd=tmp_path))
    assert (tried["keeps"], tried["skipped"]) == (True, 0)


def test_the_examples_own_tests_pass_beside_the_wheel(
    beside_the_wheel: Path, tmp_path: Path
) -> None:
    told = run(
        *(beside_the_wheel / "python", "-m", "pytest", "-q", EXAMPLE / "tests"),
        *("-p", "no:cacheprovider", "--rootdir", tmp_path),
        cwd=tmp_path,
    )
    assert "passed" in told
    assert "skipped" not in told


def test_the_examples_plan_runs_beside_the_wheel(beside_the_wheel: Path, tmp_path: Path) -> None:
    told = run(
        *(beside_the_wheel / "intentos", "run", EXAMPLE / "plan.yaml", "--yes", "--json"),
        *("--attach", EXAMPLE / "harvest.csv", "--set", "rain=0", "--out", tmp_path / "out"),
        cwd=tmp_path,
    )
    document = json.loads(told)
    assert document["values"]["best"]["value"] == 1180 + 940 + 1310
    assert "3430 kg" in document["answer"]
    assert (tmp_path / "out" / "result.csv").read_text().startswith("best,rows")


@pytest.fixture(scope="module")
def beside_the_wheel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment: the wheel, what it needs, and the example package."""
    folder = tmp_path_factory.mktemp("beside") / "venv"
    uv("venv", "--quiet", "--python", sys.executable, folder)
    source = tmp_path_factory.mktemp("package") / EXAMPLE.name
    run("cp", "-r", EXAMPLE, source)  # building leaves its folders beside the source
    python = folder / "bin" / "python"
    # At the versions of the lock, which are in uv's cache already.
    locked = write(folder / "locked.txt", uv("export", "--frozen", "--quiet", "--no-emit-project",
                                             "--no-hashes", "--all-extras"))  # fmt: skip
    uv("pip", "install", "--quiet", "--python", python, "-c", locked, built, f"{source}[test]")
    return folder / "bin"
