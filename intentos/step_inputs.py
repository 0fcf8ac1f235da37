"""Where a step's input files come from: what a person handed in, earlier steps and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from intentos.attachments import bind
from intentos.errors import ExecutorError
from intentos.plan import ATTACHMENT, RUN, Plan, Step
from intentos.store import Store
from intentos.types import Attachment


def attached(plan: Plan, attachments: Sequence[Attachment], store: Store) -> dict[str, str]:
    """Return the artifacts that no step makes, by the names that steps give them: the plan's
    attachments, and what earlier runs left; raises NotFound for a run that is not here."""
    bound = bind(plan.attachments, attachments)
    files = {f"{ATTACHMENT}/{slot}": a.plain for slot, a in bound.items()}
    for source in {source for step in plan.steps for source in step.inputs.values()}:
        origin, _, name = source.partition("/")
        if origin.startswith(RUN):
            earlier = store.run(origin.removeprefix(RUN))
            for artifact in earlier.artifacts:
                if artifact.name == name:
                    files[source] = artifact.id
    return files


def inputs_of(step: Step, there: Mapping[str, Path]) -> dict[str, Path]:
    """Return the step's inputs, local name → file, from what is there by its source.

    Raises:
        ExecutorError: one that it cannot do without is not there.
    """
    found = {}
    for name, source in step.inputs.items():
        if source in there:
            found[name] = there[source]
        elif not source.startswith(f"{ATTACHMENT}/"):  # one that is not there is an optional one
            known = ", ".join(sorted(there)) or "—"
            raise ExecutorError("runtime.no_input", name=source, known=known)
    return found
