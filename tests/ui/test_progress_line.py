"""The line of progress: what goes on, how far it is, how long it takes, and how to stop it."""

from __future__ import annotations

import json
import time

from nicegui import ui
from nicegui.testing import User

from intentos.events import FrameDrawn, OutputWritten, ProgressMade, RunQueued, StepStarted
from intentos.plan import Plan, Step
from intentos.run import Run
from intentos.types import Intent, Words, now
from intentos.ui.desk import Desk, Turn
from intentos.ui.page import Page
from intentos.ui.passing import Passing
from intentos.ui.progress_line import ProgressLine, progress_words

from .test_plan_card import TALK, doubled, until

STEPS = (
    Step(id="count", title=Words(en="Count", zh="数数"), language="python", code="1"),
    Step(id="draw", title=Words(en="Draw", zh="画图"), language="python", code="2"),
)


def going_on(*steps: Step) -> Run:
    """Return a run of a plan with these steps."""
    plan = doubled(steps=steps, parameters=(), assumptions=())
    intent = Intent(text="count and draw", language="en", conversation=TALK)
    return Run(id="r" * 26, intent=intent, plan=plan, created_at=now())


def frame(run: Run, index: int) -> FrameDrawn:
    """Return the news of one of 96 frames."""
    return FrameDrawn(
        run_id=run.id, step_id="draw", index=index, count=96, width=8, height=8, reference="-"
    )


async def test_a_run_is_followed_from_the_queue_to_its_last_frame(user: User, desk: Desk) -> None:
    await user.open("/")
    page, passing = Page(desk, "en"), Passing(time.monotonic())
    run = going_on(*STEPS)
    with user:
        line = ProgressLine(page, Turn(run, passing))

        passing.hear(RunQueued(run_id=run.id, resource="gpu", place=2))
        line.update(Turn(run, passing))
        await user.should_see("waiting for the GPU (place 2)")
        (bar,) = user.find(marker="bar").elements
        assert "aria-valuenow" not in bar.props

        passing.hear(StepStarted(run_id=run.id, step_id="draw", executor="x", isolation="sandbox"))
        passing.hear(OutputWritten(run_id=run.id, step_id="draw", stream="stdout", text="<b>1</b>"))
        passing.hear(ProgressMade(run_id=run.id, stage="stage.computing", fraction=0.42))
        line.update(Turn(run, passing))
        await user.should_see("computing · step 2 of 2: Draw · x")
        assert bar.props["aria-valuenow"] == "42"
        (tab,) = user.find(marker="tab-title").elements
        assert json.loads(tab.props["options"])["tab"] == "● computing 42 %"
        (tail,) = user.find(marker="output-tail").elements
        assert isinstance(tail, ui.label)  # text, whatever the code printed
        assert tail.text == "<b>1</b>"


async def test_the_time_that_is_left_is_seen_not_guessed(user: User, desk: Desk) -> None:
    run, passing = going_on(STEPS[1]), Passing(time.monotonic())
    page = Page(desk, "zh")
    passing.hear(frame(run, 0))
    assert progress_words(page, run, passing) == ["正在绘制", "第 1 帧，共 96 帧"]
    assert passing._first is not None
    fraction, since = passing._first
    passing._first = fraction, since - 10  # ten seconds ago
    passing.hear(frame(run, 47))
    assert progress_words(page, run, passing)[-1] == "还要约 10 秒"


async def test_stop_is_one_button_and_the_line_goes_with_the_run(user: User, desk: Desk) -> None:
    slow = Step(id="wait", language="python", code="import time\nprint('here')\ntime.sleep(60)\n")
    plan: Plan = doubled(steps=(slow,), parameters=(), assumptions=())
    run = await desk.run_plan(plan, {}, conversation=TALK, language="en")
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="run", retries=100)
    user.find(marker="run").click()
    await user.should_see(marker="progress", retries=100)
    await until(desk, run, lambda turn: turn.passing and "here" in turn.passing.output)
    await user.should_see("here", retries=20)
    user.find(marker="stop").click()
    turn = await until(desk, run, lambda turn: turn.run.status.ended)
    assert turn.run.status.value == "canceled"
    await user.should_not_see(marker="progress")
