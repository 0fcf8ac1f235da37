"""A radius doubles where only a diameter can be set, and a diameter halves where only a radius."""

from __future__ import annotations

import pytest

from intentos.parameters import Parameter
from intentos.planners.linking import link
from intentos.types import Value, Words


def knob(name: str, zh: str, unit: str = "m") -> Parameter:
    return Parameter(
        name=name,
        label=Words(en=name.capitalize(), zh=zh),
        kind="number",
        default=1.0,
        minimum=0,
        maximum=1e6,
        unit=unit,
    )


DIAMETER, RADIUS, HEIGHT = knob("diameter", "直径"), knob("radius", "半径"), knob("height", "高")


@pytest.mark.parametrize(
    ("text", "knobs", "values"),
    [
        ("a pipe with a radius of 3 m", [DIAMETER], {"diameter": 6.0}),
        ("a 40 cm radius pipe", [DIAMETER], {"diameter": 0.8}),
        ("半径3米的管子，高5米", [DIAMETER, HEIGHT], {"diameter": 6.0, "height": 5.0}),
        ("直径30厘米的球", [RADIUS], {"radius": 0.15}),
        ("a ball of diameter 10 m", [RADIUS], {"radius": 5.0}),
        ("a ball of diameter 10 m", [RADIUS, DIAMETER], {"diameter": 10.0}),
        ("a pipe 3 m in diameter", [DIAMETER], {"diameter": 3.0}),
        ("radius 2 m, height 7 m", [DIAMETER, HEIGHT], {"diameter": 4.0, "height": 7.0}),
        ("height 7 m, radius 2 m", [DIAMETER, HEIGHT], {"diameter": 4.0, "height": 7.0}),
    ],
)
def test_it_is_told_as_the_plan_wants_it(
    text: str, knobs: list[Parameter], values: dict[str, Value]
) -> None:
    assert link(text, knobs).values == pytest.approx(values)
