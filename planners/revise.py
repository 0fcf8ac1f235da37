"""Revise: a follow-up changes values of the plan that is on the table.

What can be read from the text by rule (:mod:`.reading`) needs no model; for the rest it emits
operations (parameter, action, value) and code does the arithmetic. An explicit value outside the
range is an error that names the range; a relative one stops at the edge of the range and says so.
A text that changes nothing is an error: the old values never run again as if they were new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, create_model, model_validator

from intentos.errors import PlanningError
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.protocols import Proposal, Table
from intentos.types import Value

from . import numbers, recall
from .amounts import amounts
from .asked import reopened
from .concepts import VERBS, relatives
from .finding import Reading
from .formulas import written
from .generate import not_used
from .library import Recipe
from .model import Model, Prompt
from .naming import spots
from .operation import Action, Operation, apply, is_loss, is_note
from .reading import read
from .recall import quoted
from .recall import system as choosing
from .search import terms, without_formulas, without_values

__all__ = ["Operation", "Reading", "apply", "is_note", "read"]

_REFERS = re.compile(
    r"\b(?:make|change|turn|set|now|instead|again|increase|decrease|reduce|double|halve|twice"
    r"|half|times|more|fewer|less"
    r"|without|remove|hide|off|reset|faster|slower|bigger|smaller|hotter|colder|warmer|cooler"
    r"|stop)\b|\b(?:it|them|this|they|ones)\b"
    r"|不要|去掉|关掉|关闭|改|换|变|调|设为|设成|提高|降低|增加|减少|现在|再|更|加快|减慢|加倍"
    r"|翻倍|减半|恢复|重置|把它|让它|一点|一些|两倍|一半",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:what if|what about|how about|instead|the same|same (?:on|with|but|thing|again)|still"
    r"|but|only|just|without|stop|no|fewer|less"
    r"|double|halve|triple|twice|half|increase|decrease|reduce|raise|lower|reset)\b|^\s*(?:and"
    r"|but|now|then|also|no|or)\b"
    r"|要是|如果|假如|假设|换成|换|改成|改为|改|变成|调成|调到|设成|设为|加到|减到|降到|提高到"
    r"|提到|升到|降|呢[?？。]?\s*$|^那|加倍|翻倍|翻番|翻一番|减半|一半"
    r"|不要|去掉|别|停|再[加减多少来放]|再.{0,4}[一点些]",
    re.IGNORECASE,
)
"""What speaks of something that lies there already, and not of something new."""
_FRAGMENT = re.compile(
    r"^\s*(?:at|with|for|over|from|after|as|until|by|on|in)\b(?!.*[?？])", re.IGNORECASE
)
_FEW = 6
_AGAIN = re.compile(
    r"\s*(?:please\s+)?(?:(?:run|do|show|play|try)\s+(?:it|that|this)?\s*(?:once more"
    r"|(?:once )?again|one more time)|again|once more|repeat(?: it| that)?)"
    r"(?:\s+please)?\s*[.!]*\s*|\s*(?:请)?(?:再|重)(?:新)?(?:来|跑|算|放|做|看|演示|播放|画"
    r"|运行|执行)?一?[次遍下]+(?:看看)?\s*[。！!]*\s*",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"改成|改为|改到|换成|换做|变成|变为|设成|设为|设置为?|调成|调到|调整|增加|减少|增大|减小"
    r"|加大|提高|提升|降低|升高|延长|缩短|加长|加快|减慢|加倍|翻倍|翻番|减半|恢复"
    r"|要是|如果|假如|假设|现在|这次|这回|试试看?|试一?下|一点儿?|点儿|一些|有些|其他的?不变"
    r"|其它的?不变|别的不变|不变|同样|一样|同一个|麻烦|一共|总共|改动"
    r"|告诉|知道|原来的?|刚才的?|之前的?|左右|大约|大概|而已|起来|下来|上去|下去|出来|为止|直接"
    r"|全部|都要|看起来|样子|变得|显得|情况下?|的话|只有|只剩|只要|只用|就行|就好|试着"
    r"|[几改换变调设加减升降提增更最太点些来让把将使它他她这那其个只颗条辆座棵盏栋位名人家次倍半成到至为是在有没不别要能会可得地的了着过吗呢吧啊呀哦嘛啦哈和与及跟]"
    r"|[同给对用以再又也都还就才但而且只多少大小高低长短快慢一二两三四五六七八九十百千万零每您你我们请将么样些上下里外中数时天线面性声放播转落走跑飞看说算玩烧怎候]"
)
_TALK_EN = frozenset(
    "make change turn set now instead again try keep same only just still put go run do want "
    "would need "
    "bit little slight slightly lot far too enough possible thing version please increase "
    "decrease reduc raise "
    "lower add remov take away drop doubl halve tripl half twice time switch hav start give us "
    "tell me my no not "
    "without off on bring come get stop let between one ones them they all each every other "
    "more less fewer back "
    "down up by per total extra additional another maximum minimum max min least most well ok "
    "okay hey thank "
    "whole first around about exactly nearly almost everything else anything different same "
    "pick die kick "
    "percent degre value number amount result answer run case situation scene picture becom "
    "happen suppos imagin assum "
    "able work fine good better nice wa wer straight completely entirely total sam but pleas "
    "were been being doesn don isn aren ll re ve".split()
)
"""Words by which a change is asked for: they say nothing of what it is about."""


_WORKED = re.compile(r"[\^*/()²³√]|[A-Za-z]\s*[-+]|[-+]\s*\d*[A-Za-z]")
"""What a formula holds and a name with its value does not."""
_SMALL = frozenset("after later over within only just same sam but pleas instead".split())


def refers(text: str) -> bool:
    """Whether the text speaks of something that is already there."""
    return _REFERS.search(text) is not None or _CHANGES.search(text) is not None or changes(text)


def changes(text: str) -> bool:
    """Whether the text plainly asks for something that is there to be otherwise."""
    return (
        _CHANGES.search(text) is not None
        or bool(amounts(text))
        or bool(relatives(text))
        or any(form.search(text) for form, _, _ in VERBS)
    )


_INTO = re.compile(
    r"^\W*(?:(?:and|now|then|but|please|could you|can you)\s+)*(?:turn|change|make|transform)\s+"
    r"(?:it|this|that|them|everything|the whole thing|the \w+)\s+into\s+(?P<en>\w.*?)[\s.!]*$"
    r"|^\W*(?:现在|然后|再|请)?(?:[把将][它这那]个?|[把将](?P<old>[\u3400-\u9fff]{1,4}))?"
    r"(?:变|换|改)成(?P<zh>[\u3400-\u9fff]{2,12}?)[吧呢了]?[\s。！!]*$",
    re.IGNORECASE,
)


def into(text: str) -> str | None:
    """Return what the thing that lies there shall become as a whole: "turn it into a volcano"."""
    match = _INTO.match(text)
    return (match["en"] or match["zh"]) if match is not None else None


def fragment(text: str) -> bool:
    """Whether the text is no wish of its own, but a piece that is to be put in: "at 5 %"."""
    return _FRAGMENT.search(text) is not None and len(text.split()) <= _FEW


def recent(table: Table) -> tuple[str, ...]:
    """Return the parameters by which what lies there differs from what lay there before."""
    earlier = table.earlier
    if earlier is None or earlier.plan.recipe != table.plan.recipe:
        return ()
    return tuple(k for k, v in table.values.items() if earlier.values.get(k, v) != v)


def read_of(text: str, table: Table) -> Reading:
    """Return what rules read of the text as a change of what lies there."""
    return read(text, table.plan, table.values, recent(table))


def about(text: str, table: Table) -> bool:
    """Whether rules read a change of what lies there, be it to what is so already."""
    return bool(read_of(text, table).operations)


def again(text: str) -> bool:
    """Whether the text asks for nothing but the same once more."""
    return _AGAIN.fullmatch(text) is not None


_ASKS = re.compile(
    r"\b(?:tell|show|give) me\b|\bwhat(?:'s| is| was| are)\b|\bhow (?:far|long|much|many|fast"
    r"|high|big|deep|often|old|hot|heavy)\b|\?"
    r"|告诉我|是多少|多少|多[大高长快久远重深]|几[个次秒天年]|[？?]|吗",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"告诉我|是多少|多少|多[大高长快久远重深]|几[个次秒天年]|各是?|分别|究竟|到底|结果|[吗呢？?的]"
)
_ASKING_EN = frozenset(
    "what how far long much many tell show give me is was the and final now then".split()
)


def asks(text: str, table: Table) -> bool:
    """Whether the text only asks for a number that the run on the table has reported."""
    if not table.quantities or _ASKS.search(text) is None or numbers.read(text):
        return False
    words = [
        t for t in terms(_TALK.sub(" ", _ASKING.sub(" ", text)))
        if t not in _TALK_EN and t not in _ASKING_EN
    ]  # fmt: skip
    told = [name.replace("_", " ") for name in table.quantities]
    told += [table.answer, table.plan.answer.en.replace("_", " "), table.plan.answer.zh]
    known = {t for part in told for t in terms(part)}
    return bool(words) and all(word in known for word in words)


def foreign(
    reading: Reading, plan: Plan, recipe: Recipe | None, *, strictly: bool = False
) -> list[str]:
    """Return the terms of a follow-up that neither it nor the plan on the table has a use for;
    ``strictly``: also those by which a change is asked for, but for the smallest."""
    takes = any(p.kind in ("expression", "text") for p in plan.parameters)
    formulas = [] if takes else [i.text for i in written(reading.rest) if _WORKED.search(i.text)]
    if formulas:
        return formulas  # whatever it is about, it is no plan that has a place for them
    rest = without_values(without_formulas(reading.rest))
    for spot in spots(rest, plan.parameters):
        rest = rest[: spot.start] + " " * (spot.end - spot.start) + rest[spot.end :]
    rest = _TALK.sub(" ", rest)
    strange = recall.strange(rest, recipe) if recipe is not None else _strange_to(rest, plan)
    names = {w for p in plan.parameters for a in (p.name, *p.aliases) for w in a.lower().split()}
    names = {name for name in names if len(name) > 3}
    return [
        t for t in strange
        if t not in (_SMALL if strictly else _TALK_EN) and not t.isdigit()
        # Stems of one word may differ: "bias" and "biased".
        and not any(name.startswith(t) or t.startswith(name) for name in names if len(t) > 3)
    ]  # fmt: skip


def explained(words: Sequence[str], recipe: Recipe) -> bool:
    """Return whether a recipe knows any of the words that the plan on the table does not."""
    return any(not recall.strange(word, recipe) for word in words)


def _strange_to(text: str, plan: Plan) -> list[str]:
    known: set[str] = set()
    texts = [plan.title.en, plan.title.zh, plan.interpretation.en, plan.interpretation.zh]
    for p in plan.parameters:
        texts += [p.name.replace("_", " "), p.label.en, p.label.zh, *p.aliases, *p.choices]
        texts += [word for group in p.choice_aliases.values() for word in group]
    for words in texts:
        known |= set(terms(words))
    return [t for t in terms(text) if t not in known]


async def follows(text: str, table: Table, model: Model) -> tuple[bool, int]:
    """Return whether the model takes the text for a change of what is on the table; tokens."""
    lines = [
        f"On the table: {table.plan.title.en or table.plan.title.zh}",
        f"The person now says: {' '.join(text.split())[:600]}",
        "change: they want something about it to be different",
        "new: they want something else, which has nothing to do with it",
    ]
    prompt = Prompt(system=choosing(), user="\n".join(lines), prefill='{"meant": "')
    answer = await model.choose(prompt, ["change", "new"])
    return answer.name == "change", answer.tokens


async def revise(
    text: str, table: Table, model: Model | None, recipe: Recipe | None = None
) -> Proposal:
    """Return the same plan with other values; ``recipe``: the one that the plan is of.

    Raises:
        PlanningError: it is not clear what to change, or nothing would.
        ValueOutOfRange: an explicit value is outside its parameter's range.
        ModelUnavailable: the model cannot be used.
    """
    plan = table.plan
    reading = read_of(text, table)
    operations = list(reading.operations)
    tokens = 0
    if model is not None and plan.parameters and not reading.plain:
        asked, tokens = await ask(text, table, operations, model)
        taken = {operation.parameter for operation in operations}
        operations += [o for o in asked if o.parameter not in taken]
    values, notes = apply(operations, plan, table.values)
    values = reopened(text, table, values)
    if values == dict(table.values):
        raise nothing_to_change(plan)
    used_numbers = [o.value for o in operations]
    notes += [not_used(m.text) for m in reading.unused if m.value not in used_numbers]
    lost = any(map(is_loss, notes)) or reading.guessed or bool(reading.unclear)
    lost = lost or bool(foreign(reading, plan, recipe))
    lost = lost or any(o.named_only for o in operations)  # how much was nobody's word
    # Assumptions are words, not acts: the digest stays, and so does an approval.
    kept = tuple(a for a in plan.assumptions if not is_note(a))
    if (*kept, *notes) != plan.assumptions:
        plan = plan.model_copy(update={"assumptions": (*kept, *notes)})
    return Proposal(plan=plan, values=values, tokens=tokens, accounted=not lost)


async def ask(
    text: str, table: Table, known: Sequence[Operation], model: Model
) -> tuple[list[Operation], int]:
    """Return the operations that the model reads from the text, and the tokens it took."""
    lines = [f"Program: {table.plan.title.en or table.plan.title.zh}", "Parameters:"]
    for p in table.plan.parameters:
        now = json.dumps(table.values.get(p.name, p.default), ensure_ascii=False)
        choices = f", one of {', '.join(p.choices)}" if p.choices else ""
        unit = f" {p.unit}" if p.unit else ""
        label = " / ".join(part for part in (p.label.en, p.label.zh) if part)
        lines.append(f"- {p.name} ({label}): {p.kind}, now {now}{unit}{choices}")
    lines.append(f"Wish: {' '.join(text.split())[:600]}")
    prompt = Prompt(system=system(), user="\n".join(lines))
    parameters = table.plan.parameters
    done = await model.typed(prompt, _operations(parameters), grammar=grammar(parameters))
    found = done.value.operations if done.value else []  # none: it ran into its limit
    operations = [Operation(o.parameter, o.action, o.value) for o in found]
    taken = {operation.parameter for operation in known}
    return [o for o in operations if o.parameter not in taken and _possible(o, table)], done.tokens


class _Asked(BaseModel):
    """One operation as a model writes it."""

    parameter: str
    action: Action
    value: Value | None = None

    @model_validator(mode="after")
    def _complete(self) -> _Asked:
        if self.value is None and self.action in ("set", "multiply", "add"):
            raise ValueError(f"{self.action} needs a value")
        return self


class _Operations(BaseModel):
    operations: list[_Asked]


def _operations(parameters: Sequence[Parameter]) -> type[_Operations]:
    """Return the type of {"operations": [...]} over these parameters."""
    names: Any = Literal[tuple(parameter.name for parameter in parameters)]
    asked: Any = create_model("Operation", __base__=_Asked, parameter=(names, ...))
    return create_model("Operations", __base__=_Operations, operations=(list[asked], ...))


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/revise.md").read_text("utf-8")


def grammar(parameters: Sequence[Parameter]) -> str:
    """Return the GBNF of {"operations": [...]} over these parameters, each by its kind."""
    rules = [
        'root ::= "{\\"operations\\": [" (operation (", " operation){0,4})? "]}"',
        'number ::= "-"? [0-9]{1,12} ("." [0-9]{1,6})?',
        'colour ::= "\\"#" [0-9a-f]{6} "\\""',
        'text ::= "\\"" [^"\\\\\\n]{0,80} "\\""',
    ]
    forms = []
    for i, parameter in enumerate(parameters):
        name = quoted(parameter.name)
        head = f'"{{\\"parameter\\": {name}, \\"action\\": '
        match parameter.kind:
            case "number" | "integer":
                body = (
                    f'{head}\\"" ("set" | "multiply" | "add") "\\", \\"value\\": " number "}}" '
                    f'| {head}\\"default\\"}}"'
                )
            case "boolean":
                body = (
                    f'{head}\\"set\\", \\"value\\": " ("true" | "false") "}}" '
                    f'| {head}\\"toggle\\"}}"'
                )
            case "choice":
                values = " | ".join(f'"{quoted(choice)}"' for choice in parameter.choices)
                body = f'{head}\\"set\\", \\"value\\": " ({values}) "}}"'
            case "colour":
                body = f'{head}\\"set\\", \\"value\\": " colour "}}"'
            case "text" | "expression":
                body = f'{head}\\"set\\", \\"value\\": " text "}}"'
        forms.append(f"p{i}")
        rules.append(f"p{i} ::= {body}")
    rules.append("operation ::= " + " | ".join(forms))
    return "\n".join(rules)


def _possible(operation: Operation, table: Table) -> bool:
    """Whether a model's operation can be done at all; what it makes up is left out."""
    try:
        apply([operation], table.plan, table.values)
    except (PlanningError, ValueError, ArithmeticError):
        return False
    return True


def nothing_to_change(plan: Plan) -> PlanningError:
    """Return the error that names what could be changed."""
    known = ", ".join(p.name for p in plan.parameters) or "—"
    first = plan.parameters[0] if plan.parameters else None
    example = f"{first.name} = {first.default}" if first else ""
    return PlanningError("planning.nothing_to_change", known=known, example=example)
