"""The composer: what a person says, with which files, about which run; and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from intentos.types import MAX_INTENT_CHARACTERS
from intentos.ui.desk import Desk
from intentos.ui.names import plain_name


def say(user: User, text: str) -> None:
    """Type a text and send it off."""
    (field,) = user.find(ui.textarea).elements
    with user:
        field.value = text
    user.find(marker="send").click()


def typed(user: User) -> str:
    """Return what stands in the field."""
    (field,) = user.find(ui.textarea).elements
    return str(field.value)


async def attach(user: User, path: Path) -> None:
    """Hand in a file, as the browser does: to the address that the page names."""
    (upload,) = user.find(ui.upload).elements
    with path.open("rb") as file:
        files = {"file": (path.name, file)}
        answer = await user.http_client.post(str(upload.props["url"]), files=files)
    assert answer.status_code == 200


async def test_the_address_is_the_conversations_before_anything_is_asked(
    user: User, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    replace = ui.navigate.history.replace

    def tell(address: str) -> None:
        told.append(address)
        replace(address)

    monkeypatch.setattr(ui.navigate.history, "replace", tell)
    may, ask = asyncio.Event(), desk.ask

    async def slow(*wish: Any, **more: Any) -> str:
        await may.wait()
        return await ask(*wish, **more)

    monkeypatch.setattr(desk, "ask", slow)
    await user.open("/")
    say(user, "x" * (MAX_INTENT_CHARACTERS + 1))
    may.set()
    await user.should_see("at most 20000 can be understood", retries=20)
    assert told[-1] == "/"  # nothing has begun
    may.clear()
    say(user, "draw a rotating heart")
    async with asyncio.timeout(10):
        while not told[-1].startswith("/c/"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert desk.talks() == []
    may.set()
    await user.should_see(marker="plan", retries=100)
    (talk,) = desk.talks()
    assert told[-1] == f"/c/{talk.id}"


async def test_a_wish_is_sent_once_and_what_is_refused_stays_to_be_mended(
    user: User, desk: Desk
) -> None:
    await user.open("/")
    say(user, "   ")
    say(user, "x" * (MAX_INTENT_CHARACTERS + 1))
    await user.should_see("at most 20000 can be understood", retries=20)
    assert len(typed(user)) > MAX_INTENT_CHARACTERS
    say(user, "a\x00b")
    await user.should_see("bytes that are no characters", retries=20)
    say(user, "/plan")
    await user.should_see("Say what is to be planned", retries=20)
    say(user, "/frobnicate")
    await user.should_see("/frobnicate does nothing here now", retries=20)
    assert desk.talks() == []

    say(user, "draw a rotating heart")
    user.find(marker="send").click()  # twice in haste
    await user.should_see(marker="plan", retries=100)
    assert typed(user) == ""
    (talk,) = desk.talks()
    assert len(desk.turns(talk.id)) == 1
    await user.should_not_see(marker="composer-problem")


async def test_only_planned_is_said_so_and_runs_when_it_is_asked_again(
    user: User, desk: Desk
) -> None:
    await user.open("/")
    say(user, "/plan draw a rotating heart")
    await user.should_see("Only planned, as you wished. Nothing ran.", retries=100)
    (talk,) = desk.talks()
    (turn,) = desk.turns(talk.id)
    assert (turn.run.intent.text, turn.run.approval) == ("draw a rotating heart", None)
    user.find(marker="ask-again").click()
    await user.should_see(marker="plan", retries=100)


async def test_a_file_becomes_a_chip_and_goes_with_the_wish(
    user: User, desk: Desk, tmp_path: Path
) -> None:
    await user.open("/")
    table = tmp_path / "sales.csv"
    table.write_text("month,sold\n" + "".join(f"{n},{n * n}\n" for n in range(1, 13)))
    await attach(user, table)
    await user.should_see("sales.csv: a table of 12 rows and 2 columns: month, sold", retries=100)
    await attach(user, table)  # another file of that name is called otherwise
    for _ in range(200):
        if len(user.find(marker="attachment").elements) == 2 and user.find(marker="detach"):
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    say(user, "")
    await user.should_see("Say what to do with the files.", retries=20)

    junk = tmp_path / "junk.bin"
    junk.write_bytes(bytes(range(256)) * 9)
    await attach(user, junk)
    await user.should_see("neither text nor anything that can be read here", retries=100)
    assert len(user.find(marker="attachment").elements) == 2
    # Enter while a third is still being read: the wish waits for it, and nothing is lost.
    await attach(user, table)
    say(user, "summarise the table")
    await user.should_see(marker="said", retries=100)
    (talk,) = desk.talks()
    (turn,) = desk.turns(talk.id)
    assert [a.key for a in turn.run.intent.attachments] == ["sales", "sales_2", "sales_3"]
    await user.should_not_see(marker="attachment")


async def test_what_is_said_about_a_run_can_be_let_go_again(user: User, desk: Desk) -> None:
    run = await desk.try_recipe("rotating_heart", conversation="talk-1", language="en")
    await user.open("/c/talk-1")
    await user.should_see(marker="change", retries=100)
    user.find(marker="change").click()
    await user.should_see("About: A rotating heart")
    user.find(marker="unfollow").click()
    await user.should_not_see(marker="following")
    assert desk.turn(run).question is not None


def test_a_files_name_is_one_that_a_folder_takes() -> None:
    assert plain_name("../../etc/passwd") == "passwd"
    assert plain_name("C:\\temp\\data.csv") == "data.csv"
    assert plain_name("..") == plain_name("\x00\n") == "file"
    long = plain_name("图" * 300 + ".csv")
    assert long.endswith(".csv")
    assert len(long.encode()) < 120
