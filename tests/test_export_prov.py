"""How a result came to be, as PROV-JSON that other people's tools can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intentos.config import Settings
from intentos.export import export, offered
from intentos.export_prov import prov
from intentos.model_use import ModelUse
from intentos.registry import Registry
from intentos.run import Run
from intentos.store import Store
from intentos.types import Check, Problem, Words

from .exported import run_with, work_on

RELATIONS = {
    "used": ("activity", "entity"),
    "wasGeneratedBy": ("entity", "activity"),
    "wasAttributedTo": ("entity", "agent"),
    "wasAssociatedWith": ("activity", "agent"),
    "wasDerivedFrom": ("generatedEntity", "usedEntity"),
    "wasInformedBy": ("informed", "informant"),
    "actedOnBehalfOf": ("delegate", "responsible"),
}
KIND = {
    "activity": "activity", "entity": "entity", "agent": "agent", "plan": "entity",
    "generatedEntity": "entity", "usedEntity": "entity", "informed": "activity",
    "informant": "activity", "delegate": "agent", "responsible": "agent",
}  # fmt: skip


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


def afar(store: Store, **changes: Any) -> Run:
    """Return a run whose step ran on a neighbour's machine, with a name of many signs."""
    run = run_with(store, {"a.txt": b"afar", "b.csv": b"x\n1\n"}, **changes)
    note = Problem(code="mesh.ran_agreed", arguments={"node": "Bo's attic 顶楼", "owner": "bo"})
    check = Check(name="right", title=Words(en="Right"), status="passed", kind="oracle")
    result = run.results[0].model_copy(
        update={"node": "Bo's attic 顶楼", "note": note, "checks": (check,)}
    )
    use = ModelUse(name="small model", tokens=3)
    return run.model_copy(update={"results": (result,), "models": (use,), "parent_run": "earlier"})


def test_every_relation_joins_two_things_that_are_there(store: Store) -> None:
    graph = prov(afar(store))
    names = {kind: set(graph[kind]) for kind in ("entity", "activity", "agent")}
    for kind in names:
        for name in names[kind]:
            assert re.fullmatch(r"intentos:[A-Za-z0-9%._~-]+", name), name
    relations = graph.keys() - names.keys() - {"prefix"}
    assert relations == RELATIONS.keys()
    for relation in relations:
        for ends in graph[relation].values():
            told = {end.removeprefix("prov:"): name for end, name in ends.items()}
            assert set(RELATIONS[relation]) <= told.keys()
            for end, name in told.items():
                assert name in names[KIND[end]], (relation, end, name)


def test_who_gave_what_is_told(store: Store) -> None:
    run = afar(store)
    graph = prov(run)
    (machine,) = [n for n, facts in graph["agent"].items() if facts.get("prov:label")]
    assert graph["agent"][machine]["prov:label"] == "Bo's attic 顶楼"
    (bound,) = graph["actedOnBehalfOf"].values()
    assert (bound["prov:delegate"], bound["prov:responsible"]) == (machine, "intentos:owner-bo")
    left = {f"intentos:sha256-{artifact.id}" for artifact in run.artifacts}
    assert left <= graph["entity"].keys()
    given = [r["prov:entity"] for r in graph["wasAttributedTo"].values()
             if r["prov:agent"] == machine]  # fmt: skip
    assert set(given) == left
    assert "intentos:model-small%20model" in graph["agent"]
    assert any(f["prov:type"] == "intentos:Verification" for f in graph["activity"].values())
    here = prov(run_with(store, {"a.txt": b"here"}))
    assert "actedOnBehalfOf" not in here
    assert "intentos:machine-here" in here["agent"]


def test_it_is_a_format_like_the_others(store: Store, registry: Registry, tmp_path: Path) -> None:
    job = work_on(afar(store), store, registry)
    assert "prov" in offered(job)
    path = export(job, "prov", tmp_path)
    assert path.name.endswith(".prov.json")
    assert json.loads(path.read_text("utf-8")) == prov(job.run)
