"""Whether a plan has taken up everything that was said: without that no badge says *verified*.

A wrong recipe can pass its own checks. What gives it away are words and numbers of the wish that it
has no use for, so each of them must have ended somewhere, and not by a guess: no number without a
unit or a word that says whose it is, no rate of another time, no "without" that the recipe does not
speak of, no second choice, no adjective that changed nothing, no formula that was not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from intentos.errors import IntentOSError
from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .choices import named_choices
from .concepts import relatives
from .evidence import (
    NEEDED,
    Spans,
    accepted,
    evidence,
    nearness,
    occurrences,
    other_rate,
    value_for,
    words_of,
)
from .linking import Links
from .mention import Mention

_CLOSE = 1e-6
_ROUNDED = 0.02
"""How much rounding may take of a whole number that was multiplied."""
_NOT = re.compile(
    r"\b(?:no|not|without|never|ignor(?:e|es|ing)|neglect(?:s|ing)?|except|excluding|nor)\b"
    r"(?:\s+(?:the|any|an?))?\s+(?P<en>[a-z]+)"
    r"|(?:没有|没|不计|不考虑|忽略|不算|除了|不含|不带|不要|别|并非|不是|无(?![穷限人理数]))(?P<zh>[\u3400-\u9fff]{1,2})",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?:(?:more|less|fewer|greater|larger|smaller|higher|lower|longer|shorter|other|rather)\s+than"
    r"|at\s+(?:least|most)|up\s+to|instead\s+of|as\s+well\s+as)\b"
    r"|至少|最多|不少于|不超过|超过|多于|少于|不到|以上|以下",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:\bhow\s+|\bso\s+|\btoo\s+|多|有多)$", re.IGNORECASE)


def left_out(
    text: str,
    parameters: Sequence[Parameter],
    links: Links,
    *,
    context: str = "",
    phrasings: Sequence[str] = (),
) -> list[str]:
    """Return what was said and changed nothing, or was guessed.

    ``context`` is all that the recipe says of itself, and ``phrasings`` how it is asked for: a
    number that only its unit has placed counts where the recipe is asked for with such a number.
    """
    plain = numbers.normal(text)
    mentions = numbers.read(links.plain)
    spans = words_of(plain, parameters)
    used = {id(m) for m in links.taken.values()}
    found = [m.text for m in links.left if not m.weak] + [m.text for m in links.guessed]
    found += links.unread
    found += [
        m.text
        for m in mentions
        if m.kind == "factor"
        and not _applied(m, parameters, links)
        and not _is_part(m, links)
        and not is_a_name(plain, m, parameters, links)
        and not _of_the_recipe(plain, m, context.lower())
        and not any(m.text in formula for formula in links.unread)
    ]
    for name, mention in links.taken.items():
        parameter = next(p for p in parameters if p.name == name)
        if mention.kind == "number" and mention.end and not _told(links, parameter):
            if other_rate(mention, parameter):
                found.append(mention.text)
            elif _by_unit_alone(plain, mention, parameter, spans, mentions):
                if not any(_usual(phrasing, mention, parameter) for phrasing in phrasings):
                    found.append(mention.text)
    found += _unexplained(plain, parameters, links, spans, mentions, used)
    found += _opposite(plain, parameters, links)
    found += _of_a_part(plain, parameters, links, context)
    found += _every(plain, mentions, context.lower())
    found += _few(plain, mentions, parameters, links, spans)
    applied = [m for m in mentions if m.kind == "factor" and _applied(m, parameters, links)]
    return found + _words(plain, parameters, links, applied, context.lower())


# Numbers ------------------------------------------------------------------------------------------


def _told(links: Links, parameter: Parameter) -> bool:
    return parameter.name in links.told


def _is_part(factor: Mention, links: Links) -> bool:
    """Whether a share or a number of times is itself the value of a parameter."""
    return any(m.start == factor.start and m.end == factor.end for m in links.taken.values())


def is_a_name(text: str, factor: Mention, parameters: Sequence[Parameter], links: Links) -> bool:
    """Whether a factor is the word for a parameter that was given: "doubles every 3 days"."""
    return any(
        start <= factor.start and factor.end <= end
        for p in parameters
        if p.name in links.taken and p.kind in ("number", "integer")
        for start, end in occurrences(text, p)
    )


def _of_the_recipe(text: str, factor: Mention, context: str) -> bool:
    """Whether the recipe says so itself: bacteria that double."""
    behind = re.match(r"\s*[A-Za-z]+|[\u3400-\u9fff]{0,2}", text[factor.end :])
    before = re.search(r"[a-z]+\s*$|[\u3400-\u9fff]{1,2}$", text[: factor.start].lower())
    if re.match(r"doubl|翻|加倍", factor.text.lower()):
        said = factor.text.lower()[:5]
        next_to = f"{re.escape(said)}[a-z]*{re.escape(behind.group().lower() if behind else '')}"
        if before is not None and before.group() + said in context:
            return True
        return bool(behind and behind.group()) and re.search(next_to, context) is not None
    if behind is None or behind.group().strip().lower() in ("", "of", "as", "the", "a", "的"):
        return False
    return (factor.text + behind.group()).lower() in context


def _by_unit_alone(
    text: str, mention: Mention, parameter: Parameter, spans: Spans, mentions: Sequence[Mention]
) -> bool:
    if mention.unit is None or mention.unit.dimension in ("date", "clock"):
        return False
    bare = Mention("number", mention.value, mention.start, mention.end, mention.text)
    near, _ = nearness(text, bare, spans.get(parameter.name, ()), mentions)
    return near < 1.0


def _usual(phrasing: str, mention: Mention, parameter: Parameter) -> bool:
    """Whether the recipe is asked for with such a number."""
    assert mention.unit is not None
    return any(
        m.unit is not None
        and m.unit.dimension == mention.unit.dimension
        and value_for(m, parameter) is not None
        for m in numbers.read(phrasing)
    )


def _unexplained(
    text: str,
    parameters: Sequence[Parameter],
    links: Links,
    spans: Spans,
    mentions: Sequence[Mention],
    used: set[int],
) -> list[str]:
    """Return the numbers in the plan that nothing said bears out: a model put them there."""
    found = []
    exact = [m for m in mentions if m.kind == "number"]
    for parameter in parameters:
        value = links.values.get(parameter.name)
        if parameter.kind not in ("number", "integer") or value is None or _told(links, parameter):
            continue
        given = links.taken.get(parameter.name)
        if given is not None and _same(given, parameter, value):
            continue
        if any(
            _same(m, parameter, value) and evidence(text, m, parameter, spans, exact) >= NEEDED
            for m in exact
        ):
            continue
        if not any(m.kind == "factor" and _applied(m, [parameter], links) for m in mentions):
            found.append(parameter.name)
    return found


def _same(mention: Mention, parameter: Parameter, value: Value) -> bool:
    try:
        said = accepted(mention, parameter)
    except IntentOSError:  # it cannot be this parameter's value
        return False
    return math.isclose(float(said), float(value), rel_tol=_CLOSE)


def _applied(factor: Mention, parameters: Sequence[Parameter], links: Links) -> bool:
    """Whether a factor has changed a parameter by just so much, not clipped and hardly rounded."""
    for p in parameters:
        if p.kind not in ("number", "integer") or p.name not in links.values:
            continue
        wanted = factor.number * float(p.default)
        allowed = _ROUNDED if p.kind == "integer" else _CLOSE
        if wanted and abs(float(links.values[p.name]) / wanted - 1) <= allowed:
            return True
    return False


_OPPOSITES = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (r"\bheads?\b|正面", r"\btails?\b|反面"), (r"\bwins?\b|获胜|赢", r"\bloss(?:es)?\b|输"),
        (r"\bboys?\b|男孩", r"\bgirls?\b|女孩"), (r"\bmales?\b|雄", r"\bfemales?\b|雌"),
        (r"\bright\b|猜中", r"\bwrong\b|猜错"), (r"\bleft\b|左", r"\bright\b|右"),
        (r"\bbuy(?:ing)?\b|买入", r"\bsell(?:ing)?\b|卖出"),
        (r"\bhot(?:ter)?\b|热", r"\bcold(?:er)?\b|冷"),
    )
)  # fmt: skip
_BEHIND = re.compile(r"\s*(?:[A-Za-z]+|[个次回只枚颗名位]?[\u3400-\u9fff]{1,2})")


def _opposite(text: str, parameters: Sequence[Parameter], links: Links) -> list[str]:
    """Return the counts of what is the opposite of what was set: 6 tails are not 6 heads."""
    found = []
    for p in parameters:
        mention = links.taken.get(p.name)
        if mention is None or mention.kind != "number":
            continue
        behind = _BEHIND.match(text, mention.end)
        label = f"{p.label.en} {p.label.zh}"
        for one, other in (pair for a, b in _OPPOSITES for pair in ((a, b), (b, a))):
            opposite = behind is not None and other.search(behind.group())
            if opposite and one.search(label) and not other.search(label):
                found.append(mention.text)
    return found


_CHANCE = re.compile(r"\b(?:chance|odds|probabilit\w+)\b|概率|几率", re.IGNORECASE)
_ALL = re.compile(r"\b(?:all|every|jackpot|top prize)\b|全|都|头奖|头等奖|一等奖|大奖", re.I)


def _of_a_part(text: str, parameters: Sequence[Parameter], links: Links, context: str) -> list[str]:
    """Return the counts whose default is out of reach in a draw that was made smaller: no six of
    five can be right, and how many shall be was not said."""
    if not _CHANCE.search(context) or _ALL.search(text):
        return []
    counts = [p for p in parameters if p.kind == "integer" and not p.unit and not p.live]
    given = [p for p in counts if p.name in links.taken]
    return [
        other.name
        for other in counts
        for p in given
        if other.name not in links.values
        and (other.default, other.maximum) == (p.default, p.maximum)
        and float(links.values[p.name]) < float(other.default)
    ]


_EVERY = re.compile(
    r"\b(?:every|each|once\s+an?|an?)\s+(?:second|minute|hour|day|week|month|year)\b(?!\s+(?:from|ago))"
    r"|每一?(?:秒|分钟|个?小时|天|日|周|星期|个?月|年)",
    re.IGNORECASE,
)


def _every(text: str, mentions: Sequence[Mention], context: str) -> list[str]:
    """Return the "every hour" that no number is counted by, and the recipe does not speak of."""
    found = []
    for match in _EVERY.finditer(text):
        if match.group().lower() in context or any(
            m.start < match.end() and match.start() < m.end for m in mentions
        ):
            continue
        rated = [m for m in mentions if m.per is not None]
        if not any(
            abs(m.start - match.end()) <= _NEXT or abs(match.start() - m.end) <= _NEXT
            for m in rated
        ):
            found.append(match.group())
    return found


_NEXT = 16
"""How far from a number a word for its rate may stand."""


def _few(
    text: str,
    mentions: Sequence[Mention],
    parameters: Sequence[Parameter],
    links: Links,
    spans: Spans,
) -> list[str]:
    """Return "one" and the like where it stands by the word for a count that it did not become."""
    found = []
    for mention in (m for m in mentions if m.weak and m.kind == "number"):
        if any(m.start == mention.start for m in links.taken.values()):
            continue
        for p in parameters:
            if p.kind != "integer" or value_for(mention, p) == links.values.get(p.name, p.default):
                continue
            near, sure = nearness(text, mention, spans.get(p.name, ()), mentions)
            if sure and near >= 3.0 and not mention.text.startswith("一"):
                found.append(mention.text)
                break
    return found


# Words --------------------------------------------------------------------------------------------


def _words(
    text: str,
    parameters: Sequence[Parameter],
    links: Links,
    applied: Sequence[Mention],
    context: str,
) -> list[str]:
    chosen = _chosen_words(text, parameters, links)
    found = []
    for match in _NOT.finditer(text):
        said = match.group().lower()
        if said not in context and not any(said in w or w in said for w in chosen):
            found.append(match.group())
    for match in _COMPARED.finditer(text):
        if match.group().lower() not in context:
            found.append(match.group())
    for parameter in parameters:
        if parameter.kind == "choice":
            found += _second_choices(text, parameter, links)
        elif parameter.kind == "boolean" and parameter.name not in links.values:
            found += [text[a:b] for a, b in occurrences(text, parameter)[:1]]
    return found + _adjectives(text, [*links.taken.values(), *applied], context)


def _chosen_words(text: str, parameters: Sequence[Parameter], links: Links) -> list[str]:
    """Return the words by which choices were made: "no air" may be one."""
    lowered = text.lower()
    words = []
    for parameter in parameters:
        value = links.values.get(parameter.name)
        if parameter.kind == "choice" and isinstance(value, str):
            aliases = parameter.choice_aliases.get(value, ())
            words += [alias.lower() for alias in aliases if alias.lower() in lowered]
    return words


def _second_choices(text: str, parameter: Parameter, links: Links) -> list[str]:
    """Return what else the text chooses: "sort by merging and by bubbles"."""
    named = named_choices(text, parameter)
    value = str(links.values.get(parameter.name, ""))
    if len(named) < 2 or value not in named:
        return [words for choice, words in named.items() if choice != value]
    taken = named[value].lower()
    return [
        words
        for choice, words in named.items()
        if choice != value and words.lower() not in taken and choice not in value.split("_")
    ]


def _known(text: str, start: int, end: int, context: str) -> bool:
    """Whether the recipe speaks so: with the same word behind the adjective, or before it."""
    said = text[start:end].lower()
    behind = re.match(r"\s*[a-z]+|[\u3400-\u9fff]", text[end:].lower())
    before = re.search(r"[a-z]+\s*$|[\u3400-\u9fff]$", text[:start].lower())
    after = behind is not None and said + behind.group() in context
    return after or (before is not None and before.group() + said in context)


def _adjectives(text: str, told: Sequence[Mention], context: str) -> list[str]:
    """Return "fast" or "更大" where no number beside it tells how much, and no text of the recipe
    speaks so: it asks for another value than the usual one."""
    found = []
    for word in relatives(text):
        said = text[word.start : word.end].lower()
        if _ASKED.search(text[: word.start]) or _known(text, word.start, word.end, context):
            continue
        beside = (min(abs(m.end - word.start), abs(word.end - m.start)) <= 12 for m in told)
        if not any(beside):
            found.append(said)
    return found
