"""The cases of ``bench/intents``: what is said, and what must hold of what comes out.

The files' own heads tell what each field means; ``every`` reads them into one list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from intentos.documents import read_document, validate
from intentos.types import Frozen, Language

FOLDER = Path(__file__).parent / "intents"
Kind = Literal["wish", "unheld", "conversation"]
FILES: dict[str, Kind] = {
    "wishes": "wish",
    "rehearsed": "wish",
    "unheld": "unheld",
    "followups_said": "conversation",
}
Part = Literal["tuned", "untouched", "rehearsed"]
Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
AnyOf = float | tuple[float, ...]
"""One number, or several of which one will do: the same in other units."""


class Oracle(Frozen):
    """What must hold of one answer; what is not given is not asked."""

    numbers: tuple[AnyOf, ...] = ()
    tolerance: float = Field(0.001, gt=0, le=0.2)
    contains: str = ""
    holds: tuple[AnyOf, ...] = ()
    about: str = ""
    picture: bool = False
    moves: bool = False
    sound: bool = False
    colour: Colour | None = None
    symmetric: Literal["left-right", "top-bottom"] | None = None
    refused: bool = False
    becomes: tuple[float, ...] = ()
    ratio: float | None = None
    same_plan: bool = False
    back: bool = False
    compare: bool = False
    new: str = ""
    answers: str = ""


class Entry(Oracle):
    """One entry of a file: a wish in one language or two, or a conversation."""

    part: Part
    family: str
    pair: str = ""
    zh: str | tuple[str, ...] = ""
    en: str | tuple[str, ...] = ""
    then: tuple[Oracle, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.spoken:
            raise ValueError("nothing is said")
        if bool(self.pair) != (len(self.spoken) == 2):
            raise ValueError("a wish in two languages, and only that, is a pair with a name")
        if any(len(says) != 1 + len(self.then) for says in self.spoken.values()):
            raise ValueError("each sentence after the first has one entry in 'then'")
        return self

    @property
    def spoken(self) -> dict[Language, tuple[str, ...]]:
        """Language → what is said in it."""
        both: list[tuple[Language, str | tuple[str, ...]]] = [("zh", self.zh), ("en", self.en)]
        return {
            language: (says,) if isinstance(says, str) else says for language, says in both if says
        }

    @property
    def oracles(self) -> tuple[Oracle, ...]:
        """What must hold of each answer."""
        given = Oracle.model_fields.keys() & self.model_fields_set
        return (Oracle(**{name: getattr(self, name) for name in given}), *self.then)


class Case(Frozen):
    """What is said in one language, sentence by sentence, with what must hold of each answer."""

    kind: Kind
    part: Part
    family: str
    pair: str
    """Shared by the two languages of one wish; empty where there is only one."""
    language: Language
    says: tuple[str, ...]
    oracles: tuple[Oracle, ...]

    @property
    def name(self) -> str:
        """What tells it from every other case."""
        return " → ".join(self.says)


def every(folder: Path = FOLDER) -> list[Case]:
    """Return all cases, file by file.

    Raises:
        InvalidPlan: an entry is not of the form that the files' heads tell.
    """
    found: list[Case] = []
    for file, kind in FILES.items():
        path = folder / f"{file}.yaml"
        text = path.read_text("utf-8")
        for data in read_document(text, path.name)["cases"]:
            entry = validate(Entry, data, text=text, source=path.name)
            found += [
                Case(
                    kind=kind,
                    part=entry.part,
                    family=entry.family,
                    pair=entry.pair,
                    language=language,
                    says=says,
                    oracles=entry.oracles,
                )
                for language, says in entry.spoken.items()
            ]
    return found


def choose(
    cases: Sequence[Case], *, part: Part | None, family: str = "", match: str = ""
) -> list[Case]:
    """Return the cases of a part (None: tuned and untouched) and family, with a pattern."""
    parts = ("tuned", "untouched") if part is None else (part,)
    return [
        case
        for case in cases
        if case.part in parts
        and family.casefold() in case.family.casefold()
        and re.search(match, case.name, re.IGNORECASE)
    ]
