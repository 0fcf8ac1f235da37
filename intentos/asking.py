"""Asks a person at the terminal: about a plan, and about what may leave this machine."""

from __future__ import annotations

import asyncio
import difflib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from rich.text import Text

from intentos.consent import Disclosure
from intentos.errors import IntentOSError
from intentos.plan import Approval, Plan
from intentos.plan_file import dump_plan, load_plan
from intentos.protocols import Proposal
from intentos.risk import Risk
from intentos.rules import Rule
from intentos.scratch import scratch_folder
from intentos.terminal import Terminal
from intentos.types import Estimate, Value, new_id

EstimatePlan = Callable[[Plan, Mapping[str, Value], str], Awaitable[Mapping[str, Estimate]]]
"""``await estimate(plan, values, run)`` returns what each step will cost, as far as is known."""
Consider = Callable[[Plan, Mapping[str, Value], str], Awaitable[tuple[Risk, Rule | None]]]
"""``await consider(plan, values, run)`` returns how risky it is, and what *always* would save."""
ParentOf = Callable[[Plan], tuple[Plan, Mapping[str, Value]] | None]


class AskInTerminal:
    """Shows the plan and asks y / n / e / a / x until there is a decision."""

    def __init__(
        self, terminal: Terminal, estimate: EstimatePlan, parent: ParentOf, consider: Consider
    ) -> None:
        """``parent``: finds the plan that another one came from."""
        self._terminal = terminal
        self._estimate = estimate
        self._parent = parent
        self._consider = consider

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return the person's decision; an empty line means no, end of input or Ctrl-C cancels."""
        terminal = self._terminal
        terminal.pause()
        risk, rule = await self._consider(plan, values, run)
        estimates = await self._estimate(plan, values, run)
        terminal.pause()
        card = terminal.card(
            plan, values, estimates=estimates, parent=self._parent(plan), risk=risk
        )
        terminal.console.print(card)
        terminal.console.print(Text(terminal.say(why), style="dim"))
        asks = "card.question" if rule is None else "card.question_always"
        answers = "card.answers" if rule is None else "card.answers_always"
        while True:
            reply = _ask(terminal, terminal.say(asks))
            match reply.strip().lower():
                case "y" | "yes" | "是" | "好":
                    return _decision(plan, "approve")
                case "n" | "no" | "否" | "不" | "":
                    return _decision(plan, "reject")
                case "x":
                    terminal.console.print(terminal.explain(plan, values, risk=risk))
                case "a" | "always" | "总是" if rule is not None:
                    if self._agrees(rule):
                        return _decision(plan, "approve", rule=rule)
                case "e":
                    edited = self._edit(plan, values)
                    if edited is not None:
                        return edited
                case _:
                    terminal.console.print(terminal.say(answers))

    def _agrees(self, rule: Rule) -> bool:
        """Show the rule as it will be kept, and ask once more."""
        terminal = self._terminal
        terminal.console.print(Text(rule.words(terminal.language)))
        reply = _ask(terminal, terminal.say("rules.question"))
        return reply.strip().lower() in ("y", "yes", "是", "好")

    async def may_send(self, disclosure: Disclosure) -> bool:
        """Return whether the person lets this much go to a model that is not on this machine."""
        terminal = self._terminal
        terminal.pause()
        facts = {"host": disclosure.host, "model": disclosure.model}
        terminal.console.print(Text(terminal.say(disclosure.going, **facts)))
        for sent in disclosure.sent:
            terminal.console.print(Text("  · " + terminal.say(f"consent.sent_{sent}")))
        if disclosure.kept:
            terminal.console.print(Text(terminal.say("consent.kept", **facts), style="dim"))
        while True:
            match _ask(terminal, terminal.say("consent.question")).strip().lower():
                case "y" | "yes" | "是" | "好":
                    return True
                case "n" | "no" | "否" | "不":
                    return False
                case _:
                    terminal.console.print(Text(terminal.say("consent.answers")))

    def _edit(self, plan: Plan, values: Mapping[str, Value]) -> Proposal | None:
        before = dump_plan(plan, values)
        try:
            after = _in_editor(before)
            if after == before:
                self._terminal.console.print(self._terminal.say("card.unchanged"))
                return None
            found = load_plan(after, "plan.yaml")
        except IntentOSError as error:
            self._terminal.error(error.text(self._terminal.language))
            return None
        from rich.syntax import Syntax

        diff = "\n".join(
            difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        )
        self._terminal.console.print(Syntax(diff, "diff"))
        edited = found.plan
        if edited.digest != plan.digest:
            edited = edited.model_copy(update={"id": new_id(), "parent": plan.id})
        return Proposal(plan=edited, values=found.values)


def _decision(
    plan: Plan, decision: Literal["approve", "reject"], rule: Rule | None = None
) -> Approval:
    return Approval(
        plan_digest=plan.digest,
        decision=decision,
        by="terminal",
        scope="plan" if rule is None else "rule",
        rule=None if rule is None else rule.id,
    )


def _ask(terminal: Terminal, question: str) -> str:
    # asyncio turns the first Ctrl-C into a cancellation that a blocking read would never see.
    # So it does with SIGTERM, whose handler would wait for the answer.
    earlier = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        terminal.console.print(Text(question, style="bold"), end=" ")
        return input()
    except (KeyboardInterrupt, EOFError):
        terminal.console.print()
        raise asyncio.CancelledError from None
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _in_editor(text: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    if sys.platform == "win32" and editor == "vi":
        editor = "notepad"
    with scratch_folder() as folder:
        path = folder / "plan.yaml"
        path.write_text(text, "utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
            return path.read_text("utf-8")
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            # ValueError: quotes in EDITOR that do not match, or a file that is not UTF-8.
            raise IntentOSError("card.no_editor", editor=editor, what=str(error)) from error
