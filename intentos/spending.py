"""What other people's models cost: told for every run, and capped for every day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from intentos.config import Settings
from intentos.errors import NotApproved, StoreError
from intentos.kept_file import write_kept
from intentos.model_use import ModelUse

_KEPT_DAYS = 62
_counted: ContextVar[list[ModelUse] | None] = ContextVar("counted", default=None)


@contextmanager
def counting() -> Iterator[list[ModelUse]]:
    """Collect what models are used while the block runs, in this task and those it starts."""
    uses: list[ModelUse] = []
    token = _counted.set(uses)
    try:
        yield uses
    finally:
        _counted.reset(token)


def count(name: str, host: str, tokens: int, cost: float | None) -> None:
    """Add one answered question to what is being counted; ``cost`` in dollars, None: unknown."""
    uses = _counted.get()
    if uses is None:
        return
    for i, use in enumerate(uses):
        if (use.name, use.host) == (name, host):
            both = use.cost is not None and cost is not None
            total = (use.cost or 0.0) + (cost or 0.0) if both else None
            uses[i] = use.model_copy(update={"tokens": use.tokens + tokens, "cost": total})
            return
    uses.append(ModelUse(name=name, host=host, tokens=tokens, cost=cost))


@dataclass
class Bill:
    """One question's price, held back before it is asked and settled by what it took."""

    most: float | None
    """Dollars that it can cost at most; None: nobody knows the price."""
    cost: float | None = None
    tokens: int = 0
    settled: bool = False

    def settle(self, cost: float | None, tokens: int) -> None:
        """Say what it took; a question that was never answered in full counts at its most."""
        self.cost, self.tokens, self.settled = cost, tokens, True


class Spending:
    """Dollars and tokens of each day (UTC), in one small file that processes share by a lock."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "spending.json"
        self._cap = settings.spend_per_day

    @property
    def cap(self) -> float:
        """Dollars that a day may cost."""
        return self._cap

    def today(self) -> tuple[float, int]:
        """Return the dollars spent today, and the tokens of models whose price nobody knows."""
        day = self._read().get(_today(), {})
        return float(day.get("dollars", 0.0)), int(day.get("unpriced_tokens", 0))

    @contextmanager
    def question(self, model: str, most: float | None) -> Iterator[Bill]:
        """Hold back what a question can cost while the block asks it.

        The block settles the bill. Where it does not (a stop, a crash), the most stays counted: a
        provider may well charge for an answer that nobody waited for.

        Raises:
            NotApproved: the day's cap would be passed; nothing has been sent.
            StoreError: the file cannot be read or written.
        """
        bill = Bill(most=most)
        if most:
            self._add(most, 0, model=model)
        try:
            yield bill
        finally:
            if bill.settled:
                dollars = bill.cost if bill.cost is not None else 0.0
                unpriced = bill.tokens if bill.cost is None else 0
                if dollars != (most or 0.0) or unpriced:
                    self._add(dollars - (most or 0.0), unpriced, model=None)

    def _add(self, dollars: float, unpriced: int, *, model: str | None) -> None:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock")):
            days = self._read()
            day = days.setdefault(_today(), {})
            spent = float(day.get("dollars", 0.0))
            if model is not None and spent + dollars > self._cap:
                raise NotApproved(
                    "spending.cap",
                    model=model,
                    spent=round(spent, 4),
                    most=round(dollars, 4),
                    cap=self._cap,
                )
            day["dollars"] = max(0.0, round(spent + dollars, 9))
            day["unpriced_tokens"] = int(day.get("unpriced_tokens", 0)) + unpriced
            self._write({d: days[d] for d in sorted(days)[-_KEPT_DAYS:]})

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text("utf-8"))
            days = document["days"]
            if document["schema"] == 1 and isinstance(days, dict):
                return days
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Taking it for empty would lift the cap.
            raise StoreError("spending.unreadable", path=str(self._path)) from error
        raise StoreError("spending.unreadable", path=str(self._path))

    def _write(self, days: dict[str, Any]) -> None:
        write_kept(self._path, json.dumps({"schema": 1, "days": days}, indent=1))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
