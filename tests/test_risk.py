"""Risk comes from rules over the plan and this machine, and from nothing that a plan says."""

from __future__ import annotations

from typing import Any

import pytest

from intentos import risk
from intentos.plan import Plan, Step
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.risk import Circumstances, Place, assess
from intentos.types import Estimate, Isolation, Limits, Origin

from .parts import plan_of

HOUSE = Circumstances(
    brought_by=OWN_DISTRIBUTION, places={"s": Place(executor="sandbox", isolation="sandbox")}
)


def python(code: str = "import math", origin: Origin = "recipe", **changes: Any) -> Plan:
    """Return a plan with one Python step ``s``."""
    step = Step(id="s", language="python", code=code, **changes)
    return plan_of(steps=(step,), origin=origin, recipe="primes")


def codes(plan: Plan, circumstances: Circumstances = HOUSE) -> dict[str, str]:
    """Return reason → level."""
    return {r.says.code: r.level for r in assess(plan, circumstances).reasons}


def test_a_recipe_of_the_house_in_the_sandbox_is_of_low_risk() -> None:
    found = assess(python(), HOUSE)
    assert found.level == "low"
    assert "comes with IntentOS" in found.text("en")
    assert "自带" in found.text("zh")


@pytest.mark.parametrize(
    ("origin", "brought_by", "reason"),
    [
        ("recipe", None, "risk.unknown"),  # a file that calls itself a recipe
        ("recipe", "", "risk.own"),
        ("recipe", "intentos-cats", "risk.package"),
        ("composed", OWN_DISTRIBUTION, "risk.composed"),
        ("generated", OWN_DISTRIBUTION, "risk.generated"),
        ("edited", OWN_DISTRIBUTION, "risk.edited"),
    ],
)
def test_everything_else_counts_by_where_it_comes_from(
    origin: Origin, brought_by: str | None, reason: str
) -> None:
    known = Circumstances(brought_by=brought_by, places=HOUSE.places)
    assert codes(python(origin=origin), known) == {reason: "medium"}


@pytest.mark.parametrize(
    ("code", "reason", "level"),
    [
        ("import subprocess", "risk.reaching", "high"),
        ("eval('1')", "risk.opaque", "high"),
        ("def", "risk.unreadable", "high"),
        ("import astropy", "risk.unusual", "medium"),
    ],
)
def test_code_counts_by_what_it_names(code: str, reason: str, level: str) -> None:
    assert codes(python(code))[reason] == level


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"memory_bytes": risk.MEMORY_BYTES + 1}, "risk.memory"),
        ({"wall_time": risk.SECONDS + 1}, "risk.seconds"),
        ({"artifact_bytes": risk.STORAGE_BYTES + 1}, "risk.storage"),
        ({"processes": risk.PROCESSES + 1}, "risk.processes"),
    ],
)
def test_sizes_count_above_a_line(limits: dict[str, Any], reason: str) -> None:
    assert codes(python(limits=Limits(**limits)))[reason] == "medium"
    (name,) = limits
    assert reason not in codes(python(limits=Limits(**{name: limits[name] - 1})))


def test_what_is_expected_of_it_counts_as_well() -> None:
    long = Circumstances(
        brought_by=OWN_DISTRIBUTION, estimates={"s": Estimate(seconds=900, memory_bytes=2**33)}
    )
    assert codes(python(), long) == {
        "risk.house": "low", "risk.long": "medium", "risk.large": "medium",
    }  # fmt: skip


@pytest.mark.parametrize("need", ["network", "read_files", "write_files"])
def test_needs_beyond_the_sandbox_are_of_high_risk(need: Any) -> None:
    assert codes(python(needs={need, "gpu"}))[f"risk.{need}"] == "high"


@pytest.mark.parametrize(
    ("language", "isolation", "reason"),
    [
        ("python", "none", "risk.bare"),
        ("python", "process", "risk.bare"),
        ("wgsl", "process", "risk.process"),
        ("wgsl", "remote", "risk.remote"),
        ("kernel", "process", None),  # IntentOS's own code
    ],
)
def test_walls_count(language: str, isolation: Isolation, reason: str | None) -> None:
    plan = plan_of(steps=(Step(id="s", language=language, code="pass"),), recipe="x")
    places = {"s": Place(executor="e", isolation=isolation)}
    found = codes(plan, Circumstances(brought_by=OWN_DISTRIBUTION, places=places))
    assert set(found) == {"risk.house"} | ({reason} if reason else set())


def test_what_a_stranger_brings_is_named() -> None:
    kernel = plan_of(steps=(Step(id="s", language="kernel", code="cats"),), recipe="x")
    theirs = Circumstances(brought_by=OWN_DISTRIBUTION, kernels={"cats": "intentos-cats"})
    assert "cats of the package intentos-cats" in assess(kernel, theirs).text("en")
    places = {"s": Place(executor="fast", isolation="sandbox", package="intentos-fast")}
    assert "fast of the package intentos-fast" in assess(
        python(), Circumstances(brought_by=OWN_DISTRIBUTION, places=places)
    ).text("en")


def test_every_recipe_of_the_house_is_of_low_risk(settings: Any) -> None:
    registry = Registry(plugins=False)
    recipes = registry.planner(settings=settings).recipes
    folder = registry.recipe_folders()["intentos-runtime/builtin"]
    risky = {}
    for path in sorted(folder.glob("*.yaml"))[::10]:  # each in turn is opened by its own test
        (proposal, *_) = recipes.read(path)
        plan = proposal.plan
        assert plan.recipe is not None
        known = Circumstances(
            brought_by=recipes.brought_by(plan.recipe, plan.digest),
            kernels=registry.names("kernels"),
        )
        if (found := assess(plan, known)).level != "low":
            risky[plan.recipe] = found.text("en")
    assert risky == {}
