"""Recall: a short list by search, a choice by the model, values by code first.

Where search is sure, or likely to be right and the model small, no model is asked. Else the model
scores the names of the candidates and of what else it may be, in one forward pass: whether one of
them is meant is told by their odds together, and which one by its own and the search score.
Without a model, search alone decides, by score and by margin.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from intentos.parameters import Parameter
from intentos.plan import Assumption, Plan
from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.types import Value

from . import accounting, asked, filling, numbers
from .asked import link_asked
from .chance_terms import draws
from .formulas import written
from .generate import not_used
from .library import Recipe
from .linking import Links, occurrences
from .model import Model, Prompt
from .scenery import scenery
from .search import Hit, terms, without_formulas, without_values
from .words import mathematics

NONE = "none"
SHORT_LIST = 6
LONG_LIST = 24
"""Candidates that a large model is shown."""
SURE = 0.85
"""Score at which search alone decides: the wish is nearly a recipe's own phrasing."""
SURE_MARGIN = 0.12
"""How far the next recipe must be behind it."""
ENOUGH = 0.36
"""Score from which a text that speaks of what lies there may be a wish of its own."""
LIKELY = 0.4
"""Chance from which search is taken at its word where no large model can be asked."""
TOGETHER, SHARED, CLOSE = 0.75, 0.25, 0.6
"""Chance of all candidates together from which one of them is meant though none is likely by
itself: like ones share it. The best must have so much of it, and what has no less than this share
of the best is as good as it: of those, one that has a knob for every number goes before."""
CERTAIN = 0.75
"""Chance from which not even a large model is asked."""
PLAIN = 0.9
"""Chance from which a recipe is surely the one that is meant, so that its answer may be verified:
of 206 wishes found so none was another's, of 54 found below it four."""
LIKE = 0.7
"""Score below which a wish is like none of a recipe's phrasings: then each of its words must be one
of what the recipe is of, and not stand in this phrasing and in that."""
HOPELESS = 0.1
"""Chance below which none is asked either: it could not lift it."""
OPINION = 0.3
"""What a small model's log-probability of a candidate counts against that of search, where
candidates are compared: alone it chooses far worse than search does."""
_MEANT = (-1.0, 0.3, 1.0)
"""Logistic regression of "the chosen one is meant" on a small model's odds that any of the
candidates is, and on the odds of search; see docs/design/planning.md."""
_DOUBT = 0.001
"""No chance counts as less, nor as more than 1 less this."""
ELSE = {
    "calculation": "another calculation, an equation, a conversion, a plot of a formula or of data",
    "question": "what only a person, the news, a dictionary or the internet knows",
    NONE: "none of these",
}
"""What else may be meant: without such names of their own the model takes a poor candidate."""


@dataclass
class Choice:
    """Which recipe is meant, if any, and what it cost to find out."""

    recipe: Recipe | None
    tokens: int = 0
    odds: float = 0.0
    """Log-odds that one of the candidates is meant."""


def decisive(hits: Sequence[Hit]) -> Recipe | None:
    """Return the recipe that search alone is sure of: nearly its own words, or far ahead."""
    if hits and hits[0].chance >= CERTAIN:
        return hits[0].recipe
    return verbatim(hits)


def verbatim(hits: Sequence[Hit]) -> Recipe | None:
    """Return the recipe whose own words the text nearly is."""
    best = sorted(hits, key=lambda hit: -hit.score)[:2]
    if not best or best[0].score < SURE or best[0].chance < HOPELESS:
        return None
    close = len(best) > 1 and best[0].score - best[1].score < SURE_MARGIN
    return None if close else best[0].recipe


def without_model(hits: Sequence[Hit]) -> Recipe | None:
    """Return the recipe that search takes where no model can be asked."""
    if not hits or hits[0].chance < SHARED:
        return None
    close = [hit for hit in hits if hit.chance >= CLOSE * hits[0].chance]
    best = next((hit for hit in close if hit.whole), hits[0])
    if hits[0].chance >= LIKELY:
        return best.recipe
    return best.recipe if sum(hit.chance for hit in hits) >= TOGETHER and best.whole else None


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/choose.md").read_text("utf-8")


async def choose(text: str, hits: Sequence[Hit], model: Model, language: str) -> Choice:
    """Return what the model takes from the short list; raises ModelUnavailable."""
    shown = hits[: LONG_LIST if model.profile.large else SHORT_LIST]
    if not shown:
        return Choice(None)
    lines = [f"Wish: {' '.join(text.split())[:600]}", "", "Programs:"]
    for recipe in (hit.recipe for hit in shown):
        title, description = recipe.title.text(language), recipe.description.text(language)
        lines.append(f"{recipe.id}: {title}. {description[:160]}")
    lines += [f"{name}: {meaning}" for name, meaning in ELSE.items()]
    prompt = Prompt(system=system(), user="\n".join(lines), prefill='{"program": "')
    names = [*(hit.recipe.id for hit in shown), *ELSE]
    answer = await model.choose(prompt, names)
    score = answer.odds
    odds = _either(*(score[name] for name in names[: len(shown)])) - _either(
        *(score[name] for name in ELSE)
    )
    opinion = 1.0 if model.profile.large else OPINION
    best = max(
        shown, key=lambda hit: opinion * score[hit.recipe.id] + math.log(hit.chance + _DOUBT)
    ).recipe
    if not model.profile.large:
        bias, by_model, by_search = _MEANT
        chance = min(max(sum(hit.chance for hit in shown), _DOUBT), 1 - _DOUBT)
        searched = math.log(chance / (1 - chance))
        odds = bias + by_model * odds + by_search * searched
    return Choice(best if odds > 0 else None, answer.tokens, odds)


def _either(*scores: float) -> float:
    """Return the log-probability of one or another."""
    return math.log(sum(map(math.exp, scores)))


async def fill(text: str, recipe: Recipe, registry: Registry, model: Model | None) -> Proposal:
    """Return the recipe's plan with the values that the text gives.

    Raises:
        ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
        ModelUnavailable: the model cannot be used.
    """
    plan = recipe.plan(registry)
    phrasings = (*recipe.phrasings.en, *recipe.phrasings.zh)
    title = f"{recipe.title.en}\n{recipe.title.zh}"
    links = link_asked(
        text,
        plan.parameters,
        context=_context(recipe),
        title=title,
        phrasings=phrasings,
        constants=recipe.constants,
    )
    _factors(text, plan.parameters, links)
    rest = scenery(text, plan.parameters, links, title=title)
    tokens = 0
    guessed: tuple[Assumption, ...] = ()
    if model is not None and model.profile.large and plan.parameters:
        guessed, tokens = await filling.fill(text, plan, links, model)
    elif model is not None:
        tokens += await _ask_choices(text, plan, links, model)
    dropped = tuple(not_used(m.text) for m in links.unused)
    unsaid = asked.unsaid(plan.parameters, links.values, recipe.constants)
    assumptions = (*plan.assumptions, *unsaid, *guessed, *dropped)
    plan = plan.model_copy(update={"assumptions": assumptions})
    presumed = asked.presumed(text, plan.parameters, links.values, recipe.constants)
    accounted = not (dropped or unsaid or presumed or guessed)
    accounted = accounted and not strange(rest, recipe, links.values)
    accounted = accounted and not accounting.left_out(
        text,
        plan.parameters,
        links,
        context=_context(recipe),
        phrasings=phrasings,
    )
    return Proposal(plan=plan, values=links.values, tokens=tokens, accounted=accounted)


_WAYS = re.compile(
    r"\bhow many (?:\w+ )?(?:ways|manners|arrangements|combinations|paths|routes|orders)\b"
    r"|[几多]少?种不?同?的?(?:方法|办法|方式|走法|排法|拼法|铺法|选法|放法|分法|坐法|站法|组合|换法|路线|填法)",
    re.IGNORECASE,
)
_COUNTS_WAYS = re.compile(
    r"\b(?:ways?|manners|arrange\w*|orders?|combinations?|paths?|routes?|permutations?|choose|seat\w*)\b"
    r"|种|排列|组合|走法|方法|路线|选法"
)


_RANGE = (
    r"\b(?:below|under|up to|between|less than|smaller than|from \d[\d,]* (?:to|and)"
    r"|(?:one|two|three|four|five|\d)[- ]digit)\b"
    r"|以内|以下|之内|之间|小于|不超过|不大于|\d\s*[到至~-]\s*\d|[一两二三四五六]位数"
)
_NUMBERS = r"\b(?:numbers?|integers?|primes?|multiples|squares|cubes|palindromes?)\b|数"
_WHICH = (
    r"\bhow many\b|\bcount\b|\blist\b|\bwhich\b|\bfind all\b|\ball the\b|\bwhat are\b"
    r"|[几多]少?个|哪些|哪几个|列出|找出|所有|全部"
)
_MEMBERS = re.compile(
    rf"\A(?=.*(?:{_RANGE}))(?=.*(?:{_NUMBERS}))(?=.*(?:{_WHICH}))", re.IGNORECASE | re.DOTALL
)
"""Asks which numbers of a range have a property."""
_TELLS_MEMBERS = re.compile(
    rf"^(?=.*(?:{_RANGE}))(?=.*(?:{_NUMBERS}))(?=.*(?:{_WHICH}))", re.IGNORECASE | re.MULTILINE
)
_ALSO = re.compile(
    r"\b(?:digits?|ends? (?:in|with)|ending|last figure|contain\w*|backwards"
    r"|start(?:s|ing)? with)\b"
    r"|个位|十位|百位|末[位尾]|结尾|数字之和|数字和|含有?|带有|倒过来|倒着|开头",
    re.IGNORECASE,
)
"""Speaks of a number's digits."""


def asked_of(text: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without those that cannot tell the kind of thing that is asked: how many
    ways there are is told by no recipe that speaks of none, and which numbers of a range have a
    property by none that speaks of no range, or of no digits where the property is about those."""
    found = list(hits)
    if _WAYS.search(text):
        found = [hit for hit in found if _COUNTS_WAYS.search(_context(hit.recipe).lower())]
    if _MEMBERS.search(text):
        found = [hit for hit in found if _TELLS_MEMBERS.search(_context(hit.recipe))]
        if (said := _ALSO.search(text)) is not None:
            found = [hit for hit in found if said.group().lower() in _context(hit.recipe).lower()]
    return found


def sampled(text: str, hits: Sequence[Hit], recipes: Sequence[Recipe]) -> list[Hit]:
    """Return the hits with the recipe for formulas of random numbers first, where a formula draws
    some itself and nothing is likely: "y = x + randn() over 1000 samples"."""
    own = next((recipe for recipe in recipes if recipe.id == _SAMPLES), None)
    if own is None or (hits and hits[0].chance >= LIKELY):
        return list(hits)
    if not any(w.kind == "formula" and w.right and draws(w.right) for w in written(text)):
        return list(hits)
    return _first(own, hits)


def _first(own: Recipe, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits behind a recipe that is certain."""
    rest = [hit for hit in hits if hit.recipe is not own]
    return [Hit(own, 0.0, max((hit.weight for hit in hits), default=0.0), CERTAIN), *rest]


_SAMPLES = "formula_samples"


def summarised(text: str, hits: Sequence[Hit], recipes: Sequence[Recipe]) -> list[Hit]:
    """Return the hits with the recipe for statistics of given numbers first, where one list is
    given, one of those is asked for by name, and nothing is likely: whatever was counted."""
    own = next((recipe for recipe in recipes if recipe.id == _SUMMARY), None)
    if own is None or (hits and hits[0].recipe is not own and hits[0].chance >= LIKELY):
        return list(hits)
    lists = [w for w in mathematics(text) if w.kind == "list"]
    if len(lists) != 1 or "(" in lists[0].text or lists[0].text.count(",") < 2:
        return list(hits)
    if _STATISTIC.search(text) is None or _STATISTIC_OF_TWO.search(text):
        return list(hits)
    return _first(own, hits)


_SUMMARY = "data_summary"
_STATISTIC = re.compile(
    r"\b(?:mean|average|median|mode|standard deviation|variance|quartiles?|interquartile)\b"
    r"|平均(?!速度|功率|温度差)|均值|中位数|众数|标准差|方差|四分位",
    re.IGNORECASE,
)
_STATISTIC_OF_TWO = re.compile(
    r"weight|correlat|regress|\bfit\b|\btest\b|\bsample\b|confidence|加权|相关|回归|拟合|检验|置信|抽样",
    re.IGNORECASE,
)
"""What tells of more than the numbers of one list."""


def strange(text: str, recipe: Recipe, values: Mapping[str, Value] = {}) -> list[str]:
    """Return the terms of the text that the recipe knows nothing of: what it may have missed."""
    known = set(terms(_context(recipe)))
    for parameter in recipe.parameters:
        words = [*parameter.aliases, *parameter.choices, parameter.label.en, parameter.label.zh]
        words += [word for group in parameter.choice_aliases.values() for word in group]
        known |= {t for word in words for t in terms(word.replace("_", " "))}
    known |= {t for value in values.values() for t in terms(str(value))}
    return [t for t in terms(without_values(without_formulas(text))) if t not in known]


def aside(text: str, hit: Hit) -> bool:
    """Whether a wish may be about something else, though each of its words stands in the recipe:
    it is like no single phrasing, and title, description and knobs do not speak of it."""
    if hit.score >= LIKE:
        return False
    recipe = hit.recipe
    told = [recipe.title, recipe.description, *(p.label for p in recipe.parameters)]
    words = [word for words in told for word in (words.en, words.zh)]
    for parameter in recipe.parameters:
        words += [*parameter.aliases, *parameter.choices]
        words += [word for group in parameter.choice_aliases.values() for word in group]
    known = {term for word in words for term in terms(word.replace("_", " "))}
    said = terms(without_values(without_formulas(text)))
    return any(term not in known for term in said)


def _context(recipe: Recipe) -> str:
    texts = [recipe.title, recipe.description]
    return "\n".join(
        [*(t.en for t in texts), *(t.zh for t in texts), *recipe.phrasings.en, *recipe.phrasings.zh]
    )


_OF = re.compile(r"\s+of\b|\s*的")
_AIMED = re.compile(
    r"(?:(?<=more)|(?<=less)|(?<=fewer)|(?<=twice)|(?<=times)|(?<=half))\s+(?:as\s+)?"
    r"(?:(?:many|much)\s+)?(?:the\s+)?"
    r"(?P<what>(?!(?:and|in|on|at|for|than|as|to|by|of|is|are|with|then|when|it|more|less)\b)[a-z]+)",
    re.IGNORECASE,
)
"""The word that a factor is said of: the infectious of "30% more infectious"."""


def _factors(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Apply "twice as …" to the default of the one parameter whose word stands beside it."""
    plain = numbers.normal(text)
    taken = {m.start for m in links.taken.values()}
    for mention in (m for m in numbers.read(links.plain) if m.kind == "factor"):
        if any(mention.start <= start < mention.end for start in taken):
            continue  # "a quarter of its carbon" is a value and multiplies none
        if accounting.is_a_name(plain, mention, parameters, links):
            continue
        near = []
        match = _AIMED.match(plain, mention.end)
        aimed = match.start("what") if match else None
        for parameter in parameters:
            if parameter.kind not in ("number", "integer") or parameter.name in links.values:
                continue
            if parameter.kind == "integer" and mention.share and _OF.match(plain, mention.end):
                continue  # half of the coins are no half as many
            gaps = [
                max(start - mention.end, mention.start - end)
                for start, end in occurrences(plain, parameter)
                if aimed is None or start == aimed
            ]
            if gaps and min(gaps) < 12:
                near.append((min(gaps), parameter))
        if near:
            parameter = min(near, key=lambda pair: pair[0])[1]
            links.values[parameter.name] = scaled(parameter, parameter.default, mention.number)


def scaled(parameter: Parameter, value: Value, factor: float) -> Value:
    """Return ``value * factor``, whole where it must be, and inside the range."""
    number = float(value) * factor
    if parameter.minimum is not None:
        number = max(number, parameter.minimum)
    if parameter.maximum is not None:
        number = min(number, parameter.maximum)
    if parameter.kind == "integer":
        return parameter.accept(round(number))
    return parameter.accept(float(f"{number:.12g}"))


async def _ask_choices(text: str, plan: Plan, links: Links, model: Model) -> int:
    """Let the model set choices and switches that the text speaks of."""
    open_ones = [
        p for p in plan.parameters if p.kind in ("choice", "boolean") and p.name not in links.values
    ]
    # Words for the choices themselves have been read by now; a small model that is asked about a
    # switch of which nothing was said turns it all the same.
    plain = numbers.normal(text)
    open_ones = [p for p in open_ones if occurrences(plain, p)]
    if not open_ones:
        return 0
    prompt = Prompt(
        system="You set the switches of a program to what a person asks for. Answer with one JSON "
        "object. Keep the default wherever the wish does not say otherwise.",
        user="\n".join(
            [
                f"Program: {plan.title.en} ({plan.title.zh})",
                *(f"{p.name}: {p.label.en} ({p.label.zh}); {_options(p)}" for p in open_ones),
                f"Wish: {' '.join(text.split())[:600]}",
            ]
        ),
    )
    done = await model.typed(prompt, switches(open_ones), grammar=switch_grammar(open_ones))
    for name, value in (done.value.model_dump(by_alias=True) if done.value else {}).items():
        if value != plan.parameter(name).default:
            links.values[name] = plan.parameter(name).accept(value)
            links.unread.append(name)  # the model's word for it, and no one else's
    return done.tokens


def _options(parameter: Parameter) -> str:
    options = ("true", "false") if parameter.kind == "boolean" else parameter.choices
    default = json.dumps(parameter.default, ensure_ascii=False)
    return f"one of {', '.join(options)}; default {default}"


def switches(parameters: Sequence[Parameter]) -> type[BaseModel]:
    """Return the type of one object that holds a legal value for each parameter."""
    # By alias: a parameter may bear the name of something that every model has, such as "copy".
    fields: dict[str, Any] = {
        f"p{i}": (bool if p.kind == "boolean" else Literal[p.choices], Field(alias=p.name))
        for i, p in enumerate(parameters)
    }
    return create_model("Switches", **fields)


def switch_grammar(parameters: Sequence[Parameter]) -> str:
    """Return the GBNF of one JSON object that holds a legal value for each parameter."""
    pairs = [f'"{quoted(p.name)}: " {options(p)}' for p in parameters]
    return 'root ::= "{" ' + ' ", " '.join(pairs) + ' "}"'


def options(parameter: Parameter) -> str:
    """Return the GBNF alternatives of a choice or switch."""
    if parameter.kind == "boolean":
        return '("true" | "false")'
    return "(" + " | ".join(f'"{quoted(choice)}"' for choice in parameter.choices) + ")"


def quoted(text: str) -> str:
    """Return a JSON string as it stands inside a GBNF literal."""
    return re.sub(r'(["\\])', r"\\\1", json.dumps(text, ensure_ascii=False))
