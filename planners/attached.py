"""Wishes about files that a person hands in: which recipes take them, and which columns are meant.

Only names of columns and files are compared with what was said; they are data, and no model is
asked about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from intentos.attachments import bind, fits, fitted
from intentos.errors import PlanningError, UsageError
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.protocols import Proposal, Table
from intentos.types import Attachment, Intent, Value

from .library import Recipe
from .search import Hit, Index

EVERY = 10_000
HITS = 8
NEAR = 10
"""Characters before a column's name in which a word for its parameter counts: "x axis: time"."""
SURE = 0.85
"""Search score of a recipe whose data is missing, from which that is what is told."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a text says of columns, and the text without that."""

    rest: str
    """The text with the names blanked that were understood."""
    columns: Mapping[str, Value]


def hits(index: Index, intent: Intent, recipes: Sequence[Recipe]) -> list[Hit]:
    """Return the nearest recipes that can be used: with files those that take them, by score and
    then the others of them; without files those that need none.

    Raises:
        PlanningError: the wish is plainly for a recipe that needs a file, and there is none.
    """
    if not intent.attachments:
        found = index.search(intent.text, EVERY)
        usable = [hit for hit in found if not needs_file(hit.recipe)]
        if found and found[0].score >= SURE and needs_file(found[0].recipe):
            slot = next(s for s in found[0].recipe.attachments if not s.optional)
            raise PlanningError(f"attachment.missing_{slot.kind}")
        return usable[:HITS]
    taking = {recipe.id for recipe in recipes if takes(recipe, intent.attachments)}
    found = [hit for hit in index.search(_without_names(intent), EVERY) if hit.recipe.id in taking]
    scored = {hit.recipe.id for hit in found}
    rest = [Hit(r, 0.0) for r in recipes if r.id in taking - scored]
    return [*found, *rest][:HITS]


def needs_file(recipe: Recipe) -> bool:
    """Return whether a recipe cannot do without a file."""
    return any(not slot.optional for slot in recipe.attachments)


def takes(recipe: Recipe, attachments: Sequence[Attachment]) -> bool:
    """Return whether a recipe has everything it needs with these files, and uses one of them."""
    try:
        bound = bind(recipe.attachments, attachments)
    except UsageError:
        return False
    return any(fits(slot, a) for slot in recipe.attachments for a in bound.values())


def read(intent: Intent, plan: Plan) -> Reading:
    """Return which columns the text names for the plan's parameters.

    A word for a parameter right before a name settles whose it is; other names go to the
    parameters in their order. A name that fits none stays in the text, unaccounted for.
    """
    text = _without_files(intent)
    plan = fitted(plan, intent.attachments)
    open_ones = [p for p in plan.parameters if p.kind == "column" and p.choices]
    found: dict[str, Value] = {}
    spans: list[tuple[int, int]] = []
    mentions = _mentions(text, {c for p in open_ones for c in p.choices})
    for claimed in (True, False):
        for start, end, column in mentions:
            if (start, end) in spans:
                continue
            for parameter in open_ones:
                if parameter.name in found or column not in parameter.choices:
                    continue
                if claimed and not _claims(text[max(0, start - NEAR) : start], parameter):
                    continue
                found[parameter.name] = column
                spans.append((start, end))
                break
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return Reading(rest=text, columns=_apart(plan, found) if found else {})


def with_columns(proposal: Proposal, reading: Reading) -> Proposal:
    """Return the proposal with the columns that the text names."""
    return replace(proposal, values={**proposal.values, **reading.columns})


def changed(intent: Intent, table: Table) -> tuple[Table, Intent, bool]:
    """Return the table and the wish with named columns put in, and whether there were any."""
    if not any(p.kind == "column" for p in table.plan.parameters) or not intent.attachments:
        return table, intent, False
    reading = read(intent, table.plan)
    if not reading.columns:
        return table, intent, False
    rest = intent.model_copy(update={"text": reading.rest})
    return replace(table, values={**table.values, **reading.columns}), rest, True


def _mentions(text: str, columns: set[str]) -> list[tuple[int, int, str]]:
    """Return where columns are named, longest names first where two overlap, in text order."""
    found: list[tuple[int, int, str]] = []
    for column in sorted(columns, key=len, reverse=True):
        words = [re.escape(word) for word in re.split(r"[\s_]+", column) if word]
        if not words:
            continue
        pattern = r"[\s_]*".join(words)
        if column[0].isascii() and column[0].isalnum():
            pattern = r"(?<![A-Za-z0-9])" + pattern
        if column[-1].isascii() and column[-1].isalnum():
            pattern += r"(?![A-Za-z0-9])"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            if not any(match.start() < end and start < match.end() for start, end, _ in found):
                found.append((match.start(), match.end(), column))
    return sorted(found)


def _claims(before: str, parameter: Parameter) -> bool:
    return any(alias.lower() in before.lower() for alias in parameter.aliases)


def _apart(plan: Plan, found: dict[str, Value]) -> dict[str, Value]:
    """Return the columns with parameters that nobody named moved off those that somebody did."""
    values = dict(found)
    for parameter in plan.parameters:
        if parameter.kind != "column" or parameter.name in values:
            continue
        if parameter.default in values.values():
            free = [c for c in parameter.choices if c not in values.values()]
            if free:
                values[parameter.name] = free[0]
    return values


def _without_names(intent: Intent) -> str:
    """Return the text without what files and columns are called: that says what it is about, and
    not what shall be done with it."""
    text = _without_files(intent)
    columns = {c.name for a in intent.attachments for c in a.profile.columns}
    for start, end, _ in _mentions(text, columns):
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _without_files(intent: Intent) -> str:
    text = intent.text
    for attachment in intent.attachments:
        text = re.sub(re.escape(attachment.name), " ", text, flags=re.IGNORECASE)
    return text
