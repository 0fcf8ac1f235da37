"""What a check found is said in the language of who reads it, whichever part of the program found
it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from intentos.check_words import detail_text

ROOT = Path(__file__).parent.parent
SYMBOLS = {"SciPy", "GPU", "float32", "2dDt", "Kolmogorov", "Smirnov", "MP4", "NPZ", "NPY", "WAV"}
"""Words that are the same in both languages, besides units and symbols of one or two letters."""
MOST = 64
"""Of the forms that one place may take, so many are tried."""


class _Details(ast.NodeVisitor):
    """The details of checks that a module makes, with 3 for every number."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._names: dict[str, list[str]] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._names = self._names, {}
        for one in ast.walk(node):
            match one:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._names.setdefault(name, []).extend(self._texts(value))
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if (
                    len(names) == len(values)
                ):
                    for each, given in zip(names, values, strict=True):
                        if isinstance(each, ast.Name):
                            self._names.setdefault(each.id, []).extend(self._texts(given))
                case ast.AugAssign(target=ast.Name(id=name), value=value):
                    before = self._names.get(name, [""])
                    more = [a + b for a, b in product(before, self._texts(value))]
                    self._names[name] = [*before, *more]
        self.generic_visit(node)
        self._names = outer

    def visit_Call(self, node: ast.Call) -> None:
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        told = [keyword.value for keyword in node.keywords if keyword.arg == "detail"]
        if called == "judged" and len(node.args) > 3:
            told.append(node.args[3])
        if called == "add" and len(node.args) == 2:  # findings about files
            told.append(node.args[1])
        if called in ("judged", "Check", "Comparison", "add"):
            self.found.update(text for one in told for text in self._texts(one))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        match node.value:  # a status and what was found, for a check that is made elsewhere
            case ast.Tuple(elts=[_, ast.JoinedStr() as told]):
                self.found.update(self._texts(told))
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        match node.exc:  # an oddity of a file, told with its name
            case ast.Call(func=ast.Name(id="_Odd"), args=[told]):
                self.found.update(f"3: {text}" for text in self._texts(told))
        self.generic_visit(node)

    def _texts(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Name(id=name):
                return self._names.get(name) or ["3"]
            case ast.IfExp(body=body, orelse=other):
                return [*self._texts(body), *self._texts(other)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return [a + b for a, b in product(self._texts(left), self._texts(right))][:MOST]
            case ast.JoinedStr(values=values):
                parts = [
                    self._texts(v.value)
                    if isinstance(v, ast.FormattedValue) and isinstance(v.value, ast.IfExp)
                    else ["3"]
                    if isinstance(v, ast.FormattedValue)
                    else self._texts(v)
                    for v in values
                ]
                return ["".join(chosen) for chosen in product(*parts)][:MOST]
        return ["3"]


def details() -> Iterator[str]:
    """Yield the form of every detail that a kernel, an executor or a check of the core tells."""
    for folder in ("gpu_kernels", "executors", "intentos"):
        for path in sorted((ROOT / folder).glob("*.py")):
            text = path.read_text("utf-8")
            if "judged(" in text or "Check(" in text or "Comparison(" in text:
                visitor = _Details()
                visitor.visit(ast.parse(text))
                yield from visitor.found


def test_every_kernels_finding_is_said_in_chinese() -> None:
    found = sorted(set(details()))
    assert len(found) > 110
    left = {}
    for detail in found:
        said = detail_text(detail, "zh")
        words = set(re.findall(r"[A-Za-z0-9]*[A-Za-z]{3,}[A-Za-z0-9]*", said)) - SYMBOLS
        if words:
            left[detail] = said
    assert not left


@pytest.mark.parametrize(
    ("detail", "chinese"),
    [
        ("0 of 80000 points without a place", "80000 个点中有 0 个没有位置"),
        ("62.1 % on average, at least 5 %", "平均 62.1 %，至少 5 %"),
        ("0.0431 m deep, a chain of its length 0.0430 m; it still moves at 0.20 m/s",
         "垂深 0.0431 m，同长的链为 0.0430 m；仍以 0.20 m/s 运动"),
        ("120/120", "120/120"),
        ("alive 34 = 34 of 65536", "alive 34 = 34，共 65536"),
        ("film.mp4: 12 of 30 frames; a b.gif: moves … 2 more",
         "film.mp4：30 帧中的 12 帧；a b.gif：有变化 … 还有 2 个"),
        ("mean > 3; mean = 3.5", "mean > 3；mean = 3.5"),
    ],
)  # fmt: skip
def test_numbers_and_names_stay(detail: str, chinese: str) -> None:
    assert detail_text(detail, "zh") == chinese
    assert detail_text(detail, "en") == detail


def test_a_strangers_finding_takes_no_time_and_stays() -> None:
    long = "{first} … " * 20_000
    assert detail_text(long, "zh") == long
    assert detail_text("{a} of {b}", "zh") == "{b} 中的 {a}"
