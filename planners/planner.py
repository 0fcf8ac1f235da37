"""The built-in planner: recall, compose, generate; a follow-up revises what is on the table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from intentos.config import Settings
from intentos.errors import NotApproved, PlanningError
from intentos.events import ProgressMade, TokenWritten
from intentos.preferences import Preferences
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.queue import turn
from intentos.registry import Registry
from intentos.types import Intent

from . import (
    attached,
    chains,
    change,
    comparison,
    compose,
    conversion,
    generate,
    ladder,
    lens,
    preferences,
    rates,
    recall,
    refusal,
    revise,
    saved,
    schedule,
)
from .formulas import strangers
from .library import Library, Recipe
from .model import Model
from .models import Models, open_model
from .profiles import profile_of
from .search import Hit
from .shelf import RecipeShelf

OTHER = 0.6
"""Search score from which a recipe may be meant although something is on the table."""
NAMED = 3
"""How many of the nearest recipes are named where nothing fits."""
_CHAIN = 3
"""Amounts of a chain that is taken where a recipe is only likely: so many seldom fit by chance."""


class DefaultPlanner:
    """Stops at the first that fits: what is on the table, the person's own equations, a
    recipe, formulas by the model, a program by the model."""

    name = "default"

    def __init__(self, *, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._open: dict[str, Model] = {}
        self.library = Library(registry, settings)
        self.recipes = RecipeShelf(self.library, registry, settings.recipes)
        self.models = Models(settings)

    async def propose(self, intent: Intent, context: PlanningContext) -> Proposal:
        """Return a plan for the intent; the plan on the table where it is a change of that.

        Raises:
            PlanningError: nothing fits; the message says what would.
            ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
            ModelUnavailable: a model is needed and is not there.
            NotApproved: the model is not on this machine, and nothing may be sent to it.
        """

        async def attempt(name: str) -> Proposal:
            return await self._propose(intent, replace(context, model=name))

        if not intent.text.strip():
            raise PlanningError("planning.empty")
        names = ladder.rungs(context.model or self._settings.model)

        async def own() -> Proposal:
            return await ladder.climb(names, attempt, context.emit)

        # What lies on the table and what is attached goes to nobody.
        if context.jury and context.table is None and not intent.attachments:
            from .neighbours import voted

            proposal = await voted(
                intent,
                context,
                own,
                recipes=self.recipes,
                registry=self._registry,
                settings=self._settings,
            )
        else:
            proposal = await own()
        recipe = proposal.plan.recipe
        if any(own.id == recipe and own.saved for own in self.library.own()):
            return proposal  # its values are what they chose
        return preferences.preferred(proposal, Preferences(self._settings))

    async def _propose(self, intent: Intent, context: PlanningContext) -> Proposal:
        """Return what one model, or none, makes of the intent."""
        context.emit(ProgressMade(stage="stage.planning"))
        hits = self._hits(intent)
        own, spent = await self._remembered(intent, context)
        if own is not None and (context.table is None or own.id != context.table.plan.recipe):
            return _with(spent, await self._saved(intent, context, own))
        if context.table is not None:
            earlier = comparison.compare(intent.text, context.table) or comparison.back(
                intent.text, context.table
            )
            if earlier is not None:
                return earlier
            lying = self._lying(context.table)
            seen = lens.look(intent.text, context.table, self._registry, lying)
            if seen is not None:
                return seen
            if (other := self._becomes(intent, context.table)) is not None:
                anew = await self._propose(other, replace(context, table=None))
                return replace(anew, accounted=False)
            follows = own is not None  # it lies there, and is called by its name
            if not follows:
                follows, used = await self._follows(intent, context, context.table, hits)
                spent += used
            if follows:
                try:
                    return _with(spent, await self._revised(intent, context, context.table))
                except PlanningError as error:
                    if error.code != "planning.nothing_to_change":
                        raise
                    changed, used = await self._changed(intent, context, context.table)
                    spent += used
                    if changed is not None:
                        return _with(spent, changed)
                    # Nothing in it is about what lies there, and it does not say so: a new wish.
                    if revise.refers(intent.text) or revise.about(intent.text, context.table):
                        raise
        if (converted := conversion.conversion(intent.text, self._registry)) is not None:
            return _with(spent, converted)
        if not hits or hits[0].chance < recall.LIKELY:
            loose = conversion.conversion(intent.text, self._registry, loosely=True)
            if loose is not None:
                return _with(spent, loose)
        if (scheduled := self._scheduled(intent.text, hits)) is not None:
            return _with(spent, scheduled)
        if not hits or hits[0].chance < recall.CERTAIN:
            if (steady := rates.rate(intent.text, self._registry, surely=True)) is not None:
                return _with(spent, steady)
        if not hits or hits[0].chance < recall.CERTAIN:
            if (chain := chains.chain(intent.text, self._registry, fewest=_CHAIN)) is not None:
                return _with(spent, chain)
        if strange := strangers(intent.text):
            # A part of a formula is another formula: no recipe may have what is left of it.
            if self._no_model(context):
                raise PlanningError("compose.strange_name", names=", ".join(strange))
            return _with(spent, await self._generated(intent, context, hits))
        written = await compose.from_equations(intent, context, self._registry)
        if written is not None:
            return _with(spent, written)
        spent += await self._refused(intent, context, hits[0].chance if hits else 0.0)
        recalled, used = await self.recall(intent, context)
        if recalled is not None:
            if context.table is not None and recall.verbatim(hits) is None:
                # It may have been a change that was not understood.
                recalled = replace(recalled, accounted=False)
                if _same_again(recalled, context.table):
                    raise revise.nothing_to_change(context.table.plan)
            return _with(spent, recalled)
        if (steady := rates.rate(intent.text, self._registry)) is not None:
            return _with(spent + used, steady)
        if (chain := chains.chain(intent.text, self._registry)) is not None:
            return _with(spent + used, chain)
        composed, more = await self._composed(intent, context)
        spent += used + more
        if composed is not None:
            return _with(spent, composed)
        return _with(spent, await self._generated(intent, context, hits))

    def _scheduled(self, text: str, hits: Sequence[Hit]) -> Proposal | None:
        """Return the plan of a wish about times of day, unless it is surely another recipe."""
        sure = bool(hits) and hits[0].chance >= recall.CERTAIN
        if sure and hits[0].recipe.id != schedule.RECIPE:
            return None
        if (values := schedule.schedule(text)) is None:
            return None
        plan = self.library.get(schedule.RECIPE).plan(self._registry)
        return Proposal(plan=plan, values=values, accounted=False)

    async def _refused(self, intent: Intent, context: PlanningContext, chance: float) -> int:
        """Return the tokens it took to see that a program may answer; raises PlanningError."""
        plain = None if intent.attachments else refusal.plainly(intent.text, chance)
        if plain is not None:
            raise PlanningError(f"refused.{plain}")
        if not refusal.doubtful(intent.text, chance):
            return 0
        if self._no_model(context):
            raise PlanningError("planning.nothing_near", text=intent.text[:80])
        async with self._model_turn(context) as model:
            return await refusal.refuse(intent, model)

    async def recall(self, intent: Intent, context: PlanningContext) -> tuple[Proposal | None, int]:
        """Return the plan of the recipe that is meant, if there is one, and the tokens it took.

        Raises:
            ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
            ModelUnavailable: a model is needed and is not there.
        """
        hits = self._hits(intent)
        recipe, used = await self._chosen(intent, context, hits)
        if recipe is None:
            return None, used
        proposal = _with(used, await self._filled(intent, context, recipe, asked=used > 0))
        own = next((hit for hit in hits if hit.recipe is recipe), None)
        plain = own is not None and own.chance >= recall.PLAIN
        if own is None or not plain or recall.aside(intent.text, own):
            proposal = replace(proposal, accounted=False)  # another may have been meant
        return proposal, proposal.tokens

    async def close(self) -> None:
        """End the models' worker processes."""
        models, self._open = list(self._open.values()), {}
        for model in models:
            await model.close()

    def _hits(self, intent: Intent) -> list[Hit]:
        every = self.library.all()
        hits = saved.one_of_each(attached.hits(self.recipes.index, intent, every))
        hits = recall.summarised(intent.text, recall.sampled(intent.text, hits, every), every)
        return recall.asked_of(intent.text, hits)

    async def _remembered(
        self, intent: Intent, context: PlanningContext
    ) -> tuple[Recipe | None, int]:
        """Return what the person saved and now speaks of, and the tokens it took to know."""
        kept = self.library.own()
        own = saved.meant(intent.text, kept)
        if own is not None or not kept or not saved.spoken_of(intent.text):
            return own, 0
        if self._no_model(context):
            return None, 0
        async with self._model_turn(context) as model:
            return await saved.choose(intent.text, kept, model, intent.language)

    async def _saved(self, intent: Intent, context: PlanningContext, recipe: Recipe) -> Proposal:
        """Return the plan of what the person saved, with the values that the text gives."""
        text = saved.without_marks(intent.text)
        rest = intent.model_copy(update={"text": text})
        return await self._filled(rest, context, recipe, asked=False)

    async def _follows(
        self, intent: Intent, context: PlanningContext, table: Table, hits: list[Hit]
    ) -> tuple[bool, int]:
        """Return whether the text changes what is on the table, and the tokens it took to know."""
        text, refers = intent.text, revise.refers(intent.text)
        whole = recall.verbatim(hits)
        reading = revise.read_of(text, table)
        lying = self._lying(table)
        strange = revise.foreign(reading, table.plan, lying)
        said = bool(reading.operations) and not (strange or reading.guessed or reading.unclear)
        if whole is not None and whole.id == table.plan.recipe:
            # Nothing has been changed yet: said again, it would be the same picture again.
            fresh = dict(table.values) != table.plan.defaults or not said
            piece = said and revise.fragment(text)
            if not refers and fresh and not (reading.named or piece):
                return False, 0
        elif whole is not None:
            plain = said and not reading.named_only
            strictly = not revise.fragment(text)
            if not plain or revise.foreign(reading, table.plan, lying, strictly=strictly):
                return False, 0  # nearly a recipe's own words: a whole wish
            return True, 0  # "20 rockets", with fireworks on the table
        if attached.changed(intent, table)[2] or self._as_it_is(text, table):
            return True, 0  # it names other columns, or wants what lies there
        others = [hit for hit in hits if hit.recipe.id != table.plan.recipe]
        other = max((hit.score for hit in others), default=0.0)
        elsewhere = bool(others) and hits[0] is others[0] and hits[0].chance >= recall.LIKELY
        changes = revise.changes(text)
        if reading.operations:
            if not strange or (changes and not reading.named_only):
                return True, 0  # all of it is about what lies here, or it says "what if", "halve"
            if reading.named and hits[0].chance < recall.CERTAIN:
                return True, 0
            if not elsewhere and other < OTHER:
                return True, 0
            if others and not revise.explained(strange, others[0].recipe):
                return True, 0  # the other one knows no more of it
        elif changes and (reading.unclear or not elsewhere):
            return True, 0  # of what lies here, whatever it may be
        elif refers and other < recall.ENOUGH:
            return True, 0
        elif not refers and (other >= OTHER or elsewhere):
            return False, 0
        if self._no_model(context):
            return not elsewhere and refers, 0
        async with self._model_turn(context) as model:
            return await revise.follows(text, table, model)

    def _becomes(self, intent: Intent, table: Table) -> Intent | None:
        """Return the wish for another thing, where what lies there shall turn into that: it is
        another recipe, and no value of this one."""
        if (thing := revise.into(intent.text)) is None or revise.about(intent.text, table):
            return None
        other = intent.model_copy(update={"text": thing})
        hits = self._hits(other)
        sure = bool(hits) and hits[0].chance >= recall.CERTAIN
        return other if sure and hits[0].recipe.id != table.plan.recipe else None

    def _as_it_is(self, text: str, table: Table) -> bool:
        """Whether the text wants the same once more, or a number that has been reported."""
        if revise.again(text):
            return True
        reading = revise.read_of(text, table)
        said = reading.operations and not reading.named_only
        return not said and revise.asks(text, table)

    def _lying(self, table: Table) -> Recipe | None:
        """Return the recipe of what lies on the table, if it is of one."""
        return next((r for r in self.library.all() if r.id == table.plan.recipe), None)

    async def _revised(self, intent: Intent, context: PlanningContext, table: Table) -> Proposal:
        table, intent, other_columns = attached.changed(intent, table)
        reading = revise.read_of(intent.text, table)
        as_it_is = self._as_it_is(intent.text, table)
        if (other_columns and not reading.operations) or as_it_is:
            return Proposal(plan=table.plan, values=table.values, accounted=not other_columns)
        recipe = self._lying(table)
        if self._no_model(context) or reading.plain:
            return await revise.revise(intent.text, table, None, recipe)
        async with self._model_turn(context) as model:
            return await revise.revise(intent.text, table, model, recipe)

    async def _changed(
        self, intent: Intent, context: PlanningContext, table: Table
    ) -> tuple[Proposal | None, int]:
        """Return what the model makes of its own program for a follow-up, and the tokens."""
        if self._no_model(context) or not change.possible(table.plan):
            return None, 0

        def told(text: str) -> None:
            context.emit(TokenWritten(text=text))

        async with self._model_turn(context) as model:
            return await change.change(intent, table, model, context, self._registry, told)

    async def _chosen(
        self, intent: Intent, context: PlanningContext, hits: list[Hit]
    ) -> tuple[Recipe | None, int]:
        """Return the recipe that is meant, if any, and the tokens it took to know."""
        recipe = recall.decisive(hits)
        if recipe is None and not self._large(context):
            recipe = recall.without_model(hits)  # a small model knows no better
        if recipe is not None or not hits or self._no_model(context):
            return recipe, 0
        if hits[0].chance < recall.HOPELESS and max(h.score for h in hits) < recall.ENOUGH:
            return None, 0
        async with self._model_turn(context) as model:
            choice = await recall.choose(intent.text, hits, model, intent.language)
        return choice.recipe, choice.tokens

    async def _filled(
        self, intent: Intent, context: PlanningContext, recipe: Recipe, *, asked: bool
    ) -> Proposal:
        """Return the recipe's plan; the model helps with values only where it was needed before."""
        reading = attached.read(intent, recipe.plan(self._registry))
        proposal = await recall.fill(reading.rest, recipe, self._registry, None)
        left = any(map(generate.says_not_used, proposal.plan.assumptions))
        puzzling = asked or (left and self._large(context))
        if puzzling and not self._no_model(context):
            async with self._model_turn(context) as model:
                proposal = await recall.fill(reading.rest, recipe, self._registry, model)
        return attached.with_columns(proposal, reading)

    async def _composed(
        self, intent: Intent, context: PlanningContext
    ) -> tuple[Proposal | None, int]:
        """Return a plan of formulas, if the model can write one, and the tokens it took.

        Raises:
            PlanningError: the wish is for something that no program can know or do.
        """
        if self._no_model(context) or intent.attachments:  # no formula reads a file
            return None, 0
        async with self._model_turn(context) as model:
            asked = await refusal.refuse(intent, model)
            proposal, tokens = await compose.compose(intent, model, context, self._registry)
        return (replace(proposal, tokens=0) if proposal else None), asked + tokens

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

    def _large(self, context: PlanningContext) -> bool:
        """Whether the model chooses and fills in better than search and rules do."""
        return profile_of(context.model or self._settings.model).large

    @asynccontextmanager
    async def _model_turn(self, context: PlanningContext) -> AsyncIterator[Model]:
        """Hold the model while the block runs; there is one of those that are here.

        Raises:
            ModelUnavailable: it is not there.
            NotApproved: it is elsewhere, and nothing may be sent to it.
        """
        name = context.model or self._settings.model
        if name not in self._open:
            model = open_model(name, self._settings)
            if model is None:
                raise PlanningError("planning.no_model")
            self._open[name] = model
        if host := self._open[name].host:
            if context.disclose is None:
                raise NotApproved("consent.no_consent", host=host)
            await context.disclose(host, name)
            yield self._open[name]
            return
        async with turn(self._settings, "model", context.emit):
            if self._open[name].process is None:
                context.emit(ProgressMade(stage="stage.loading"))
            yield self._open[name]


def _same_again(proposal: Proposal, table: Table) -> bool:
    values = {**proposal.plan.defaults, **proposal.values}
    return proposal.plan.digest == table.plan.digest and values == dict(table.values)


def _with(tokens: int, proposal: Proposal) -> Proposal:
    return replace(proposal, tokens=proposal.tokens + tokens)
