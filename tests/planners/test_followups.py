"""Follow-ups as people type them, on recipes of the house, without any model."""

from __future__ import annotations

import pytest

from intentos.config import Settings
from intentos.errors import PlanningError
from intentos.planners import reading
from intentos.planners.amounts import amounts
from intentos.planners.planner import DefaultPlanner
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.registry import Registry
from intentos.types import Intent, Quantity, Value, language_of


@pytest.fixture(scope="module")
def built() -> dict[str, DefaultPlanner]:
    """Return a place to keep one planner for all: its index takes a second to make."""
    return {}


@pytest.fixture
async def planner(
    built: dict[str, DefaultPlanner], registry: Registry, settings: Settings
) -> DefaultPlanner:
    """Return the planner, with the recipes of the house."""
    if not built:
        built["one"] = DefaultPlanner(registry=registry, settings=settings)
    return built["one"]


def lying(planner: DefaultPlanner, recipe: str, registry: Registry, **values: Value) -> Table:
    """Return a recipe on the table as a run leaves it there."""
    plan = planner.library.get(recipe).plan(registry)
    return Table(run="r", plan=plan, values={**plan.defaults, **values}, accounted=True)


async def say(planner: DefaultPlanner, text: str, table: Table) -> Proposal:
    """Return what is proposed for a text, without a model."""
    context = PlanningContext(trial=None, emit=lambda event: None, table=table, model="none")
    return await planner.propose(Intent(text=text, language=language_of(text)), context)


def changed(proposal: Proposal, table: Table) -> dict[str, tuple[Value, Value]]:
    """Return name → old and new value of what differs."""
    return {k: (table.values[k], v) for k, v in proposal.values.items() if v != table.values[k]}


@pytest.mark.parametrize(
    ("recipe", "text", "name", "want"),
    [
        # Steps, which are no values.
        ("city_traffic", "200 more cars", "cars", 700),
        ("city_traffic", "1/4 fewer cars", "cars", 375),
        ("queue_line", "20 fewer customers", "arrivals", 30),
        ("predator_prey", "狐狸多10只", "foxes", 20),
        ("retirement", "每月少取500", "pension", 1000),
        ("loan", "利率少1%呢", "rate", 3),
        ("loan", "期限缩短10年", "years", 20),
        ("moonlit_lake", "灯再加三盏", "lanterns", 5),
        ("ring_traffic", "再加一条车道", "lanes", 4),
        ("compound_interest", "add 2 percent to the rate", "rate", 7),
        # Factors.
        ("pendulum", "摆长加长一倍", "length", 2),
        ("ring_traffic", "车少一半", "cars", 45),
        ("starfield", "减速三成", "speed", 0.385),
        ("forest", "松树翻一番", "pines", 72),
        ("ripples", "波速慢一半", "speed", 0.25),
        ("moonlit_lake", "remove half of the pines", "pines", 6),
        ("rc_circuit", "ten times the resistance", "resistance", 100_000),
        # Values, named or told by their unit.
        ("pendulum", "what about 60 degrees", "angle", 60),
        ("double_pendulum", "twenty of them", "pendulums", 20),
        ("lorenz_attractor", "ρ改成50", "rho", 50),
        ("boiling_kettle", "and with 3 kW?", "power", 3000),
        ("heat_plate", "make the plate one metre wide", "size", 1),
        ("spring_mass", "质量换成3公斤", "mass", 3),
        ("moon_phases", "how about 2030", "year", 2030),
        ("moon_phases", "in July", "month", 7),
        ("garden", "make it noon", "hour", 12),
        ("black_hole", "seen from above", "tilt", 85),
        # As much as there may be, and nothing at all.
        ("mandelbrot", "放大到最深", "depth", 20_000),
        ("sound_tone", "as loud as possible", "volume", 100),
        ("ring_traffic", "what if nobody brakes for no reason", "slowdown", 0),
        ("snowfall", "别刮风", "wind", 0),
        # Choices, also by what is not wanted.
        ("garden", "in winter", "season", "winter"),
        ("garden", "下点雨", "weather", "rain"),
        ("braking_distance", "and on ice?", "road", "ice"),
        ("earth_globe", "反着转", "turns", -1),
    ],
)
async def test_a_change_is_read_without_a_model(
    planner: DefaultPlanner, registry: Registry, recipe: str, text: str, name: str, want: Value
) -> None:
    table = lying(planner, recipe, registry)
    proposal = await say(planner, text, table)
    assert proposal.plan.digest == table.plan.digest
    assert {k: new for k, (_, new) in changed(proposal, table).items()} == {
        name: pytest.approx(want)
    }


@pytest.mark.parametrize(
    ("recipe", "text", "name", "up"),
    [
        ("garden", "let wind move the trees", "wind", True),
        ("garden", "来点风", "wind", True),
        ("washing_line", "the wind picks up", "wind", True),
        ("washing_line", "let the wind die down", "wind", False),
        ("candle", "a draught comes in", "flicker", True),
        ("bird_flock", "make them stay closer together", "cohesion", True),
        ("bird_flock", "飞快点", "speed", True),
        ("moonlit_lake", "山低一点", "height", False),
        ("sea_sunset", "浪再大一点", "waves", True),
        ("sea_sunset", "make the sea calmer", "waves", False),
        ("tablecloth", "softer", "stiffness", False),
        ("doughnut", "a bit thinner", "dough", False),
        ("sound_tone", "小声点", "volume", False),
        ("forest", "less fog please", "fog", False),
        ("snowfall", "树多种几棵", "trees", True),
    ],
)
async def test_what_has_no_number_moves_the_right_way(
    planner: DefaultPlanner, registry: Registry, recipe: str, text: str, name: str, up: bool
) -> None:
    table = lying(planner, recipe, registry)
    moved = changed(await say(planner, text, table), table)
    assert moved.keys() == {name}
    old, new = moved[name]
    assert (float(new) > float(old)) is up


async def test_what_is_only_named_says_how_much_was_taken(
    planner: DefaultPlanner, registry: Registry
) -> None:
    calm = lying(planner, "garden", registry, wind=0.0)
    proposal = await say(planner, "来点风", calm)
    assert proposal.values["wind"] == calm.plan.defaults["wind"]
    assert any("since no number was said" in a.text.en for a in proposal.plan.assumptions)


@pytest.mark.parametrize(("now", "text"), [("rain", "stop the rain"), ("rain", "雨停了吧")])
async def test_what_is_not_wanted_any_more_becomes_what_it_was(
    planner: DefaultPlanner, registry: Registry, now: str, text: str
) -> None:
    table = lying(planner, "garden", registry, weather=now)
    assert changed(await say(planner, text, table), table) == {"weather": (now, "clear")}


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ("pendulum", "make it glitter"),
        ("spring_mass", "set the damping to 0"),
        ("sir_epidemic", "把房子减半"),
        ("garden", "halve the zebras"),
    ],
)
async def test_a_change_of_nothing_is_an_error_that_names_the_knobs(
    planner: DefaultPlanner, registry: Registry, recipe: str, text: str
) -> None:
    table = lying(planner, recipe, registry)
    with pytest.raises(PlanningError, match=table.plan.parameters[0].name) as told:
        await say(planner, text, table)
    assert told.value.code == "planning.nothing_to_change"


@pytest.mark.parametrize(
    ("recipe", "text", "becomes"),
    [
        ("starfield", "a black hole", "black_hole"),
        ("coin_flips", "画一朵盛开的花", "flower"),
        ("molecule_3d", "how does Conway's game of life work", "game_of_life"),
        ("solar_system", "模拟疾病在地图上怎么蔓延", "spatial_epidemic"),
        ("waving_flag", "画一个时钟，显示10点10分", "clock"),
    ],
)
async def test_a_whole_new_wish_is_no_change(
    planner: DefaultPlanner, registry: Registry, recipe: str, text: str, becomes: str
) -> None:
    proposal = await say(planner, text, lying(planner, recipe, registry))
    assert proposal.plan.recipe == becomes


async def test_half_of_what_follows_from_others_is_half_of_those(
    planner: DefaultPlanner, registry: Registry
) -> None:
    table = lying(planner, "sir_epidemic", registry)
    proposal = await say(planner, "halve the infection rate", table)
    assert changed(proposal, table) == {"reproduction": (2.5, 1.25)}


async def test_what_is_not_understood_keeps_the_badge_back(
    planner: DefaultPlanner, registry: Registry
) -> None:
    table = lying(planner, "pendulum", registry)
    assert (await say(planner, "double the length", table)).accounted
    assert not (await say(planner, "double the length for my zebra", table)).accounted


async def test_a_number_that_was_reported_is_told_again(
    planner: DefaultPlanner, registry: Registry
) -> None:
    plan = planner.library.get("ring_traffic").plan(registry)
    table = Table(
        run="r",
        plan=plan,
        values=plan.defaults,
        answer="The cars drive at 23 km/h on average.",
        quantities={"mean_speed": Quantity(value=23.0, unit="km/h")},
    )
    proposal = await say(planner, "tell me the mean speed", table)
    assert proposal.plan.digest == plan.digest
    assert changed(proposal, table) == {}


@pytest.mark.parametrize("text", ["再来一次", "run it again", "once more please"])
async def test_the_same_once_more(planner: DefaultPlanner, registry: Registry, text: str) -> None:
    table = lying(planner, "coin_flips", registry, flips=700)
    assert changed(await say(planner, text, table), table) == {}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("快一半", "multiply", 1.5),
        ("慢一半", "multiply", 0.5),
        ("减少三分之一", "multiply", 2 / 3),
        ("减到三分之一", "multiply", 1 / 3),
        ("翻两番", "multiply", 4),
        ("打八折", "multiply", 0.8),
        ("cut the rate by a third", "multiply", 2 / 3),
        ("twice as slow", "multiply", 0.5),
        ("5 degrees hotter", "add", 5),
        ("降了3米", "add", -3),
        ("another lane", "add", 1),
        ("尽量慢", "least", 0),
    ],
)
def test_amounts(text: str, kind: str, value: float) -> None:
    (amount,) = amounts(text)
    assert amount.kind == kind
    assert amount.value == pytest.approx(value)


@pytest.mark.parametrize("text", ["利率降到3.5%", "最多20个", "至少20", "多少钱", "one more time"])
def test_what_is_no_amount(text: str) -> None:
    assert amounts(text) == []


def test_nothing_is_doubled_in_a_formula(planner: DefaultPlanner, registry: Registry) -> None:
    plan = planner.library.get("function_plot").plan(registry)
    read = reading.read("now draw x^3 - 2x", plan)
    assert [operation.parameter for operation in read.operations] == ["formula"]


@pytest.mark.parametrize(
    ("recipe", "text", "name", "want"),
    [
        ("bird_flock", "three times as many", "birds", 12000),
        ("sky_lanterns", "多放一倍", "lanterns", 280),
        ("rotating_heart", "hold it still", "turns", 0),
        ("compound_interest", "at 4.5 % interest", "rate", 4.5),
        ("spinning_cube", "as an octahedron", "solid", "octahedron"),
    ],
)
async def test_a_piece_of_a_sentence_changes_only_what_it_is_about(
    recipe: str,
    text: str,
    name: str,
    want: Value,
    planner: DefaultPlanner,
    registry: Registry,
) -> None:
    plan = planner.library.get(recipe).plan(registry)
    first = next(p for p in plan.parameters if p.name not in (name, "frames"))
    other = first.maximum if first.kind == "number" else first.default
    table = lying(planner, recipe, registry, **{first.name: other} if other else {})
    proposal = await say(planner, text, table)
    assert {k: v for k, (_, v) in changed(proposal, table).items()} == {name: want}


async def test_half_of_that_is_about_what_was_changed_last(
    planner: DefaultPlanner, registry: Registry
) -> None:
    first = lying(planner, "garden", registry)
    table = Table(
        run="s",
        plan=first.plan,
        values={**first.values, "flowers": 220},
        accounted=True,
        earlier=first,
    )
    proposal = await say(planner, "half of that", table)
    assert changed(proposal, table) == {"flowers": (220, 110)}


async def test_another_colour_is_another_one(planner: DefaultPlanner, registry: Registry) -> None:
    for recipe, text, name in (
        ("julia", "other colours please", "palette"),
        ("rotating_heart", "换个颜色", "colour"),
        ("sky_lanterns", "a different palette", "palette"),
        ("butterfly", "another palette", "palette"),
    ):
        table = lying(planner, recipe, registry)
        proposal = await say(planner, text, table)
        assert list(changed(proposal, table)) == [name]


async def test_two_colours_are_taken_in_their_order(
    planner: DefaultPlanner, registry: Registry
) -> None:
    table = lying(planner, "waving_flag", registry)
    proposal = await say(planner, "make it blue and green", table)
    assert {k: v for k, (_, v) in changed(proposal, table).items()} == {
        "colour": "#1f6feb",
        "second": "#22a447",
    }


@pytest.mark.parametrize(
    ("recipe", "text", "becomes"),
    [
        ("rotating_heart", "turn it into a volcano", "volcano"),
        ("clock", "变成彩虹", "rainbow"),
        ("garden", "变成冬天", "garden"),  # a value of what lies there
        ("sorting", "change it into merge sort", "sorting"),
    ],
)
async def test_it_may_turn_into_another_thing(
    planner: DefaultPlanner, registry: Registry, recipe: str, text: str, becomes: str
) -> None:
    proposal = await say(planner, text, lying(planner, recipe, registry))
    assert proposal.plan.recipe == becomes


async def test_less_snow_takes_no_houses_away(planner: DefaultPlanner, registry: Registry) -> None:
    with pytest.raises(PlanningError, match="not clear what to change"):
        await say(planner, "雪再小一点", lying(planner, "snowy_village", registry))
