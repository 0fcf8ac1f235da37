"""Where the window lets people speak, and whom."""

from __future__ import annotations

from nicegui import app
from nicegui.testing import User


async def test_the_button_is_in_the_composer_and_not_for_guests(user: User) -> None:
    await user.open("/")
    await user.should_see(marker="speak")
    assert not app.state.window.guest_may("/api/voice")
    assert not app.state.window.guest_may("/api/voice/model")
