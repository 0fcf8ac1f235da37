"""Shaders that a large model wrote: recorded bodies, compiled and run on the real GPU path."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos.errors import PlanningError
from intentos.planners import shader
from intentos.planners.generate import generate
from intentos.planners.profiles import EMBEDDED
from intentos.program import GpuProgram
from intentos.protocols import PlanningContext
from intentos.registry import Registry
from intentos.run import StepStatus
from intentos.types import Intent

from .recorded import Recorded
from .trials import Trials

LANTERN = """Task: A paper lantern glows and sways in the dark.
```wgsl
const sway: f32 = 0.3;
const glow: f32 = 1.2;
const TURNS: i32 = 3;

fn noise(p: vec2f) -> f32 {
  return fract(sin(dot(p, vec2f(12.9898, 78.233))) * 43758.5453);
}

// Soft ribs around the lantern.
fn shade(uv: vec2f, t: f32) -> vec3f {
  let p = uv - vec2f(sway * sin(t), 0.1);
  var light = glow * exp(-4.0 * dot(p * vec2f(1.0, 0.8), p));
  for (var i = 0; i < 6; i++) {
    light += 0.05 * smoothstep(0.03, 0.0, abs(p.y - 0.12 * (f32(i) - 2.5))) * step(abs(p.x), 0.4);
  }
  return light * vec3f(1.0, 0.45, 0.2) + 0.02 * noise(floor(uv * 90.0));
}
```"""
WRONG = LANTERN.replace("let p = uv - vec2f(sway * sin(t), 0.1);", "let p: f32 = uv;")
WISH = Intent(text="a paper lantern swaying in the dark", language="en")


async def test_recorded_functions_become_a_film_with_live_knobs(
    registry: Registry, tmp_path: Path
) -> None:
    model, trials = Recorded(LANTERN, chooses="film"), Trials(registry, tmp_path)
    context = PlanningContext(trial=trials, emit=lambda event: None)
    proposal = await generate(WISH, model, context, lambda text: None)
    plan = proposal.plan
    assert [s.language for s in plan.steps] == ["wgsl"]
    assert plan.origin == "generated"
    assert {p.name: p.default for p in plan.parameters if p.live} == {"sway": 0.3, "glow": 1.2}
    assert trials.results[0].status is StepStatus.OK, trials.results[0].error
    assert trials.values[0]["frames"] == 8
    # The wish's own numbers act: another sway is another film, and no glow is no light.
    calm = await trials(plan.steps[0], plan.defaults | {"frames": 8, "sway": 0.0})
    films = [{a.name: a.id for a in r.artifacts} for r in (trials.results[0], calm)]
    assert films[0] != films[1]


async def test_what_the_compiler_says_is_fed_back(registry: Registry, tmp_path: Path) -> None:
    model, trials = Recorded(WRONG, LANTERN), Trials(registry, tmp_path)
    context = PlanningContext(trial=trials, emit=lambda event: None)
    await shader.shaded(WISH, model, context, lambda text: None)
    assert [r.status for r in trials.results] == [StepStatus.FAILED, StepStatus.OK]
    assert "vec2" in model.asked[1].user
    assert "f32" in model.asked[1].user


async def test_it_gives_up_with_the_last_error() -> None:
    texts = ["I cannot do that."] * 3
    context = PlanningContext(trial=None, emit=lambda event: None)
    with pytest.raises(PlanningError, match="not a Task line"):
        await shader.shaded(WISH, Recorded(*texts), context, lambda text: None)


def body(inside: str, before: str = "") -> str:
    """Return a body with some code in it."""
    return f"{before}\nfn shade(uv: vec2f, t: f32) -> vec3f {{\n{inside}\nreturn vec3f(0.0);\n}}\n"


@pytest.mark.parametrize(
    ("inside", "before", "what"),
    [
        ("loop { break; }", "", "without a bound"),
        ("while (true) { }", "", "without a bound"),
        ("for (;;) { }", "", "must count"),
        ("for (var i = 0; i < 10; i++) { i = 0; }", "", "must not be changed"),
        ("for (var i = 0; i < 10; i++) { i -= 1; }", "", "must not be changed"),
        ("for (var i = 0; i < 10; j++) { }", "", "must test and move"),
        ("for (var i = 0; i < 9999; i++) { }", "", "at most 512"),
        ("for (var i = 0; i < 10; i += 0) { }", "", "at most 512"),
        (
            "for (var i = 0; i < 90; i++) { for (var j = 0; j < 90; j++) { } }",
            "",
            "inside one another",
        ),
        ("pixels[0] = 1u;", "", "pixels"),
        ("let a = uniforms.seed;", "", "uniforms"),
        ("", "@group(0) @binding(9) var<storage> x: array<u32>;", "attributes"),
        ("", "var<private> x: f32;", "variables of the module"),
        ("", "fn host_draw() {}", "host_"),
        ("", "@compute @workgroup_size(1) fn main() {}", "attributes"),
        ("", "fn shade(uv: vec2f, t: f32) -> vec3f { return vec3f(1.0); }", "one function"),
    ],
)
def test_the_interface_is_locked(inside: str, before: str, what: str) -> None:
    assert what in (shader.complaint(body(inside, before)) or "")


def test_what_is_allowed_is_allowed() -> None:
    code = body("for (var i = 0; i < 60; i++) { for (var j = 0; j < 60; j++) { } }")
    assert shader.complaint(code) is None
    assert shader.complaint("// while (true) @compute\n" + body("")) is None


def test_the_small_model_is_never_asked_for_shaders() -> None:
    assert not shader.trusted(Recorded(profile=EMBEDDED))
    assert shader.trusted(Recorded())


def test_the_program_is_valid_and_portable() -> None:
    match = LANTERN.split("```wgsl\n")[1].split("```")[0]
    plan = shader.assemble("A lantern.", match, WISH, "m")
    step = plan.steps[0]
    arguments = step.resolved_arguments(plan.defaults)
    program = GpuProgram.model_validate({"source": step.code, **arguments})
    assert program.requires == {}
    assert "const sway" not in step.code
    assert "const TURNS" in step.code
