"""What a follow-up wants more or less of, reversed, gone, or there at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intentos.parameters import Parameter

from .amounts import Amount
from .colours import read_colours
from .concepts import (
    NUMBER,
    VERBS,
    Concept,
    Relative,
    concept_of,
    degree,
    opposite,
    relatives,
)
from .finding import Finder, middle
from .naming import Spot, clause, is_count, nearest
from .operation import RAISED, Operation

_NEAR = 14
OFF = re.compile(
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
_STILL = re.compile(
    r"\b(?:hold|keep|stand|stay|hang)(?:s|ing)?\s+(?:it\s+|them\s+)?(?:quite\s+)?still\b"
    r"|\bstop (?:moving|swaying|turning|spinning|rotating)\b|\bmotionless\b"
    r"|别动|不要动|不动了|停住|静止|定住|不晃了?|别晃了?|不摇了?|别摇了?",
    re.IGNORECASE,
)
_MOTIONS = frozenset("turns turn spin sway swing flap".split())
_ANOTHER = re.compile(
    r"\b(?:another|(?:some |an? )?(?:other|different|new))\s+|(?:换|改|变)一?[个种下套样]"
    r"(?:别的|其[他它]的?)?(?=\S{1,3}(?:吧|看看|试试|[。!！]|\Z))|(?:别的|其[他它]的?|另一?[个种])",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"colou?rs?\b|palettes?\b|颜色|色彩|配色", re.IGNORECASE)
_REVERSE = re.compile(
    r"\b(?:the other way(?: round| around)?|backwards?|in reverse|reverse(?:d)?|opposite (?:way"
    r"|direction)|counter-?clockwise)\b"
    r"|反着|反过来|倒着|反方向|反向|逆时针|倒转|反转",
    re.IGNORECASE,
)
_POSITIVE = re.compile(r"\A(?!more|less|fewer|worse|better|further)[a-z]*(?<!er)\Z", re.IGNORECASE)


class Moves(Finder):
    """Reads relative words, verbs, switches, what shall not be, and what is only named."""

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
            off = next(((s, o) for s in own if (o := self._beside(OFF, s.start, s.end))), None)
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

    def _still(self) -> None:
        """Read "hold it still", 别动了: what sways, turns or spins no more."""
        match = _STILL.search(self.plain)
        moving = [p for p in self._open(self.numeric) if p.name in _MOTIONS]
        if match is None or self._is_used(*match.span()):
            return
        for parameter in moving:
            if (parameter.minimum or 0) <= 0:
                self._do(Operation(parameter.name, "set", 0), match.span())

    def _several_colours(self) -> None:
        """Read "in blue and white" where two things have a colour: in the order of the knobs."""
        said = [m for m in read_colours(self._left()) if not self._is_used(m.start, m.end)]
        inks = [p for p in self._open() if p.kind == "colour" and p.name != "background"]
        if len(said) < 2 or len(said) > len(inks):
            return
        for parameter, mention in zip(inks, said, strict=False):
            value = parameter.accept(mention.value)
            self._do(Operation(parameter.name, "set", value), (mention.start, mention.end))

    def _another(self) -> None:
        """Read "another colour", 换个配色: of what can be chosen, the next one."""
        rest = self._left()
        for match in _ANOTHER.finditer(rest):
            near = [
                s for s in self.spots
                if s.parameter.kind in ("choice", "colour")
                and -1 <= s.start - match.end() <= 1 and s.parameter in self._open()
            ]  # fmt: skip
            wanted = list(dict.fromkeys(s.parameter.name for s in near))
            if not wanted and _COLOUR.match(rest, match.end()):
                inks = [p for p in self._open() if p.kind == "colour" or p.name == "palette"]
                wanted = [p.name for p in inks][:1]
            if not wanted:
                continue
            parameter = self.plan.parameter(wanted[0])
            self._do(Operation(parameter.name, "set", self._next(parameter)), match.span())
            self.used += [(s.start, s.end) for s in near]

    def _next(self, parameter: Parameter) -> str:
        """Return the choice behind the one that holds now, or the colour opposite to it."""
        now = str(self.values.get(parameter.name, parameter.default))
        if parameter.kind == "choice":
            places = parameter.choices
            return places[(places.index(now) + 1) % len(places)] if now in places else places[0]
        red, green, blue = (int(now[i : i + 2], 16) for i in (1, 3, 5))
        turned = (green, blue, red) if max(red, green, blue) - min(red, green, blue) > 40 else (
            46, 134, 222
        )  # fmt: skip
        return "#{:02x}{:02x}{:02x}".format(*turned)

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

    def _only_named(self) -> None:
        """Read "let wind move the trees", 来点风: what is named shall be there, or more of it."""
        rest = self._left()
        if _QUESTION.search(self.plain) or OFF.search(self.plain):
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
            usual = float(parameter.default) or middle(parameter)
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
        if not float(now) and not float(places[0].default) and self.reading.operations:
            if word is not None:
                self.used.append((word.start, word.end))
            return  # "aim higher, 50 degrees": what is nothing does not grow beside that
        self.reading.guessed |= guessed
        used = [(word.start, word.end)] if word is not None else []
        if float(now) == 0 and factor > 1:
            usual = float(places[0].default) or middle(places[0])
            value = round(usual) if places[0].kind == "integer" else usual
            set_to = places[0].accept(value)
            self._do(Operation(places[0].name, "set", set_to, named_only=True), *used)
        else:
            self._do(Operation(places[0].name, "multiply", factor), *used)


def _really_off(span: tuple[int, int], text: str) -> bool:
    said = text[span[0] : span[1]].lower()
    return said not in ("drop", "clear", "lose", "off", "停", "零")
