"""Plans to plan with: four that can be revised."""

from __future__ import annotations

from typing import Any

from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.types import Value, Words


def knob(name: str, en: str, zh: str, words: str, default: Value, **more: Any) -> Parameter:
    """Return a parameter with aliases from a line of words."""
    return Parameter(
        name=name, label=Words(en=en, zh=zh), aliases=tuple(words.split()), default=default, **more
    )


def plan(title: str, *parameters: Parameter) -> Plan:
    """Return a plan that reports its parameters."""
    code = "for name, value in parameters.items():\n    report(name, value)\n"
    return Plan(
        title=Words(en=title),
        interpretation=Words(en=title),
        parameters=parameters,
        steps=(Step(id="tell", language="python", code=code),),
        origin="recipe",
        recipe=title.lower().replace(" ", "_"),
    )


HEAT = plan(
    "Heat in a plate",
    knob("temperature", "Temperature of the hot corner", "热角的温度", "hot temperature 热 温度",
         100, minimum=-200, maximum=1000, unit="°C"),
    knob("diffusivity", "Diffusivity", "扩散率", "diffusion 扩散", 0.2, minimum=0.01, maximum=0.25),
    knob("contours", "Contour lines", "等高线", "contours lines", True, kind="boolean"),
)  # fmt: skip
HEART = plan(
    "A turning heart",
    knob("speed", "Speed of turning", "转速", "fast slow speed 快 慢 转", 30,
         minimum=1, maximum=360),
    knob("points", "Points", "点数", "points particles 个点 粒子", 20_000,
         kind="integer", minimum=100, maximum=1_000_000),
    knob("colour", "Colour", "颜色", "heart 爱心", "#e02040", kind="colour"),
    knob("background", "Background", "背景", "background 背景", "#000000", kind="colour"),
    knob("shape", "Shape", "形状", "shape 形状", "heart", kind="choice",
         choices=("heart", "sphere", "torus")),
)  # fmt: skip
RAINBOW = plan(
    "A rainbow",
    knob("clouds", "Clouds", "云量", "clouds cloudy 云", 0.6, minimum=0, maximum=1),
    knob("brightness", "Brightness", "亮度", "bright 亮", 0.5, minimum=0.1, maximum=1),
)  # fmt: skip
TRAFFIC = plan(
    "Traffic",
    knob("cars", "Cars", "车辆数", "cars vehicles 辆车 车", 500,
         kind="integer", minimum=1, maximum=5000),
    knob("limit", "Speed limit", "限速", "speed fast slow 限速 速度 快 慢", 50,
         minimum=5, maximum=130, unit="km/h"),
)  # fmt: skip
