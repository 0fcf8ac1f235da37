"""What a plan will cost is measured, or unknown; never a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.config import Settings
from intentos.estimates import Durations, predicted, share, work_of
from intentos.parameters import Parameter
from intentos.plan import Approval, Plan, Step
from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Estimate, Intent, Value, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, plan_of

WAIT = plan_of(
    "wait 0.2",
    parameters=(
        Parameter(name="n", label=Words(en="N"), kind="integer", minimum=1, maximum=10**6,
                  default=1000, work=True),
    ),
)  # fmt: skip


@pytest.fixture
def cold(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with an empty cache."""
    return settings.model_copy(update={"cache": tmp_path / "cache"})


def test_a_line_through_what_was_measured() -> None:
    points = [(100.0, 1.0), (200.0, 1.5), (400.0, 2.5)]  # half a second, and 5 ms each
    assert predicted(points, 1000.0) == pytest.approx(5.5)
    assert predicted(points, 10.0) == pytest.approx(0.55)


def test_far_from_anything_measured_nothing_is_known() -> None:
    assert predicted([], 5.0) is None
    assert predicted([(100.0, 1.0)], 301.0) is None
    assert predicted([(100.0, 1.0)], 33.0) is None
    assert predicted([(100.0, 1.0)], 200.0) == 2.0
    assert predicted([(100.0, 1.0)], 50.0) == 0.75
    assert predicted([(100.0, 1.0), (200.0, 2.0)], 1e6) is None


positive = st.floats(min_value=1e-3, max_value=1e9)


@given(st.lists(st.tuples(positive, positive), max_size=12), positive)
def test_no_estimate_is_negative_and_more_work_takes_no_less(
    points: list[tuple[float, float]], work: float
) -> None:
    less, more = predicted(points, work), predicted(points, work * 1.1)
    assert less is None or less >= 0
    if less is not None and more is not None:
        assert more >= less * (1 - 1e-9)


def test_times_are_kept_and_a_damaged_file_is_made_again(
    cold: Settings, registry: Registry
) -> None:
    durations = Durations(cold)
    size = durations.size(WAIT, WAIT.steps[0], {"n": 1000}, InstantExecutor(), None)
    assert durations.seconds(size) is None
    durations.add(size, 2.0)
    assert Durations(cold).seconds(size) == 2.0
    for text in ("", "[]", '{"schema": 1, "steps": {"a": [["x", 1]]}}', '{"schema": 9}'):
        (cold.cache / "durations.json").write_text(text, "utf-8")
        assert durations.seconds(size) is None
        durations.add(size, 3.0)
        assert durations.seconds(size) == 3.0


def test_other_code_says_nothing_of_this(cold: Settings) -> None:
    durations = Durations(cold)
    other = plan_of("wait 9", parameters=WAIT.parameters)
    executor = InstantExecutor()
    durations.add(durations.size(WAIT, WAIT.steps[0], {"n": 1000}, executor, None), 2.0)
    size = durations.size(other, other.steps[0], {"n": 1000}, executor, None)
    assert durations.seconds(size) is None


def test_work_is_turned_down_within_its_range() -> None:
    assert share(WAIT, {"n": 1000}, 0.02) == {"n": 20}
    assert share(WAIT, {"n": 5}, 0.02) == {"n": 1}
    assert share(plan_of("wait 1"), {}, 0.02) is None
    assert work_of(WAIT, {"n": 1000}) == 1000


class Asked:
    """Approves, after having asked the runtime for the cost as a terminal does."""

    def __init__(self) -> None:
        self.runtime: Runtime
        self.found: dict[str, Estimate] = {}

    async def approve(
        self, plan: Plan, values: dict[str, Value], *, run: str, why: str
    ) -> Approval:
        """Remember the estimate."""
        self.found = await self.runtime.estimate(run, plan, values)
        return Approval(plan_digest=plan.digest, decision="approve", by="test", scope="once")


async def asked(settings: Settings, plan: Plan, **options: Any) -> Estimate:
    """Return the estimate that a person is shown for the first step, and run the plan."""
    store, approver = Store(settings), Asked()
    registry = HandRegistry(InstantExecutor(), planner=FixedPlanner(lambda *_: Proposal(plan=plan)))
    runtime = Runtime(settings=settings, store=store, registry=registry, approver=approver)  # type: ignore[arg-type]
    approver.runtime = runtime
    intent = Intent(text="wait", language="en")
    kinds = [event.kind async for event in runtime.run(intent, **options)]
    assert kinds[-1] == "run_finished"
    await runtime.close()
    store.close()
    return approver.found["s1"]


async def test_where_nothing_is_known_a_probe_tells_and_then_the_run_itself(
    cold: Settings,
) -> None:
    probed = await asked(cold, WAIT)
    assert probed.seconds == pytest.approx(0.2, abs=0.3)
    kept = await asked(cold, WAIT)
    assert kept.seconds == pytest.approx(0.2, abs=0.3)
    assert (cold.cache / "durations.json").is_file()


async def test_what_is_not_done_within_two_seconds_is_unknown(cold: Settings) -> None:
    slow = plan_of("wait 2.5", parameters=WAIT.parameters)
    assert (await asked(cold, slow)).seconds is None
    assert (await asked(cold, slow)).seconds == pytest.approx(2.5, abs=1)


async def test_a_probe_is_an_event_like_any_trial(cold: Settings) -> None:
    await asked(cold, WAIT)
    store = Store(cold)
    kinds = [event.kind for event in store.events(store.run("last").id)]
    store.close()
    assert kinds.count("trial_ran") == 2
    assert kinds.index("trial_ran") < kinds.index("plan_approved")


async def test_frames_and_grid_make_the_work_of_a_kernel(registry: Registry) -> None:
    executor = registry.executor("webgpu")
    step = Step(
        id="draw",
        language="kernel",
        code="pixels",
        arguments={"value": "x", "width": 64, "height": 64, "frames": "$frames"},
    )
    small, large = (executor.estimate(step, {"frames": n}) for n in (10, 20))
    assert small.work
    assert large.work
    assert large.work / small.work == pytest.approx(2.0, rel=0.2)
    assert small.memory_bytes == large.memory_bytes
