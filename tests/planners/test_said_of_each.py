"""Numbers that are names, rates, rhythms, sides or said of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from intentos import config
from intentos.errors import IntentOSError
from intentos.planners import numbers
from intentos.planners.complete import complete_first
from intentos.planners.library import Library, Recipe
from intentos.planners.likelihood import linked
from intentos.planners.search import Hit
from intentos.registry import Registry


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cart 1 of 3 kg hits cart 2 of 5 kg", [(3, "kg"), (5, "kg")]),
        ("add 1 cup, then add 2 cups", [(1, ""), (2, "")]),
        ("双十一原价300的鞋打八折", [(300, ""), (80, "%")]),
        ("a 12v adapter and a 40w bulb", [(12, "V"), (40, "W")]),
        ("our van drinks 8.2 litres per 100 km", [(8.2, "l/100km")]),
        ("一百公里烧6.5升", [(6.5, "l/100km")]),
        ("ran a 5k in 24 minutes 15", [(5, "km"), (24.25, "min")]),
        ("完赛用了3小时45。", [(3.75, "h")]),
        ("run 10k simulations", [(10000, "")]),
        ("绕操场七圈半", [(7.5, "")]),
        ("动车时速二百五，跑了两小时", [(250, "km/h"), (2, "h")]),
        ("车开到110码会罚款吗", [(110, "km/h")]),
        ("买3码布", [(3, "yard")]),
        ("at least one six with 3 dice", [(3, "")]),
        ("twenty five and two thousand six", [(25, ""), (2006, "")]),
        ("from 2pm till it ended at 9 at night", [(14, "o'clock"), (21, "o'clock")]),
    ],
)
def test_numbers_are_read_as_people_say_them(text: str, said: list[tuple[float, str]]) -> None:
    mentions = [m for m in numbers.read(text) if m.kind == "number"]
    assert [m.unit.symbol if m.unit else "" for m in mentions] == [unit for _, unit in said]
    assert [m.number for m in mentions] == pytest.approx([value for value, _ in said])


def test_monthly_payments_make_no_monthly_rate() -> None:
    (rate,) = [m for m in numbers.read("6.5% apr, monthly payments") if m.unit is not None]
    assert rate.per is None


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(Registry(), config.load())


def _values(text: str, recipe: Recipe) -> dict[str, object]:
    return dict(linked(text, recipe).values)


@pytest.mark.parametrize(
    ("recipe", "text", "values"),
    [
        # So many, and so much each.
        ("lifting_work", "work to get 15 kg up 6 flights, each flight is 3 m", {"height": 18.0}),
        ("foot_pressure", "一头3吨的牛，一只脚150平方厘米，四只脚站着", {"area": 600.0}),
        ("foot_pressure", "70 kg on soles of 300 cm² altogether, 2 shoes", {"area": 300.0}),
        # Two sides make the area that a plan has a place for.
        ("bricks_and_concrete", "concrete for a 4 m x 2.5 m base, 10 cm thick", {"area": 10.0}),
        # A constant in thousandths.
        ("heater_time", "1 kW heater, 2 kg of water from 20 to 60 °C, heat capacity 4180",
         {"capacity": 4.18}),
        # How often in how long.
        ("wave_speed", "12 waves pass in 8 seconds, 3 m from crest to crest",
         {"frequency": 1.5, "wavelength": 3.0}),
        ("wave_speed", "20秒内经过了5个波峰，波长4米", {"frequency": 0.25, "wavelength": 4.0}),
        # One at so much, one at so much.
        ("meeting_trains", "相距200公里，一辆60一辆90码，几小时相遇",
         {"first": 60.0, "second": 90.0}),
        # What is over says nothing of what follows.
        ("loan", "首付之后还差80万，贷20年，利率3%", {"amount": 800000.0, "years": 20.0}),
        # What is said of a litre is no volume; the start is said before the end.
        ("fuel_cost", "500 km at 7 l per 100 km, diesel 1.65 a litre",
         {"distance": 500.0, "consumption": 7.0, "price": 1.65}),
        ("yearly_growth_time", "village of 900 growing 3% a year, when does it hit 2500",
         {"start": 900.0, "later": 2500.0}),
        ("coupon_price", "coat was 120, 40% off and a voucher for 15, what do I pay",
         {"original": 120.0, "off": 40.0, "coupon": 15.0}),
        # "One slice" is not the number of slices.
        ("equal_slices", "tart 28 cm across in 7 same slices, how many cm² is one slice",
         {"slices": 7, "find": "area"}),
    ],
)  # fmt: skip
def test_they_end_where_they_belong(
    library: Library, recipe: str, text: str, values: dict[str, object]
) -> None:
    got = _values(text, next(r for r in library.all() if r.id == recipe))
    assert {name: got.get(name) for name in values} == values


def test_a_bare_number_is_no_percentage_beside_one(library: Library) -> None:
    recipe = next(r for r in library.all() if r.id == "double_discount")
    got = _values("bag 60, 20% off, and then another 12 off", recipe)
    assert 12.0 not in (got.get("first"), got.get("second"))


def test_what_reads_every_number_goes_before_what_leaves_one_out(library: Library) -> None:
    recipes = {recipe.id: recipe for recipe in library.all()}
    text = "pendulum that swings back and forth in 3 seconds, how long is it"
    film = Hit(recipes["pendulum"], 0.6, chance=0.8, left=1)
    law = Hit(recipes["pendulum_length"], 0.5, chance=0.15, complete=True)
    assert complete_first(text, [film, law])[0].recipe is law.recipe
    unlikely = replace(law, chance=0.02)
    assert complete_first(text, [film, unlikely]) == [film, unlikely]
    partial = replace(law, complete=False)
    assert complete_first(text, [film, partial]) == [film, partial]


@pytest.mark.parametrize(
    "text",
    [
        "skater 1 skater 2 " * 400,
        "每平方米" * 3000 + "3块",
        "each " * 4000 + "4.2 m",
        "4 walls " * 500 + "each 2 m",
        "时速" + "一" * 1000,
        "5 waves in " * 300 + "3 s",
        "一辆70" * 400 + "一辆80码车",
        "12圈半" * 500,
    ],
)
def test_long_text_is_read_in_time(library: Library, text: str) -> None:
    numbers.read(text)
    for recipe in (r for r in library.all() if r.id in ("wave_speed", "lifting_work")):
        try:
            _values(text, recipe)
        except IntentOSError:
            pass
