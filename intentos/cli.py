"""The command line: joins the parts and tells a person, or a program, what happens.

Answers go to stdout and everything else to stderr; with ``--json`` stdout is exactly one object.
Exit codes: 0 completed, 1 the run or a check failed, 2 wrong usage, 3 not approved, 4 something
needed is missing, 130 canceled.
"""

from __future__ import annotations

import asyncio
import io
import json
import locale
import os
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TextIO, TypeVar, get_args

import typer

from intentos import config, messages
from intentos.asking import AskInTerminal
from intentos.attachments import fitted
from intentos.consent import Sent
from intentos.console import without_controls
from intentos.conversation import (
    Conversation,
    Options,
    assignments,
    make_intent,
)
from intentos.errors import IntentOSError, StoreError, UsageError
from intentos.events import ProgressMade
from intentos.placement import Where
from intentos.plan import Plan
from intentos.plan_file import dump_plan, read_plan
from intentos.policy import ApproveAll, AskNobody
from intentos.preferences import LANGUAGE, Preferences
from intentos.protocols import Approver
from intentos.report import (
    SCHEMA,
    check_folder,
    exit_code,
    export,
    problem_object,
    report,
    results_folder,
)
from intentos.risk import Risk
from intentos.rules import Rule
from intentos.run import Run, RunStatus
from intentos.sweep import Sweep, read_sweep, run_sweep, table
from intentos.terminal import Terminal
from intentos.types import (
    Attachment,
    Estimate,
    Intent,
    Language,
    Mode,
    Need,
    Value,
    language_of,
    new_id,
)
from intentos.warning import PluginWarning

T = TypeVar("T")

app = typer.Typer(
    name="intentos",
    help="Say what you want computed, in Chinese or English. 用中文或英文说出想要计算的东西。",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Text = Annotated[str, typer.Argument(help="What you want computed. 想要计算的东西。")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Approve the plan without asking.")]
Allow = Annotated[str, typer.Option(help="Needs beyond the sandbox to allow, by commas.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="name=value; may be repeated.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of everything random.")]
Out = Annotated[Path | None, typer.Option(help="Folder for exactly this run's artifacts.")]
Attach = Annotated[
    list[Path] | None,
    typer.Option(help="A table, picture, sound or array to work on; may be repeated."),
]
ModeName = Annotated[
    str | None,
    typer.Option("--mode", help="When to ask: ask, risky, machine; plan: run nothing."),
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe-no-sandbox",
        help="Let this call's Python run with nothing to hold it in, where no sandbox works.",
    ),
]
WhereName = Annotated[
    str,
    typer.Option("--where", help="auto, here, peer, cluster: may steps go to other machines?"),
]
Jury = Annotated[bool, typer.Option("--jury", help="Let programs, and neighbours' models, vote.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ModelName = Annotated[
    str | None,
    typer.Option(help="embedded, none, a GGUF file, provider/model; several by commas."),
]
Send = Annotated[
    str,
    typer.Option(help="What may leave unasked: wish,plan,attachments to a model; neighbours."),
]


@app.command()
def ask(
    text: Text,
    follow: Annotated[
        list[str] | None, typer.Option(help="Goes on with the conversation; may be repeated.")
    ] = None,
    attach: Attach = None,
    yes: Yes = False,
    allow: Allow = "",
    set_: Set = None,
    seed: Seed = None,
    model: ModelName = None,
    send: Send = "",
    jury: Jury = False,
    mode: ModeName = None,
    unsafe_no_sandbox: Unsafe = False,
    where: WhereName = "here",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Understand a wish, show the plan, run it and show what came out."""
    call = Call(language=language_of(text), json_=json_, out=out)
    options = call.guard(lambda: make_options(set_, seed, allow, model, mode))
    options.where = call.guard(lambda: where_of(where))
    options.unsafe_no_sandbox = unsafe_no_sandbox
    options.jury = jury
    options.send = call.guard(lambda: _sendable(send))

    async def work(conversation: Conversation) -> Run:
        options.attachments = await call.take_in(conversation, attach)

        def between(run: Run) -> None:
            if not json_:
                call.terminal.result(run, {}, conversation.timings)

        return await conversation.ask(
            [text, *(follow or [])], options, call.terminal.show, between=between
        )

    call.run(work, yes=yes)


@app.command()
def run(
    plan: Annotated[Path, typer.Argument(help="A plan file, as `intentos plan -o` writes it.")],
    attach: Attach = None,
    yes: Yes = False,
    allow: Allow = "",
    set_: Set = None,
    seed: Seed = None,
    mode: ModeName = None,
    unsafe_no_sandbox: Unsafe = False,
    sweep: Annotated[
        str | None, typer.Option(help="name=from:to:count runs the plan with each value.")
    ] = None,
    where: WhereName = "here",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run a plan file; a plan that was edited is asked about again."""
    call = Call(language=None, json_=json_, out=out)
    found = call.guard(lambda: read_plan(plan))
    options = call.guard(lambda: make_options(set_, seed, allow, None, mode))
    options.where = call.guard(lambda: where_of(where))
    options.unsafe_no_sandbox = unsafe_no_sandbox
    options.chosen = frozenset(options.values)
    options.values = {**found.values, **options.values}
    wanted = None if sweep is None else call.guard(lambda: read_sweep(sweep, found.plan))
    if found.edited:
        call.terminal.note(
            "plan.edited", digest=found.plan.digest[:12], recorded=found.recorded_digest[:12]
        )
    title = found.plan.title.text(call.terminal.language, options.values) or plan.stem

    async def work(conversation: Conversation) -> Run:
        intent = make_intent(
            title,
            conversation=new_id(),
            language=call.terminal.language,
            attachments=await call.take_in(conversation, attach),
        )
        true = conversation.with_true_origin(found.plan)
        if wanted is None:
            return await conversation.run(intent, options, call.terminal.show, plan=true)

        def again() -> Intent:
            return intent.model_copy(update={"id": new_id()})

        def told(over: int, count: int) -> None:
            fraction = over / count
            call.terminal.show(ProgressMade(run_id="", stage="stage.sweeping", fraction=fraction))

        runs = await run_sweep(conversation, wanted, true, options, again, call.terminal.show, told)
        call.sweep = (wanted, runs)
        worst = [run for run in runs if run.status is not RunStatus.COMPLETED]
        return (worst or runs)[-1]

    call.run(work, yes=yes)


@app.command()
def rerun(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    attach: Attach = None,
    yes: Yes = False,
    allow: Allow = "",
    set_: Set = None,
    seed: Seed = None,
    mode: ModeName = None,
    unsafe_no_sandbox: Unsafe = False,
    where: WhereName = "here",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run a plan once more with other values; no model is used."""
    call = Call(language=None, json_=json_, out=out)
    options = call.guard(lambda: make_options(set_, seed, allow, None, mode))
    options.where = call.guard(lambda: where_of(where))
    options.unsafe_no_sandbox = unsafe_no_sandbox

    async def work(conversation: Conversation) -> Run:
        earlier = conversation.store.run(run)
        if earlier.plan is None:
            raise UsageError("rerun.no_plan", run=earlier.id)
        options.chosen = frozenset(options.values)
        options.values = {**earlier.values, **options.values}
        options.seed = earlier.seed if seed is None else seed
        call.terminal.language = earlier.intent.language
        intent = make_intent(
            earlier.intent.text,
            conversation=earlier.intent.conversation,
            language=earlier.intent.language,
            # Other data under the same plan, or the data of the earlier run.
            attachments=await call.take_in(conversation, attach) or earlier.intent.attachments,
        )
        return await conversation.run(
            intent, options, call.terminal.show, plan=earlier.plan, parent_run=earlier.id
        )

    call.run(work, yes=yes)


@app.command()
def plan(
    text: Text,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write.")] = None,
    attach: Attach = None,
    set_: Set = None,
    model: ModelName = None,
    send: Send = "",
) -> None:
    """Write the plan for a wish as YAML, without running anything."""
    call = Call(language=language_of(text), json_=False, out=None)
    options = call.guard(lambda: make_options(set_, None, "", model))
    sent = call.guard(lambda: _sendable(send))

    async def work(conversation: Conversation) -> tuple[Plan, Mapping[str, Value]]:
        attachments = await call.take_in(conversation, attach)
        intent = make_intent(text, conversation=new_id(), attachments=attachments)
        proposal = await conversation.runtime.propose(
            intent, model=model, emit=call.terminal.show, send=sent
        )
        plan = fitted(proposal.plan, attachments)
        return plan, plan.accept({**proposal.values, **options.values})

    proposed, values = call.guard(lambda: asyncio.run(call.converse(work, AskNobody())))
    call.terminal.pause()
    document = dump_plan(proposed, values)
    if output is None:
        typer.echo(document, nl=False)
        return
    call.guard(lambda: write_text(output, document))
    call.terminal.console.print(call.terminal.card(proposed, values))
    call.terminal.note("plan.written", path=str(output))


class Call:
    """One call of a command that runs something."""

    at: float = 0.0
    """When the process was called; timings count from here."""
    sweep: tuple[Sweep, Sequence[Run]] | None = None
    """Where a plan was run with many values: which, and the runs."""

    def __init__(self, *, language: Language | None, json_: bool, out: Path | None) -> None:
        self.terminal = Terminal(language or system_language())
        self._json = json_
        self._out = out
        self.settings = self.guard(config.load)
        self._conversation: Conversation | None = None
        if self.settings.language != "auto" or language is None:
            self.terminal.language = language_for(self.settings)

    @property
    def conversation(self) -> Conversation:
        """What the call has opened."""
        assert self._conversation is not None
        return self._conversation

    def guard(self, action: Callable[[], T]) -> T:
        """Return what the action returns; an error is told and ends the process."""
        return guard(self.terminal, action, json_=self._json)

    def run(
        self,
        work: Callable[[Conversation], Awaitable[Run]],
        *,
        yes: bool,
        tell: Callable[[Run, Conversation], int] | None = None,
    ) -> None:
        """Run something to its end, tell how it went, and end the process; ``tell`` tells of a run
        that completed in the place of the usual words, and returns the exit code."""
        finished, conversation = self.guard(lambda: asyncio.run(self._run(work, yes=yes)))
        self.terminal.pause()
        if tell is not None and finished.status is RunStatus.COMPLETED:
            raise typer.Exit(self.guard(lambda: tell(finished, conversation)))
        self.guard(lambda: self._tell(finished, conversation))
        if conversation.cleaned is not None and conversation.cleaned.artifacts:
            self.terminal.cleaned(conversation.cleaned, "clean.by_itself")
        raise typer.Exit(exit_code(finished))

    async def converse(self, work: Callable[[Conversation], Awaitable[T]], approver: Approver) -> T:
        """Open a conversation for some work and close it on every path."""
        discloser = self._asks() if _somebody_is_there() else None
        conversation = Conversation(self.settings, approver, called_at=self.at, discloser=discloser)
        self._conversation = conversation
        _cancel_on_sigterm()
        try:
            if self._out is not None:
                check_folder(self._out, conversation.store)
            return await work(conversation)
        finally:
            await conversation.close()

    async def take_in(
        self, conversation: Conversation, paths: list[Path] | None
    ) -> tuple[Attachment, ...]:
        """Return files as attachments, and tell what was found in them."""
        attachments = await conversation.runtime.take_in(paths or [])
        for attachment in attachments:
            self.terminal.attached(attachment)
        return attachments

    async def _run(
        self, work: Callable[[Conversation], Awaitable[Run]], *, yes: bool
    ) -> tuple[Run, Conversation]:
        try:
            run = await self.converse(work, self._approver(yes))
        except asyncio.CancelledError:
            # The runtime has ended the run and kept what it had finished.
            if self._conversation is None or not self._conversation.runs:
                raise
            run = self._conversation.store.run(self._conversation.runs[-1])
        assert self._conversation is not None
        return run, self._conversation

    def _approver(self, yes: bool) -> Approver:
        if yes:
            return ApproveAll("--yes")
        if _somebody_is_there():
            return self._asks()
        return AskNobody()

    def _asks(self) -> AskInTerminal:
        async def estimate(
            plan: Plan, values: Mapping[str, Value], run: str
        ) -> dict[str, Estimate]:
            return await self.conversation.runtime.estimate(run, plan, values)

        def parent(plan: Plan) -> tuple[Plan, Mapping[str, Value]] | None:
            return self.conversation.store.plan(plan.parent) if plan.parent else None

        async def consider(
            plan: Plan, values: Mapping[str, Value], run: str
        ) -> tuple[Risk, Rule | None]:
            gate = self.conversation.runtime.gate(run)
            return await gate.risk(plan, values), await gate.rule(plan, values)

        return AskInTerminal(self.terminal, estimate, parent, consider)

    def _tell(self, run: Run, conversation: Conversation) -> None:
        store = conversation.store
        language = self.terminal.language
        if self._out is not None:
            paths = export(run, self._out, store)
        else:
            paths = results_folder(run, self.settings, store)
        if self._json:
            document = report(
                run,
                paths=paths,
                timings=conversation.timings,
                runs=conversation.runs,
                language=language,
            )
            if self.sweep is not None:
                document["sweep"] = table(*self.sweep)
            typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
        else:
            if self.sweep is not None:
                self.terminal.sweep(table(*self.sweep), self.sweep[0].name)
            self.terminal.result(run, paths, conversation.timings)
        if run.status is RunStatus.REJECTED:
            self._show_unapproved(run)
        if run.error is not None:
            self.terminal.error(run.error.text(language))

    def _show_unapproved(self, run: Run) -> None:
        """Print a plan that nobody was asked about, to be read before the next try."""
        planned_only = run.error is not None and run.error.code == "policy.plan_only"
        if run.plan is None or run.approval is not None or not (planned_only or run.error is None):
            return
        console = self.terminal.console if self._json else self.terminal.stdout()
        console.print(self.terminal.card(run.plan, run.values))
        if run.error is None:
            self.terminal.note("policy.not_approved")


def guard(terminal: Terminal, action: Callable[[], T], *, json_: bool = False) -> T:
    """Return what the action returns; an error is told and ends the process with its code."""
    try:
        return action()
    except IntentOSError as error:
        terminal.error(error.text(terminal.language))
        if json_:
            document: dict[str, object] = {
                "schema": SCHEMA,
                "run": None,
                "status": "failed",
                "error": problem_object(error.problem(), terminal.language),
                "runs": [],
            }
            typer.echo(json.dumps(document, ensure_ascii=False))
        raise typer.Exit(error.exit_code) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        terminal.pause()
        raise typer.Exit(130) from None


def language_for(settings: config.Settings) -> Language:
    """Return the language of what is no answer to a sentence: as set, liked, or the system's."""
    if settings.language != "auto":
        return settings.language
    liked = None
    with suppress(StoreError):  # `intentos preferences` tells of a damaged file
        liked = Preferences(settings).every().get(LANGUAGE)
    return system_language() if liked is None else ("zh" if liked.value == "zh" else "en")


def system_language() -> Language:
    """Return the language of the person's system."""
    chosen = os.environ.get("INTENTOS_LANGUAGE", "")
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    name = next((os.environ[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(k)), "")
    if not name and sys.platform in ("win32", "darwin"):
        name = locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def main(called_at: float) -> None:
    """Run the command line; ``called_at`` is when the process was called, in seconds."""
    from intentos import (
        cli_approvals,
        cli_build,
        cli_doctor,
        cli_executors,
        cli_export,
        cli_keep,
        cli_listen,
        cli_look,
        cli_mesh,
        cli_peers,
        cli_preferences,
        cli_replay,
        cli_window,
    )

    _open_streams()
    Call.at = called_at
    cli_window.register(app)
    cli_look.register(app)
    cli_keep.register(app, cli_look.recipes_app)
    cli_export.register(app)
    cli_executors.app.command()(cli_build.build)
    app.add_typer(cli_executors.app, name="executors")
    cli_replay.register(app)
    cli_doctor.register(app)
    app.add_typer(cli_preferences.app, name="preferences")
    cli_approvals.register(app)
    cli_listen.register(app)
    cli_mesh.register(app)
    cli_peers.register(app)
    warnings.showwarning = _show_warning
    try:
        app()
    except IntentOSError as error:
        typer.echo("✗ " + without_controls(error.text(system_language())), err=True)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # The reader of our output has gone; Python must not try to flush it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _open_streams() -> None:
    """Make the standard streams usable however the process was started."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, as `<&-` does
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        # A mark that the terminal's encoding lacks is no reason to lose the answer.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_options(
    set_: list[str] | None,
    seed: int | None,
    allow: str,
    model: str | None,
    mode: str | None = None,
) -> Options:
    """Return what options of the command line say; raises UsageError for an unknown word."""
    modes: dict[str, Mode] = {mode: mode for mode in get_args(Mode)}
    if mode is not None and mode not in modes:
        raise UsageError("mode.unknown", mode=mode[:40], known=", ".join(modes))
    return Options(
        values=assignments(set_ or []),
        seed=seed,
        allow=needs(allow),
        model=model,
        mode=None if mode is None else modes[mode],
    )


def where_of(text: str) -> Where:
    """Return where steps may run; raises UsageError for an unknown word."""
    known: dict[str, Where] = {word: word for word in get_args(Where)}
    if text not in known:
        raise UsageError("placement.unknown", where=text[:40], known=", ".join(known))
    return known[text]


def needs(allow: str) -> frozenset[Need]:
    """Return the needs that a text names; raises UsageError for one that there is not."""
    known: dict[str, Need] = {need: need for need in get_args(Need)}
    wanted = [need.strip() for need in allow.split(",") if need.strip()]
    for need in wanted:
        if need not in known:
            raise UsageError("allow.unknown", need=need, known=", ".join(known))
    return frozenset(known[need] for need in wanted)


def _sendable(text: str) -> frozenset[Sent]:
    known: dict[str, Sent] = {sent: sent for sent in get_args(Sent)}
    wanted = [sent.strip() for sent in text.split(",") if sent.strip()]
    for sent in wanted:
        if sent not in known:
            raise UsageError("consent.unknown_sent", sent=sent, known=", ".join(known))
    return frozenset(known[sent] for sent in wanted)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def write_text(path: Path, text: str) -> None:
    """Write a file that a person asked for, whole; raises UsageError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(
            "out.unusable", path=str(path), what=error.strerror or str(error)
        ) from error


def _cancel_on_sigterm() -> None:
    if sys.platform == "win32":
        return
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    language = system_language()
    told = message.text(language) if isinstance(message, PluginWarning) else message
    text = f"⚠ {messages.message('cli.warning', language)}: {told}"
    typer.echo(without_controls(text), err=True)
