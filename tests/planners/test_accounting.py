"""Words and numbers that a plan has no use for keep it from being called verified."""

from __future__ import annotations

import pytest

from intentos.planners import recall
from intentos.planners.library import builtin_folder, read_recipe
from intentos.registry import Registry


@pytest.mark.parametrize(
    ("recipe", "text", "accounted"),
    [
        ("pendulum", "a pendulum of 2 m", True),
        ("loan", "monthly payment of a loan of 300000 at 4 percent over 30 years", True),
        ("prime_count", "count the primes below 1000", True),
        ("prime_count", "1000以内有多少个素数", True),
        ("pendulum", "a pendulum twice as blurry", False),
        ("pendulum", "a pendulum without gravity", False),
        ("pendulum", "not a pendulum", False),
        ("city_traffic", "500 cars, half of them red", False),
        ("city_traffic", "city traffic with half as many trams", False),
        ("prime_count", "count the primes below 1000 except 7", False),
        ("prime_count", "how many primes are there below 1000, squared", False),
        ("birthday_problem", "probability that 3 of 23 people share a birthday", False),
        ("monte_carlo_pi", "estimate e with darts", False),
        ("heat_plate", "heat in a cube", False),
        ("ripples", "ripples in blue oil", False),
        # Nothing says whose the number is: it went to the only parameter that there is.
        ("prime_count", "primes 1000", False),
        ("loan", "贷款一百万，年利率4%，30年，提前5年还清", False),
    ],
)
async def test_what_was_said_must_have_ended_somewhere(
    recipe: str, text: str, accounted: bool, registry: Registry
) -> None:
    read = read_recipe(builtin_folder() / f"{recipe}.yaml")
    proposal = await recall.fill(text, read, registry, None)
    assert proposal.accounted is accounted, dict(proposal.values)
