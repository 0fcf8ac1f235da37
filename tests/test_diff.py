"""Two plans or runs are told apart in values, ranges, checks, needs, limits and code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intentos import diff
from intentos.config import Settings
from intentos.diff import Side, compare, text
from intentos.errors import NotFound, UsageError
from intentos.events import PlanProposed, RunStarted
from intentos.parameters import Parameter
from intentos.plan import CheckSpec, Plan, Step
from intentos.plan_file import dump_plan
from intentos.store import Store
from intentos.types import Intent, Limits, Words, new_id

from .parts import plan_of, write
from .test_cli import intentos

CODE = "import math\nreport('x', math.sqrt(2))\n"


def plan(code: str = CODE, **changes: object) -> Plan:
    """Return a Python plan."""
    step = {"id": "compute", "language": "python", "code": code}
    fields = {
        "parameters": (Parameter(name="n", label=Words(en="N"), maximum=9, default=2, unit="m"),),
        "checks": (CheckSpec(name="small", expect="x < 2"),),
        "steps": (Step.model_validate(step | changes),),
    }
    return plan_of(**fields)


def between(before: Plan, after: Plan, **values: float) -> dict[str, list[str]]:
    """Return section → lines."""
    sections = compare(
        Side(name="a", plan=before, values=before.defaults),
        Side(name="b", plan=after, values=after.accept(values)),
    )
    return {section.title.removeprefix("diff."): list(section.lines) for section in sections}


def test_the_same_is_the_same_whatever_it_is_called() -> None:
    other = plan().model_copy(update={"title": Words(en="Other words"), "origin": "edited"})
    assert between(plan(), other) == {}


def test_values_are_told_with_their_units() -> None:
    assert between(plan(), plan(), n=3) == {"values": ["-n = 2 m", "+n = 3 m"]}


def test_code_is_told_with_what_it_may_touch() -> None:
    wider = plan(CODE.replace("math", "numpy"), needs=["network"], limits=Limits(wall_time=600))
    found = between(plan(), wider)
    assert list(found) == ["needs", "code"]
    assert {"+need: network", "-compute: import math", "+compute: import numpy"} <= set(
        found["needs"]
    )
    assert {"-compute: wall_time 120", "+compute: wall_time 600"} <= set(found["needs"])
    assert "+import numpy" in found["code"]


def test_an_import_inside_a_function_counts() -> None:
    hidden = plan(CODE + "def f():\n    from os import path\n")
    assert between(plan(), hidden)["needs"] == ["+compute: import os"]


def test_ranges_checks_and_steps_are_told() -> None:
    loose = plan().model_copy(
        update={
            "parameters": (plan().parameters[0].model_copy(update={"maximum": 99.0}),),
            "checks": (),
        }
    )
    found = between(plan(), loose)
    assert found["parameters"] == ["-n: number, −∞ … 9 m", "+n: number, −∞ … 99 m"]
    assert found["checks"] == ["-small (generic): x < 2"]
    more = plan().model_copy(update={"steps": (*plan().steps, *plan_of("say hi").steps)})
    assert "+say hi" in between(plan(), more)["code"]
    turned = more.model_copy(update={"steps": more.steps[::-1]})
    assert "steps" in between(more, turned)


def test_it_reads_in_both_languages() -> None:
    sections = compare(
        Side(name="a", plan=plan(), values={"n": 2.0}),
        Side(name="b", plan=plan(), values={"n": 3.0}),
    )
    assert text(sections, "a", "b", "en").splitlines()[:3] == ["--- a", "+++ b", "@@ values @@"]
    assert "@@ 取值 @@" in text(sections, "a", "b", "zh")
    assert text((), "a", "b", "en") == ""


def test_files_and_runs_are_sides(settings: Settings, tmp_path: Path) -> None:
    store = Store(settings)
    id = new_id()
    intent = Intent(text="x", language="en")
    store.append(RunStarted(run_id=id, intent=intent, seed=1))
    with pytest.raises(UsageError, match="never got a plan"):
        diff.side(id, store)
    kept = plan()
    store.append(PlanProposed(run_id=id, plan=kept, values={"n": 4.0}))
    path = write(tmp_path / "p.yaml", dump_plan(kept, {"n": 5.0}))
    lines = compare(diff.side("last", store), diff.side(str(path), store))[0].lines
    assert lines == ("-n = 4 m", "+n = 5 m")
    assert store.plan(kept.id) == (kept, {"n": 4.0})
    assert store.plan(new_id()) is None
    with pytest.raises(NotFound):
        diff.side("no such thing", store)
    store.close()


def test_the_command_says_by_its_exit_code(tmp_path: Path) -> None:
    a = write(tmp_path / "a.yaml", dump_plan(plan(), {"n": 2.0}))
    b = write(tmp_path / "b.yaml", dump_plan(plan(), {"n": 3.0}))
    assert intentos("diff", str(a), str(a)).returncode == 0
    different = intentos("diff", str(a), str(b))
    assert (different.returncode, "+n = 3 m" in different.stdout) == (1, True)
    found = json.loads(intentos("diff", str(a), str(b), "--json").stdout)
    assert found["same"] is False
    assert found["sections"][0]["kind"] == "values"
    assert intentos("diff", str(a), "nothing").returncode == 2
    assert intentos("diff", str(a), str(write(tmp_path / "c.yaml", "[]"))).returncode == 2
