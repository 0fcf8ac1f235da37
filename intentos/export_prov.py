"""How a result came to be, as W3C PROV-JSON: who gave data, models and compute to it.

Entities are what was said, the plan, files and what was left; activities are planning, each step
and its checks; agents are the person, the models and the machines with their owners. Other people's
tools read it: https://www.w3.org/submissions/prov-json/
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from intentos.export import Work
from intentos.plan import Step
from intentos.run import Run, StepResult
from intentos.types import Json

PREFIX = "https://intentos.example/ns#"
"""A name for our own words; nothing is fetched from there."""
NOTES = ("mesh.ran_none", "mesh.ran_spot", "mesh.ran_agreed", "mesh.ran_alone")
"""What a step says that ran on somebody else's machine, with whose it was."""


def fits_prov(work: Work) -> bool:
    """Return whether the run has a plan."""
    return work.run.plan is not None


def write_prov(work: Work, target: Path) -> None:
    """Write the graph."""
    target.write_text(json.dumps(prov(work.run), ensure_ascii=False, indent=1) + "\n", "utf-8")


def prov(run: Run) -> dict[str, dict[str, Json]]:
    """Return a run's graph as PROV-JSON."""
    graph = _Graph()
    person = graph.add("agent", "person", {"prov:type": "prov:Person"})
    intent = graph.add(
        "entity",
        f"intent-{run.intent.id}",
        {"prov:label": run.intent.text, "prov:type": "intentos:Intent"},
    )
    graph.relate("wasAttributedTo", entity=intent, agent=person)
    for attachment in run.intent.attachments:
        entity = graph.blob(attachment.id, attachment.name, attachment.media_type)
        graph.relate("wasAttributedTo", entity=entity, agent=person)
    if run.plan is None:
        return graph.parts
    planning = graph.add("activity", f"planning-{run.id}", {"prov:type": "intentos:Planning"})
    graph.relate("used", activity=planning, entity=intent)
    for use in run.models:
        model = graph.add("agent", f"model-{use.name}", {"prov:type": "prov:SoftwareAgent"})
        graph.relate("wasAssociatedWith", activity=planning, agent=model)
    plan = graph.add(
        "entity",
        f"plan-{run.plan.digest}",
        {
            "prov:type": "prov:Plan",
            "prov:label": run.plan.title.text(run.intent.language),
            "intentos:origin": run.plan.origin,
        },
    )
    graph.relate("wasGeneratedBy", entity=plan, activity=planning)
    if run.parent_run:
        earlier = graph.add("entity", f"run-{run.parent_run}", {"prov:type": "intentos:Run"})
        graph.relate("wasDerivedFrom", generatedEntity=plan, usedEntity=earlier)
    results = {result.step_id: result for result in run.results}
    for step in run.plan.steps:
        if step.id in results:
            _step(graph, run, step, results[step.id], plan)
    return graph.parts


def _step(graph: _Graph, run: Run, step: Step, result: StepResult, plan: str) -> None:
    facts: dict[str, Json] = {
        "prov:type": "intentos:Step",
        "prov:label": step.title.text(run.intent.language, run.values) or step.id,
        "prov:startTime": result.started_at.isoformat(),
        "prov:endTime": result.finished_at.isoformat(),
        "intentos:executor": result.executor,
        "intentos:status": result.status.value,
    }
    activity = graph.add("activity", f"step-{run.id}-{step.id}", facts)
    code = graph.add("entity", f"code-{step.code_hash or step.id}", {"prov:type": "intentos:Code"})
    graph.relate("used", activity=activity, entity=plan)
    graph.relate("used", activity=activity, entity=code)
    node, owner = machine(result)
    agent = graph.add(
        "agent",
        f"machine-{node}",
        {"prov:type": "prov:SoftwareAgent", "prov:label": node, "intentos:device": result.device},
    )
    graph.relate("wasAssociatedWith", activity=activity, agent=agent, plan=plan)
    if owner:
        whose = graph.add("agent", f"owner-{owner}", {"prov:type": "prov:Person"})
        graph.relate("actedOnBehalfOf", delegate=agent, responsible=whose, activity=activity)
    for source in step.inputs.values():
        origin, _, name = source.partition("/")
        found = [a for a in run.artifacts if a.step_id == origin and a.name == name]
        given = [a for a in run.intent.attachments if a.name == name] if not found else []
        for one in (*found[-1:], *given[:1]):
            entity = graph.blob(one.id, one.name, one.media_type)
            graph.relate("used", activity=activity, entity=entity)
        if origin.startswith("run:"):
            earlier = graph.add("entity", f"run-{origin[4:]}", {"prov:type": "intentos:Run"})
            graph.relate("used", activity=activity, entity=earlier)
    for artifact in result.artifacts:
        entity = graph.blob(artifact.id, artifact.name, artifact.media_type)
        graph.relate("wasGeneratedBy", entity=entity, activity=activity)
        graph.relate("wasAttributedTo", entity=entity, agent=agent)
    for check in result.checks:
        judged = graph.add(
            "activity",
            f"check-{run.id}-{step.id}-{check.name}",
            {"prov:type": "intentos:Verification", "intentos:status": check.status},
        )
        graph.relate("wasInformedBy", informed=judged, informant=activity)
        for artifact in result.artifacts[:1]:
            graph.relate("used", activity=judged, entity=graph.blob_name(artifact.id))


def machine(result: StepResult) -> tuple[str, str]:
    """Return the machine that a step ran on and its owner; the owner is empty where it was here."""
    if result.node == "here":
        return "here", ""
    note = result.note
    owner = note.arguments.get("owner", "") if note is not None and note.code in NOTES else ""
    return result.node, str(owner)


class _Graph:
    """PROV-JSON as it grows."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Json]] = {"prefix": {"intentos": PREFIX}}
        self._count = 0

    def add(self, kind: str, name: str, facts: dict[str, Json]) -> str:
        """Put something in, once; return its name."""
        full = f"intentos:{quote(name, safe='')}"
        self.parts.setdefault(kind, {}).setdefault(full, {k: v for k, v in facts.items() if v})
        return full

    def blob_name(self, digest: str) -> str:
        """Return the name of some bytes: the same bytes are the same thing, whoever has them."""
        return f"intentos:sha256-{digest}"

    def blob(self, digest: str, name: str, media_type: str) -> str:
        """Put a file in by its bytes."""
        facts: dict[str, Json] = {"prov:label": name, "intentos:mediaType": media_type}
        return self.add("entity", f"sha256-{digest}", facts)

    def relate(self, kind: str, **ends: str) -> None:
        """Put a relation in."""
        self._count += 1
        told: dict[str, Json] = {f"prov:{end}": name for end, name in ends.items()}
        if told not in self.parts.setdefault(kind, {}).values():
            self.parts[kind][f"_:r{self._count}"] = told
