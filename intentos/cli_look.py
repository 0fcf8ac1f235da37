"""The commands that look rather than run: runs, show, recipes, models, executors, doctor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from intentos import cli, config
from intentos.certificate import certificate
from intentos.config import Settings
from intentos.consent import Consents
from intentos.errors import Missing, StoreError
from intentos.protocols import Planner, RecipeInfo
from intentos.registry import Registry
from intentos.report import Timings, last_named, lost, report, results_folder
from intentos.run import Run
from intentos.spending import Spending
from intentos.store import Store
from intentos.terminal import Terminal
from intentos.turned_out import turned_out

recipes_app = typer.Typer(help="The library of recipes.", rich_markup_mode=None)
models_app = typer.Typer(help="Models for language and speech.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(runs)
    app.command()(show)
    app.add_typer(recipes_app, name="recipes")
    app.add_typer(models_app, name="models")
    # By name, as all that is not core: what it needs is imported when something is measured.
    app.add_typer(import_module("intentos.bench.command").app, name="bench")


def runs(
    limit: Annotated[int, typer.Option("-n", min=1, max=10**6, help="How many, newest first")] = 20,
    json_: Json = False,
) -> None:
    """List runs, newest first."""
    look = _Look()
    store = look.store()
    found = store.runs(limit)
    store.close()
    if json_:
        _print_json([_summary(run) for run in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "when", "status", "badge", "wish"):
        table.add_column(look.say(f"list.{heading}"))
    for run in found:
        table.add_row(
            run.id[-8:],
            f"{run.created_at.astimezone():%m-%d %H:%M}",
            look.say(f"status.{run.status.value}"),
            look.say(f"badge.{run.badge}") if run.badge else "",
            Text(run.intent.text.replace("\n", " ")[:60]),
        )
    look.out.print(table if found else look.say("list.no_runs"))


def show(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    json_: Json = False,
    certificate_: Annotated[
        bool, typer.Option("--certificate", help="Print what it was made from, as hashes, in JSON.")
    ] = False,
) -> None:
    """Show a run: what was understood, what ran, what came out."""
    look = _Look()
    store = look.store()
    found = store.run(run)
    proof = certificate(found)
    if certificate_:
        if proof is None:
            raise Missing("replay.no_certificate", run=found.id)
        _print_json(proof.document())
        return
    paths = results_folder(found, look.settings, store)
    gone = lost(found, store)
    store.close()
    since = turned_out(look.settings, found)
    if json_:
        document = report(
            found,
            paths=paths,
            timings=_timings(found),
            runs=[found.id],
            language=found.intent.language,
        )
        away = [{"name": a.name, "sha256": a.id, "why": why} for a, why in gone]
        wrong = [{"what": one.code.rpartition("_")[2], **one.arguments} for one in since]
        _print_json({**document, "lost": away, "turned_out": wrong})
        return
    look.out.print(Text(found.intent.text, style="bold"))
    if found.plan is not None:
        bare = found.approval is not None and found.approval.bare != ()
        look.out.print(look.terminal.card(found.plan, found.values, whole_code=True, bare=bare))
    look.terminal.result(found, paths, _timings(found))
    for problem in since:
        look.terminal.error(problem.text(look.terminal.language))
    for why in sorted({why for _, why in gone}):
        names = ", ".join(artifact.name for artifact, w in gone if w == why)
        look.terminal.note(f"lost.{why}", names=names, run=found.id[-8:])
    if proof is not None:
        look.terminal.note("replay.certificate", digest=proof.digest[:12], run=found.id[-8:])
    if found.error is not None:
        look.terminal.error(found.error.text(look.terminal.language))


@recipes_app.callback(invoke_without_command=True)
def recipes(context: typer.Context, json_: Json = False) -> None:
    """List the library."""
    if context.invoked_subcommand is None:
        look = _Look()
        _show_recipes(look, look.planner().recipes.every(), json_)


@recipes_app.command("search")
def recipes_search(
    text: Annotated[str, typer.Argument(help="What to look for, in Chinese or English.")],
    json_: Json = False,
) -> None:
    """Find recipes by what they do."""
    look = _Look()
    _show_recipes(look, look.planner().recipes.search(text), json_)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, json_: Json = False) -> None:
    """List the models that are here and those that can be fetched."""
    if context.invoked_subcommand is not None:
        return
    look = _Look()
    found = look.planner().models.every()
    if json_:
        _print_json(
            [
                {"name": m.name, "path": str(m.path), "size": m.size, "licence": m.licence,
                 "present": m.present, "kind": m.kind}
                for m in found
            ]
        )  # fmt: skip
        return
    for model in found:
        if model.present:
            state = look.say("models.present")
        else:
            state = look.say("models.absent", name=model.name)
        kind = look.say(f"models.kind_{model.kind}")
        look.out.print(
            Text(f"{model.name}  ", style="bold"),
            Text(f"{kind} · {model.size / 1e9:.2f} GB · {model.licence} · {state}"),
        )
        if model.problem is not None:
            look.out.print(Text("  " + model.problem.text(look.terminal.language), style="red"))


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Which model.")] = "embedded",
    from_: Annotated[
        Path | None, typer.Option("--from", help="A file or folder that you already have.")
    ] = None,
) -> None:
    """Fetch a model; what was begun is resumed."""
    look = _Look()
    terminal = look.terminal
    path = cli.guard(
        terminal,
        lambda: look.planner().models.pull(name, source=from_, progress=terminal.transfer),
    )
    terminal.note("models.ready", path=str(path))


@models_app.command("providers")
def models_providers(json_: Json = False) -> None:
    """List who may be sent what without asking, and what was spent today."""
    look = _Look()
    allowed = cli.guard(look.terminal, Consents(look.settings).every)
    spent, tokens = cli.guard(look.terminal, Spending(look.settings).today)
    cap = look.settings.spend_per_day
    if json_:
        _print_json(
            {
                "providers": [consent.model_dump(mode="json") for consent in allowed],
                "today": {"dollars": spent, "cap": cap, "unpriced_tokens": tokens},
            }
        )
        return
    say = look.terminal.say
    for consent in allowed:
        sent = "; ".join(say(f"consent.sent_{kind}") for kind in consent.sent)
        date = f"{consent.at.astimezone():%Y-%m-%d}"
        look.out.print(Text(say("models.provider", host=consent.host, sent=sent, date=date)))
    if not allowed:
        look.out.print(Text(say("models.no_providers")))
    look.out.print(Text(say("models.spent", spent=f"{spent:.4f}", cap=f"{cap:g}", tokens=tokens)))


@models_app.command("forget")
def models_forget(
    host: Annotated[str, typer.Argument(help="As `intentos models providers` lists it.")],
) -> None:
    """Ask again before anything goes to this provider."""
    look = _Look()
    cli.guard(look.terminal, lambda: Consents(look.settings).forget(host))
    look.terminal.note("models.forgotten", host=host)


class _Look:
    """One call of a command that looks."""

    def __init__(self) -> None:
        self.terminal = Terminal(cli.system_language())
        self.out = self.terminal.stdout()
        self.settings: Settings = config.load()
        self.terminal.language = cli.language_for(self.settings)

    def say(self, code: str, **arguments: object) -> str:
        return self.terminal.say(code, **arguments)

    def store(self) -> Store:
        store = Store(self.settings)
        try:
            store.sweep()
        except StoreError as error:  # a full disk takes no word, but what is there can be read
            if error.code == "store.broken":
                raise
            self.terminal.error(error.text(self.terminal.language))
        return store

    def registry(self) -> Registry:
        return Registry(plugins=self.settings.plugins)

    def planner(self) -> Planner:
        return self.registry().planner(settings=self.settings)


def _show_recipes(look: _Look, found: Sequence[RecipeInfo], as_json: bool) -> None:
    language = look.terminal.language
    if as_json:
        _print_json(
            [{"id": r.id, "title": r.title.model_dump(), "source": str(r.source)} for r in found]
        )
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for recipe in found:
        table.add_row(
            Text(recipe.id, style="cyan"),
            Text(recipe.title.text(language), style="bold"),
            Text(recipe.description.text(language)),
        )
    look.out.print(table if found else look.say("list.no_recipes"))


def _summary(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "parent_run": run.parent_run,
        "text": run.intent.text,
        "status": run.status.value,
        "badge": run.badge,
        "plan": run.plan.digest if run.plan else None,
        "answer": run.answer,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "artifacts": [artifact.name for artifact in last_named(run.artifacts)],
    }


def _timings(run: Run) -> Timings:
    if run.finished_at is None:
        return Timings()
    return Timings(run_s=round((run.finished_at - run.created_at).total_seconds(), 3))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
