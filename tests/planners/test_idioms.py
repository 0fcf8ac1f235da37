"""What is said as a whole: sides of a box, two times of day, "all five", what is not there."""

from __future__ import annotations

import pytest

from intentos.parameters import Parameter
from intentos.planners import numbers, recall
from intentos.planners.library import Recipe, builtin_folder, read_recipe
from intentos.planners.linking import link
from intentos.planners.search import Hit

from .plans import knob


def recipe(name: str) -> Recipe:

    return read_recipe(builtin_folder() / f"{name}.yaml")


BOX = (
    knob("length", "Length", "长", "long 长", 1, minimum=0, maximum=100, unit="m"),
    knob("width", "Width", "宽", "wide 宽", 1, minimum=0, maximum=100, unit="m"),
    knob("depth", "Depth", "深", "deep 深", 1, minimum=0, maximum=100, unit="m"),
)
STONES = (
    *BOX[:2],
    knob("tile_length", "Stone", "砖长", "stone 砖", 30, minimum=0, maximum=500, unit="cm"),
    knob("tile_width", "Stone width", "砖宽", "砖宽", 20, minimum=0, maximum=500, unit="cm"),
)
CHASE = (
    knob("start", "Head start", "早出发", "later earlier 早 后", 1, minimum=0, unit="h"),
    knob("slow", "First", "先", "first leaves 先", 40, minimum=0, maximum=400, unit="km/h"),
)
TRIES = (
    knob("tries", "Tries", "次数", "tries 次", 10, kind="integer", minimum=1, maximum=100),
    knob("hits", "Hits", "中", "hits 中", 1, kind="integer", minimum=0, maximum=100),
    knob("chance", "Chance", "概率", "chance makes 概率", 0.5, minimum=0, maximum=1),
)
SLOPE = (
    knob("friction", "Friction", "摩擦系数", "friction 摩擦", 0.2, minimum=0, maximum=2),
    knob("angle", "Angle", "倾角", "angle 倾角", 20, minimum=0, maximum=90, unit="deg"),
)


@pytest.mark.parametrize(
    ("text", "knobs", "values"),
    [
        ("a bed 1.8 m by 90 cm, 30 cm deep", BOX, {"length": 1.8, "width": 0.9, "depth": 0.3}),
        ("a crate of 3 m × 2 m × 50 cm", BOX, {"length": 3, "width": 2, "depth": 0.5}),
        ("5米乘4米的坑", BOX, {"length": 5, "width": 4}),
        (
            "20 cm x 10 cm stones for a yard of 6 m x 4 m",
            STONES,
            {"length": 6, "width": 4, "tile_length": 20, "tile_width": 10},
        ),
        ("it leaves at 8:10, I go later at 8:25", CHASE, {"start": 0.25}),
        ("she makes 80% and hits all five", TRIES, {"tries": 5, "hits": 5, "chance": 0.8}),
        ("a slope of 30 degrees without friction", SLOPE, {"friction": 0, "angle": 30}),
        ("30度的坡，没摩擦", SLOPE, {"friction": 0, "angle": 30}),
        ("a frictionless slope of 12 degrees", SLOPE, {"friction": 0, "angle": 12}),
    ],
)
def test_a_whole_is_read_as_one(
    text: str, knobs: tuple[Parameter, ...], values: dict[str, float]
) -> None:
    links = link(text, knobs)
    assert {name: round(float(value), 9) for name, value in links.values.items()} == values
    assert links.unused == []
    assert links.guessed == []


def test_one_that_counts_the_next_number_is_none() -> None:
    paint = (
        knob("paint", "Paint", "油漆", "paint 漆", 5, minimum=0, unit="l"),
        knob("coats", "Coats", "遍数", "coats 遍", 1, minimum=0),
    )
    links = link("一桶漆18升，1升能刷9平方米，要刷两遍", paint)
    assert links.values == {"paint": 18, "coats": 2}
    assert [m.text for m in links.unused] == ["9平方米"]


def test_a_box_of_twenty_is_twenty() -> None:
    assert [m.number for m in numbers.read("一箱20个灯泡")] == [20]
    assert [m.number for m in numbers.read("一箱灯泡")] == [1]


@pytest.mark.parametrize(
    ("text", "unit"),
    [("限速120，我开110", "km/h"), ("开3个灯", None), ("跑到25岁", None), ("drive at 50", None)],
)
def test_what_is_driven_is_a_speed(text: str, unit: str | None) -> None:
    read = numbers.read(text)[-1].unit
    assert (read.symbol if read and read.dimension == "speed" else None) == unit


def test_a_number_takes_the_unit_of_one_that_is_led_alike() -> None:
    speeds = (
        knob("first", "First half", "前半", "half", 10, minimum=0, maximum=300, unit="km/h"),
        knob("second", "Second half", "后半", "half", 10, minimum=0, maximum=300, unit="km/h"),
    )
    links = link("half at 80 km/h, half at 120.", speeds)
    assert links.values == {"first": 80, "second": 120}


def test_a_molar_mass_is_no_mass() -> None:
    mass = (
        knob("mass", "Mass", "质量", "mass 质量", 1, minimum=0, unit="g"),
        knob("moles", "Moles", "物质的量", "摩尔 moles", 1, minimum=0),
    )
    assert "moles" not in link("5.85克，摩尔质量58.5", mass).values


def test_words_of_many_phrasings_make_no_wish_of_a_recipe() -> None:
    ball = recipe("thrown_ball")
    assert not recall.aside("throw a ball", Hit(ball, score=0.3))
    assert recall.aside("a catapult hurls pumpkins", Hit(ball, score=0.3))
    assert not recall.aside("a catapult hurls pumpkins", Hit(ball, score=0.9))


def test_alike_candidates_do_not_take_the_chance_from_each_other() -> None:
    one, other = recipe("thrown_ball"), recipe("free_fall")
    shared = [Hit(one, 0.5, 9, 0.36), Hit(other, 0.5, 9, 0.34, whole=True), Hit(one, 0, 0, 0.2)]
    assert recall.without_model(shared) is other
    assert recall.without_model([Hit(one, 0.5, 9, 0.36), Hit(other, 0.5, 9, 0.1)]) is None
    assert recall.without_model([Hit(one, 0.5, 9, 0.36, whole=True)]) is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("mean catch of the boats please: 62, 48, 55.5", True),
        ("the lambs weigh 4 5.5 3 4.2 kilos, median?", True),
        ("一周卖出的灯笼 3、8、5、9，中位数", True),
        ("correlation and mean of 1, 2, 3 and 4, 5, 6", False),
        ("weighted mean of 3, 4, 5", False),
        ("take 62, 48, 55.5", False),
        ("平均速度 3, 4, 5", False),
    ],
)
def test_a_statistic_of_one_list_is_told_whatever_was_counted(text: str, taken: bool) -> None:
    summary, ball = recipe("data_summary"), recipe("thrown_ball")
    hits = [Hit(ball, 0.1, 3, 0.2)]
    assert (recall.decisive(recall.summarised(text, hits, [summary, ball])) is summary) is taken
    likely = [Hit(ball, 0.1, 3, 0.5)]
    assert recall.summarised(text, likely, [summary, ball]) == likely


def test_a_formula_that_draws_random_numbers_is_sampled() -> None:
    samples, ball = recipe("formula_samples"), recipe("thrown_ball")
    both = [Hit(ball, 0.1, 3, 0.2), Hit(samples, 0.1, 2, 0.1)]
    text = "y = x + randn() over 1000 samples"
    assert recall.decisive(recall.sampled(text, both, [samples, ball])) is samples
    assert recall.sampled("y = x + 2", both, [samples, ball]) == both
    likely = [Hit(ball, 0.1, 3, 0.5)]
    assert recall.sampled(text, likely, [samples, ball]) == likely
