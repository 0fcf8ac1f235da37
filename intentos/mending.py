"""What ``intentos doctor --mend`` does, in the order in which one thing needs another."""

from __future__ import annotations

from intentos import leftovers, orphans, repair
from intentos.config import Settings
from intentos.store import Store
from intentos.types import Problem


def mend(settings: Settings) -> list[Problem]:
    """Mend the database, end what crashes left, put artifacts right; return what was done.

    Raises:
        StoreError: another program uses a damaged database now, or the disk is full.
    """
    done = []
    if (rebuilt := repair.rebuild(settings)) is not None:
        done.append(
            Problem(
                code="mended.database",
                arguments={
                    "runs": rebuilt.runs,
                    "events": rebuilt.events,
                    "path": str(rebuilt.copy_folder),
                },
            )
        )
    left = leftovers.find(settings)
    store = Store(settings)
    try:
        interrupted = store.sweep()
    finally:
        store.close()
    for thing in left:
        thing.remove()  # also what lay there without a crash that is known of
        done.append(Problem(code=f"mended.{thing.kind}", arguments={"path": str(thing.path)}))
    done += [Problem(code="mended.run", arguments={"run": run[-8:]}) for run in interrupted]
    return done + orphans.mend(settings, orphans.find(settings))
