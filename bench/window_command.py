"""``intentos bench window``: the figures for people and for the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def run(out: Path | None, json_: bool, runs: int, stream: bool) -> None:
    """Measure, show and keep; end with 1 where a target was missed, with 4 where nothing works."""
    from rich.console import Console

    from . import record
    from . import window as measuring

    progress = Console(stderr=True, highlight=False)
    try:
        result = measuring.measure(
            lambda what: progress.print(f"… {what}", markup=False), runs=runs, stream=stream
        )
    except RuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(4) from error
    device = record.gpu()
    lines = measuring.missed(result)
    if out is not None:
        record.add(out, device, result)
    if json_:
        typer.echo(json.dumps({"device": device, **result, "missed": lines}, ensure_ascii=False))
    else:
        _show(Console(highlight=False), device, result)
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)


def _show(console: Console, device: str, result: dict[str, Any]) -> None:
    from rich.table import Table

    from .window import TARGETS

    console.print(f"{device}\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    for heading in ("ms", "wanted"):
        table.add_column(heading, justify="right")
    for name, target in TARGETS.items():
        table.add_row(name.replace("_", " "), f"{result[name]:g}", f"{target:g}")
    console.print(table)
    console.print(f"\nidle: {result['idle_gigabytes']} GB")
    if "growth" in result:
        grown = result["growth"]
        console.print(f"growth over {grown['runs']} runs: {grown['megabytes']} MB")
    for name in ("stage", "stream"):
        if name in result:
            console.print(f"{name}: {json.dumps(result[name], ensure_ascii=False)}", markup=False)
