"""What a run's results turned out to be after it was over: wrong, as others found when they did
them again.

The run itself is never changed: a hub's correction is kept beside it and told wherever the run is
shown.
"""

from __future__ import annotations

from intentos.config import Settings
from intentos.mesh.corrections import believed
from intentos.mesh.places import Places
from intentos.run import Run
from intentos.types import Problem


def turned_out(settings: Settings, run: Run) -> tuple[Problem, ...]:
    """Return what to tell of a run: which of its steps a neighbour has got wrong, or may have."""
    there = {result.step_id: result.node for result in run.results if result.node != "here"}
    if not there:
        return ()
    found = {one.step: one.what for one in believed(Places(settings)) if one.run == run.id}
    return tuple(
        Problem(code=f"mesh.turned_out_{what}", arguments={"node": there[step], "step": step})
        for step, what in found.items()
        if step in there  # what was done again here since is this machine's own
    )
