"""The commands about consent: what waits for an answer, what is remembered, and answering."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from intentos import cli
from intentos.conversation import Conversation, Options
from intentos.errors import NotFound, StoreError
from intentos.pending import Pending, pending
from intentos.plan import Approval, Plan
from intentos.policy import ApproveAll
from intentos.rules import Rule
from intentos.run import Run
from intentos.store import Store
from intentos.types import Value

T = TypeVar("T")

approvals_app = typer.Typer(
    help="Plans that wait for your answer, and what you said yes to for good.",
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunName = Annotated[str, typer.Argument(help="As `intentos approvals` lists it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(approvals_app, name="approvals")
    app.command()(approve)
    app.command()(reject)


@approvals_app.callback(invoke_without_command=True)
def approvals(context: typer.Context, json_: Json = False) -> None:
    """List what waits, the rules, and the plans that run again without asking."""
    if context.invoked_subcommand is None:
        every(json_=json_)


@approvals_app.command("list")
def every(json_: Json = False) -> None:
    """List what waits, the rules, and the plans that run again without asking."""
    call = cli.Call(language=None, json_=json_, out=None)

    def look(store: Store) -> tuple[list[Pending], list[Rule], list[tuple[Approval, str]]]:
        language = call.terminal.language
        plans = [(found, _title(store, run, language)) for found, run in store.standing.approvals()]
        return pending(store), store.standing.rules(), plans

    waiting, rules, plans = _with_store(call, look)
    if json_:
        document = {
            "pending": [_as_json(one) for one in waiting],
            "rules": [
                {"id": rule.id, "words": {"en": rule.words("en"), "zh": rule.words("zh")},
                 "at": rule.at.isoformat(), "run": rule.run}
                for rule in rules
            ],
            "plans": [
                {"digest": found.plan_digest, "title": title, "by": found.by,
                 "at": found.at.isoformat()}
                for found, title in plans
            ],
        }  # fmt: skip
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    say, out = call.terminal.say, call.terminal.stdout()
    lines = [_waiting_line(one, call) for one in waiting]
    for rule in rules:
        words = rule.words(call.terminal.language)
        lines.append(say("approvals.rule", id=rule.id, words=words, date=_date(rule.at)))
    for found, title in plans:
        date = _date(found.at)
        lines.append(say("approvals.plan", id=found.plan_digest[:12], title=title, date=date))
    for line in lines or [say("approvals.nothing")]:
        out.print(Text(line), soft_wrap=True)


@approvals_app.command()
def forget(
    name: Annotated[str, typer.Argument(help="A rule's id or a plan's, or their beginning.")],
) -> None:
    """Ask again about what a rule, or a yes to a plan, has covered so far."""
    call = cli.Call(language=None, json_=False, out=None)

    def work(store: Store) -> None:
        count = store.standing.forget(name)
        if count != 1:
            code = "approvals.unknown" if count == 0 else "approvals.ambiguous"
            raise NotFound(code, name=name[:80])

    _with_store(call, work)
    call.terminal.note("approvals.forgotten", name=name)


def approve(
    run: RunName,
    allow: cli.Allow = "",
    unsafe_no_sandbox: cli.Unsafe = False,
    out: cli.Out = None,
    json_: cli.Json = False,
) -> None:
    """Say yes to a plan that waits, and run exactly that plan."""
    call = cli.Call(language=None, json_=json_, out=out)
    options = call.guard(lambda: cli.make_options(None, None, allow, None))
    options.unsafe_no_sandbox = unsafe_no_sandbox

    async def work(conversation: Conversation) -> Run:
        call.terminal.language = conversation.store.run(run).intent.language
        shown = _ShowAndApprove(call)
        listen = call.terminal.show
        return await conversation.answer(run, "approve", options, listen, approver=shown)

    call.run(work, yes=True)


def reject(run: RunName, json_: cli.Json = False) -> None:
    """Say no to a plan that waits; nothing runs."""
    call = cli.Call(language=None, json_=json_, out=None)

    async def work(conversation: Conversation) -> Run:
        return await conversation.answer(run, "reject", Options(), call.terminal.show)

    found = call.guard(lambda: asyncio.run(call.converse(work, ApproveAll("reject"))))
    if json_:
        typer.echo(json.dumps({"run": found.id, "status": found.status.value}))
    else:
        call.terminal.note("approvals.rejected", run=found.id[-8:])


class _ShowAndApprove:
    """Shows what a person has just said yes to, as it would run now."""

    def __init__(self, call: cli.Call) -> None:
        self._call = call

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval:
        terminal = self._call.terminal
        risk = await self._call.conversation.runtime.gate(run).risk(plan, values)
        terminal.pause()
        terminal.console.print(terminal.card(plan, values, risk=risk))
        return Approval(plan_digest=plan.digest, decision="approve", by="terminal", scope="plan")


def _with_store(call: cli.Call, look: Callable[[Store], T]) -> T:
    def work() -> T:
        store = Store(call.settings)
        try:
            store.sweep()
            return look(store)
        finally:
            store.close()

    return call.guard(work)


def _title(store: Store, run_id: str, language: str) -> str:
    # The run may be damaged, or gone with what was cleaned up; the approval holds all the same.
    with suppress(NotFound, StoreError):
        run = store.run(run_id)
        if run.plan is not None:
            return run.plan.title.text(language, run.plan.spoken(run.values, language))
    return "?"


def _waiting_line(one: Pending, call: cli.Call) -> str:
    run, say = one.run, call.terminal.say
    assert run.plan is not None
    code = "approvals.asked_elsewhere" if one.asked_elsewhere else "approvals.waits"
    title = run.plan.title.text(call.terminal.language, run.values)
    wish = " ".join(run.intent.text.split())[:60]
    return say(code, run=run.id[-8:], title=title, wish=wish, date=_date(run.created_at))


def _as_json(one: Pending) -> dict[str, object]:
    plan = one.run.plan
    assert plan is not None
    return {
        "run": one.run.id,
        "plan": plan.digest,
        "text": one.run.intent.text,
        "title": plan.title.text(one.run.intent.language, one.run.values),
        "asked_elsewhere": one.asked_elsewhere,
        "at": one.run.created_at.isoformat(),
    }


def _date(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
