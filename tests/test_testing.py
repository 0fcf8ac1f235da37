"""The contract holds for the executor that the runtime's tests use, which so is a verified fake;
and each kind of bad executor breaks exactly the promise that it should."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from intentos import promises
from intentos.contract import Bench, Untried, adopt_orphans, descendants
from intentos.errors import ExecutorUnavailable
from intentos.inspection import judge
from intentos.plan import Step
from intentos.promises import PROMISES
from intentos.protocols import FAILED, StepContext
from intentos.run import StepResult, StepStatus
from intentos.testing import ExecutorContract, Samples
from intentos.types import Estimate, Isolation, Problem, Quantity, Value, sha256

from .parts import InstantExecutor

SAMPLES = Samples(
    language="words",
    hello="say hello",
    fails="nonsense",
    complaint="nonsense",
    sleeps="wait 60",
    starts=0.2,
    makes_file="save note.txt hello",
    floods="\n".join(["say " + "x" * 10_000] * 30),
    draws="draw",
    echoes="say {words}",
    reads_input="read given",
    takes_memory="take 2000000000",
    fills_disk="fill 11000000",
    reads_file=lambda path: f"open {path}",
    connects=lambda port: f"connect {port}",
)


class GoodExecutor(InstantExecutor):
    """Keeps what can be asked of the language, and the promises that InstantExecutor leaves out."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the words that InstantExecutor lacks, and leave it the others."""
        word, _, rest = step.code.partition(" ")
        if word == "draw":
            code = f"say {sha256(str(context.seed).encode())}"
            return await super().execute(step.model_copy(update={"code": code}), context)
        if word == "say" and "{words}" in rest:  # braces in the text itself are no template
            shown = await super().execute(step.model_copy(update={"code": "say"}), context)
            return shown.model_copy(update={"stdout": str(context.values["words"])})
        limits = {"take": context.limits.memory_bytes, "fill": context.limits.artifact_bytes}
        if word in limits and int(rest) > limits[word]:
            return await super().execute(step.model_copy(update={"code": "refused"}), context)
        return await super().execute(step, context)


class TestGoodExecutor(ExecutorContract):
    samples = SAMPLES

    @pytest.fixture
    def executor(self) -> GoodExecutor:
        return GoodExecutor()


# ---- bad executors, each with the promises that it breaks --------------------------------------


class Bad(GoodExecutor):
    breaks: ClassVar[set[str]]


class NamedOtherwise(Bad):
    breaks: ClassVar = {"a_step_that_ends_well_says_so"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        return result.model_copy(update={"executor": "somebody"})


class SpeaksAnotherLanguage(Bad):
    breaks: ClassVar = {"it_describes_itself"}
    languages = frozenset({"sentences"})


class InventsAnIsolation(Bad):
    breaks: ClassVar = {"it_describes_itself"}
    isolation: Isolation = "magic"  # type: ignore[assignment]


class HasNoRemedy(Bad):
    """Nothing else can be tried on it: it says that it cannot work."""

    breaks: ClassVar = {"it_says_what_is_missing_and_what_to_do"}

    def check(self) -> None:
        raise ExecutorUnavailable("words.gone")


class EstimatesNonsense(Bad):
    breaks: ClassVar = {"its_estimate_is_quick_and_a_number_or_unknown"}

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        return Estimate(seconds=-1.0)


class EstimatesForEver(Bad):
    breaks: ClassVar = {"its_estimate_is_quick_and_a_number_or_unknown"}

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        time.sleep(3)
        return Estimate()


class LosesTheOutput(Bad):
    """Whatever a step prints is gone, so nothing that it prints can be seen."""

    breaks: ClassVar = {
        "a_step_that_ends_well_says_so", "a_flood_is_cut_and_says_so",
        "text_reaches_the_code_as_text", "inputs_are_read_and_left_as_they_are",
        "another_seed_gives_another_result",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        return result.model_copy(update={"stdout": ""})


class ReportsNotANumber(Bad):
    breaks: ClassVar = {"a_result_survives_json"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        if step.code != "say hello":
            return result
        return result.model_copy(update={"values": {"x": Quantity(value=float("inf"))}})


class ReportsAnObject(Bad):
    breaks: ClassVar = {"a_result_survives_json"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        if step.code != "say hello":
            return result
        return result.model_copy(update={"values": {"x": Quantity(value=Path("here"))}})


class SwallowsErrors(Bad):
    """Says ok although the code failed, or broke a limit."""

    breaks: ClassVar = {
        "failing_code_is_a_result_that_is_explained", "the_memory_limit_holds",
        "the_limit_of_artifacts_holds", "files_of_the_host_cannot_be_read",
        "the_network_cannot_be_reached",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        if result.status is not StepStatus.FAILED:
            return result
        return result.model_copy(update={"status": StepStatus.OK, "error": None})


class RaisesWhatTheCodeRaised(Bad):
    breaks: ClassVar = {"failing_code_is_a_result_that_is_explained"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code == "nonsense":
            raise ValueError(step.code)
        return await super().execute(step, context)


class FailsWithoutAWord(Bad):
    breaks: ClassVar = {
        "failing_code_is_a_result_that_is_explained", "the_memory_limit_holds",
        "the_limit_of_artifacts_holds", "the_time_limit_ends_everything",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        return (await super().execute(step, context)).model_copy(update={"error": None})


class ExplainsSomethingElse(Bad):
    breaks: ClassVar = {"failing_code_is_a_result_that_is_explained"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        if result.status is not StepStatus.FAILED:
            return result
        error = Problem(code=FAILED, arguments={"what": "it did not work"})
        return result.model_copy(update={"error": error})


class KeepsTheFlood(Bad):
    breaks: ClassVar = {"a_flood_is_cut_and_says_so"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        limits = context.limits.model_copy(update={"output_bytes": 10**9})
        return await super().execute(step, replace(context, limits=limits))


class CutsInSilence(Bad):
    breaks: ClassVar = {"a_flood_is_cut_and_says_so"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        return (await super().execute(step, context)).model_copy(update={"truncated": False})


class NamesAnotherHash(Bad):
    breaks: ClassVar = {"an_artifact_has_bytes_a_name_and_a_media_type"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        wrong = tuple(a.model_copy(update={"id": "0" * 64}) for a in result.artifacts)
        return result.model_copy(update={"artifacts": wrong})


class KeepsArtifactsToItself(Bad):
    breaks: ClassVar = {
        "an_artifact_has_bytes_a_name_and_a_media_type", "two_steps_at_once_do_not_see_each_other",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        return (await super().execute(step, context)).model_copy(update={"artifacts": ()})


class DoesNotMindAFullDisk(Bad):
    breaks: ClassVar = {"an_error_of_saving_is_not_swallowed"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        try:
            return await super().execute(step, context)
        except Exception:
            done = step.model_copy(update={"code": "say done"})
            return await super().execute(done, context)


class PutsTextIntoCode(Bad):
    breaks: ClassVar = {"text_reaches_the_code_as_text"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if "{words}" in step.code:
            code = step.code.replace("{words}", str(context.values["words"]).replace("'", "''"))
            return await InstantExecutor.execute(
                self, step.model_copy(update={"code": code.replace("{0}", "0")}), context
            )
        return await super().execute(step, context)


class ChangesItsInputs(Bad):
    breaks: ClassVar = {"inputs_are_read_and_left_as_they_are"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        result = await super().execute(step, context)
        for path in context.inputs.values():
            path.write_text(path.read_text().upper())
        return result


class WritesBesideItsInputs(Bad):
    breaks: ClassVar = {"inputs_are_read_and_left_as_they_are"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        for path in context.inputs.values():
            path.with_name("cache").write_text("mine")
        return await super().execute(step, context)


class ChangesTheParameters(Bad):
    breaks: ClassVar = {"inputs_are_read_and_left_as_they_are"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        values: Any = context.values
        values["mine"] = 1
        return await super().execute(step, context)


class IsNeverTheSame(Bad):
    breaks: ClassVar = {"the_same_seed_gives_the_same_result"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        return await super().execute(step, replace(context, seed=time.monotonic_ns()))


class IgnoresTheSeed(Bad):
    breaks: ClassVar = {"another_seed_gives_another_result"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        return await super().execute(step, replace(context, seed=4))


class IgnoresTheTime(Bad):
    breaks: ClassVar = {"the_time_limit_ends_everything", "the_event_loop_stays_free"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if context.limits.wall_time > 10:
            return await super().execute(step, context)
        limits = context.limits.model_copy(update={"wall_time": 100})
        return await super().execute(step, replace(context, limits=limits))


class IgnoresCancellation(Bad):
    breaks: ClassVar = {
        "cancellation_ends_everything", "cancellation_in_haste_ends_everything",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        try:
            return await super().execute(step, context)
        except asyncio.CancelledError:
            done = step.model_copy(update={"code": "say done"})
            return await super().execute(done, context)


class LeavesAProcessWhenCanceled(Bad):
    breaks: ClassVar = {
        "the_time_limit_ends_everything", "cancellation_ends_everything",
        "cancellation_in_haste_ends_everything",
    }  # fmt: skip

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code == "wait 60":
            await daemon()
        return await super().execute(step, context)


class LeavesAProcess(Bad):
    breaks: ClassVar = {"nothing_is_left_behind"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code == "say hello":
            await daemon()
        return await super().execute(step, context)


class LeavesATemporaryFile(Bad):
    breaks: ClassVar = {"nothing_is_left_behind"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        tempfile.mkdtemp(prefix="bad-")
        return await super().execute(step, context)


class WritesWhereItStands(Bad):
    breaks: ClassVar = {"nothing_is_left_behind"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        os.mkdir(f"bad-{time.monotonic_ns()}")
        return await super().execute(step, context)


class KeepsFilesOpen(Bad):
    breaks: ClassVar = {"nothing_is_left_behind"}
    handles: ClassVar[list[int]] = []

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        self.handles.append(os.open(os.devnull, os.O_RDONLY))
        return await super().execute(step, context)


class BlocksTheLoop(Bad):
    breaks: ClassVar = {"the_event_loop_stays_free"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code != "wait 60":
            return await super().execute(step, context)
        limits = context.limits.model_copy(update={"wall_time": 0.001})
        time.sleep(min(context.limits.wall_time, 1))  # noqa: ASYNC251  # that is the point
        return await super().execute(step, replace(context, limits=limits))


class IsWornOut(Bad):
    breaks: ClassVar = {"it_works_again_after_a_cancellation"}
    worn = False

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if self.worn:
            raise RuntimeError("the lock was never given back")
        try:
            return await super().execute(step, context)
        except asyncio.CancelledError:
            self.worn = True
            raise


class SharesItsState(Bad):
    breaks: ClassVar = {"two_steps_at_once_do_not_see_each_other"}
    step: Step | None = None

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        self.step = step
        result = await super().execute(step, context)
        await asyncio.sleep(0.01)
        return result.model_copy(update={"step_id": self.step.id})


class ReadsTheHost(Bad):
    breaks: ClassVar = {"files_of_the_host_cannot_be_read"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code.startswith("open "):
            text = await asyncio.to_thread(Path(step.code[5:]).read_text)
            step = step.model_copy(update={"code": f"say {text}"})
        return await super().execute(step, context)


class UsesTheNetwork(Bad):
    breaks: ClassVar = {"the_network_cannot_be_reached"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        if step.code.startswith("connect "):
            _, writer = await asyncio.open_connection("127.0.0.1", int(step.code[8:]))
            writer.close()
        return await super().execute(step, context)


class TakesAllMemory(Bad):
    breaks: ClassVar = {"the_memory_limit_holds"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        code = "say taken" if step.code.startswith("take") else step.code
        return await super().execute(step.model_copy(update={"code": code}), context)


class SavesTooMuch(Bad):
    breaks: ClassVar = {"the_limit_of_artifacts_holds"}

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        word, _, rest = step.code.partition(" ")
        code = f"save big.txt {'x' * int(rest)}" if word == "fill" else step.code
        return await super().execute(step.model_copy(update={"code": code}), context)


async def daemon() -> None:
    """Start a process that does not want to be found: a child of nobody, in its own session."""
    script = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(20)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", script)
    await process.wait()


@pytest.mark.parametrize("kind", Bad.__subclasses__(), ids=lambda kind: kind.__name__)
async def test_a_bad_executor_breaks_the_promise_that_it_should(
    kind: type[Bad], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt_orphans()
    before = descendants()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(promises, "PATIENCE", 2.0)
    monkeypatch.setattr(promises, "QUICK", 1.0)
    monkeypatch.setattr(promises, "TIME_LIMIT", 0.2)
    monkeypatch.setattr(promises, "LOOP_SECONDS", 1.0)
    monkeypatch.setattr(promises, "LOOP_GAP", 0.8)
    monkeypatch.setattr("intentos.contract.SETTLING", 0.5)
    broken = {}
    for promise in PROMISES:
        folder = tmp_path / promise.name
        folder.mkdir()
        verdict = await judge(promise, Bench(kind(), SAMPLES, folder))
        if verdict.status == "broken":
            broken[promise.name] = verdict.detail
        for process in descendants() - before:
            os.kill(process, 9)
    while KeepsFilesOpen.handles:
        os.close(KeepsFilesOpen.handles.pop())
    assert broken.keys() == kind.breaks, broken
    assert all(broken.values())


async def test_what_cannot_be_tried_is_told(tmp_path: Path) -> None:
    bench = Bench(InstantExecutor(), Samples(language="words", hello="say hello"), tmp_path)
    verdicts = [await judge(promise, bench) for promise in PROMISES]
    assert {verdict.status for verdict in verdicts} == {"kept", "skipped"}
    assert all(verdict.detail for verdict in verdicts if verdict.status == "skipped")


async def test_an_executor_that_never_says_whether_it_works_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(InstantExecutor):
        def check(self) -> None:
            time.sleep(5)

    monkeypatch.setattr("intentos.contract.PATIENCE", 0.2)
    with pytest.raises(Untried):
        await Bench(Silent(), SAMPLES, tmp_path).execute("say hello")
