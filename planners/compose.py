"""Compose: where no recipe fits, a few formulas become a picture or a simulation.

Equations that a person wrote themselves are taken as they are, without any model. Else the model
chooses a form and writes its formulas under a grammar. Either way they are parsed, framed by where
they lead, and tried small before anybody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field

from intentos.errors import InvalidPlan, InvalidProgram, PlanningError
from intentos.plan import Assumption, Plan, Step
from intentos.protocols import PlanningContext, Proposal
from intentos.registry import Registry
from intentos.run import StepStatus
from intentos.types import Intent, Json, Words

from .chance_terms import draws
from .forms import CURVE, FIELD, FORMS, MOTION, OWN, SURFACE, Form, knob_of
from .formulas import Written, written
from .generate import not_used
from .linking import link
from .model import Model, Prompt

MAX_TOKENS = 260
PROGRAM = "program"
_BY_MODEL = ("curve", "surface", "pattern")
_PROGRAM = (
    "a number, a date, a text, a calculation, a chart of data or of a function, anything else"
)
_RATE = re.compile(r"(?:d|∂)([A-Za-z]\d?)\s*/\s*[d∂]t|([A-Za-z]\d?)['′]")
_BY_X, _X = re.compile(r"[yY]['′]"), re.compile(r"(?<![A-Za-z])x(?![A-Za-z])")
_START = re.compile(
    r"\b([A-Za-z]\d?)\s*(?:\(\s*0\s*\)|_?0)?\s*=\s*([-−]?\d+(?:\.\d+)?)(?![\w.]*[*/^x(])"
)
_SEEN = re.compile(
    r"\b(?:draw|paint|sketch|show|picture|animat\w*|shape|curve|surface|pattern|spiral|rotating|"
    r"turning|spinning|swirl\w*|3d|spin)\b|画|图案|形状|曲线|曲面|动画|旋转|花纹|条纹|流动|立体|三维|3D",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\bhow (?:many|much|long|far|often|likely|old|big)\b|\bwhat(?:'s| is| are| was)\b|"
    r"\bcalculate\b|\bcompute\b|\b(?:sum|average|mean|chart|histogram|table|list)\b|多少|几[个次天年种]|计算|求|平均|统计|表格",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"\b(?:area|length|perimeter|circumference|volume|slope|centroid|maximum|minimum)\b"
    r"|面积|弧长|周长|长度|体积|斜率|重心|最大值|最小值",
    re.IGNORECASE,
)
_DRAWN = re.compile(r"\b(?:draw|plot|graph|paint|sketch|show|animate)\b|画|绘|作图", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class Composition(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="allow")

    title: str = Field(max_length=120)
    numbers: dict[str, float] = Field(default={}, max_length=6)

    def formulas(self, form: Form) -> dict[str, str]:
        """Return the formulas of a form."""
        extra: Mapping[str, object] = self.model_extra or {}
        return {slot: str(extra.get(slot, "0")) for slot in form.slots}


async def compose(
    intent: Intent, model: Model, context: PlanningContext, registry: Registry
) -> tuple[Proposal | None, int]:
    """Return a plan of formulas for one kernel, if there is one, and the tokens it took to know.

    Raises:
        ModelUnavailable: the model cannot be used.
    """
    if "compose" not in model.profile.trusted or not _to_be_seen(intent.text):
        return None, 0
    form, tokens = await _form(intent, model)
    if form is None:
        return None, tokens
    complaint = ""
    for _ in range(2):
        composition, used = await _write(intent, form, model, complaint)
        tokens += used
        if composition is None:
            return None, tokens
        try:
            title = Words(**{intent.language: composition.title})
            formulas = composition.formulas(form)
            plan = _plan(form, formulas, _named(composition), title, registry)
        except (InvalidProgram, InvalidPlan, ValueError) as error:
            complaint = str(error)
            continue
        complaint = await _trouble(plan, context)
        if not complaint:
            return _proposal(plan, intent, tokens, model.name), tokens
    return None, tokens


async def from_equations(
    intent: Intent, context: PlanningContext, registry: Registry
) -> Proposal | None:
    """Return the plan of equations that the person wrote; None where they wrote none.

    Raises:
        PlanningError: they can be read but not computed; the message says what is wrong.
    """
    found = [w for w in written(intent.text) if w.kind == "formula" and w.right]
    if any(draws(w.right) for w in found):
        return None  # a curve is no random number
    if any(_BY_X.fullmatch(w.left) and _X.search(w.right) for w in found):
        return None  # a solution y(x) is no motion; a recipe follows it
    read = _rates(found) or _shape(found)
    if read is None:
        return None
    form, formulas = read
    if (
        form in (CURVE, SURFACE)
        and _MEASURED.search(intent.text)
        and not _DRAWN.search(intent.text)
    ):
        return None  # a number is asked for, and a picture would not tell it
    known = {*form.names, *formulas, *form.slots}
    said = {m[1]: float(m[2].replace("−", "-")) for m in _START.finditer(intent.text)}
    own: dict[str, float] = {}
    for text in formulas.values():
        for name in re.findall(r"(?<![A-Za-z_])[A-Za-z]\w*(?!\w|\s*\()", text):
            if name not in known and name.lower() not in ("pi", "tau", "e") and name.islower():
                own[name] = said.get(name, 1.0)
    if form is MOTION:
        own |= {f"{name}_start": said[name] for name in formulas if name in said}
    shown = "; ".join(f"{item.left} = {item.right}" for item in found)
    try:
        plan = _plan(form, formulas, own, form.title, registry, shown)
    except (InvalidProgram, InvalidPlan, ValueError) as error:
        raise PlanningError("compose.equations_fail", what=str(error)[:300]) from error
    guessed = [n for n in own if n not in said and not n.endswith("_start")]
    plan = plan.model_copy(
        update={"assumptions": tuple(_taken_for_one(knob_of(name)) for name in guessed)}
    )
    complaint = await _trouble(plan, context)
    if complaint:
        raise PlanningError("compose.equations_fail", what=complaint[:300])
    return Proposal(plan=plan, values=plan.defaults)


def _rates(found: Sequence[Written]) -> tuple[Form, dict[str, str]] | None:
    rates = {}
    for item in found:
        match = _RATE.fullmatch(item.left)
        if match is not None:
            rates[match[1] or match[2]] = item.right
    if not rates:
        return None
    rates = {name: _spelled(text, rates) for name, text in rates.items()}
    spread = any(re.search(r"\b(?:lap|dx|dy|dxx|dyy)\(", text) for text in rates.values())
    return (FIELD if spread else MOTION), rates


def _spelled(text: str, names: Mapping[str, str]) -> str:
    """Return a rate with ∇²u, "xy" and "x(…)" as the expression language writes them."""
    text = re.sub(r"(?:∇²|∇\^2)\s*([A-Za-z]\d?)", r"*lap(\1)", text)
    text = re.sub(r"(^|[-+(*/])\s*\*", r"\1", text)
    text = re.sub(r"(?<![A-Za-z_])([A-Za-z]\d?)\s+(?=[A-Za-z(])", r"\1*", text)
    for name in names:
        text = re.sub(rf"(?<![A-Za-z_]){name}\s*(?=\()", f"{name}*", text)
        for other in names:
            text = re.sub(rf"(?<![A-Za-z_]){name}{other}(?![A-Za-z_(])", f"{name}*{other}", text)
    return text


def _shape(found: Sequence[Written]) -> tuple[Form, dict[str, str]] | None:
    """Read x = …, y = … [, z = …] of one letter (a curve) or two (a surface), and r = … of θ."""
    sides = {item.left: item.right for item in found}
    letters = {
        name
        for text in sides.values()
        for name in re.findall(r"(?<![A-Za-z_])[a-zθ](?![A-Za-z_\d(])", text)
    } - {"e"}
    if {"x", "y"} <= sides.keys() and not letters & {"x", "y", "z"}:
        places = {axis: _spelled(sides.get(axis, "0"), {}) for axis in "xyz"}
        if {"u", "v"} <= letters and "z" in sides:
            turned = {"u": "(tau*u)", "v": "(tau*v)"}
            return SURFACE, {axis: _with(text, turned) for axis, text in places.items()}
        along = next((letter for letter in ("t", "θ", "s", "u") if letter in letters), None)
        if along is None:
            return None
        return CURVE, {axis: _with(text, {along: "(tau*s)"}) for axis, text in places.items()}
    if "r" in sides and letters & {"θ", "t"}:
        r = _with(_spelled(sides["r"], {}), {"θ": "(tau*s)", "t": "(tau*s)"})
        return CURVE, {"x": f"({r})*cos(tau*s)", "y": f"({r})*sin(tau*s)", "z": "0"}
    return None


def _with(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = re.sub(
            rf"(?<![A-Za-z_]){old}(?![A-Za-z_])", f"*{new}" if new[0] == "(" else new, text
        )
    if not any(new[0] == "(" for new in names.values()):
        return text
    return re.sub(r"(^|[-+(*/^,]|\bsin|\bcos|\btan|\bexp|\bsqrt)\s*\*(?=\()", r"\1", text)


def _to_be_seen(text: str) -> bool:
    """Whether a wish is for something to look at; a small model takes sums for curves."""
    asked = _ASKED.search(text) or (_MEASURED.search(text) and not _DRAWN.search(text))
    return _SEEN.search(text) is not None and not asked


async def _form(intent: Intent, model: Model) -> tuple[Form | None, int]:
    """Return which form the model takes the wish for, and the tokens it took."""
    choices = [name for name in FORMS if name in _BY_MODEL or model.profile.large]
    lines = [f"Wish: {' '.join(intent.text.split())[:600]}", "", "What kind of thing is it?"]
    lines += [f"{name}: {FORMS[name].meaning}" for name in choices]
    lines.append(f"{PROGRAM}: {_PROGRAM}")
    prompt = Prompt(
        system="You sort wishes. Answer with JSON: the name of the kind.",
        user="\n".join(lines),
        prefill='{"kind": "',
    )
    chosen = await model.choose(prompt, [*choices, PROGRAM])
    return FORMS.get(chosen.name), chosen.tokens


async def _write(
    intent: Intent, form: Form, model: Model, complaint: str
) -> tuple[Composition | None, int]:
    user = f"Wish: {' '.join(intent.text.split())[:600]}, form {form.name}"
    if form.name not in _BY_MODEL:
        user += f" ({form.meaning}; formulas named by their quantities; known: {form.names})"
    if complaint:
        user += f"\nWhat was written before does not work: {complaint[:300]}. Write it anew."
    answer = await model.typed(
        Prompt(system=system(), user=user),
        Composition,
        grammar=grammar(form),
        max_tokens=MAX_TOKENS,
    )
    return answer.value, answer.tokens


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/compose.md").read_text("utf-8")


def grammar(form: Form) -> str:
    """Return the GBNF of a form's JSON."""
    slots = "".join(f' ", \\"{slot}\\": \\"" formula "\\""' for slot in form.slots)
    return "\n".join(
        [
            'root ::= "{\\"title\\": \\"" [^"\\\\\\n]{2,60} "\\", \\"numbers\\": {" '
            f'number (", " number){{0,2}} "}}"{slots} "}}"',
            'number ::= "\\"" [a-z] [a-z_]{2,15} "\\": " "-"? [0-9]{1,4} ("." [0-9]{1,3})?',
            "formula ::= [-a-z0-9_+*/^()<>=,. ]{1,120}",
        ]
    )


def _named(composition: Composition) -> dict[str, float]:
    return {name: value for name, value in composition.numbers.items() if _NAME.fullmatch(name)}


def _plan(
    form: Form,
    formulas: Mapping[str, str],
    own: Mapping[str, float],
    title: Words,
    registry: Registry,
    shown: str = "",
) -> Plan:
    shown = shown or "; ".join(f"{name} = {text}" for name, text in formulas.items())
    used: dict[str, float] = {}
    for name, number in own.items():
        if name.endswith("_start"):
            used[name] = number
            continue
        renamed = {key: _with(text, {name: OWN + name}) for key, text in formulas.items()}
        if renamed != formulas:
            formulas = renamed
            used[OWN + name] = number
    filled = form.fill(formulas, used)
    shown = shown.translate(str.maketrans("{}", "()"))
    step = Step(
        id="draw",
        title=Words(en="Compute and draw", zh="计算并绘制"),
        language="kernel",
        code=filled.kernel,
        needs=frozenset({"gpu"}),
        arguments=filled.arguments,
    )
    plan = Plan(
        title=_plain(title),
        interpretation=Words(en=f"{form.title.en}: {shown}", zh=f"{form.title.zh}：{shown}"),
        parameters=filled.parameters,
        steps=(step,),
        answer=Words(
            en=f"{form.title.en} by formulas: {shown}.", zh=f"由公式画出{form.title.zh}：{shown}。"
        ),
        origin="composed",
        planner="default",
    )
    plan = registry.pin(plan)
    registry.kernel(filled.kernel).build(_arguments(plan))
    return plan


def _arguments(plan: Plan) -> dict[str, Json]:
    return plan.steps[0].resolved_arguments(plan.defaults)


async def _trouble(plan: Plan, context: PlanningContext) -> str:
    """Return what a small trial brings to light, in words for the model; empty where nothing."""
    if context.trial is None:
        return ""
    small = {"frames": 6, "duration": 1.0}
    names = plan.defaults.keys()
    values = plan.accept({name: value for name, value in small.items() if name in names})
    result = await context.trial(plan.steps[0], values)
    if result.status is not StepStatus.OK:
        return result.error.text("en") if result.error else str(result.status)
    for check in result.checks:
        if check.status == "failed":
            return f"{check.title.text('en') or check.name}: {check.detail[:200]}"
    return ""


def _proposal(plan: Plan, intent: Intent, tokens: int, model: str) -> Proposal:
    plan = plan.model_copy(update={"model": model})
    links = link(intent.text, plan.parameters)
    defaults = {float(v) for v in plan.defaults.values() if isinstance(v, int | float)}
    left = [m for m in links.unused if float(m.number) not in defaults]
    plan = plan.model_copy(update={"assumptions": tuple(not_used(m.text) for m in left)})
    return Proposal(plan=plan, values=links.values, tokens=tokens)


def _taken_for_one(name: str) -> Assumption:
    return Assumption(
        text=Words(
            en=f"{name} is {{{name}:g}}; you named no value.",
            zh=f"{name} 取 {{{name}:g}}，因为你没有给出它的值。",
        ),
        parameter=name,
    )


def _plain(title: Words) -> Words:
    """Return a title in which nothing stands for a parameter."""
    braces = str.maketrans("{}", "()")
    return Words(en=title.en.translate(braces), zh=title.zh.translate(braces))
