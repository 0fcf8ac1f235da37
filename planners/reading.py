"""What rules read from a follow-up: values, factors, steps, relative words, switches and choices.

Amounts (:mod:`.amounts`) are read before values, so that "20 more cars" is no 20 cars. What is only
named ("let wind move the trees") is switched on or raised, last of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.types import Value

from . import daytime, numbers, viewpoint
from .amounts import Amount, amounts
from .concepts import (
    concept_of,
    speaks_of,
)
from .finding import Reading, accepts
from .formulas import written
from .linking import accepted, link, spoken_choice, value_for
from .moves import OFF, Moves
from .naming import Spot, is_count, letters, nearest
from .operation import Operation
from .search import stem

_RESET = re.compile(
    r"\b(?:reset|default|defaults|back to normal)\b|恢复默认|重置|默认", re.IGNORECASE
)
_SET_ZH = (
    r"(?:的)?(?:值|数值|数量|数|长度|大小)?(?:[就都也]?(?:改|换|变|调|设|定|延长|缩短|提高|提升"
    r"|升高|升|降低|下降|降|减少|减|增加|增|加大"
    r"|减小|加长|加|拉长|扩大|缩小|放大|涨|跌|取|用|烧|开|弄|搞|拉|放|推|控制|变化|上升|增大"
    r"|定义))?"
    r"(?:到|成|为|至|在|有|是|取|只有|只|就是)?(?:了)?"
)
_SET_EN = (
    r"(?:\s*\b(?:is|are|was|were|be|being|of|to|at|up|down|by|now|only|just|about|around"
    r"|value|set|it|them|this|that|one|ones|weighs?|has|have|gets?|becomes?|measures?"
    r"|costs?|lasts?|takes?|needs?|runs?|moves?|should|shall|will|can|would|changed|equal"
    r"|equals|goes|drops|rises)\b)*"
)
_ASSIGN = re.compile(rf"\s*{_SET_ZH}{_SET_EN}\s*(?:[=:：＝]\s*)?", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s*(?:个|只|条|张|颗|份|块|根|套)?\s*(?:please|instead|now|then|for a change|呢|吧|了"
    r"|试试|看看)?\s*(?:[。.!！?？,，;；]|\Z)",
    re.IGNORECASE,
)
_SQUEEZED = re.compile(r"(?<=[下起刮来飘出])(?:了?一?[点些场阵]|起了?|了)(?=[\u4e00-\u9fff])")
"""What stands inside 下点雨, 刮起大风, 来场雪."""
_NOTHING = ("none", "off", "no", "absent")
_PLAIN_CHOICES = ("clear", "none", "plain", "off", "no", "auto", "random")


def read(
    text: str,
    plan: Plan,
    values: Mapping[str, Value] | None = None,
    recent: Sequence[str] = (),
) -> Reading:
    """Return the operations that can be read by rule; ``values`` are those that hold now, and
    ``recent`` names the parameters that the last follow-up changed.

    Raises:
        ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
    """
    return _Reader(text, plan, plan.defaults if values is None else values, recent).read()


class _Reader(Moves):
    """Reads one text in several passes, each of which blanks what it has used."""

    def read(self) -> Reading:
        if _RESET.search(self.plain):
            self._reset()
        else:
            self._refused_choices()
            self._another()
            said = self._without_formulas(amounts(self._left()))
            self._amounts(said)
            self._assigned()
            self._measured()
            self._linked()
            self._daytimes()
            self._off()
            self._still()
            self._several_colours()
            self._relatives(said)
            self._reversed()
            self._bare_numbers()
            if not self.reading.operations and not self.reading.unclear:
                self._only_named()
        self.reading.rest = self._left()
        return self.reading

    def _reset(self) -> None:
        named = list(dict.fromkeys(spot.parameter.name for spot in self.spots))
        for name in named or [p.name for p in self.plan.parameters]:
            self.reading.operations.append(Operation(name, "default"))
        self.used += [m.span() for m in _RESET.finditer(self.plain)]

    def _without_formulas(self, said: list[Amount]) -> list[Amount]:
        """Return the amounts outside of formulas: in x^3 - 2x nothing is doubled."""
        if not any(p.kind in ("expression", "text") for p in self.plan.parameters):
            return said
        items = [item for item in written(self.plain) if item.kind != "list"]
        return [a for a in said if not any(a.start < i.end and i.start < a.end for i in items)]

    def _refused_choices(self) -> None:
        """Read "stop the rain", 雨停了, 不要条纹: another choice than the one that is named."""
        for parameter in (p for p in self.plan.parameters if p.kind == "choice"):
            now = str(self.values.get(parameter.name, parameter.default))
            for choice in (c for c in parameter.choices if c not in _NOTHING):
                found = [
                    (span, off) for span in _choice_spans(self.plain, parameter, choice)
                    if (off := self._beside(OFF, *span)) is not None
                ]  # fmt: skip
                if found:
                    self.refused.add((parameter.name, choice))
                if not found or now != choice:
                    continue
                plain = [c for c in _PLAIN_CHOICES if c in parameter.choices and c != choice]
                others = [*plain, *(c for c in parameter.choices if c != choice)]
                if parameter.default != choice:
                    others = [str(parameter.default)]
                if others:
                    said = [span for pair in found for span in pair]
                    self._do(Operation(parameter.name, "set", others[0]), *said)
                    break

    def _amounts(self, said: list[Amount]) -> None:
        for amount in said:
            if any(s.start <= amount.start < s.end < amount.end for s in self.spots):
                continue  # "take out 2000 a month": the verb is the knob's own word
            concept, word = self._concept_beside(amount)
            places, guessed = self._target(
                amount.start, amount.end, concept, word, self._open(self.numeric), amount
            )
            places = self._alive(places, amount, concept, word)
            self.used.append((amount.start, amount.end))
            if len(places) != 1:
                self.reading.unclear.append(amount.text)
                continue
            self.reading.guessed |= guessed
            self.reading.named = True
            self._do(self._done_by(amount, places[0]))
            if word is not None:
                self.used.append((word.start, word.end))

    def _done_by(self, amount: Amount, parameter: Parameter) -> Operation:
        """Return what an amount does: 太阳的一百倍 is no factor where the sun is the measure."""
        if amount.kind == "multiply" and not amount.per_cent:
            before = re.search(r"([\u3400-\u9fff]{2})的?\Z", self.plain[: amount.start])
            after = re.match(r"\s+(?:the|that of the|of the)\s+(\w{3,})", self.plain[amount.end :])
            label = parameter.label
            if (before and before[1] in label.zh and "倍" in label.zh) or (
                after and stem(after[1].lower()) in map(stem, label.en.lower().split())
                and stem(after[1].lower()) not in map(stem, parameter.name.split("_"))
                and "倍" in label.zh
            ):  # fmt: skip
                return Operation(parameter.name, "set", parameter.accept(amount.value))
        return _operation(amount, parameter)

    def _assigned(self) -> None:
        """Read "length = 3", "病程延长到10天", "g取1.62": a name, and its number behind it."""
        rest = self._left()
        mentions = [m for m in numbers.read(rest) if m.kind == "number"]
        named = sorted(
            [*self.spots, *(Spot(p, a, b) for p in self.numeric for a, b in letters(rest, p))],
            key=lambda s: (s.start - s.end, s.start),
        )
        for spot in named:
            parameter = spot.parameter
            if parameter not in self._open(self.numeric) or self._is_used(spot.start, spot.end):
                continue
            match = _ASSIGN.match(rest, spot.end)
            assert match is not None  # it may match nothing
            mention = next((m for m in mentions if m.start == match.end()), None)
            between = rest[spot.end : match.end()].strip()
            one_letter = spot.end - spot.start == 1 and rest[spot.start].isascii()
            if mention is None or (one_letter and not between):
                continue
            if self._is_used(mention.start, mention.end):
                continue
            if mention.weak and mention.unit is None:
                continue
            value = value_for(mention, parameter)
            if (
                mention.unit is not None
                and not parameter.unit
                and any(
                    p.unit and value_for(mention, p) is not None for p in self._open(self.numeric)
                )
            ):
                continue  # years are for the one that is in years
            rivals = [
                s for s in self.spots
                if s.parameter is not parameter
                and s.start == mention.end + _spaces(rest, mention.end)
                and s.parameter in self._open(self.numeric) and accepts(mention, s.parameter)
                and rest[s.start : s.end].lower().lstrip("个只颗条辆")
                not in f"{parameter.label.zh}{parameter.label.en}".lower()
            ]  # fmt: skip
            if value is None or (rivals and not between):
                continue
            self._do(
                Operation(parameter.name, "set", accepted(mention, parameter)),
                (spot.start, spot.end), (mention.start, mention.end),
            )  # fmt: skip
            self.used.append((spot.end, mention.start))
            self.reading.named = True

    def _measured(self) -> None:
        """Read "3 m wide", "ten years long": a number with its unit and the adjective of it."""
        rest = self._left()
        for mention in numbers.read(rest):
            match = re.match(r"\s*([a-z]+)\b", rest[mention.end :])
            if mention.kind != "number" or mention.unit is None or match is None:
                continue
            concept = concept_of(match[1])
            if concept is None:
                continue
            places = [p for p in self._open(self.numeric) if accepts(mention, p)]
            own = [s for s in self.spots if s.parameter in places]
            spoken = [p for p in places if speaks_of(p, concept)]
            near = nearest(
                rest, mention.start, mention.end, [s for s in own if s.parameter in spoken]
            )
            chosen = near or spoken
            if len(chosen) == 1:
                stop = mention.end + match.end()
                value = accepted(mention, chosen[0])
                self._do(Operation(chosen[0].name, "set", value), (mention.start, stop))

    def _linked(self) -> None:
        rest = self._left()
        squeezed = _SQUEEZED.sub("", rest)
        if squeezed != rest:
            for parameter in (p for p in self._open() if p.kind == "choice"):
                if (choice := spoken_choice(squeezed, parameter)) is not None:
                    self._do(Operation(parameter.name, "set", choice))
        links = link(rest, self._open())
        for name, value in list(links.values.items()):
            chosen = self.plan.parameter(name).kind == "choice"
            same = value == self._now(self.plan.parameter(name))
            if chosen and (same or (name, str(value)) in self.refused):
                del links.values[name]  # it is so already, or is not wanted
                continue
            self._do(Operation(name, "set", value))
        self.reading.unused = links.unused
        self.reading.unclear += [m.text for m in links.left if not m.weak]
        for mention in numbers.read(rest):
            if mention.kind != "number" or mention.unit is None or mention in links.left:
                continue
            fitting = [p for p in self.numeric if accepts(mention, p)]
            fitting = [p for p in fitting if p.unit] or fitting
            taken = [p for p in fitting if p.name in links.values]
            near = nearest(rest, mention.start, mention.end, self.spots)
            if len(fitting) > 1 and taken and not any(p in near for p in taken):
                self.reading.guessed = True
        left = {(m.start, m.end) for m in links.left}
        self.used += [(m.start, m.end) for m in numbers.read(rest) if (m.start, m.end) not in left]
        for parameter in self.plan.parameters:
            if parameter.kind == "choice" and parameter.name in links.values:
                choice = str(links.values[parameter.name])
                self.used += _choice_spans(self.plain, parameter, choice)

    def _daytimes(self) -> None:
        rest = self._left()
        for parameter in self._open(self.numeric):
            found = None
            if daytime.is_hour(parameter):
                found = daytime.hour(rest)
            elif daytime.is_month(parameter):
                found = daytime.month(rest)
            elif viewpoint.is_view(parameter):
                found = viewpoint.angle(rest, parameter)
            if found is not None:
                value, start, end = found
                whole = round(value) if parameter.kind == "integer" else value
                self._do(Operation(parameter.name, "set", parameter.accept(whole)), (start, end))

    def _bare_numbers(self) -> None:
        """Give a number without a unit to the only parameter that it fits."""
        for mention in list(self.reading.unused):
            if mention.unit is not None or _COUNTED.match(self.plain, mention.end) is None:
                continue  # "7 zebras" are none of the plan's
            places = [
                p for p in self._open(self.numeric) if p.name != "frames" and accepts(mention, p)
            ]
            counts = [p for p in places if is_count(p)]
            if len(places) > 1 and len(counts) == 1:
                places = counts
            if len(places) != 1:
                continue
            alone = len([p for p in self.numeric if p.name != "frames"]) == 1
            self.reading.guessed |= not alone
            self._do(
                Operation(places[0].name, "set", accepted(mention, places[0])),
                (mention.start, mention.end),
            )
            self.reading.unused.remove(mention)
            self.reading.unclear.remove(mention.text)


def _operation(amount: Amount, parameter: Parameter) -> Operation:
    match amount.kind:
        case "most" | "least":
            edge = parameter.maximum if amount.kind == "most" else parameter.minimum
            if edge is None:
                raise ValueOutOfRange("value.number", name=parameter.name, value=amount.text)
            value = round(edge) if parameter.kind == "integer" else edge
            return Operation(parameter.name, "set", parameter.accept(value))
        case "multiply" if amount.per_cent and parameter.unit == "%":
            # Two per cent more of what is a percentage are two points.
            return Operation(parameter.name, "add", float(f"{100 * (amount.value - 1):.12g}"))
        case "add":
            assert amount.mention is not None
            step = value_for(amount.mention, parameter)
            size = abs(float(step)) if step is not None else abs(amount.value)
            return Operation(parameter.name, "add", size if amount.value > 0 else -size)
    return Operation(parameter.name, "multiply", amount.value)


def _choice_spans(text: str, parameter: Parameter, choice: str) -> list[tuple[int, int]]:
    """Return where the words for a choice stand."""
    found = []
    for words in (choice.replace("_", " "), *parameter.choice_aliases.get(choice, ())):
        if words.isascii():
            form = rf"\b{re.escape(words)}(?:s|y|ing|ed)?\b"
            found += [m.span() for m in re.finditer(form, text, re.IGNORECASE)]
        else:
            # The thing itself stands in 下雨 and 雨天.
            thing = re.sub(r"^[下有刮起](?=.)|(?<=.)[天]$", "", words)
            found += [m.span() for m in re.finditer(re.escape(thing), text)]
    return found


def _spaces(text: str, start: int) -> int:
    return len(text[start:]) - len(text[start:].lstrip())
