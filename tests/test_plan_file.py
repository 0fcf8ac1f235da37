"""A plan file is read back as it was written, and says when somebody changed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.errors import InvalidPlan, ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Step
from intentos.plan_file import dump_plan, load_plan, read_plan
from intentos.types import Words

from .parts import plan_of, write

CARS = Parameter(
    name="cars", label=Words(en="cars", zh="车"), kind="integer", default=5, minimum=1, maximum=9
)
PLAN = plan_of("say {cars}\nsay 你好", parameters=(CARS,), recipe="traffic")


def test_what_is_written_is_read() -> None:
    text = dump_plan(PLAN, {"cars": 7})
    found = load_plan(text, "p.yaml")
    assert found.plan == PLAN
    assert found.values == {"cars": 7}
    assert not found.edited
    assert "你好" in text


def test_other_values_are_the_same_plan_and_other_code_is_not() -> None:
    text = dump_plan(PLAN, {"cars": 7})
    assert not load_plan(text.replace("cars: 7", "cars: 8"), "p.yaml").edited
    changed = load_plan(text.replace("say 你好", "say 再见"), "p.yaml")
    assert changed.edited
    assert changed.plan.origin == "edited"
    assert changed.plan.digest != PLAN.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("language: words", "language: [words", "line"),
        ("maximum: 9", "maximum: nine", "maximum"),
        ("maximum: 9", "maximum: 9\n  maximum: 10", "twice"),
        ("schema: 1", "schema: 7", "format 7"),
        ("origin: recipe", "origin: heaven", "origin"),
        ("steps:", "stairs:", "stairs"),
    ],
)
def test_a_broken_file_is_told_by_line(old: str, new: str, says: str) -> None:
    text = dump_plan(PLAN, {"cars": 7})
    assert old in text
    with pytest.raises(InvalidPlan) as error:
        load_plan(text.replace(old, new, 1), "p.yaml")
    assert "p.yaml" in str(error.value)
    assert says in str(error.value)
    assert error.value.exit_code == 2


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueOutOfRange):
        load_plan(dump_plan(PLAN, {"cars": 70}), "p.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / "binary.yaml"):
        with pytest.raises(InvalidPlan, match="cannot be read"):
            read_plan(path)
    huge = write(tmp_path / "huge.yaml", "x" * 5_000_000)
    with pytest.raises(InvalidPlan, match="at most 4000000"):
        read_plan(huge)


@given(
    st.text(min_size=1, max_size=200).filter(lambda s: s.strip()),
    st.text(max_size=50),
)
def test_any_code_and_any_words_survive(code: str, title: str) -> None:
    try:
        code.encode(), title.encode()
    except UnicodeEncodeError:
        return
    plan = plan_of(
        title=Words(en=title),
        steps=(Step(id="s1", language="words", code=code),),
    )
    assert load_plan(dump_plan(plan, {}), "p.yaml").plan == plan
