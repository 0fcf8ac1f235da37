"""Formulas become pictures: those that a person writes, and those of the model."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from intentos.config import Settings
from intentos.errors import InvalidProgram, PlanningError
from intentos.plan import Step
from intentos.planners.compose import Composition, compose, from_equations, grammar, system
from intentos.planners.forms import CURVE, FORMS, PATTERN, SURFACE
from intentos.planners.model import Model, Prompt
from intentos.protocols import PlanningContext, StepContext
from intentos.registry import Registry
from intentos.run import StepResult
from intentos.types import Artifact, Intent, Value, language_of


@pytest.fixture
def trying(registry: Registry, settings: Settings) -> PlanningContext:
    """A context whose trial really runs, as the runtime's does."""

    async def save(name: str, data: object, media_type: str) -> Artifact:
        return Artifact(id="0" * 64, name=name, media_type=media_type, size=0, step_id="draw")

    async def trial(step: Step, values: Mapping[str, Value]) -> StepResult:
        settings.work.mkdir(parents=True, exist_ok=True)
        context = StepContext(
            values=values, live=frozenset(), seed=1, inputs={}, workdir=settings.work,
            limits=step.limits, emit=lambda event: None, save=save,
        )  # fmt: skip
        return await registry.executor("webgpu").execute(step, context)

    return PlanningContext(trial=trial, emit=lambda event: None)


def wish(text: str) -> Intent:
    return Intent(text=text, language=language_of(text))


@pytest.mark.parametrize(
    ("text", "kernel", "knobs"),
    [
        ("solve dx/dt = 10(y - x), dy/dt = x(28 - z) - y, dz/dt = xy - 8/3 z", "ode",
         {"x_start", "y_start", "z_start"}),
        ("x' = v and v' = -k x - 0.1 v with k = 4, x(0) = 2", "ode", {"k", "x_start", "v_start"}),
        ("画出 x = cos(3t), y = sin(2t) 的曲线", "particles", set()),
        ("r = 1 + a cos(θ), a = 0.5", "particles", {"a"}),
        ("x = (2+cos(v))cos(u), y = (2+cos(v))sin(u), z = sin(v)", "particles", set()),
        ("∂u/∂t = 0.1∇²u + u(1-u)", "field", {"duration"}),
    ],
)  # fmt: skip
async def test_equations_are_taken_as_they_are_written(
    text: str, kernel: str, knobs: set[str], trying: PlanningContext, registry: Registry
) -> None:
    proposal = await from_equations(wish(text), trying, registry)
    assert proposal is not None
    plan = proposal.plan
    assert (plan.origin, plan.steps[0].code) == ("composed", kernel)
    assert knobs <= plan.defaults.keys()
    if "k" in knobs:
        assert (plan.defaults["k"], plan.defaults["x_start"]) == (4, 2)


@pytest.mark.parametrize(
    "text",
    [
        "draw a heart",
        "plot y = x^2",
        "solve x^2 = 4",
        "a ball at 20 m/s",
        "x = 5",
        "how long is the perimeter of x = 3cos(t), y = 2sin(t)",
        "r = 1 + cos(t) 围成的面积",
        "x = t, y = t + randn()",
        "y = x + randn() 这个公式在1000个样本下会怎样",
    ],
)
async def test_other_wishes_hold_no_equations_of_a_form(
    text: str, trying: PlanningContext, registry: Registry
) -> None:
    assert await from_equations(wish(text), trying, registry) is None


async def test_equations_that_cannot_be_computed_are_told(
    trying: PlanningContext, registry: Registry
) -> None:
    with pytest.raises(PlanningError, match="Your equations were read"):
        await from_equations(wish("dx/dt = sin(x, 1, 2) + x"), trying, registry)


async def test_a_letter_without_a_value_is_an_assumption(
    trying: PlanningContext, registry: Registry
) -> None:
    proposal = await from_equations(wish("dn/dt = r n (1 - n)"), trying, registry)
    assert proposal is not None
    (assumption,) = proposal.plan.assumptions
    assert assumption.parameter == "r"
    assert assumption.text.text("en", proposal.plan.defaults) == "r is 1; you named no value."


def test_a_form_frames_what_it_draws() -> None:
    filled = CURVE.fill({"x": "100 + 5*cos(tau*s)", "y": "5*sin(tau*s)", "z": "0"}, {})
    x, y, _ = filled.arguments["centre"]
    assert (x, y) == (pytest.approx(100, abs=0.1), pytest.approx(0, abs=0.1))
    assert filled.arguments["radius"] == pytest.approx(5.25, rel=0.02)
    low_high = PATTERN.fill({"value": "3*x"}, {}).arguments
    assert (low_high["low"], low_high["high"]) == (pytest.approx(-3), pytest.approx(3))


@pytest.mark.parametrize(
    ("form", "formulas"),
    [
        (CURVE, {"x": "0", "y": "0", "z": "0"}),
        (CURVE, {"x": "sqrt(-1 - s)", "y": "s", "z": "0"}),
        (CURVE, {"x": "nosuch*s", "y": "s", "z": "0"}),
        (SURFACE, {"x": "u +", "y": "v", "z": "0"}),
        (PATTERN, {"value": "1"}),
    ],
)
def test_formulas_that_draw_nothing_are_refused(form: object, formulas: dict[str, str]) -> None:
    with pytest.raises(InvalidProgram):
        form.fill(formulas, {})  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["a spiral staircase curve in 3D", "流动的彩色波纹图案"])
async def test_the_model_writes_formulas_that_draw(
    text: str, model: Model, trying: PlanningContext, registry: Registry
) -> None:
    proposal, tokens = await compose(wish(text), model, trying, registry)
    assert tokens > 0
    assert proposal is not None
    assert proposal.plan.origin == "composed"
    assert proposal.plan.model == model.name


async def test_a_calculation_is_left_to_programs(
    model: Model, trying: PlanningContext, registry: Registry
) -> None:
    wanted = wish("what is the sum of the first 100 odd numbers?")
    assert (await compose(wanted, model, trying, registry))[0] is None


async def test_what_the_grammar_lets_through_is_a_composition(model: Model) -> None:
    for form in (CURVE, SURFACE, PATTERN):
        answer = await model.typed(
            Prompt(system=system(), user=f"Wish: a wave, form {form.name}"),
            Composition,
            grammar=grammar(form),
            max_tokens=260,
        )
        assert answer.value is None or set(answer.value.formulas(form)) == set(form.slots)
    assert set(FORMS) == {"curve", "surface", "pattern", "motion", "field"}
