"""What a person chose before is the default next time, and can be seen, changed and forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intentos.answer_units import UNITS, convert, in_units
from intentos.config import Settings
from intentos.errors import StoreError, UsageError
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.preferences import Preferences, is_taste
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Value, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, Reply, plan_of
from .test_cli import intentos


def knob(name: str, **changes: Any) -> Parameter:
    """Return a parameter."""
    return Parameter(**({"name": name, "label": Words(en=name.capitalize())} | changes))


PLAN = plan_of(
    "say hello",
    parameters=(
        knob("colour", kind="colour", default="#ff0000"),
        knob("palette", kind="choice", choices=("magma", "ocean"), default="magma"),
        knob("frames", kind="integer", minimum=2, maximum=500, default=96),
        knob("mass", default=1.0, unit="kg"),
        knob("width", default=2.0, unit="m"),
    ),
)


async def run(settings: Settings, proposal: Proposal, **options: Any) -> None:
    """Run one proposal to its end."""
    store = Store(settings)
    answers = options.pop("answers", ("approve",))
    registry = HandRegistry(InstantExecutor(), planner=FixedPlanner(lambda *_: proposal))
    runtime = Runtime(settings=settings, store=store, registry=registry, approver=Reply(*answers))
    wish = Intent(text="a red ball", language="en")
    async for _ in runtime.run(wish, **options):
        pass
    await runtime.close()
    store.close()


def known(settings: Settings) -> dict[str, Any]:
    """Return what is remembered, by name."""
    return {name: p.value for name, p in Preferences(settings).every().items()}


async def test_only_taste_is_learned_and_only_what_was_chosen(settings: Settings) -> None:
    said: dict[str, Value] = {"colour": "#00ff00", "mass": 5.0, "width": 3.0}
    await run(settings, Proposal(plan=PLAN, values=said), values={"frames": "24"})
    assert known(settings) == {"colour": "#00ff00", "frames": 24}
    kept = Preferences(settings).every()
    assert (kept["colour"].how, kept["frames"].how) == ("words", "set")
    assert kept["colour"].wish == "a red ball"


async def test_what_was_edited_in_the_plan_is_learned(settings: Settings) -> None:
    changed = Proposal(plan=PLAN, values={"palette": "ocean"})
    await run(settings, Proposal(plan=PLAN), answers=(changed, "approve"))
    assert known(settings) == {"palette": "ocean"}
    assert Preferences(settings).every()["palette"].how == "edited"


@pytest.mark.parametrize(
    ("proposal", "options"),
    [
        (Proposal(plan=PLAN, values={"frames": 7}), {"answers": ("reject",)}),
        (Proposal(plan=plan_of("break", parameters=PLAN.parameters), values={"frames": 7}), {}),
        (Proposal(plan=PLAN, values={"frames": 7}, preferred=frozenset({"frames"})), {}),
        (Proposal(plan=PLAN), {"plan": PLAN, "values": {"frames": 7}}),
        (
            Proposal(plan=PLAN, values={"frames": 7, "mass": 2.0}),
            {"table": Table(run="", plan=PLAN, values={"frames": 7, "mass": 1.0})},
        ),
    ],
    ids=["rejected", "failed", "an earlier choice", "a rerun", "left as it was"],
)
async def test_what_nobody_chose_is_not_learned(
    settings: Settings, proposal: Proposal, options: dict[str, Any]
) -> None:
    await run(settings, proposal, **options)
    assert known(settings) == {}


async def test_nothing_is_learned_where_learning_is_off(settings: Settings) -> None:
    off = settings.model_copy(update={"learn": False})
    await run(off, Proposal(plan=PLAN, values={"frames": 7}))
    assert known(settings) == {}


async def test_a_damaged_memory_neither_stops_a_run_nor_is_written_over(
    settings: Settings,
) -> None:
    path = Preferences(settings).path
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 1, "preferences": [', "utf-8")
    await run(settings, Proposal(plan=PLAN, values={"frames": 7}))
    store = Store(settings)
    assert store.run("last").status == "completed"
    store.close()
    with pytest.raises(StoreError, match="forget --all"):
        known(settings)
    assert path.read_text("utf-8").endswith("[")
    Preferences(settings).forget_all()
    assert known(settings) == {}


CHOOSES = """
import sys
from intentos import config
from intentos.preferences import Preferences

preferences = Preferences(config.load())
for number in range(1, 26):
    preferences.set(f"{sys.argv[1]}_{number}", "#123456")
"""


def test_two_processes_at_once_lose_nothing(settings: Settings) -> None:
    environment = {**os.environ, "INTENTOS_HOME": str(settings.home)}
    processes = [
        subprocess.Popen([sys.executable, "-c", CHOOSES, name], env=environment)
        for name in ("a", "b")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(known(settings)) == 50


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("colour", "#3A7BD5", "#3a7bd5"), ("frames", "48", 48), ("language", "zh", "zh"),
        ("palette", "ocean", "ocean"), ("speed", "km/h", "km/h"), ("temperature", "°F", "°F"),
    ],
)  # fmt: skip
def test_it_can_be_set_and_forgotten(settings: Settings, name: str, value: str, kept: str) -> None:
    preferences = Preferences(settings)
    preferences.set(name, value)
    assert known(settings) == {name: kept}
    preferences.forget(name)
    assert known(settings) == {}
    with pytest.raises(UsageError, match=name):
        preferences.forget(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mass", "5"), ("colour", "blue"), ("frames", "0"), ("frames", "1e3"), ("language", "fr"),
        ("speed", "knots"), ("Colour", "#ffffff"), ("palette", "../x"), ("frames", "٣"),
    ],
)  # fmt: skip
def test_what_is_no_taste_or_no_value_is_refused(settings: Settings, name: str, value: str) -> None:
    with pytest.raises(UsageError):
        Preferences(settings).set(name, value)
    assert known(settings) == {}


def test_what_belongs_to_a_wish_is_no_taste() -> None:
    assert [p.name for p in PLAN.parameters if is_taste(p)] == ["colour", "palette", "frames"]
    assert is_taste(knob("width", kind="integer", unit="px", default=640))
    assert not is_taste(knob("duration", default=3.0, unit="s"))


def test_answers_name_the_liked_unit_too() -> None:
    liked = {"speed": "km/h", "temperature": "°F", "length": "km"}
    assert in_units("It goes 20 m/s.", liked) == "It goes 20 m/s (72 km/h)."
    assert in_units("平均 12.5 米/秒", liked) == "平均 12.5 米/秒 (45 km/h)"
    assert in_units("Water boils at 100 °C", liked) == "Water boils at 100 °C (212 °F)"
    assert in_units("1,500 m in all", liked) == "1,500 m (1.5 km) in all"
    for same in ("5 m² of 3 m/s² in 4 minutes", "90 km/h", "v5 m", "2 in 3"):
        assert in_units(same, liked) == same
    assert in_units("20 m/s", {}) == "20 m/s"


@pytest.mark.parametrize(
    ("sentence", "liked", "expected"),
    [
        ("It leaves at 11.2 km/s.", {"speed": "km/h"}, "11.2 km/s (40,320 km/h)"),
        ("第二宇宙速度 11.2 千米/秒", {"speed": "m/s"}, "11.2 千米/秒 (11,200 m/s)"),
        ("The pressure is 101.325 kPa.", {"pressure": "atm"}, "101.325 kPa (1 atm)"),
        ("压强 202.65 千帕", {"pressure": "atm"}, "202.65 千帕 (2 atm)"),
        ("Each end pulls with 207 N.", {"force": "kN"}, "207 N (0.207 kN)"),
        ("每端拉力 2000 牛。", {"force": "kN"}, "2000 牛 (2 kN)"),
        ("A heater of 1,500 W", {"power": "kW"}, "1,500 W (1.5 kW)"),
        ("It takes 7.2 kJ", {"energy": "J"}, "7.2 kJ (7,200 J)"),
        ("用去 2 千瓦时", {"energy": "MJ"}, "2 千瓦时 (7.2 MJ)"),
        ("0.5 AU from the star", {"length": "km"}, "0.5 AU (7.48e+07 km)"),
        ("1,696 litres run out", {"volume": "m³"}, "1,696 litres (1.696 m³)"),
    ],
)
def test_answers_name_every_quantity_in_the_liked_unit(
    sentence: str, liked: dict[str, str], expected: str
) -> None:
    assert expected in in_units(sentence, liked)


@pytest.mark.parametrize(
    "sentence",
    ["a spring of 20 N/m", "5 W/m² of 2 J/kg", "20 米每秒", "3 kg·m/s", "光波长 650 nm"],
)
def test_what_is_no_such_quantity_stays(sentence: str) -> None:
    liked = {"force": "kN", "power": "kW", "energy": "J", "length": "ft", "mass": "lb"}
    assert in_units(sentence, liked) == sentence


@pytest.mark.parametrize("family", UNITS)
def test_units_come_back_to_themselves(family: str) -> None:
    for unit in UNITS[family]:
        for other in UNITS[family]:
            assert convert(convert(37.5, unit, other), other, unit) == pytest.approx(37.5)


def test_the_command_lists_in_words_sets_and_forgets(home: Path) -> None:
    assert "Nothing is remembered" in intentos("preferences").stdout
    assert intentos("preferences", "set", "frames=24", "colour=#00ff00").returncode == 0
    listed = intentos("preferences").stdout
    assert "frames = 24: set by you" in listed
    entries = json.loads(intentos("preferences", "--json").stdout)
    assert [entry["name"] for entry in entries] == ["colour", "frames"]
    assert intentos("preferences", "set", "mass=3").returncode == 2
    assert intentos("preferences", "forget").returncode == 2
    assert intentos("preferences", "forget", "frames").returncode == 0
    assert intentos("preferences", "set", "language=zh").returncode == 0
    assert "由你设定" in intentos("preferences").stdout
    assert intentos("preferences", "forget", "--all").returncode == 0
    assert not (home / "preferences.json").exists()


def test_the_plan_of_the_test_is_a_plan() -> None:
    assert isinstance(PLAN, Plan)
    assert PlanningContext(trial=None, emit=lambda event: None).table is None
