"""How a run came to be: what was said, the plan, the steps, what they left, and who went on
with it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from intentos.errors import IntentOSError
from intentos.run import Run
from intentos.store import Store


@dataclass(frozen=True)
class Family:
    """A run between those that it came from and those that went on from it."""

    run: Run
    before: tuple[Run, ...]
    """Its parent, and the runs whose artifacts it read."""
    after: tuple[Run, ...]
    """Runs of the same conversations that were made of it."""


def family(store: Store, run_id: str) -> Family:
    """Return a run with its nearest relations.

    Raises:
        NotFound: there is no such run.
        StoreError: its record cannot be read.
    """
    run = store.run(run_id)
    before = []
    for name in sources(run):
        with suppress(IntentOSError):  # cleaned up since
            before.append(store.run(name))
    after = []
    for name in store.talks.runs(run.intent.conversation):
        if name != run.id:
            with suppress(IntentOSError):
                later = store.run(name)
                if run.id in sources(later):
                    after.append(later)
    return Family(run, tuple(before), tuple(after))


def sources(run: Run) -> list[str]:
    """Return the ids of the runs that one came from: its parent, and those it reads from."""
    found = [run.parent_run] if run.parent_run else []
    for step in run.plan.steps if run.plan else ():
        for source in step.inputs.values():
            origin = source.partition("/")[0]
            if origin.startswith("run:") and origin[4:] not in found:
                found.append(origin[4:])
    return found
