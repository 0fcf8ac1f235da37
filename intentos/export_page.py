"""The sections of the page that a run is exported to, in both languages at once.

Everything is there as plain HTML, so that the page reads without a script too; what is not of the
reader's language is not shown. Whatever comes from a model, a file or a person is text.
"""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from intentos import checks
from intentos.certificate import certificate
from intentos.check_words import detail_text
from intentos.console import without_controls
from intentos.documents import write_document
from intentos.messages import message
from intentos.parameters import Parameter
from intentos.plan import Step
from intentos.quantity_names import quantity_words
from intentos.run import Run, RunStatus, StepResult
from intentos.types import Artifact, Check, Json, Value, Words

ROWS, COLUMNS, CELL = 60, 24, 120
"""What of a table is shown: rows, columns, characters of a cell."""
MOST_TABLE_BYTES = 32 * 1024**2
TEXT = 20_000
"""Characters of what a step printed that are shown."""
LISTED = 12


def text(value: str) -> str:
    """Return foreign text as HTML: no markup, no marks that turn or hide what is written."""
    return html.escape(without_controls(value), quote=True)


def both(english: str, chinese: str) -> str:
    """Return a text in both languages as HTML, of which one is shown."""
    en, zh = text(english), text(chinese)
    if en == zh:
        return f"<span>{en}</span>"
    return f'<span lang="en">{en}</span><span lang="zh-Hans">{zh}</span>'


def say(code: str, /, **arguments: object) -> str:
    """Return a sentence of the catalogue in both languages as HTML."""
    return both(message(code, "en", **arguments), message(code, "zh", **arguments))


def spoken(words: Words, run: Run) -> str:
    """Return words of the plan with the run's values in them, in both languages as HTML."""
    filled = [words.text(language, _values(run, language)) for language in ("en", "zh")]
    return both(*filled)


def headline(run: Run) -> str:
    """Return the title and the wish."""
    title = spoken(run.plan.title, run) if run.plan is not None else text(run.intent.text)
    wish = text(run.intent.text)
    return (
        f'<h1>{title}</h1><p class="wish"><span class="muted">{say("page.asked")}</span> '
        f"<q>{wish}</q></p>"
    )


def result(run: Run) -> str:
    """Return the answer, how far it can be trusted and why, and the numbers."""
    parts = []
    if run.approval is not None and run.approval.bare:
        told = say("card.was_bare", steps=", ".join(run.approval.bare))
        parts.append(f'<p class="alarm">{told}</p>')
    if run.badge is not None:
        mark = {"verified": "✓", "failed": "✗"}.get(run.badge, "○")
        parts.append(
            f'<span class="badge {run.badge}"><b aria-hidden="true">{mark}</b> '
            f"{say(f'badge.{run.badge}')}</span>"
        )
    elif run.status is not RunStatus.COMPLETED:
        parts.append(f'<span class="badge failed">{say(f"status.{run.status.value}")}</span>')
    answer = _answer(run)
    if answer.strip():
        parts.append(f'<p class="answer">{answer}</p>')
    if run.error is not None:
        parts.append(f'<p class="alarm">{both(run.error.text("en"), run.error.text("zh"))}</p>')
    parts.append(f'<p class="turned-note" hidden>{say("page.turned")}</p>')
    parts.append(_numbers(run))
    return "".join(parts)


def understood(run: Run) -> str:
    """Return how the wish was understood, and what was assumed."""
    plan = run.plan
    if plan is None:
        return ""
    sentence = [plan.interpretation.text(lang, _values(run, lang)) for lang in ("en", "zh")]
    lines = "".join(
        f"<li>{spoken(assumption.text, run)}</li>"
        for assumption in plan.assumptions
        if assumption.text.en or assumption.text.zh
    )
    assumed = f'<h3>{say("page.assumed")}</h3><ul class="assumptions">{lines}</ul>' if lines else ""
    return f"<p>{both(*sentence)}</p>{assumed}" if any(sentence) or lines else ""


def judged(run: Run) -> str:
    """Return each check and what it found, and why the badge is no better.

    What every result is asked, and has passed, is folded.
    """
    form = [check for check in run.checks if check.kind == "generic" and check.status == "passed"]
    others = [check for check in run.checks if check not in form]
    parts = []
    if run.doubts:
        why = [
            message(
                "card.not_verified", language, why=gap.join(d.text(language) for d in run.doubts)
            )
            for language, gap in (("en", " "), ("zh", ""))
        ]
        parts.append(f'<p class="doubts">{both(*why)}</p>')
    if others:
        parts.append(f'<ul class="checks">{"".join(_check(c, run) for c in others)}</ul>')
    if form:
        lines = "".join(_check(check, run) for check in form)
        parts.append(
            f'<details class="form"><summary><b class="good" aria-hidden="true">✓</b> '
            f"{say('page.form', count=len(form))}</summary>"
            f'<ul class="checks">{lines}</ul></details>'
        )
    return "".join(parts)


def knobs(run: Run, live: Sequence[str]) -> str:
    """Return a control for each live parameter; each is off until the page can play."""
    plan = run.plan
    found = [plan.parameter(name) for name in live] if plan is not None else []
    return "".join(_knob(parameter, run.values[parameter.name]) for parameter in found)


def fixed(run: Run, live: Sequence[str]) -> str:
    """Return the parameters that cannot be turned in the page, as they were."""
    rows = [
        f"<div><dt>{both(p.label.text('en') or p.name, p.label.text('zh') or p.name)}</dt>"
        f"<dd>{_shown(p, run.values[p.name])}</dd></div>"
        for p in (run.plan.parameters if run.plan is not None else ())
        if p.name not in live and p.name in run.values
    ]
    return f'<dl class="facts">{"".join(rows)}</dl>' if rows else ""


class Table(NamedTuple):
    """A CSV file's beginning."""

    head: list[str]
    rows: list[list[str]]
    total: int
    """Rows in the file; -1: too many to count."""


def read_table(path: Path) -> Table | None:
    """Return what of a CSV file is shown; None where it is no table."""
    if path.stat().st_size > MOST_TABLE_BYTES:
        return None
    with path.open("r", encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(line.replace("\0", "") for line in file)
        try:
            head = next(reader, [])
            rows = list(islice(reader, ROWS))
            count = len(rows) + sum(1 for _ in reader)
        except csv.Error:
            return None
    return Table(head, rows, count) if head else None


def table(
    artifact: Artifact, found: Table, heads: Sequence[tuple[str, str]], *, open_: bool
) -> str:
    """Return a table as HTML: its first rows and columns, and how many there are.

    ``heads``: what each column is called in English and in Chinese.
    """
    head, rows = heads[:COLUMNS], [row[:COLUMNS] for row in found.rows]
    numeric = [all(_is_number(row[i]) for row in rows if i < len(row)) for i in range(len(head))]
    align = [' class="number"' if number else "" for number in numeric]
    titles = "".join(
        f"<th{a} scope='col'>{both(_cut(en), _cut(zh))}</th>"
        for a, (en, zh) in zip(align, head, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{a}>{text(_cut(c))}</td>" for a, c in zip(align, row, strict=False))
        + "</tr>"
        for row in rows
    )  # fmt: skip
    note = say("page.rows", shown=len(rows), count=found.total)
    if len(found.head) > COLUMNS:
        note += " " + say("page.columns", shown=COLUMNS, count=len(found.head))
    return (
        f"<details{' open' if open_ else ''}><summary>{text(artifact.name)} "
        f'<span class="muted">{note}</span></summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(artifact.name)}">'
        f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def ran(run: Run) -> str:
    """Return what ran: facts, the steps with their code, and what they printed."""
    plan = run.plan
    parts = [f'<dl class="facts">{"".join(_facts(run))}</dl>']
    done = {result.step_id: result for result in run.results}
    for number, step in enumerate(plan.steps if plan is not None else (), start=1):
        parts.append(_step(number, step, done.get(step.id)))
    return "".join(parts)


def files(artifacts: Iterable[Artifact]) -> str:
    """Return the files that the run left, which the page does not all hold."""
    rows = "".join(
        f"<li><code>{text(a.name)}</code> <span class='muted'>{_size(a.size)}</span></li>"
        for a in artifacts
    )
    return f'<ul class="files">{rows}</ul>' if rows else ""


def _check(check: Check, run: Run) -> str:
    mark = {"passed": "✓", "failed": "✗", "unknown": "?"}[check.status]
    title = both(*(check.title.text(lang, run.values) or check.name for lang in ("en", "zh")))
    status = "" if check.status == "passed" else say(f"page.check_{check.status}")
    kind = "" if check.kind == "generic" else say(f"page.kind_{check.kind}")
    chips = "".join(f' <span class="chip">{word}</span>' for word in (status, kind) if word)
    hidden = say("page.check_passed") if check.status == "passed" else ""
    found = both(*(detail_text(check.detail, lang) for lang in ("en", "zh")))
    return (
        f'<li class="{check.status}"><b aria-hidden="true">{mark}</b><div>'
        f'<span class="check-title">{title}</span>{chips}<span class="unseen">{hidden}</span>'
        f'<code class="detail">{found}</code></div></li>'
    )


def _answer(run: Run) -> str:
    if run.plan is None or run.status is not RunStatus.COMPLETED:
        return text(run.answer)
    said = {
        language: run.answer
        if language == run.intent.language
        else checks.presented(
            checks.answer(run.plan, run.values, run.quantities, language),
            run.checks,
            run.values,
            language,
        )
        for language in ("en", "zh")
    }
    return both(said["en"], said["zh"])


def _numbers(run: Run) -> str:
    tiles = []
    for name, quantity in run.quantities.items():
        value = quantity.value
        if isinstance(value, str) and value and value in run.answer:
            continue  # the answer has said it
        unit = f' <span class="unit">{text(quantity.unit)}</span>' if quantity.unit else ""
        words = quantity_words(name, run.plan)
        label = both(words.en, words.zh)
        tiles.append(f"<div><dt>{label}</dt><dd>{_plain(value)}{unit}</dd></div>")
    return f'<dl class="numbers">{"".join(tiles)}</dl>' if tiles else ""


def _plain(value: Json) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(checks.plain(item) for item in value[:LISTED])
        return text(shown + (f", … ({len(value)})" if len(value) > LISTED else ""))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}" if abs(value) < 10**15 else text(str(value)[:400])
    return text(checks.plain(value)[:400])


def _knob(p: Parameter, value: Value) -> str:
    label = both(p.label.text("en") or p.name, p.label.text("zh") or p.name)
    name = text(p.name)
    common = f'id="knob-{name}" data-knob="{name}" data-kind="{p.kind}" disabled'
    low, high = p.minimum, p.maximum
    if p.kind in ("number", "integer"):
        step = "1" if p.kind == "integer" else "any"
        if low is not None and high is not None and high > low:
            step = step if p.kind == "integer" else f"{_step_of(low, high):g}"
            kind = f'type="range" min="{low:g}" max="{high:g}" step="{step}"'
        else:
            ends = (("min", low), ("max", high))
            limits = "".join(f' {n}="{v:g}"' for n, v in ends if v is not None)
            kind = f'type="number" step="{step}"{limits}'
        control = f'<input {common} {kind} value="{text(str(value))}">'
    elif p.kind == "boolean":
        control = f'<input {common} type="checkbox"{" checked" if value else ""}>'
    elif p.kind == "colour":
        control = f'<input {common} type="color" value="{text(str(value))}">'
    else:  # no uniform holds a text
        return ""
    unit = f' <span class="unit">{text(p.unit)}</span>' if p.unit else ""
    output = f'<output for="knob-{name}"><span class="value">{_plain(value)}</span>{unit}</output>'
    head = f'<label for="knob-{name}">{label}</label>{output}'
    return f'<div class="knob {p.kind}">{head}{control}</div>'


def _step_of(low: float, high: float) -> float:
    """Return a round step of which a range has some hundreds."""
    return float(10.0 ** math.floor(math.log10((high - low) / 100)))


def _shown(p: Parameter, value: Value) -> str:
    if p.kind == "colour":
        fill = text(str(value))
        return (
            f'<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" '
            f'fill="{fill}"/></svg> <code>{fill}</code>'
        )
    if p.kind == "boolean":
        return say("page.yes") if value else say("page.no")
    shown = [p.shown(value, language) for language in ("en", "zh")]
    unit = f' <span class="unit">{text(p.unit)}</span>' if p.unit else ""
    return both(*(checks.plain(v)[:400] for v in shown)) + unit


def _facts(run: Run) -> Iterator[str]:
    def fact(name: str, value: str) -> str:
        return f"<div><dt>{name}</dt><dd>{value}</dd></div>"

    devices = dict.fromkeys(result.device for result in run.results if result.device)
    if devices:
        yield fact(say("page.device"), text(" · ".join(devices)))
    if run.results:
        seconds = sum(result.seconds for result in run.results)
        yield fact(say("page.took"), say("card.seconds", number=f"{seconds:.3g}"))
    yield fact(say("page.seed"), f"<code>{run.seed}</code>")
    if run.plan is not None:
        yield fact(say("page.origin"), say(f"origin.{run.plan.origin}"))
    for use in run.models:
        yield fact(say("page.model"), text(f"{use.name} · {use.host or '–'} · {use.tokens}"))
    yield fact(say("page.when"), f"<time>{run.created_at:%Y-%m-%d %H:%M} UTC</time>")
    yield fact(say("page.run"), f"<code>{text(run.id)}</code>")
    if run.plan is not None:
        yield fact(say("page.fingerprint"), f"<code>{run.plan.digest[:16]}</code>")
    if (proof := certificate(run)) is not None:
        yield fact(say("page.certificate"), f"<code>{proof.digest[:16]}</code>")
    versions: dict[str, str] = {}
    for result in run.results:
        versions |= result.versions
    if versions:
        listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        yield fact(say("page.versions"), text(listed))


def _step(number: int, step: Step, done: StepResult | None) -> str:
    title = both(step.title.text("en") or step.id, step.title.text("zh") or step.id)
    where = f' <span class="muted">{text(done.executor)}</span>' if done is not None else ""
    head = f"<summary>{number}. {title} <span class='chip'>{text(step.language)}</span>{where}"
    parts = []
    if step.language == "kernel":
        told = say("card.kernel", name=step.code, hash=step.code_hash[:12])
        parts.append(f"<p>{told}</p>")
    else:
        parts.append(f"<pre><code>{text(step.code)}</code></pre>")
    if step.arguments:
        given = write_document(dict(step.arguments))
        parts.append(f"<pre><code>{text(given)}</code></pre>")
    for printed in (done.stdout, done.stderr) if done is not None else ():
        if printed.strip():
            cut = printed[:TEXT] + ("\n…" if len(printed) > TEXT else "")
            parts.append(f'<h4>{say("page.printed")}</h4><pre class="log">{text(cut)}</pre>')
    if done is not None and done.error is not None:
        parts.append(f'<p class="alarm">{both(done.error.text("en"), done.error.text("zh"))}</p>')
    if done is not None and done.note is not None:
        parts.append(f"<p>{both(done.note.text('en'), done.note.text('zh'))}</p>")
    return f'<details class="step">{head}</summary>{"".join(parts)}</details>'


def _values(run: Run, language: str) -> dict[str, Value]:
    return run.plan.spoken(run.values, language) if run.plan is not None else {}


def _is_number(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def _cut(cell: str) -> str:
    return cell if len(cell) <= CELL else cell[:CELL] + "…"


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
