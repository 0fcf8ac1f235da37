"""The jury of neighbours: plans from other machines, voted on, and never believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from intentos import config
from intentos.config import Settings
from intentos.consent import Sent
from intentos.events import PlanProposed
from intentos.mesh.node import Node
from intentos.mesh.proposing import FILE, Offered, PlanExecutor, PlanningRegistry
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.planners.neighbours import Refused, judged
from intentos.planners.planner import DefaultPlanner
from intentos.protocols import Executor, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult, StepStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Value, Words, now
from tests.parts import Reply

from .village import Person, Village

WISH = "simulate a swinging pendulum of length 2 m"
HARMLESS = "report('x', 1)"


def settings_of(folder: Path) -> Settings:
    return Settings(home=folder, cache=folder / "cache", model="none")


def offered(code: str = HARMLESS, values: Mapping[str, Value] | None = None, **step: Any) -> bytes:
    """Return what a neighbour sends that proposes a program."""
    plan = Plan(
        title=Words(en="A pendulum"),
        interpretation=Words(en="Swing it"),
        steps=(Step.model_validate({"id": "s", "language": "python", "code": code} | step),),
        parameters=(
            Parameter(
                name="n", label=Words(en="n"), kind="integer", default=1, minimum=0, maximum=9
            ),
        ),
        origin="recipe",
        recipe="pendulum",
    )
    return Offered(plan=plan, values=dict(values or {})).model_dump_json(by_alias=True).encode()


class LyingPlanner(PlanExecutor):
    """Answers every wish with the same bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def check(self) -> None:
        """It can always lie."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Lie."""
        artifact = await context.save(FILE, self._data, "application/json")
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=StepStatus.OK,
            artifacts=(artifact,),
            started_at=now(),
            finished_at=now(),
        )

    async def cool(self) -> None:
        """It keeps nothing."""


class LyingRegistry(Registry):
    def __init__(self, data: bytes) -> None:
        super().__init__(plugins=False)
        self._lying = LyingPlanner(data)

    def names(self, kind: str) -> dict[str, str]:
        return {"plan": OWN_DISTRIBUTION} if kind == "executors" else super().names(kind)

    def executors(self) -> dict[str, Executor]:
        return {"plan": self._lying}


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> DefaultPlanner:
    """Return the planner of all machines here: reading the library takes long."""
    folder = tmp_path_factory.mktemp("planner")
    kept = config.load_from(folder, {}).cache  # where the library lies ready, if it was ever read
    settings = Settings(home=folder, cache=kept, model="none")
    made = DefaultPlanner(registry=Registry(plugins=False), settings=settings)
    made.recipes.search("pendulum")
    return made


class Shared(Registry):
    """Gives planners that share a library."""

    def __init__(self, planner: DefaultPlanner) -> None:
        super().__init__(plugins=False)
        self._shared = planner

    def planner(self, name: str = "default", **options: Any) -> Any:
        made = DefaultPlanner(registry=self, settings=options["settings"])
        made.library, made.recipes = self._shared.library, self._shared.recipes
        return made


class Asker:
    """Somebody of the village who wishes something, on a machine with no model."""

    def __init__(self, person: Person, planner: DefaultPlanner) -> None:
        self.person = person
        self.settings = settings_of(person.settings.home)
        self.store = Store(self.settings)
        self.runtime = Runtime(
            settings=self.settings,
            store=self.store,
            registry=Shared(planner),
            approver=Reply("reject"),
        )

    async def proposed(self, wish: str, send: frozenset[Sent]) -> PlanProposed:
        intent = Intent(text=wish, language="en")
        events = [e async for e in self.runtime.run(intent, jury=True, send=send)]
        (found,) = [event for event in events if isinstance(event, PlanProposed)]
        return found


@pytest.fixture
async def asker(village: Village, planner: DefaultPlanner) -> AsyncIterator[Asker]:
    made = Asker(await village.join("ann"), planner)
    yield made
    await made.runtime.close()
    made.store.close()


async def lends_planner(village: Village, name: str, planner: DefaultPlanner) -> Node:
    person = await village.join(name)
    settings, folder = settings_of(person.settings.home), person.places.folder / "planning"
    registry = PlanningRegistry(settings, folder)
    lent = registry.executors()["plan"]
    assert isinstance(lent, PlanExecutor)
    lent._registry = Shared(planner)
    return (await village.lend(person, registry))[0]


def told(proposed: PlanProposed) -> str:
    return proposed.plan.assumptions[-1].text.text("en")


ALLOWED: frozenset[Sent] = frozenset({"neighbours"})


async def test_neighbours_vote_on_a_plan_and_the_card_says_who_and_who_saw_the_words(
    village: Village, asker: Asker, planner: DefaultPlanner
) -> None:
    bo = await lends_planner(village, "bo", planner)
    silent = (await village.lend(await village.join("cy")))[0]  # lends its machine, not its planner
    liar = await village.join("eve")
    other = offered("import random\nreport('x', random.random())")
    await village.lend(liar, LyingRegistry(other))
    found = await asker.proposed(WISH, ALLOWED)
    assert found.plan.recipe == "pendulum"
    assert found.vouched
    assert told(found).startswith("2 of 3 machines propose this plan: this one, bo (bo).")
    assert "Eve (eve): another plan (its own code)." in told(found)
    assert "Your words were shown to " in told(found)
    assert bo.served == 1
    assert silent.served == 0
    record = [entry.body for entry in village.hub.book.entries(0)]
    assert record
    assert not any("pendulum" in body for body in record)


async def test_nobody_sees_the_words_unless_that_was_allowed(
    village: Village, asker: Asker, planner: DefaultPlanner
) -> None:
    bo = await lends_planner(village, "bo", planner)
    found = await asker.proposed(WISH, frozenset())
    assert told(found).startswith("No neighbour was asked")
    assert found.plan.recipe == "pendulum"
    assert bo.served == 0


async def test_two_who_agree_on_code_of_their_own_do_not_outvote_a_recipe_of_this_machine(
    village: Village, asker: Asker
) -> None:
    for name in ("eve", "mallory"):
        await village.lend(await village.join(name), LyingRegistry(offered()))
    found = await asker.proposed(WISH, ALLOWED)
    assert found.plan.recipe == "pendulum"
    assert all(step.code != HARMLESS for step in found.plan.steps)
    assert told(found).startswith("1 of 3 machines propose this plan: this one.")


async def test_where_this_machine_has_no_plan_a_neighbours_code_is_only_proposed(
    village: Village, asker: Asker
) -> None:
    await village.lend(await village.join("eve"), LyingRegistry(offered(values={"n": 3})))
    await village.lend(await village.join("mallory"), LyingRegistry(b'{"plan": 1}'))
    found = await asker.proposed("how many lattice animals of size seven fit a torus", ALLOWED)
    assert found.plan.origin == "generated"
    assert found.plan.recipe is None
    assert found.values == {"n": 3}
    assert not found.accounted
    assert "Mallory (mallory): no readable plan." in told(found)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "broken"),
        (b"\x80\x04\x95cos\nsystem", "broken"),
        (b"[" * 100_000, "broken"),
        (offered().replace(b'"steps":[', b'"steps":[{},'), "broken"),
        (offered(values={"n": 10**9}), "broken"),
        (offered(values={"unknown": 1}), "broken"),
        (offered("#" * 300_000), "broken"),
        (offered(needs=["network"]), "beyond"),
        (offered(executor="bare"), "beyond"),
        (offered(language="sql"), "beyond"),
        (offered(inputs={"mine": f"run:{'a' * 26}/secret.csv"}), "beyond"),
        (offered("import os\nos.system('rm -rf /')"), "bad_code"),
        (offered("eval('1')"), "bad_code"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_plan_or_reaches_too_far_has_no_vote(
    planner: DefaultPlanner, data: bytes, why: str
) -> None:
    with pytest.raises(Refused, match=f"^{why}$"):
        judged(data, planner.recipes, planner._registry)


def test_code_under_a_recipes_name_is_not_that_recipe(planner: DefaultPlanner) -> None:
    greedy = {"wall_time": 80_000, "memory_bytes": 2**40}
    data = offered(limits=greedy)
    proposal, recipe = judged(data, planner.recipes, planner._registry)
    assert not recipe
    assert (proposal.plan.recipe, proposal.plan.origin) == (None, "generated")
    assert proposal.plan.steps[0].limits.wall_time <= 60
    assert not proposal.accounted


def test_a_recipe_comes_in_this_machines_words(planner: DefaultPlanner) -> None:
    plan = planner.recipes.get("pendulum").plan
    lie = plan.model_copy(update={"title": Words(en="Press y, it is free")})
    data = Offered(plan=lie).model_dump_json(by_alias=True).encode()
    proposal, recipe = judged(data, planner.recipes, planner._registry)
    assert recipe
    assert proposal.plan.title == plan.title


def test_a_neighbours_planner_knows_nothing_of_its_owners_own(
    planner: DefaultPlanner, tmp_path: Path
) -> None:
    given: list[Settings] = []

    class Seen(Registry):
        def planner(self, name: str = "default", **options: Any) -> Any:
            given.append(options["settings"])
            return planner

    mine = settings_of(tmp_path / "home").model_copy(update={"model": "openai/gpt-4o,none"})
    folder = tmp_path / "planning"
    folder.mkdir()
    (folder / "left").write_text("by an earlier one")
    PlanExecutor(Seen(plugins=False), mine, folder).check()
    (settings,) = given
    assert settings.home == folder  # not where its runs, recipes and habits lie
    assert not folder.exists()
    assert not settings.learn
    assert settings.model == "none"  # the owner pays for no neighbour's questions
