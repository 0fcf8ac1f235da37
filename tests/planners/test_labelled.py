"""Named amounts find the text that takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.labelled import labelled
from intentos.planners.linking import link

from .plans import knob

KNOBS = (knob("data", "Data", "数据", "data 数据", "tea 20, coffee 45", kind="text"),)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("bar chart of apples 34, bananas 51 and pears 12", "apples 34, bananas 51, pears 12"),
        ("pie: rent 900, food 450, days out 20.5", "rent 900, food 450, days out 20.5"),
        ("画柱状图：苹果34个，香蕉51个，梨12个", "苹果 34, 香蕉 51, 梨 12"),
        ("请用饼图表示 房租3,200 吃饭1500 交通300", "房租 3200, 吃饭 1500, 交通 300"),
        ("柱状图：苹果34万、香蕉5万、梨120", "苹果 340000, 香蕉 50000, 梨 120"),
        ("Anna got 12, Ben got 30, Cem got 21", "Anna 12, Ben 30, Cem 21"),
    ],
)
def test_named_amounts_are_read(text: str, data: str) -> None:
    assert link(text, KNOBS).values["data"] == data


@pytest.mark.parametrize(
    "text", ["apples 34, bananas 51", "34, 51, 12", "a chart", "a 34 kg, b 12 kg, c 1.5 t"]
)
def test_fewer_than_three_are_none(text: str) -> None:
    assert "data" not in link(text, KNOBS).values


@given(st.text(st.sampled_from("ab 12,.、和and苹果:=") | st.characters(), max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert len(labelled(text, KNOBS, {})) == len(text)
