"""A machine's own log of everything that it ever ran for others; only its owner reads it."""

from __future__ import annotations

import json
from pathlib import Path

from intentos.run import StepResult
from intentos.types import now

from .wire import Task


class RanLog:
    """One file, a JSON line for each task; what a full disk does not take is kept for later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unwritten: list[str] = []

    def add(
        self, task: Task, started: str, outcome: str, result: StepResult | None, why: str
    ) -> None:
        """Write down what came of a task; ``started``: when, as ISO 8601."""
        line = {
            "at": started,
            "seconds": round((now() - result.started_at).total_seconds(), 3) if result else 0,
            "for": task.owner,
            "relayed": str(task.job.relayed or ""),
            "submitter": task.submitter,
            "job": task.job.key,
            "language": task.job.step.language,
            "code_hash": task.job.step.code_hash,
            "outcome": outcome,
            "status": result.status if result is not None else "",
            "why": why,
        }
        self._unwritten.append(json.dumps(line, ensure_ascii=False) + "\n")
        self.write()

    def write(self) -> bool:
        """Write what is not in the file yet; False: the disk does not take it."""
        if not self._unwritten:
            return True
        try:
            size = self._path.stat().st_size if self._path.exists() else 0
            try:
                with self._path.open("a", encoding="utf-8") as out:
                    out.write("".join(self._unwritten))
            except OSError:
                with self._path.open("r+b") as out:
                    out.truncate(size)  # no half line, and none twice
                return False
        except OSError:
            return False
        self._unwritten.clear()
        return True
