"""``intentos bench mesh``: the figures for people and for the record."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path

import typer


def run(out: Path | None, json_: bool, quick: bool) -> None:
    """Measure, show and keep; end with 1 where a target was missed, with 4 where nothing works."""
    from rich.console import Console

    from intentos.errors import ExecutorUnavailable

    if find_spec("nats") is None or find_spec("aiohttp") is None:
        typer.echo("the mesh is missing: pip install 'intentos-runtime[mesh]'", err=True)
        raise typer.Exit(4)
    from . import mesh as measuring
    from . import record

    progress = Console(stderr=True, highlight=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}", markup=False)

    try:
        result = asyncio.run(
            measuring.measure(tell, one_by_one=100 if quick else 500, many=1000 if quick else 5000)
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
        console = Console(highlight=False)
        console.print(f"{device}, load {result['load']}\n")
        for name, figure in result.items():
            if name not in ("kind", "load"):
                console.print(f"{name}: {figure}", markup=False)
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)
