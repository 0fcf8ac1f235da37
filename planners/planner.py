"""The built-in planner: recall, then generate; a follow-up revises what is on the table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property

from intentos.config import Settings
from intentos.errors import PlanningError
from intentos.events import ProgressMade, TokenWritten
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.queue import turn
from intentos.registry import Registry
from intentos.types import Intent

from . import generate, recall, revise
from .library import Library, Recipe
from .model import Model
from .models import Models, open_model
from .search import Hit, Index
from .shelf import RecipeShelf

OTHER = 0.6
"""Search score from which a recipe may be meant although something is on the table."""

MARGIN = 0.3
"""How far it must be ahead of the plan on the table where the text also changes a value of that."""
NAMED = 3
"""How many of the nearest recipes are named where nothing fits."""


class DefaultPlanner:
    """Stops at the first that fits: what is on the table, a recipe, a program by the model."""

    name = "default"

    def __init__(self, *, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._open: dict[str, Model] = {}
        self.library = Library(registry, settings)
        self.recipes = RecipeShelf(self.library, registry)
        self.models = Models(settings)

    async def propose(self, intent: Intent, context: PlanningContext) -> Proposal:
        """Return a plan for the intent; the plan on the table where it is a change of that.

        Raises:
            PlanningError: nothing fits; the message says what would.
            ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
            ModelUnavailable: a model is needed and is not there.
        """
        if not intent.text.strip():
            raise PlanningError("planning.empty")
        context.emit(ProgressMade(stage="stage.planning"))
        hits = self._index.search(intent.text)
        spent = 0
        if context.table is not None:
            follows, spent = await self._follows(intent, context, context.table, hits)
            if follows:
                try:
                    return _with(spent, await self._revised(intent, context, context.table))
                except PlanningError as error:
                    # Nothing in it is about what lies there, and it does not say so: a new wish.
                    if error.code != "planning.nothing_to_change" or revise.refers(intent.text):
                        raise
        recalled, used = await self.recall(intent, context)
        if recalled is not None:
            return _with(spent, recalled)
        return _with(spent + used, await self._generated(intent, context, hits))

    async def recall(self, intent: Intent, context: PlanningContext) -> tuple[Proposal | None, int]:
        """Return the plan of the recipe that is meant, if there is one, and the tokens it took.

        Raises:
            ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
            ModelUnavailable: a model is needed and is not there.
        """
        recipe, used = await self._chosen(intent, context, self._index.search(intent.text))
        if recipe is None:
            return None, used
        proposal = _with(used, await self._filled(intent, context, recipe, asked=used > 0))
        return proposal, proposal.tokens

    async def close(self) -> None:
        """End the models' worker processes."""
        models, self._open = list(self._open.values()), {}
        for model in models:
            await model.close()

    @cached_property
    def _index(self) -> Index:
        return Index(self.library.all())

    async def _follows(
        self, intent: Intent, context: PlanningContext, table: Table, hits: list[Hit]
    ) -> tuple[bool, int]:
        """Return whether the text changes what is on the table, and the tokens it took to know."""
        refers = revise.refers(intent.text)
        whole = recall.decisive(hits)
        if whole is not None and not (refers and whole.id == table.plan.recipe):
            return False, 0  # nearly a recipe's own words: a whole wish
        own = max((h.score for h in hits if h.recipe.id == table.plan.recipe), default=0.0)
        other = max((h.score for h in hits if h.recipe.id != table.plan.recipe), default=0.0)
        if revise.read(intent.text, table.plan).operations:
            if other < OTHER or other - own < MARGIN:
                return True, 0
        elif refers and other < recall.ENOUGH:
            return True, 0
        elif not refers and other >= OTHER:
            return False, 0
        if self._no_model(context):
            return False, 0
        async with self._model_turn(context) as model:
            return await revise.follows(intent.text, table, model)

    async def _revised(self, intent: Intent, context: PlanningContext, table: Table) -> Proposal:
        if self._no_model(context) or revise.read(intent.text, table.plan).plain:
            return await revise.revise(intent.text, table, None)
        async with self._model_turn(context) as model:
            return await revise.revise(intent.text, table, model)

    async def _chosen(
        self, intent: Intent, context: PlanningContext, hits: list[Hit]
    ) -> tuple[Recipe | None, int]:
        """Return the recipe that is meant, if any, and the tokens it took to know."""
        recipe = recall.decisive(hits)
        if recipe is not None or not hits:
            return recipe, 0
        if self._no_model(context):
            return recall.without_model(hits), 0
        async with self._model_turn(context) as model:
            choice = await recall.choose(intent.text, hits, model, intent.language)
        return choice.recipe, choice.tokens

    async def _filled(
        self, intent: Intent, context: PlanningContext, recipe: Recipe, *, asked: bool
    ) -> Proposal:
        """Return the recipe's plan; the model helps with values only where it was needed before."""
        if not asked:
            return await recall.fill(intent.text, recipe, self._registry, None)
        async with self._model_turn(context) as model:
            return await recall.fill(intent.text, recipe, self._registry, model)

    async def _generated(
        self, intent: Intent, context: PlanningContext, hits: list[Hit]
    ) -> Proposal:
        if self._no_model(context):
            raise PlanningError("planning.nothing_near", text=intent.text[:80])

        near = [hit.recipe.title.text(intent.language) for hit in hits[:NAMED]]

        def told(text: str) -> None:
            context.emit(TokenWritten(text=text))

        async with self._model_turn(context) as model:
            return await generate.generate(intent, model, context, told, near=near)

    def _no_model(self, context: PlanningContext) -> bool:
        return (context.model or self._settings.model) == "none"

    @asynccontextmanager
    async def _model_turn(self, context: PlanningContext) -> AsyncIterator[Model]:
        """Hold the one model while the block runs; raises ModelUnavailable."""
        name = context.model or self._settings.model
        if name not in self._open:
            model = open_model(name, self._settings)
            if model is None:
                raise PlanningError("planning.no_model")
            self._open[name] = model
        async with turn(self._settings, "model", context.emit):
            if self._open[name].process is None:
                context.emit(ProgressMade(stage="stage.loading"))
            yield self._open[name]


def _with(tokens: int, proposal: Proposal) -> Proposal:
    return replace(proposal, tokens=proposal.tokens + tokens)
