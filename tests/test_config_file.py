"""Settings that are changed from the window: written at once, and nothing else of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos import config
from intentos.config_file import change, fixed
from intentos.errors import ConfigError


def test_a_setting_is_written_and_holds_from_then_on(home: Path) -> None:
    assert change(home, {"mode": "risky", "disk_budget": 2.5}).mode == "risky"
    assert (config.load().mode, config.load().disk_budget) == ("risky", 2.5)


def test_comments_and_other_settings_stay(home: Path) -> None:
    home.mkdir()
    file = home / "config.toml"
    file.write_text('# mine\nseed = 7  # lucky\nmodel = ["none"]\n', "utf-8")
    change(home, {"learn": False})
    assert file.read_text("utf-8").startswith('# mine\nseed = 7  # lucky\nmodel = ["none"]\n')
    change(home, {"learn": None})
    assert file.read_text("utf-8") == '# mine\nseed = 7  # lucky\nmodel = ["none"]\n'


def test_an_impossible_value_is_not_written(home: Path) -> None:
    change(home, {"seed": 3})
    with pytest.raises(ConfigError) as caught:
        change(home, {"mode": "reckless"})
    assert "mode" in str(caught.value)
    assert config.load().seed == 3


def test_what_the_environment_fixes_cannot_be_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTENTOS_MODEL", "none")
    assert "model" in fixed()
    with pytest.raises(ConfigError) as caught:
        change(home, {"model": "embedded"})
    assert "INTENTOS_MODEL" in str(caught.value)
    assert not (home / "config.toml").exists()


def test_a_file_that_cannot_be_read_is_left_as_it_is(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("mode = = ", "utf-8")
    with pytest.raises(ConfigError):
        change(home, {"mode": "ask"})
    assert (home / "config.toml").read_text("utf-8") == "mode = = "


def test_a_link_stays_a_link(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (tmp_path / "dotfiles.toml").write_text("seed = 4\n", "utf-8")
    (home / "config.toml").symlink_to(tmp_path / "dotfiles.toml")
    change(home, {"seed": 5})
    assert (home / "config.toml").is_symlink()
    assert (tmp_path / "dotfiles.toml").read_text("utf-8") == "seed = 5\n"
