"""``intentos bench sandbox``: the figures for people and for the record."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def run(out: Path | None, json_: bool) -> None:
    """Measure, show and keep; end with 1 where a target was missed, with 4 where nothing works."""
    from rich.console import Console

    from intentos.errors import ExecutorUnavailable

    from . import record
    from . import sandbox as measuring

    if sys.platform != "linux":
        typer.echo("bench sandbox: Linux only", err=True)
        raise typer.Exit(4)
    progress = Console(stderr=True, highlight=False)
    try:
        result = asyncio.run(
            measuring.measure(lambda what: progress.print(f"… {what}", markup=False))
        )
    except ExecutorUnavailable as unavailable:
        typer.echo(str(unavailable), err=True)
        raise typer.Exit(4) from unavailable
    device = record.cpu()
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

    console.print(f"{device}, milliseconds\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("way")
    for heading in ("first line p50", "p99", "empty step p50", "p99", "runs"):
        table.add_column(heading, justify="right")
    for how in ("one_at_a_time", "back_to_back"):
        for name, times in result.get(how, {}).items():
            first, step = times["first_line"], times["step"]
            label = name if how == "one_at_a_time" else f"{name}, back to back"
            figures = (first["p50"], first["p99"], step["p50"], step["p99"])
            table.add_row(label, *(f"{f:.1f}" for f in figures), str(first["count"]))
    console.print(table)
    for name, why in result["missing"].items():
        console.print(f"not measured: {name}: {why}", markup=False)
    if "left" in result:
        left = result["left"]
        growth = left["memory_growth_bytes"]
        told = ", ".join(
            f"{name} {left[name]}"
            for name in ("processes", "mounts", "groups", "files", "descriptors", "containers")
        )
        grown = ", ".join(f"{name} {size / 1024**2:+.1f} MiB" for name, size in growth.items())
        console.print(f"\nleft after the steps back to back: {told}; memory: {grown}")
