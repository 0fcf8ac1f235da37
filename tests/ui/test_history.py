"""The history: every conversation by day, searched as one types, kept, opened as it was."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from nicegui import ui
from nicegui.testing import User

from intentos.config import Settings
from intentos.store import Store
from intentos.ui.desk import Desk
from intentos.ui.history import AT_ONCE, day_words
from intentos.ui.page import Page

from .told import told

WAIT = 100


async def test_an_empty_history_says_what_will_be_here(user: User) -> None:
    await user.open("/history")
    await user.should_see(marker="nothing", retries=WAIT)
    await user.should_see("What you ask for will be here")


async def test_conversations_stand_under_their_days_the_newest_first(
    user: User, desk: Desk
) -> None:
    now = datetime.now(UTC)
    told(desk.store, "a campfire", at=now - timedelta(days=400))
    told(desk.store, "a double star", at=now - timedelta(days=1))
    told(desk.store, "一颗旋转的心", badge="failed")
    await user.open("/history")
    await user.should_see("一颗旋转的心", retries=WAIT)
    await user.should_see("Today")
    await user.should_see("Yesterday")
    await user.should_see("failed its checks")
    shown = _texts(user)
    order = [shown.index(t) for t in ("一颗旋转的心", "a double star", "a campfire")]
    assert order == sorted(order)


async def test_typing_finds_what_was_said_and_a_click_opens_it(user: User, desk: Desk) -> None:
    run = told(desk.store, "a campfire under the stars", conversation="talk-7")
    told(desk.store, "100% of a cake")
    await user.open("/history")
    await user.should_see("100% of a cake", retries=WAIT)
    user.find(marker="search").type("campfire")
    await user.should_not_see("100% of a cake", retries=WAIT)
    await user.should_see("a campfire under the stars")
    user.find(marker="search").clear().type("<b>nobody said this</b>")
    await user.should_see(
        "You have not said anything with “<b>nobody said this</b>” yet.", retries=WAIT
    )
    user.find(marker="search").clear()
    await user.should_see(marker="open-talk-7", retries=WAIT)
    user.find(kind=ui.link, marker="open-talk-7").click()
    await user.should_see(marker=f"turn-{run}", retries=WAIT)


async def test_what_waits_says_so_and_what_comes_meanwhile_appears(user: User, desk: Desk) -> None:
    told(desk.store, "a flock of starlings", waits=True)
    await user.open("/history")
    await user.should_see("waits for approval", retries=WAIT)
    told(desk.store, "said on the command line")  # which tells no tab
    await user.should_see("said on the command line", retries=WAIT)


async def test_a_result_is_kept_and_let_go_again(user: User, desk: Desk) -> None:
    run = told(desk.store, "a campfire", conversation="talk-8")
    await user.open("/history")
    await user.should_see(marker="keep-talk-8", retries=WAIT)
    user.find(marker="keep-talk-8").click()
    await _until(lambda: desk.store.run(run).kept)
    assert desk.turn(run).run.kept
    user.find(marker="keep-talk-8").click()
    await _until(lambda: not desk.store.run(run).kept)


async def test_a_damaged_record_hides_no_other(user: User, desk: Desk, settings: Settings) -> None:
    import sqlite3

    bad = told(desk.store, "a broken one")
    told(desk.store, "a good one")
    with sqlite3.connect(settings.database) as database:
        database.execute(
            "UPDATE events SET body = replace(body, 'verified', 'sure') "
            "WHERE run_id = ? AND kind = 'run_finished'", (bad,)
        )  # fmt: skip
    database.close()
    await user.open("/history")
    await user.should_see("a good one", retries=WAIT)
    await user.should_see("a broken one")


def test_a_thousand_conversations_are_found_at_once(settings: Settings) -> None:
    store = Store(settings)
    try:
        with store._database.transaction() as database:
            for number in range(1000):
                run = f"{number:026d}"
                body = f'{{"intent": {{"conversation": "t{number}", "text": "wish {number}"}}}}'
                row = (run, 1, "2026-01-01T00:00:00+00:00", "run_started", body)
                database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
                database.execute("INSERT INTO runs VALUES (?, ?, 1)", (run, row[2]))
        begun = time.monotonic()
        assert len(store.talks.every("", 10_000)) == 1000
        assert [talk.title for talk in store.talks.every("wish 77", 5)][-1].startswith("wish 77")
        assert time.monotonic() - begun < 5
    finally:
        store.close()


async def test_only_a_screenful_is_mounted_and_the_rest_on_demand(user: User, desk: Desk) -> None:
    for number in range(AT_ONCE + 3):
        told(desk.store, f"wish number {number}")
    await user.open("/history")
    await user.should_see(f"wish number {AT_ONCE + 2}", retries=WAIT)
    await user.should_not_see("wish number 0")
    user.find(marker="more").click()
    await user.should_see("wish number 0", retries=WAIT)


@pytest.mark.parametrize(
    ("day", "english", "chinese"),
    [
        (date(2026, 7, 16), "Today", "今天"),
        (date(2026, 7, 15), "Yesterday", "昨天"),
        (date(2026, 7, 13), "Monday", "星期一"),
        (date(2026, 7, 9), "9 July 2026", "2026 年 7 月 9 日"),
    ],
)
def test_days_are_called_as_people_call_them(day: date, english: str, chinese: str) -> None:
    today = date(2026, 7, 16)
    assert day_words(Page(None, "en"), day, today) == english  # type: ignore[arg-type]
    assert day_words(Page(None, "zh"), day, today) == chinese  # type: ignore[arg-type]


def _texts(user: User) -> list[str]:
    assert user.client is not None
    found = sorted(user.client.elements.values(), key=lambda element: element.id)
    return [str(getattr(element, "text", "")) for element in found]


async def _until(holds: object) -> None:
    assert callable(holds)
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to hold")
