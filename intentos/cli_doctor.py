"""The commands that look after this machine: doctor, clean, keep."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import typer
from rich.text import Text

from intentos import cleaning, cli, config, doctor, mending
from intentos.errors import UsageError
from intentos.events import RunKept
from intentos.registry import Registry
from intentos.store import Store
from intentos.terminal import Terminal, shown_size

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("doctor")(doctor_command)
    app.command("clean")(clean)
    app.command("keep")(keep)


def doctor_command(
    mend: Annotated[
        bool, typer.Option("--mend", help="Mend what can be; nothing that a run names is deleted.")
    ] = False,
    json_: Json = False,
) -> None:
    """Look at this machine: what works, what is missing, and what to do about it."""
    settings, terminal = _look()
    registry = Registry(plugins=settings.plugins)
    mended = cli.guard(terminal, lambda: mending.mend(settings)) if mend else []
    models = registry.planner(settings=settings).models
    findings = doctor.examine(settings, registry, models)
    if json_:
        documents: list[dict[str, Any]] = [finding.model_dump() for finding in findings]
        done = [{"code": one.code, "text": one.text(terminal.language)} for one in mended]
        typer.echo(json.dumps({"findings": documents, "mended": done} if mend else documents))
    else:
        out = terminal.stdout()
        for finding in findings:
            mark, style = {
                "ok": ("✓", "green"),
                "missing": ("✗", "red"),
                "limited": ("!", "yellow"),
            }[finding.status]
            name = terminal.say(f"doctor.{finding.name}")
            out.print(Text.assemble((f"{mark} ", style), name, (f"  {finding.detail}", "dim")))
            if finding.problem:
                out.print(Text("    " + finding.problem.text(terminal.language)))
        for one in mended:
            out.print(Text("+ " + one.text(terminal.language), style="green"), soft_wrap=True)
        if mend and not mended:
            terminal.note("mended.nothing")
    if any(finding.status == "missing" for finding in findings):
        raise typer.Exit(4)


def clean(
    to: Annotated[
        str | None, typer.Option(help="What is to be left, as 5GB or 300MB; else the budget.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json_: Json = False,
) -> None:
    """Remove artifacts, oldest first, never of what you saved or keep; runs can make them again."""
    settings, terminal = _look()
    wanted = cli.guard(
        terminal, lambda: cleaning.budget(settings) if to is None else in_bytes(to), json_=json_
    )
    done = cli.guard(
        terminal, lambda: cleaning.clean(settings, wanted, dry_run=dry_run), json_=json_
    )
    if json_:
        typer.echo(json.dumps({**done.model_dump(), "dry_run": dry_run}))
        return
    terminal.cleaned(done, "clean.would" if dry_run else "clean.done")
    left = done.used - (done.bytes if dry_run else 0)
    if left > done.wanted:
        most = shown_size(done.wanted)
        terminal.note("clean.saved_stay", size=shown_size(left), wanted=most)


def keep(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    undo: Annotated[bool, typer.Option("--undo", help="It may be cleaned away again.")] = False,
) -> None:
    """Keep what a run made: it is never cleaned away."""
    settings, terminal = _look()

    def work() -> str:
        store = Store(settings)
        try:
            found = store.run(run)
            store.append(RunKept(run_id=found.id, kept=not undo))
            return found.id
        finally:
            store.close()

    name = cli.guard(terminal, work)[-8:]
    if undo:
        terminal.note("clean.not_kept", run=name)
    else:
        terminal.note("clean.kept", run=name)


def in_bytes(text: str) -> int:
    """Return a size that a person wrote, such as ``5GB``, in bytes; raises UsageError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        readable = text.encode("utf-8", "replace").decode()
        raise UsageError("clean.no_size", text=readable[:40])
    return int(float(found[1]) * _FACTORS[found[2].lower()])


def _look() -> tuple[config.Settings, Terminal]:
    terminal = Terminal(cli.system_language())
    settings = config.load()
    terminal.language = cli.language_for(settings)
    return settings, terminal
