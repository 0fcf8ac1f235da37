"""Finds whose quantity a piece of a follow-up is about: by the names near it and by adjectives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.types import Value

from . import numbers
from .amounts import Amount
from .concepts import (
    NUMBER,
    VERBS,
    Concept,
    Relative,
    concept_of,
    has_adjective,
    has_size,
    nouns,
    opposite,
    relatives,
    speaks_of,
)
from .linking import accepted, value_for
from .naming import clause, is_count, nearest, spots
from .numbers import Mention
from .operation import Operation
from .search import stem

_NEAR = 14
_ASKED = re.compile(
    r"(?:[,，;；。.!]|\band\b|\bthen\b|并且?|然后|再|顺便)?\s*"
    r"(?:\b(?:tell|let|show) me(?: know)?\b|\b(?:what|how) (?:is|are|was|does|do|far|long|much"
    r"|many|fast|big)\b"
    r"|告诉我|跟我说说?|说说|看看|问一下|想知道|算一?下)[^,，;；。.?？!]*[?？]?",
    re.IGNORECASE,
)
_AS_MANY = re.compile(r"(?:\s+as)?\s+(?:many|often)\b", re.IGNORECASE)
_MORE_ZH = re.compile(r"[多少][\u4e00-\u9fff]{1,2}\Z")
"""What stands before the amount in 多放一倍: it is about how many."""
_FILLED = re.compile(r"\bof (?:them|these|those)\b", re.IGNORECASE)
_ORDINALS = "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_ORDINAL = re.compile(
    rf"\b(?P<word>{'|'.join(_ORDINALS[1:])})\b(?!\s+(?:of|as|less|more|fewer)\b)", re.IGNORECASE
)


@dataclass
class Reading:
    """What code could read from a follow-up."""

    operations: list[Operation] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """Pieces of the text that say something about this plan, but not plainly which parameter."""
    unused: list[Mention] = field(default_factory=list)
    named: bool = False
    """Whether a parameter was named together with what it shall be."""
    guessed: bool = False
    """Whether something went to a parameter that was neither named nor the only one."""
    named_only: bool = False
    """Whether a parameter was only named, without anything that says how it shall be."""
    rest: str = ""
    """The text without what was read; what it asks to be told counts as read."""

    @property
    def plain(self) -> bool:
        """Whether rules have read it all, so that no model is needed."""
        return bool(self.operations) and not self.unclear


class Finder:
    """Holds what of one text has been read, and finds the parameters that are meant."""

    def __init__(
        self, text: str, plan: Plan, values: Mapping[str, Value], recent: Sequence[str] = ()
    ) -> None:
        self.plan, self.values, self.recent = plan, values, recent
        said = _FILLED.sub(_blank, numbers.normal(text))
        if any(p.unit in ("K", "°C") for p in plan.parameters):
            said = re.sub(r"(?<=\d)K\b", " K", said)  # no thousands
        said = re.sub(r"个?百分点|\bpercentage points?\b|\bpoints? of per ?cent\b", "%", said)
        self.plain = _without_asking(_ORDINAL.sub(_cardinal, said))
        self.numeric = [p for p in plan.parameters if p.kind in ("number", "integer")]
        self.reading = Reading()
        self.used: list[tuple[int, int]] = []
        self.refused: set[tuple[str, str]] = set()
        self.spots = spots(self.plain, plan.parameters)

    def _do(self, operation: Operation, *used: tuple[int, int]) -> None:
        self.reading.operations.append(operation)
        self.used += used

    def _open(self, parameters: Sequence[Parameter] | None = None) -> list[Parameter]:
        done = {operation.parameter for operation in self.reading.operations}
        among = self.plan.parameters if parameters is None else parameters
        return [p for p in among if p.name not in done]

    def _left(self) -> str:
        characters = list(self.plain)
        for start, end in self.used:
            characters[start:end] = " " * (end - start)
        return "".join(characters)

    def _is_used(self, start: int, end: int) -> bool:
        return any(start < b and a < end for a, b in self.used)

    def _now(self, parameter: Parameter) -> Value:
        return self.values.get(parameter.name, parameter.default)

    def _read_of(self, start: int, end: int) -> bool:
        """Whether a value has been read for what is named beside a place."""
        done = {operation.parameter for operation in self.reading.operations}
        return any(p.name in done for p in nearest(self.plain, start, end, self.spots))

    def _done_in(self, bounds: tuple[int, int]) -> bool:
        """Whether a value in this clause has been read: the verb says no more than that."""
        return any(
            bounds[0] <= m.start < bounds[1] and self._is_used(m.start, m.end)
            for m in numbers.read(self.plain) if m.kind == "number" and not m.weak
        )  # fmt: skip

    def _alive(
        self,
        places: list[Parameter],
        amount: Amount,
        concept: Concept | None,
        word: Relative | None,
    ) -> list[Parameter]:
        """Return whose quantity is meant where the nearest one is nothing: half of a rate that is
        0 because it follows from others is half of what is also called so."""
        if amount.kind != "multiply" or len(places) != 1 or float(self._now(places[0])) != 0:
            return places
        among = [p for p in self._open(self.numeric) if float(self._now(p)) != 0]
        kept, self.spots = self.spots, spots(self.plain, among)
        others, _ = self._target(amount.start, amount.end, concept, word, among, amount)
        self.spots = kept
        return others if len(others) == 1 else places

    def _one_each(self, words: list[Relative]) -> list[Relative]:
        """Return the words, each of one quantity: what is softer may be a sound or a cloth."""
        best: dict[tuple[int, int], tuple[int, Relative]] = {}
        for word in words:
            spoken = [p for p in self._open(self.numeric) if speaks_of(p, word.concept)]
            worth = 2 if any(not opposite(p, word.concept) for p in spoken) else int(bool(spoken))
            place = word.start, word.end
            if place not in best or worth > best[place][0]:
                best[place] = worth, word
        return [word for _, word in best.values()]

    def _concept_beside(self, amount: Amount) -> tuple[Concept | None, Relative | None]:
        """Return the quantity that stands with an amount: "twice as hot", 慢20, "extend by 2 m"."""
        bounds = clause(self.plain, amount.start, amount.end)
        near = [
            (max(w.start - amount.end, amount.start - w.end), w)
            for w in relatives(self.plain)
            if bounds[0] <= w.start and w.end <= bounds[1]
        ]
        near = [pair for pair in near if pair[0] < _NEAR]
        if near:
            word = min(near, key=lambda pair: (pair[0], pair[1].concept is NUMBER))[1]
            return word.concept, word
        around = self.plain[max(0, amount.start - 2) : amount.start]
        inside = amount.text
        after = self.plain[amount.end : amount.end + 2].strip()
        for said in (around[-1:], inside[:1], inside[1:2], after[:1]):
            if said > "\u3400" and (concept := concept_of(said)) is not None:
                return concept, None
        if match := re.search(r"\bas\s+(\w+)|\b(\w+)$", f"{inside} {after}".strip()):
            word_said = (match[1] or match[2]).lower()
            if (concept := concept_of(word_said)) is not None:
                return concept, None
        for form, _, verb in VERBS:
            for match in form.finditer(self.plain):
                same = clause(self.plain, *match.span()) == bounds
                if verb is not None and same and match.start() < amount.end:
                    return verb, None
        if amount.mention is not None and re.search(r"\b(?:more|fewer|less)\b", amount.text):
            return NUMBER, None
        if _AS_MANY.match(self.plain, amount.end) or _MORE_ZH.search(self.plain[: amount.start]):
            return NUMBER, None
        return None, None

    def _target(
        self,
        start: int,
        end: int,
        concept: Concept | None,
        word: Relative | None,
        among: Sequence[Parameter],
        amount: Amount | None = None,
    ) -> tuple[list[Parameter], bool]:
        """Return whose quantity is meant, and whether that is a guess among several."""
        if amount is not None and amount.mention is not None and amount.kind == "add":
            among = [p for p in among if value_for(amount.mention, p) is not None]
        own = [s for s in self.spots if s.parameter in among and not self._is_used(s.start, s.end)]
        named = nearest(self.plain, start, end, own)
        steady = [p for p in among if p.name != "frames"]
        spoken = [p for p in steady if concept is not None and speaks_of(p, concept)]
        if concept is not NUMBER:
            # A 小屋 is no size: of what is counted only its own adjective says so.
            big = concept is not None and concept.name == "size"
            own_word = [p for p in spoken if has_size(p) or not big]
            spoken = [p for p in spoken if not is_count(p)] or own_word
        if concept is not None and concept is not NUMBER:
            both = nearest(self.plain, start, end, [s for s in own if s.parameter in spoken])
            if both:
                return both, False
            # A taller tree is not another number of trees.
            fitting = [p for p in named if not is_count(p)]
            close = nearest(
                self.plain, start, end, [s for s in own if s.parameter in fitting], reach=4
            )
            if close and (amount is not None or self.plain[start] > "\u3400"):
                return close, False
            if concept.general and fitting:
                return fitting, False
            counted = nearest(self.plain, start, end, own, reach=4)
            if concept.name == "size" and counted and not any(has_size(p) for p in spoken):
                return [], False  # "bigger trees" are no stronger wind, though 大风 is one
            if amount is not None and fitting and not spoken:
                return fitting, False
            if close and not spoken:
                return close, False
            return self._best(spoken, concept, start, end)
        if named:
            return named, False
        if concept is NUMBER:
            counts = [p for p in steady if is_count(p)] or spoken
            said = [p for p in counts if p.name in self.recent]
            said = said or [p for p in counts if self._now(p) != p.default]
            if len(said) == 1:
                return said, False  # the one that was spoken of before
            return (counts[:1], len(counts) > 1) if counts else ([], False)
        if amount is not None and amount.per_cent:
            shares = [p for p in among if p.unit == "%"]
            if len(shares) == 1:
                return shares, False
        if amount is not None and amount.kind == "add":
            # "加10万" of what may become so much more: not of an interest rate.
            able = [p for p in among if p.name != "frames" and _in_range(amount, p, self._now(p))]
            everywhere = {s.parameter.name: s.parameter for s in own if s.parameter in able}
            if len(everywhere) == 1:
                return list(everywhere.values()), False
            if len(able) == 1:
                return able, amount.mention is not None and amount.mention.unit is None
        quantities = {c.name: c for c, a, b in nouns(self.plain) if not self._is_used(a, b)}
        meant = [p for p in steady if any(speaks_of(p, c) for c in quantities.values())]
        if len(meant) == 1:
            return meant, False
        if len(steady) != 1 and amount is not None and amount.kind == "multiply":
            # "half of that": of what was changed last.
            steady = [p for p in steady if p.name in self.recent]
        return (steady, False) if len(steady) == 1 else ([], False)

    def _best(
        self, spoken: list[Parameter], concept: Concept, start: int, end: int
    ) -> tuple[list[Parameter], bool]:
        """Return the one whose words hold the adjective itself, else the first."""
        spoken = [p for p in spoken if has_adjective(p, concept)] or spoken
        if len(spoken) <= 1:
            return spoken, False
        said = self.plain[start:end].lower()
        latin = {stem(w) for w in re.findall(r"[a-z]+", said)}
        exact = [
            p for p in spoken
            if any(stem(a.lower()) in latin or (a > "\u3400" and a in said) for a in p.aliases)
        ]  # fmt: skip
        if len(exact) == 1:
            return exact, False
        label = f"{concept.nouns}"
        latin_nouns, _, other = label.partition("|")
        titled = [
            p for p in exact or spoken
            if any(n in p.label.zh for n in other.split())
            or any(n in p.label.en.lower().split() for n in latin_nouns.split())
        ]  # fmt: skip
        chosen = titled or exact or spoken
        return chosen[:1], len(chosen) > 1

    def _beside(self, form: re.Pattern[str], start: int, end: int) -> tuple[int, int] | None:
        """Return where a match stands close to a word, in the same clause."""
        bounds = clause(self.plain, start, end)
        for match in form.finditer(self.plain):
            if match.start() < bounds[0] or match.end() > bounds[1] or self._is_used(*match.span()):
                continue
            if max(start - match.end(), match.start() - end) < _NEAR and not (
                match.start() < end and start < match.end()
            ):
                return match.span()
        return None


def _in_range(amount: Amount, parameter: Parameter, now: Value) -> bool:
    step = None if amount.mention is None else value_for(amount.mention, parameter)
    if step is None:
        return False
    wanted = float(now) + (abs(float(step)) if amount.value > 0 else -abs(float(step)))
    low, high = parameter.minimum, parameter.maximum
    return (low is None or wanted >= low) and (high is None or wanted <= high)


def accepts(mention: Mention, parameter: Parameter) -> bool:
    try:
        return (
            value_for(mention, parameter) is not None and accepted(mention, parameter) is not None
        )
    except ValueOutOfRange:
        return False


def middle(parameter: Parameter) -> float:
    low, high = parameter.minimum or 0.0, parameter.maximum
    return max(low, 1.0) if high is None else max(low, high / 3)


def _without_asking(text: str) -> str:
    """Return the text without what it asks to be told, where something else is left and nothing
    in it is a number: "use 120 cars and tell me the mean speed"."""
    for match in _ASKED.finditer(text):
        rest = text[: match.start()] + text[match.end() :]
        if numbers.read(match.group()) or not re.search(r"[A-Za-z]{3}|[\u3400-\u9fff]{2}", rest):
            continue
        text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    return text


def _cardinal(match: re.Match[str]) -> str:
    return str(_ORDINALS.index(match["word"].lower()) + 2)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
