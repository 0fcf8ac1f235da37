"""The expression language: one line of arithmetic, compiled to WGSL and to NumPy.

``D*lap(u) + r*u*(1 - u)`` is parsed with Python's own grammar, of which only numbers, names,
``+ - * / % **``, comparisons, ``and or not``, ``a if c else b`` and calls of known functions pass.
There are numbers and booleans; a boolean where a number is wanted counts as 0 or 1. Everything
that is constant is computed at once, so that WGSL never meets a constant that it would refuse.

Both compilations walk the same tree. Operations on which WGSL and NumPy differ (``%``, powers of
negative bases, ``smoothstep``, noise) go through a function of the prelude and its twin.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BeforeValidator, Field

from intentos.errors import InvalidProgram

from .functions import CONSTANTS, FUNCTIONS, Function, Kind

MAX_CHARACTERS = 2000

Formula = Annotated[
    str,
    BeforeValidator(lambda v: repr(v) if type(v) in (int, float) else v),
    Field(max_length=MAX_CHARACTERS),
]
"""An argument that is an expression; a plain number is one too."""
MAX_NODES = 500
MAX_DEPTH = 40
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)

# What people write and Python's grammar does not know. One character stands for the same thing
# everywhere, so the translation needs no parsing.
_SPELLINGS = str.maketrans(
    {"^": "**", "²": "**2", "³": "**3", "×": "*", "·": "*", "÷": "/", "−": "-", "＋": "+",
     "－": "-", "＊": "*", "／": "/", "（": "(", "）": ")", "，": ",", "．": ".", "＜": "<",
     "＞": ">", "≤": "<=", "≥": ">=", "≠": "!=", "\n": " ", "\t": " ", "\r": " "}
)  # fmt: skip

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.And: "and", ast.Or: "or", ast.BitAnd: "and", ast.BitOr: "or",
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float
    kind: Kind = "number"


@dataclass(frozen=True)
class Name:
    """A variable that the kernel or the plan provides."""

    name: str
    kind: Kind = "number"


@dataclass(frozen=True)
class Apply:
    """A function or operator on its arguments."""

    function: Function
    arguments: tuple[Node, ...]

    @property
    def kind(self) -> Kind:
        """What it gives."""
        return self.function.gives


Node = Number | Name | Apply


@dataclass(frozen=True)
class Expression:
    """A parsed expression; equal texts give equal trees."""

    text: str
    root: Node
    names: frozenset[str]
    """The variables it mentions, fields included."""

    def wgsl(self, substitutions: Mapping[str, str] | None = None) -> str:
        """Return WGSL of type f32 or bool.

        Args:
            substitutions: The WGSL of a variable by its name; ``&u`` stands for u where it is
                handed to a function as a whole field.
        """
        return _wgsl(self.root, substitutions or {})

    def numpy(self, environment: Mapping[str, Any], *, seed: int = 0) -> Any:
        """Return the value for arrays or numbers by name, in the precision of its inputs.

        Args:
            environment: Every variable of ``names``; they broadcast against one another. ``&u``,
                where it is there, stands for u handed to a function as a whole field.
            seed: The folded 32-bit seed that noise and random draw from.
        """
        with np.errstate(all="ignore"):
            return _numpy(self.root, environment, seed)


def parse(
    text: str,
    names: Collection[str],
    functions: Mapping[str, Function] | None = None,
    *,
    fields: Collection[str] = (),
    gives: Literal["number", "boolean"] = "number",
) -> Expression:
    """Return the expression in ``text``.

    Args:
        text: At most 2000 characters; ``^``, ``²``, ``×``, ``π`` and the like are understood.
        names: Variables that may occur.
        functions: What the kernel offers beyond the built-in ones.
        fields: Names that may be handed to a function that takes a whole field, such as ``lap``.
        gives: With ``boolean`` the value is a mask, and a number is true where it is not 0.

    Raises:
        InvalidProgram: ``text`` is not an expression; names the column and what was expected.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidProgram("expression.too_long", length=len(text), limit=MAX_CHARACTERS)
    spelled = text.translate(_SPELLINGS).strip()
    parser = _Parser(spelled, frozenset(names), FUNCTIONS | dict(functions or {}), fields)
    root = parser.parse()
    root = _as_number(root) if gives == "number" else _as_boolean(root)
    return Expression(text, root, frozenset(parser.used))


def check_names(names: Collection[str], taken: Collection[str] = ()) -> None:
    """Raise InvalidProgram where a plan's own name is not a name, or means something already."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
            raise InvalidProgram("expression.not_a_name", name=name[:80])
        if name in taken or name in FUNCTIONS or name in CONSTANTS:
            raise InvalidProgram("expression.name_taken", name=name)


class _Parser:
    """From Python's tree to ours, refusing everything that is not listed."""

    def __init__(
        self,
        text: str,
        names: frozenset[str],
        functions: Mapping[str, Function],
        fields: Collection[str],
    ) -> None:
        self.text = text
        self.allowed = names | frozenset(fields)
        self.functions = functions
        self.fields = fields
        self.used: set[str] = set()
        self._nodes = 0

    def parse(self) -> Node:
        if not self.text:
            self._fail("empty", 1)
        if "\0" in self.text:  # versions of Python complain about it in different ways
            self._fail("syntax", self.text.find("\0") + 1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "1if x" makes the tokenizer complain
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            self._fail("syntax", max(1, min(error.offset or 1, len(self.text) + 1)))
        except (RecursionError, MemoryError):  # nesting beyond the parser's stack
            self._fail("too_deep", 1, limit=MAX_DEPTH)
        return self._node(tree.body, 1)

    def _node(self, node: ast.expr, depth: int) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH:
            self._fail("too_deep", node, limit=MAX_DEPTH)
        if self._nodes > MAX_NODES:
            self._fail("too_large", node, limit=MAX_NODES)
        below = depth + 1
        match node:
            case ast.Constant(value=bool(value)):
                return Number(float(value))
            case ast.Constant(value=int() | float() as value):
                return Number(self._constant(value, node))
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return _as_number(self._node(operand, below))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply(" neg", [self._node(operand, below)], node)
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return self._apply("not", [self._node(operand, below)], node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                sides = [self._node(left, below), self._node(right, below)]
                return self._apply(_OPERATORS[type(op)], sides, node)
            case ast.BoolOp(op=op, values=values):
                return self._chain(_OPERATORS[type(op)], values, node, below)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._comparison([left, *comparators], ops, node, below)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._apply("where", [self._node(n, below) for n in (test, body, orelse)],
                                   node)  # fmt: skip
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args, node, below)
        self._fail("not_allowed", node)

    def _chain(self, operator: str, values: list[ast.expr], node: ast.expr, depth: int) -> Node:
        return self._balanced(operator, [self._node(value, depth) for value in values], node)

    def _balanced(self, operator: str, nodes: list[Node], node: ast.expr) -> Node:
        # An associative operator on many arguments: shallow, because browsers limit nesting.
        while len(nodes) > 1:
            pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
            nodes = [self._apply(operator, p, node) if len(p) == 2 else p[0] for p in pairs]
        return nodes[0]

    def _comparison(
        self, terms: list[ast.expr], ops: list[ast.cmpop], node: ast.expr, depth: int
    ) -> Node:
        nodes = [self._node(term, depth) for term in terms]
        found: list[Node] = []
        for left, op, right in zip(nodes, ops, nodes[1:], strict=False):
            if type(op) not in _OPERATORS:
                self._fail("not_allowed", node)
            found.append(self._apply(_OPERATORS[type(op)], [left, right], node))
        return self._balanced("and", found, node)

    def _call(self, name: str, args: list[ast.expr], node: ast.expr, depth: int) -> Node:
        function = self.functions.get(name)
        if function is None:
            words = (n for n in self.functions if n.isidentifier() and not iskeyword(n))
            known = ", ".join(sorted(words))
            self._fail("unknown_function", node, name=name[:80], known=known)
        if function.takes == ("field",):
            return self._field_call(function, args, node)
        nodes = [self._node(arg, depth) for arg in args]
        if name in ("min", "max") and len(nodes) > 2:
            return self._balanced(name, nodes, node)
        least = len(function.takes) - function.optional
        if not least <= len(nodes) <= len(function.takes):
            wanted = str(least) if not function.optional else f"{least}–{len(function.takes)}"
            self._fail("wrong_count", node, name=name, count=len(nodes), wanted=wanted)
        return self._apply(name, nodes, node)

    def _field_call(self, function: Function, args: list[ast.expr], node: ast.expr) -> Node:
        match args:
            case [ast.Name(id=name)] if name in self.fields:
                self.used.add(name)
                return Apply(function, (Name(name, "field"),))
        known = ", ".join(self.fields)
        self._fail("wants_field", node, name=function.name, known=known)

    def _name(self, name: str, node: ast.expr) -> Node:
        if name in self.allowed:
            self.used.add(name)
            return Name(name)
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        known = ", ".join(sorted(self.allowed | {"pi"}))
        self._fail("unknown_name", node, name=name[:80], known=known)

    def _apply(self, name: str, arguments: list[Node], node: ast.expr) -> Node:
        function = self.functions[name]
        converted: list[Node] = []
        for argument, kind in zip(arguments, function.takes, strict=False):
            if kind == "boolean" and argument.kind != "boolean":
                self._fail("wants_boolean", node, name=name)
            converted.append(_as_number(argument) if kind == "number" else argument)
        converted += [Number(0.0)] * (len(function.takes) - len(converted))
        if name == "**":
            function, converted = _integer_power(function, converted)
        return self._folded(Apply(function, tuple(converted)), node)

    def _folded(self, apply: Apply, node: ast.expr) -> Node:
        if apply.function.seeded or not all(isinstance(a, Number) for a in apply.arguments):
            return apply
        with np.errstate(all="ignore"):
            value = _numpy(apply, {}, 0)
        return Number(self._constant(value, node), apply.kind)

    def _constant(self, value: Any, node: ast.expr) -> float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not abs(number) <= LARGEST:
            self._fail("not_finite", node)
        return number if abs(number) >= SMALLEST else 0.0

    def _fail(self, code: str, at: ast.expr | int, **arguments: object) -> NoReturn:
        column = at if isinstance(at, int) else self._column(at)
        raise InvalidProgram(
            f"expression.{code}", text=_excerpt(self.text), column=column, **arguments
        )

    def _column(self, node: ast.expr) -> int:
        # Python counts bytes, people count characters.
        return len(self.text.encode()[: node.col_offset].decode(errors="ignore")) + 1


def _integer_power(function: Function, arguments: list[Node]) -> tuple[Function, list[Node]]:
    """Turn x ** n into multiplications: WGSL's ``pow`` is undefined for a negative x."""
    base, exponent = arguments
    if not isinstance(exponent, Number) or exponent.value != round(exponent.value):
        return function, arguments
    n = round(exponent.value)
    if not -64 <= n <= 64:
        return function, arguments
    by_count = {2: "square", 3: "cube"}
    if n in by_count:
        return FUNCTIONS[f" {by_count[n]}"], [base]
    whole = FUNCTIONS[" integer_power"]
    return replace(whole, wgsl=whole.wgsl.replace("N", f"{n}i")), [base, exponent]


def _as_number(node: Node) -> Node:
    if node.kind == "number":
        return node
    if isinstance(node, Number):
        return Number(node.value)
    return Apply(FUNCTIONS[" number"], (node,))


def _as_boolean(node: Node) -> Node:
    if node.kind == "boolean":
        return node
    if isinstance(node, Number):
        return Number(float(node.value != 0), "boolean")
    return Apply(FUNCTIONS["!="], (node, Number(0.0)))


def _wgsl(node: Node, substitutions: Mapping[str, str]) -> str:
    match node:
        case Number(value=value, kind="boolean"):
            return "true" if value else "false"
        case Number(value=value):
            # A negative number in brackets: "--1" and "1--1" are not WGSL.
            return f"{value!r}f" if value >= 0 else f"({value!r}f)"
        case Name(name=name, kind="field"):
            return substitutions.get(f"&{name}", name)
        case Name(name=name):
            return substitutions.get(name, name)
        case Apply(function=function, arguments=arguments):
            return function.wgsl.format(*(_wgsl(a, substitutions) for a in arguments))


def _numpy(node: Node, environment: Mapping[str, Any], seed: int) -> Any:
    match node:
        case Number(value=value, kind="boolean"):
            return bool(value)
        case Number(value=value):
            return value
        case Name(name=name, kind="field") if f"&{name}" in environment:
            return environment[f"&{name}"]
        case Name(name=name):
            return environment[name]
        case Apply(function=function, arguments=arguments):
            values = [_numpy(a, environment, seed) for a in arguments]
            return function.numpy(*values, seed) if function.seeded else function.numpy(*values)


def _excerpt(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "…"
