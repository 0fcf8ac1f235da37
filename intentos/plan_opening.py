"""A plan from elsewhere: read with every limit, and trusted for nothing that it says of itself."""

from __future__ import annotations

from dataclasses import replace

from intentos.config import Settings
from intentos.plan import Plan
from intentos.plan_file import PlanFile, open_plan_file
from intentos.registry import Registry
from intentos.store import Store
from intentos.trust import handed_over


def open_shared(
    data: bytes, name: str, *, store: Store, registry: Registry, settings: Settings
) -> PlanFile:
    """Return the plan in a file that somebody handed over; nothing of it is approved.

    Takes a moment where the library is not loaded yet. ``name`` is what errors call the file.

    Raises:
        InvalidPlan: it is too large, no text, of a newer format or no valid plan; says where.
    """
    found = open_plan_file(data, name)
    return replace(found, plan=true_origin(found.plan, store, registry, settings))


def true_origin(plan: Plan, store: Store, registry: Registry, settings: Settings) -> Plan:
    """Return a plan from a file, called edited unless the library or the store here holds it."""

    def holds(recipe: str, digest: str) -> bool:
        return registry.planner(settings=settings).recipes.holds(recipe, digest)

    known = store.plan(plan.id)
    return handed_over(
        plan, pin=registry.pin, holds=holds, known=None if known is None else known[0]
    )
