"""Every test has a state folder of its own and no network but the loopback's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from intentos import config
from intentos.config import Settings
from intentos.contract import descendants
from intentos.registry import Registry

from .wheel import build

# A busy machine is no fault of an example: neither how long one takes is judged, nor how long it
# takes to make them up.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


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


@pytest.fixture
def born() -> Callable[[], set[int]]:
    """Return what tells the processes that this test has started and that live.

    Earlier tests of the same pytest may have left some on purpose: a browser that a whole file
    shares, a sandbox template that waits for the next step.
    """
    before = descendants()
    return lambda: descendants() - before


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return what is installed."""
    return Registry()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this source tree."""
    return build(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist"))
