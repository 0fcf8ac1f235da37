"""A law is ten lines of YAML; it can be solved for every one of its quantities."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.checks import answer
from intentos.config import Settings
from intentos.errors import InvalidPlan
from intentos.planners.law import FIND, laws_folder
from intentos.planners.library import Library, Recipe, read_recipes
from intentos.policy import ApproveAll
from intentos.quantity_names import has_name
from intentos.registry import Registry
from intentos.run import RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Value

BEND = Path(__file__).with_name("bend.yaml")
FILES = sorted(laws_folder().glob("*.yaml"))


@cache
def bend() -> Recipe:
    """Return the law of these tests."""
    return read_recipes(BEND)[0]


def solved(recipe: Recipe, values: Mapping[str, Value], language: str = "en") -> dict[str, Any]:
    """Return what a law's step reports, without its picture; as the sandbox runs it."""
    found: dict[str, Any] = {}

    def report(name: str, value: object, unit: str = "") -> None:
        found[name] = value

    code, _, picture = recipe.steps[0].code.partition("# The picture")
    assert picture
    defaults = {p.name: p.default for p in recipe.parameters}
    names = {"parameters": {**defaults, **values}, "language": language, "report": report}
    exec(compile(code, recipe.id, "exec"), names)
    return found


def test_the_open_quantity_follows_from_the_others() -> None:
    assert solved(bend(), {})["force"] == pytest.approx(4500)
    assert solved(bend(), {FIND: "radius", "force": 9000})["radius"] == pytest.approx(30)
    found = solved(bend(), {FIND: "mass", "force": 9000}, "zh")
    assert found["sentence"].startswith("质量：2,400 千克（2.4 吨）；与车重之比 0.382263")


def test_where_there_is_no_formula_it_is_looked_for() -> None:
    assert solved(bend(), {FIND: "speed", "force": 18000})["speed"] == pytest.approx(30, rel=1e-9)


def test_numbers_that_no_value_fits_are_an_error_in_the_persons_language() -> None:
    with pytest.raises(ValueError, match=r"no Mass goes with .*Speed 0 m/s"):
        solved(bend(), {FIND: "mass", "speed": 0})
    with pytest.raises(ValueError, match="没有一个“速度”能同时满足"):
        solved(bend(), {FIND: "speed", "force": 1e18}, "zh")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_was_found_gives_back_what_was_said(data: st.DataObject) -> None:
    values: dict[str, Value] = {
        name: data.draw(st.floats(0.5, 500), name) for name in ("mass", "speed", "radius")
    }
    force = solved(bend(), values)["force"]
    for name in ("mass", "speed", "radius"):
        again = solved(bend(), {**values, "force": force, FIND: name})
        assert again[name] == pytest.approx(values[name], rel=1e-6)
        assert again["off_by"] < 1e-6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("force * radius / speed**2", "force / speed**2", "mass: its formula gives"),
        ("mass * speed**2 / radius, aliases", "mas * speed, aliases", "mas is not known"),
        ("asks: force", "asks: speed", "asks: 'speed'"),
        ("example: 1200, ", "", "mass: an example is missing"),
        ("by: speed**2 / radius / gravity", "by: '[].append(radius)'", "not allowed"),
        ("name: gravity", "name: force", "names of their own"),
        ("name: in_g", "name: sentence", "none of find, off_by, sentence"),
    ],
)
def test_a_broken_law_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = BEND.read_text("utf-8")
    assert old in text
    path = tmp_path / "broken.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InvalidPlan, match=message):
        read_recipes(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_law_of_the_house_is_solved_in_every_direction(
    path: Path, registry: Registry
) -> None:
    from matplotlib.mathtext import MathTextParser

    parser: Any = MathTextParser("path")
    for recipe in read_recipes(path):
        knobs = {p.name: p for p in recipe.parameters}
        plan = recipe.plan(registry)
        assert len(recipe.phrasings.en) >= 5 <= len(recipe.phrasings.zh), recipe.id
        for name in knobs[FIND].choices:
            for language in ("en", "zh"):
                found = solved(recipe, {FIND: name}, language)
                assert found[name] == pytest.approx(knobs[name].default, rel=1e-4, abs=1e-9), (
                    recipe.id
                )
                assert found["off_by"] < 1e-6, recipe.id
                assert found["sentence"].endswith("。" if language == "zh" else "."), recipe.id
                assert [n for n in found if not has_name(n, plan)] == [], recipe.id
        code = recipe.steps[0].code
        parser.parse(f"${formula_of(code)}$")


def formula_of(code: str) -> str:
    """Return the formula that a law's code draws."""
    names: dict[str, Any] = {}
    text = code[code.index("law = ") : code.index("\nways = ")]
    exec(text, names)
    return str(names["law"]["formula"])


def test_laws_stand_in_the_library(registry: Registry, settings: Settings) -> None:
    library = Library(registry, settings)
    for path in FILES:
        for recipe in read_recipes(path):
            assert library.get(recipe.id).title == recipe.title
            assert library.source(recipe.id) == path


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_law_runs_in_the_sandbox_and_draws(
    registry: Registry, settings: Settings, language: Any
) -> None:
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=registry, approver=ApproveAll("test")
    )
    plan = bend().plan(registry)
    wish = Intent(text="how fast", language=language)
    values = {**plan.defaults, FIND: "speed"}
    events = [e async for e in runtime.run(wish, plan=plan, values=values)]
    run = store.run(events[0].run_id)
    store.close()
    assert run.status is RunStatus.COMPLETED, run.error or [r.stderr for r in run.results]
    assert run.badge == "plausible"
    assert "law.png" in [a.name for a in run.artifacts]
    said = answer(plan, run.values, run.quantities, language)
    assert said.startswith(
        "速度：15 米/秒（54 千米/小时）" if language == "zh" else "Speed: 15 m/s (54"
    )
