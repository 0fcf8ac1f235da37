"""A window with a real desk on a real state folder, and a person in front of it.

``user`` opens pages and presses buttons without a browser; what is behind them is the program:
store, planner, executors. No language model is used, so that plans come from the library.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from nicegui import app
from nicegui.testing import User, user_simulation

from intentos.ui.desk import Desk


@pytest.fixture
def model() -> str:
    """Name the model that plans; a test that wants another one overrides this."""
    return "none"


@pytest.fixture
async def user(model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[User]:
    """Return a person before an open window, who speaks English."""
    monkeypatch.setenv("INTENTOS_MODEL", model)
    monkeypatch.setenv("NICEGUI_STORAGE_PATH", str(tmp_path / "nicegui"))
    async with user_simulation(main_file=Path(__file__).with_name("simulated.py")) as user:
        user.http_client.headers["accept-language"] = "en"
        # A busy machine may need longer than the third of a second that is waited unless told.
        for look in ("should_see", "should_not_see"):
            monkeypatch.setattr(user, look, partial(getattr(user, look), retries=100))
        yield user


@pytest.fixture
def desk(user: User) -> Desk:
    """Return the desk of that window."""
    found: Desk | None = app.state.window.desk
    assert found is not None
    return found
