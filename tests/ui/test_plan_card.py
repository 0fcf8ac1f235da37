"""The plan card: what a person reads, sets and says before anything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
from nicegui import ui
from nicegui.testing import User

from intentos.plan import Assumption, Plan, Step
from intentos.types import Estimate, Value, Words
from intentos.ui.desk import Desk, Turn

TALK = "talk-1"
PYTHON = "report('answer', parameters['a'] * 2)\n"


def doubled(**changes: object) -> Plan:
    """Return a plan in Python with one parameter and two assumptions, one without a knob."""
    fields: dict[str, object] = {
        "title": Words(en="Double {a:g}", zh="把 {a:g} 加倍"),
        "interpretation": Words(en="Take {a:g} twice.", zh="取 {a:g} 的两倍。"),
        "assumptions": (
            Assumption(text=Words(en="It is {a:g}."), parameter="a"),
            Assumption(text=Words(en="Plain numbers.")),
        ),
        "parameters": (
            {"name": "a", "label": {"en": "Number"}, "default": 2, "minimum": 0, "maximum": 9},
        ),
        "steps": (Step(id="double", language="python", code=PYTHON, arguments={"a": "$a"}),),
        "origin": "generated",
    }
    return Plan.model_validate(fields | changes)


async def asked(user: User, desk: Desk, plan: Plan | None = None) -> str:
    """Put a plan, or the library's heart, on a card; return the run's id."""
    if plan is None:
        run = await desk.try_recipe("rotating_heart", conversation=TALK, language="en")
    else:
        run = await desk.run_plan(plan, {}, conversation=TALK, language="en")
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="plan", retries=100)
    return run


async def until(desk: Desk, run: str, holds: Callable[[Turn], object]) -> Turn:
    """Wait until something holds of a turn, and return it."""
    for _ in range(600):
        turn = desk.turn(run)
        if holds(turn):
            return turn
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never held: {desk.turn(run)}")


def turn_knob(user: User, name: str, value: object) -> None:
    """Do what the control of a parameter does when it is turned."""
    user.find(marker=f"knob-{name}").trigger("knob", {"detail": {"name": name, "value": value}})


async def test_a_card_says_how_it_was_understood_and_what_it_may_touch(
    user: User, desk: Desk
) -> None:
    run = await desk.ask("draw a rotating heart", conversation=TALK)
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="plan", retries=100)
    await user.should_see("A rotating heart")
    await user.should_see("I understood: ")
    await user.should_see("from the library")
    await user.should_see("Needs the GPU and nothing else")
    await user.should_see("This plan has not run before.")
    await user.should_see("Risk: low", retries=100)
    await user.should_see("in a sandbox")
    await until(desk, run, lambda turn: turn.question and turn.question.estimates is not None)
    await user.should_see("Estimate: ", retries=20)
    await user.should_not_see(ui.codemirror)


async def test_what_is_turned_on_the_card_is_what_runs(
    user: User, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await asked(user, desk, doubled())
    await user.should_see("It is 2.")
    user.find(marker="scopes").click()
    await user.should_see(marker="scope-once")
    turn_knob(user, "a", "11")
    await user.should_see("Mend the marked fields first")
    (knob,) = user.find(marker="knob-a").elements
    assert knob.props["problem"] == "Number = 11 is outside its range: 0 to 9."
    user.find(marker="scope-once").click()
    await asyncio.sleep(0.3)
    assert desk.turn(run).question is not None

    turn_knob(user, "a", "3.5")
    await user.should_see("I understood: Take 3.5 twice.")
    await user.should_see("It is 3.5.")
    # What becomes known of the plan meanwhile leaves alone what has been set.
    await until(desk, run, lambda turn: turn.question and turn.question.estimates is not None)
    await user.should_see("Estimate: ", retries=20)
    assert (knob.is_deleted, knob.props["setting"]) == (False, '"3.5"')
    # What it costs is found out again for what is set now.
    estimated: list[dict[str, Value]] = []
    ask = desk.estimate

    async def estimate(run: str, values: Mapping[str, Value]) -> dict[str, Estimate]:
        estimated.append(dict(values))
        return await ask(run, values)

    monkeypatch.setattr(desk, "estimate", estimate)
    turn_knob(user, "a", "4")
    turn_knob(user, "a", "3.25")
    await until(desk, run, lambda turn: estimated)
    assert estimated == [{"a": 3.25}]
    turn_knob(user, "a", "3.5")
    user.find(marker="run").click()
    turn = await until(desk, run, lambda turn: turn.run.status.ended)
    assert (turn.run.values, turn.run.quantities["answer"].value) == ({"a": 3.5}, 7.0)
    await user.should_see("approved by you", retries=20)


async def test_an_assumption_opens_its_knob_or_says_that_there_is_none(
    user: User, desk: Desk
) -> None:
    await asked(user, desk, doubled())
    assert len(user.find(marker="knob-a").elements) == 1
    user.find(marker="assumption-0").click()
    assert len(user.find(marker="knob-a").elements) == 2
    user.find(marker="assumption-1").click()
    await user.should_see(marker="no-knob")
    user.find(marker="assumption-change").click()
    await user.should_see("About: Double 2")


async def test_a_yes_holds_as_far_as_was_said_and_is_taken_back(user: User, desk: Desk) -> None:
    run = await asked(user, desk, doubled())
    user.find(marker="scopes").click()
    await user.should_see(marker="scope-once")
    user.find(marker="scope-once").click()
    turn = await until(desk, run, lambda turn: turn.run.status.ended)
    assert turn.run.approval is not None
    assert turn.run.approval.scope == "once"
    await user.should_see("only this once", retries=20)
    await user.should_not_see(marker="undo")

    again = await desk.rerun(run, {"a": 4})
    await until(desk, again, lambda turn: turn.question)
    await user.should_see(marker="plan", retries=20)
    user.find(marker="run").click()  # as the menu says: this plan within its ranges
    await until(desk, again, lambda turn: turn.run.status.ended)
    third = await desk.rerun(run, {"a": 5})
    await until(desk, third, lambda turn: turn.run.status.ended)
    await user.should_see("approved before, within its ranges", retries=20)

    user.find(marker="undo").click()
    await asyncio.sleep(0.3)
    fourth = await desk.rerun(run, {"a": 6})
    assert (await until(desk, fourth, lambda turn: turn.question)).run.approval is None


async def test_always_names_its_rule_and_undoing_forgets_it(user: User, desk: Desk) -> None:
    run = await asked(user, desk, doubled())
    user.find(marker="scopes").click()
    await user.should_see(marker="scope-rule", retries=100)
    await user.should_see("Python that a model writes and that imports nothing but")
    user.find(marker="scope-rule").click()
    await until(desk, run, lambda turn: turn.run.status.ended)
    assert len(desk.store.standing.rules()) == 1
    await user.should_see("Undo rule", retries=20)
    user.find(marker="undo").click()
    await asyncio.sleep(0.5)
    assert desk.store.standing.rules() == []


async def test_what_reaches_outside_is_said_in_red_and_allowed_only_once(
    user: User, desk: Desk
) -> None:
    wide = {"id": "double", "language": "python", "code": PYTHON, "needs": ["network"]}
    run = await asked(user, desk, doubled(steps=(wide,)))
    await user.should_see(marker="wide-needs")
    await user.should_see("It may use the network")
    await user.should_see("Allow and run")
    await user.should_see("Risk: high", retries=100)
    user.find(marker="scopes").click()
    await user.should_see(marker="scope-once")
    await user.should_not_see(marker="scope-plan")
    await user.should_not_see(marker="scope-rule")
    user.find(marker="run").click()
    turn = await until(desk, run, lambda turn: turn.run.approval)
    assert turn.run.approval is not None
    assert (turn.run.approval.scope, turn.run.approval.rule) == ("once", None)


async def test_edited_code_is_checked_shown_as_a_difference_and_asked_about(
    user: User, desk: Desk
) -> None:
    run = await asked(user, desk, doubled())
    user.find(marker="edit").click()
    await user.should_see(ui.codemirror)
    (field,) = user.find(ui.codemirror).elements
    assert field.value == PYTHON
    with user:
        field.value = "report('answer',"
    user.find(marker="use-edited").click()
    await user.should_see("Step double, line 1: this is no valid Python")
    with user:
        field.value = PYTHON.replace("2", "3") + "import socket\n"
    user.find(marker="use-edited").click()
    await user.should_see(marker="difference", retries=50)
    await user.should_see("edited by hand")
    await user.should_see("Changed from “Double 2”:")
    (shown,) = user.find(marker="diff-needs").elements
    assert "+double: import socket" in str(shown.props["options"])
    assert "* 3)" in str(next(iter(user.find(marker="diff-code").elements)).props["options"])
    turn = await until(desk, run, lambda turn: turn.question)
    assert turn.run.plan is not None
    assert turn.run.plan.origin == "edited"

    user.find(marker="edit").click()
    await user.should_see(marker="edit-whole")
    user.find(marker="edit-whole").click()
    await asyncio.sleep(0.2)
    (field,) = user.find(ui.codemirror).elements
    with user:
        field.value = str(field.value).replace("steps:", "stepps:")
    await user.should_see("stepps", retries=20)  # while it is typed, with its line
    user.find(marker="use-edited").click()
    await asyncio.sleep(0.2)
    assert desk.turn(run).question is turn.question


async def test_code_is_in_the_page_only_once_it_is_unfolded(user: User, desk: Desk) -> None:
    await asked(user, desk, doubled())
    await user.should_not_see(ui.codemirror)
    user.find(marker="code-double").click()
    (code,) = user.find(ui.codemirror).elements
    assert (code.value, code.enabled) == (PYTHON, False)


async def test_a_no_is_one_line_from_which_it_can_be_asked_again(user: User, desk: Desk) -> None:
    run = await asked(user, desk, doubled())
    user.find(marker="cancel").click()
    await until(desk, run, lambda turn: turn.run.status.ended)
    await user.should_see("Not run: you said no", retries=20)
    await user.should_not_see(marker="plan")
    user.find(marker="unfold").click()
    await user.should_see("I understood: Take 2 twice.")
    user.find(marker="ask-again").click()
    await user.should_see(marker="plan", retries=50)


async def test_what_is_said_about_a_plan_that_waits_takes_its_place(user: User, desk: Desk) -> None:
    run = await asked(user, desk)
    user.find(marker="change").click()
    await user.should_see("About: A rotating heart")
    (field,) = user.find(ui.textarea).elements
    with user:
        field.value = "make it blue"
    user.find(marker="send").click()
    await until(desk, run, lambda turn: turn.run.status.ended)
    after = (await until(desk, run, lambda _: len(desk.turns(TALK)) == 2)) and desk.turns(TALK)[1]
    assert after.run.parent_run == run
    turn = await until(desk, after.run.id, lambda turn: turn.question)
    assert turn.run.values["colour"] != desk.turn(run).run.values["colour"]


async def test_a_formula_that_cannot_be_read_is_told_before_anything_runs(
    user: User, desk: Desk
) -> None:
    picture = Step(
        id="draw",
        language="kernel",
        code="pixels",
        arguments={"colour": "$formula", "width": 16, "height": 16},
    )
    formula = {"name": "formula", "label": {"en": "Brightness"}, "kind": "expression"}
    plan = doubled(
        parameters=({**formula, "default": "sin(x)"},),
        assumptions=(),
        title=Words(en="Paint"),
        interpretation=Words(en="Paint {formula}."),
        steps=(picture,),
    )
    run = await asked(user, desk, plan)
    for wrong, said in (
        ("sin(x", "Brightness opens a bracket that is not closed."),
        ("sin(x))", "Brightness closes a bracket that was not opened."),
        ("x +", "Brightness is cut off"),
    ):
        turn_knob(user, "formula", wrong)
        (knob,) = user.find(marker="knob-formula").elements
        assert str(knob.props["problem"]).startswith(said)
    turn_knob(user, "formula", "sin(x) + frobnicate(3)")
    assert knob.props["problem"] == ""
    user.find(marker="run").click()
    await user.should_see("frobnicate", retries=100)
    assert desk.turn(run).question is not None
