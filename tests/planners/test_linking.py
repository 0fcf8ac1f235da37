"""What was said finds its parameter: by unit, by word, by range."""

from __future__ import annotations

import pytest

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.planners.giving import give_rest
from intentos.planners.library import builtin_folder, read_recipe
from intentos.planners.linking import link
from intentos.types import Words

from .plans import HEART, HEAT, TRAFFIC, knob


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("simulate the traffic of a city with 500 cars", {"cars": 500}),
        ("120 cars at 30 mph", {"cars": 120, "limit": 48.28032}),
        ("120辆车，限速80公里每小时", {"cars": 120, "limit": 80}),
        ("一千两百辆车", {"cars": 1200}),
        ("set the speed limit to 90", {"limit": 90}),
        ("a limit of 60 for two hundred vehicles", {"limit": 60, "cars": 200}),
    ],
)
def test_numbers_of_traffic(text: str, values: dict[str, object]) -> None:
    links = link(text, TRAFFIC.parameters)
    assert links.values == values
    assert links.unused == []


def test_units_are_converted_to_the_parameters() -> None:
    assert link("a corner at 500 K", HEAT.parameters).values == {"temperature": 226.85}
    assert link("热角300度", HEAT.parameters).values == {"temperature": 300}


def test_colours_go_to_the_thing_they_stand_beside() -> None:
    text = "a green heart on a white background with 50k points"
    assert link(text, HEART.parameters).values == {
        "colour": "#22a447", "background": "#ffffff", "points": 50_000, "shape": "heart",
    }  # fmt: skip
    assert link("改成绿色，背景白色", HEART.parameters).values == {
        "colour": "#22a447", "background": "#ffffff",
    }  # fmt: skip
    assert link("a blue one", HEART.parameters).values == {"colour": "#1f6feb"}


def test_a_number_that_fits_nowhere_is_left_over() -> None:
    links = link("traffic with 300 cars and 7 zebras", TRAFFIC.parameters)
    assert links.values == {"cars": 300}
    assert [m.text for m in links.unused] == ["7"]


def test_a_number_in_the_recipes_own_name_is_accounted_for() -> None:
    text = "two galaxies with 300 cars"
    assert link(text, TRAFFIC.parameters).unused != []
    assert link(text, TRAFFIC.parameters, context="Two galaxies collide").unused == []


def test_out_of_range_names_the_range() -> None:
    with pytest.raises(ValueOutOfRange, match="1 to 5000"):
        link("traffic with 9000 cars", TRAFFIC.parameters)


def test_a_length_is_no_speed() -> None:
    assert link("drive 60 km", TRAFFIC.parameters).values == {}


@pytest.mark.parametrize(
    ("recipe", "text", "values"),
    [
        ("linear_system", "solve 2x + 3y = 8 and x - y = 1",
         {"equations": "2x + 3y = 8; x - y = 1"}),
        ("matrix_product", "multiply [[1,2],[3,4]] by [[5,6],[7,8]]",
         {"left": "1 2; 3 4", "right": "5 6; 7 8"}),
        ("correlation", "correlation of 1,2,3,4 and 2,4,6,9", {"data": "1, 2, 3, 4; 2, 4, 6, 9"}),
        ("function_plot", "plot x^2 - 3x from -2 to 5",
         {"formula": "x^2 - 3x", "low": -2, "high": 5}),
        ("definite_integral", "对 x^2 在0到3之间积分", {"formula": "x^2", "low": 0, "high": 3}),
        ("data_summary", "the mean of 3, 5 and 10", {"data": "3, 5, 10"}),
        ("rc_circuit", "a 10 kΩ resistor and a 47 µF capacitor at 12 V",
         {"resistance": 10_000, "capacitance": 47, "voltage": 12}),
        ("voronoi", "40 wells on a map", {"points": 40}),
    ],
)  # fmt: skip
def test_formulas_lists_ranges_and_units_find_their_knobs(
    recipe: str, text: str, values: dict[str, object]
) -> None:
    knobs = read_recipe(builtin_folder() / f"{recipe}.yaml").parameters
    assert link(text, knobs).values == values


@pytest.mark.parametrize("text", ["show rule 110 on 64×64", "画规则110，64列", "110号规则，64列"])
def test_choices_with_digits_in_their_names_are_read_as_names(text: str) -> None:
    knobs = read_recipe(builtin_folder() / "rule_30.yaml").parameters
    links = link(text, knobs)
    assert links.values == {"rule": 110, "columns": "64"}
    assert links.unused == []


def test_one_of_something_is_no_number_of_it() -> None:
    wolves = read_recipe(builtin_folder() / "predator_prey.yaml").parameters
    assert "rabbits" not in link("画一个兔子与狐狸的模型", wolves).values


def test_a_colour_that_is_counted_is_a_word_for_its_number() -> None:
    urn = [
        Parameter(
            name=name, label=Words(en=name, zh=zh), kind="integer", default=1, minimum=0,
            maximum=99, aliases=(name, zh),
        )
        for name, zh in (("red", "红"), ("white", "白"))
    ]  # fmt: skip
    links = link("a bag of 7 red and 2 white marbles", urn)
    assert links.values == {"red": 7, "white": 2}
    assert links.left == []


def test_a_metal_is_no_colour() -> None:
    metal = Parameter(
        name="metal", label=Words(en="Metal", zh="金属"), kind="choice", default="iron",
        choices=("iron", "gold"), choice_aliases={"gold": ("gold", "金")},
    )  # fmt: skip
    links = link("a ring of gold", [metal])
    assert links.values == {"metal": "gold"}
    assert links.left == []


def test_a_count_is_no_percentage() -> None:
    chance = Parameter(
        name="chance", label=Words(en="Chance of a hit", zh="命中的概率"), default=50.0, minimum=1,
        maximum=99, unit="%", aliases=("hits", "命中"),
    )  # fmt: skip
    assert link("投篮，8次命中", [chance]).values == {}
    assert link("命中的概率是80", [chance]).values == {"chance": 80}


def test_a_verb_makes_no_range_error_of_what_comes_of_it() -> None:
    rolls = Parameter(
        name="rolls", label=Words(en="Rolls", zh="次数"), kind="integer", default=5000,
        minimum=1000, maximum=9000, aliases=("rolls", "roll", "掷", "次"),
    )  # fmt: skip
    assert link("掷出个12来", [rolls]).values == {}
    with pytest.raises(ValueOutOfRange):
        link("12 rolls", [rolls])


def test_the_upper_end_of_a_range_is_the_limit() -> None:
    limit = Parameter(
        name="limit", label=Words(en="Limit", zh="上限"), kind="integer", default=1000, minimum=10,
        maximum=10**6,
    )  # fmt: skip
    whole = link("squares between 1 and 400", [limit])
    assert whole.values == {"limit": 400}
    assert whole.unused == []
    assert [m.value for m in link("从50到400", [limit]).unused] == [50]


def test_a_plan_that_knows_the_worlds_keeps_its_gravity() -> None:
    knobs = read_recipe(builtin_folder() / "free_fall.yaml").parameters
    assert link("a hammer falls on the moon", knobs).values == {"world": "moon"}


WAIT = (knob("span", "Span", "时段", "span 时段", 30, unit="min", maximum=1e6),)
KIN = tuple(
    Parameter(
        name=name, label=Words(en=f"Blood type of the {name}", zh=zh), kind="choice", default="O",
        choices=("O", "A", "AB"),
        choice_aliases={
            "O": (f"{name} is O",), "A": (f"{name} is A",), "AB": (f"{name} is AB",),
        },
    )
    for name, zh in (("mum", "妈妈"), ("dad", "爸爸"))
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("从12点到1点之间", 60), ("between noon and one", 60), ("from 9 am to 5 pm", 480),
     ("八点半到十点", 90)],
)  # fmt: skip
def test_two_times_of_day_are_the_time_between_them(text: str, minutes: float) -> None:
    assert link(text, WAIT).values == {"span": minutes}


def test_words_of_a_choice_stand_in_one_clause() -> None:
    assert link("mum is AB, dad is O", KIN).values == {"mum": "AB", "dad": "O"}
    assert link("the mum is of type A, dad is AB", KIN).values == {"mum": "A", "dad": "AB"}


PIPE = (
    knob("wide", "Width of the wide part", "粗处直径", "wide 粗", 3, unit="cm", maximum=1e6),
    knob("speed", "Speed", "流速", "flows 流速", 1, unit="m/s", maximum=1e6),
)
WIRES = (
    knob("first", "First resistor", "第一个电阻", "resistor 电阻", 10, unit="Ω", maximum=1e9),
    knob("second", "Second resistor", "第二个电阻", "resistor 电阻", 10, unit="Ω", maximum=1e9),
    knob("third", "Third resistor", "第三个电阻", "resistor 电阻", 0, unit="Ω", maximum=1e9),
)


@pytest.mark.parametrize("text", ["管子粗4厘米，水每秒走1.5米", "water in a wide pipe, 4 cm, "
                                  "makes 1.5 metres every second"])  # fmt: skip
def test_so_many_metres_every_second_are_a_speed(text: str) -> None:
    assert link(text, PIPE).values == {"wide": 4, "speed": 1.5}


@pytest.mark.parametrize(
    "text",
    ["1千欧和2.2千欧串联，2.2千欧那个上面几伏", "1 kΩ and 2.2 kΩ, what is across the 2.2 kΩ one?"],
)
def test_what_is_pointed_back_to_is_said_once(text: str) -> None:
    links = link(text, WIRES)
    assert links.values == {"first": 1000, "second": 2200}
    assert links.unused == []


def test_an_hour_is_no_number_of_cars_an_hour() -> None:
    flow = knob("flow", "Cars an hour", "每小时车数", "cars hour 小时", 900, maximum=1e6)
    links = link("一小时能过多少辆", (flow,))
    assert links.values == {}
    assert links.unused == []


SERIES = (
    knob("first", "First number", "首项", "first 首项", 1, maximum=1e6),
    knob("step", "Step", "公差", "step 公差", 1, maximum=1e6),
    knob("last", "Last number", "末项", "last 末项", 100, maximum=1e6),
)


def test_a_row_that_goes_on_is_told_by_its_beginning_and_end() -> None:
    assert link("2 + 4 + 6 + … + 60", SERIES).values == {"first": 2, "step": 2, "last": 60}
    upto = knob("n", "Up to", "乘到", "to 到", 10, kind="integer", minimum=1, maximum=10**6)
    for text in ("1乘2乘3一直乘到75", "1 times 2 times 3 and so on to 75"):
        links = link(text, (upto,))
        assert links.values == {"n": 75}
        assert links.unused == []


def test_per_cent_more_are_per_cent_where_nothing_is_there_to_change() -> None:
    gain = knob("gain", "Gain", "增幅", "gain 增幅 rent 房租", 3, unit="%", maximum=1000)
    assert link("the rent goes up, 5% more", (gain,), absolute=True).values == {"gain": 5}
    assert link("房租提高20%", (gain,), absolute=True).values == {"gain": 20}


PARTS = tuple(
    Parameter(
        name=name, label=Words(en=f"Part {name}", zh=f"{name}份"), kind="number", default=1,
        minimum=0, maximum=1e6, aliases=("ratio", "比"),
    )
    for name in ("a", "b", "c")
)  # fmt: skip
FRACTION = (
    knob("top", "Numerator", "分子", "numerator 分子", 1, kind="integer", minimum=0, maximum=10**6),
    knob("bottom", "Denominator", "分母", "denominator 分母", 7, kind="integer", minimum=1,
         maximum=10**6),
)  # fmt: skip
TWO_COLOURS = (
    knob("colour", "Colour", "颜色", "colour 颜色", "#ffffff", kind="colour"),
    knob("ground", "Background", "背景", "background 背景", "#000000", kind="colour"),
)


def test_a_ratio_is_given_part_by_part() -> None:
    assert link("in the ratio 2:3:5", PARTS).values == {"a": 2, "b": 3, "c": 5}
    assert link("按3比4分", PARTS[:2]).values == {"a": 3, "b": 4}


def test_a_fraction_is_numerator_and_denominator() -> None:
    assert link("3/7 as a decimal", FRACTION).values == {"top": 3, "bottom": 7}
    assert link("3/7写成小数", FRACTION).values == {"top": 3, "bottom": 7}


def test_two_colours_go_to_two_places_in_order() -> None:
    links = link("a gradient from blue to pink", TWO_COLOURS)
    assert links.values == {"colour": "#1f6feb", "ground": "#ff7ab6"}


def test_what_is_left_goes_to_what_nobody_has_said() -> None:
    alone = tuple(
        knob(name, f"{name.title()} alone", zh, f"{name} {zh}", 5, unit="h", maximum=1e6)
        for name, zh in (("first", "甲"), ("second", "乙"))
    )
    links = link("Ali first in 12 days, Bo in 8", alone)
    give_rest(links, [p for p in alone if p.name not in links.values])
    assert links.values == {"first": 288, "second": 192}
    assert [m.text for m in links.guessed] == ["8"]


def test_what_is_said_of_light_and_of_a_discount() -> None:
    share = knob("share", "Share of the speed of light", "光速的比例", "speed 速度", 0.5, maximum=1)
    assert link("a ship at 0.6 c", (share,)).values == {"share": 0.6}
    off = knob("off", "Discount", "优惠", "off 优惠", 20, unit="%", maximum=100)
    assert link("打七折", (off,)).values == {"off": 30}


def test_two_porters_are_no_two_newtons() -> None:
    force = knob("force", "Force", "力", "carry porters 抬", 100, unit="N", maximum=1e9)
    mass = knob("mass", "Mass", "质量", "carry load 重", 10, unit="kg", maximum=1e9)
    assert link("Two porters carry 45 kg", (force, mass)).values == {"mass": 45}


def test_minutes_are_plain_numbers_where_only_those_can_be_set() -> None:
    numbers = tuple(
        knob(name, name, name, "every", 6, kind="integer", minimum=1, maximum=10**6)
        for name in ("a", "b")
    )
    assert sorted(link("every 12 minutes and every 18 minutes", numbers).values.values()) == [
        12,
        18,
    ]


def test_a_word_between_two_numbers_speaks_of_the_one_behind_it() -> None:
    places = (
        knob("mean", "Mean", "平均", "mean average 平均 平均长", 50, maximum=1e6),
        knob("deviation", "Deviation", "标准差", "sd deviation 标准差", 5, maximum=1e6),
    )
    for text in ("mean 40 sd 0.5", "平均40标准差0.5"):
        assert link(text, places).values == {"mean": 40, "deviation": 0.5}


def test_twelve_rates_of_a_month_are_that_of_a_year_where_it_is_paid_by_the_month() -> None:
    plain = knob("rate", "Interest a year", "年利率", "rate 利率", 4, unit="%", maximum=100)
    by_month = knob("rate", "Interest a year", "年利率", "rate 利率 月息", 4, unit="%", maximum=100)
    assert link("月息1.5%", (by_month,)).values == {"rate": 18}
    assert link("a rate of 0.4% a month", (by_month,)).values == {"rate": 4.8}
    assert link("a rate of 0.4% a month", (plain,)).values == {}
