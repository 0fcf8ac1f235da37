"""Words and numbers that a plan has no use for keep it from being called verified."""

from __future__ import annotations

import pytest

from intentos.planners import recall
from intentos.planners.accounting import left_out
from intentos.planners.library import builtin_folder, read_recipe
from intentos.planners.linking import link
from intentos.registry import Registry

from .plans import knob


@pytest.mark.parametrize(
    ("recipe", "text", "accounted"),
    [
        ("pendulum", "a pendulum of 2 m", True),
        ("loan", "monthly payment of a loan of 300000 at 4 percent over 30 years", True),
        ("prime_count", "count the primes below 1000", True),
        ("prime_count", "1000以内有多少个素数", True),
        ("pendulum", "a pendulum twice as blurry", False),
        ("pendulum", "a pendulum without gravity", False),
        ("pendulum", "not a pendulum", False),
        ("city_traffic", "500 cars, half of them red", False),
        ("city_traffic", "city traffic with half as many trams", False),
        ("prime_count", "count the primes below 1000 except 7", False),
        ("prime_count", "how many primes are there below 1000, squared", False),
        ("birthday_problem", "probability that 3 of 23 people share a birthday", False),
        ("monte_carlo_pi", "estimate e with darts", False),
        ("heat_plate", "heat in a cube", False),
        ("ripples", "ripples in blue oil", False),
        # Nothing says whose the number is: it went to the only parameter that there is.
        ("prime_count", "primes 1000", False),
        ("loan", "贷款一百万，年利率4%，30年，提前5年还清", False),
    ],
)
async def test_what_was_said_must_have_ended_somewhere(
    recipe: str, text: str, accounted: bool, registry: Registry
) -> None:
    read = read_recipe(builtin_folder() / f"{recipe}.yaml")
    proposal = await recall.fill(text, read, registry, None)
    assert proposal.accounted is accounted, dict(proposal.values)


RATED = (
    knob("length", "Length", "长度", "long length 长", 1, minimum=0.01, maximum=1000, unit="m"),
    knob("rate", "Interest a year", "年利率", "interest 利率", 5, minimum=0, maximum=50, unit="%"),
    knob("customers", "Customers an hour", "每小时顾客数", "customers", 50, minimum=1, maximum=900),
    knob("dice", "Dice", "骰子数", "dice", 2, minimum=1, maximum=9, kind="integer"),
    knob("solid", "Solid", "实体", "solid 实体", False, kind="boolean"),
    knob("air", "Air", "空气", "air", "present", kind="choice", choices=("present", "absent"),
         choice_aliases={"absent": ("no air", "without air")}),
    knob("method", "Method", "方法", "method", "merge", kind="choice",
         choices=("merge", "bubble", "heap")),
)  # fmt: skip
ASKED = ("how long does a rope of 3 m swing", "interest of 4 % a year")
SAYS = "a rope of 3 m swings without friction; throw at least one die. bacteria double\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a length of 2 m", []),
        ("a rope of 2 m", []),  # the recipe itself is asked for with metres
        ("a customer of 30 minutes", ["30 minutes"]),
        ("4 % interest", []),
        ("0.5 % interest a month", ["0.5 %"]),
        ("2 customers a minute", []),
        ("20 customers a kilometre", ["20"]),
        ("a length of 2 m without friction", []),
        ("a length of 2 m without gravity", ["without gravity"]),
        ("长度2米，不计阻力", ["不计阻力"]),
        ("no air", []),
        ("no wind", ["no wind"]),
        ("at least 4 dice", []),
        ("more than 4 dice", ["more than"]),
        ("至少4 dice", ["至少"]),
        ("show bubble and merge", ["merge"]),
        ("by merging", []),
        ("a solid rope", ["solid"]),
        ("a very long rope", ["long"]),
        ("how long does it take", []),
        ("a rope 2 m long", []),
        ("x^3 - 2x with 3 dice", ["x^3 - 2x"]),
        ("a rope three times as long", []),
        ("bacteria double with 3 dice", []),
        ("3 dice doubled", ["doubled"]),
        ("a length of 2 m and 3 m", ["3 m"]),
        ("length 2 kg", ["2 kg"]),
        ("7", ["7"]),
    ],
)
def test_what_is_left_out_is_named(text: str, left: list[str]) -> None:
    links = link(text, RATED, context=SAYS)
    recall._factors(text, RATED, links)
    assert left_out(text, RATED, links, context=SAYS, phrasings=ASKED) == left


def test_what_a_model_put_there_is_not_what_was_said() -> None:
    links = link("throw dice", RATED, context=SAYS)
    links.values["dice"] = 5
    assert left_out("throw dice", RATED, links, context=SAYS) == ["dice"]
    links = link("throw 5 dice", RATED, context=SAYS)
    links.taken.clear()  # as where a model has read the same number again
    assert left_out("throw 5 dice", RATED, links, context=SAYS) == []


def test_a_factor_that_a_range_has_clipped_is_left_out() -> None:
    text = "ten times as long"
    short = (knob("length", "Length", "长度", "long length", 1, minimum=0.1, maximum=2, unit="m"),)
    links = link(text, short)
    recall._factors(text, short, links)
    assert links.values == {"length": 2}
    assert "ten times" in left_out(text, short, links)


@pytest.mark.parametrize(
    ("recipe", "text", "accounted"),
    [
        ("pendulum", "what is the period of a pendulum of 2 metres", True),
        ("pendulum", "pendulum of 1 m and one of 2 m", False),
        ("pendulum", "摆长5庹的单摆", False),
        ("pendulum", "a pendulum of 2 kg", False),
        ("pendulum", "a pendulum of 2 m per second", False),
        ("loan", "loan of 300000 at 0.5 percent a month over 30 years", True),
        ("loan", "月利率0.4%，贷款30万，20年", True),
        ("sorting", "show merge sort", True),
        ("sorting", "show merge sort and bubble sort", False),
        ("klein_bottle", "a solid Klein bottle", False),
        ("date_difference", "days between 3 May and 9 June", False),
        ("quadratic_equation", "solve 3x^2 + 4x - 7 = 0", True),
        ("quadratic_equation", "solve x^3 - 6x + 1 = 0", False),
        ("coin_flips", "probability of more than 60 heads in 100 flips", False),
        ("coin_flips", "抛10次硬币，恰好7次正面的概率", True),
        ("coin_flips", "抛10次硬币，恰好7次反面的概率", False),
        ("dice_sum", "五个骰子掷出3个六", False),
        ("lottery_odds", "30选4的概率", False),
        ("exponential_growth", "bacteria that double every day, after 12 days", True),
        ("exponential_growth", "bacteria, once a week more of them, after 12 days", False),
    ],
)
async def test_no_recipe_is_verified_that_missed_something(
    recipe: str, text: str, accounted: bool, registry: Registry
) -> None:
    read = read_recipe(builtin_folder() / f"{recipe}.yaml")
    proposal = await recall.fill(text, read, registry, None)
    assert proposal.accounted is accounted, dict(proposal.values)
