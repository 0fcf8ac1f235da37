"""Ways to choose a node: what hubs use loses to no other, and finds who is new or well again."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from intentos.bench.choosing_trace import KIND, missed, table
from intentos.mesh.book import Member
from intentos.mesh.choose import CHOOSERS, DEFAULT, Chooser, Trail
from intentos.mesh.roster import Node
from intentos.mesh.wire import Offer


def node(name: str, running: int = 0, slots: int = 4) -> Node:
    made = Node(
        Member(name, name, name, "node", revoked=False),
        Offer(name=name, version="1", languages=frozenset(), slots=slots, memory_bytes=0),
    )
    made.running |= {str(number) for number in range(running)}
    return made


def chosen(chooser: Chooser, nodes: list[Node], times: int = 2000) -> Counter[str]:
    random.seed(7)
    return Counter(chooser.choose(KIND, nodes).member.id for _ in range(times))


def test_the_default_loses_to_no_other_way() -> None:
    rows = table(seeds=range(3))
    assert {row["way"] for row in rows} == set(CHOOSERS)
    assert missed(rows, DEFAULT) == []
    # It is the comparison that decides: the others do lose somewhere.
    assert all(missed(rows, other) for other in set(CHOOSERS) - {DEFAULT})


@pytest.mark.parametrize("name", CHOOSERS)
def test_every_way_takes_whoever_is_there_and_prefers_the_free(name: str) -> None:
    chooser = CHOOSERS[name]()
    assert chosen(chooser, [node("a", 3)], 10) == {"a": 10}
    counts = chosen(chooser, [node("a", 3), node("b", 0)])
    assert counts["b"] > counts["a"]
    troubled = node("a")
    troubled.trouble = 3
    counts = chosen(chooser, [troubled, node("b")])
    assert counts["b"] > counts["a"]


def test_a_trail_leads_to_the_quick_and_still_tries_the_slow() -> None:
    trail = Trail()
    for _ in range(10):
        trail.learned(KIND, "slow", 80.0)
        trail.learned(KIND, "quick", 0.1)
    counts = chosen(trail, [node("slow"), node("quick")])
    assert 20 < counts["slow"] < 200
    assert chosen(trail, [node("quick"), node("new")])["new"] > 700  # as good as the best
    other = Counter(trail.choose("another kind", [node("slow"), node("quick")]).member.id
                    for _ in range(2000))  # fmt: skip
    assert abs(other["slow"] - 1000) < 200


def test_a_trail_fades_so_that_who_was_slow_is_tried_again() -> None:
    now = 0.0
    trail = Trail(clock=lambda: now)
    trail.learned(KIND, "slow", 8.0)
    trail.learned(KIND, "quick", 1.0)
    nodes = [node("slow"), node("quick")]
    before = chosen(trail, nodes)["slow"]
    now = 3600.0
    assert chosen(trail, nodes)["slow"] > 5 * before


def test_what_is_shorter_than_the_way_there_tells_nothing() -> None:
    trail = Trail()
    trail.learned(KIND, "a", 0.001)
    trail.learned(KIND, "b", 0.015)
    assert abs(chosen(trail, [node("a"), node("b")])["a"] - 1000) < 150
