"""Numbers, units, factors and colours as people say them, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.numbers import read
from intentos.planners.units import by_name, convert


def said(text: str) -> list[object]:
    """Return what the text says: value, or (value, unit)."""
    return [(m.value, m.unit.symbol) if m.unit else m.value for m in read(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5,000 cars and 20k stars", [5000, 20000]),
        ("two hundred and fifty-five, half a million, ten million", [255, 500_000, 10_000_000]),
        ("a dozen; 1.5 million; 3 hundred thousand", [12, 1.5e6, 300_000]),
        ("1e6 10^6 2**20 1_000_000", [10**6, 10**6, 2**20, 10**6]),
        ("from -3 to 3", [-3, 3]),
        ("two and a half hours", [(2.5, "h")]),
        ("the 100th prime, rolled 1000 times", [100, 1000]),
        ("a 512x256 grid", [512, 256]),
        ("一百二十 两万三 一千零五 一亿两千万", [120, 23000, 1005, 120_000_000]),
        ("1到100万之间，3.5亿，三十万零五百", [1, 10**6, 3.5e8, 300_500]),
        ("三点五 二〇二四 十二点五", [3.5, 2024, 12.5]),
        ("１００辆车", [100]),
        ("两万千焦 二十千瓦 五千瓦", [(20000, "kJ"), (20, "kW"), (5000, "W")]),
        ("一个月30天后", [(30, "day")]),
        ("一年365天", [(365, "day")]),
        ("1个月零3天", [(1.09856262834, "month")]),
        ("百万分之一 千分之6.4", [(0.0001, "%"), (0.64, "%")]),
        ("车速100公里，开3公里", [(100, "km/h"), (3, "km")]),
        ("六块钱一斤，买3斤", [6, (3, "jin")]),
        ("5分30秒 三分二十秒", [(330, "s"), (200, "s")]),
        ("5:30 per km; 3:45:10", [(330, "s"), (13510, "s")]),
        ("6 feet 2 and 1 米 78", [(74, "inch"), (1.78, "m")]),
        ("12块5一斤", [12.5]),
        ("8万8，第90百分位", [88000, 90]),
        ("1小时50分，一天半", [(1.83333333333, "h"), (1.5, "day")]),
        ("百公里油耗6.5升", [(6.5, "l/100km")]),
        ("300万成本，1200欧元，由118.2升到121.9", [3_000_000, 1200, 118.2, 121.9]),
        ("身高1米72体重68公斤", [(1.72, "m"), (68, "kg")]),
        ("I weigh 12 stone 4", [(172, "lb")]),
        ("我12 st 4 lb", [(172, "lb")]),
        ("扩散系数2e-9平方米每秒", [(2e-9, "m^2·(s)^-1")]),
        ("五局三胜，打两枪，射三箭", [5, 2, 3]),
        ("第四次弹起，零件坏了", [4]),
        ("半克物质，我妈1米62我爸1米76", [(0.5, "g"), (1.62, "m"), (1.76, "m")]),
        ("温度-15度，3米-5米", [(-15, "deg"), (3, "m"), (5, "m")]),
        ("0.511兆电子伏", [(0.511, "MeV")]),
        ("早上6点一起出发", [(6, "o'clock")]),
        ("三个天体，第十个数", [3, 10]),
    ],
)
def test_numbers(text: str, expected: list[object]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5 km at 20 m/s for 2 minutes", [(3.5, "km"), (20, "m/s"), (2, "min")]),
        ("60 miles per hour", [(60, "mph")]),
        ("每小时60公里", [(60, "km/h")]),
        ("时速六十公里", [(60, "km/h")]),
        ("每秒20米，45度", [(20, "m/s"), (45, "deg")]),
        ("50% or 百分之五十", [(50, "%"), (50, "%")]),
        ("100 °C, 300 K, 3m long", [(100, "°C"), (300, "K"), (3, "m")]),
    ],
)
def test_units(text: str, expected: list[object]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "3D heart, H2O, x2",
        "三维 三体 一起 万花筒 十字",
        "version 1.2.3",
        "x^2",
        "1e999",
        "十" * 99,
        "百分之",
    ],
)
def test_what_is_no_number_is_left_alone(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("零下二十度", -20),
        ("零下 5 摄氏度", -5),
        ("cool it to minus 40 celsius", -40),
        ("10 degrees below zero", -10),
        ("负三米", -3),
    ],
)
def test_below_zero_in_words(text: str, value: float) -> None:
    (mention,) = read(text)
    assert mention.value == value
    assert mention.unit is not None


def test_a_difference_is_no_negative_number() -> None:
    assert [m.value for m in read("what is 10 minus 3")] == [10, 3]


def test_an_article_is_a_weak_number() -> None:
    assert [m.weak for m in read("一颗爱心, one heart, 一点, 1 heart")] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("twice as hot and half the speed", [2, 0.5]),
        ("3x, three times as many, 4 times faster, triple", [3, 3, 4, 3]),
        ("两倍 三倍 1.5倍 翻倍 一半", [2, 3, 1.5, 2, 0.5]),
        ("20% faster", [1.2]),
        ("20% slower", [0.8]),
        ("increase the speed by 25%", [1.25]),
        ("速度提高50%", [1.5]),
    ],
)
def test_factors(text: str, factors: list[float]) -> None:
    found = [m for m in read(text) if m.kind == "factor"]
    assert [m.number for m in found] == pytest.approx(factors)


def test_colours_in_both_languages_are_the_same() -> None:
    pairs = [
        ("blue", "蓝色"),
        ("dark green", "深绿色"),
        ("make it red", "改成红的"),
        ("pink", "粉红色"),
    ]
    for english, chinese in pairs:
        assert said(english) == said(chinese) != []
    assert said("#FF8800") == ["#ff8800"]


@pytest.mark.parametrize(
    "text", ["black hole", "white noise", "Green's function", "红楼梦", "的士"]
)
def test_what_is_no_colour(text: str) -> None:
    assert said(text) == []


@given(st.text(max_size=80))
def test_reads_any_text_and_keeps_to_it(text: str) -> None:
    end = 0
    for mention in read(text):
        assert end <= mention.start < mention.end <= len(text)
        end = mention.end


@given(st.integers(0, 10**12))
def test_reads_every_integer_as_written(number: int) -> None:
    assert said(f"use {number:,} cars") == [number]
    assert said(f"用{number}辆车") == [number]


CHINESE = "零一二三四五六七八九"


def chinese(number: int) -> str:
    """Write 1..9999 as a Chinese speaker does."""
    out, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            out += ("零" if zero and out else "") + CHINESE[digit] + name
            zero = False
        else:
            zero = True
    return out


@given(st.integers(1, 9999), st.integers(0, 9999))
def test_reads_chinese_numerals(low: int, high: int) -> None:
    text = chinese(low)
    if high:
        text = chinese(high) + "万" + ("零" if low < 1000 else "") + text
    assert said(f"共{text}个") == [high * 10_000 + low]


def test_converts_between_units_of_one_kind_only() -> None:
    assert convert(72, by_name()["km/h"], "m/s") == 20
    assert convert(0, by_name()["K"], "°C") == -273.15
    assert convert(100, by_name()["deg"], "°C") == 100  # "100 degrees" of heat
    assert convert(1, by_name()["km"], "s") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("half an hour", [(0.5, "h")]),
        ("an hour and a half", [(1.5, "h")]),
        ("a quarter of an hour", [(0.25, "h")]),
        ("一个半小时", [(1.5, "h")]),
        ("半年", [(0.5, "year")]),
        ("两周", [(2, "week")]),
        ("三成半的人", [(35, "%")]),
        ("6成", [(60, "%")]),
        ("3/4 of the people", [0.75]),
        ("π/4", [pytest.approx(0.785398, abs=1e-6)]),
        ("10 kΩ and 1 μF at 220V", [(10, "kΩ"), (1, "µF"), (220, "V")]),
        ("9.8 m/s²", [(9.8, "m/s^2")]),
        ("华氏98度", [(98, "°F")]),
        ("50 degrees Celsius", [(50, "°C")]),
        ("0.1摩尔每升", [(0.1, "mol/l")]),
        ("500纳米", [(500, "nm")]),
        ("6 feet", [(6, "ft")]),
        ("12 rpm", [(12, "rpm")]),
        ("3d garden", []),
        ("3 H2O", [3]),
        ("24/7 shop", [24, 7]),
        ("半个苹果", []),
    ],
)
def test_parts_and_more_units(text: str, expected: list[object]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("从-2到3", [-2, 3]),
        ("一加二加三一直加到一百", [100]),
        ("哪一年", []),
        ("five half steps up", [5]),
        ("在-1和1之间", [-1, 1]),
        ("x取-5", [-5]),
        ("1月-3月", [1, 3]),
        ("5-3", [5, 3]),
    ],
)
def test_signs_and_words_that_look_like_numbers(text: str, values: list[float]) -> None:
    assert [m.value for m in read(text)] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("米一粒粒地往上长", []),
        ("一个一个走进来", []),
        ("一天天变暖", []),
        ("放三发", [3]),
        ("路边两盏路灯和五株柳树", [2, 5]),
        ("三面镜子", [3]),
        ("四面体", []),
        ("3个六", [3, 6]),
        ("两个一组", [2]),
        ("三节电池", [3]),
        ("2^300", [2, 300]),
        ("half axes 7 and 4", [7, 4]),
        ("第二次捞到40尾", [40]),
    ],
)
def test_counting_words(text: str, values: list[float]) -> None:
    assert [m.value for m in read(text) if not m.weak] == values


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mould that doubles every week", "week"),
        ("each hour every cell splits", "h"),
        ("每天翻一番", "day"),
    ],
)
def test_every_day_is_one_day_where_something_doubles(text: str, unit: str) -> None:
    (mention,) = [m for m in read(text) if m.kind == "number"]
    assert mention.value == 1
    assert mention.unit is not None
    assert mention.unit.symbol == unit
