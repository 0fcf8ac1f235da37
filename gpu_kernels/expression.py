"""The expression language: one line of arithmetic, compiled to WGSL and to NumPy.

``D*lap(u) + r*u*(1 - u)`` is parsed with Python's own grammar, of which only numbers, names,
``+ - * / % **``, comparisons, ``and or not``, ``a if c else b``, calls of known functions and the
components of a vector pass. There are numbers, booleans, and vectors of two and three:
``vec3(x, y, 0).zx * 2``. Where a number is wanted, a boolean counts as 0 or 1; beside a vector, a
number counts as the vector of which every component is that number. Everything that is constant
is computed at once, so that WGSL never meets a constant that it would refuse.

Both compilations walk the same tree. Operations on which WGSL and NumPy differ (``%``, powers of
negative bases, ``smoothstep``, noise) go through a function of the prelude and its twin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from intentos.errors import InvalidProgram

from .expression_parser import Parser
from .expression_tree import Apply, Name, Node, Number, Vector, to_numpy, to_wgsl
from .functions import CONSTANTS, FUNCTIONS, Function, Kind

__all__ = [
    "Apply", "Expression", "Formula", "Function", "Kind", "Name", "Node", "Number", "Vector",
    "check_names", "parse",
]  # fmt: skip

MAX_CHARACTERS = 2000

Formula = Annotated[
    str,
    BeforeValidator(lambda v: repr(v) if type(v) in (int, float) else v),
    Field(max_length=MAX_CHARACTERS),
]
"""An argument that is an expression; a plain number is one too."""

# What people write and Python's grammar does not know. One character stands for the same thing
# everywhere, so the translation needs no parsing.
_SPELLINGS = str.maketrans(
    {"^": "**", "²": "**2", "³": "**3", "×": "*", "·": "*", "÷": "/", "−": "-", "＋": "+",
     "－": "-", "＊": "*", "／": "/", "（": "(", "）": ")", "，": ",", "．": ".", "＜": "<",
     "＞": ">", "≤": "<=", "≥": ">=", "≠": "!=", "\n": " ", "\t": " ", "\r": " "}
)  # fmt: skip


# "2x", "3(x + 1)" and "(x + 1)(x - 1)" are products, as on paper; "2e3" is a number.
_NEXT = r"(?=(?!(?:if|else|and|or|not)\b)"
_PRODUCTS = (
    (rf"(?<![\w.])(\d+\.?\d*(?:[eE][-+]?\d+)?)\s*{_NEXT}(?:[A-DF-Za-df-zπτ_(]|e(?![-+\d])))",
     r"\1*"),
    (rf"\)\s*{_NEXT}[A-Za-zπτ_\d(])", ")*"),
)  # fmt: skip


def _with_products(text: str) -> str:
    for form, product in _PRODUCTS:
        text = re.sub(form, product, text)
    return text


@dataclass(frozen=True)
class Expression:
    """A parsed expression; equal texts give equal trees."""

    text: str
    root: Node
    names: frozenset[str]
    """The variables it mentions, fields included."""

    @property
    def kind(self) -> Kind:
        """``number``, ``boolean``, ``vec2`` or ``vec3``."""
        return self.root.kind

    def wgsl(self, substitutions: Mapping[str, str] | None = None) -> str:
        """Return WGSL of type f32, bool, vec2f or vec3f; it calls functions of the prelude.

        Args:
            substitutions: The WGSL of a variable by its name; ``&u`` stands for u where it is
                handed to a function as a whole field.
        """
        return to_wgsl(self.root, substitutions or {})

    def numpy(self, environment: Mapping[str, Any], *, seed: int = 0) -> Any:
        """Return the value for arrays or numbers by name, in the precision of its inputs.

        Args:
            environment: Every variable of ``names``; they broadcast against one another, the
                vectors' last axis (of 2 or 3 components) apart. ``&u``, where it is there, stands
                for u handed to a function as a whole field.
            seed: The folded 32-bit seed that noise and random draw from.
        """
        with np.errstate(all="ignore"):
            return to_numpy(self.root, environment, seed)


def parse(
    text: str,
    names: Collection[str],
    functions: Mapping[str, Function] | None = None,
    *,
    kinds: Mapping[str, Kind] | None = None,
    fields: Collection[str] = (),
    gives: Literal["number", "boolean", "vec2", "vec3", "any"] = "number",
) -> Expression:
    """Return the expression in ``text``.

    Args:
        text: At most 2000 characters; ``^``, ``²``, ``×``, ``π`` and the like are understood.
        names: Variables that may occur; they are numbers.
        functions: What the kernel offers beyond the built-in ones.
        kinds: More variables with their kinds, such as ``{"p": "vec3"}``.
        fields: Names that may be handed to a function that takes a whole field, such as ``lap``.
        gives: What is wanted. With ``boolean`` the value is a mask, and a number is true where it
            is not 0; with a vector, a number gives equal components: grey, for a colour. ``any``:
            whatever it is, see ``Expression.kind``.

    Raises:
        InvalidProgram: ``text`` is not an expression, or one of another kind; names the column
            and what was expected.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidProgram("expression.too_long", length=len(text), limit=MAX_CHARACTERS)
    variables = dict.fromkeys([*names, *fields], _NUMBER) | dict(kinds or {})
    spelled = _with_products(text.translate(_SPELLINGS).strip())
    parser = Parser(spelled, variables, FUNCTIONS | dict(functions or {}), fields)
    root = parser.parse(gives)
    return Expression(text, root, frozenset(parser.used))


_NUMBER: Kind = "number"


def check_names(names: Collection[str], taken: Collection[str] = ()) -> None:
    """Raise InvalidProgram where a plan's own name is not a name, or means something already."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
            raise InvalidProgram("expression.not_a_name", name=name[:80])
        if name in taken or name in FUNCTIONS or name in CONSTANTS or name == "palette":
            raise InvalidProgram("expression.name_taken", name=name)
