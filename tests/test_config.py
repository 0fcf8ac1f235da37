"""Defaults < file < environment < flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos import config
from intentos.errors import ConfigError

from .parts import write


def test_later_sources_win(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.load().seed == config.Settings.model_fields["seed"].default
    write(home / "config.toml", "seed = 1\nmodel = 'none'\n")
    assert (config.load().seed, config.load().model) == (1, "none")
    monkeypatch.setenv("INTENTOS_SEED", "2")
    assert (config.load().seed, config.load().model) == (2, "none")
    assert config.load({"seed": 3}).seed == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed = ", "config.toml"),
        ("colour = 1", "colour"),
        ("seed = -1", "seed"),
        ("home = '/'", "home"),
    ],
)
def test_a_bad_file_is_told_by_name(home: Path, text: str, says: str) -> None:
    write(home / "config.toml", text)
    with pytest.raises(ConfigError, match=says):
        config.load()


def test_a_binary_file_is_told(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load()


def test_a_home_of_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTENTOS_HOME", "~nobody_has_this_name/x")
    with pytest.raises(ConfigError, match="home"):
        config.load()
