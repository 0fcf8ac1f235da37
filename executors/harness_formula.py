"""Formulas that a person wrote, inside the sandbox: read as data, never given to ``eval``.

``f = formula("x^2 + sin(2x)", "x")`` returns a function of NumPy arrays or numbers. Python's own
grammar reads it; only numbers, the given names, ``+ - * / // % **``, comparisons, ``a if c else
b`` and the functions below pass.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

MAX_CHARACTERS = 1000
_SPELLINGS = str.maketrans(
    {"^": "**", "²": "**2", "³": "**3", "×": "*", "·": "*", "÷": "/", "−": "-", "＋": "+",
     "－": "-", "＊": "*", "／": "/", "（": "(", "）": ")", "，": ",", "．": ".", "π": "pi",
     "＜": "<", "＞": ">", "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt"}
)  # fmt: skip
_SAME_NAME = (
    "sin cos tan sinh cosh tanh exp sqrt cbrt floor ceil sign log2 log10 hypot degrees radians "
    "real imag conj angle"
).split()
_OTHER_NAME = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "arcsin": "arcsin",
    "arccos": "arccos", "arctan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "ln": "log", "log": "log", "lg": "log10", "abs": "abs", "round": "rint",
    "min": "minimum", "max": "maximum", "mod": "mod", "pow": "power",
}  # fmt: skip
_BINARY = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "true_divide",
    ast.FloorDiv: "floor_divide", ast.Mod: "mod", ast.Pow: "power",
}  # fmt: skip
_COMPARE = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal",
    ast.Eq: "equal", ast.NotEq: "not_equal",
}  # fmt: skip


def formula(text: str, *names: str, **constants: float) -> Callable[..., Any]:
    """Return the function of ``names`` that a text stands for; ``constants`` are fixed.

    ``y = x^2`` and ``f(x) = x^2`` mean ``x^2``; ``2x``, ``3(x+1)`` are products; ``^`` is a
    power, and a fraction's odd root of a negative number is not a number. Undefined places give
    nan or inf without a warning.

    Raises:
        ValueError: it is no such formula; the message says where and what is known.
    """
    import numpy

    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"the formula has {len(text)} characters; at most {MAX_CHARACTERS}")
    known: dict[str, Any] = {"pi": numpy.pi, "e": numpy.e, "tau": 2 * numpy.pi, **constants}
    if "i" not in names:
        known |= {"i": 1j, "j": 1j} if "j" not in names else {"i": 1j}
    body = _read(text, {*names, *known})
    with numpy.errstate(all="ignore"):
        _evaluate(body, dict.fromkeys(names, 1.0) | known, text, numpy)

    def function(*values: Any) -> Any:
        if len(values) != len(names):
            raise TypeError(f"{text!r} takes {', '.join(names) or 'nothing'}")
        arrays = [
            value if numpy.iscomplexobj(value) else numpy.asarray(value, float) for value in values
        ]
        with numpy.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = _evaluate(body, dict(zip(names, arrays, strict=True)) | known, text, numpy)
            shape = numpy.broadcast_shapes(numpy.shape(result), *map(numpy.shape, arrays))
            result = numpy.broadcast_to(result, shape)
        return result.copy() if shape else result[()]

    return function


def _read(text: str, names: set[str]) -> ast.expr:
    """Return the tree of the right-hand side."""
    plain = text.translate(_SPELLINGS).strip()
    plain = re.sub(r"^\s*[A-Za-z]\w*\s*(\([^()=]*\))?\s*=(?!=)", "", plain).strip()
    plain = re.sub(r"\|([^|]+)\|", r"abs(\1)", plain)
    # "2x", "3(x+1)", "x(x+1)" and ")(" are products, as on paper.
    plain = re.sub(
        r"(?<![A-Za-z_0-9.])(\d+\.?\d*(?:[eE][-+]?\d+)?)\s*"
        r"(?=(?!(?:if|else|and|or)\b)(?:[A-DF-Za-df-z_(]|e(?![-+\d])))",
        r"\1*",
        plain,
    )
    plain = re.sub(r"\)\s*(?=(?!(?:if|else|and|or)\b)[A-Za-z_0-9(])", ")*", plain)
    plain = re.sub(r"\b([A-Za-z])\s*(?=\()", lambda m: f"{m[1]}*" if m[1] in names else m[1], plain)
    plain = re.sub(
        r"\b([A-Za-z_]\w*)\s+(?=(?!(?:if|else|and|or)\b)[A-Za-z_0-9])",
        lambda m: f"{m[1]}*" if m[1] in names else m[0],
        plain,
    )
    plain = re.sub(r"\bsqrt\s*(\d+\.?\d*|[A-Za-z])(?![\w(])", r"sqrt(\1)", plain)
    try:
        return ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no formula: {error}") from None


def _evaluate(node: ast.expr, names: Mapping[str, Any], text: str, numpy: Any) -> Any:
    def value(inner: ast.expr) -> Any:
        return _evaluate(inner, names, text, numpy)

    match node:
        case ast.Constant(value=int() | float() | complex() as number):
            return number if isinstance(number, complex) else float(number)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name):
            known = ", ".join(sorted(names))
            raise ValueError(f"{text!r}: {name!r} is not known; known are {known}")
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return numpy.negative(value(inner))
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return value(inner)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return getattr(numpy, _BINARY[type(op)])(value(left), value(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return getattr(numpy, _COMPARE[type(op)])(value(left), value(right))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return numpy.where(value(test), value(body), value(orelse))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            spelled = name if name in _SAME_NAME else _OTHER_NAME.get(name)
            if spelled is None:
                known = ", ".join(sorted({*_SAME_NAME, *_OTHER_NAME}))
                raise ValueError(f"{text!r}: {name}() is not known; known are {known}")
            try:
                return getattr(numpy, spelled)(*map(value, arguments))
            except TypeError as error:
                raise ValueError(f"{text!r}: {name}(): {error}") from None
    raise ValueError(f"{text!r}: {ast.unparse(node)[:60]!r} is no part of a formula")
