"""What an owner lends of a machine: how much, when, and to whom."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from intentos.errors import StoreError, UsageError
from intentos.run import StepResult, StepStatus

from .wire import Short, Wire

_HOURS = re.compile(r"([01]?\d|2[0-3])-([01]?\d|2[0-4])")
BATTERY = Path("/sys/class/power_supply")
MEMORY_ENDED = {"sandbox.memory", "sandbox.memory_together", "sandbox.killed", "gpu.out_of_memory"}
"""What executors say when a step wanted more memory than it had."""


class Lending(Wire):
    """The owner's limits."""

    kind: str = "lending"
    slots: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1, le=1024)
    """Steps at a time."""
    memory_bytes: int = Field(2 * 1024**3, ge=64 * 1024**2)
    """Most that one step may take."""
    gpu: bool = True
    hours: Annotated[str, Field(pattern=r"^$|^\d{1,2}-\d{1,2}$")] = ""
    """Such as ``22-7``; empty: always."""
    on_battery: bool = False
    only_idle: bool = False
    """Only while the owner is away."""
    plans: bool = False
    """Whether this machine's planner, and its model, answers others' wishes."""
    owners: tuple[Short, ...] = ()
    """For whom; empty: everybody of the hub."""

    def closed(self, at: datetime) -> str:
        """Return why nothing is lent at a moment, as a word; empty: it is."""
        if self.hours and not _within(self.hours, at.hour):
            return "hours"
        if not self.on_battery and discharging():
            return "battery"
        return ""


def read(path: Path, usual: Lending | None = None) -> Lending:
    """Return what the owner has set, or the usual limits; raises StoreError for a damaged file."""
    try:
        return Lending.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return usual or Lending()
    except (OSError, ValidationError) as error:
        raise StoreError("mesh.damaged", path=str(path), what=str(error)[:200]) from error


def write(path: Path, lending: Lending) -> None:
    """Keep the owner's limits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(lending.model_dump_json(indent=1), "utf-8")
    os.replace(temporary, path)


def hours(text: str) -> str:
    """Return hours such as ``22-7`` as they are kept; raises UsageError where they are none."""
    if text and not _HOURS.fullmatch(text):
        raise UsageError("mesh.bad_hours", text=text[:40])
    return text


def memory(text: str) -> int:
    """Return an amount such as ``4G`` or ``512M`` in bytes; raises UsageError where it is none."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([GgMm])[iI]?[bB]?", text)
    if found is None:
        raise UsageError("mesh.bad_memory", text=text[:40])
    size = int(float(found[1]) * 1024 ** (3 if found[2] in "Gg" else 2))
    if size < 64 * 1024**2:
        raise UsageError("mesh.bad_memory", text=text[:40])
    return size


def pause(path: Path) -> None:
    """Take the machine back; a node that runs stops within a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(time.time()), "ascii")


def starved(result: StepResult) -> bool:
    """Return whether a step ended because there was too little memory, as far as that shows."""
    return (
        result.status is not StepStatus.OK
        and result.error is not None
        and (result.error.code in MEMORY_ENDED)
    )


def discharging() -> bool:
    """Return whether this machine runs on its battery, where that can be known."""
    for file in BATTERY.glob("*/status"):
        try:
            if file.read_text("ascii").strip() == "Discharging":
                return True
        except OSError:
            continue
    return False


def _within(hours: str, hour: int) -> bool:
    start, end = (int(part) % 24 for part in hours.split("-"))
    return start <= hour < end if start < end else hour >= start or hour < end
