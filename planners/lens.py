"""Lens: a follow-up about how a thing is looked at, where its plan has no knob for that.

"Bigger please", 从侧面看, "on a white background", 别转了: most kernels that draw in space have an
argument for it which recipes leave alone. The plan then gets a knob for that argument. What is
computed stays, but other arguments are other code: it is a new plan, with a digest of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from intentos.errors import IntentOSError
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.protocols import Proposal, Table
from intentos.registry import Registry
from intentos.types import Json, Words, new_id

from . import revise
from .amounts import amounts
from .colours import read_colours
from .concepts import USUAL, degree
from .library import Recipe
from .operation import Operation, apply

_SEEN = re.compile(
    r"\b(?:seen|viewed|looked at|look(?:ing)?(?: at (?:it|them|this))?|view(?: it)?"
    r"|show(?: it| me)?)\b|看看|看过去|看",
    re.IGNORECASE,
)
_IT = re.compile(
    r"\b(?:(?:the |that )?(?:whole )?(?:picture|image|scene|view|camera|thing|drawing|animation)"
    r"|it(?:self)?|them|everything|one)\b|整个|画面|镜头|图[像片]?|场景|全部|视角|角度|东西|[它把让请]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Knob:
    """An argument by which kernels say how a thing is looked at."""

    argument: str
    label: Words
    aliases: tuple[str, ...]
    unit: str = ""


_KNOBS = {
    knob.argument: knob
    for knob in (
        _Knob("distance", Words(en="Distance of the camera", zh="镜头距离"),
              ("camera", "distance", "zoom", "closer", "farther", "smaller", "镜头", "距离")),
        _Knob("pitch", Words(en="View from above", zh="俯视角度"),
              ("view", "above", "tilt", "俯视", "视角"), "deg"),
        _Knob("turns", Words(en="Turns of the view", zh="视角转动圈数"),
              ("turns", "turn", "spin", "rotate", "圈", "转", "转动")),
        _Knob("background", Words(en="Background", zh="背景"), ("background", "背景")),
    )
}  # fmt: skip
_ABOVE = (
    r"\b(?:seen |look(?:ing)? |view(?:ed)? )?(?:straight |right )?(?:down )?from (?:straight |right"
    r" )?(?:above|the top|overhead)\b|\b(?:top[- ]down|top view|bird'?s[- ]eye(?: view)?)\b"
    r"|从?(?:正|头)?(?:上方|上面|顶上|头顶|天上|高处)(?:往下|向下)?(?:看|俯视)|俯视图?|鸟瞰图?"
)
_SIDE = (
    r"\b(?:from|on) (?:the|its|one) (?:side|edge)\b|\bside(?:ways| view)\b|\bedge[- ]on\b"
    r"|从?(?:正)?(?:侧面|旁边|边上)(?:看|来看)?|侧视图?|平视"
)
_BELOW = r"\bfrom (?:below|underneath)\b|从?(?:下面|底下|下方)(?:往上)?看|仰视"
_NEAR = (
    r"\bzoom(?:ed|ing)?(?: right| way| a (?:bit|little))? ?in\b|\b(?:bigger|larger|closer(?: up)?"
    r"|nearer|close-?up|enlarge|magnify)\b|放大|拉近|凑近|走近|靠近|[变更]大|再大|大一?[点些]儿?"
    r"|近一?[点些]儿?|特写"
)
_FAR = (
    r"\bzoom(?:ed|ing)?(?: right| way| a (?:bit|little))? ?out\b|\b(?:smaller|further away"
    r"|farther away|further|farther)\b|缩小|拉远|走远|[变更]小|再小|小一?[点些]儿?|远一?[点些]儿?"
)
_TWICE = (
    r"\b(?:twice|two times|2 times|double) (?:as|the) (?:big|large|size)\b"
    r"|再?大一倍|放大一倍|两倍大"
)
_STILL = (
    r"\b(?:stop|don't|do not|no)\s+(?:it\s+|the\s+)?"
    r"(?:turn(?:ing)?|spin(?:ning)?|rotat(?:e|ing|ion))\b"
    r"|\bwithout (?:turning|spinning|rotat\w+)\b|(?:别|不要|不用|停止)(?:再)?(?:旋转|转动?)了?"
)
_ROUND = (
    r"\b(?:turn|spin|rotate|go|walk|fly)\s+(?:it\s+)?(?:all the way\s+)?(?:a)?round(?: it)?\b"
    r"|\b(?:let|make|have) it (?:turn|spin|rotate)\b|\b(?:rotate|spin) it\b"
    r"|(?:绕着?它?|围着它?)(?:转|走|飞)(?:一?圈)?|(?:让它)?(?:转起来|旋转起来|转一?圈)"
)
_GROUND = re.compile(r"\bbackgrounds?\b|\bbackdrop\b|背景|底色", re.IGNORECASE)
_AROUND = re.compile(
    r"\b(?:on|with|against|in front of|the|an?|make|change|turn|set|to|in)\b"
    r"|[换改变成用到为]|色的?|的"
)
_SLOW = re.compile(r"\b(?:slowly|gently)\b|慢慢地?|缓缓地?", re.IGNORECASE)
_ASIDE = re.compile(
    r"\b(?:please|now|a (?:bit|little)|slightly|much|some|bit|just|can you|could you|make|let's?"
    r"|and|but|then|more|to|me|us|the|of|up|get|go|move|come)\b"
    r"|一点儿?|一些|点儿?|请|再|更|吧|呢|啊|了|来|给我|我想|想|能不能|可以|从|地|得|些",
    re.IGNORECASE,
)
_MOVES: tuple[tuple[re.Pattern[str], str, float | None, float], ...] = tuple(
    (re.compile(form, re.IGNORECASE), argument, value, factor)
    for form, argument, value, factor in (
        (_ABOVE, "pitch", 90.0, 1.0), (_SIDE, "pitch", 0.0, 1.0), (_BELOW, "pitch", -60.0, 1.0),
        (_STILL, "turns", 0.0, 1.0), (_ROUND, "turns", 1.0, 1.0),
        (_TWICE, "distance", None, 0.5),
        (_NEAR, "distance", None, 1 / USUAL), (_FAR, "distance", None, USUAL),
    )
)  # fmt: skip
"""What is said, which argument it is about, and what that is set to or multiplied by."""


def look(text: str, table: Table, registry: Registry, recipe: Recipe | None) -> Proposal | None:
    """Return a plan with a knob for how its picture is looked at, or None where the text says
    nothing of that, something else as well that the plan has no place for, or the plan's own
    knobs hold it already."""
    if "?" in text or "？" in text:
        return None
    asked, rest = _asked(text)
    step = _drawn(table.plan, asked, registry)
    if step is None:
        return None
    plan, operations = table.plan, []
    for argument, (value, factor) in asked.items():
        there = _own(plan, argument)
        knob = there or _parameter(step, argument, table, registry)
        if knob is None:
            return None
        if factor is None:
            operations.append(Operation(knob.name, "set", _within(knob, value)))
        else:
            operations.append(Operation(knob.name, "multiply", factor))
        if there is None:
            arguments = {**step.arguments, argument: f"${knob.name}"}
            step = step.model_copy(update={"arguments": arguments})
            plan = _with(plan, step, knob)
    before = {**plan.defaults, **table.values}
    accounted = True
    if _meant(rest):
        reading = revise.read(rest, table.plan, table.values)
        strange = revise.foreign(reading, table.plan, recipe)
        if not reading.plain or strange or reading.guessed:
            return None
        operations += reading.operations
        accounted = False
    values, notes = apply(operations, plan, before)
    if values == before:
        return None
    kept = tuple(a for a in plan.assumptions if not revise.is_note(a))
    if float(values.get("distance", 1)) < float(before.get("distance", 1)):
        # Who looks closer wants to see less of it.
        whole = tuple(check for check in plan.checks if "in_view" not in check.expect)
        plan = plan.model_copy(update={"checks": whole})
    plan = plan.model_copy(update={"assumptions": (*kept, *notes)})
    if plan.digest != table.plan.digest:
        plan = registry.pin(plan.model_copy(update={"id": new_id(), "parent": table.plan.id}))
    return Proposal(plan=plan, values=values, accounted=accounted and not notes)


def _asked(text: str) -> tuple[dict[str, tuple[str | float, float | None]], str]:
    """Return argument → what it is set to, or None's place and its factor; and the other words."""
    asked: dict[str, tuple[str | float, float | None]] = {}
    rest = text
    for form, argument, value, factor in _MOVES:
        if argument in asked or (match := form.search(rest)) is None:
            continue
        start, end = match.span()
        if value is not None:
            slowly = argument == "turns" and value and _SLOW.search(rest)
            asked[argument] = (value / 2 if slowly else value, None)
        else:
            size = degree(rest, start, end)
            plain = factor in (USUAL, 1 / USUAL)
            asked[argument] = (0.0, (size if factor > 1 else 1 / size) if plain else factor)
        rest = rest[:start] + " " * (end - start) + rest[end:]
    if (ground := _GROUND.search(rest)) is not None:
        inks = sorted(read_colours(rest), key=lambda m: abs(m.start - ground.start()))
        if inks:
            asked["background"] = (str(inks[0].value), None)
            for start, end in (ground.span(), (inks[0].start, inks[0].end)):
                rest = rest[:start] + " " * (end - start) + rest[end:]
            rest = _AROUND.sub(" ", rest)
    if asked:
        for form in (_SEEN, _IT, _SLOW):
            rest = form.sub(" ", rest)
    return asked, rest


def _meant(rest: str) -> bool:
    """Whether words are left that say something."""
    return re.search(r"[^\W_]", _ASIDE.sub(" ", rest)) is not None or bool(amounts(rest))


def _drawn(plan: Plan, asked: Mapping[str, object], registry: Registry) -> Step | None:
    """Return the one kernel step whose kernel has all these arguments, none of them a knob yet."""
    kernels = [step for step in plan.steps if step.language == "kernel"]
    if not asked or len(kernels) != 1:
        return None
    fields = _fields(kernels[0], registry)
    for argument in asked:
        given = kernels[0].arguments.get(argument)
        if argument not in fields or isinstance(given, dict | list):
            return None
        if (knob := _own(plan, argument)) is not None:
            if given != f"${knob.name}":
                return None
        elif isinstance(given, str) and (argument != "background" or given.startswith("$")):
            return None  # the recipe has a knob for it, or a formula
        elif any(p.name == argument for p in plan.parameters):
            return None
    return kernels[0]


def _parameter(step: Step, argument: str, table: Table, registry: Registry) -> Parameter | None:
    """Return a knob for an argument, which begins at what the kernel does without it."""
    knob, kernel = _KNOBS[argument], registry.kernel(step.code)
    field = _fields(step, registry)[argument]
    now: Json = step.arguments.get(argument, field.default)
    if now is None and argument != "background":
        try:
            view = kernel.build(step.resolved_arguments(table.values)).view
        except IntentOSError:
            return None  # such as an array that a step before it makes
        now = math.degrees(view.pitch) if argument == "pitch" else getattr(view, argument, None)
    if not isinstance(now, int | float | str) or now == "":
        return None
    if argument == "background":
        return Parameter(
            name=argument, label=knob.label, kind="colour", default=now, aliases=knob.aliases
        )
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if low is None or high is None:
        return None
    return Parameter(
        name=argument, label=knob.label, default=round(float(now), 3), minimum=float(low),
        maximum=float(high), unit=knob.unit, aliases=knob.aliases,
    )  # fmt: skip


def _own(plan: Plan, argument: str) -> Parameter | None:
    """Return the knob that an earlier follow-up has made."""
    label = _KNOBS[argument].label
    return next((p for p in plan.parameters if p.name == argument and p.label == label), None)


def _fields(step: Step, registry: Registry) -> Mapping[str, FieldInfo]:
    """Return the arguments that a kernel tells of itself; one of a plugin may tell none."""
    arguments = getattr(registry.kernel(step.code), "arguments", None)
    if isinstance(arguments, type) and issubclass(arguments, BaseModel):
        return arguments.model_fields
    return {}


def _within(knob: Parameter, value: str | float) -> str | float:
    if isinstance(value, str) or knob.minimum is None or knob.maximum is None:
        return value
    return min(max(value, knob.minimum), knob.maximum)


def _with(plan: Plan, step: Step, knob: Parameter) -> Plan:
    steps = tuple(step if s.id == step.id else s for s in plan.steps)
    return plan.model_copy(update={"steps": steps, "parameters": (*plan.parameters, knob)})
