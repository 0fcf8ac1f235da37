"""Settings: defaults < ``config.toml`` in the state folder < environment < flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator

from intentos.errors import ConfigError
from intentos.types import DEFAULT_SEED, Frozen, Mode, Value

PREFIX = "INTENTOS_"


class Settings(Frozen):
    """Everything that a person can set, each also as ``INTENTOS_<NAME>`` in the environment."""

    home: Path
    """State folder: runs, artifacts, locks, saved recipes. Set by ``INTENTOS_HOME`` only."""
    cache: Path
    """Models and other things that can be fetched again."""
    language: Literal["auto", "zh", "en"] = "auto"
    """Of messages; ``auto``: the language of the intent, else of the locale."""
    model: str = "embedded"
    """``embedded``, ``none``, the path of a GGUF file, or somebody else's model as litellm names
    it, such as ``openai/gpt-4o``. Several by commas (a list in the file): each is asked where the
    one before it fails."""
    model_seconds: float = Field(default=120.0, gt=0, le=3600)
    """How long one question to somebody else's model may take, with its repetitions."""
    spend_per_day: float = Field(default=1.0, ge=0)
    """US dollars that other people's models may cost in one day."""
    seed: int = Field(default=DEFAULT_SEED, ge=0, lt=2**63)
    adapter: str = ""
    """Part of a GPU adapter's name to prefer; empty: a discrete GPU, else what there is."""
    plugins: bool = True
    """Whether executors, planners and kernels of other packages are loaded."""
    wall_time: float = Field(default=0.0, ge=0)
    """Seconds a step may run at most; 0: what the plan says."""
    mode: Mode = "ask"
    """When a person is asked: ``ask`` every time, ``risky``: when it is, ``machine``: what stays
    within the sandbox runs, ``plan``: nothing runs."""
    cluster: str = ""
    """Address of the Dask scheduler of the person's own machines, such as ``tcp://10.0.0.5:8786``;
    empty: there is none."""
    disk_budget: float = Field(default=0.0, ge=0)
    """Gigabytes that artifacts may take; 0: ten, or a tenth of the disk if that is less."""
    learn: bool = True
    """Whether what a person chooses becomes the default next time."""

    @field_validator("model", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return ",".join(value)
        return value

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "intentos.db"

    @property
    def artifacts(self) -> Path:
        """Artifact bytes, by hash."""
        return self.home / "artifacts"

    @property
    def work(self) -> Path:
        """Work folders of running steps."""
        return self.home / "work"

    @property
    def locks(self) -> Path:
        """Queues and run owners."""
        return self.home / "locks"

    @property
    def damaged(self) -> Path:
        """What was put aside because it was damaged."""
        return self.home / "damaged"

    @property
    def recipes(self) -> Path:
        """The person's own recipes."""
        return self.home / "recipes"

    @property
    def models(self) -> Path:
        """Model files."""
        return self.cache / "models"


def load(flags: Mapping[str, Value] | None = None) -> Settings:
    """Return the settings that hold now.

    Raises:
        ConfigError: the file is not TOML, or a setting is unknown or impossible.
    """
    folder = _folder("home", platformdirs.user_data_path("intentos")).resolve()
    return load_from(folder, _from_file(folder / "config.toml"), flags)


def load_from(
    folder: Path, written: Mapping[str, object], flags: Mapping[str, Value] | None = None
) -> Settings:
    """Return the settings that hold in a state folder whose file says ``written``.

    Raises:
        ConfigError: a setting is unknown or impossible.
    """
    merged: dict[str, object] = {
        "cache": _folder("cache", platformdirs.user_cache_path("intentos"))
    }
    merged |= written
    if "home" in merged:  # the file lies in it
        raise ConfigError("config.invalid", name="home", what=f"use {PREFIX}HOME")
    merged["home"] = folder
    for name in Settings.model_fields:
        if name not in ("home", "cache") and (text := os.environ.get(PREFIX + name.upper())):
            merged[name] = text
    merged |= flags or {}
    if "unsafe_no_sandbox" in merged or os.environ.get(PREFIX + "UNSAFE_NO_SANDBOX"):
        # Nobody shall do without a sandbox because they once did.
        raise ConfigError("config.unsafe")
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError("config.invalid", name=name, what=first["msg"]) from error


def _folder(name: str, usual: Path) -> Path:
    text = os.environ.get(PREFIX + name.upper())
    try:
        return Path(text).expanduser() if text else usual
    except RuntimeError as error:  # ``~name`` of nobody
        raise ConfigError("config.invalid", name=name, what=str(error)) from error


def _from_file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config.unreadable", path=str(path), what=str(error)) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("config.unreadable", path=str(path), what=str(error)) from error
