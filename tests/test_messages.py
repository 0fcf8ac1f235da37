"""Chinese and English are equals: the same sentences, the same placeholders, none missing."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from intentos import errors
from intentos.messages import LANGUAGES, catalogue, fill, message, placeholders

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
BEGINNING = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]*")
ERRORS = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.IntentOSError)
}
SAYS = {"message", "say", "note"}
"""Functions whose first argument is a code and whose named ones fill the placeholders."""


class Use(NamedTuple):
    """One place in the source that names a sentence."""

    where: str
    code: str
    arguments: frozenset[str] | None
    """Names given for the placeholders; None where they are not written out there."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of the five folders, each once."""
    for folder in ("intentos", "planners", "executors", "gpu_kernels", "ui"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def uses(name: str, tree: ast.Module) -> Iterator[Use]:
    """Yield the sentences that a module names in errors, problems and calls of ``message``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = node.func.id if isinstance(node.func, ast.Name) else called
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        given: frozenset[str] | None = frozenset(key for key in keywords if key is not None)
        if None in keywords:  # **arguments
            given = None
        if called in ERRORS or called in SAYS:
            first = node.args[0] if node.args else None
        elif called == "ProgressMade":  # what is going on, said by its code alone
            first, given = keywords.get("stage"), None
        elif called == "Problem":
            first = keywords.get("code")
            given = _keys(keywords.get("arguments"))
        else:
            continue
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            if called in SAYS and "." not in first.value:
                continue  # another function of that name
            yield Use(f"{name}:{node.lineno}", first.value, given)


def _keys(node: ast.expr | None) -> frozenset[str] | None:
    if node is None:
        return frozenset()
    if not isinstance(node, ast.Dict):
        return None
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    return frozenset(map(str, keys)) if len(keys) == len(node.keys) else None


def missing(use: Use) -> list[str]:
    """Return what is wrong with one use: no sentence, or a placeholder that nothing fills."""
    wrong = []
    for language in LANGUAGES:
        template = catalogue(language).get(use.code)
        if template is None:
            wrong.append(f"{use.where}: {language} has no {use.code!r}")
        elif use.arguments is not None and (lost := placeholders(template) - use.arguments):
            wrong.append(f"{use.where}: {use.code!r} in {language} is not given {sorted(lost)}")
    return wrong


def test_both_languages_have_the_same_sentences() -> None:
    assert set(catalogue("zh")) == set(catalogue("en"))


@pytest.mark.parametrize("code", sorted(set(catalogue("zh")) & set(catalogue("en"))))
def test_both_languages_tell_the_same_facts(code: str) -> None:
    chinese, english = catalogue("zh")[code], catalogue("en")[code]
    assert placeholders(chinese) == placeholders(english)
    assert chinese.strip()
    assert english.strip()
    assert not re.search(r"[\u4e00-\u9fff]", english) or "ask" in english


def test_every_sentence_that_the_source_names_is_there_with_its_arguments() -> None:
    found = [use for name, tree in sources() for use in uses(name, tree)]
    assert len(found) > 50  # the search itself works
    wrong = [line for use in found for line in missing(use)]
    assert not wrong, "\n".join(wrong)


def test_every_sentence_is_said_somewhere() -> None:
    """A code may be put together (``f"status.{status}"``): its beginning counts for all."""
    said: set[str] = set()
    beginnings: set[str] = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
            elif isinstance(node, ast.JoinedStr) and node.values:
                first = node.values[0]
                if isinstance(first, ast.Constant) and BEGINNING.fullmatch(str(first.value)):
                    beginnings.add(str(first.value))
    silent = [
        code
        for code in catalogue("en")
        if code not in said and not code.startswith(tuple(beginnings))
    ]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_reads_in_both_languages(language: str) -> None:
    error = errors.NotFound("store.no_run", name="r-1")
    assert "r-1" in error.text(language)
    assert error.text(language) != error.code


def test_a_strangers_code_still_reaches_the_person() -> None:
    assert message("foo.broke", "zh", what="disk") == "foo.broke: what='disk'"


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('raise NotFound("store.no_such_code", run=1)', "has no"),
        ('raise errors.NotFound("store.no_run")', "is not given ['name']"),
        ('message("store.no_run", "zh", id=1)', "is not given ['name']"),
        ('Problem(code="store.no_run", arguments={"id": 1})', "is not given ['name']"),
    ],
)
def test_a_forgotten_sentence_or_argument_is_found(source: str, wrong: str) -> None:
    (use,) = uses("here", ast.parse(source))
    assert [wrong in line for line in missing(use)] == [True, True]


def test_codes_are_well_formed() -> None:
    assert [code for code in catalogue("en") if not CODE.fullmatch(code)] == []


def test_a_strangers_template_neither_fails_nor_fills_the_memory() -> None:
    assert fill("{a:999999999} {a:>{w}}", {"a": 1, "w": 10**9}) == "1 1"
    for text in ("{a", "} {a}", "{a!z}"):
        assert fill(text, {"a": 1}) == text
