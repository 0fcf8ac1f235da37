"""The ladder: a small model first, a larger one only where it fails, and only if configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from intentos.errors import IntentOSError, ModelUnavailable, PlanningError
from intentos.events import ProgressMade
from intentos.model_use import ModelUse
from intentos.protocols import Emit, Proposal
from intentos.spending import counting

_NOT_THE_MODELS = frozenset({"planning.empty"})
"""Failures that no other model mends."""


def rungs(name: str) -> list[str]:
    """Return the models of a setting such as ``embedded,openai/gpt-4o``, the first one first."""
    names = [part.strip() for part in name.split(",")]
    return [part for part in dict.fromkeys(names) if part] or ["embedded"]


async def climb(
    names: list[str], attempt: Callable[[str], Awaitable[Proposal]], emit: Emit
) -> Proposal:
    """Return the proposal of the first model that can make one, and which models were asked.

    Raises:
        IntentOSError: what the last model failed with.
    """
    uses: list[ModelUse] = []
    why: IntentOSError | None = None
    for name in names:
        with counting() as counted:
            try:
                proposal = await attempt(name)
            except (PlanningError, ModelUnavailable) as error:
                uses += _with_reason(counted, why)
                if name == names[-1] or error.code in _NOT_THE_MODELS:
                    raise
                why = error
                emit(ProgressMade(stage="stage.climbing"))
                continue
        uses += _with_reason(counted, why)
        tokens = sum(use.tokens for use in uses)
        return replace(proposal, models=tuple(uses), tokens=max(tokens, proposal.tokens))
    raise AssertionError("the last one returns or raises")


def _with_reason(counted: list[ModelUse], why: IntentOSError | None) -> list[ModelUse]:
    problem = why.problem() if why else None
    return [use.model_copy(update={"why": problem}) for use in counted]
