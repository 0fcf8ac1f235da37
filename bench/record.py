"""Where measurements are kept: one file for a day, a subject and a device."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any


def add(path: Path, device: str, result: dict[str, Any]) -> None:
    """Add a result, with the moment, to a results file; the file grows, nothing is replaced."""
    found: dict[str, Any] = {"schema": 1, "device": device, "measured": []}
    if path.exists():
        found = json.loads(path.read_text("utf-8"))
    stamp = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found["measured"].append({"at": stamp, **result})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def cpu() -> str:
    """Return what this machine is, in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, no GPU used"


def gpu() -> str:
    """Return the adapter that kernels run on, and the machine around it."""
    from intentos.executors.gpu import choose_adapter, describe

    adapter = describe(choose_adapter()).text
    return f"{adapter} · {os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
