"""The library as the command line and the window see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intentos.errors import UsageError
from intentos.protocols import Proposal, RecipeInfo
from intentos.registry import Registry
from intentos.run import Run

from . import saved
from .library import Library, Recipe, builtin_folder, read_recipes
from .search import Index
from .template import template


class RecipeShelf:
    """Lists, finds and reads recipes."""

    def __init__(self, library: Library, registry: Registry, folder: Path) -> None:
        """``folder``: where the person's own recipes lie."""
        self._library = library
        self._registry = registry
        self._folder = folder

    def every(self) -> Sequence[RecipeInfo]:
        """Return every recipe, by id."""
        return [self._info(recipe) for recipe in self._library.all()]

    def search(self, text: str) -> Sequence[RecipeInfo]:
        """Return what comes nearest to a text, best first."""
        hits = Index(self._library.all(), self._library.prepared).search(text)
        return [self._info(hit.recipe) for hit in hits]

    def holds(self, id: str, digest: str) -> bool:
        """Return whether a verified recipe of this id gives a plan with this digest."""
        return any(
            recipe.id == id
            and recipe.origin == "recipe"
            and recipe.plan(self._registry).digest == digest
            for recipe in self._library.all()
        )

    def read(self, path: Path) -> Sequence[Proposal]:
        """Return the plan of a recipe file with its small ``test`` values, or those of its laws.

        Raises:
            InvalidPlan: the file holds neither; the message says where and why.
        """
        # One in the library's own folder must be fit for everybody.
        own = path.resolve().parent != builtin_folder().resolve()
        return [
            Proposal(plan=recipe.plan(self._registry), values=recipe.test, samples=recipe.samples)
            for recipe in read_recipes(path, own=own)
        ]

    def save(
        self, run: Run, name: str, wishes: Sequence[str], *, replace: bool = False
    ) -> RecipeInfo:
        """Keep what a completed run did as a recipe of the person's own.

        Raises:
            UsageError: the run has not completed, or the name is bad or taken.
            StoreError: the folder cannot be written.
        """
        known = {recipe.id: recipe for recipe in self._library.all()}
        origin = known.get(run.plan.recipe) if run.plan and run.plan.recipe else None
        recipe = saved.recipe_of(run, name, wishes, origin)
        taken = saved.same_name(self._library.own(), name) or known.get(recipe.id)
        if taken is not None and not (replace and taken in self._library.own()):
            source = self._library.source(taken.id)
            raise UsageError("save.taken", name=name, path=str(source))
        if taken is not None:
            recipe = recipe.model_copy(update={"id": taken.id})
        saved.write(recipe, self._folder)
        return self._info(self._library.get(recipe.id))

    def template(self, name: str) -> tuple[str, str]:
        """Return the id and the text of a recipe to fill in; raises UsageError for a bad name."""
        return template(name)

    def _info(self, recipe: Recipe) -> RecipeInfo:
        return RecipeInfo(
            id=recipe.id,
            title=recipe.title,
            description=recipe.description,
            source=self._library.source(recipe.id),
        )
