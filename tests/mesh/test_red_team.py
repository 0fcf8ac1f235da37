"""The short form of ``intentos bench mesh --red-team``: liars among real nodes at a real hub."""

from __future__ import annotations

from intentos.bench.red_team import Team, missed, play


async def test_colluding_liars_are_found_and_nothing_of_theirs_is_left() -> None:
    jobs = 300
    result = await play(Team("always", 2, 1.0, collude=True), jobs, nodes=10)
    assert result["lies"] > 0
    assert result["found"] == "2 of 2"
    assert result["wrong_at_end"] == 0
    assert result["honest_ejected"] == 0
    assert result["jobs"] == jobs
    # So few jobs that newcomers' checks are a large share; the bench measures it on 20,000.
    assert missed(result | {"overhead_percent": 0}) == []


def test_what_is_missed_is_said() -> None:
    row = {
        "team": "t", "liars": "2 of 20", "wrong_percent": 0.2, "overhead_percent": 13,
        "honest_ejected": 1,
    }  # fmt: skip
    assert len(missed(row)) == 3
    assert missed(row | {"wrong_percent": 0.1, "overhead_percent": 12, "honest_ejected": 0}) == []
