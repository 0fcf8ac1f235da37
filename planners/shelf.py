"""The library as the command line and the window see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intentos.protocols import Proposal, RecipeInfo
from intentos.registry import Registry

from .library import Library, Recipe, read_recipe
from .search import Index


class RecipeShelf:
    """Lists, finds and reads recipes."""

    def __init__(self, library: Library, registry: Registry) -> None:
        self._library = library
        self._registry = registry

    def every(self) -> Sequence[RecipeInfo]:
        """Return every recipe, by id."""
        return [self._info(recipe) for recipe in self._library.all()]

    def search(self, text: str) -> Sequence[RecipeInfo]:
        """Return what comes nearest to a text, best first."""
        hits = Index(self._library.all()).search(text)
        return [self._info(hit.recipe) for hit in hits]

    def holds(self, id: str, digest: str) -> bool:
        """Return whether a recipe of this id gives a plan with this digest."""
        return any(
            recipe.id == id and recipe.plan(self._registry).digest == digest
            for recipe in self._library.all()
        )

    def read(self, path: Path) -> Proposal:
        """Return a recipe file's plan with its small ``test`` values; raises InvalidPlan."""
        recipe = read_recipe(path)
        return Proposal(
            plan=recipe.plan(self._registry), values=recipe.test, samples=recipe.samples
        )

    def _info(self, recipe: Recipe) -> RecipeInfo:
        return RecipeInfo(
            id=recipe.id,
            title=recipe.title,
            description=recipe.description,
            source=self._library.source(recipe.id),
        )
