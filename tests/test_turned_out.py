"""A run that holds a neighbour's wrong result tells it, once that is known."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal

import pytest

from intentos.config import Settings
from intentos.mesh.corrections import Corrected
from intentos.mesh.places import Places
from intentos.run import Run
from intentos.store import Store
from intentos.turned_out import turned_out
from intentos.types import new_id
from tests.ui.records import plan_of, record


def tell(
    settings: Settings,
    run: Run,
    what: Literal["corrected", "doubtful"] = "corrected",
    *,
    believed: bool = True,
) -> None:
    """Write down what a hub has said of a run's one step."""
    places = Places(settings)
    places.folder.mkdir(parents=True, exist_ok=True)
    one = Corrected(
        seq=1, key=new_id(), at="2026-11-23", node="U" * 56, what=what, run=run.id, step="work",
        believed=believed,
    )  # fmt: skip
    with places.corrections.open("a", encoding="utf-8") as out:
        out.write(one.model_dump_json() + "\n")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


def test_only_what_a_run_holds_of_a_neighbour_is_told(settings: Settings, store: Store) -> None:
    there = record(store, plan=plan_of(), node="bo")
    other = record(store, plan=plan_of(), node="bo")
    here = record(store, plan=plan_of())
    refused = record(store, plan=plan_of(), node="bo")
    assert turned_out(settings, there) == ()
    tell(settings, there)
    tell(settings, here)
    tell(settings, refused, believed=False)
    (told,) = turned_out(settings, there)
    assert (told.code, told.arguments["node"]) == ("mesh.turned_out_corrected", "bo")
    assert [turned_out(settings, run) for run in (other, here, refused)] == [(), (), ()]


def test_show_tells_it(settings: Settings, store: Store) -> None:
    run = record(store, plan=plan_of(), node="bo", answer="The mean is 3.5 m.", badge="verified")
    tell(settings, run, "doubtful")

    def show(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "intentos", "show", run.id, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    (told,) = turned_out(settings, run)
    assert " ".join(told.text("en").split()) in " ".join(show().stderr.split())
    found = json.loads(show("--json").stdout)["turned_out"]
    assert found == [{"what": "doubtful", "node": "bo", "step": "work"}]
