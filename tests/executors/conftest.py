"""Fixtures for the executors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .engine import NoEngine, engine, pointed_at


@pytest.fixture
def without_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every graphics driver from the processes that are started."""
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nonexistent.json")
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent.json")


@pytest.fixture(scope="session")
def docker_address() -> Iterator[str]:
    """Return the address of a Docker engine that has the image, or skip and say why."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(engine())
        except NoEngine as why:
            pytest.skip(str(why))
        yield address


@pytest.fixture
def docker_here(docker_address: str) -> Iterator[None]:
    """Let this test use a Docker engine that has the image."""
    with pointed_at(docker_address):
        yield
