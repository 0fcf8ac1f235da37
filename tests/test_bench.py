"""The measurements measure: rivals do the same work, and a rival that does not is found out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intentos.bench import finding, kernels, record, rows, sandbox
from intentos.bench.row import Arrays, Rival, Row
from intentos.bench.rows import life
from intentos.bench.timing import seconds_per_round
from intentos.gpu_kernels.automaton import kernel

NUMPY_ONLY = replace(life.ROWS[0], rivals={"numpy": life.numpy_rival})


def test_a_row_tells_times_agreement_and_checks() -> None:
    result = kernels.measure_row(NUMPY_ONLY, kernel)
    assert result["agreement"] == {"numpy": "identical"}
    assert set(result["checks"].values()) == {"passed"}
    gpu, numpy = result["seconds"]["gpu"], result["seconds"]["numpy"]
    assert result["times_faster"]["numpy"] == pytest.approx(numpy / gpu, rel=0.01)
    assert result["rate"] == pytest.approx(2048**2 / gpu, rel=0.01)


def test_a_rival_that_does_other_work_is_found_out() -> None:
    def lazy(start: Arrays) -> Rival:
        return lambda rounds: {"cells": start["cells"] & 1}

    with pytest.raises(AssertionError):
        kernels.measure_row(replace(NUMPY_ONLY, rivals={"numpy": lazy}), kernel)


def test_every_row_of_the_table_names_a_kernel_and_has_numpy_and_numba_against_it() -> None:
    found: list[Row] = rows.every()
    assert len({row.label for row in found}) == len(found) >= 10
    for row in found:
        assert {"numpy", "numba"} <= row.rivals.keys(), row.label
        assert row.work > 0


def test_slow_tasks_have_few_turns_and_quick_ones_many_rounds() -> None:
    calls: dict[str, list[int]] = {"quick": [], "slow": []}

    def task(name: str, seconds: float) -> object:
        import time

        def work(rounds: int) -> None:
            calls[name].append(rounds)
            time.sleep(seconds * rounds)

        return work

    found = seconds_per_round(
        {"quick": task("quick", 0.001), "slow": task("slow", 0.3)},  # type: ignore[dict-item]
        budget=0.2,
    )
    assert calls["slow"] == [1]
    assert max(calls["quick"]) > 50
    assert found["slow"] > 20 * found["quick"]


def test_means_and_missed_targets_follow_from_the_rows() -> None:
    one = {"label": "a", "library": False, "times_faster": {"numpy": 10.0, "numba": 0.25}}
    two = {"label": "b", "library": True, "times_faster": {"numpy": 0.1, "numba": 1.0}}
    result = {"rows": [one, two], "geometric_means": kernels.means([one, two])}
    assert result["geometric_means"] == {"numpy": 1.0, "numba": 0.5}
    assert [line.split(":")[0] for line in kernels.missed(result)] == ["a", "geometric mean"]


def test_results_are_added_and_none_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "results" / "kernels.json"
    record.add(file, "device", {"kind": "kernels", "n": 1})
    record.add(file, "device", {"kind": "kernels", "n": 2})
    kept = json.loads(file.read_text("utf-8"))
    assert [result["n"] for result in kept["measured"]] == [1, 2]
    assert kept["device"] == "device"


def test_search_by_itself_finds_what_people_who_know_no_recipe_wish(home: object) -> None:
    result = finding.measure(fit=False)
    assert result["held"] > 300
    assert result["first"] >= 0.95 * result["held"]
    assert result["taken_right"] >= 0.88 * result["held"]
    assert result["taken_wrong"] <= 0.06 * result["held"]
    assert result["unheld_taken"] <= 0.3 * result["unheld"]


def test_the_walls_cost_what_was_promised_or_it_is_told() -> None:
    def times(p50: float, p99: float) -> dict[str, dict[str, float]]:
        return {what: {"p50": p50, "p99": p99} for what in ("first_line", "step")}

    good: dict[str, Any] = {
        "one_at_a_time": {
            "warm": times(9, 30),
            "cold": times(410, 500),
            "subprocess": times(360, 400),
        },
        "back_to_back": {"warm": times(9, 30)},
        "left": {"problems": []},
    }
    assert sandbox.missed(good) == []
    slow = good | {
        "back_to_back": {"warm": times(9, 61)},
        "one_at_a_time": good["one_at_a_time"] | {"cold": times(412, 500)},
        "left": {"problems": ["1 processes"]},
    }
    said = sandbox.missed(slow)
    assert [line.split(":")[0] for line in said] == [
        "warm, back to back, first_line",
        "warm, back to back, step",
        "cold",
        "left behind",
    ]
    assert sandbox.spread([0.001 * n for n in range(1, 101)])["p99"] == 99
