"""Looks over generated Python before it runs: early feedback for the model, not a boundary.

The boundary is the sandbox. This only finds, in a millisecond, what would fail there anyway.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping
from typing import Literal

Method = Literal["formula", "enumeration", "algebra", "sampling"]

MODULES = frozenset(
    "math cmath numpy scipy sympy matplotlib pandas networkx PIL itertools functools collections "
    "fractions decimal statistics random datetime calendar re string operator time heapq bisect "
    "textwrap json csv wave unicodedata".split()
)
_FORBIDDEN = frozenset("exec eval compile __import__ input breakpoint globals locals vars".split())
_WANTS_FILES = "open"


_ALIASES = {
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "pd": "import pandas as pd",
    "nx": "import networkx as nx",
    "sp": "import sympy as sp",
    "Image": "from PIL import Image",
    "wavfile": "from scipy.io import wavfile",
}
_MEMBERS = {
    "math": "pi sqrt sin cos tan atan atan2 exp log log2 log10 floor ceil gcd lcm comb perm "
    "factorial isqrt prod radians degrees hypot",
    "itertools": "permutations combinations combinations_with_replacement product accumulate "
    "pairwise cycle chain groupby",
    "functools": "reduce lru_cache cache",
    "collections": "Counter defaultdict deque OrderedDict",
    "fractions": "Fraction",
    "decimal": "Decimal",
    "datetime": "date timedelta",
    "sympy": "symbols Symbol solve Eq integrate diff simplify expand factor factorint isprime "
    "primerange Rational oo nsolve limit series Matrix",
    "scipy.integrate": "quad solve_ivp odeint",
    "scipy.optimize": "brentq fsolve minimize minimize_scalar curve_fit",
}
_IMPORTS = {name: f"import {name}" for name in sorted(MODULES - {"scipy"})} | _ALIASES
_IMPORTS |= {
    name: f"from {module} import {name}"
    for module, names in _MEMBERS.items()
    for name in names.split()
}
_LINES = frozenset(_IMPORTS.values())


def with_imports(code: str) -> str:
    """Return the program with the imports that it needs and does not have, where it can be read."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    there = {node.id for node in names if _stores(node)} | _bound(tree)
    used = {node.id for node in names} - there
    lines = {_IMPORTS[name] for name in used if name in _IMPORTS}
    if "scipy" in used:
        parts = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "scipy"
        }
        lines |= {f"import scipy.{part}" for part in parts}
    if not lines:
        return code
    return "\n".join(sorted(lines)) + "\n\n" + code


def respelled(code: str) -> str:
    """Return the program with names that are bound nowhere as the one that they must mean, such as
    ``Reynolds`` where it has bound ``reynolds``: a small model changes the case on its way.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    there = {node.id for node in names if _stores(node)} | _bound(tree)
    known = there | set(dir(builtins)) | set(_IMPORTS) | {"report", "save", "inputs", "parameters"}
    lines = [line.encode() for line in code.splitlines(keepends=True)]
    for node in sorted(names, key=lambda node: (-node.lineno, -node.col_offset)):
        meant = [name for name in there if alike(name, node.id)]
        if node.id not in known and len(meant) == 1:
            line, start = lines[node.lineno - 1], node.col_offset
            end = start + len(node.id.encode())
            lines[node.lineno - 1] = line[:start] + meant[0].encode() + line[end:]
    return b"".join(lines).decode()


def alike(name: str, other: str) -> bool:
    """Return whether two names differ by case and underscores alone."""
    return name.replace("_", "").casefold() == other.replace("_", "").casefold()


def without_imports(code: str) -> str:
    """Return the program without the lines that :func:`with_imports` would give it back.

    A small model that may not write them takes up a program only where it begins otherwise.
    """
    kept = [
        line
        for line in code.splitlines(keepends=True)
        if line.strip() not in _LINES and not line.startswith("import scipy.")
    ]
    return "".join(kept).lstrip("\n")


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that imports, definitions and arguments bind."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in names}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
    return found


def complaint(code: str, *, files: bool = False) -> str | None:
    """Return what is wrong with a program, in words for the model, or None.

    ``files``: there are some for it to read.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"SyntaxError: {getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
    called = set()
    for node in ast.walk(tree):
        wrong = _wrong(node)
        if isinstance(node, ast.Name) and node.id == _WANTS_FILES and not files:
            wrong = "open cannot be used: there are no files"
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


def with_parameters(code: str, names: Mapping[str, str]) -> str:
    """Return the program with constants (name → parameter) read from ``parameters``."""
    lines = code.splitlines()
    for node in ast.parse(code).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in names:
                start, end = node.lineno - 1, node.end_lineno or node.lineno
                lines[start:end] = [f'{name} = parameters["{names[name]}"]'] + [""] * (
                    end - start - 1
                )
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


_WORKS = (
    ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Subscript,
)  # fmt: skip
_IDLE = frozenset(
    "report str int float round bool format list tuple set dict abs max min sum".split()
)


def computes(code: str) -> bool:
    """Return whether a program does more than report what is written down in it.

    Sums and comparisons of such numbers ("cleverness = 10") tell no more than those: for a wish
    that gives nothing to compute with, they are what the model made up.
    """
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, _WORKS):
            return True
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub):
            return True
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in _IDLE
        ):
            return True
    return False


def renamed(code: str, names: Mapping[str, str]) -> str:
    """Return the program with other names in the places where it reports under written ones."""
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(
                func=ast.Name(id="report"), args=[ast.Constant(value=str(name)) as place, *_]
            ) if name in names and place.lineno == place.end_lineno:
                line = lines[place.lineno - 1].encode()
                before, after = line[: place.col_offset], line[place.end_col_offset :]
                new = before + f'"{names[name]}"'.encode() + after
                lines[place.lineno - 1] = new.decode()
    return "\n".join(lines) + "\n"


_CHANCE = re.compile(r"\b(random|choice|choices|shuffle|randint|default_rng|rng|sample)\b")
_LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_MANY = frozenset("range arange linspace permutations combinations product accumulate".split())


def method(code: str) -> Method:
    """Return by which kind of method a program comes to its result, told by its code alone."""
    tree = ast.parse(code)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    modules = {m.split(".")[0] for m in _imported(tree)}
    if "random" in modules or any(_CHANCE.fullmatch(name) for name in names):
        return "sampling"
    if "sympy" in modules:
        return "algebra"
    if names & _MANY or any(isinstance(node, _LOOPS) for node in ast.walk(tree)):
        return "enumeration"
    return "formula"


def _imported(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


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
