"""YAML in, exact errors out, and back again."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.documents import (
    MAX_CHARACTERS,
    locate,
    read_document,
    validate,
    write_document,
)
from intentos.errors import InvalidPlan
from intentos.types import Frozen, Words


def test_reads_a_mapping_with_numbers_that_mean_what_they_look_like() -> None:
    text = "a: 1_000\nb: 1e5\nc: on\nd: 2020-01-01\ne: {x: [true, ~]}\nf: 12:30\ng: -.5\n"
    assert read_document(text, "t") == {
        "a": 1000, "b": 1e5, "c": "on", "d": "2020-01-01", "e": {"x": [True, None]},
        "f": "12:30", "g": -0.5,
    }  # fmt: skip


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        (BOMB, 1, 4, "anchors"),
        ("a: &x [*x]", 1, 4, "anchors"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "'a' is there twice"),
        ("a:\n\tb: 1\n", 2, 1, "cannot start any token"),
        ("a: 1\nb: \x00", 2, 4, "not allowed"),
        ("a: 1\nb: \ud800", 2, 1, "Unicode"),
        ("- a", 1, 1, "mapping"),
        ("", 1, 1, "mapping"),
        ("a: 1\n---\nb: 2\n", 2, 1, "another document"),
        ("a: !!python/object/apply:os.system [ls]", 1, 4, "not allowed"),
        ("a: .nan", 1, 4, "finite"),
        ("? [a]\n: 1", 1, 3, "plain text"),
        ("a: " + "9" * 500, 1, 4, "not allowed"),
        ("a: [1, 2\nb: 3", 2, 2, "expected"),
        ("a: " + "[" * 100_000, 1, 63, "deep"),
        ("a:\n  " + "- " * 60_000 + "x", 2, 121, "deep"),
    ],
)
def test_refuses_with_line_and_column(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(InvalidPlan) as error:
        read_document(text, "p.yaml")
    assert error.value.code == "document.syntax"
    assert error.value.arguments["line"] == line
    assert error.value.arguments["column"] == column
    assert what in error.value.text("en")
    assert "p.yaml" in error.value.text("zh")


def test_refuses_ten_megabytes_unread() -> None:
    with pytest.raises(InvalidPlan, match=f"{MAX_CHARACTERS}"):
        read_document("a: " + "x" * 10_000_000, "big.yaml")


class Flower(Frozen):
    name: Words
    petals: list[int]


def test_validation_names_the_line() -> None:
    text = "name: {en: rose}\npetals:\n  - 5\n  - six\n"
    with pytest.raises(InvalidPlan, match=r"f\.yaml, line 4: petals\.1"):
        validate(Flower, read_document(text, "f.yaml"), text=text, source="f.yaml")
    good = "name: {en: rose}\npetals: [5]\n"
    assert validate(Flower, read_document(good, "f"), text=good, source="f").petals == [5]


def test_locates_the_deepest_part_that_is_there() -> None:
    text = "a: 1\nb:\n  c:\n    - x\n    - y: 2\n"
    assert locate(text, ("b", "c", 1, "y")) == 5
    assert locate(text, ("b", "c", 7)) == 3
    assert locate(text, ("z",)) == 1
    assert locate("a: 1\n\tb", ("a",)) == 2  # of broken text: where it breaks


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), json_values, max_size=5))
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    read = read_document(write_document(data), "round")
    assert read == data
    assert repr(read) == repr(data)  # 1 stays 1, and 1.0 stays 1.0


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidPlan):
        assert isinstance(read_document(text, "any"), dict)


def test_code_is_written_as_a_block() -> None:
    text = write_document({"code": "x = 1\nprint('é中')\n", "n": math.pi})
    assert "code: |\n  x = 1\n  print('é中')\n" in text
