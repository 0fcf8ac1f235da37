"""Going back, and comparing what lay on the table with what lies there now."""

from __future__ import annotations

import pytest

from intentos.conversation import table_of
from intentos.errors import PlanningError
from intentos.plan import Plan
from intentos.planners.comparison import back, compare
from intentos.protocols import Table
from intentos.run import Run, RunStatus
from intentos.types import Intent, Quantity, Value, Words, now

from .plans import HEART, TRAFFIC


def lying(plan: Plan, earlier: Table | None = None, **values: Value) -> Table:
    """Return a plan with values on the table, as a run leaves it there."""
    run = Run(
        id="1a2b3c4d5e6f7a8b9c0d1e2f3a",
        intent=Intent(text="x", language="en"),
        plan=plan,
        values=plan.accept(values),
        status=RunStatus.COMPLETED,
        answer=f"There are {values}.",
        created_at=now(),
    )
    table = table_of(run, earlier)
    assert table is not None
    return table


@pytest.mark.parametrize(
    "text",
    ["go back", "undo", "put it back please", "revert that", "撤销", "回到上一个", "还原",
     "变回原来的样子", "go back to the previous one", "还是刚才那个吧",
     "刚才那个好，退回去", "倒回上一张", "that was better before", "回到一开始那个"],
)  # fmt: skip
def test_going_back_brings_the_values_before(text: str) -> None:
    table = lying(HEART, lying(HEART, points=500), points=900)
    proposal = back(text, table)
    assert proposal is not None
    assert proposal.values["points"] == 500
    assert proposal.plan.digest == HEART.digest


def test_twice_back_goes_two_steps_and_first_goes_to_the_beginning() -> None:
    one = lying(TRAFFIC, cars=100)
    two = lying(TRAFFIC, one, cars=200)
    three = lying(TRAFFIC, two, cars=300)
    undone = lying(TRAFFIC, three, cars=200)
    again = back("go back", undone)
    assert again is not None
    assert again.values["cars"] == 100
    first = back("回到最初的样子", three)
    assert first is not None
    assert first.values["cars"] == 100


@pytest.mark.parametrize(
    "text",
    [
        "make it blue",
        "faster",
        "颜色换成红色",
        "再慢一点",
        "a backwards clock",
        "bring back the rain",
        "间距变成原来的三倍",
        "换成归并排序",
    ],
)
def test_other_changes_go_nowhere(text: str) -> None:
    assert back(text, lying(HEART, lying(HEART))) is None
    assert compare(text, lying(HEART, lying(HEART))) is None


@pytest.mark.parametrize("text", ["go back", "compare both", "两个对比一下"])
def test_where_nothing_lay_before_it_is_said(text: str) -> None:
    with pytest.raises(PlanningError, match="Nothing lay on the table before"):
        back(text, lying(HEART)) or compare(text, lying(HEART))


@pytest.mark.parametrize(
    "text",
    [
        "compare both",
        "compare the two",
        "show them side by side",
        "put both next to each other",
        "side by side with the previous one",
        "把两次放一块儿比比",
        "跟上一次比一比",
        "把两个结果对比一下",
        "有什么区别？",
    ],
)
def test_comparing_tells_both_answers_and_what_differs(text: str) -> None:
    first = lying(TRAFFIC, cars=100)
    second = lying(TRAFFIC, first, cars=300)
    proposal = compare(text, second)
    assert proposal is not None
    assert "There are {'cars': 100}." in proposal.plan.answer.text("en", {})
    assert "Cars 300" in proposal.plan.interpretation.text("en", {})
    assert "车辆数 100" in proposal.plan.interpretation.text("zh", {})
    assert proposal.plan.origin == "composed"


def test_numbers_that_both_have_are_put_side_by_side() -> None:
    from dataclasses import replace

    first = replace(
        lying(TRAFFIC, cars=100), quantities={"speed": Quantity(value=40.0, unit="km/h")}
    )
    second = replace(
        lying(TRAFFIC, first, cars=300),
        quantities={"speed": Quantity(value=12.5, unit="km/h"), "note": Quantity(value="slow")},
    )
    proposal = compare("compare both", second)
    assert proposal is not None
    assert proposal.plan.steps[0].arguments["numbers"] == {"speed": [40.0, 12.5, "km/h"]}
    assert proposal.plan.labels == {
        "speed_before": Words(en="Speed (before)", zh="速度（之前）"),
        "speed_now": Words(en="Speed (now)", zh="速度（现在）"),
    }
