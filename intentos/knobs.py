"""What each knob of a recipe changes: one run at its small size, and one more for each turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from intentos.checks import plain
from intentos.conversation import Conversation, Listener, Options, make_intent
from intentos.messages import message
from intentos.parameters import Parameter
from intentos.protocols import Proposal
from intentos.run import Run, RunStatus
from intentos.types import Language, Problem, Value, new_id

_COLOURS = ("#3a7bd5", "#e0245e")
_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Turned:
    """What one knob did."""

    name: str
    value: Value | None
    """What it was turned to; None where nothing could be tried for it."""
    picture: bool = False
    """Some file but the one of the numbers is another."""
    numbers: tuple[str, ...] = ()
    """Computed values that are others."""
    failed: tuple[str, ...] = ()
    """Checks that no longer hold."""
    error: Problem | None = None

    @property
    def good(self) -> bool:
        """Whether it changes something, and breaks nothing."""
        if self.value is None:
            return True
        return not self.idle and not self.failed and self.error is None

    @property
    def idle(self) -> bool:
        """Whether turning it changed nothing at all."""
        return not (self.picture or self.numbers or self.failed or self.error)

    def text(self, language: str) -> str:
        """Return a line for a person."""
        facts = {"name": self.name, "value": plain(self.value)}
        if self.value is None:
            return message("knobs.by_hand", language, **facts)
        if self.error is not None:
            return message("knobs.fails", language, **facts, what=self.error.text(language))
        if self.failed:
            return message("knobs.checks", language, **facts, checks=", ".join(self.failed))
        changed = [message("knobs.picture", language)] if self.picture else []
        changed += self.numbers[:_SHOWN]
        if not changed:
            return message("knobs.nothing", language, **facts)
        return message("knobs.changes", language, **facts, what=", ".join(changed))

    def as_json(self, language: str) -> dict[str, Any]:
        """Return the same as JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "picture": self.picture,
            "numbers": list(self.numbers),
            "failed": list(self.failed),
            "error": self.error.text(language) if self.error else None,
            "good": self.good,
        }


async def turned(
    proposal: Proposal, conversation: Conversation, listen: Listener, language: Language
) -> tuple[Turned, ...]:
    """Run a recipe at its small size, then once more for each knob turned alone.

    The first run is the first of ``conversation.runs`` that this adds; where it does not complete,
    no knob is turned. A knob that changes nothing is turned once more under another choice.
    """
    plan = proposal.plan
    attachments = await conversation.runtime.take_in_samples(proposal.samples)

    async def once(changed: dict[str, Value]) -> Run:
        intent = make_intent(
            plan.title.text(language, plan.defaults),
            conversation=new_id(),
            language=language,
            attachments=attachments,
        )
        options = Options(values={**proposal.values, **changed}, chosen=frozenset())
        return await conversation.run(intent, options, listen, plan=plan)

    first = await once({})
    if first.status is not RunStatus.COMPLETED or first.plan is None:
        return ()
    found = []
    for parameter in first.plan.parameters:
        value = another(parameter, first.values[parameter.name])
        if value is None:
            found.append(Turned(name=parameter.name, value=None))
            continue
        one = _compared(parameter.name, value, first, await once({parameter.name: value}))
        for other in first.plan.parameters:  # it may count only where another choice is made
            choice = another(other, first.values[other.name])
            if one.idle and other.kind == "choice" and other is not parameter and choice:
                base = await once({other.name: choice})
                run = await once({other.name: choice, parameter.name: value})
                one = _compared(parameter.name, value, base, run)
        found.append(one)
    return tuple(found)


def another(parameter: Parameter, value: Value) -> Value | None:
    """Return a value near ``value`` that the parameter accepts; None where nobody could guess it.

    A text or a formula is the author's own to try.
    """
    match parameter.kind:
        case "boolean":
            return not value
        case "choice" | "column":
            return next((choice for choice in parameter.choices if choice != value), None)
        case "colour":
            return next(colour for colour in _COLOURS if colour != value)
        case "text" | "expression":
            return None
    number = float(value)
    low, high = parameter.minimum, parameter.maximum
    for candidate in (number * 1.3, number * 0.7, number + 1, number - 1):
        near: int | float = round(candidate) if parameter.kind == "integer" else candidate
        fits = (low is None or near >= low) and (high is None or near <= high)
        if near != value and fits:
            return near
    return None


def _compared(name: str, value: Value, first: Run, run: Run) -> Turned:
    before, after = first.quantities, run.quantities
    names = [n for n in before.keys() | after.keys() if before.get(n) != after.get(n)]
    return Turned(
        name=name,
        value=value,
        picture=_pictures(first) != _pictures(run),
        numbers=tuple(sorted(names)),
        failed=tuple(check.name for check in run.checks if check.status == "failed"),
        error=run.error,
    )


def _pictures(run: Run) -> set[tuple[str, str]]:
    return {(a.name, a.id) for a in run.artifacts if a.name != "values.json"}
