"""Two runs beside each other: what was set differently, and what came of it."""

from __future__ import annotations

import json

from nicegui.testing import User

from intentos.store import Store
from intentos.types import Quantity
from intentos.ui.compare import change, differences, number_rows, parameter_rows
from intentos.ui.desk import Desk

from .records import TALK, plan_of, png, record
from .test_result_card import only, press, text_of


def test_a_change_is_a_difference_and_a_share() -> None:
    assert change(Quantity(value=4), Quantity(value=5)) == "+1 (+25 %)"
    assert change(Quantity(value=2.0, unit="m"), Quantity(value=1.0, unit="m")) == "−1 (−50 %)"
    assert change(Quantity(value=-2), Quantity(value=2)) == "+4 (+200 %)"
    assert change(Quantity(value=0), Quantity(value=3)) == "+3"  # of nothing there is no share
    assert change(Quantity(value=1, unit="m"), Quantity(value=2, unit="s")) == ""
    assert change(Quantity(value="a"), Quantity(value="b")) == ""
    assert change(Quantity(value=float("nan")), Quantity(value=1.0)) == ""
    assert change(None, Quantity(value=1)) == ""


def test_runs_of_one_plan_differ_in_values_and_numbers(settings: object) -> None:
    store = Store(settings)  # type: ignore[arg-type]
    plan = plan_of()
    left = record(store, plan=plan, numbers={"mean": Quantity(value=1.0, unit="m")})
    right = record(
        store, plan=plan, values={"speed": 2.5},
        numbers={"mean": Quantity(value=1.5, unit="m"), "more": Quantity(value=3)},
    )  # fmt: skip
    speed = next(row for row in parameter_rows(left, right, "zh") if not row.same)
    assert (speed.name, speed.left, speed.right) == ("速度", "1 m/s", "2.5 m/s")
    assert speed.change == "+1.5 (+150 %)"
    assert parameter_rows(left, left, "zh")[0].change == ""
    assert parameter_rows(left, right, "en")[-1].change == ""  # a seed is no amount
    mean, more = number_rows(left, right, "en")
    assert [row.name for row in number_rows(left, right, "zh")] == ["平均值", "more"]
    assert (mean.left, mean.right, mean.change) == ("1 m", "1.5 m", "+0.5 (+50 %)")
    assert (more.left, more.right, more.change) == ("—", "3", "")
    assert differences(left, right) == []
    other = record(store, plan=plan_of(code="report('mean', 4)"))
    (section,) = differences(left, other)
    assert "-report('mean', 3.5)" in section.lines
    assert "+report('mean', 4)" in section.lines


def test_units_that_are_words_are_said_in_the_windows_language(settings: object) -> None:
    store = Store(settings)  # type: ignore[arg-type]
    numbers = {"grown": Quantity(value=12, unit="people/day")}
    parameter = plan_of().parameters[0].model_copy(update={"unit": "years"})
    plan = plan_of().model_copy(update={"parameters": (parameter,)})
    run = record(store, plan=plan, numbers=numbers)
    assert parameter_rows(run, run, "zh")[0].left == "3 年"
    assert parameter_rows(run, run, "en")[0].right == "3 years"
    assert number_rows(run, run, "zh")[0].left == "12 人/天"


async def test_two_runs_of_a_conversation_are_shown_in_step(user: User, desk: Desk) -> None:
    plan = plan_of()
    numbers = {"mean": Quantity(value=1.0)}
    left = record(desk.store, plan=plan, files={"p.png": (png(), "image/png")}, numbers=numbers)
    right = record(
        desk.store, plan=plan, values={"speed": 2.5}, parent=left.id,
        files={"p.png": (png(9), "image/png")}, numbers=numbers,
    )  # fmt: skip
    record(desk.store, plan=plan, talk="alone")
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="compare")
    later = sorted(user.find(marker="compare").elements, key=lambda e: e.id)[-1]
    press(user, later)
    await user.should_see(marker=f"compare-{left.id}")
    user.find(marker=f"compare-{left.id}").click()
    await user.should_see(marker="pair")
    options = json.loads(only(user, "pair").props["options"])
    assert [options[side]["run"] for side in ("left", "right")] == [left.id, right.id]
    told = text_of(only(user, "compare-parameters"))
    assert "1 m/s" in told
    assert "2.5 m/s" in told
    assert "1 numbers alike" in text_of(only(user, "compare-numbers"))
    assert not only(user, "knobs").is_deleted
    user.find(marker="leave-comparison").click()
    await user.should_not_see(marker="pair")
    await user.should_see(marker="knobs")

    await user.open("/c/alone")
    user.find(marker="compare").click()
    await user.should_see(marker="nothing-to-compare")
