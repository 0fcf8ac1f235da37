"""What rules read from a follow-up: values, factors, steps, relative words, switches and choices.

Amounts (:mod:`.amounts`) are read before values, so that "20 more cars" is no 20 cars. What is only
named ("let wind move the trees") is switched on or raised, last of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.types import Value

from . import daytime, numbers, viewpoint
from .amounts import Amount, amounts
from .concepts import (
    NUMBER,
    VERBS,
    Concept,
    Relative,
    concept_of,
    degree,
    has_adjective,
    nouns,
    opposite,
    relatives,
    speaks_of,
)
from .formulas import written
from .linking import accepted, link, spoken_choice, value_for
from .naming import Spot, clause, is_count, letters, nearest, spots
from .numbers import Mention
from .operation import RAISED, Operation
from .search import stem

_NEAR = 14
_RESET = re.compile(
    r"\b(?:reset|default|defaults|back to normal)\b|恢复默认|重置|默认", re.IGNORECASE
)
_OFF = re.compile(
    r"\b(?:off|without|disable[sd]?|no|hide|remov(?:e[sd]?|ing)|stop(?:s|ped)?|tak(?:e[sn]?"
    r"|ing) (?:away|out)|get rid of|drop"
    r"|ignor(?:e|ing)|neglect(?:ing)?|forget|clear(?: away)?|nobody|never|zero|eliminate|lose"
    r"|free of|gone|disappear\w*"
    r"|(?:do|does|is|are) not|don't|doesn't|isn't|aren't)\b"
    r"|关闭|关掉|关了|关上|不要|别|去掉|去除|没有|没了|隐藏|停|不考虑|忽略|不计|取消|清除|清掉"
    r"|拿掉|撤掉|消失|散去|散了|不再|不用|省去|除去|无|归零|零",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:turn on|switch on|with|enable|show|add)\b|打开|开启|显示|加上|启用", re.IGNORECASE
)
_BRING = re.compile(
    r"\b(?:let|add|some|bring|give|with|start|starts|started|comes?|rises?|blow(?:s|ing)?|more"
    r"|turn on|put|have|get|gets|sprinkle|a (?:breeze|gust|bit of|few|little))\b"
    r"|来|起|刮|吹|下|加|有|放|让|添|种|多|飘|给|开|动|撒|长出|换上|带",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:why|how (?:does|do|is|are|did|far|much|many|long)|what (?:is|are|does|do)|who|which"
    r"|where|explain)\b"
    r"|\btell me\b|\bwhat's\b|\?\s*$"
    r"|告诉我|为什么|为啥|怎么|怎样|如何|是什么|多少|几[个次天年]|吗|是否|会不会|原理",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"(?:[,，;；。.!]|\band\b|\bthen\b|并且?|然后|再|顺便)?\s*"
    r"(?:\b(?:tell|let|show) me(?: know)?\b|\b(?:what|how) (?:is|are|was|does|do|far|long|much"
    r"|many|fast|big)\b"
    r"|告诉我|跟我说说?|说说|看看|问一下|想知道|算一?下)[^,，;；。.?？!]*[?？]?",
    re.IGNORECASE,
)
_REVERSE = re.compile(
    r"\b(?:the other way(?: round| around)?|backwards?|in reverse|reverse(?:d)?|opposite (?:way"
    r"|direction)|counter-?clockwise)\b"
    r"|反着|反过来|倒着|反方向|反向|逆时针|倒转|反转",
    re.IGNORECASE,
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
_FILLED = re.compile(r"\bof (?:them|these|those)\b", re.IGNORECASE)
_ORDINALS = "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_ORDINAL = re.compile(
    rf"\b(?P<word>{'|'.join(_ORDINALS[1:])})\b(?!\s+(?:of|as|less|more|fewer)\b)", re.IGNORECASE
)
_SQUEEZED = re.compile(r"(?<=[下起刮来飘出])(?:了?一?[点些场阵]|起了?|了)(?=[\u4e00-\u9fff])")
"""What stands inside 下点雨, 刮起大风, 来场雪."""
_POSITIVE = re.compile(r"\A(?!more|less|fewer|worse|better|further)[a-z]*(?<!er)\Z", re.IGNORECASE)
_NOTHING = ("none", "off", "no", "absent")
_PLAIN_CHOICES = ("clear", "none", "plain", "off", "no", "auto", "random")


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


def read(text: str, plan: Plan, values: Mapping[str, Value] | None = None) -> Reading:
    """Return the operations that can be read by rule; ``values`` are those that hold now.

    Raises:
        ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
    """
    return _Reader(text, plan, plan.defaults if values is None else values).read()


class _Reader:
    """Reads one text in several passes, each of which blanks what it has used."""

    def __init__(self, text: str, plan: Plan, values: Mapping[str, Value]) -> None:
        self.plan, self.values = plan, values
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

    def read(self) -> Reading:
        if _RESET.search(self.plain):
            self._reset()
        else:
            self._refused_choices()
            said = self._without_formulas(amounts(self.plain))
            self._amounts(said)
            self._assigned()
            self._measured()
            self._linked()
            self._daytimes()
            self._off()
            self._relatives(said)
            self._reversed()
            self._bare_numbers()
            if not self.reading.operations and not self.reading.unclear:
                self._only_named()
        self.reading.rest = self._left()
        return self.reading

    # What has been done ------------------------------------------------------------------------

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

    # Passes ------------------------------------------------------------------------------------

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
                    if (off := self._beside(_OFF, *span)) is not None
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

    def _now(self, parameter: Parameter) -> Value:
        return self.values.get(parameter.name, parameter.default)

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
                and s.parameter in self._open(self.numeric) and _accepts(mention, s.parameter)
                and rest[s.start : s.end].lower().lstrip("个只颗条辆")
                not in f"{parameter.label.zh}{parameter.label.en}".lower()
            ]  # fmt: skip
            if value is None or (rivals and not between):
                continue
            self._do(
                Operation(parameter.name, "set", accepted(mention, parameter)),
                (spot.start, spot.end), (mention.start, mention.end),
            )  # fmt: skip
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
            places = [p for p in self._open(self.numeric) if _accepts(mention, p)]
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
            fitting = [p for p in self.numeric if _accepts(mention, p)]
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

    def _off(self) -> None:
        """Read what shall not be: "without air resistance", "不要云", "turn the contours off"."""
        rest = self._left()
        said = [(r.start, r.end) for r in relatives(rest)]
        for parameter in self._open():
            own = [
                s for s in self.spots
                if s.parameter is parameter and not self._is_used(s.start, s.end)
                and not any(s.start < b and a < s.end for a, b in said)
            ]  # fmt: skip
            if not own:
                continue
            off = next(((s, o) for s in own if (o := self._beside(_OFF, s.start, s.end))), None)
            if parameter.kind == "boolean":
                self._switch(parameter, own[0], off[1] if off else None)
            elif off is not None and parameter in self.numeric:
                low, high = parameter.minimum, parameter.maximum
                if low is not None and low > 0:
                    if _really_off(off[1], rest):
                        self._do(Operation(parameter.name, "multiply", 0), off[1])
                elif low is None or high is None or low <= 0 <= high:
                    # Nothing of a quantity that may be nothing.
                    self._do(Operation(parameter.name, "set", 0), off[1])

    def _switch(self, parameter: Parameter, spot: Spot, off: tuple[int, int] | None) -> None:
        if off is not None:
            self._do(Operation(parameter.name, "set", False), off)
        elif (on := self._beside(_ON, spot.start, spot.end)) is not None:
            self._do(Operation(parameter.name, "set", self._meaning(parameter, spot)), on)
        elif not _QUESTION.search(self.plain):
            self._do(Operation(parameter.name, "set", self._meaning(parameter, spot)))

    def _meaning(self, parameter: Parameter, spot: Spot) -> bool:
        """Return what naming a switch means: its label says that it is on, other words may stand
        for the opposite, as "true scale" does for "logarithmic", and then it is on by default."""
        said = self.plain[spot.start : spot.end].lower()
        own = f"{parameter.label.en} {parameter.label.zh} {parameter.name}".lower()
        return said in own or not parameter.default

    def _relatives(self, said: Sequence[Amount]) -> None:
        rest = self._left()
        words = [w for w in relatives(rest) if not self._is_used(w.start, w.end)]
        words = self._one_each(words)
        for word in words:
            bounds = clause(rest, word.start, word.end)
            if _POSITIVE.search(rest[word.start : word.end]) and self._done_in(bounds):
                continue  # "500 degrees at the hot end"
            if any(
                a.start - _NEAR < word.end
                and word.start < a.end + _NEAR
                and clause(rest, a.start, a.end) == clause(rest, word.start, word.end)
                for a in said
            ):
                continue  # "20% faster" is one change
            if word.concept is NUMBER and re.match(r"\s+(?:time|than)\b", rest[word.end :]):
                continue
            places, guessed = self._target(
                word.start, word.end, word.concept, word, self._open(self.numeric)
            )
            if not places and (
                self._done_in(clause(rest, word.start, word.end))
                or self._read_of(word.start, word.end)
            ):
                self.used.append((word.start, word.end))
                continue  # "3 m wide", "lower the risk to 10%": the number has been read
            self._settle(rest[word.start : word.end], places, word.bare_factor, guessed, word)
        self._compared(rest)
        for form, factor, concept in VERBS:
            for match in form.finditer(rest):
                if (
                    self._is_used(*match.span())
                    or any(
                        clause(rest, a.start, a.end) == clause(rest, *match.span()) for a in said
                    )
                    or any(
                        clause(rest, w.start, w.end) == clause(rest, *match.span()) for w in words
                    )
                ):
                    continue
                places, guessed = self._target(
                    *match.span(), concept, None, self._open(self.numeric)
                )
                size = degree(rest, *match.span())
                amount = size if factor > 1 else 1 / size
                named = [
                    s
                    for s in self.spots
                    if clause(rest, s.start, s.end) == clause(rest, *match.span())
                ]
                if not places and any(s.parameter not in self._open() for s in named):
                    continue  # "raise the limit to 80" has been read
                if self._done_in(clause(rest, *match.span())):
                    continue
                self._settle(match.group(), places, amount, guessed, None, concept)
                self.used.append(match.span())

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

    def _compared(self, rest: str) -> None:
        """Read comparatives of a knob's own words: "bouncier", "windier"."""
        for match in re.finditer(r"\b[A-Za-z]{3,}er\b", rest):
            said = match.group().lower()
            if self._is_used(*match.span()) or concept_of(said) is not None:
                continue
            bases = {said[:-2], said[:-1], said[:-3]} | (
                {f"{said[:-3]}y"} if said.endswith("ier") else set()
            )
            owners = [
                p for p in self._open(self.numeric)
                if bases & {a.lower() for a in p.aliases}
                or (said.endswith("ier") and said in {a.lower() for a in p.aliases})
            ]  # fmt: skip
            if len(owners) == 1:
                size = degree(rest, *match.span())
                self._do(Operation(owners[0].name, "multiply", size), match.span())

    def _reversed(self) -> None:
        rest = self._left()
        if (match := _REVERSE.search(rest)) is None:
            return
        both = [p for p in self._open(self.numeric) if (p.minimum or 0) < 0 < (p.maximum or 0)]
        named = [p for p in nearest(rest, *match.span(), self.spots) if p in both]
        turning = [p for p in both if p.name in ("turns", "turn", "speed", "spin")]
        places = named or (both if len(both) == 1 else turning)
        if len(places) == 1:
            self._do(Operation(places[0].name, "multiply", -1.0), match.span())

    def _bare_numbers(self) -> None:
        """Give a number without a unit to the only parameter that it fits."""
        for mention in list(self.reading.unused):
            if mention.unit is not None or _COUNTED.match(self.plain, mention.end) is None:
                continue  # "7 zebras" are none of the plan's
            places = [
                p for p in self._open(self.numeric) if p.name != "frames" and _accepts(mention, p)
            ]
            counts = [p for p in places if is_count(p)]
            if len(places) > 1 and len(counts) == 1:
                places = counts
            if len(places) != 1:
                continue
            alone = len([p for p in self.numeric if p.name != "frames"]) == 1
            self.reading.guessed |= not alone and not counts
            self._do(
                Operation(places[0].name, "set", accepted(mention, places[0])),
                (mention.start, mention.end),
            )
            self.reading.unused.remove(mention)
            self.reading.unclear.remove(mention.text)

    def _only_named(self) -> None:
        """Read "let wind move the trees", 来点风: what is named shall be there, or more of it."""
        rest = self._left()
        if _QUESTION.search(self.plain) or _OFF.search(self.plain):
            return
        named = [
            s for s in self.spots if s.parameter in self.numeric and s.parameter.name != "frames"
        ]
        bring = _BRING.search(rest)
        if not named or not (bring or len(re.findall(r"[A-Za-z]+|[\u3400-\u9fff]", rest)) <= 6):
            return
        # What may be absent can come; among those the first that is said.
        self.reading.guessed = bring is None or all((s.parameter.minimum or 0) > 0 for s in named)
        best = min(
            named, key=lambda s: ((s.parameter.minimum or 0) > 0, is_count(s.parameter), s.start)
        )
        parameter = best.parameter
        now = float(self.values.get(parameter.name, parameter.default))
        self.reading.named_only = True
        self.used += [m.span() for m in _BRING.finditer(rest)]
        if now == 0:
            usual = float(parameter.default) or _middle(parameter)
            value = parameter.accept(round(usual) if parameter.kind == "integer" else usual)
            self._do(
                Operation(parameter.name, "set", value, named_only=True), (best.start, best.end)
            )
            return
        less = re.search(r"\btoo much\b|太多", rest) is not None
        few = re.search(r"\b(?:some|a few)\b|几", rest) is not None and is_count(parameter)
        factor = 1 / RAISED if less else 1.5 if few else RAISED
        top = parameter.maximum
        if top is not None and now * factor > top and now < top:
            self._do(Operation(parameter.name, "set", parameter.accept(top), named_only=True))
            return
        self._do(
            Operation(parameter.name, "multiply", factor, named_only=True), (best.start, best.end)
        )

    # Whose a word is ---------------------------------------------------------------------------

    def _settle(
        self,
        said: str,
        places: list[Parameter],
        factor: float,
        guessed: bool,
        word: Relative | None,
        concept: Concept | None = None,
    ) -> None:
        concept = word.concept if word is not None else concept
        places = self._open(places)
        if len(places) != 1:
            self.reading.unclear.append(said)
            return
        if concept is not None and opposite(places[0], concept):
            factor = 1 / factor
        now = self.values.get(places[0].name, places[0].default)
        self.reading.guessed |= guessed
        used = [(word.start, word.end)] if word is not None else []
        if float(now) == 0 and factor > 1:
            usual = float(places[0].default) or _middle(places[0])
            value = round(usual) if places[0].kind == "integer" else usual
            set_to = places[0].accept(value)
            self._do(Operation(places[0].name, "set", set_to, named_only=True), *used)
        else:
            self._do(Operation(places[0].name, "multiply", factor), *used)

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
            spoken = [p for p in spoken if not is_count(p)] or spoken
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
            if amount is not None and fitting and not spoken:
                return fitting, False
            if close and not spoken:
                return close, False
            return self._best(spoken, concept, start, end)
        if named:
            return named, False
        if concept is NUMBER:
            counts = [p for p in steady if is_count(p)] or spoken
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


def _in_range(amount: Amount, parameter: Parameter, now: Value) -> bool:
    step = None if amount.mention is None else value_for(amount.mention, parameter)
    if step is None:
        return False
    wanted = float(now) + (abs(float(step)) if amount.value > 0 else -abs(float(step)))
    low, high = parameter.minimum, parameter.maximum
    return (low is None or wanted >= low) and (high is None or wanted <= high)


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


def _without_asking(text: str) -> str:
    """Return the text without what it asks to be told, where something else is left and nothing
    in it is a number: "use 120 cars and tell me the mean speed"."""
    for match in _ASKED.finditer(text):
        rest = text[: match.start()] + text[match.end() :]
        if numbers.read(match.group()) or not re.search(r"[A-Za-z]{3}|[\u3400-\u9fff]{2}", rest):
            continue
        text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    return text


def _really_off(span: tuple[int, int], text: str) -> bool:
    said = text[span[0] : span[1]].lower()
    return said not in ("drop", "clear", "lose", "off", "停", "零")


def _accepts(mention: Mention, parameter: Parameter) -> bool:
    try:
        return (
            value_for(mention, parameter) is not None and accepted(mention, parameter) is not None
        )
    except ValueOutOfRange:
        return False


def _middle(parameter: Parameter) -> float:
    low, high = parameter.minimum or 0.0, parameter.maximum
    return max(low, 1.0) if high is None else max(low, high / 3)


def _cardinal(match: re.Match[str]) -> str:
    return str(_ORDINALS.index(match["word"].lower()) + 2)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _spaces(text: str, start: int) -> int:
    return len(text[start:]) - len(text[start:].lstrip())
