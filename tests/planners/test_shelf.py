"""The person's own recipes are renamed and deleted; nobody else's are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from intentos.config import Settings
from intentos.errors import NotFound, UsageError
from intentos.planners.library import Library, builtin_folder
from intentos.planners.search import Index
from intentos.planners.shelf import RecipeShelf
from intentos.registry import Registry


def own(settings: Settings, id: str, title: str) -> Path:
    """Write a recipe of the person's own, as a saved one is, and return its file."""
    text = (builtin_folder() / "percent_change.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("id:", "title:"))]
    settings.recipes.mkdir(parents=True, exist_ok=True)
    path = settings.recipes / f"{id}.yaml"
    head = [lines[0], f"id: {id}", f"title: {{en: {title}}}", "saved: run1", "base: percent_change"]
    path.write_text("\n".join([*head, *lines[1:]]) + "\n", "utf-8")
    return path


@pytest.fixture
def shelf(settings: Settings, registry: Registry) -> RecipeShelf:
    return RecipeShelf(Library(registry, settings), registry, settings.recipes)


def test_every_recipe_tells_its_subject_and_whose_it_is(
    shelf: RecipeShelf, settings: Settings
) -> None:
    own(settings, "mine", "My sale")
    every = {info.id: info for info in shelf.every()}
    assert every["galaxies_collide"].family == "astronomy"
    assert not every["galaxies_collide"].law
    assert every["galaxies_collide"].package is None
    assert (every["galaxy_mass"].family, every["galaxy_mass"].law) == ("astronomy", True)
    assert every["mine"].package == ""
    assert (every["mine"].saved, every["mine"].base) == ("run1", "percent_change")
    assert every["mine"].family == "everyday"


def test_renamed_it_is_found_by_its_new_name_only(
    shelf: RecipeShelf, settings: Settings, registry: Registry
) -> None:
    own(settings, "mine", "My zebra sale")
    library = Library(registry, settings)
    assert [hit.recipe.id for hit in Index(library.own()).search("zebra")] == ["mine"]
    renamed = shelf.rename("mine", "  Okapi   prices ")
    assert renamed.title.en == "Okapi prices"
    assert [hit.recipe.id for hit in Index(library.own()).search("okapi")] == ["mine"]
    assert Index(library.own()).search("zebra") == []


def test_a_name_is_one_recipes_only(shelf: RecipeShelf, settings: Settings) -> None:
    own(settings, "mine", "My sale")
    own(settings, "other", "My tips")
    with pytest.raises(UsageError) as taken:
        shelf.rename("mine", "my TIPS")
    assert taken.value.code == "save.taken_here"
    with pytest.raises(UsageError) as bad:
        shelf.rename("mine", "{}")
    assert bad.value.code == "save.bad_name"
    assert shelf.rename("mine", "My Sale").title.en == "My Sale"


def test_deleted_it_is_gone(shelf: RecipeShelf, settings: Settings) -> None:
    path = own(settings, "mine", "My sale")
    shelf.delete("mine")
    assert not path.exists()
    with pytest.raises(NotFound):
        shelf.get("mine")


@pytest.mark.parametrize("id", ["galaxies_collide", "galaxy_mass"])
def test_what_came_with_it_stays(shelf: RecipeShelf, id: str) -> None:
    for act in (shelf.delete, lambda id: shelf.rename(id, "Ours")):
        with pytest.raises(UsageError) as refused:
            act(id)
        assert refused.value.code == "save.not_own"
    assert shelf.get(id).plan.recipe == id


def test_what_needs_a_file_is_tried_with_a_small_table(shelf: RecipeShelf) -> None:
    proposal = shelf.get("csv_summary")
    assert {slot.name for slot in proposal.plan.attachments} == proposal.samples.keys()


def test_two_threads_that_ask_at_once_get_one_index(shelf: RecipeShelf) -> None:
    both = Barrier(2)

    def ask(_: int) -> object:
        both.wait()
        return shelf.index

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, range(2))
    assert first is second
