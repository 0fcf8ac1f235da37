"""Parameters: the knobs of a plan, with ranges that hold."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Literal, Self

from pydantic import model_validator

from intentos.errors import ValueOutOfRange
from intentos.types import Frozen, Name, Value, Words

ParameterKind = Literal[
    "number", "integer", "choice", "boolean", "colour", "text", "expression", "column"
]
MAX_COLUMN_NAME = 60
_CHINESE = re.compile(r"[\u3400-\u9fff]")


class Parameter(Frozen):
    """A knob of a plan."""

    name: Name
    label: Words
    kind: ParameterKind = "number"
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    """Of a column: the table's columns that fit, once there is a table."""
    table: Name | None = None
    """Of a column: the attachment that it is a column of."""
    takes: Literal["any", "number", "ordered", "text"] = "any"
    """Of a column: what it must hold; ``ordered`` is numbers or dates."""
    live: bool = False
    """May change while the step runs, without building it again."""
    work: bool = False
    """Scales the cost of the run; trials and estimates turn it down."""
    aliases: tuple[str, ...] = ()
    """Other words that people use for it, in any language; the number reader links by them."""
    choice_aliases: dict[str, tuple[str, ...]] = {}
    """What people call each choice, in any language: ``merge: [merge sort, 归并]``."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "choice" and not self.choices:
            raise ValueError(f"parameter {self.name!r} is a choice without choices")
        if (self.kind == "column") != (self.table is not None):
            raise ValueError(f"parameter {self.name!r}: a column, and only that, names a table")
        if unknown := sorted(self.choice_aliases.keys() - set(self.choices)):
            raise ValueError(
                f"parameter {self.name!r}: choice_aliases name {unknown[0]!r}, no choice"
            )
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"parameter {self.name!r}: minimum is greater than maximum")
        try:
            accepted = self.accept(self.default)
        except ValueOutOfRange as error:
            raise ValueError(f"default of {error}") from error
        object.__setattr__(self, "default", accepted)
        return self

    def accept(self, value: Value) -> Value:
        """Return ``value`` as this parameter's kind.

        Raises:
            ValueOutOfRange: it is of another kind or outside the range; the message names both.
        """
        match self.kind:
            case "number" | "integer":
                return self._accept_number(value)
            case "boolean":
                truth = {"true": True, "yes": True, "on": True, "1": True, "是": True}
                truth |= {"false": False, "no": False, "off": False, "0": False, "否": False}
                key = str(value).strip().lower()
                if key not in truth:
                    raise ValueOutOfRange("value.boolean", name=self.name, value=str(value))
                return truth[key]
            case "choice":
                if str(value) not in self.choices:
                    raise ValueOutOfRange(
                        "value.choice",
                        name=self.name,
                        value=str(value)[:80],
                        choices=", ".join(self.choices),
                    )
                return str(value)
            case "column":
                return self._accept_column(str(value))
            case "colour":
                text = str(value).strip().lower()
                if not re.fullmatch(r"#[0-9a-f]{6}", text):
                    raise ValueOutOfRange("value.colour", name=self.name, value=str(value)[:80])
                return text
            case "text" | "expression":
                if len(str(value)) > 10_000:
                    raise ValueOutOfRange("value.too_long", name=self.name, limit=10_000)
                return str(value)

    def shown(self, value: Value, language: str) -> Value:
        """Return ``value`` as sentences say it: of a choice, its first name in that language.

        A choice with digits ("1024", "rule90") is a name that both languages write alike.
        """
        if self.kind != "choice" or re.search(r"\d", str(value)):
            return value
        words = self.choice_aliases.get(str(value), ()) if language == "zh" else ()
        chinese = (word for word in words if _CHINESE.search(word))
        return next(chinese, str(value).replace("_", " "))

    def _accept_column(self, value: str) -> str:
        # Without a table any name may be meant, and none stands for the likeliest.
        if self.choices and value not in self.choices:
            raise ValueOutOfRange(
                "value.choice",
                name=self.name,
                value=value[:MAX_COLUMN_NAME],
                choices=", ".join(self.choices[:20]),
            )
        if len(value) > MAX_COLUMN_NAME:
            raise ValueOutOfRange("value.too_long", name=self.name, limit=MAX_COLUMN_NAME)
        return value

    def _accept_number(self, value: Value) -> Value:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number) or isinstance(value, bool):
            raise ValueOutOfRange("value.number", name=self.name, value=str(value)[:80])
        low, high = self.minimum, self.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueOutOfRange(
                "value.range",
                name=self.name,
                value=_plain(number),
                minimum="−∞" if low is None else _plain(low),
                maximum="∞" if high is None else _plain(high),
                unit=f" {self.unit}" if self.unit else "",
            )
        if self.kind == "integer":
            with suppress(ValueError):
                if abs(number) >= 2**53 and not isinstance(value, float):
                    return int(value)  # beyond what a float counts exactly
            if number != round(number):
                raise ValueOutOfRange("value.integer", name=self.name, value=_plain(number))
            return round(number)
        return number


def _plain(number: float) -> str:
    return f"{number:.12g}"
