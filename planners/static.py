"""Looks over generated Python before it runs: early feedback for the model, not a boundary.

The boundary is the sandbox. This only finds, in a millisecond, what would fail there anyway.
"""

from __future__ import annotations

import ast

MODULES = frozenset(
    "math cmath numpy scipy sympy matplotlib itertools functools collections fractions decimal "
    "statistics random datetime calendar re string operator time heapq bisect textwrap".split()
)
_FORBIDDEN = frozenset(
    "open exec eval compile __import__ input breakpoint globals locals vars".split()
)


def complaint(code: str) -> str | None:
    """Return what is wrong with a program, in words for the model, or None."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"SyntaxError: {getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
    called = set()
    for node in ast.walk(tree):
        wrong = _wrong(node)
        if wrong is not None:
            return f"line {getattr(node, 'lineno', 1)}: {wrong}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
    if not called & {"report", "save"}:
        return 'the program gives no result: call report("name", value)'
    return None


def _wrong(node: ast.AST) -> str | None:
    match node:
        case ast.Import(names=names):
            for alias in names:
                if alias.name.split(".")[0] not in MODULES:
                    return f"the module {alias.name} is not there"
        case ast.ImportFrom(module=module, level=level):
            if level or (module or "").split(".")[0] not in MODULES:
                return f"the module {module} is not there"
        case ast.Name(id=name) if name in _FORBIDDEN:
            return f"{name} cannot be used"
        case ast.Attribute(attr=name) if name.startswith("__"):
            return f"{name} cannot be used"
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name in ("report", "save"):
            return f"{name} is already there: do not define it"
    return None


def literals(code: str) -> set[float]:
    """Return every number that a program writes out."""
    found: set[float] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            try:
                found.add(float(node.value))
            except OverflowError:
                continue
    return found


def constants(code: str) -> dict[str, int | float]:
    """Return the named numbers of a program: ``name = number`` at top level, assigned once."""
    tree = ast.parse(code)
    stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _stores(n)]
    lines = [line for n in tree.body for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)]
    found: dict[str, int | float] = {}
    for node in tree.body:
        if lines.count(node.lineno) > 1:  # shares its line with another statement
            continue
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored.count(name) == 1:
                number = _number(value)
                if number is not None:
                    found[name] = number
    return found


def with_parameters(code: str, names: set[str]) -> str:
    """Return the program with those constants read from ``parameters``."""
    lines = code.splitlines()
    for node in ast.parse(code).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in names:
                start, end = node.lineno - 1, node.end_lineno or node.lineno
                lines[start:end] = [f'{name} = parameters["{name}"]'] + [""] * (end - start - 1)
    return "\n".join(lines) + "\n"


def reported(code: str) -> list[str]:
    """Return the names that a program reports under, where they are written out."""
    calls = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)]
    found = []
    for call in calls:
        match call:
            case ast.Call(func=ast.Name(id="report"), args=[ast.Constant(value=str(name)), *_]):
                found.append(name)
    return list(dict.fromkeys(found))


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _number(node: ast.expr) -> int | float | None:
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return None if isinstance(value, bool) else -value
        case ast.BinOp(
            left=ast.Constant(value=int(base)), op=ast.Pow(), right=ast.Constant(value=int(power))
        ) if abs(base) <= 1000 and 0 <= power <= 100:
            return int(base**power)
    return None
