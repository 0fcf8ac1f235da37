"""The result card: what came out, how far to trust it, what ran, and what to do next."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui import ui
from nicegui.testing import User
from nicegui.testing.user_interaction import UserInteraction

from intentos.model_use import ModelUse
from intentos.run import RunStatus
from intentos.turned_out import turned_out
from intentos.types import Check, Problem, Quantity, Words
from intentos.ui.desk import Desk
from intentos.ui.numbers import shown
from tests.test_turned_out import tell

from .records import TALK, plan_of, png, record


def test_numbers_read_well_and_lists_are_cut() -> None:
    assert shown(1234567) == "1,234,567"
    assert shown(0.1 + 0.2) == "0.3"
    assert shown(1718695.06) == "1,718,695"
    assert shown(True) == "True"
    assert shown(list(range(20))) == "[0, 1, 2, 3, 4, 5, … (20)]"
    assert shown(float("nan")) == "nan"


def text_of(element: ui.element) -> str:
    """Return all that is written in an element."""
    return " ".join(e.text for e in element.descendants() if isinstance(e, ui.label))


def only(user: User, marker: str) -> ui.element:
    """Return the one element that bears a mark, be it visible or not."""
    assert user.client is not None
    (element,) = (e for e in user.client.elements.values() if marker in e._markers)
    return element


def press(user: User, element: ui.element) -> None:
    """Click on one of several elements that bear the same mark."""
    UserInteraction(user, {element}, None).click()


async def test_a_result_tells_what_came_out_and_why_it_is_believed(user: User, desk: Desk) -> None:
    checks = [
        Check(name="finite", title=Words(en="Every number is finite"), status="passed",
              detail="1 number"),
        Check(name="known", title=Words(en="As the textbook has it"), kind="oracle",
              status="unknown", detail="mean = 3.5"),
    ]  # fmt: skip
    record(
        desk.store,
        plan=plan_of(),
        files={"plot.png": (png(), "image/png")},
        numbers={f"number_{i}": Quantity(value=i + 0.5, unit="m") for i in range(8)},
        answer="The mean is 3.5 m.",
        badge="plausible",
        checks=checks,
        doubts=[Problem(code="doubt.unknown", arguments={"checks": "As the textbook has it"})],
        stdout="working\n" * 5000,
        truncated=True,
        models=(ModelUse(name="small", tokens=12),),
    )
    await user.open(f"/c/{TALK}")
    await user.should_see("The mean is 3.5 m.")
    card = only(user, "result")
    marks = [mark for e in card.descendants() for mark in e._markers]
    order = ["to-stage", "answer", "numbers", "badge", "what-ran", "rerun", "change", "compare"]
    assert [mark for mark in marks if mark in order] == order  # the picture comes first

    number = only(user, "number-number_0")
    assert number.props["data-copy"] == "0.5"
    assert "number 0" in text_of(number)
    assert not only(user, "number-number_7").visible
    user.find(marker="more-numbers").click()
    assert only(user, "number-number_7").visible

    assert not only(user, "checks").visible
    user.find(marker="badge").click()
    assert only(user, "checks").visible
    told = text_of(only(user, "checks"))
    assert "As the textbook has it" in told
    assert "mean = 3.5" in told
    assert "not decided" in told
    assert "Not decided: As the textbook has it." in text_of(only(user, "doubts"))

    user.find(marker="what-ran").trigger("toggle")
    ran = text_of(only(user, "what-ran"))
    for fact in ("Compute the mean", "sandbox", "CPython 3.11", "numpy 2.3.1", "12 tokens", "7"):
        assert fact in ran
    assert "report(" not in ran  # the code is sent when it is wanted
    user.find(marker="code-work").trigger("toggle")
    await user.should_see("report('mean', 3.5)")
    user.find(marker="stdout-work").trigger("toggle")
    log = text_of(only(user, "stdout-work"))
    assert len(log) < 21_000
    assert "more than the limit allows" in log
    assert "Only the last 20,000 characters" in log


async def test_numbers_are_called_in_the_persons_language(user: User, desk: Desk) -> None:
    own = {"bounces": Words(en="Bounces until it rests", zh="静止前的弹跳次数")}
    plan = plan_of().model_copy(update={"labels": own})
    numbers = {"mean": Quantity(value=3.5), "bounces": Quantity(value=7)}
    record(desk.store, plan=plan, numbers=numbers, answer="7")
    user.http_client.headers["accept-language"] = "zh"
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="number-bounces")
    told = text_of(only(user, "result"))
    assert "静止前的弹跳次数" in told
    assert "平均值" in told
    assert "mean" not in told


async def test_what_a_check_found_is_said_in_the_persons_language(user: User, desk: Desk) -> None:
    check = Check(name="in_view", title=Words(en="In the picture", zh="位于画面之内"),
                  status="passed", detail="62.1 % on average, at least 5 %")  # fmt: skip
    record(desk.store, plan=plan_of(), badge="plausible", checks=[check], answer="7")
    user.http_client.headers["accept-language"] = "zh"
    await user.open(f"/c/{TALK}")
    press(user, only(user, "badge"))
    await user.should_see("平均 62.1 %，至少 5 %")


async def test_what_did_not_work_says_what_to_do(user: User, desk: Desk) -> None:
    error = Problem(code="store.no_run", arguments={"name": "x"})
    common = {"plan": plan_of(), "error": error, "stderr": "Traceback: it broke"}
    record(desk.store, talk="failed", status=RunStatus.FAILED, tried=True,
           models=(ModelUse(name="small", tokens=3),), **common)  # type: ignore[arg-type]  # fmt: skip
    await user.open("/c/failed")
    await user.should_see(error.text("en"))
    await user.should_see("Traceback: it broke")  # the log is open
    tried = " ".join(
        text_of(e) or getattr(e, "text", "") for e in user.find(marker="tried").elements
    )
    assert "Asked: small" in tried
    assert "failed" in tried
    await user.should_see(marker="rerun")
    await user.should_see(marker="change")
    await user.should_not_see(marker="save")  # there is nothing to keep
    await user.should_not_see(marker="export")

    record(desk.store, talk="stopped", status=RunStatus.CANCELED, plan=plan_of(),
           files={"a.png": (png(), "image/png")})  # fmt: skip
    await user.open("/c/stopped")
    await user.should_see("Stopped.")
    await user.should_see("1 files")
    await user.should_see(marker="to-stage")

    record(desk.store, talk="cut", status=RunStatus.INTERRUPTED, plan=plan_of())
    await user.open("/c/cut")
    await user.should_see("Interrupted")
    await user.should_see("Run again")

    record(desk.store, talk="unplanned", status=RunStatus.FAILED, error=error)
    await user.open("/c/unplanned")
    await user.should_see(marker="ask-again")
    await user.should_not_see(marker="rerun")


async def test_files_that_were_cleaned_away_are_told_and_made_again(user: User, desk: Desk) -> None:
    files = {"a.png": (png(), "image/png"), "b.png": (png(9), "image/png")}
    record(desk.store, plan=plan_of(), files=files, removed=["a.png"])
    await user.open(f"/c/{TALK}")
    await user.should_see("Cleaned away to save space: a.png")
    await user.should_see("Make it again")
    user.find(marker="tab-a.png").click()
    await user.should_see(marker="stage-message")


async def test_a_real_run_is_run_again_kept_exported_and_shared(user: User, desk: Desk) -> None:
    run_id = await desk.ask("What is 17% of 4350?", conversation=TALK)
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="run", retries=100)
    await desk.approve(run_id)
    await asyncio.wait_for(desk.ended(run_id), 60)
    await user.should_see("739.5", retries=50)

    user.find(marker="change").click()
    await user.should_see(marker="following", retries=20)  # what is said next is about it

    user.find(marker="save").click()
    await user.should_see(marker="save-name", retries=20)
    name = user.find(marker="save-name")
    name.clear().type("my share")
    user.find(marker="save-phrase-zh").type("not Chinese")
    user.find(marker="save-now").click()
    await user.should_see("is not in the language of its field", retries=20)
    user.find(marker="save-phrase-zh").clear().type("我的百分比")
    user.find(marker="save-now").click()
    await user.should_see("Saved as “my share”", retries=200)
    user.find(marker="save").click()
    await user.should_see(marker="save-now", retries=20)
    user.find(marker="save-now").click()
    await user.should_see("something called “my share” already", retries=200)
    user.find(marker="save-replace").click()
    await user.should_not_see(marker="save-form", retries=200)

    user.find(marker="share").click()
    shared = await user.download.next(timeout=10)
    assert b"You are asked before anything runs" in shared.content
    user.find(marker="export").click()
    await user.should_see(marker="export-csv", retries=50)
    user.find(marker="export-csv").click()
    table = await user.download.next(timeout=30)
    file = Path(table.request.url.path)  # no server hands it out here
    assert b"739.5" in await asyncio.to_thread(file.read_bytes)

    user.find(marker="rerun").click()
    for _ in range(200):
        if len(desk.turns(TALK)) == 2:
            break
        await asyncio.sleep(0.1)
    again = desk.turns(TALK)[-1].run
    assert (again.parent_run, again.values) == (run_id, desk.turn(run_id).run.values)


async def test_a_neighbours_result_that_turned_out_wrong_is_told_on_its_card(
    user: User, desk: Desk
) -> None:
    run = record(desk.store, plan=plan_of(), node="bo", answer="The mean is 3.5 m.")
    tell(desk.settings, run)
    await user.open(f"/c/{TALK}")
    await user.should_see("The mean is 3.5 m.")
    (told,) = turned_out(desk.settings, run)
    assert text_of(only(user, "result")).count(told.text("en")) == 1
    assert "bo" in told.text("en")
