"""What a finished run is worth: every check, the badge, and why it is no better one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intentos import checks, made, unit_checks
from intentos.plan import Plan
from intentos.run import StepResult
from intentos.types import Artifact, Badge, Check, Problem, Quantity, Value

FRAMES = "frames"
"""The parameter that says how long a film is."""
MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement on a run; ``doubts`` tell why it is not *verified*, the weightiest first."""

    checks: tuple[Check, ...]
    badge: Badge
    doubts: tuple[Problem, ...]


def verdict(
    plan: Plan,
    values: Mapping[str, Value],
    results: Sequence[StepResult],
    path_of: Callable[[Artifact], Path],
    *,
    accounted: bool,
    vouched: bool,
    language: str = "en",
) -> Verdict:
    """Judge a run whose steps have all ended well.

    ``accounted``: every number and word of the intent ended in the plan; ``vouched``: nobody but
    this house made the plan. Reads the artifacts, so it is run beside the event loop.
    """
    quantities: dict[str, Quantity] = {}
    for result in results:
        quantities |= result.values
    judged = [check for result in results for check in _of_step(result, plan, vouched=vouched)]
    judged += checks.judge(plan, values, quantities, results=results, vouched=vouched)
    if all(check.name != made.FINITE for check in judged):
        judged += made.of_numbers(quantities)
    judged += _of_artifacts(plan, values, results, path_of, vouched=vouched)
    judged += unit_checks.of_answer(plan, quantities)
    badge = checks.badge(plan.origin, judged, accounted=accounted)
    doubts = () if badge == "verified" else tuple(
        _doubts(plan, values, judged, accounted=accounted, vouched=vouched, language=language)
    )  # fmt: skip
    return Verdict(checks=tuple(judged), badge=badge, doubts=doubts)


def _of_step(result: StepResult, plan: Plan, *, vouched: bool) -> Iterator[Check]:
    """Yield what the executor judged; a known value that the plan brought is the plan's word."""
    believed = vouched and plan.origin == "recipe"
    for check in result.checks:
        yield (
            check.model_copy(update={"kind": "generic"}) if check.given and not believed else check
        )


def _of_artifacts(
    plan: Plan,
    values: Mapping[str, Value],
    results: Sequence[StepResult],
    path_of: Callable[[Artifact], Path],
    *,
    vouched: bool,
) -> Iterator[Check]:
    """Yield checks of the files, a name once: the worst of all steps decides."""
    asked = values.get(FRAMES)
    # The house's recipes may draw fewer where the wish has no more to show.
    frames = asked if isinstance(asked, int) and not (vouched and plan.origin == "recipe") else None
    found: dict[str, Check] = {}
    order = ("passed", "unknown", "failed")
    for result in results:
        told = {check.name for check in result.checks}
        for check in made.of_artifacts(result.artifacts, path_of, frames=frames):
            if check.name == "moves" and "something_moves" in told:
                continue  # the executor has looked at every frame
            before = found.get(check.name)
            if before is None or order.index(check.status) > order.index(before.status):
                found[check.name] = check
    yield from found.values()


def _doubts(
    plan: Plan,
    values: Mapping[str, Value],
    judged: Sequence[Check],
    *,
    accounted: bool,
    vouched: bool,
    language: str,
) -> Iterator[Problem]:
    def named(status: str) -> str:
        titles = [c.title.text(language, values) or c.name for c in judged if c.status == status]
        stop = "、" if language == "zh" else ", "
        more = stop + "…" if len(titles) > MOST_NAMED else ""
        return stop.join(titles[:MOST_NAMED]) + more

    if failed := named("failed"):
        yield Problem(code="doubt.failed", arguments={"checks": failed})
    if unknown := named("unknown"):
        yield Problem(code="doubt.unknown", arguments={"checks": unknown})
    passed = {check.kind for check in judged if check.status == "passed"}
    wanted = {"oracle"} if plan.origin != "recipe" else {"physical", "oracle"}
    if not passed & wanted:
        own = any(spec.kind != "generic" for spec in plan.checks)
        if plan.origin == "recipe":
            yield Problem(code="doubt.stranger" if own and not vouched else "doubt.only_generic")
        else:
            yield Problem(code=f"doubt.{plan.origin}")
    if not accounted:
        yield Problem(code="doubt.unaccounted")
