"""The stage beside the conversation: which run is on it, its tabs, and its knobs."""

from __future__ import annotations

import asyncio
import json

from nicegui.testing import User

from intentos.run import RunStatus
from intentos.ui.desk import Desk

from .records import TALK, plan_of, png, record
from .test_result_card import only, press, text_of


async def turn_knob(user: User, name: str, value: object) -> None:
    """Turn a knob of the run on the stage, as the browser tells of it."""
    told = {"detail": {"name": name, "value": value}}
    user.find(marker=f"knob-{name}").trigger("knob", told)
    await asyncio.sleep(0)


async def test_a_drawing_run_is_alive_on_the_stage_with_its_film_behind(
    user: User, desk: Desk
) -> None:
    plan = plan_of(language="kernel", code="field")
    run = record(desk.store, plan=plan, files={"film.mp4": (b"film", "video/mp4")})
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="live")
    options = json.loads(only(user, "live").props["options"])
    assert options["programUrl"] == f"/api/program/{run.id}/work"
    assert options["socketUrl"] == f"/api/live/{run.id}/work"
    assert options["framesUrl"] is None  # it has ended: there are no more frames
    assert options["film"] == {
        "url": f"/api/artifacts/{run.artifacts[0].id}", "media_type": "video/mp4",
    }  # fmt: skip
    assert options["words"]["play"] == "Play"


async def test_an_earlier_turn_comes_back_to_the_stage(user: User, desk: Desk) -> None:
    first = record(desk.store, plan=plan_of(), files={"a.png": (png(), "image/png")})
    later = record(desk.store, plan=plan_of(), files={"b.png": (png(9), "image/png")})
    await user.open(f"/c/{TALK}")

    def pictured() -> str:
        return str(json.loads(only(user, "picture").props["options"])["film"]["url"])

    await user.should_see(marker="picture")
    assert pictured().endswith(later.artifacts[0].id)
    earlier = min(user.find(marker="to-stage").elements, key=lambda e: e.id)
    press(user, earlier)
    assert pictured().endswith(first.artifacts[0].id)


async def test_an_empty_stage_says_something(user: User, desk: Desk) -> None:
    for talk, status in (
        ("done", RunStatus.COMPLETED),
        ("failed", RunStatus.FAILED),
        ("stopped", RunStatus.CANCELED),
    ):
        record(desk.store, plan=plan_of(), talk=talk, status=status)
        await user.open(f"/c/{talk}")
        await user.should_see(marker="stage-message")
        assert len(text_of(only(user, "stage-message"))) > 20


async def test_knobs_are_turned_freely_and_run_only_when_that_is_said(
    user: User, desk: Desk
) -> None:
    run = record(desk.store, plan=plan_of(), files={"a.png": (png(), "image/png")})
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="knobs")
    assert not only(user, "unsaved").visible

    await turn_knob(user, "speed", 4.0)  # live: the picture follows by itself
    assert "1 unsaved" in only(user, "unsaved").text  # type: ignore[attr-defined]
    stage = only(user, "stage")
    assert "stale" not in stage.classes
    await turn_knob(user, "count", 12)  # it cannot follow this one
    assert "2 unsaved" in only(user, "unsaved").text  # type: ignore[attr-defined]
    assert "stale" in stage.classes
    await turn_knob(user, "count", 1000)  # out of range: told at the field, nothing is taken
    assert "2 unsaved" in only(user, "unsaved").text  # type: ignore[attr-defined]

    user.find(marker="reset-knobs").click()
    await user.should_not_see(marker="unsaved", retries=20)
    assert "stale" not in stage.classes
    assert len(desk.turns(TALK)) == 1  # turning alone made no run

    await turn_knob(user, "speed", 4.0)
    user.find(marker="rerun-knobs").click()
    for _ in range(200):
        if len(desk.turns(TALK)) == 2:
            break
        await asyncio.sleep(0.1)
    again = desk.turns(TALK)[-1].run
    assert again.parent_run == run.id
    assert again.values == {"count": 3, "speed": 4.0}
    await desk.stop(again.id)


async def test_the_stage_waits_with_the_name_of_what_goes_on(user: User, desk: Desk) -> None:
    run = await desk.ask("What is 17% of 4350?", conversation=TALK)
    await user.open(f"/c/{TALK}")
    await user.should_see("as soon as you say yes", retries=100)
    await desk.approve(run)
    await asyncio.wait_for(desk.ended(run), 60)
    await user.should_see(marker="picture", retries=50)
    await user.should_not_see(marker="stage-message")
