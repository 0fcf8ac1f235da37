"""``intentos bench sandbox --chaos``: the figures for people and for the record."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer


def run(runs: int, seed: int | None, model: str, out: Path | None, json_: bool) -> None:
    """Kill so many runs, tell what held, and end the process: 1 where something did not."""
    from rich.console import Console

    from . import record

    if sys.platform != "linux":
        typer.echo("--chaos: Linux only", err=True)
        raise typer.Exit(4)
    from . import chaos

    progress = Console(stderr=True, highlight=False)
    result = chaos.measure(
        runs, lambda what: progress.print(f"… {what}", markup=False), seed=seed, model=model
    )
    device = record.gpu()
    if out is not None:
        record.add(out, device, result)
    if json_:
        typer.echo(json.dumps({"device": device, **result}, ensure_ascii=False))
    else:
        told = result["acknowledged"]
        typer.echo(f"seed {result['seed']}, killed: {_listed(result['killed'])}")
        typer.echo(
            f"acknowledged: {_listed(told)}; lost {len(result['lost'])}, "
            f"damaged {len(result['damaged'])}, without an end {len(result['endless'])}, "
            f"left on the disk {len(result['left'])}, running {len(result['running'])}"
        )
        typer.echo(f"the next runs: {_listed(result['next_run_s'])} seconds")
    for line in result["missed"]:
        typer.echo(f"missed: {line}", err=json_)
    if result["missed"]:
        raise typer.Exit(1)


def _listed(numbers: dict[str, int | float]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())
