"""``intentos bench``: the measurements, as tables for people and JSON for the record."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Measure this program on this machine.", rich_markup_mode=None)

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Results file to add to.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command()
def kernels(
    only: Annotated[str, typer.Option(help="Only rows whose name contains this.")] = "",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Compare the kernels with NumPy, numba and Taichi, and measure the live views."""
    from rich.console import Console

    from . import kernels as measuring
    from . import live, record

    progress = Console(stderr=True, highlight=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}")

    result: dict[str, Any] = {"kind": "kernels", **measuring.measure(only, tell)}
    if not only:
        tell("copy")
        result["copy_gigabytes_per_second"] = round(measuring.copy_bandwidth() / 1e9, 2)
        result["views"] = []
        for row in live.views():
            tell(f"{row['kernel']} 512²")
            result["views"].append(row)
        tell("first frames")
        result["first_frames"] = live.first_frames()
    device = record.gpu()
    if out is not None:
        record.add(out, device, result)
    if json_:
        typer.echo(json.dumps({"device": device, **result}, ensure_ascii=False))
    else:
        _show_kernels(Console(highlight=False), device, result)
    if any("failed" in row["checks"].values() for row in result["rows"]):
        raise typer.Exit(1)


@app.command()
def planner(
    kind: Annotated[str, typer.Argument(help="recall, followups or generate")],
    model: Annotated[str | None, typer.Option(help="embedded, none, or a GGUF file.")] = None,
    cases: Annotated[str, typer.Option(help="tuned, untouched or all")] = "all",
    match: Annotated[str, typer.Option(help="Only texts in which this pattern is found.")] = "",
    out: Out = None,
) -> None:
    """Measure how well wishes are understood, on written cases."""
    import asyncio

    from . import planner as measuring
    from . import record

    if kind not in measuring.KINDS or cases not in measuring.CASES:
        typer.echo(f"{kind!r}, {cases!r}: {measuring.KINDS} and {measuring.CASES}", err=True)
        raise typer.Exit(2)
    result = asyncio.run(measuring.measure(kind, model, cases, match))
    typer.echo(f"{result['right']} of {result['of']} right, {result['seconds']} s")
    if out is not None:
        record.add(out, record.cpu(), result)


@app.command()
def finding(
    fit: Annotated[bool, typer.Option("--fit", help="Also fit the weights of the clues.")] = False,
    out: Out = None,
) -> None:
    """Measure search by itself, on wishes written without a look at the recipes."""
    from . import finding as measuring
    from . import record

    result = measuring.measure(fit)
    rows = result.pop("rows")
    for row in rows:
        wrong = row["got"] is not None and row["got"] not in row["wanted"]
        if wrong or (row["wanted"] and row["got"] is None):
            typer.echo(f"{row['text']} → {row['got']}; {', '.join(row['wanted']) or 'none'}")
    typer.echo(json.dumps(result))
    if out is not None:
        record.add(out, record.cpu(), result)


@app.command()
def intents(
    untouched: Annotated[bool, typer.Option("--untouched", help="Totals only.")] = False,
    tuned: Annotated[bool, typer.Option("--tuned", help="The default.")] = False,
    rehearsed: Annotated[
        bool, typer.Option("--rehearsed", help="Wishes of strangers, mended on since.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Tuned and untouched; totals only.")] = False,
    model: Annotated[str | None, typer.Option(help="embedded, none, or another.")] = None,
    family: Annotated[str, typer.Option(help="Only families whose name contains this.")] = "",
    match: Annotated[str, typer.Option(help="Only texts in which this pattern is found.")] = "",
    full_size: Annotated[
        bool, typer.Option("--full-size", help="Also work that no wish asked for.")
    ] = False,
    cold: Annotated[int, typer.Option(help="Also ask this many as processes of their own.")] = 0,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Ask every wish for real and judge what comes out."""
    import asyncio
    from importlib.util import find_spec

    from rich.console import Console

    if untouched + tuned + rehearsed + every > 1:
        typer.echo("--untouched, --tuned, --rehearsed, --all: one of them", err=True)
        raise typer.Exit(2)
    if find_spec("pydantic_evals") is None:
        typer.echo("pydantic-evals is missing: pip install 'intentos-runtime[bench]'", err=True)
        raise typer.Exit(4)

    from . import cases, record, summary, wishes
    from . import cold as cold_start

    progress = Console(stderr=True, highlight=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}", markup=False)

    part: cases.Part | None = (
        None if every else "untouched" if untouched else "rehearsed" if rehearsed else "tuned"
    )
    chosen = cases.choose(cases.every(), part=part, family=family, match=match)
    if not chosen:
        typer.echo(f"no case: --family {family!r}, --match {match!r}", err=True)
        raise typer.Exit(2)
    name, rows = asyncio.run(wishes.measure(chosen, model, full_size=full_size, tell=tell))
    result: dict[str, Any] = {
        "kind": "intents",
        "model": name,
        "part": part or "all",
        "full_size": full_size,
        **summary.summarise(rows),
    }
    if part in ("tuned", "rehearsed"):
        result["rows"] = summary.details(rows)
    if cold:
        result["cold"] = cold_start.measure(cold_start.pick(chosen, cold), model, tell)
    device = record.gpu()
    if out is not None:
        record.add(out, device, result)
    if json_:
        typer.echo(json.dumps({"device": device, **result}, ensure_ascii=False))
    else:
        summary.show(Console(highlight=False), {"device": device, **result})


@app.command()
def sandbox(
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Kill processes of runs and see what holds.")
    ] = False,
    runs: Annotated[int, typer.Option(min=1, help="Of chaos: how many.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Of chaos: to repeat a failure.")] = None,
    model: Annotated[str, typer.Option(help="Of chaos: for the runs asked in words.")] = "none",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Measure what trust costs, or with --chaos what a kill -9 at any moment leaves."""
    from . import chaos_command, sandbox_command

    if not chaos:
        sandbox_command.run(out, json_)
        return
    chaos_command.run(runs, seed, model, out, json_)


@app.command()
def window(
    runs: Annotated[int, typer.Option(min=0, help="For the growth of memory; 0: none.")] = 500,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Also measure what moves.")
    ] = True,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Measure how soon the window is there and answers, in headless Chromium."""
    from . import window_command

    window_command.run(out, json_, runs, stream)


@app.command()
def mesh(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer jobs, for a look.")] = False,
    red_team: Annotated[
        bool, typer.Option("--red-team", help="Plant liars instead: who is found, what is left.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=100, help="Of each red team.")] = 20_000,
    chaos: Annotated[
        int | None, typer.Option(min=1, help="Kill hub, server and nodes so often, under load.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the kills; by default a new one.")] = None,
    ways: Annotated[
        bool, typer.Option("--ways", help="Compare the ways to choose a node, as one slows down.")
    ] = False,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Measure the mesh: empty jobs through hub and nodes, files, a sweep on one to four nodes."""
    from . import mesh_command

    if chaos is not None:
        mesh_command.chaos(out, json_, chaos, seed)
    elif red_team:
        mesh_command.red_team(out, json_, 2000 if quick else jobs)
    elif ways:
        mesh_command.ways(out, json_, 12.0 if quick else 40.0, seed or 0)
    else:
        mesh_command.run(out, json_, quick)


def _show_kernels(console: Console, device: str, result: dict[str, Any]) -> None:
    from rich.table import Table

    from . import kernels as measuring
    from . import live

    console.print(f"{device}\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("work")
    for heading in ("ms", "× NumPy", "× numba", "× Taichi", "rate"):
        table.add_column(heading, justify="right")
    table.add_column("agreement")
    table.add_column("checks")
    for row in result["rows"]:
        faster = row["times_faster"]
        passed = sum(status == "passed" for status in row["checks"].values())
        failed = [name for name, status in row["checks"].items() if status == "failed"]
        table.add_row(
            row["label"],
            f"{1000 * row['seconds']['gpu']:.3g}",
            *(f"{faster[r]:.2f}" if r in faster else "–" for r in ("numpy", "numba", "taichi")),
            _rate(row),
            next(iter(row["agreement"].values()), "–"),
            f"✗ {', '.join(failed)}" if failed else f"✓ {passed} of {len(row['checks'])}",
        )
    console.print(table)
    means = ", ".join(f"{name} {ratio}" for name, ratio in result["geometric_means"].items())
    console.print(f"\ngeometric means: {means or '–'}")
    if missing := sorted({"numba", "taichi"} - result["geometric_means"].keys()):
        console.print(
            f"not installed: {', '.join(missing)} (pip install 'intentos-runtime[bench]')"
        )
    if "views" in result:
        _show_views(console, result)
    for line in [*measuring.missed(result), *live.missed(result)]:
        console.print(f"missed: {line}")


def _show_views(console: Console, result: dict[str, Any]) -> None:
    from rich.table import Table

    console.print(f"plain copy: {result['copy_gigabytes_per_second']} GB/s read and written\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("live view")
    columns = ("size", "frames/s", "compute ms", "draw ms", "read-back ms", "encode ms")
    for heading in (*columns, "first frame ms"):
        table.add_column(heading, justify="right")
    for row in result["views"]:
        each = row["milliseconds"]
        first = result["first_frames"]["warm_s"].get(row["kernel"])
        table.add_row(
            row["kernel"],
            f"{row['width']}×{row['height']}",
            f"{row['fps']:.0f}",
            *(f"{each[key]:.1f}" for key in ("compute", "draw", "read_back", "encode")),
            f"{1000 * first:.0f}" if first else "–",
        )
    console.print(table)
    cold = result["first_frames"]["cold_s"]
    console.print(f"\nfirst frame from a cold start: {cold:.2f} s\n")


def _rate(row: dict[str, Any]) -> str:
    for amount, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if row["rate"] >= amount:
            return f"{row['rate'] / amount:.3g} {prefix}{row['unit']}/s"
    return f"{row['rate']:.3g} {row['unit']}/s"


if __name__ == "__main__":
    sys.exit(app())
