"""Every test has a state folder of its own and no network but the loopback's."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos import config
from intentos.config import Settings
from intentos.registry import Registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point INTENTOS_HOME at a folder that only this test knows; the model cache stays."""
    folder = tmp_path / "home"
    monkeypatch.setenv("INTENTOS_HOME", str(folder))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for name in ("LANGUAGE", "MODEL", "SEED", "ADAPTER", "WALL_TIME", "UNSAFE_NO_SANDBOX"):
        monkeypatch.delenv(f"INTENTOS_{name}", raising=False)
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    """Return the settings that hold in this test."""
    return config.load()


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return what is installed."""
    return Registry()
