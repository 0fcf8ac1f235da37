"""The certificate of a run: what it was made from, and the hashes of what came out.

It is not stored apart but read off the run's own events, so that it can never say anything else
than they do. Runs from before raw content was hashed have none.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pydantic import Field

from intentos.attachments import bind
from intentos.errors import UsageError
from intentos.plan import ATTACHMENT, Plan
from intentos.raw_hash import RawHash, Tolerance
from intentos.run import Run, RunStatus, StepResult
from intentos.types import (
    Frozen,
    Json,
    Name,
    Quantity,
    Sha256,
    Value,
    canonical_json,
    sha256,
)

SCHEMA = 1


class StepProof(Frozen):
    """What one step ran and what it left."""

    id: Name
    language: str
    code: str = ""
    """The kernel's name; empty where the code is text."""
    code_hash: str
    executor: str
    device: str
    versions: dict[str, str]
    inputs: dict[Name, str] = {}
    """Local name → sha256 of content that was handed in, or where else it came from."""
    outputs: tuple[RawHash, ...]
    numbers: dict[str, Quantity]
    numbers_sha256: Sha256
    tolerance: Tolerance | None = None


class Certificate(Frozen):
    """What a completed run was made from and what came out, as hashes."""

    schema_number: Literal[1] = Field(1, alias="schema")
    run: str
    plan_digest: Sha256
    values: dict[str, Value]
    seed: int
    steps: tuple[StepProof, ...]

    @property
    def digest(self) -> str:
        """The hash of all of it but the run's own id: two runs that gave the same share it."""
        return sha256(canonical_json(self.model_dump(mode="json", exclude={"run"})))

    def document(self) -> Json:
        """Return it as JSON that a person may keep, with its own digest."""
        return {**self.model_dump(mode="json"), "digest": self.digest}


def certificate(run: Run) -> Certificate | None:
    """Return the certificate of a run, or None where it did not complete or is too old for one."""
    results = {result.step_id: result for result in run.results}
    if run.status is not RunStatus.COMPLETED or run.plan is None:
        return None
    if not all(step.id in results and results[step.id].versions for step in run.plan.steps):
        return None
    return Certificate(
        run=run.id,
        plan_digest=run.plan.digest,
        values=run.values,
        seed=run.seed,
        steps=tuple(_proof(run, run.plan, index, results) for index in range(len(run.plan.steps))),
    )


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, of IntentOS and of some packages that may be installed."""
    return {"python": platform.python_version()} | _installed(("intentos-runtime", *packages))


def _proof(run: Run, plan: Plan, index: int, results: Mapping[str, StepResult]) -> StepProof:
    step = plan.steps[index]
    result = results[step.id]
    numbers = {name: q.model_dump(mode="json") for name, q in result.values.items()}
    return StepProof(
        id=step.id,
        language=step.language,
        code=step.code if step.language == "kernel" else "",
        code_hash=step.code_hash,
        executor=result.executor,
        device=result.device,
        versions=result.versions,
        inputs=dict(_inputs(run, plan, index)),
        outputs=_outputs(result),
        numbers=result.values,
        numbers_sha256=sha256(canonical_json(numbers)),
        tolerance=result.tolerance,
    )


def _outputs(result: StepResult) -> tuple[RawHash, ...]:
    """Return the hashes that the executor gave, and those of all artifacts that they leave out."""
    named = {file for output in result.hashes for file in output.files}
    others = [
        RawHash(name=artifact.name, kind="file", sha256=artifact.id, files=(artifact.name,))
        for artifact in result.artifacts
        if artifact.name not in named
    ]
    return (*result.hashes, *others)


def _inputs(run: Run, plan: Plan, index: int) -> Iterable[tuple[str, str]]:
    try:
        bound = bind(plan.attachments, run.intent.attachments)
    except UsageError:  # an older version judged otherwise what fits
        bound = {}
    for name, source in plan.steps[index].inputs.items():
        origin, _, key = source.partition("/")
        handed_in = origin == ATTACHMENT and key in bound
        yield name, bound[key].plain if handed_in else source


@cache
def _installed(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
