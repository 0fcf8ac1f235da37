"""Recipes are found by the words of both languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from intentos import config
from intentos.planners.library import Library, Recipe, builtin_folder, read_recipe
from intentos.planners.search import Index, stem, terms
from intentos.planners.words import without_asides
from intentos.registry import Registry

STEPS = [{"id": "run", "title": {"en": "Run"}, "language": "python", "code": "report('x', 1)"}]


@pytest.fixture(scope="module")
def library(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Return what comes with IntentOS, laws included, and nothing of anybody's own."""
    home = tmp_path_factory.mktemp("home")
    return Library(registry, config.load().model_copy(update={"home": home}))


@pytest.fixture(scope="module")
def recipes(library: Library) -> Sequence[Recipe]:
    """Return its recipes."""
    return library.all()


@pytest.fixture(scope="module")
def index(library: Library, recipes: Sequence[Recipe]) -> Index:
    """Return an index of it."""
    return Index(recipes, library.prepared)


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("how many primes are smaller than 3 million", "prime_count"),
        ("5万以内的质数有几个", "prime_count"),
        ("a ball flies at 12 m/s", "thrown_ball"),
        ("抛球能飞多远", "thrown_ball"),
        ("单摆", "pendulum"),
        ("plot exp(-x^2)", "function_plot"),
        ("画出 y=x^2*sin(x) 从-5到5", "function_plot"),
        ("plot the derivative of x^3", "derivative"),
        ("画x^2的切线", "derivative"),
        ("how long does a ball dropped from 20 m take, neglecting drag", "free_fall"),
    ],
)
def test_finds_by_words(index: Index, text: str, recipe: str) -> None:
    assert index.search(text)[0].recipe.id == recipe


def test_every_phrasing_finds_its_own_recipe_first(index: Index, recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        for text in (*recipe.phrasings.en, *recipe.phrasings.zh):
            assert index.search(text)[0].recipe.id == recipe.id, text


def test_numbers_and_colours_choose_no_recipe(index: Index) -> None:
    said = "how many primes are there below {}"
    one, other = index.search(said.format("one million")), index.search(said.format("7"))
    assert one[0] == other[0]
    assert one[0].score == pytest.approx(1.0)
    assert index.search("5000 blue") == []


def test_terms_are_stems_and_bigrams() -> None:
    assert terms("Please draw the turning hearts for me") == ["draw", "turn", "heart"]
    assert terms("帮我画一颗旋转的爱心") == ["旋转", "爱心"]
    assert [stem(w) for w in ("cars", "flies", "boxes", "running", "gas")] == [
        "car", "fly", "box", "run", "gas",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("a gentle snowfall", "snowfall"),  # two words in one
        ("a doubble pendulm", "double_pendulum"),  # misspelt
        ("how rapidly do prime numbers thin out under ten million", "prime_count"),
    ],
)
def test_finds_by_words_that_no_recipe_says(index: Index, text: str, recipe: str) -> None:
    assert index.search(text)[0].recipe.id == recipe


def test_a_word_of_the_same_family_finds_less_than_the_word_itself() -> None:
    one, other = ball("the_stone", "hurl a stone"), ball("the_lamp", "light a lamp")
    index = Index([one, other])
    said, meant = index.search("a stone"), index.search("a pebble")
    assert [hits[0].recipe.id for hits in (said, meant)] == ["the_stone", "the_stone"]
    assert said[0].weight > meant[0].weight > 0


def test_of_two_that_are_near_the_one_that_takes_the_numbers_is_likelier() -> None:
    length = {"name": "reach", "label": {"en": "reach"}, "default": 1, "unit": "m", "maximum": 90}
    mass = {"name": "load", "label": {"en": "load"}, "default": 1, "unit": "kg", "maximum": 90}
    far = ball("far", "fling the thing at the fence", parameters=[length])
    heavy = ball("heavy", "fling the thing at the wall", parameters=[mass])
    index = Index([far, heavy])
    for said, wanted in (("40 m", far), ("40 kg", heavy)):
        hits = index.search(f"fling the thing, {said}")
        assert hits[0].recipe is wanted
        assert hits[0].chance > 2 * hits[1].chance


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("two notes, 331 Hz over 334 Hz", "beats"),
        ("1500 ohm with 12 volts", "ohms_law"),
        ("欧姆", "ohms_law"),
        ("a rose", "flower"),
        ("烟花", "fireworks"),
        ("where is tan(x) the same as 2x", "find_root"),
    ],
)
def test_units_and_single_words_find_too(index: Index, text: str, recipe: str) -> None:
    assert index.search(text)[0].recipe.id == recipe


def test_what_a_recipe_has_no_knob_for_speaks_against_it(index: Index) -> None:
    plain = index.search("how many candles are on a birthday cake")[0]
    assert plain.recipe.id == "birthday_cake"
    quoted = index.search("the sum of the character codes of “happy birthday cake”")
    assert quoted[0].recipe.id == "text_codes"
    assert all(hit.chance < 0.1 for hit in quoted if hit.recipe.id == "birthday_cake")


def test_chances_leave_room_for_none(index: Index) -> None:
    for text in ("a swinging pendulum", "knit a woollen sweater", "太阳系"):
        assert 0 < sum(hit.chance for hit in index.search(text)) <= 1
    assert index.search("knit a woollen sweater")[0].chance < 0.45
    for text in ("", "show me", "我想看一下", "你再给我看看"):
        assert all(hit.chance < 0.1 for hit in index.search(text))


def test_what_recipes_say_is_kept_and_read_again(tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "search.json"
    recipe = ball("the_stone", "hurl a stone")
    fresh = Index([recipe], kept).search("stones")
    data = json.loads(kept.read_text("utf-8"))
    assert Index([recipe], kept).search("stones") == fresh
    # It is this file that is read: what is put there is found.
    data["the_stone"]["weights"]["zeppelin"] = 1.0
    kept.write_text(json.dumps(data), "utf-8")
    assert Index([recipe], kept).search("zeppelin")[0].recipe is recipe
    # A recipe with other words, and a file that is broken, are read anew.
    assert Index([ball("the_stone", "kick a can")], kept).search("zeppelin") == []
    kept.write_text('{"the_stone": ', "utf-8")
    assert Index([recipe], kept).search("stones") == fresh


def ball(id: str, phrasing: str, parameters: Sequence[object] = ()) -> Recipe:
    """Return the recipe of the thrown ball under another name, which says only this."""
    data = read_recipe(builtin_folder() / "thrown_ball.yaml").model_dump(by_alias=True)
    words = {"id": id, "title": {"en": phrasing}, "phrasings": {"en": [phrasing]}}
    nothing = {"description": {}, "interpretation": {"en": "so"}, "answer": {}, "test": {}}
    plain = {"checks": [], "assumptions": [], "steps": STEPS, "parameters": list(parameters)}
    return Recipe.model_validate(data | words | nothing | plain)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("my little brother wants to see a volcano", "a volcano"),
        ("孙女想看彩虹", "彩虹"),
        ("I would really love to see a volcano", "a volcano"),
    ],
)
def test_who_wishes_it_does_not_matter(index: Index, said: str, meant: str) -> None:
    assert terms(without_asides(said)) == terms(meant)
    assert index.search(said)[0].recipe == index.search(meant)[0].recipe
