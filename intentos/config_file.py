"""Changes what a person has set in ``config.toml``: at once, and nothing else that stands there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from intentos import config
from intentos.config import PREFIX, Settings
from intentos.errors import ConfigError
from intentos.kept_file import write_kept
from intentos.types import Value

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def fixed() -> frozenset[str]:
    """Return the names of the settings that the environment overrules."""
    return frozenset(
        name for name in Settings.model_fields if os.environ.get(PREFIX + name.upper())
    )


def change(home: Path, changes: Mapping[str, Value | None]) -> Settings:
    """Write settings into a state folder's file and return those that hold now; None: back to what
    it is by default. Comments and other settings stay as they are.

    Raises:
        ConfigError: the file cannot be read, a setting is unknown, impossible, or fixed by the
            environment; nothing was written then.
        StoreError: the file cannot be written.
    """
    from filelock import FileLock

    for name in sorted(changes):
        if name in fixed():
            raise ConfigError("config.fixed", name=name, variable=PREFIX + name.upper())
    home.mkdir(parents=True, exist_ok=True)
    path = (home / "config.toml").resolve()  # a link stays one
    with FileLock(home / "config.lock"):
        document = _read(path)
        for name, value in changes.items():
            if value is not None:
                document[name] = value
            elif name in document:
                del document[name]
        settings = config.load_from(home, document.unwrap())
        write_kept(path, document.as_string())
    return settings


def _read(path: Path) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError("config.unreadable", path=str(path), what=str(error)) from error
