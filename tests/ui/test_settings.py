"""The settings: in plain words, written at once; what is remembered can be taken back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nicegui import app
from nicegui.testing import User

from intentos import config
from intentos.consent import Consents, Disclosure
from intentos.preferences import Preferences
from intentos.ui.desk import Desk

from .told import told

WAIT = 150
SAID = {
    "gpt": "No language model is called 'gpt'.",
    "/no/where.gguf": "no/where.gguf",
    "openai/": "No provider is known for the model openai/.",
}
"""What is said of names that no model has."""


async def test_a_mode_is_chosen_and_holds_from_then_on(user: User, desk: Desk) -> None:
    await user.open("/settings")
    await user.should_see("Ask every time", retries=WAIT)
    assert _checked(user, "mode-ask")
    user.find(marker="mode-risky").click()
    await user.should_see("Changed. It holds for what begins from now on.", retries=WAIT)
    assert desk.settings.mode == config.load().mode == "risky"
    assert _checked(user, "mode-risky")
    assert not _checked(user, "mode-ask")
    # What the environment fixes says so.
    await user.should_see("Fixed by the environment variable INTENTOS_MODEL.", retries=WAIT)
    (option,) = user.find(marker="model-embedded").elements
    assert option.props["disabled"]
    assert desk.settings.model == "none"


async def test_a_model_that_cannot_be_is_not_written(
    user: User, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INTENTOS_MODEL")
    await user.open("/settings")
    await user.should_see(marker="model-other", retries=WAIT)
    user.find(marker="model-other").click()
    await user.should_see(marker="model-name", retries=WAIT)
    for wrong, said in SAID.items():
        user.find(marker="model-name").clear().type(wrong)
        user.find(marker="model-use").click()
        await user.should_see(said, retries=WAIT)
        assert wrong not in (desk.settings.model, config.load().model)


async def test_what_cannot_be_is_told_and_not_written(user: User, desk: Desk, home: Path) -> None:
    await user.open("/settings")
    await user.should_see(marker="seed", retries=WAIT)
    for wrong in ("-1", "seven", "1e999", ""):
        user.find(marker="seed").clear().type(wrong).trigger("blur")
        await user.should_see("A number from 0 to 9223372036854775807, please.", retries=WAIT)
    user.find(marker="seed").clear().type("42").trigger("keydown.enter")
    await _until(lambda: desk.settings.seed == 42)
    await _until(lambda: desk._runs.runtime._settings.seed == 42)  # it lives in another thread
    await user.should_not_see("A number from 0 to")
    user.find(marker="disk_budget").clear().type("2.5").trigger("blur")
    await _until(lambda: config.load().disk_budget == 2.5)
    assert "seed = 42" in (config.load().home / "config.toml").read_text("utf-8")
    # A file that is damaged meanwhile is told of and left alone.
    (home / "config.toml").write_text("mode = = ", "utf-8")
    user.find(marker="mode-plan").click()
    await user.should_see("cannot be read", retries=WAIT)
    assert desk.settings.mode == "ask"
    assert (home / "config.toml").read_text("utf-8") == "mode = = "
    assert _checked(user, "mode-ask")


async def test_what_is_remembered_is_listed_and_taken_back(user: User, desk: Desk) -> None:
    kept = Preferences(desk.settings)
    kept.set("colour", "#3a7bd5")
    kept.set("frames", 96)
    await user.open("/settings")
    await user.should_see("colour = #3a7bd5", retries=WAIT)
    user.find(marker="forget-colour").click()
    await user.should_not_see("colour = #3a7bd5", retries=WAIT)
    assert list(kept.every()) == ["frames"]
    user.find(marker="forget-all").click()
    await user.should_see("Nothing yet.", retries=WAIT)
    assert kept.every() == {}
    # So are yeses for good, and who may be sent something.
    run = told(desk.store, "a campfire under the stars")
    plan = desk.store.run(run).plan
    assert plan is not None
    assert desk.store.approval(plan.digest) is not None
    Consents(desk.settings).remember(Disclosure(host="models.example", model="m", sent=("wish",)))
    await user.open("/settings")
    await user.should_see("a campfire under the stars", retries=WAIT)
    user.find(marker=f"forget-{plan.digest}").click()
    await user.should_see("You have said yes to nothing for good.", retries=WAIT)
    assert desk.store.approval(plan.digest) is None
    await user.should_see("models.example", retries=WAIT)
    user.find(marker="forget-models.example").click()
    await user.should_see("Nobody. You are asked when it is needed.", retries=WAIT)


async def test_theme_and_language_are_chosen(user: User, desk: Desk) -> None:
    await user.open("/settings")
    await user.should_see(marker="theme-dark", retries=WAIT)
    user.find(marker="theme-dark").click()
    await _until(lambda: _storage().get("dark") is True)
    user.find(marker="theme-system").click()
    await _until(lambda: _storage().get("dark") is None)
    user.find(marker="language-zh").click()
    await _until(lambda: desk.settings.language == "zh")
    await user.open("/settings")
    await user.should_see("什么时候问你", retries=WAIT)


async def test_the_machine_is_looked_at_without_holding_the_page_up(user: User, desk: Desk) -> None:
    await user.open("/settings")
    await user.should_see("Looking …")
    machine = await desk.machines.look()
    await user.should_see("State folder", retries=WAIT)
    assert {"system", "space", "executor"} <= {finding.name for finding in machine.findings}


def _checked(user: User, marker: str) -> bool:
    (found,) = user.find(marker=marker).elements
    return bool(found.props["aria-checked"] == "true")


def _storage() -> dict[str, object]:
    (only,) = app.storage._users.values()
    return dict(only)


async def _until(holds: object) -> None:
    assert callable(holds)
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to hold")
