"""The jury: several programs, by different methods where that can be had, vote on a number.

Agreement of one model with itself is weak: what it misunderstands once it misunderstands again. So
votes count as an independent check only where the *methods* differ, told by the code and not by
what the model says of it. The agreement is a check of the plan and is judged anew in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from intentos.errors import PlanningError
from intentos.plan import Assumption, CheckSpec, Plan, Step
from intentos.protocols import PlanningContext
from intentos.types import Intent, Value, Words

from . import static
from .generate import LIMITS, Attempt, attempted
from .model import Model

SEATS = 3
HINTS: dict[static.Method, str] = {
    "formula": "Compute it with a closed formula: no loops, no random numbers.",
    "enumeration": "Compute it by brute force: a plain loop that tries or adds up every case.",
    "sampling": "Estimate it by simulation with 100000 random trials.",
}
NAMES: dict[static.Method, Words] = {
    "formula": Words(en="formula", zh="公式"),
    "enumeration": Words(en="enumeration", zh="逐一枚举"),
    "algebra": Words(en="algebra", zh="符号计算"),
    "sampling": Words(en="simulation", zh="随机模拟"),
}
EXACT = 1e-6
LOOSE = 0.01
"""Relative distance within which numbers agree; the loose one where one is from random trials."""


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One program's number, and the name that it reports it under."""

    attempt: Attempt
    name: str
    number: float
    method: static.Method


async def vote(
    first: Attempt,
    intent: Intent,
    model: Model,
    context: PlanningContext,
    on_text: Callable[[str], None],
) -> tuple[Plan, int]:
    """Return the plan with the votes of other programs in it, and the tokens that they took.

    A result that is no number is not voted on.

    Raises:
        ModelUnavailable: the model cannot be used.
    """
    one = ballot(first)
    if one is None:
        return first.plan, 0
    votes, tokens = [one], 0
    for wanted, hint in HINTS.items():
        if wanted == one.method or len(votes) == SEATS:
            continue
        try:
            other, used = await attempted(intent, model, context, on_text, hint=hint, attempts=2)
        except PlanningError:
            continue  # it has no vote
        tokens += used
        cast = ballot(other)
        if cast is not None:
            votes.append(cast)
    return counted(votes), tokens


def ballot(attempt: Attempt) -> Vote | None:
    """Return the one number that a program answers with, if it does."""
    if attempt.result is None or any(p.work for p in attempt.plan.parameters):
        return None  # what was tried is not what will run
    values = {
        name: float(quantity.value)
        for name, quantity in attempt.result.values.items()
        if isinstance(quantity.value, int | float) and not isinstance(quantity.value, bool)
    }
    said = [name for name in values if "{" + name in attempt.draft.answer]
    names = said or list(values)
    # Of several numbers the last one said is mostly the one that was asked for.
    if not names or names[-1] not in static.reported(attempt.draft.code):
        return None
    name = names[-1]
    return Vote(
        attempt=attempt, name=name, number=values[name], method=static.method(attempt.draft.code)
    )


def agree(one: Vote, other: Vote) -> bool:
    """Return whether two numbers are the same within what their methods can tell."""
    return abs(one.number - other.number) <= tolerance(one, other) * abs(one.number)


def tolerance(one: Vote, other: Vote) -> float:
    """Return how far, relatively, two votes may be apart."""
    return LOOSE if "sampling" in (one.method, other.method) else EXACT


def _independent(one: Vote, other: Vote) -> bool:
    """Return whether agreement says more than that one model wrote both."""
    return one.method != other.method and "sampling" not in (one.method, other.method)


def counted(votes: list[Vote]) -> Plan:
    """Return the plan of the majority, with a check that its programs agree.

    Where no two agree the check fails: then there is no answer, only what each of them says.
    """
    groups = [[other for other in votes if agree(one, other)] for one in votes]
    # Random trials cannot tell a number from its neighbour, so exact ones count first.
    winners = max(
        groups, key=lambda group: (sum(v.method != "sampling" for v in group), len(group))
    )
    # Of those that agree, an exact one speaks; the others are there to be compared with it.
    winners = sorted(winners, key=lambda v: v.method == "sampling")
    if len(votes) == 1:
        return _noted(votes[0].attempt.plan, votes, votes)
    compared = winners if len(winners) > 1 else votes[:2]
    speaker, others = compared[0], compared[1:]
    plan = speaker.attempt.plan
    linked = [_links(plan, other) for other in others]
    # A knob that not all of them have would make them disagree when it is turned.
    shared = {p.name for p in plan.parameters if all(p.name in link.values() for link in linked)}
    names = {name: name for name in shared}
    steps = [_step(speaker, plan.steps[0].id, names, {})]
    checks = []
    for number, (other, link) in enumerate(zip(others, linked, strict=True), start=2):
        taken = {
            name: f"{name}_vote_{number}" for name in static.reported(other.attempt.draft.code)
        }
        kept = {constant: knob for constant, knob in link.items() if knob in shared}
        steps.append(_step(other, f"vote_{number}", kept, taken))
        far = tolerance(speaker, other)
        second = taken[other.name]
        checks.append(
            CheckSpec(
                name="votes" if number == 2 else f"votes_{number}",
                title=_title(speaker, other),
                kind="oracle" if _independent(speaker, other) else "generic",
                expect=f"abs({speaker.name} - {second}) <= {far:g} * abs({speaker.name})",
            )
        )
    plan = plan.model_copy(
        update={
            "steps": tuple(steps),
            "parameters": tuple(p for p in plan.parameters if p.name in shared),
            "checks": (*plan.checks, *checks),
        }
    )
    return _noted(Plan.model_validate(plan.model_dump(by_alias=True)), votes, winners)


def _links(plan: Plan, other: Vote) -> dict[str, str]:
    """Return which constants of another program are which parameters: those of the same number."""
    constants = static.constants(other.attempt.draft.code)
    found: dict[str, str] = {}
    for parameter in plan.parameters:
        same = [name for name, number in constants.items() if number == parameter.default]
        alike = [p.name for p in plan.parameters if p.default == parameter.default]
        if len(same) == len(alike) == 1:
            found[same[0]] = parameter.name
        elif parameter.name in same:
            found[parameter.name] = parameter.name
    return found


def _step(vote: Vote, id: str, knobs: dict[str, str], names: dict[str, str]) -> Step:
    code = static.renamed(static.with_parameters(vote.attempt.draft.code, knobs), names)
    method = NAMES[vote.method]
    first = vote.attempt.plan.steps[0]
    return Step(
        id=id,
        title=Words(en=f"Compute by {method.en}", zh=f"用{method.zh}计算"),
        language="python",
        code=code,
        inputs=first.inputs,
        limits=LIMITS,
    )


def _title(one: Vote, other: Vote) -> Words:
    a, b = NAMES[one.method], NAMES[other.method]
    if one.method == other.method:
        return Words(
            en=f"Two programs of one method ({a.en}) agree",
            zh=f"同一种方法（{a.zh}）的两个程序结果一致",
        )
    return Words(en=f"{a.en.capitalize()} and {b.en} agree", zh=f"{a.zh}与{b.zh}的结果一致")


def _noted(plan: Plan, votes: list[Vote], winners: list[Vote]) -> Plan:
    """Return the plan with an assumption that says how they voted."""
    told = [(_plain(v.number), NAMES[v.method]) for v in votes]
    en = ", ".join(f"{number} ({method.en})" for number, method in told)
    zh = "，".join(f"{number}（{method.zh}）" for number, method in told)
    if len(votes) == 1:
        text = Words(en=f"Only one program could vote: {en}.", zh=f"只有一个程序投了票：{zh}。")
    elif len(winners) == 1:
        text = Words(
            en=f"The {len(votes)} programs disagree: {en}.",
            zh=f"{len(votes)} 个程序各说各的：{zh}。",
        )
    else:
        text = Words(
            en=f"{len(winners)} of {len(votes)} programs agree: {en}.",
            zh=f"{len(votes)} 个程序中有 {len(winners)} 个一致：{zh}。",
        )
    return plan.model_copy(update={"assumptions": (*plan.assumptions, Assumption(text=text))})


def _plain(number: Value) -> str:
    return f"{number:.10g}"
