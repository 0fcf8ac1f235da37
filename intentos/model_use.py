"""Which language models a plan took, where they are, and what they cost."""

from __future__ import annotations

from pydantic import Field

from intentos.types import Frozen, Problem


class ModelUse(Frozen):
    """One model that was asked for a plan."""

    name: str
    host: str = ""
    """Where its questions went; empty: a process of this machine."""
    tokens: int = Field(ge=0)
    """Read and written."""
    cost: float | None = 0.0
    """US dollars; None where nobody knows its price."""
    why: Problem | None = None
    """Why it was asked after the one before it."""


def total_cost(uses: tuple[ModelUse, ...]) -> float | None:
    """Return the dollars of all together, or None where one of them is not known."""
    costs = [use.cost for use in uses]
    return None if None in costs else sum((cost for cost in costs if cost is not None), 0.0)
