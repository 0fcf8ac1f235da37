"""The terminal: a plan as a person reads it, the question about it, and progress on stderr."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from intentos.check_words import detail_text
from intentos.checks import plain
from intentos.console import make_console
from intentos.diff import Side, compare
from intentos.events import (
    Event,
    FrameDrawn,
    PlanApproved,
    PlanProposed,
    ProgressMade,
    RunFinished,
    RunQueued,
    StepStarted,
    TrialRan,
)
from intentos.messages import message
from intentos.model_use import ModelUse, total_cost
from intentos.plan import Plan, Step
from intentos.registry import strangers
from intentos.report import Timings
from intentos.risk import Risk
from intentos.run import Run, RunStatus
from intentos.types import Attachment, Estimate, Language, Value

if TYPE_CHECKING:
    from rich.progress import Progress

    from intentos.cleaning import Cleaned

CODE_LINES = 60


class Terminal:
    """Progress, plans and questions on stderr, in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.console = make_console(stderr=True)
        self._progress: Progress | None = None
        self._stage = ""
        self._first_frame: tuple[int, float] | None = None
        """Its index and when it came."""

    def say(self, code: str, /, **arguments: object) -> str:
        """Return a sentence of the catalogue."""
        return message(code, self.language, **arguments)

    def show(self, event: Event) -> None:
        """Tell a person what an event means for them, if anything."""
        match event:
            case RunQueued(resource=resource, place=place):
                self._advance(self.say(f"stage.queue_{resource}", place=place), None)
            case ProgressMade(stage=stage, fraction=fraction):
                self._advance(self.say(stage), fraction)
            case FrameDrawn(index=index, count=count):
                self._advance(
                    self.say("stage.drawing") + self._left(index, count), (index + 1) / count
                )
            case StepStarted(executor=executor):
                self._advance(f"{self.say('stage.running')} · {executor}", None)
            case TrialRan(seconds=seconds):
                self._advance(self.say("stage.tried", seconds=seconds), None)
            case PlanProposed(models=models) if any(use.host for use in models):
                for use in models:
                    self.note("models.used", **self._use(use))
                    if use.why is not None:
                        self.note("models.climbed", why=use.why.text(self.language))
            case PlanApproved(approval=approval) if approval.reason == "policy.unasked":
                self.note("policy.unasked", what=approval.words.text(self.language))
            case RunFinished():
                self.pause()
            case _:
                pass

    def _use(self, use: ModelUse) -> dict[str, object]:
        here = self.say("models.here")
        cost = self.say("models.cost_unknown") if use.cost is None else f"${use.cost:.4f}"
        return {"name": use.name, "host": use.host or here, "tokens": use.tokens, "cost": cost}

    def transfer(self, done: int, total: int, source: str) -> None:
        """Show how much of something has arrived."""
        self._advance(f"{self.say('stage.fetching')} · {source}", done / total if total else None)

    def _left(self, index: int, count: int) -> str:
        """Return how long the other frames will take, once a second of them has been seen."""
        if not self.console.is_terminal:
            return ""  # a log has one line for each stage
        moment = time.monotonic()
        if index == 0 or self._first_frame is None:
            self._first_frame = (index, moment)
        first, since = self._first_frame
        if moment - since < 1.0 or index <= first:
            return ""
        seconds = (moment - since) / (index - first) * (count - 1 - index)
        return " · " + self.say("stage.left", span=self._span(seconds))

    def _span(self, seconds: float) -> str:
        if seconds < 9.5:
            return self.say("card.seconds", number=f"{max(seconds, 0.1):.1f}")
        if seconds < 100:
            return self.say("card.seconds", number=f"{seconds:.0f}")
        return self.say("card.minutes", number=f"{seconds / 60:.0f}")

    def pause(self) -> None:
        """Take the progress line away, so that something else can be said."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def note(self, code: str, /, **arguments: object) -> None:
        """Print a sentence of the catalogue."""
        self.pause()
        self.console.print(Text(self.say(code, **arguments)))

    def attached(self, attachment: Attachment) -> None:
        """Tell what was found in a file that a person handed in."""
        profile = attachment.profile
        names = [column.name for column in profile.columns]
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        told = self.say(
            f"attachment.taken_{profile.kind}",
            name=attachment.name,
            rows=profile.rows,
            columns=len(names),
            names=shown,
            width=profile.width,
            height=profile.height,
            seconds=profile.seconds,
            rate=profile.rate,
            shape=" × ".join(map(str, profile.shape)),
            count=profile.rows,
        )
        notes = [self.say(f"attachment.note_{note}") for note in profile.notes]
        self.pause()
        self.console.print(Text("; ".join([told, *notes])), soft_wrap=True)

    def stdout(self) -> Console:
        """Return a console for answers."""
        return make_console()

    def difference(self, unified: str) -> None:
        """Print a unified diff as an answer, in colours where the reader is a person."""
        self.pause()
        out = self.stdout()
        for line in unified.splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            out.print(Text(line, style=style), soft_wrap=True)

    def result(self, run: Run, paths: Mapping[str, Path], timings: Timings) -> None:
        """Print what came out: the answer, how far it can be trusted, and where things lie."""
        self.pause()
        out = self.stdout()
        if run.approval is not None and run.approval.bare:
            told = self.say("card.was_bare", steps=", ".join(run.approval.bare))
            out.print(Text(told, style="bold red"), soft_wrap=True)
        if run.status is RunStatus.COMPLETED and run.badge is not None:
            style = {"verified": "green", "failed": "red"}.get(run.badge, "yellow")
            mark = "✗" if run.badge == "failed" else "✓"
            out.print(Text.assemble((f"{mark} ", style), run.answer or self.say("card.done")))
        form: list[str] = []
        for check in run.checks:
            title = check.title.text(self.language, run.values) or check.name
            if check.kind == "generic" and check.status == "passed":
                form.append(title)
                continue
            mark = {"passed": "✓", "failed": "✗", "unknown": "?"}[check.status]
            style = {"passed": "dim", "failed": "red", "unknown": "yellow"}[check.status]
            found = detail_text(check.detail, self.language)
            out.print(Text(f"  {mark} {title}: {found}", style=style), soft_wrap=True)
        if form:  # what every result is asked goes on one line
            out.print(Text("  ✓ " + " · ".join(form), style="dim"), soft_wrap=True)
        if run.doubts:
            gap = "" if self.language == "zh" else " "
            why = gap.join(doubt.text(self.language) for doubt in run.doubts)
            told = self.say("card.not_verified", why=why)
            out.print(Text(f"  {told}", style="yellow"), soft_wrap=True)
        for result in run.results:
            for text in (result.stdout, result.stderr if result.status != "ok" else ""):
                if text.strip():
                    out.print(Text(text.rstrip(), style="dim"))
            if result.note is not None:
                out.print(Text("  ! " + result.note.text(self.language), style="yellow"))
        for name, path in paths.items():
            out.print(Text(f"  {name}", style="cyan"), Text(str(path)), soft_wrap=True)
        self.console.print(Text(self._facts(run, timings), style="dim"), soft_wrap=True)

    def sweep(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Print what each value of a knob gave, a line each."""
        numbers = list(dict.fromkeys(key for row in rows for key in row["values"]))
        table = Table(box=None, pad_edge=False)
        for heading in (name, *numbers, ""):
            table.add_column(Text(heading), justify="right")
        for row in rows:
            given = [plain(row["values"][key]["value"]) if key in row["values"] else "–"
                     for key in numbers]  # fmt: skip
            status = "" if row["status"] == "completed" else self.say(f"status.{row['status']}")
            table.add_row(*map(Text, (plain(row[name]), *given, status)))
        self.stdout().print(table)

    def cleaned(self, done: Cleaned, code: str) -> None:
        """Say what was cleaned away, or would be."""
        self.note(
            code,
            count=done.artifacts,
            runs=done.runs,
            size=shown_size(done.bytes),
            used=shown_size(done.used),
        )

    def _facts(self, run: Run, timings: Timings) -> str:
        facts = [self.say(f"status.{run.status.value}")]
        if run.badge is not None:
            facts.append(self.say(f"badge.{run.badge}"))
        if run.plan is not None:
            facts.append(self.say(f"origin.{run.plan.origin}"))
        facts += [result.device for result in run.results if result.device]
        if timings.run_s is not None:
            facts.append(f"{timings.run_s:.1f} s")
        if run.tokens:
            facts.append(self.say("card.tokens", tokens=run.tokens))
        if any(use.host for use in run.models):
            cost = total_cost(run.models)
            facts.append(self.say("models.cost_unknown") if cost is None else f"${cost:.4f}")
        return " · ".join([*facts, self.say("card.run", run=run.id)])

    def error(self, text: str) -> None:
        """Print an error."""
        self.pause()
        self.console.print(Text.assemble(("✗ ", "bold red"), text))

    def _advance(self, description: str, fraction: float | None) -> None:
        if not self.console.is_terminal:
            if description != self._stage:  # one line for each stage in a log
                self.console.print(Text(f"… {description}"))
            self._stage = description
            return
        if self._progress is None:
            from rich.progress import (
                BarColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._progress.add_task(description, total=None)
            self._progress.start()
        completed = 0.0 if fraction is None else fraction
        total = None if fraction is None else 1.0
        self._progress.update(
            self._progress.task_ids[0], description=description, total=total, completed=completed
        )

    def card(
        self,
        plan: Plan,
        values: Mapping[str, Value],
        *,
        estimates: Mapping[str, Estimate] | None = None,
        whole_code: bool = False,
        parent: tuple[Plan, Mapping[str, Value]] | None = None,
        risk: Risk | None = None,
        bare: bool = False,
    ) -> RenderableType:
        """Return the plan as a person reads it before saying yes; where it came from another plan,
        with what is different: first what it may touch, then the code. In red where ``bare`` or the
        risk says that it runs without a sandbox."""
        language = self.language
        spoken = plan.spoken(values, language)
        parts: list[RenderableType] = [
            Text(self.say("card.understood", text=plan.interpretation.text(language, spoken)))
        ]
        for assumption in plan.assumptions:
            parts.append(Text("  · " + assumption.text.text(language, spoken), style="dim"))
        if plan.parameters:
            parts += [Text(), self._parameters(plan, values)]
        for number, step in enumerate(plan.steps, start=1):
            parts += [Text(), *self._step(number, step, whole_code)]
        if parent is not None:
            parts += [Text(), *self._changes(*parent, plan, values)]
        parts += [Text(), self._needs(plan)]
        if risk is not None:
            parts.append(self._risk(risk))
            bare = bare or any(reason.says.code == "risk.bare" for reason in risk.reasons)
        parts.append(Text(self._estimate(estimates or {})))
        for id, estimate in (estimates or {}).items():
            if estimate.placed is not None:
                why = estimate.placed.text(language)
                side = self.say(f"placement.on_{estimate.where}")
                parts.append(Text(self.say("placement.line", step=id, where=side, why=why)))
        origin = self.say(f"origin.{plan.origin}")
        # Text, as a plan's own words are no markup.
        title = Text.assemble((plan.title.text(language, spoken), "bold"), f"  ({origin})")
        if bare:
            parts.insert(0, Text(self.say("card.bare"), style="bold red"))
        border = "red" if bare else "none"
        return Panel(
            Group(*parts), title=title, title_align="left", subtitle=plan.digest[:12],
            border_style=border,
        )  # fmt: skip

    def _risk(self, risk: Risk) -> Text:
        style = {"low": "green", "medium": "yellow", "high": "bold red"}[risk.level]
        level = self.say(f"risk.level_{risk.level}")
        return Text(self.say("risk.line", level=level, why=risk.text(self.language)), style=style)

    def _changes(
        self, old: Plan, old_values: Mapping[str, Value], plan: Plan, values: Mapping[str, Value]
    ) -> list[RenderableType]:
        from rich.syntax import Syntax

        before = Side(name=old.id, plan=old, values=old_values)
        sections = compare(before, Side(name=plan.id, plan=plan, values=values))
        title = old.title.text(self.language, old_values)
        head = self.say("diff.from" if sections else "diff.words_only", title=title)
        parts: list[RenderableType] = [Text(head, style="bold")]
        if all(section.title != "diff.needs" for section in sections):
            parts.append(Text(self.say("diff.same_needs")))
        for section in sections:
            parts.append(Text(self.say(section.title, step=section.about), style="cyan"))
            parts.append(Syntax("\n".join(section.lines), "diff", word_wrap=True))
        return parts

    def explain(
        self, plan: Plan, values: Mapping[str, Value], *, risk: Risk | None = None
    ) -> RenderableType:
        """Return everything about a plan: whole code, limits, checks, what approval means."""
        lines: list[RenderableType] = [self.card(plan, values, whole_code=True, risk=risk)]
        for reason in risk.reasons if risk is not None else ():
            level = self.say(f"risk.level_{reason.level}")
            why = reason.says.text(self.language)
            lines.append(Text(self.say("risk.reason", level=level, why=why)))
        for step in plan.steps:
            limits = step.limits
            lines.append(
                Text(
                    self.say(
                        "card.limits",
                        step=step.id,
                        seconds=plain(limits.wall_time),
                        megabytes=limits.memory_bytes // 1024**2,
                        processes=limits.processes,
                    )
                )
            )
        for check in plan.checks:
            title = check.title.text(self.language, values) or check.name
            lines.append(Text(self.say("card.check", title=title, formula=check.expect)))
        lines.append(Text(self.say("card.approval", digest=plan.digest), style="dim"))
        return Group(*lines)

    def _parameters(self, plan: Plan, values: Mapping[str, Value]) -> Table:
        table = Table.grid(padding=(0, 2))
        for parameter in plan.parameters:
            low, high = parameter.minimum, parameter.maximum
            span = ""
            if low is not None or high is not None:
                ends = ("−∞" if low is None else plain(low), "∞" if high is None else plain(high))
                span = f"{ends[0]} … {ends[1]}"
            elif parameter.choices:
                span = " | ".join(parameter.choices)
            chosen = values.get(parameter.name, parameter.default)
            value = plain(chosen)
            if (named := parameter.shown(chosen, self.language)) != chosen:
                value = f"{value} ({named})" if value.replace("_", " ") != named else value
            table.add_row(
                Text("  " + parameter.name, style="cyan"),
                Text(f"{value} {parameter.unit}".strip(), style="bold"),
                Text(span, style="dim"),
                Text(parameter.label.text(self.language)),
            )
        return table

    def _step(self, number: int, step: Step, whole: bool) -> list[RenderableType]:
        title = step.title.text(self.language) or step.id
        head = Text(f"{number}. {title}", style="bold")
        if step.language == "kernel":
            arguments = ", ".join(f"{key}={value}" for key, value in step.arguments.items())
            kernel = self.say("card.kernel", name=step.code, hash=step.code_hash[:12])
            return [head, Text(f"   {kernel}"), Text(f"   {arguments}", style="dim")]
        from rich.syntax import Syntax  # brings pygments, a tenth of a second

        lines = step.code.rstrip().splitlines()
        shown = lines if whole else lines[:CODE_LINES]
        language = "rust" if step.language == "wgsl" else step.language
        code: list[RenderableType] = [
            Syntax("\n".join(shown), language, line_numbers=True, word_wrap=True)
        ]
        if len(shown) < len(lines):
            code.append(Text(self.say("card.more_lines", count=len(lines) - len(shown))))
        return [head, *code]

    def _needs(self, plan: Plan) -> Text:
        wide = sorted(plan.needs - {"gpu"})
        if others := strangers(plan):
            told = [
                self.say("card.stranger", executor=name, package=package)
                for name, package in sorted(others.items())
            ]
            if wide:
                told.append(self.say("card.needs", needs=", ".join(wide)))
            return Text("\n".join(told), style="yellow")
        if not wide:
            return Text(self.say("card.needs_gpu" if "gpu" in plan.needs else "card.needs_nothing"))
        return Text(self.say("card.needs", needs=", ".join(wide)))

    def _estimate(self, estimates: Mapping[str, Estimate]) -> str:
        seconds = [e.seconds for e in estimates.values() if e.seconds is not None]
        memory = [e.memory_bytes for e in estimates.values() if e.memory_bytes is not None]
        known = []
        if seconds and len(seconds) == len(estimates):
            known.append(self.say("card.about", span=self._span(sum(seconds))))
        if memory:
            megabytes = max(memory) / 1024**2
            known.append(f"{megabytes:.0f} MB" if megabytes >= 1 else f"{megabytes:.1f} MB")
        if not known:
            return self.say("card.estimate_unknown")
        sides = {estimate.where for estimate in estimates.values()} - {"here"}
        known.append(self.say(f"card.{min(sides, default='here')}"))
        if len(seconds) < len(estimates):
            known.append(self.say("card.time_unknown"))
        return self.say("card.estimate", text=" · ".join(known))


def shown_size(number: int) -> str:
    """Return bytes as a person reads them: ``1.23 GB``."""
    for letter, factor in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{number / factor:.3g} {letter}B"
    return f"{number} B"
