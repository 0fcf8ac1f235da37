"""A recipe is written from a template, checked, and each of its knobs is turned once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intentos.knobs import Turned, another
from intentos.parameters import Parameter
from intentos.types import Problem, Value, Words

from .test_cli import intentos

DEAD = """  - name: dead
    label: {en: Dead, zh: 无用}
    default: 1
    minimum: 0
    maximum: 9
"""


def knob(**changes: object) -> Parameter:
    """Return a parameter."""
    fields: dict[str, object] = {"name": "n", "label": Words(en="N"), "default": 1}
    return Parameter.model_validate(fields | changes)


def test_a_template_is_checked_and_a_knob_that_changes_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my_dice.yaml"
    assert intentos("recipes", "new", "My dice", "-o", str(path)).returncode == 0
    assert intentos("recipes", "new", "My dice", "-o", str(path)).returncode == 2
    whole = intentos("recipes", "check", str(path), "--json")
    assert whole.returncode == 0, whole.stderr
    found = json.loads(whole.stdout)
    assert [k["name"] for k in found["knobs"]] == ["dice", "wanted", "throws", "colour"]
    assert {c["name"]: c["status"] for c in found["checks"]}["near_theory"] == "passed"
    assert len(found["runs"]) == 5

    text = path.read_text("utf-8")
    path.write_text(text.replace("  - name: wanted\n", DEAD + "  - name: wanted\n"), "utf-8")
    dead = intentos("recipes", "check", str(path))
    assert dead.returncode == 1
    assert "dead = 1.3: changes neither picture nor number" in dead.stdout
    assert not (tmp_path / "preferences.json").exists()


def test_laws_are_checked_in_every_direction_that_their_knobs_need() -> None:
    path = Path(__file__).parent / "planners" / "bend.yaml"
    whole = intentos("recipes", "check", str(path), "--json")
    assert whole.returncode == 0, whole.stderr
    found = json.loads(whole.stdout)
    assert [k["name"] for k in found["knobs"]] == [
        "force", "mass", "speed", "radius", "gravity", "find",
    ]  # fmt: skip
    # Of what is open a number says nothing: its knob was turned with another one open.
    assert found["knobs"][0]["numbers"] == ["mass", "sentence"]
    assert len(found["runs"]) == 9


@pytest.mark.parametrize(
    ("parameter", "value", "other"),
    [
        (knob(), 1.0, 1.3),
        (knob(maximum=1), 1.0, 0.7),
        (knob(kind="integer", minimum=0), 1, 2),
        (knob(kind="integer", minimum=1, maximum=1), 1, None),
        (knob(kind="boolean", default=False), False, True),
        (knob(kind="choice", choices=("a", "b"), default="a"), "a", "b"),
        (knob(kind="choice", choices=("a",), default="a"), "a", None),
        (knob(kind="colour", default="#3a7bd5"), "#3a7bd5", "#e0245e"),
        (knob(kind="text", default="x"), "x", None),
    ],
)
def test_a_knob_is_turned_to_something_else_that_it_accepts(
    parameter: Parameter, value: Value, other: Value | None
) -> None:
    assert another(parameter, value) == other
    if other is not None:
        assert parameter.accept(other) != parameter.accept(value)


def test_what_a_knob_did_is_told_in_both_languages() -> None:
    assert Turned(name="n", value=2, numbers=("x",)).text("en") == "n = 2: changes x"
    assert Turned(name="n", value=2, picture=True).text("zh") == "n = 2：改变了画面"
    broken = Turned(name="n", value=2, picture=True, failed=("law",))
    assert not broken.good
    assert "law" in broken.text("zh")
    error = Problem(code="executor.failed", arguments={"what": "no"})
    assert not Turned(name="n", value=2, picture=True, error=error).good
    assert Turned(name="n", value=None).good
