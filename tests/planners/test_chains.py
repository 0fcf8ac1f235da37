"""So many of these, so much for each, so often: the one product that has the wanted unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.chains import chain, chain_of
from intentos.planners.law import FIND
from intentos.registry import Registry

HELD = [
    ("I have 3 cats that each eat 70 g twice a day, how many days does a 5 kg bag last?", 11.90476),
    ("一箱牛奶24盒，一家四口每人每天喝一盒，几天喝完", 6),
    ("30 people eat 2 eggs each, eggs come in boxes of 12, how many boxes do I need", 5),
    ("一辆车坐5个人，23个人要几辆车", 4.6),
    ("a tap drips 2 drops a second, 20 drops are 1 ml, how many litres a day", 8.64),
    ("12支铅笔一盒，每盒8元，买60支要多少钱", 40),
    ("a printer prints 15 pages a minute, how many minutes for 3 books of 250 pages each", 50),
    ("每人每天喝2升水，40个人喝一周，要多少升", 560),
    ("a pack of 6 beers costs 4.50, how much for 24 beers", 18),
    ("每页600字，一本书300页，一分钟读400字，要读几小时", 7.5),
    ("8 classes with 30 pupils each, how many pupils", 240),
    ("each box holds 12 bottles, how many boxes for 144 bottles", 12),
    ("一瓶药100片，每天吃3次，每次2片，几天吃完", 16.66667),
    ("a worker packs 30 boxes an hour, there are 6 workers, how many boxes in half an hour", 90),
    ("一头牛一天吃20公斤草，5头牛，1000公斤草够吃几天", 10),
    ("a car uses 6 l per 100 km and petrol costs 1.25 per litre, how much for 50 km", 3.75),
    ("my heart beats 70 times a minute, how many beats in half a minute", 35),
    ("每棵树结30公斤苹果，卖2元一公斤，一棵树多少钱", 60),
    ("a factory makes 50 chairs an hour for 8 hours a day over 3 days, how many chairs", 1200),
    ("500 g of flour are for 4 people, how much flour for 20 people in kg", 2.5),
]


@pytest.mark.parametrize(("text", "expected"), HELD)
def test_the_one_product_with_the_wanted_unit_is_found(text: str, expected: float) -> None:
    read = chain_of(text)
    assert read is not None
    assert read.result == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "twice as many apples as 12 pears, how many apples",
        "a bag of 5 kg and a bag of 3 kg, how many kg",
        "20% of 50 people, how many people",
        "4 workers need 6 days, how long for 8 workers",
        "if 3 painters take 4 days, how many painters finish in 2 days",
        "how long in a 1000 W oven if 3 minutes at 750 W are right",
        "a tank of 200 l fills at 10 l/min and leaks 2 l/min, how long",
        "240米的路每隔6米种一棵树，两端都种，一共几棵",
        "每人发3本书，一共几本书",
        "鸡兔同笼，35个头，94只脚，鸡几只",
        "how many people will be sick after 30 days if 5 of 1000 are infected and each infects 2",
        "一个骰子扔3次，至少一次6点的概率",
        "simulate 500 cars at 60 km/h on 3 lanes",
        "rectangle 3 m by 4 m, how many square metres",
        "how many days are in 3 years and 2 months",
        "why is the sky blue",
        "how many red balls",
    ],
)
def test_what_is_no_single_product_is_left_alone(text: str) -> None:
    assert chain_of(text) is None


def test_the_plan_tells_the_product_and_its_numbers_are_knobs() -> None:
    proposal = chain(HELD[0][0], Registry())
    assert proposal is not None
    plan = proposal.plan
    told = plan.interpretation.text("en", proposal.values)
    assert told == "Take 5 kg ÷ (3 cats × 70 g per cat × 2 per day)."
    assert [p.default for p in plan.parameters if p.name != FIND][1:] == [3, 70, 2, 5]
    assert proposal.values[FIND] == "wanted"
    assert proposal.values["wanted"] == pytest.approx(11.90476, rel=1e-5)
    assert not proposal.accounted


def test_a_short_chain_is_taken_only_where_it_is_asked_for() -> None:
    text = "8 classes with 30 pupils each, how many pupils"
    assert chain(text, Registry()) is not None
    assert chain(text, Registry(), fewest=3) is None


@given(st.integers(1, 10_000), st.integers(2, 500), st.integers(2, 90))
def test_boxes_follow_from_people_and_eggs(people: int, eggs: int, box: int) -> None:
    read = chain_of(f"{people} people eat {eggs} eggs each, a box of {box} eggs, how many boxes")
    if people == 1:
        return  # "1 people" says no more than an article
    assert read is not None
    assert read.result == pytest.approx(people * eggs / box)


@given(st.text("每一个人天盒 3.5kgaeachhowmanypr,，?几多少", max_size=40))
def test_any_text_is_read_or_left_alone(text: str) -> None:
    read = chain_of(text)
    assert read is None or read.result > 0
