"""Generate: where no recipe fits, the model writes Python for the sandbox.

The numbers of the wish that the program names at its top become parameters. The program is looked
over, tried for two seconds in the sandbox, and repaired twice at most with the error at hand. With
a jury, other programs by other methods vote on a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from intentos.errors import PlanningError
from intentos.messages import placeholders
from intentos.parameters import Parameter
from intentos.plan import ATTACHMENT, Assumption, Plan, Slot, Step
from intentos.protocols import PlanningContext, Proposal
from intentos.quantity_names import quantity_name
from intentos.run import StepResult, StepStatus
from intentos.types import Attachment, Intent, Json, Language, Limits, Quantity, Value, Words

from . import numbers, shader, static, unknowable
from .draft import Draft, write
from .model import Model

ATTEMPTS = 3
"""The first program and two repairs."""
LIMITS = Limits(wall_time=60, memory_bytes=2 * 1024**3)
TRIAL_SHARE = 0.1
"""Of the work that a trial does, where a parameter says how much there is."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WORK = re.compile(
    r"(.*_)?(samples?|trials?|steps|iterations|points|runs|simulations|draws|throws)"
)
_WORK_FROM = 1000


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A program that a trial found nothing wrong with."""

    draft: Draft
    plan: Plan
    result: StepResult | None
    """None where nothing may run before approval."""
    lacks: tuple[str, ...] | None = None
    """Numbers of the wish that the program leaves out; None where it came to no result in time."""


async def generate(
    intent: Intent,
    model: Model,
    context: PlanningContext,
    on_text: Callable[[str], None],
    *,
    near: Sequence[str] = (),
) -> Proposal:
    """Return a plan with one step that the model wrote, or with those of a jury.

    ``near``: titles of the nearest recipes, to be named where it comes to nothing.

    Raises:
        PlanningError: neither the program nor its repairs work; the message holds the last error.
        ModelUnavailable: the model cannot be used.
    """
    spent = 0
    if shader.trusted(model) and not intent.attachments:
        moving, spent = await shader.wanted(intent, model)
        if moving:
            proposal = await shader.shaded(intent, model, context, on_text)
            return replace(proposal, tokens=proposal.tokens + spent)
    attempt, tokens = await attempted(intent, model, context, on_text, near=near)
    tokens += spent
    plan = attempt.plan
    if context.jury and context.trial is not None:
        from .jury import vote

        plan, more = await vote(attempt, intent, model, context, on_text)
        tokens += more
    return Proposal(plan=plan, values=plan.defaults, tokens=tokens)


async def attempted(
    intent: Intent,
    model: Model,
    context: PlanningContext,
    on_text: Callable[[str], None],
    *,
    near: Sequence[str] = (),
    hint: str = "",
    attempts: int = ATTEMPTS,
) -> tuple[Attempt, int]:
    """Return a program that works, as far as a trial can tell, and the tokens that it took.

    Raises:
        PlanningError: none of the attempts works; the message holds the last error. Or the
            program only says what the model made up.
        ModelUnavailable: the model cannot be used.
    """
    complaint: str | None = None
    draft: Draft | None = None
    spare: Attempt | None = None
    earlier: set[str] = set()
    tokens = 0
    for _ in range(attempts):
        if spare is not None and spare.lacks is not None and draft is not spare.draft:
            break  # asked once more, it did no better
        draft = await write(intent, model, on_text, failed=draft, complaint=complaint, hint=hint)
        tokens += draft.tokens
        if not draft.whole and spare is None:
            raise given_up(None, near)
        if not draft.whole or draft.code in earlier:
            break  # it has nothing new to say
        earlier.add(draft.code)
        complaint = static.complaint(draft.code, files=bool(intent.attachments))
        given = unknowable.computable(intent.text) or bool(intent.attachments)
        if complaint is None and not given and not static.computes(draft.code):
            raise PlanningError("refused.unknowable")  # it wrote down what it cannot know
        if complaint is not None:
            continue
        try:
            plan = assemble(draft, intent, model.name)
        except ValueError as error:
            complaint = str(error)
            continue
        if context.trial is None:
            return Attempt(draft=draft, plan=plan, result=None), tokens
        result = await context.trial(plan.steps[0], _less_work(plan))
        complaint = _trouble(result)
        if complaint is None:
            plan = plan.model_copy(update={"answer": _answer(draft, plan, intent, result.values)})
            attempt = Attempt(draft=draft, plan=plan, result=result)
            lacks = [m.text for m in left_out(draft.code, intent.text) if not intent.attachments]
            done = bool(result.values or result.artifacts)
            if done and not lacks:
                return attempt, tokens
            # Neither is an error, but a better program may be one line away.
            if done and (spare is None or spare.lacks is None or len(lacks) < len(spare.lacks)):
                spare = replace(attempt, lacks=tuple(lacks))
            spare = spare or attempt
            complaint = (
                f"it leaves out {', '.join(lacks)}, which the wish gives: use every number of it"
                if done
                else "no result after two seconds: use a faster method, a loop or NumPy"
            )
    if spare is not None:
        return spare, tokens
    raise given_up(complaint or "", near)


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
    missing = left_out(draft.code, intent.text)
    files = tuple(_slot(a) for a in intent.attachments if f"{a.key}" in draft.code)
    step = Step(
        id="compute",
        title=Words(en="Compute", zh="计算"),
        language="python",
        code=static.with_parameters(draft.code, {name: name for name in knobs}),
        inputs={slot.name: f"{ATTACHMENT}/{slot.name}" for slot in files},
        limits=LIMITS,
    )
    template = _following(draft.task.replace("{", "{{").replace("}", "}}"), knobs)
    plan = Plan(
        title=_words(intent.text[:80].replace("{", "(").replace("}", ")"), intent.language),
        interpretation=_words(template, intent.language),
        assumptions=tuple(not_used(m.text) for m in missing),
        parameters=parameters,
        attachments=files,
        steps=(step,),
        origin="generated",
        planner="default",
        model=model,
    )
    return plan.model_copy(update={"answer": _answer(draft, plan, intent, {})})


def left_out(code: str, text: str) -> list[numbers.Mention]:
    """Return the numbers of a text that a program does not hold, in whatever unit."""
    written = static.literals(code)

    def there(value: float) -> bool:
        return any(math.isclose(n, value, rel_tol=1e-9, abs_tol=1e-12) for n in written)

    said = [m for m in numbers.read(text) if m.kind == "number" and not m.weak]
    return [m for m in said if not any(there(value) for value in _ways(m))]


def _ways(mention: numbers.Mention) -> set[float]:
    """Return how a number may be written in a program."""
    number = abs(mention.number)
    # range(1, n + 1) may be written with the sum done.
    ways = {number, number - 1, number + 1}
    if (unit := mention.unit) is None:
        return ways
    if unit.dimension == "percent":
        ways |= {number / 100, 1 + number / 100, 1 - number / 100}
    elif unit.dimension == "temperature":
        celsius = mention.number * unit.scale + unit.offset
        ways |= {abs(celsius), celsius + 273.15, celsius + 273}
    ways |= {number * unit.scale * factor for factor in (1, 1e2, 1e3, 1e-3, 1 / 60, 1 / 3600)}
    if unit.dimension == "date":  # its year, month and day
        ways |= {number // 10_000, number // 100 % 100, number % 100}
    return ways


def not_used(said: str) -> Assumption:
    """Return the assumption that names a number which was said and changes nothing."""
    return Assumption(
        text=Words(
            en=f"The number {said} in your sentence was not used.",
            zh=f"你说的数字“{said}”没有用到。",
        )
    )


def says_not_used(assumption: Assumption) -> bool:
    """Whether an assumption is one of those."""
    return assumption.text.zh.endswith("没有用到。")


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
        work=whole and number >= _WORK_FROM and _WORK.fullmatch(name) is not None,
    )


def _less_work(plan: Plan) -> dict[str, Value]:
    """Return the values of a trial: those that scale the work are turned down."""
    return plan.defaults | {
        p.name: p.accept(max(1, round(float(p.default) * TRIAL_SHARE)))
        for p in plan.parameters
        if p.work
    }


def _slot(attachment: Attachment) -> Slot:
    return Slot(
        name=attachment.key,
        label=Words(en=attachment.key, zh=attachment.key),
        kind=attachment.profile.kind,
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
    said = _said(draft.answer, known)
    try:
        used = placeholders(said)
    except ValueError:
        used = set()
    if used and used <= known and used & set(names):
        template = re.sub(r"\{(\w+)[^{}]*\}", lambda m: f"{{{m[1]}{forms.get(m[1], '')}}}", said)
        template = _following(template, plan.defaults)
        # Names that a sentence leaves out are still results.
        rest = [name for name in names if name not in used]
        tail = _list(rest[:6], forms, results, intent.language)
        return _words(f"{template} ({tail})" if tail else template, intent.language)
    if names:
        return _words(_list(names[:12], forms, results, intent.language), intent.language)
    return Words(en="The picture is ready.", zh="图已画好。")


_SENTENCE = re.compile(r"(?:[^{}。.！!]|\.(?=\S)|\{[^{}]*\})+(?:[。！!]|\.(?=\s|$)|$)\s*")


def _said(answer: str, known: Collection[str]) -> str:
    """Return what of a model's answer tells results, with their names as the program spells them.

    A sentence without any result is its own opinion, written before anything was computed.
    """
    told = [found.group() for found in _SENTENCE.finditer(answer)]
    kept = [sentence for sentence in told if "{" in sentence]
    if len(kept) > 1 and not kept[-1].rstrip().endswith((".", "。", "!", "！")):
        kept.pop()  # the grammar cut it off
    spoken = "".join(kept).strip() if "".join(told) == answer else answer

    def named(match: re.Match[str]) -> str:
        alike = [name for name in known if static.alike(name, match[1])]
        return "{" + (alike[0] if match[1] not in known and len(alike) == 1 else match[1])

    return re.sub(r"\{(\w+)", named, spoken)


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
        parts.append(f"{quantity_name(name, language)}{colon}{{{name}{forms.get(name, '')}}}{unit}")
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
