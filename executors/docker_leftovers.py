"""Containers of an IntentOS that was killed, told from those of one that lives by its sign.

A container carries the sign of the process that made it (``intentos.presence``) and the state
folder where that sign is up. So nothing depends on clocks or process ids, and the containers of
another IntentOS, with another state folder or on another machine, are left alone.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from typing import Any

from intentos.config import Settings
from intentos.presence import Presence
from intentos.queue import held
from intentos.types import sha256

from .docker_engine import explained

OWNER, STATE = "intentos.owner", "intentos.state"


def labels(settings: Settings, presence: Presence) -> dict[str, str]:
    """Return the labels for a container of this process."""
    return {OWNER: presence.path.name, STATE: _state(settings)}


def sweep(api: Any, settings: Settings) -> list[str]:
    """Remove the containers whose process is gone, and return their ids.

    Raises:
        ExecutorUnavailable: the engine does not answer.
    """
    from docker.errors import APIError

    folder = settings.locks / "present"
    removed = []
    with explained():
        found = api.containers(all=True, filters={"label": f"{STATE}={_state(settings)}"})
    for container in found:
        sign = folder / str(container["Labels"].get(OWNER, ""))
        if sign.parent == folder and sign.exists() and held(sign):
            continue
        with suppress(APIError):  # gone by itself, or another process sweeps as well
            api.remove_container(container["Id"], force=True, v=True)
            removed.append(str(container["Id"]))
    return removed


def _state(settings: Settings) -> str:
    return sha256(f"{platform.node()}:{settings.locks}".encode())[:16]
