"""Every recipe of the house: it runs, answers in both languages; its checks and knobs are real."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from intentos.checks import answer, judge
from intentos.config import Settings
from intentos.formula import names_in
from intentos.gpu_step import LANGUAGES, prepare
from intentos.input_arrays import InputArrays
from intentos.messages import placeholders
from intentos.parameters import Parameter
from intentos.plan import CheckSpec, Plan
from intentos.planners.library import Recipe, builtin_folder, read_recipe
from intentos.policy import ApproveAll
from intentos.quantity_names import has_name, quantity_words
from intentos.registry import Registry
from intentos.report import export
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Json, Quantity

LOOKS: dict[str, NDArray[np.float32]] = {}
"""What each recipe drew in this session."""
RECIPES = sorted(path.stem for path in builtin_folder().glob("*.yaml"))
CHINESE = re.compile(r"[\u3400-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")
REPORTED = re.compile(r"""\breport\(["'](\w+)["'],""")


@cache
def recipe_of(name: str) -> Recipe:
    """Return a recipe that comes with IntentOS."""
    return read_recipe(builtin_folder() / f"{name}.yaml")


async def run_of(recipe: Recipe, plan: Plan, registry: Registry, settings: Settings) -> Run:
    """Run at the recipe's test size, as the command line does with --yes."""
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=registry, approver=ApproveAll("test")
    )
    files = await runtime.take_in_samples(recipe.samples)
    wish = Intent(text=recipe.phrasings.en[0], language="en", attachments=files)
    events = [e async for e in runtime.run(wish, plan=plan, values=dict(recipe.test))]
    run = store.run(events[0].run_id)
    export(run, settings.home / "shown", store)
    store.close()
    return run


def moving_or_drawn(folder: Path) -> bool:
    """Whether there is a film of several different frames, or a picture of several colours."""
    from PIL import Image

    for film in folder.glob("*.gif"):
        with Image.open(film) as image:
            seen = set()
            for frame in range(getattr(image, "n_frames", 1)):
                image.seek(frame)
                seen.add(image.convert("RGB").tobytes())
        return len(seen) > 1
    pictures = [Image.open(path).convert("L").getextrema() for path in folder.glob("*.png")]
    return any(low != high for low, high in pictures)


def look(folder: Path) -> NDArray[np.float32]:
    """Return a picture of 48 × 48 colours: the middle of a film, or the first still."""
    from PIL import Image

    path = next(iter([*sorted(folder.glob("*.gif")), *sorted(folder.glob("*.png"))]))
    with Image.open(path) as image:
        image.seek(getattr(image, "n_frames", 1) // 2)
        small = image.convert("RGB").resize((48, 48), Image.Resampling.BOX)
        return np.asarray(small, np.float32)


def can_fail(spec: CheckSpec, plan: Plan, run: Run) -> bool:
    """Whether the check fails for some wrong number in the place of a computed one."""
    alone = plan.model_copy(update={"checks": (spec,)})
    for name in names_in(spec.expect) & run.quantities.keys():
        for wrong in wrongly(run.quantities[name]):
            changed: Mapping[str, Quantity] = {**run.quantities, name: wrong}
            if judge(alone, run.values, changed)[0].status == "failed":
                return True
    return False


def wrongly(quantity: Quantity) -> Iterator[Quantity]:
    """Yield other numbers of the same unit."""
    right = float(quantity.value)
    for number in (1.5 * right + 1, -abs(right) - 1, 0.0, 1e9, -1e9):
        yield quantity.model_copy(update={"value": number})


@pytest.mark.parametrize("name", RECIPES)
async def test_it_runs_answers_and_judges(
    name: str, registry: Registry, settings: Settings
) -> None:
    recipe = recipe_of(name)
    plan = recipe.plan(registry)
    run = await run_of(recipe, plan, registry, settings)
    assert run.status is RunStatus.COMPLETED, run.error or [r.stderr for r in run.results]
    assert run.badge in ("verified", "plausible"), run.checks
    for language in ("en", "zh"):
        texts = [answer(plan, run.values, run.quantities, language)]
        texts += [plan.interpretation.text(language, run.values)]
        texts += [a.text.text(language, run.values) for a in plan.assumptions]
        assert all(text and "{" not in text for text in texts), texts
    assert moving_or_drawn(settings.home / "shown")
    LOOKS[name] = look(settings.home / "shown")
    assert [number for number in run.quantities if not has_name(number, plan)] == []
    assert plan.checks
    assert {check.status for check in judge(plan, run.values, run.quantities)} == {"passed"}
    assert [spec.name for spec in plan.checks if not can_fail(spec, plan, run)] == []


@pytest.mark.parametrize("name", RECIPES)
def test_every_number_is_called_something_in_both_languages(
    name: str, registry: Registry, tmp_path: Path
) -> None:
    recipe = recipe_of(name)
    plan = recipe.plan(registry)
    told = {number for step in recipe.steps for number in REPORTED.findall(step.code)}
    told |= placeholders(recipe.answer.en) - plan.defaults.keys()
    told |= {number for spec in recipe.checks for number in names_in(spec.expect)}
    assert [number for number in sorted(told) if not has_name(number, plan)] == []
    for number in told:
        words = quantity_words(number, plan)
        assert LATIN.search(words.en), (number, words)
        assert CHINESE.search(words.zh), (number, words)
    values = plan.accept(recipe.test)
    drawn = [step for step in plan.steps if step.language in LANGUAGES and not step.inputs]
    for step in drawn:
        program = prepare(step, values, frozenset(), InputArrays({}, tmp_path), registry).program
        charts = [p.name for p in program.probes if not (p.label_en and p.label_zh)]
        assert [chart for chart in charts if not has_name(chart, plan)] == []


@pytest.mark.parametrize("name", RECIPES)
def test_every_knob_is_connected(name: str) -> None:
    recipe = recipe_of(name)
    loose = [p.name for p in recipe.parameters if not connected(p, recipe)]
    assert loose == []
    assert len([p for p in recipe.parameters if p.name != "frames"]) >= 2


def connected(knob: Parameter, recipe: Recipe) -> bool:
    """Whether a step reads the knob: as ``$name``, and then in a formula, or in its code."""
    for step in recipe.steps:
        if re.search(rf"""parameters\[["']{knob.name}["']\]""", step.code):
            return True
        texts = dict(strings(step.arguments))
        for path in (p for p, text in texts.items() if text == f"${knob.name}"):
            if path[0] != "parameters":
                return True
            # A parameter of the formulas counts only where a formula says its name.
            word = re.compile(rf"\b{path[-1]}\b")
            if any(word.search(t) for p, t in texts.items() if not t.startswith("$")):
                return True
    return False


def strings(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in the arguments with the names that lead to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from strings(inner, (*path, str(number)))


@pytest.mark.parametrize("name", RECIPES)
def test_every_knob_is_called_something_in_both_languages(name: str) -> None:
    silent = [
        knob.name
        for knob in recipe_of(name).parameters
        if not any(CHINESE.search(alias) for alias in knob.aliases)
        or not any(LATIN.search(alias) for alias in knob.aliases)
    ]
    assert silent == []


def test_the_library_is_broad() -> None:
    recipes = [recipe_of(name) for name in RECIPES]
    assert len(recipes) >= 160
    used = Counter(
        code
        for recipe in recipes
        for code in {step.code for step in recipe.steps if step.language == "kernel"}
    )
    assert {kernel: n for kernel, n in used.items() if n > 0.15 * len(recipes)} == {}
    assert len(used) >= 15
    known = [r.id for r in recipes if any(spec.kind == "oracle" for spec in r.checks)]
    assert len(known) >= len(recipes) / 2


def test_no_two_recipes_are_asked_for_in_the_same_words() -> None:
    asked: dict[str, str] = {}
    for name in RECIPES:
        recipe = recipe_of(name)
        for text in (*recipe.phrasings.en, *recipe.phrasings.zh):
            key = re.sub(r"\W", "", text).lower()
            assert asked.setdefault(key, name) == name, text


def test_pictures_are_all_different() -> None:
    """Of the recipes that ran in this session: none looks like another."""
    alike = [
        (one, other)
        for one, other in itertools.combinations(sorted(LOOKS), 2)
        if abs(LOOKS[one] - LOOKS[other]).mean() < 4
    ]
    assert alike == []


def test_a_loose_knob_is_noticed() -> None:
    galaxy = recipe_of("spiral_galaxy")
    step = galaxy.steps[0]
    formulas = {k: v for k, v in step.arguments.items() if k not in ("x", "z")}
    stripped = galaxy.model_copy(
        update={"steps": (step.model_copy(update={"arguments": {**formulas, "x": "a", "z": "b"}}),)}
    )
    loose = [p.name for p in galaxy.parameters if not connected(p, stripped)]
    assert loose == ["arms", "winding"]


async def test_a_check_that_cannot_fail_is_noticed(registry: Registry, settings: Settings) -> None:
    ball = recipe_of("thrown_ball")
    plan = ball.plan(registry)
    run = await run_of(ball, plan, registry, settings)
    idle = CheckSpec(name="idle", kind="generic", expect="range > 0 or range <= 0")
    assert not can_fail(idle, plan, run)
