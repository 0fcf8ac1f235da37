"""A network of roads, and the two places between which a way is asked for."""

from __future__ import annotations

import pytest

from intentos.planners.linking import link

from .plans import knob

KNOBS = (
    knob("roads", "Roads", "路", "roads 路", "A-B 4, A-C 2, C-B 1", kind="text"),
    knob("start", "From", "起点", "from 起点", "", kind="text"),
    knob("goal", "To", "终点", "to 终点", "", kind="text"),
)


@pytest.mark.parametrize(
    ("text", "roads", "start", "goal"),
    [
        ("A-B 4, A-C 2, C-B 1, from A to B", "A-B 4, A-C 2, C-B 1", "A", "B"),
        (
            "A to B is 10 km, B to C 5, A to C 20; quickest C to A?",
            "A-B 10, B-C 5, A-C 20",
            "C",
            "A",
        ),
        ("PQ=4，PR=7，QR=2.5，P到R最短", "P-Q 4, P-R 7, Q-R 2.5", "P", "R"),
        ("A到B有3公里，B和C相距4公里，A到C要8公里", "A-B 3, B-C 4, A-C 8", None, None),
        ("A-B 4 km, B-C 500 m, A-C 3 km from A to C", "A-B 4, B-C 0.5, A-C 3", "A", "C"),
        ("between A and D: A–B 1, B–D 1, A–D 3", "A-B 1, B-D 1, A-D 3", "A", "D"),
    ],
)
def test_roads_are_read(text: str, roads: str, start: str | None, goal: str | None) -> None:
    links = link(text, KNOBS)
    assert links.values["roads"] == roads
    assert links.values.get("start") == start
    assert links.values.get("goal") == goal
    assert not links.unused


def test_lengths_of_different_kinds_are_no_network() -> None:
    assert "roads" not in link("A-B 4 km, B-C 5 min, A-C 3 km", KNOBS).values


def test_two_of_them_are_no_network() -> None:
    assert "roads" not in link("A-B 4, B-C 2", KNOBS).values
