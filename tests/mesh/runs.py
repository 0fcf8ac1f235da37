"""Runs whose steps may go to a village, as a person starts them."""

from __future__ import annotations

from intentos.config import Settings
from intentos.events import Event
from intentos.placement import Where
from intentos.plan import Plan
from intentos.registry import OWN_DISTRIBUTION
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent
from tests.parts import HandRegistry, Reply


class OwnRegistry(HandRegistry):
    """Holds parts as if they had come with IntentOS."""

    def names(self, kind: str) -> dict[str, str]:
        """Return the executors' names."""
        return dict.fromkeys(self._executors, OWN_DISTRIBUTION)


async def ran(
    settings: Settings,
    store: Store,
    registry: HandRegistry,
    plan: Plan,
    where: Where,
    approver: Reply | None = None,
) -> list[Event]:
    runtime = Runtime(
        settings=settings, store=store, registry=registry, approver=approver or Reply("approve")
    )
    intent = Intent(text="test", language="en")
    try:
        return [event async for event in runtime.run(intent, plan=plan, where=where)]
    finally:
        await runtime.close()
