"""Every kernel and every recipe's GPU steps, compiled and run in Chromium and compared with wgpu.

naga, the compiler that wgpu uses, accepts shaders that browsers refuse, so a kernel that runs here
may still be useless in the live canvas and on a phone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from intentos.bindings import connect
from intentos.config import Settings
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.kernel import Compare, KernelBase
from intentos.plan import Step
from intentos.planners.library import Library
from intentos.program import GpuProgram, load
from intentos.protocols import Evidence
from intentos.registry import Registry
from intentos.types import Json, Value

from .chromium import Chromium, Job, Played, chromium, run_here

SMALL: dict[str, Json] = {"width": 64, "height": 64, "frames": 3}
RECIPE_FRAMES = 3
RECIPE_SIDE = 96
FIRST_FIVE = {"particles", "automaton", "field", "traffic", "pixels"}

VARIANTS: dict[str, list[dict[str, Json]]] = {
    "automaton": [
        {"rule": rule, "columns": 64}
        for rule in ("life", "brain", "cyclic", "fire", "ising", "rule30")
    ]
    + [
        {"rule": "sandpile", "columns": 64, "start": "centre"},
        {"rule": "highlife", "columns": 96, "boundary": "dead", "steps_per_frame": 5},
        {"rule": "life", "columns": 50},
        {"rule": "ising", "columns": 64, "tiles": 4, "ramp": "temperature + tile - 0.1*t",
         "settle": 0, "sample_every": 1},
        {"rule": "custom", "columns": 64, "states": 4, "initial": "floor(4*chance)",
         "next": "where(n1 > 2 and chance < p, 1, (state + c2 + total) % 4)",
         "parameters": {"p": 0.7}},
    ],
    "fluid": [
        {"rows": 32, "reynolds": 60, "speed": 0.1, "steps_per_frame": 8, **more}
        for more in (
            {"view": "mixed"},
            {"view": "dye", "sides": "wall", "fade": 1, "bar": True},
            {"view": "vorticity", "boundary": "open", "source": "disc(x, y, .5, .2, .1)",
             "buoyancy": 3, "force_x": "dye*sin(9*y + k*t)", "parameters": {"k": 4}},
            {"view": "speed", "boundary": "cavity", "columns": 30, "populations": True},
            {"view": "dye", "boundary": "box", "dye": "y > 0.5", "velocity_x": "0.5*sin(pi*y)"},
            {"view": "vorticity", "boundary": "periodic", "velocity_x": "sin(2*pi*y)"},
            {"view": "speed", "boundary": "channel", "force_x": 1, "obstacle": "y < 0.2 + 0.2*x"},
        )
    ],
    "field": [
        {
            "rates": {"u": "D*lap(u) - u*dx(u)"},
            "initial": {"u": "fbm(9*x, 9*y)"},
            "columns": 48,
            "rows": 32,
            "boundary": boundary,
            "boundary_values": {"u": "0.5"},
            "diffusivity": "D",
            "parameters": {"D": 0.01},
            "fixed_where": "disc(x, y, 0.5, 0.5, 0.1)",
            "fixed_values": {"u": "1 + 0.1*sin(t)"},
            "contours": 5,
            "relief": 0.5,
        }
        for boundary in ("periodic", "insulated", "fixed")
    ]
    + [
        {
            "rates": {"u": "v", "v": "lap(u)"},
            "initial": {"u": "exp(-90*hypot(x - .4, y - .5)**2)"},
            "update": "staggered",
            "wave_speed": 1,
            "columns": 48,
            "rows": 48,
            "show": "u + dy(v)",
            "low": -1,
            "high": 1,
            "bar": False,
        },
        {
            "rates": {"v": "0.2*lap(u) + 0.1*dxx(v) - dx(u)*v", "u": "v + 0.1*(x > 0.5)"},
            "initial": {"u": "length(vec2(x, y) - 0.5)"},
            "update": "staggered",
            "wave_speed": "c",
            "parameters": {"c": 0.7},
            "diffusivity": 0.2,
            "columns": 46,
            "rows": 33,
            "sides": {"left": "fixed", "top": "fixed"},
            "boundary_values": {"u": "y"},
            "walls": "disc(x, y, 0.5, 0.5, 0.203)",
            "width": 96,
        },
        {
            "rates": {"u": "lap(u)"},
            "initial": {"u": "x"},
            "diffusivity": 1,
            "columns": 32,
            "rows": 32,
            "walls": "abs(y - 0.5) < 0.1 and x > 0.3",
            "boundary": "periodic",
            "width": 256,
            "height": 64,
        },
    ],
    "linear": [
        {"operation": operation, "size": size}
        for operation, size in (
            ("matmul", 50), ("fft", 256), ("fft2d", 32), ("reduce", 2000), ("scan", 3000),
            ("sort", 60), ("histogram", 5000),
        )
    ],
    "montecarlo": [
        {"samples": 20_000, "width": 96, "height": 96},
        {
            "samples": 20_000, "width": 96, "height": 96, "formula": "a*b - c + d",
            "variables": {
                "a": {"distribution": "normal"}, "b": {"distribution": "exponential"},
                "c": {"distribution": "poisson"}, "d": {"distribution": "triangular"},
            },
        },
        {
            "samples": 20_000, "width": 96, "height": 96, "formula": "a + b > 5",
            "variables": {
                "a": {"distribution": "dice"}, "b": {"distribution": "choice", "values": [1, 2]},
            },
        },
    ],
    "particles": [
        {"points": 6000},
        {"points": 5000, "solid": False, "x": "h1*cos(tau*a)", "y": "h2 - 0.5 + 0.1*sin(t)",
         "z": "h1*sin(tau*a)", "light": "0.5 + 0.5*h3", "palette": "viridis", "shade": "h4"},
        {"points": 3000, "x": "20*h1 - 10", "y": "20*h2 - 10", "z": "20 + 9*h3", "up": "z",
         "dx": "s*(y - x)", "dy": "x*(28 - z) - y", "dz": "x*y - 8/3*z", "radius": 30,
         "centre": [0, 0, 25], "parameters": {"s": 10}, "speed": 0.3, "persistence": 0.8},
        {"points": 400, "joined": True, "x": "cos(3*tau*n)", "y": "sin(5*tau*n)", "z": "sin(t)",
         "shade": "n", "palette": "spectrum", "brightness": 0.9},
    ],
    "nbody": [
        {"system": "galaxies", "count": 300, "duration": 20},
        {"system": "solar", "count": 100, "duration": 20, "extras": ["belt"], "labels": False},
        {"system": "collapse", "count": 300, "duration": 0.05},
        {"system": "bodies", "force": "charge", "duration": 0.2, "bodies": [
            {"charge": 1, "position": [1, 0, 0]}, {"charge": -1, "position": [-1, 0, 0]}]},
    ],
    "pixels": [
        {"value": "0.5 + 0.5*sin(6*x + t)*cos(5*y)"},
        {"red": "x*x + 0.1*t", "green": "abs(y)", "blue": "r", "samples": 3},
        {"iterate": {"max_iterations": 40}, "zoom": "1 + t"},
        {"colour": "mix(palette('magma', r), hsv(angle/tau, 0.8, 1), 0.5 + 0.5*sin(t + 3*x))"},
        # As deep as vectors may be nested.
        {"colour": "abs(t + 0.9*" * 12 + "vec3(x, y, 0)" + ")" * 12, "samples": 1},
        # As deep as expressions may be: browsers limit nesting.
        {"value": "abs(t + 0.9*" * 13 + "x" + ")" * 13},
        {"value": " + ".join(["(0.02*x + t)"] * 38)},
    ],
    "scene": [
        {},
        {"objects": [{"kind": "city"}, {"kind": "moon"}], "ground": "water",
         "time_of_day": "moonlight", "camera": "fly"},
        {"objects": [{"kind": k} for k in ("mountains", "water", "pine", "house", "lantern")],
         "season": "winter", "weather": "snow", "time_of_day": "dusk"},
        {"objects": [{"kind": "rock"}, {"kind": "rainbow"}, {"kind": "clouds"}], "ground": "stone",
         "weather": "rain"},
    ],
    "flock": [
        {"count": 300},
        {"count": 200, "kind": "fish", "obstacles": [[1, 2, 2]], "predator_x": "sin(t)",
         "predator_y": "2", "steer_x": "0.1*y", "colour_by": "speed"},
        {"count": 300, "kind": "vicsek"},
        {"count": 40, "kind": "crowd"},
        {"count": 40, "kind": "crowd", "scene": "counterflow"},
    ],
    "gas": [
        {"particles": 200},
        {"particles": 200, "width": 200, "height": 200, "frames": 3, "gravity": 2},
        {"particles": 200, "share_second": 0.5, "placed": "apart", "partition": "demon"},
        {"particles": 150, "tracer_radius": 1},
        {"particles": 150, "piston": 0.1, "speeds": "maxwell"},
    ],
    "cloth": [
        {"shape": shape, "columns": 14, "rows": 10, "pattern": pattern}
        for shape, pattern in (
            ("flag", "plain"), ("curtain", "border"), ("sheet", "stripes"),
            ("tablecloth", "checks"), ("hammock", "stripes"),
        )
    ]
    + [{"shape": "hammock", "columns": 20, "rows": 1}],
    "ode": [
        {},
        {"rates": {"x": "v", "v": "-k*x"}, "initial": {"x": "1"}, "parameters": {"k": 4},
         "points": [{"x": -2, "y": 0, "look": "pivot"}, ["x", 0],
                    {"x": 1, "y": 1, "look": "star"}],
         "rods": [[0, 1, "spring"], [1, 2, "string"]], "floor": -0.5, "view": "both",
         "exact": {"x": "x_0*cos(sqrt(k)*t)"}, "conserved": {"E": "v*v + k*x*x"}},
        {"rates": {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"}, "members": 90,
         "initial": {"x": "1 + h1", "y": "h2", "z": "20"}, "view": "phase3d",
         "method": "adaptive"},
        {"rates": {"y": "v", "v": "-g"}, "initial": {"y": "0.02 + 0.1*share"}, "members": 4,
         "vary": {"g": [5, 10]}, "view": "phase", "method": "midpoint",
         "events": [{"when": "y", "set": {"v": "-0.8*v"}}]},
    ],
    "traffic": [{"layout": layout, "cars": 60} for layout in ("city", "ring")]
    + [{"layout": "road", "cars": 15, "road_cells": 60}],
    "walk": [
        {"dimensions": 1, "walkers": 300, "steps": "lattice"},
        {"dimensions": 2, "walkers": 500},
        {"dimensions": 3, "walkers": 500},
        *(
            {"model": "aggregation", "cells": 48, "start": start, "walkers": 200}
            for start in ("point", "line", "ring")
        ),
        *({"model": "percolation", "cells": 48, "neighbours": n} for n in (4, 8)),
    ],
}  # fmt: skip
"""Arguments that lead to different shaders; a kernel that is not named here runs at its defaults.
The recipes below go through many more."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


def kernel_of(name: str) -> KernelBase[Any]:
    kernel = Registry().kernel(name)
    assert isinstance(kernel, KernelBase)
    return kernel


def test_the_first_five_kernels_are_installed() -> None:
    assert set(Registry().names("kernels")) >= FIRST_FIVE


@pytest.mark.parametrize("name", sorted(FIRST_FIVE | set(Registry().names("kernels"))))
def test_a_kernel_gives_the_same_in_the_browser(browser: Chromium, name: str) -> None:
    kernel = kernel_of(name)
    variants = [SMALL | extra for extra in VARIANTS.get(name, [{}])]
    jobs = [Job(kernel.build(arguments)) for arguments in variants]
    for arguments, job, there in zip(variants, jobs, browser.run(jobs), strict=True):
        here = run_here(job)
        assert_alike(kernel.compare, there, here, str(arguments))
        assert len(there.frames) == 3
        assert verdicts(kernel, arguments, there) == verdicts(kernel, arguments, here)
        assert "failed" not in verdicts(kernel, arguments, there).values()


@dataclass(frozen=True)
class RecipeStep:
    """A step of a recipe on the GPU, at its test size."""

    recipe: str
    kernel: str
    compare: Compare
    job: Job


PAINTED = Compare(rule="tolerance", frames=1, absolute=1.0, relative=0.02, pixels=1.5)
"""Of a picture that a recipe paints with a shader of its own: its numbers are rounded sums."""


def recipe_steps(settings: Settings) -> list[RecipeStep]:
    registry, found = Registry(), []
    for recipe in Library(registry, settings).all():
        plan = recipe.plan(registry)
        values = plan.accept(recipe.test)
        live = frozenset(p.name for p in plan.parameters if p.live)
        for step in plan.steps:
            if step.language == "wgsl":
                job = Job(few_frames(painted(step, values), PAINTED), values)
                found.append(RecipeStep(recipe.id, "wgsl", PAINTED, job))
            if step.language != "kernel":
                continue
            kernel = kernel_of(step.code)
            program = small(kernel, step.resolved_arguments(values))
            program = few_frames(connect(program, step.arguments, live), kernel.compare)
            found.append(RecipeStep(recipe.id, kernel.name, kernel.compare, Job(program, values)))
    return found


def small(kernel: KernelBase[Any], arguments: dict[str, Json]) -> GpuProgram:
    """The same shaders on a smaller picture: SwiftShader draws a big one in seconds, not in ms."""
    try:
        return kernel.build(arguments | {"width": RECIPE_SIDE, "height": RECIPE_SIDE})
    except InvalidProgram:  # what is shown does not fit into so few pixels
        return kernel.build(arguments)


def painted(step: Step, values: Mapping[str, Value]) -> GpuProgram:
    """A recipe's own shader, on a smaller picture too."""
    arguments = step.resolved_arguments(values)
    buffers = cast("list[dict[str, Json]]", arguments["buffers"])
    smaller = [b | ({"length": RECIPE_SIDE**2} if b["name"] == "pixels" else {}) for b in buffers]
    size: dict[str, Json] = {"width": RECIPE_SIDE, "height": RECIPE_SIDE, "buffers": smaller}
    uniforms = step.arguments["uniforms"]
    return load(arguments | size | {"uniforms": uniforms, "source": step.code})


def few_frames(program: GpuProgram, compare: Compare) -> GpuProgram:
    frames = min(program.frames, RECIPE_FRAMES, compare.frames)
    return program.model_copy(update={"frames": frames})


def test_every_recipe_gives_the_same_in_the_browser(browser: Chromium, settings: Settings) -> None:
    steps = recipe_steps(settings)
    played = browser.run([step.job for step in steps], seconds=300)
    differing = {}
    for step, there in zip(steps, played, strict=True):
        try:
            assert_alike(step.compare, there, run_here(step.job), step.recipe)
            assert there.frames
        except AssertionError as error:  # the others are looked at all the same
            differing[step.recipe] = str(error)[:500]
    assert differing == {}
    assert {step.kernel for step in steps} >= FIRST_FIVE | {"wgsl"}


def assert_alike(compare: Compare, there: Played, here: Played, where: str) -> None:
    """Compare what the browser made with what wgpu made, by the kernel's own rule."""
    assert there.problem is None, f"{where}: {there.problem}"
    assert len(there.frames) == len(here.frames)
    assert there.outputs.keys() == here.outputs.keys()
    assert there.series.keys() == here.series.keys()
    for name, wanted in here.outputs.items():
        got = there.outputs[name]
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        assert compare.agree(got, wanted), f"{where}: {name}"
    for name, series in here.series.items():
        assert [frame for frame, _ in there.series[name]] == [frame for frame, _ in series]
        assert all(math.isfinite(number) for _, number in there.series[name]), f"{where}: {name}"
    if compare.rule != "invariants":
        for index, (got, wanted) in enumerate(zip(there.frames, here.frames, strict=True)):
            off = np.abs(got.astype(np.int16) - wanted.astype(np.int16)).mean()
            assert off <= compare.pixels, f"{where}: frame {index} is off by {off:.2f} levels"


def verdicts(
    kernel: KernelBase[Any], arguments: Mapping[str, Json], played: Played
) -> dict[str, str]:
    """What the kernel's own checks say of a run."""
    frames = played.frames
    changes = sum(not np.array_equal(a, b) for a, b in itertools.pairwise(frames))
    _, checks = kernel.conclude(
        Evidence(
            arguments=arguments,
            series={name: tuple(series) for name, series in played.series.items()},
            outputs=played.outputs,
            frames=len(frames),
            distinct_frames=changes + 1,
        )
    )
    return {check.name: check.status for check in checks}
