"""One intent after another, each on what the last one left on the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.config import Settings
from intentos.conversation import Conversation, Options, assignments, make_intent
from intentos.errors import UsageError
from intentos.events import Event
from intentos.parameters import Parameter
from intentos.policy import ApproveAll
from intentos.protocols import PlanningContext, Proposal
from intentos.run import RunStatus
from intentos.runtime import Runtime
from intentos.types import MAX_INTENT_CHARACTERS, Intent, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, plan_of

CARS = Parameter(name="cars", label=Words(en="cars"), kind="integer", default=10)
PLAN = plan_of("say {cars}", parameters=(CARS,))


def doubled(intent: Intent, context: PlanningContext) -> Proposal:
    """Plan ten cars, then twice as many as are on the table."""
    if context.table is None:
        return Proposal(plan=PLAN)
    if intent.text == "break":
        return Proposal(plan=plan_of("nonsense"))
    return Proposal(plan=context.table.plan, values={"cars": int(context.table.values["cars"]) * 2})


def conversation(settings: Settings) -> Conversation:
    """Return a conversation whose planner doubles."""
    approver = ApproveAll("test")
    made = Conversation(settings, approver, called_at=0.0)
    registry = HandRegistry(InstantExecutor(), planner=FixedPlanner(doubled))
    made.runtime = Runtime(
        settings=settings, store=made.store, registry=registry, approver=approver
    )
    return made


async def talk(settings: Settings, texts: list[str], options: Options) -> tuple[Conversation, str]:
    """Say the texts and return the conversation and the last output."""
    made = conversation(settings)
    heard: list[Event] = []
    run = await made.ask(texts, options, heard.append)
    assert heard
    await made.close()
    return made, run.results[-1].stdout


async def test_follow_ups_build_on_the_last_run(settings: Settings) -> None:
    made, said = await talk(settings, ["cars", "more", "more"], Options())
    assert said == "40\n"
    runs = [made.store.run(run_id) for run_id in made.runs]
    assert [run.parent_run for run in runs] == [None, runs[0].id, runs[1].id]
    assert len({run.plan.digest for run in runs if run.plan}) == 1
    assert len({run.intent.conversation for run in runs}) == 1


async def test_values_hold_for_the_first_text(settings: Settings) -> None:
    _, said = await talk(settings, ["cars", "more"], Options(values={"cars": "100"}))
    assert said == "200\n"


async def test_the_conversation_ends_where_a_run_fails(settings: Settings) -> None:
    made, _ = await talk(settings, ["cars", "break", "more"], Options())
    statuses = [made.store.run(run_id).status for run_id in made.runs]
    assert statuses == [RunStatus.COMPLETED, RunStatus.FAILED]


async def test_a_bad_follow_up_is_refused_before_anything_runs(settings: Settings) -> None:
    made = conversation(settings)
    with pytest.raises(UsageError):
        await made.ask(["cars", "more\x00"], Options(), lambda event: None)
    assert made.runs == []


@given(st.text(max_size=300))
def test_any_text_is_an_intent_or_a_clear_error(text: str) -> None:
    try:
        intent = make_intent(text, conversation="c")
    except UsageError as error:
        sentences = {error.code, error.text("en"), error.text("zh")}
    else:
        assert intent.text == text.strip()
        sentences = {"kept", intent.text, intent.model_dump_json()}
    assert len(sentences) == 3


def test_long_texts_are_counted() -> None:
    make_intent("心" * MAX_INTENT_CHARACTERS, conversation="c")
    with pytest.raises(UsageError, match="20001"):
        make_intent("心" * (MAX_INTENT_CHARACTERS + 1), conversation="c")


def test_assignments() -> None:
    assert assignments(["cars=200", "note=a=b", "empty="]) == {
        "cars": "200",
        "note": "a=b",
        "empty": "",
    }
    for bad in ("a=\udcff", "cars", "=1", " =1"):
        with pytest.raises(UsageError, match="name=value"):
            assignments([bad])
