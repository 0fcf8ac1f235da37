"""Puts what a person chose before where a wish says nothing else."""

from __future__ import annotations

import warnings
from dataclasses import replace

from intentos.checks import plain
from intentos.errors import StoreError, ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Assumption
from intentos.preferences import Preference, Preferences, is_taste
from intentos.protocols import Proposal
from intentos.types import Value, Words

_ENDS = "这样选过。"


def preferred(proposal: Proposal, preferences: Preferences) -> Proposal:
    """Return the proposal with earlier choices for what it leaves at its default.

    Each is named in an assumption that points at its parameter; the digest stays. A choice that a
    parameter cannot hold is left out, and so is everything where the file is damaged.
    """
    try:
        known = preferences.every()
    except StoreError as error:
        warnings.warn(str(error), stacklevel=2)
        return proposal
    values = dict(proposal.values)
    notes: list[Assumption] = []
    for parameter in proposal.plan.parameters:
        choice = known.get(parameter.name)
        if choice is None or parameter.name in values or not is_taste(parameter):
            continue
        value = _fitting(parameter, choice)
        if value is not None and value != parameter.default:
            values[parameter.name] = value
            notes.append(_told(parameter, value, choice))
    if not notes:
        return proposal
    plan = proposal.plan.model_copy(update={"assumptions": (*proposal.plan.assumptions, *notes)})
    names = frozenset(note.parameter for note in notes if note.parameter)
    return replace(proposal, plan=plan, values=values, preferred=names)


def is_choice(assumption: Assumption) -> bool:
    """Return whether an assumption names an earlier choice of the person."""
    return assumption.text.zh.endswith(_ENDS)


def _fitting(parameter: Parameter, choice: Preference) -> Value | None:
    try:
        return parameter.accept(choice.value)
    except ValueOutOfRange:
        return None


def _told(parameter: Parameter, value: Value, choice: Preference) -> Assumption:
    shown = plain(value).replace("{", "(").replace("}", ")")
    # What was said is text, not a template.
    wish = choice.wish.replace("{", "(").replace("}", ")")
    said_en, said_zh = (f" (“{wish}”)", f"（“{wish}”）") if wish else ("", "")
    label = parameter.label
    return Assumption(
        text=Words(
            en=f"{label.text('en')}: {shown}, as you chose before{said_en}.",
            zh=f"{label.text('zh')}：{shown}，你以前{said_zh}{_ENDS}",
        ),
        parameter=parameter.name,
    )
