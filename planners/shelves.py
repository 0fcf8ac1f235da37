"""The library and the models as the command line and the window see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from intentos.config import Settings
from intentos.errors import ModelUnavailable
from intentos.protocols import ModelInfo, Proposal, RecipeInfo
from intentos.registry import Registry
from intentos.types import Problem

from .library import Library, Recipe, read_recipe
from .model_file import catalogue, inspect
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

    def read(self, path: Path) -> Proposal:
        """Return a recipe file's plan with its small ``test`` values; raises InvalidPlan."""
        recipe = read_recipe(path)
        return Proposal(plan=recipe.plan(self._registry), values=recipe.test)

    def _info(self, recipe: Recipe) -> RecipeInfo:
        return RecipeInfo(
            id=recipe.id,
            title=recipe.title,
            description=recipe.description,
            source=self._library.source(recipe.id),
        )


class ModelShelf:
    """Lists and fetches models."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def every(self) -> Sequence[ModelInfo]:
        """Return what is here and what can be fetched; the default first."""
        found = []
        for model in catalogue():
            path = model.path(self._settings)
            problem: Problem | None = None
            if path.exists():
                try:
                    inspect(path, model.size)
                except ModelUnavailable as error:
                    problem = error.problem()
            found.append(
                ModelInfo(
                    name=model.name,
                    path=path,
                    size=model.size,
                    licence=model.licence,
                    present=path.exists() and problem is None,
                    problem=problem,
                )
            )
        return found

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Path:
        """Fetch a model, resuming what was begun, and return its file.

        Raises:
            ModelUnavailable: no source has it, or the bytes are wrong.
            StoreError: there is no space for it.
        """
        from .fetch import pull  # brings an HTTP client

        return pull(name, self._settings, source_file=source, progress=progress)
