"""Recipes are files; a broken one is named with its line."""

from __future__ import annotations

from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.errors import InvalidPlan, NotFound
from intentos.planners.library import Library, RecipeWarning, builtin_folder, read_recipe
from intentos.registry import Registry

BALL = Path(__file__).with_name("thrown_ball.yaml")
"""A recipe that stays as it is, whatever becomes of the library's."""


def own(settings: Settings, name: str, text: str) -> Path:
    """Put a recipe into the person's own folder."""
    settings.recipes.mkdir(parents=True, exist_ok=True)
    path = settings.recipes / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def cold(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with an empty cache."""
    return settings.model_copy(update={"cache": tmp_path / "cache"})


def test_a_recipe_becomes_a_pinned_plan(registry: Registry) -> None:
    plan = read_recipe(BALL).plan(registry)
    assert plan.origin == "recipe"
    assert plan.recipe == "thrown_ball"
    assert plan.interpretation.text("zh", plan.defaults).startswith("以 20 米/秒")
    assert plan.digest == read_recipe(BALL).plan(registry).digest


def test_all_recipes_of_the_house_can_be_read_and_their_test_values_fit() -> None:
    for path in builtin_folder().glob("*.yaml"):
        recipe = read_recipe(path)
        assert recipe.test, path.name


def test_the_persons_own_recipes_are_found(registry: Registry, cold: Settings) -> None:
    path = own(
        cold, "my_ball.yaml", BALL.read_text("utf-8").replace("id: thrown_ball", "id: my_ball")
    )
    library = Library(registry, cold)
    assert library.get("my_ball").title.en == "The path of a thrown ball"
    assert library.source("my_ball") == path
    with pytest.raises(NotFound, match="nothing_such"):
        library.get("nothing_such")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("my_ball.yaml", "minimum: 1\n    maximum: 500", "minimum: 600\n    maximum: 500", "speed"),
        ("my_ball.yaml", "kind: colour", "kind: smell", "line {line}"),
        ("my_ball.yaml", "{speed:g} m/s", "{sped:g} m/s", "sped"),
        ("my_ball.yaml", "id: my_ball\n", "id: my_ball\nid: again\n", "line 3, column 1"),
        ("my_ball.yaml", "test: {speed: 10", "test: {speed: 1000", "1 to 500"),
        ("other.yaml", "id: my_ball", "id: my_ball", "must be called my_ball.yaml"),
        ("my_ball.yaml", "id: my_ball", "id: pendulum", "pendulum"),
    ],
)
def test_a_broken_recipe_of_ones_own_is_a_warning_and_the_rest_goes_on(
    registry: Registry, cold: Settings, name: str, old: str, new: str, message: str
) -> None:
    text = BALL.read_text("utf-8").replace("id: thrown_ball", "id: my_ball")
    line = text[: text.index(old)].count("\n") + 1
    house = Library(registry, cold).all()
    own(cold, name, text.replace(old, new))
    library = Library(registry, cold)
    with pytest.warns(RecipeWarning, match=message.format(line=line)):
        assert library.all() == house


def test_who_ends_does_not_wait_until_a_cold_library_is_read(
    registry: Registry, cold: Settings
) -> None:
    library = Library(registry, cold)
    with ThreadPoolExecutor(2) as threads:
        reading = [threads.submit(library.all) for _ in range(2)]
        library.leave()
        for waiting in reading:
            assert isinstance(waiting.exception(60), CancelledError)
    assert not library.parsed.exists()  # nothing half is kept
    assert Library(registry, cold).get("thrown_ball")


def test_a_second_start_reads_the_cache_and_a_changed_file_anew(
    registry: Registry, cold: Settings
) -> None:
    text = BALL.read_text("utf-8").replace("id: thrown_ball", "id: my_ball")
    path = own(cold, "my_ball.yaml", text)
    first = Library(registry, cold).get("my_ball")
    kept = Library(registry, cold).parsed
    assert kept.exists()
    assert Library(registry, cold).get("my_ball") == first
    path.write_text(text.replace("default: 20\n", "default: 33\n"), "utf-8")
    assert Library(registry, cold).get("my_ball").parameters[0].default == 33
    kept.write_text('{"format": 1, "fil', "utf-8")
    assert Library(registry, cold).get("my_ball").parameters[0].default == 33


def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidPlan, match=r"binary\.yaml"):
        read_recipe(path)
