"""The gallery: by subject, searched in both languages, tried with one click; the own ones first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nicegui.testing import User

from intentos import config
from intentos.config import Settings
from intentos.messages import message
from intentos.planners.library import builtin_folder
from intentos.protocols import Recipes
from intentos.registry import Registry
from intentos.ui.collection import FIRST, MOST_FOUND, SIX, Collection
from intentos.ui.desk import Desk
from intentos.ui.families import FAMILIES, OTHER
from intentos.ui.library import AT_ONCE, ON_SHELF

WAIT = 300
"""Tenths of a second that the library may take to be read."""


def save_own(settings: Settings, id: str, title: str) -> Path:
    """Write a recipe of the person's own, as a saved one is, and return its file."""
    text = (builtin_folder() / "percent_change.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("id:", "title:"))]
    settings.recipes.mkdir(parents=True, exist_ok=True)
    path = settings.recipes / f"{id}.yaml"
    head = [lines[0], f"id: {id}", f"title: {{en: '{title}'}}", "saved: r1", "base: percent_change"]
    path.write_text("\n".join([*head, *lines[1:]]) + "\n", "utf-8")
    return path


def marks(user: User) -> list[str]:
    """Return the recipes whose cards are on the page, in their order."""
    assert user.client is not None
    found = sorted(user.client.elements.values(), key=lambda element: element.id)
    names = [mark for element in found for mark in element._markers]
    return [mark.removeprefix("try-") for mark in names if mark.startswith("try-")]


async def at_library(user: User) -> None:
    """Open the library and wait until it has been read."""
    await user.open("/library")
    await user.should_see(marker="search", retries=WAIT)


async def until(user: User, marker: str) -> None:
    await user.should_see(marker=marker, retries=WAIT)


# ---- what it shows ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Recipes:
    settings = config.load().model_copy(update={"home": tmp_path_factory.mktemp("library")})
    return Registry().planner(settings=settings).recipes


def test_every_recipe_of_the_house_stands_with_its_subject(recipes: Recipes) -> None:
    collection = Collection(recipes, "en")
    assert OTHER not in collection.shelves
    assert list(collection.shelves) == list(FAMILIES)
    assert all(shelf.pictured for shelf in collection.shelves.values())
    shown = [i for s in collection.shelves.values() for i in (*s.pictured, *s.laws)]
    assert len(shown) == len(collection.by_id)
    for family, first in FIRST.items():
        beginning = [info.id for info in collection.shelves[family].pictured[: len(first)]]
        assert beginning == list(first)


@pytest.mark.parametrize(
    ("language", "typed", "first"),
    [
        ("en", "galax", "galaxies_collide"),
        ("en", "a burning can", "candle"),
        ("en", "LORENZ", "lorenz_attractor"),
        ("en", "two galaxies crash into one another", "galaxies_collide"),
        ("zh", "双摆", "double_pendulum"),
        ("zh", "蜡烛", "candle"),
        ("zh", "galax", "galaxies_collide"),
        ("en", "双摆", "double_pendulum"),
    ],
)
def test_it_finds_while_one_types_in_both_languages(
    recipes: Recipes, language: str, typed: str, first: str
) -> None:
    found = [info.id for info in Collection(recipes, language).search(typed)]
    assert first in found[:3]
    assert len(found) == len(set(found)) <= MOST_FOUND


@pytest.mark.parametrize(
    "typed", ["", "   ", "zzqqxx", "<script>", "%' OR 1=1", "a" * 5000, "\x00"]
)
def test_what_means_nothing_finds_nothing_and_breaks_nothing(recipes: Recipes, typed: str) -> None:
    assert Collection(recipes, "en").search(typed) == []


# ---- the page ---------------------------------------------------------------------------------


async def test_the_first_screen_is_small_and_the_rest_comes_later(user: User) -> None:
    await at_library(user)
    shown = marks(user)
    assert 10 < len(shown) <= 4 * ON_SHELF
    user.find(marker="more").click()
    await asyncio.sleep(0.2)
    assert len(shown) < len(marks(user)) <= 8 * ON_SHELF


async def test_a_subject_shows_its_pictures_and_its_equations(user: User) -> None:
    await at_library(user)
    user.find(marker="family-life").click()
    await until(user, "try-bird_flock")
    assert marks(user)[:2] == ["bird_flock", "fish_school"]
    assert len(marks(user)) == AT_ONCE
    for _ in range(3):  # the rest of its pictures, and then what stands below them
        user.find(marker="more").click()
        await asyncio.sleep(0.2)
    await user.should_see(message("window_library.equations"))
    assert len(marks(user)) <= 4 * AT_ONCE


async def test_one_click_tries_one(user: User, desk: Desk) -> None:
    await at_library(user)
    user.find(marker="family-numbers").click()
    await until(user, "try-prime_count")
    user.find(marker="try-prime_count").click()
    for _ in range(WAIT):
        if talks := desk.talks():
            break
        await asyncio.sleep(0.1)
    runs = desk.turns(talks[0].id)
    for _ in range(WAIT):
        runs = desk.turns(talks[0].id)
        if runs and runs[0].run.plan is not None:
            break
        await asyncio.sleep(0.1)
    plan = runs[0].run.plan
    assert plan is not None
    assert plan.recipe == "prime_count"
    await until(user, "plan")


async def test_a_search_that_finds_nothing_suggests_and_asks_all_the_same(user: User) -> None:
    await at_library(user)
    user.find(marker="search").type("zzqqxx")
    await user.should_see(message("window_library.nothing", text="zzqqxx"), retries=WAIT)
    assert set(marks(user)) == set(SIX)
    await user.should_see(marker="ask")
    user.find(marker="search").clear()
    await until(user, "all-scenes")


async def test_both_languages(user: User) -> None:
    user.http_client.headers["accept-language"] = "zh-CN,zh;q=0.9"
    await at_library(user)
    await user.should_see(message("window_library.title", "zh"))
    await user.should_see(message("family.scenes", "zh"))


# ---- the person's own -------------------------------------------------------------------------


async def test_ones_own_are_first_renamed_and_deleted_after_a_question(
    user: User, settings: Settings
) -> None:
    path = save_own(settings, "mine", "<img src=x onerror=alert(1)> sale")
    await at_library(user)
    assert marks(user)[0] == "mine"
    await user.should_see("<img src=x onerror=alert(1)> sale")

    user.find(marker="rename-mine").click()
    await until(user, "new-name")
    user.find(marker="new-name").clear().type("Zebra prices")
    user.find(marker="do").click()
    await user.should_see(message("window_library.renamed", name="Zebra prices"), retries=WAIT)
    assert "Zebra prices" in path.read_text("utf-8")

    user.find(marker="delete-mine").click()
    await user.should_see(message("window_library.delete_title", name="Zebra prices"))
    user.find(marker="keep").click()
    await asyncio.sleep(0.2)
    assert path.exists()

    user.find(marker="delete-mine").click()
    await user.should_see(message("window_library.delete_title", name="Zebra prices"))
    user.find(marker="do").click()
    await user.should_see(message("window_library.deleted", name="Zebra prices"), retries=WAIT)
    assert not path.exists()
    assert "mine" not in marks(user)


async def test_a_name_that_is_taken_is_refused_in_words(user: User, settings: Settings) -> None:
    save_own(settings, "mine", "My sale")
    save_own(settings, "other", "My tips")
    await at_library(user)
    user.find(marker="rename-mine").click()
    await until(user, "new-name")
    user.find(marker="new-name").clear().type("my tips")
    user.find(marker="do").click()
    await user.should_see(message("save.taken_here", name="my tips"), retries=WAIT)


# ---- an empty window --------------------------------------------------------------------------


async def test_an_empty_window_shows_six_to_try(user: User, recipes: Recipes) -> None:
    await user.open("/")
    await until(user, "six")
    assert marks(user) == list(SIX)
    title = next(info.title.en for info in recipes.every() if info.id == SIX[0])
    await user.should_see(title, retries=WAIT)
    assert user.client is not None
    images = [e for e in user.client.elements.values() if e.tag == "img"]
    assert len(images) == 6
    assert all(".living.webp" in str(image.props["src"]) for image in images)
