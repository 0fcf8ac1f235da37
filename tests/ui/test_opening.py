"""A plan that somebody shared: opened, called what it is, and asked about; a bad one is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui import ui
from nicegui.testing import User

from intentos.plan_file import dump_plan
from intentos.run import RunStatus
from intentos.ui.desk import Desk

from .test_composer import attach


def shared_heart(desk: Desk) -> str:
    """Return a recipe of the library as the text of a plan file."""
    plan = desk.recipes.get("rotating_heart").plan
    return dump_plan(plan, plan.defaults)


async def test_a_plan_that_is_dropped_waits_for_a_yes_and_says_where_it_is_from(
    user: User, desk: Desk, tmp_path: Path
) -> None:
    await user.open("/")
    shared = tmp_path / "heart.yaml"
    shared.write_text(shared_heart(desk))
    await attach(user, shared)
    await user.should_see(marker="plan", retries=200)
    await user.should_see("Opened from heart.yaml. Nothing of it has run")
    (talk,) = desk.talks()
    (turn,) = desk.turns(talk.id)
    assert turn.run.plan is not None
    assert (turn.run.plan.origin, turn.run.plan.recipe) == ("recipe", "rotating_heart")
    assert turn.question is not None

    # Whoever said yes to just this for ever is asked all the same: somebody else wrote the file.
    await desk.approve(turn.run.id, scope="plan")
    await desk.stop(turn.run.id)
    await attach(user, shared)
    for _ in range(100):
        turns = desk.turns(talk.id)
        if len(turns) == 2 and turns[1].question is not None:
            break
        await asyncio.sleep(0.1)
    second = desk.turns(talk.id)[1]
    assert second.question is not None
    assert second.run.status is RunStatus.AWAITING_APPROVAL


async def test_what_was_changed_in_a_file_is_no_recipe_whatever_it_says(
    user: User, desk: Desk
) -> None:
    await user.open("/")
    text = shared_heart(desk).replace("expect: in_view > 95", "expect: in_view > 5")
    assert "in_view > 5\n" in text
    answer = await user.http_client.post("/api/plans?name=x.yaml&language=en", content=text)
    assert answer.status_code == 200, answer.text
    await user.open(f"/c/{answer.json()['conversation']}")
    await user.should_see(marker="plan", retries=100)
    (turn,) = desk.turns(answer.json()["conversation"])
    assert turn.run.plan is not None
    assert (turn.run.plan.origin, turn.run.plan.recipe) == ("edited", None)


BROKEN = [
    (b"", "not a mapping"),
    (b"\xff\xfe\x00plan", "cannot be read"),
    (b"title: {en: cut", "line 2, column 1"),
    (b"steps: &a [*a]", "line 1"),
    (b"schema: 99\ntitle: {en: x}\n", "99"),
    (b"a: " + b"[" * 9000, "nested too deep"),
    (b"title: " + b"x" * 1_000_001, "at most 1000000 bytes"),
]
"""What is in a file that is no plan, and what is said of it."""


async def test_what_is_no_plan_is_refused_in_words_and_what_was_typed_stays(
    user: User, desk: Desk, tmp_path: Path
) -> None:
    await user.open("/")
    for data, said in BROKEN:
        address = "/api/plans?name=..%2F%3Cb%3E.yaml&language="
        answer = await user.http_client.post(f"{address}en", content=data)
        assert answer.status_code == 400
        told = answer.json()["message"]
        assert told.startswith("<b>.yaml is no plan that can be opened here.")
        assert said in told
        answer = await user.http_client.post(f"{address}zh", content=data)
        assert "不是这里能打开的计划" in answer.json()["message"]

    (field,) = user.find(ui.textarea).elements
    with user:
        field.value = "half a wish"
    broken = tmp_path / "broken.yml"
    broken.write_text("steps: 5")
    await attach(user, broken)
    await user.should_see("broken.yml is no plan that can be opened here", retries=100)
    assert field.value == "half a wish"
    await user.should_not_see(marker="attachment")
    assert desk.talks() == []
