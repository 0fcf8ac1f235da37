"""Formulas of checks: a small, safe arithmetic over values and parameters.

Only numbers, texts, names, arithmetic, comparisons, ``and``/``or``/``not`` and a few functions; no
attributes, no indices, no calls of anything else.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from intentos.errors import InvalidPlan

MAX_CHARACTERS = 500
MAX_POWER = 1000
MAX_BITS = 100_000


def _number(value: Any) -> Any:
    """Return a number as it is; raises TypeError: texts grow without end by ``*`` and ``%``."""
    if not isinstance(value, bool | int | float):
        raise TypeError(f"{type(value).__name__} is no number")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise OverflowError(f"a number of more than {MAX_BITS} bits")
    return value


def _round(value: Any, digits: int | None = None) -> Any:
    if digits is not None and abs(digits) > MAX_POWER:
        raise ValueError(f"round to {digits} digits")
    return round(_number(value), digits)


def _comb(total: Any, chosen: Any) -> Any:
    if not max(abs(_number(total)), abs(_number(chosen))) <= MAX_POWER:
        raise OverflowError(f"comb({total}, {chosen})")
    return math.comb(total, chosen)


def _factorial(value: Any) -> Any:
    if not abs(_number(value)) <= MAX_POWER:
        raise OverflowError(f"factorial({value})")
    return math.factorial(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs, "min": min, "max": max, "round": _round,
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "log2": math.log2, "log10": math.log10,
    "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "erf": math.erf,
    "radians": math.radians, "degrees": math.degrees,
    "comb": _comb, "factorial": _factorial,
    "floor": math.floor, "ceil": math.ceil, "isfinite": math.isfinite,
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e, "true": True, "false": False}

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """Return the value of a formula.

    Raises:
        InvalidPlan: the text is no formula, or names something that is not there.
        ArithmeticError, ValueError, TypeError: the numbers do not allow it.
    """
    return _Evaluator(text, names).visit(_parse(text))


def names_in(text: str) -> frozenset[str]:
    """Return the names that a formula reads; raises InvalidPlan for what is no formula."""
    tree = _parse(text)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    return frozenset(used - CONSTANTS.keys())


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_CHARACTERS:
        raise InvalidPlan("formula.too_long", limit=MAX_CHARACTERS)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidPlan("formula.syntax", text=text, what=str(error)) from error


class _Evaluator:
    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self._text = text
        self._names = names

    def visit(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.visit(inner)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return not self.visit(inner)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self.visit(left), self.visit(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](_number(self.visit(left)), _number(self.visit(right)))
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.visit(value) for value in values)
            case ast.BoolOp(values=values):
                return any(self.visit(value) for value in values)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compare(left, ops, others)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.visit(body if self.visit(test) else orelse)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](*(self.visit(argument) for argument in arguments))
        raise InvalidPlan(
            "formula.not_allowed", text=self._text, column=node.col_offset + 1,
            what=ast.unparse(node)[:60],
        )  # fmt: skip

    def _name(self, name: str) -> Any:
        if name in self._names:
            return self._names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        known = ", ".join(sorted(self._names))[:300]
        raise InvalidPlan("formula.unknown_name", name=name, text=self._text, known=known)

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> bool:
        value = self.visit(left)
        for op, other in zip(ops, others, strict=True):
            if type(op) not in _COMPARE:
                raise InvalidPlan(
                    "formula.not_allowed", text=self._text, column=1, what=type(op).__name__
                )
            right = self.visit(other)
            if not _COMPARE[type(op)](value, right):
                return False
            value = right
        return True

    def _power(self, base: Any, exponent: Any) -> Any:
        base, exponent = _number(base), _number(exponent)
        if abs(exponent) > MAX_POWER:
            raise InvalidPlan("formula.not_allowed", text=self._text, column=1, what="**")
        if isinstance(base, int) and base.bit_length() * abs(exponent) > MAX_BITS:
            raise OverflowError(f"a number of more than {MAX_BITS} bits")
        return base**exponent
