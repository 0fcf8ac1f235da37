"""The library as the command line and the window see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from intentos.errors import StoreError, UsageError
from intentos.protocols import Proposal, RecipeInfo
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import Run

from . import saved
from .law import laws_folder
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
        self._indexed: tuple[object, Index] | None = None
        self._indexing = Lock()
        self._told: tuple[object, list[RecipeInfo]] | None = None

    def leave(self) -> None:
        """Let go who still waits for the library to be read: the program ends."""
        self._library.leave()

    def every(self) -> Sequence[RecipeInfo]:
        """Return every recipe, by id."""
        every = self._library.all()
        if self._told is None or self._told[0] is not every:  # one was saved meanwhile
            self._told = every, [self._info(recipe) for recipe in every]
        return self._told[1]

    def search(self, text: str) -> Sequence[RecipeInfo]:
        """Return what comes nearest to a text, best first."""
        return [self._info(hit.recipe) for hit in self.index.search(text)]

    @property
    def index(self) -> Index:
        """The index over all recipes as they are now; made once, whichever thread asks first."""
        every = self._library.all()
        with self._indexing:
            if self._indexed is None or self._indexed[0] is not every:  # one was saved meanwhile
                self._indexed = every, Index(every, self._library.prepared)
            return self._indexed[1]

    def holds(self, id: str, digest: str) -> bool:
        """Return whether a verified recipe of this id gives a plan with this digest."""
        return any(
            recipe.id == id
            and recipe.origin == "recipe"
            and recipe.plan(self._registry).digest == digest
            for recipe in self._library.all()
        )

    def brought_by(self, id: str, digest: str) -> str | None:
        """Return the distribution whose recipe of this id gives a plan with this digest; empty: it
        is the person's own; None: there is no such recipe."""
        return self._package(self._library.source(id).parent) if self.holds(id, digest) else None

    def vouches(self, id: str, digest: str) -> bool:
        """Return whether a recipe of this id that came with IntentOS gives a plan with this digest.

        One that a person saved from such a recipe counts as it does, as long as it acts the same.
        """
        recipes = {recipe.id: recipe for recipe in self._library.all()}
        for name in (id, recipes[id].base if id in recipes else None):
            recipe = recipes.get(name or "")
            if recipe is None or recipe.origin != "recipe" or not self._library.is_house(recipe.id):
                continue
            if recipe.plan(self._registry).digest == digest:
                return True
        return False

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
        self,
        run: Run,
        name: str,
        wishes: Sequence[str],
        *,
        phrases: Sequence[str] = (),
        replace: bool = False,
    ) -> RecipeInfo:
        """Keep what a completed run did as a recipe of the person's own.

        ``phrases``: how else it may be asked for, in either language.

        Raises:
            UsageError: the run has not completed, or the name is bad or taken.
            StoreError: the folder cannot be written.
        """
        known = {recipe.id: recipe for recipe in self._library.all()}
        origin = known.get(run.plan.recipe) if run.plan and run.plan.recipe else None
        recipe = saved.recipe_of(run, name, wishes, origin, phrases)
        taken = saved.same_name(self._library.own(), name) or known.get(recipe.id)
        if taken is not None and not (replace and taken in self._library.own()):
            source = self._library.source(taken.id)
            raise UsageError("save.taken", name=name, path=str(source))
        if taken is not None:
            recipe = recipe.model_copy(update={"id": taken.id})
        saved.write(recipe, self._folder)
        return self._info(self._library.get(recipe.id))

    def get(self, id: str) -> Proposal:
        """Return a recipe's plan as it starts, and tables to try it with; raises NotFound."""
        recipe = self._library.get(id)
        columns = {knob.name for knob in recipe.parameters if knob.kind == "column"}
        values = {name: value for name, value in recipe.test.items() if name in columns}
        return Proposal(plan=recipe.plan(self._registry), values=values, samples=recipe.samples)

    def rename(self, id: str, name: str) -> RecipeInfo:
        """Call one of the person's own recipes something else.

        Raises:
            NotFound: there is no such recipe.
            UsageError: it is not the person's own, or the name is bad or taken.
            StoreError: it cannot be written.
        """
        recipe = self._own(id)
        named = saved.renamed(recipe, name)
        taken = saved.same_name(self._library.own(), name)
        if taken is not None and taken.id != id:
            raise UsageError("save.taken_here", name=name)
        saved.write(named, self._folder)
        return self._info(self._library.get(id))

    def delete(self, id: str) -> None:
        """Delete one of the person's own recipes; raises as :meth:`rename` does."""
        path = self._library.source(self._own(id).id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            what = error.strerror or str(error)
            raise StoreError(
                "store.cannot_write", name=path.name, path=str(path.parent), what=what
            ) from error

    def _own(self, id: str) -> Recipe:
        recipe = self._library.get(id)
        if self._library.source(id).parent != self._folder:
            raise UsageError("save.not_own", name=id)
        return recipe

    def template(self, name: str) -> tuple[str, str]:
        """Return the id and the text of a recipe to fill in; raises UsageError for a bad name."""
        return template(name)

    def _package(self, folder: Path) -> str:
        """Return the distribution that a folder of recipes is of; empty: the person's own."""
        if folder in (builtin_folder(), laws_folder()):
            return OWN_DISTRIBUTION
        others = self._registry.recipe_folders().items()
        return next((name.partition("/")[0] for name, path in others if path == folder), "")

    def _info(self, recipe: Recipe) -> RecipeInfo:
        source = self._library.source(recipe.id)
        law = source.parent == laws_folder()
        package = self._package(source.parent)
        return RecipeInfo(
            id=recipe.id,
            title=recipe.title,
            description=recipe.description,
            source=source,
            family=source.stem if law else recipe.family or "",
            law=law,
            package=None if package == OWN_DISTRIBUTION else package,
            saved=recipe.saved,
            base=recipe.base,
        )
