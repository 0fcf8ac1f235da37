"""What worked is kept under a name, and asking for it in other words finds it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.conversation import Options, lineage, make_intent
from intentos.errors import UsageError
from intentos.plan import Plan
from intentos.planners.library import Library, Recipe, read_recipe
from intentos.planners.model import Model
from intentos.planners.planner import DefaultPlanner
from intentos.planners.saved import choose, meant, one_of_each
from intentos.planners.search import Hit
from intentos.planners.shelf import RecipeShelf
from intentos.protocols import PlanningContext, Table
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.types import Intent, Value, Words, language_of, new_id

MADE_UP = """import numpy as np
limit = parameters["limit"]
report("total", int(np.arange(limit).sum()))
"""


def said(text: str) -> Intent:
    """Return the intent of a text."""
    return make_intent(text, conversation=new_id())


def completed(plan: Plan, values: dict[str, Value], text: str, **changes: object) -> Run:
    """Return a run of the plan that has completed."""
    fields = {
        "id": new_id(),
        "intent": said(text),
        "plan": plan,
        "values": plan.accept(values),
        "status": RunStatus.COMPLETED,
        "created_at": datetime.now(UTC),
    }
    return Run.model_validate(fields | changes)


@pytest.fixture
def planner(registry: Registry, settings: Settings) -> DefaultPlanner:
    """Return a planner with a library of its own."""
    return DefaultPlanner(registry=registry, settings=settings)


def nothing(**changes: object) -> PlanningContext:
    """Return a context without any model."""
    fields = {"trial": None, "emit": lambda event: None, "model": "none"}
    return PlanningContext(**(fields | changes))  # type: ignore[arg-type]


def galaxy(planner: DefaultPlanner, name: str, text: str = "a spiral galaxy") -> str:
    """Save a galaxy of four arms; return its id."""
    plan = planner.library.get("spiral_galaxy").plan(planner._registry)
    run = completed(plan, {"arms": 4, "palette": "viridis"}, text)
    return planner.recipes.save(run, name, [text, "with 4 arms"]).title.text("en") and next(
        r.id for r in planner.library.own() if name in (r.title.en, r.title.zh)
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("my galaxy", "show me my galaxy"),
        ("my galaxy", "show me the galaxy I saved"),
        ("my galaxy", "open my saved galaxy once more"),
        ("my galaxy", "再看看我的星系"),
        ("my galaxy", "我保存的那个星系"),
        ("我的星系", "再看看我的星系"),
        ("我的星系", "打开我保存的星系"),
        ("我的星系", "show me the galaxy I saved"),
    ],
)
async def test_it_is_found_in_other_words_and_in_the_other_language(
    planner: DefaultPlanner, name: str, text: str
) -> None:
    id = galaxy(planner, name)
    proposal = await planner.propose(said(text), nothing())
    assert proposal.plan.recipe == id
    assert proposal.plan.defaults["arms"] == 4
    assert proposal.plan.accept(proposal.values)["palette"] == "viridis"


async def test_values_that_are_said_with_the_name_hold(planner: DefaultPlanner) -> None:
    id = galaxy(planner, "my galaxy")
    proposal = await planner.propose(said("my galaxy with 6 arms"), nothing())
    assert (proposal.plan.recipe, proposal.values["arms"]) == (id, 6)
    # The words "my" and "saved" are no part of the wish that could be missed.
    assert (await planner.propose(said("show my saved galaxy"), nothing())).accounted


async def test_the_library_finds_what_it_found_before(planner: DefaultPlanner) -> None:
    galaxy(planner, "my galaxy")
    for text, recipe in [
        ("a spiral galaxy", "spiral_galaxy"),
        ("two galaxies collide", "galaxies_collide"),
    ]:
        assert (await planner.propose(said(text), nothing())).plan.recipe == recipe


async def test_a_follow_up_changes_what_was_saved(planner: DefaultPlanner) -> None:
    id = galaxy(planner, "my galaxy")
    first = await planner.propose(said("my galaxy"), nothing())
    values = first.plan.accept(first.values)
    table = Table(run="", plan=first.plan, values=values)
    after = await planner.propose(said("make my galaxy have 2 arms"), nothing(table=table))
    assert (after.plan.recipe, after.values["arms"]) == (id, 2)
    assert after.plan.digest == first.plan.digest


def test_the_digest_stays_so_that_nothing_needs_a_new_approval(planner: DefaultPlanner) -> None:
    id = galaxy(planner, "my galaxy")
    registry = planner._registry
    plan = planner.library.get(id).plan(registry)
    assert plan.digest == planner.library.get("spiral_galaxy").plan(registry).digest


def made_up(registry: Registry) -> Plan:
    """Return a plan that a model has written."""
    plan = {
        "title": {"zh": "前 100 个自然数之和"},
        "interpretation": {"zh": "把小于 {limit} 的数加起来"},
        "parameters": [{"name": "limit", "label": {"zh": "上限"}, "kind": "integer",
                        "default": 100, "minimum": 0, "work": True}],
        "steps": [{"id": "compute", "language": "python", "code": MADE_UP}],
        "assumptions": [{"text": {"en": "", "zh": "你说的数字“7”没有用到。"}}],
        "labels": {"total": {"zh": "自然数之和"}},
        "origin": "generated",
        "model": "small",
    }  # fmt: skip
    return registry.pin(Plan.model_validate(plan))


async def test_what_a_model_wrote_stays_what_it_was(
    planner: DefaultPlanner, registry: Registry
) -> None:
    run = completed(made_up(registry), {"limit": 5000}, "小于5000的数加起来")
    planner.recipes.save(run, "求和", ["小于5000的数加起来"])
    proposal = await planner.propose(said("小于5000的数加起来"), nothing())
    assert proposal.plan.origin == "generated"
    assert proposal.plan.model == "small"
    assert proposal.plan.assumptions == ()
    assert proposal.plan.defaults == {"limit": 5000}
    assert proposal.plan.labels == {"total": Words(zh="自然数之和")}
    assert proposal.plan.recipe is not None
    # A file that claims to be this recipe is not thereby from the library.
    assert not planner.recipes.holds(proposal.plan.recipe, proposal.plan.digest)
    assert planner.library.get(proposal.plan.recipe).test == {"limit": 500}


async def test_the_model_knows_it_in_the_other_language(
    planner: DefaultPlanner, registry: Registry, model: Model
) -> None:
    galaxy(planner, "我的星系")
    run = completed(made_up(registry), {}, "前100个自然数加起来")
    planner.recipes.save(run, "自然数求和", ["前100个自然数加起来"])
    own = planner.library.own()
    text = "the sum of the natural numbers that I saved"
    assert meant(text, own) is None
    chosen, tokens = await choose(text, own, model, "en")
    assert chosen is not None
    assert chosen.title.zh == "自然数求和"
    assert tokens > 0
    chosen, _ = await choose("the recipe for noodle soup that I saved", own, model, "en")
    assert chosen is None


@pytest.mark.parametrize("name", ["", "  ", "{galaxy}", "a\x07b", "…", "x" * 81])
def test_a_bad_name_is_refused(planner: DefaultPlanner, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        galaxy(planner, name)
    assert not planner.library.own()


def test_nothing_is_written_over_unless_it_is_said(planner: DefaultPlanner) -> None:
    id = galaxy(planner, "my galaxy")
    source = planner.library.source(id)
    before = source.read_bytes()
    with pytest.raises(UsageError, match="already"):
        galaxy(planner, "My  Galaxy")
    assert source.read_bytes() == before
    plan = planner.library.get("spiral_galaxy").plan(planner._registry)
    run = completed(plan, {"arms": 7}, "a spiral galaxy")
    planner.recipes.save(run, "my galaxy", ["a spiral galaxy"], replace=True)
    assert planner.library.get(id).plan(planner._registry).defaults["arms"] == 7
    assert [path.name for path in source.parent.iterdir()] == [source.name]


def test_what_has_not_completed_is_not_kept(planner: DefaultPlanner) -> None:
    plan = planner.library.get("spiral_galaxy").plan(planner._registry)
    run = completed(plan, {}, "a galaxy", status=RunStatus.FAILED)
    with pytest.raises(UsageError, match="has not completed"):
        planner.recipes.save(run, "my galaxy", ["a galaxy"])


def test_another_process_saves_and_this_one_finds_it(
    planner: DefaultPlanner, registry: Registry, settings: Settings
) -> None:
    assert planner.library.own() == ()
    other = DefaultPlanner(registry=registry, settings=settings)
    id = galaxy(other, "my galaxy")
    assert planner.library.get(id).base == "spiral_galaxy"


def test_names_that_are_everyday_words_are_not_taken_for_the_saved(
    planner: DefaultPlanner,
) -> None:
    galaxy(planner, "galaxy")
    own = planner.library.own()
    assert meant("two galaxies collide", own) is None
    assert meant("if I saved 1000 dollars each month, what interest", own) is None
    assert meant("我的贷款每月还多少", own) is None
    assert meant("galaxy", own) is own[0]
    assert meant("my galaxy", own) is own[0]


def test_one_of_a_family_is_offered(planner: DefaultPlanner) -> None:
    id = galaxy(planner, "my galaxy")
    mine, theirs = planner.library.get(id), planner.library.get("spiral_galaxy")
    assert [h.recipe for h in one_of_each([Hit(mine, 1.0), Hit(theirs, 1.0)])] == [theirs]
    assert [h.recipe for h in one_of_each([Hit(mine, 0.9), Hit(theirs, 0.5)])] == [mine]


def test_a_follow_up_by_itself_is_no_phrasing(planner: DefaultPlanner) -> None:
    recipe: Recipe = planner.library.get(galaxy(planner, "我的星系"))
    assert recipe.phrasings.en == ("a spiral galaxy", "a spiral galaxy with 4 arms")
    assert recipe.phrasings.zh == ("我的星系",)
    assert all(language_of(text) == "zh" for text in recipe.phrasings.zh)


def test_the_template_is_a_recipe(planner: DefaultPlanner, tmp_path: Path) -> None:
    for name in ("Dice of mine", "我的骰子", "it's 'fine'"):
        id, text = planner.recipes.template(name)
        path = tmp_path / f"{id}.yaml"
        path.write_text(text, "utf-8")
        assert read_recipe(path).title.en == name


def test_lineage_goes_back_to_the_first_wish(settings: Settings, registry: Registry) -> None:
    from intentos.events import RunStarted

    store = Store(settings)
    ids = [new_id() for _ in range(3)]
    for parent, id, text in zip([None, *ids], ids, ["a", "b", "c"], strict=False):
        store.append(RunStarted(run_id=id, intent=said(text), parent_run=parent, seed=1))
    assert [run.intent.text for run in lineage(store, store.run(ids[2]))] == ["a", "b", "c"]
    store.close()


def test_a_shelf_without_a_folder_of_ones_own(registry: Registry, settings: Settings) -> None:
    library = Library(registry, settings)
    shelf = RecipeShelf(library, registry, settings.recipes)
    assert library.own() == ()
    assert shelf.search("a spiral galaxy")[0].id == "spiral_galaxy"
    assert Options().values == {}
