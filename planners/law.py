"""Laws: equations that are solved for whatever is asked, written in ten lines each.

A file of ``laws/`` holds the laws of one subject. Each becomes a recipe whose knobs are the law's
quantities and a choice, ``find``, of the one that is open; see docs/design/laws.md.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from intentos.errors import InvalidPlan
from intentos.formula import evaluate, names_in
from intentos.parameters import Parameter
from intentos.types import Frozen, Json, Name, Words

FIND = "find"
"""The knob that names the open quantity."""
RESERVED = frozenset({FIND, "off_by", "sentence"})
"""What the step reports beside the quantities."""


def open_knob(parameters: Sequence[Parameter]) -> Parameter | None:
    """Return the knob that names the open quantity; none where its choices are no quantities."""
    names = {parameter.name for parameter in parameters}
    found = next((p for p in parameters if p.name == FIND and p.kind == "choice"), None)
    return found if found is not None and names.issuperset(found.choices) else None


class Measure(Frozen):
    """One quantity of a law."""

    name: Name
    symbol: str = Field(min_length=1, max_length=40)
    """In Matplotlib's mathtext."""
    label: Words
    unit: str = ""
    example: float | None = None
    """Also its value where nobody says one; that of what the law asks follows from the others."""
    by: str = ""
    """The quantity from all the others, in their units; Python arithmetic."""
    between: tuple[float, float] | None = None
    """Where it lies, if there is no such formula: then it is looked for."""
    given: bool = False
    """A constant that nobody has to say."""
    kind: Literal["number", "integer"] = "number"
    minimum: float | None = 0.0
    maximum: float | None = None
    share: bool = False
    """A part of one, told in percent as well."""
    aliases: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    """Words that ask for it, beyond its label, aliases and unit."""

    @property
    def solvable(self) -> bool:
        """Whether the law can be solved for it."""
        return bool(self.by) or self.between is not None


class Extra(Frozen):
    """What is told beside the answer."""

    name: Name
    label: Words
    unit: str = ""
    by: str = Field(min_length=1)


class Law(Frozen):
    """One equation among quantities, in words and in arithmetic."""

    id: Name
    title: Words
    description: Words
    formula: str = Field(min_length=3, max_length=200)
    """In Matplotlib's mathtext, with the quantities' symbols."""
    asks: Name
    """Solved for where nothing tells which is open."""
    quantities: tuple[Measure, ...] = Field(min_length=2, max_length=10)
    also: tuple[Extra, ...] = ()
    phrasings: dict[Literal["en", "zh"], tuple[str, ...]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [one.name for one in self.quantities]
        asked = self.quantity(self.asks) if self.asks in names else None
        if asked is None or not asked.by:
            raise ValueError(f"asks: {self.asks!r} is no quantity with a formula ('by')")
        told = [*names, *(extra.name for extra in self.also)]
        if len(set(told)) < len(told) or RESERVED & set(told):
            reserved = ", ".join(sorted(RESERVED))
            raise ValueError(f"quantities need names of their own, and none of {reserved}")
        for one in self.quantities:
            if one.name != self.asks and one.example is None:
                raise ValueError(f"{one.name}: an example is missing")
            if one.by:
                _reads(one.by, set(names) - {one.name})
        for extra in self.also:
            _reads(extra.by, set(names))
        self._solves_back()
        return self

    def quantity(self, name: str) -> Measure:
        """Return one of the quantities."""
        return next(one for one in self.quantities if one.name == name)

    def examples(self) -> dict[str, float]:
        """Return one set of values that go together."""
        values: dict[str, float] = {
            one.name: round(one.example) if one.kind == "integer" else one.example
            for one in self.quantities
            if one.example is not None and one.name != self.asks
        }
        return {**values, self.asks: solve(self.quantity(self.asks).by, values)}

    def _solves_back(self) -> None:
        """Raise ValueError where a formula does not give back its example."""
        every = self.examples()
        for one in self.quantities:
            if not one.by or one.name == self.asks:
                continue
            rest = {name: value for name, value in every.items() if name != one.name}
            found = solve(one.by, rest)
            if not math.isclose(found, every[one.name], rel_tol=1e-6, abs_tol=1e-12):
                raise ValueError(
                    f"{one.name}: its formula gives {found:g} where {every[one.name]:g} was put in"
                )
        for extra in self.also:
            solve(extra.by, every)

    def recipe(self) -> dict[str, Json]:
        """Return the recipe of this law, as its file would hold it."""
        every = self.examples()
        constants = [one for one in self.quantities if one.given]
        data: dict[str, Any] = {
            "schema": 1,
            "id": self.id,
            "title": self.title.model_dump(),
            "description": self.description.model_dump(),
            "phrasings": {key: list(texts) for key, texts in self.phrasings.items()},
            "interpretation": {
                "en": f"{self.title.en}: find the {{{FIND}}}.",
                "zh": f"{self.title.zh}：求{{{FIND}}}。",
            },
            "assumptions": [_constant(one) for one in constants],
            "parameters": [
                *(_knob(one, every[one.name]) for one in self.quantities),
                self._open().model_dump(),
            ],
            "steps": [
                {
                    "id": "solve",
                    "title": {"en": "Solve and draw", "zh": "求解并作图"},
                    "language": "python",
                    "code": self.code(),
                }
            ],
            "checks": [
                {
                    "name": "solves_back",
                    "title": {
                        "en": "Put back into the law, the result gives what was said",
                        "zh": "把结果代回公式，能得到所给的数",
                    },
                    "kind": "generic",
                    "expect": "off_by < 0.000001",
                }
            ],
            "answer": {"en": "{sentence}", "zh": "{sentence}"},
            "labels": {extra.name: extra.label.model_dump() for extra in self.also},
        }
        return data

    def _open(self) -> Parameter:
        solvable = [one for one in self.quantities if one.solvable]
        return Parameter(
            name=FIND,
            label=Words(en="Find", zh="求"),
            kind="choice",
            default=self.asks,
            choices=tuple(one.name for one in solvable),
            choice_aliases={one.name: (one.label.zh, *one.asked) for one in solvable},
        )

    def code(self) -> str:
        """Return the Python of its step."""
        facts = {
            "title": self.title.model_dump(),
            "formula": self.formula,
            "asks": self.asks,
            "quantities": {
                one.name: {
                    "symbol": one.symbol, "en": one.label.en, "zh": one.label.zh,
                    "unit": one.unit, "minimum": one.minimum, "given": one.given,
                    "whole": one.kind == "integer", "share": one.share,
                }
                for one in self.quantities
            },
            "also": {
                one.name: {"en": one.label.en, "zh": one.label.zh, "unit": one.unit}
                for one in self.also
            },
        }  # fmt: skip
        names = [one.name for one in self.quantities]
        ways = [
            f'    "{one.name}": lambda {", ".join(n for n in names if n != one.name)}: {one.by},'
            for one in self.quantities
            if one.by
        ]
        more = [f'    "{one.name}": lambda {", ".join(names)}: {one.by},' for one in self.also]
        between = {one.name: list(one.between) for one in self.quantities if one.between}
        text = "\n".join(
            [
                f"law = {_literal(facts)}",
                "ways = {", *ways, "}",
                "more = {", *more, "}",
                f"between = {between}",
            ]
        )  # fmt: skip
        return _template().replace("$law", text)


class Book(Frozen):
    """A file of laws."""

    schema_number: Literal[1] = Field(1, alias="schema")
    laws: tuple[Law, ...] = Field(min_length=1)


def laws_folder() -> Path:
    """Return the folder of the laws that come with IntentOS."""
    return Path(__file__).parent / "laws"


def solve(formula: str, values: Mapping[str, float]) -> float:
    """Return a formula's value; raises ValueError where it has none."""
    try:
        value = evaluate(formula, values)
    except (ArithmeticError, TypeError, InvalidPlan) as error:
        raise ValueError(f"{formula}: {error}") from error
    if isinstance(value, complex) or not math.isfinite(value):
        raise ValueError(f"{formula} gives {value}")
    return float(value)


def _reads(formula: str, known: set[str]) -> None:
    """Raise ValueError where a formula is more than arithmetic over known names."""
    try:
        strange = names_in(formula) - known
    except InvalidPlan as error:
        raise ValueError(str(error)) from error
    if strange:
        raise ValueError(f"{formula!r}: {', '.join(sorted(strange))} is not known")


def _knob(one: Measure, value: float) -> dict[str, Json]:
    default: float = round(value) if one.kind == "integer" else float(f"{value:.12g}")
    return Parameter(
        name=one.name,
        label=one.label,
        kind=one.kind,
        default=default,
        minimum=one.minimum,
        maximum=one.maximum,
        unit=one.unit,
        aliases=one.aliases,
    ).model_dump()


def _constant(one: Measure) -> dict[str, Json]:
    unit = f" {one.unit}" if one.unit else ""
    return {
        "text": {
            "en": f"{one.label.en}: {{{one.name}:g}}{unit}.",
            "zh": f"{one.label.zh}取 {{{one.name}:g}}{unit}。",
        },
        "parameter": one.name,
    }


def _literal(data: Json) -> str:
    """Return a value as Python writes it."""
    text = json.dumps(data, ensure_ascii=False, indent=1)
    # JSON's words for truth are not Python's.
    return re.sub(r"(?<=: )(null|true|false)(?=[,\n])", lambda m: _WORDS[m[1]], text)


_WORDS = {"null": "None", "true": "True", "false": "False"}


@cache
def _template() -> str:
    return resources.files(__package__).joinpath("laws/step.txt").read_text("utf-8")
