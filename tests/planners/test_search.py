"""Recipes are found by the words of both languages."""

from __future__ import annotations

import pytest

from intentos.planners.library import builtin_folder, read_recipe
from intentos.planners.search import Index, stem, terms


@pytest.fixture(scope="module")
def index() -> Index:
    """Return an index of what comes with IntentOS."""
    return Index(read_recipe(path) for path in sorted(builtin_folder().glob("*.yaml")))


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("how many primes are smaller than 3 million", "prime_count"),
        ("5万以内的质数有几个", "prime_count"),
        ("a ball flies at 12 m/s", "thrown_ball"),
        ("抛球能飞多远", "thrown_ball"),
        ("单摆", "pendulum"),
    ],
)
def test_finds_by_words(index: Index, text: str, recipe: str) -> None:
    assert index.search(text)[0].recipe.id == recipe


def test_every_phrasing_finds_its_own_recipe_first(index: Index) -> None:
    for path in builtin_folder().glob("*.yaml"):
        recipe = read_recipe(path)
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
