"""Units as people write them, simple and compound, and what they are worth in each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.units import by_name, convert, named, read_unit


@pytest.mark.parametrize(
    ("text", "wanted", "value"),
    [
        ("40 N/m", "N/m", 40),
        ("40牛每米", "N/m", 40),
        ("3 kN/m", "N/m", 3000),
        ("1 g/cm³", "kg/m³", 1000),
        ("1000千克每立方米", "kg/m³", 1000),
        ("7米每二次方秒", "m/s^2", 7),
        ("9.8 m/s/s", "m/s^2", 9.8),
        ("0.7 square metres", "m^2", 0.7),
        ("3 cubic metres", "l", 3000),
        ("97 mm²/s", "mm^2/s", 97),
        ("60 miles an hour", "km/h", 96.56064),
        ("40公里的时速", "km/h", 40),
        ("7.9 km/s", "m/s", 7900),
        ("760 mmHg", "kPa", 101.325),
        ("2 kWh", "MJ", 7.2),
        ("5 Å", "nm", 0.5),
        ("500 nm", "m", 5e-7),
        ("2 light years", "AU", 126_482.1542),
        ("30 astronomical units", "AU", 30),
        ("0.1 M", "mol/l", 0.1),
        ("5 mmol/l", "mol/l", 0.005),
        ("3 kg/s", "kg/s", 3),
        ("3两", "kg", 0.15),
        ("1.5斤", "kg", 0.75),
        ("6亩", "m^2", 4000),
        ("20 N·m", "J", 20),
        ("20 Nm", "J", 20),
        ("2 cP", "Pa·s", 0.002),
        ("2 Pa s", "Pa·s", 2),
        ("50毫角秒", "arcsec", 0.05),
        ("4.2 kJ/(kg·K)", "J/(kg·K)", 4200),
        ("4200焦每千克每摄氏度", "J/(kg·K)", 4200),
        ("0.6 W/m²K", "W/(m²·K)", 0.6),
        ("12升/分", "l/min", 12),
        ("4000毫安时", "mAh", 4000),
        ("2.4巴", "kPa", 240),
        ("3度电", "kWh", 3),
        ("7 l/100 km", "l/100km", 7),
        ("2 MB", "kB", 2000),
        ("100 Mbit/s", "MB/s", 12.5),
        ("0.5角秒", "deg", 0.5 / 3600),
        ("5安", "mA", 5000),
        ("2个百分点", "%", 2),
    ],
)
def test_a_unit_is_read_and_converted(text: str, wanted: str, value: float) -> None:
    end = next(i for i, c in enumerate(text) if not (c.isdigit() or c == "."))
    unit, stop = read_unit(text, 0, end)
    assert unit is not None
    assert stop == len(text)
    assert convert(float(text[:end]), unit, wanted) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5 J/(kg K)", "J"), ("5 m/x", "m"), ("3 m^2", "m"), ("5 kg/s", "kg"), ("2 m/s", "m"),
        ("4 m²", "m"), ("1 N/m", "N"),
    ],
)  # fmt: skip
def test_what_is_divided_by_something_is_not_the_thing(text: str, wanted: str) -> None:
    unit, _ = read_unit(text, 0, 1)
    assert unit is not None
    assert convert(float(text[0]), unit, wanted) is None


def test_two_of_something_weigh_nothing() -> None:
    assert read_unit("3两个人", 0, 1) == (None, 1)


@pytest.mark.parametrize("symbol", ["N/m", "1/m", "1/day", "mm^2/s", "kg/m³", "nm/ps", "mol/l"])
def test_units_of_parameters_may_be_compound(symbol: str) -> None:
    unit = named(symbol)
    assert unit is not None
    assert convert(3.5, unit, symbol) == pytest.approx(3.5)


@given(st.sampled_from(sorted(by_name())), st.floats(1e-3, 1e3))
def test_every_unit_comes_back_to_itself(name: str, value: float) -> None:
    unit = by_name()[name]
    assert convert(value, unit, unit.symbol) == pytest.approx(value)


@given(st.text(alphabet="0123456789 kgmsNJ/^²³·per每平方米秒公斤两-", max_size=24))
def test_any_text_has_a_unit_or_none(text: str) -> None:
    unit, stop = read_unit(text, 0, 0)
    assert 0 <= stop <= len(text)
    assert unit is not None or stop == 0
