"""Generate: where no recipe fits, the model writes Python for the sandbox.

The numbers of the wish that the program names at its top become parameters. The program is looked
over, tried for two seconds in the sandbox, and repaired once with the error at hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from intentos.errors import PlanningError
from intentos.messages import placeholders
from intentos.parameters import Parameter
from intentos.plan import Assumption, Plan, Step
from intentos.protocols import PlanningContext, Proposal
from intentos.run import StepResult, StepStatus
from intentos.types import Intent, Json, Language, Limits, Quantity, Value, Words

from . import numbers, static
from .model import Model, Prompt

MAX_TOKENS = 400
"""A program that is longer is beyond a small model: it mostly repeats itself."""
LIMITS = Limits(wall_time=60, memory_bytes=2 * 1024**3)
# Lines that begin with "import" or "from" name one of static.MODULES; no other line begins so.
_PROGRAM = r"""
root ::= "Task: " task "\nAnswer: " answer "\n```python\n" import{0,8} codeline{1,60} "```"
import ::= ("import " module (" as " name)? | "from " module " import " names) "\n"
module ::= (MODULES) ("." name){0,2}
name ::= [A-Za-z_] [A-Za-z0-9_]{0,30}
names ::= name (" as " name)? (", " name (" as " name)?){0,8}
codeline ::= (begin [^\n`]{0,160})? "\n"
begin ::= [^if\n`] | "i" [^m\n`] | "im" [^p\n`] | "f" [^r\n`] | "fr" [^o\n`]
""".replace("MODULES", " | ".join(f'"{name}"' for name in sorted(static.MODULES)))
# English holds nothing Chinese; Chinese begins in Chinese, but for a formula or a number before it.
_LINES: dict[Language, str] = {
    "en": r"""
task ::= [A-Z] line
answer ::= line
line ::= [^\n`\u2e80-\uffef]{2,300}
""",
    "zh": r"""
task ::= han [^\n`]{2,300}
answer ::= lead{0,24} han [^\n`]{1,300}
lead ::= "{" [^{}\n`]{1,40} "}" | [A-Za-z]? [^A-Za-z{}\n`\u3400-\u9fff]
han ::= [\u3400-\u9fff]
""",
}
_DRAFT = re.compile(r"Task: (.*)\nAnswer: (.*)\n```python\n(.*?)(?:```|\Z)", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the model wrote."""

    task: str
    answer: str
    code: str
    tokens: int
    whole: bool = True
    """False where it ran into ``MAX_TOKENS``."""


def grammar(language: Language) -> str:
    """Return the GBNF of an answer whose sentences are in that language."""
    return _PROGRAM + _LINES[language]


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/generate.md").read_text("utf-8")


async def generate(
    intent: Intent,
    model: Model,
    context: PlanningContext,
    on_text: Callable[[str], None],
    *,
    near: Sequence[str] = (),
) -> Proposal:
    """Return a plan with one Python step that the model wrote.

    ``near``: titles of the nearest recipes, to be named where it comes to nothing.

    Raises:
        PlanningError: neither the program nor its repair works; the message holds the last error.
        ModelUnavailable: the model cannot be used.
    """
    complaint: str | None = None
    draft: Draft | None = None
    slow: Plan | None = None
    tokens = 0
    for _ in range(2):
        draft = await write(
            intent.text, intent.language, model, on_text, failed=draft, complaint=complaint
        )
        tokens += draft.tokens
        if not draft.whole:
            if slow is None:
                raise given_up(None, near)
            break
        complaint = static.complaint(draft.code)
        if complaint is not None:
            continue
        try:
            plan = assemble(draft, intent, model.name)
        except ValueError as error:
            complaint = str(error)
            continue
        if context.trial is None:
            return Proposal(plan=plan, values=plan.defaults, tokens=tokens)
        result = await context.trial(plan.steps[0], plan.defaults)
        complaint = _trouble(result)
        if complaint is None:
            plan = plan.model_copy(update={"answer": _answer(draft, plan, intent, result.values)})
            if result.values or result.artifacts:
                return Proposal(plan=plan, values=plan.defaults, tokens=tokens)
            # Out of time is no error, but a quicker program may be one line away.
            slow = slow or plan
            complaint = "no result after two seconds: use a faster method, a loop or NumPy"
    if slow is not None:
        return Proposal(plan=slow, values=slow.defaults, tokens=tokens)
    raise given_up(complaint or "", near)


async def write(
    text: str,
    language: Language,
    model: Model,
    on_text: Callable[[str], None],
    *,
    failed: Draft | None = None,
    complaint: str | None = None,
) -> Draft:
    """Return a program for the wish, or a better one than the one that failed."""
    user = f"Wish: {' '.join(text.split())}"
    if failed is not None:
        user += (
            f"\n\nThis program for it does not work:\n```python\n{failed.code}```\n"
            f"Its error: {(complaint or '')[-500:]}\nWrite the whole answer again, corrected."
        )
    done = await model.complete(
        Prompt(system=system(), user=user),
        grammar=grammar(language),
        shape=_DRAFT,
        max_tokens=MAX_TOKENS,
        on_text=on_text,
    )
    match = _DRAFT.match(done.text)
    task, answer, code = match.groups() if match else (text, "", done.text)
    return Draft(
        task=task.strip(), answer=answer.strip(), code=code, tokens=done.tokens, whole=done.stopped
    )


def assemble(draft: Draft, intent: Intent, model: str) -> Plan:
    """Return the draft as a plan: its named numbers that the person said become parameters."""
    said = [m for m in numbers.read(intent.text) if m.kind == "number"]
    values = {m.number for m in said}
    knobs = {
        name: number
        for name, number in static.constants(draft.code).items()
        if number in values and _NAME.fullmatch(name)
    }
    parameters = tuple(_knob(name, number) for name, number in knobs.items())
    # range(1, n + 1) may be written with the sum done.
    written = {n + d for n in static.literals(draft.code) for d in (-1, 0, 1)}
    missing = [m for m in said if not m.weak and abs(m.number) not in written]
    step = Step(
        id="compute",
        title=Words(en="Compute", zh="计算"),
        language="python",
        code=static.with_parameters(draft.code, set(knobs)),
        limits=LIMITS,
    )
    template = _following(draft.task.replace("{", "{{").replace("}", "}}"), knobs)
    plan = Plan(
        title=_words(intent.text[:80].replace("{", "(").replace("}", ")"), intent.language),
        interpretation=_words(template, intent.language),
        assumptions=tuple(not_used(m.text) for m in missing),
        parameters=parameters,
        steps=(step,),
        origin="generated",
        planner="default",
        model=model,
    )
    return plan.model_copy(update={"answer": _answer(draft, plan, intent, {})})


def not_used(said: str) -> Assumption:
    """Return the assumption that names a number which was said and changes nothing."""
    return Assumption(
        text=Words(
            en=f"The number {said} in your sentence was not used.",
            zh=f"你说的数字“{said}”没有用到。",
        )
    )


def given_up(complaint: str | None, near: Sequence[str]) -> PlanningError:
    """Return the error for a person; of a traceback only the last line, which says what is wrong.

    ``complaint`` is None where the program came to no end.
    """
    names = ", ".join(near)
    if complaint is None:
        if near:
            return PlanningError("planning.program_too_long_near", near=names)
        return PlanningError("planning.program_too_long")
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    what = lines[-1][:200].rstrip(".") if lines else "?"
    if near:
        return PlanningError("planning.program_fails_near", what=what, near=names)
    return PlanningError("planning.program_fails", what=what)


def _knob(name: str, number: int | float) -> Parameter:
    words = name.replace("_", " ")
    whole = isinstance(number, int)
    return Parameter(
        name=name,
        label=Words(en=words.capitalize(), zh=words),
        kind="integer" if whole else "number",
        default=number,
        # A count stays a count; how far it may go is for the step's limits to say.
        minimum=0 if number >= 0 else None,
        aliases=(words,),
    )


def _words(text: str, language: Language) -> Words:
    return Words(zh=text) if language == "zh" else Words(en=text)


def _following(template: str, knobs: Mapping[str, Value]) -> str:
    """Return the template with the numbers that are knobs as names, so that they follow them."""
    spans = [m for m in numbers.read(template) if m.kind == "number" and m.unit is None]
    for mention in reversed(spans):
        names = [name for name, number in knobs.items() if number == mention.number]
        if len(names) == 1:
            form = f"{{{names[0]}:,}}" if mention.number >= 10_000 else f"{{{names[0]}}}"
            template = template[: mention.start] + form + template[mention.end :]
    return template


def _answer(draft: Draft, plan: Plan, intent: Intent, results: Mapping[str, Quantity]) -> Words:
    """Return the model's sentence if it speaks of the results, else a plain list of them."""
    names = list(results) or static.reported(draft.code)
    known = {*names, *plan.defaults}
    forms = {name: _form(quantity.value) for name, quantity in results.items()}
    try:
        used = placeholders(draft.answer)
    except ValueError:
        used = set()
    if used and used <= known and used & set(names):
        template = re.sub(
            r"\{(\w+)[^{}]*\}", lambda m: f"{{{m[1]}{forms.get(m[1], '')}}}", draft.answer
        )
        template = _following(template, plan.defaults)
        # Names that a sentence leaves out are still results.
        rest = [name for name in names if name not in used]
        tail = _list(rest[:6], forms, results, intent.language)
        return _words(f"{template} ({tail})" if tail else template, intent.language)
    if names:
        return _words(_list(names[:12], forms, results, intent.language), intent.language)
    return Words(en="The picture is ready.", zh="图已画好。")


def _list(
    names: list[str],
    forms: Mapping[str, str],
    results: Mapping[str, Quantity],
    language: Language,
) -> str:
    stop, colon = ("；", "：") if language == "zh" else ("; ", ": ")
    parts = []
    for name in names:
        unit = results[name].unit if name in results else ""
        unit = " " + unit.replace("{", "(").replace("}", ")") if unit else ""
        parts.append(f"{name.replace('_', ' ')}{colon}{{{name}{forms.get(name, '')}}}{unit}")
    return stop.join(parts)


def _form(value: Json) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return ":.10g"
    return ""


def _trouble(result: StepResult) -> str | None:
    """Return what the trial brought to light, in words for the model, or None."""
    if result.status is not StepStatus.OK:
        problem = result.error.text("en") if result.error else ""
        return f"{problem}\n{result.stderr[-600:]}".strip() or str(result.status)
    for name, quantity in result.values.items():
        value = quantity.value
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return f"report gives {name} = {value}, which is no number"
    return None
