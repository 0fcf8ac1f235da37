"""A plan to hand on: readable, complete, and without any trust of its own.

Whoever opens one is asked as if it had never been seen, and what it says of where it comes from
counts for nothing: see ``trust.handed_over``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from intentos.errors import UsageError
from intentos.export import Work, file_name
from intentos.messages import message
from intentos.plan import RUN
from intentos.plan_file import dump_plan
from intentos.run import Run


class Shared(NamedTuple):
    """A file to hand on."""

    name: str
    data: bytes


def fits_yaml(work: Work) -> bool:
    """Return whether the run has a plan."""
    return work.run.plan is not None


def write_yaml(work: Work, target: Path) -> None:
    """Write the plan with the values that the run had."""
    target.write_bytes(share(work.run).data)


def share(run: Run) -> Shared:
    """Return the plan of a run as a file to hand on, with the values that the run had.

    Raises:
        UsageError: it has no plan, or works on what an earlier run left on this machine.
    """
    if run.plan is None:
        raise UsageError("export.no_plan", run=run.id[-8:])
    for source in (s for step in run.plan.steps for s in step.inputs.values()):
        if source.startswith(RUN):
            raise UsageError("export.earlier_run", run=run.id[-8:], source=source.partition("/")[2])
    plan = run.plan.model_copy(update={"parent": None})  # which is on this machine only
    head = [message("export.plan_head", language) for language in ("en", "zh")]
    text = "".join(f"# {line}\n" for line in head) + dump_plan(plan, run.values)
    return Shared(file_name(run, ".yaml"), text.encode())
