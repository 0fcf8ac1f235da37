"""The executor ``duckdb``: steps in SQL, over tables that a person attached or a step left.

Isolation ``process``, and honestly no more: the query runs in a process of its own, under limits,
in a DuckDB that has lost the right to open files, to load extensions and to be configured. A hole
in DuckDB would be a hole in this wall; no sandbox stands behind it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from intentos.command import CommandExecutor, Ended
from intentos.errors import ExecutorUnavailable
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.types import Quantity

NUMBERS = "numbers.json"


class DuckDBExecutor(CommandExecutor):
    """Runs ``sql``: inputs are tables, parameters ``$name``, the last result ``result.csv``."""

    name = "duckdb"
    languages = frozenset({"sql"})
    program = sys.executable

    def check(self) -> None:
        """Return if DuckDB is installed."""
        if find_spec("duckdb") is None:
            raise ExecutorUnavailable(
                "executor.no_program", name="duckdb", remedy="pip install duckdb"
            )

    def device(self) -> str:
        """Return DuckDB's version."""
        return f"DuckDB {version('duckdb')}"

    def command(self, step: Step, context: StepContext) -> Sequence[str]:
        """Return the worker: a process that is gone when the query ends or must end."""
        return [sys.executable, "-I", str(Path(__file__).with_name("worker.py"))]

    def stdin(self, step: Step, context: StepContext) -> bytes:
        """Return the job: the query, and everything else as data."""
        values = step.resolved_arguments(context.values) if step.arguments else context.values
        job = {
            "code": step.code,
            "parameters": dict(values),
            "inputs": {name: str(path) for name, path in context.inputs.items()},
            "seed": context.seed,
            "memory_bytes": context.limits.memory_bytes,
            "artifact_bytes": context.limits.artifact_bytes,
        }
        return json.dumps(job).encode()

    def environment(self, step: Step, context: StepContext) -> dict[str, str]:
        """Return next to nothing: parameters go by the job."""
        return {"HOME": str(context.workdir), "TMPDIR": str(context.workdir), "LC_ALL": "C.UTF-8"}

    def failure(self, ended: Ended) -> str:
        """Return DuckDB's own words, without the hints that follow them."""
        if ended.status == 0:
            return ""
        said = ended.stderr.strip()
        return said.split("\n\n")[0][:1000] or f"DuckDB ended with {ended.status}"

    def values(self, folder: Path) -> Mapping[str, Quantity]:
        """Return the numbers of a result that has one row, and how many rows there are."""
        file = folder / NUMBERS
        numbers = json.loads(file.read_text("utf-8")) if file.exists() else {}
        file.unlink(missing_ok=True)
        return {name: Quantity(value=number) for name, number in numbers.items()}
