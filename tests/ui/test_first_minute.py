"""The first minute: a greeting, things to try, the model's download, and what is missing, once."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from nicegui import app
from nicegui.testing import User

from intentos.config import Settings
from intentos.doctor import Finding
from intentos.errors import ModelUnavailable
from intentos.planners.shelf import RecipeShelf
from intentos.protocols import ModelInfo, RecipeInfo
from intentos.types import Problem
from intentos.ui.collection import SIX
from intentos.ui.desk import Desk
from intentos.ui.fetching import Fetching
from intentos.ui.machine import Machine
from intentos.ui.notices import notices
from intentos.ui.runs import Runs

from .told import told

WAIT = 300


class Shelf:
    """A model that can be had a piece at a time, as fast as the test lets it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.gguf"
        self.here = 0
        self.may = threading.Semaphore(0)
        self.breaks = False

    def every(self) -> Sequence[ModelInfo]:
        """Return the one model."""
        return [
            ModelInfo(
                name="small", path=self.path, size=1000, licence="MIT", present=self.here >= 1000
            )
        ]

    def verified(self, name: str) -> Path:
        """Return its file once it is whole."""
        if self.here < 1000:
            raise ModelUnavailable("fetch.canceled", file=name)
        return self.path

    def check(self, name: str) -> None:
        """Any name will do."""

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        canceled: threading.Event | None = None,
    ) -> Path:
        """Go on from what is here."""
        assert progress is not None
        assert canceled is not None
        while self.here < 1000:
            progress(self.here, 1000, "a shelf")
            while not self.may.acquire(timeout=0.02):
                if canceled.is_set():
                    raise ModelUnavailable("fetch.canceled", file=name)
            if self.breaks:
                raise ModelUnavailable("fetch.failed", file=name, what="no network")
            self.here += 250
        progress(1000, 1000, "a shelf")
        return self.path


async def test_a_fetch_is_followed_paused_and_gone_on_with(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    fetching = Fetching(lambda: shelf)
    missing = await fetching.missing()
    assert missing is not None
    fetching.start(missing.name)
    shelf.may.release()
    await _until(lambda: fetching.done == 250)
    assert fetching.fraction == 0.25
    fetching.pause()
    await fetching.close()
    assert (fetching.state, shelf.here) == ("paused", 250)
    fetching.start(missing.name)
    shelf.may.release(3)
    await _until(lambda: fetching.state == "idle")
    assert await fetching.missing() is None


async def test_a_fetch_that_fails_says_why_and_may_be_tried_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.breaks = True
    fetching = Fetching(lambda: shelf)
    fetching.start("small")
    shelf.may.release()
    await _until(lambda: fetching.state == "failed")
    assert fetching.error is not None
    assert "no network" in fetching.error.text("en")
    shelf.breaks = False
    fetching.start("small")
    shelf.may.release(4)
    await _until(lambda: fetching.state == "idle")


async def test_the_empty_window_greets_and_offers_six_things(user: User, desk: Desk) -> None:
    await user.open("/")
    await user.should_see("What shall we compute?")
    await user.should_see(marker="wish")
    for id in SIX:
        await user.should_see(marker=f"try-{id}")


async def test_a_conversation_shows_none_of_it(user: User, desk: Desk) -> None:
    told(desk.store, "a campfire", conversation="talk-1")
    await user.open("/c/talk-1")
    await user.should_see("a campfire", retries=WAIT)
    await user.should_not_see("What shall we compute?")
    await user.should_not_see(marker="six")


class TestModel:
    """With the embedded model chosen, and not here."""

    @pytest.fixture
    def model(self) -> str:
        return "embedded"

    async def test_its_download_is_offered_shown_and_blocks_nothing(
        self, user: User, desk: Desk, tmp_path: Path
    ) -> None:
        shelf = Shelf(tmp_path)
        desk.fetching._models = lambda: shelf
        await user.open("/")
        await user.should_see("The language model is not here yet", retries=WAIT)
        await user.should_see("The library works without it.")
        user.find(marker="fetch").click()
        shelf.may.release()
        await user.should_see("Pause", retries=WAIT)
        user.find(marker="fetch").click()
        await user.should_see("Go on", retries=WAIT)
        await user.open("/")  # another tab shows the same
        await user.should_see("Go on", retries=WAIT)
        user.find(marker="fetch").click()
        shelf.may.release(4)
        await user.should_see(marker="model-here", retries=WAIT)


async def test_what_is_missing_is_said_once(user: User, desk: Desk) -> None:
    user.javascript_rules[re.compile(".*mediaDevices.*", re.S)] = lambda _: False
    await user.open("/")
    await user.should_see("The browser finds no microphone.", retries=WAIT)
    user.find(marker="put-away").click()
    await _until(lambda: "no_microphone" in _storage().get("told", []))
    await user.open("/")
    await desk.machines.look()
    await asyncio.sleep(1.5)
    await user.should_not_see("The browser finds no microphone.")


def test_a_machine_without_anything_is_told_with_remedies() -> None:
    problem = Problem(code="gpu.no_adapter")
    bare = _machine(
        Finding(name="executor", status="missing", detail="webgpu · kernel", problem=problem),
        Finding(name="executor", status="missing", detail="sandbox · python", problem=problem),
        Finding(name="executor", status="missing", detail="docker · python", problem=problem),
    )
    assert notices(bare) == {"no_python": problem, "no_gpu": problem}
    complete = _machine(
        Finding(name="executor", status="ok", detail="webgpu · kernel"),
        Finding(name="executor", status="ok", detail="sandbox · python"),
        Finding(name="executor", status="ok", detail="docker · python"),
        device="GeForce · Vulkan · DiscreteGPU",
    )
    assert notices(complete) == {}


def _machine(*findings: Finding, device: str = "") -> Machine:
    return Machine(findings, device, cores=2, memory=None, artifacts=0, budget=1, free=1)


def _storage() -> dict[str, list[str]]:
    return next((dict(found) for found in app.storage._users.values()), {})


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to hold")


async def test_the_library_is_made_ready_in_another_thread(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    search = RecipeShelf.search

    def noted(shelf: RecipeShelf, text: str) -> Sequence[RecipeInfo]:
        asked.append(threading.get_ident())
        return search(shelf, text)

    monkeypatch.setattr(RecipeShelf, "search", noted)
    monkeypatch.setattr("intentos.ui.runs.SETTLING_SECONDS", 0)
    runs = Runs(settings, lambda run, event: None)
    runs.open()
    try:
        await _until(lambda: bool(asked))
    finally:
        await runs.close()
    assert threading.get_ident() not in asked
