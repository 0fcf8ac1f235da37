"""Finds formulas and lists of numbers in what a person writes: "plot x^2 - 3x", "2, 4, 4, 5".

A formula is the longest run of numbers, known functions, single letters and operators that holds
an operator or a function, and a variable. Words for powers and roots count as signs: "x squared",
"x的平方". What it means is for the reader of formulas to say; here only its place is found.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from . import numbers
from .chance_terms import CALL, as_variables
from .numerals import chinese_value

_FUNCTIONS = (
    "sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh exp ln log log2 log10 lg sqrt "
    "cbrt abs floor ceil round min max sign mod atan2 hypot"
)
_NAME = r"(?:[A-Za-z]\d?|[xyzuv]{2,3})(?![A-Za-z_\d])"
_TOKEN = re.compile(
    rf"(?P<draw>{CALL})"
    rf"|(?P<function>(?:{'|'.join(sorted(_FUNCTIONS.split(), key=len, reverse=True))})(?=\s*[(\d])"
    r"|(?:(?<=[=+\-*/\d(])|(?<=[=+\-*/] )"
    r"|(?!(?:cost|tank|tang|tans|sine|sink|sing|sins|logs|logo)\b))"
    r"(?:sin|cos|tan|ln|log|exp|sqrt)(?=\s*[a-zθπ](?![a-z])))"
    r"|(?P<number>\d+(?:\.\d+)?(?:e[-+]?\d+)?|\.\d+)"
    r"|(?P<rate>d[A-Za-z]\d?\s*/\s*dt(?![A-Za-z])|∂[A-Za-z]\d?\s*/\s*∂t|[A-Za-z]\d?['′](?=\s*=))"
    r"|(?P<field>(?:lap|dx|dy|dxx|dyy)(?=\s*\()|∇²|∇\^2)"
    rf"|(?P<constant>pi(?![A-Za-z])|π|tau(?![A-Za-z]))|(?P<variable>{_NAME}|θ)"
    r"|(?P<operator>\*\*|[-+*/^×·÷−＋－＊／²³√]|(?<=\w)\s*%(?=\s*[\w(]))"
    r"|(?P<equals>=(?!=))|(?P<compare>[<>]=?|[≤≥])|(?P<open>[(（])|(?P<close>[)）])"
    r"|(?P<comma>[,，](?=[^()（）]*[)）]))|(?P<bar>\|)",
)
_VARIABLE = r"(?<![A-Za-z])[a-z]"
_LEFT = rf"(?<=[\d)²³])|(?<={_VARIABLE})"
"""What an operation in words stands behind: a number, a bracket or a single letter."""
_RIGHT = r"(?=\s*(?:\d|\(|√|[a-z](?![a-z])|(?:sin|cos|tan|exp|ln|log|sqrt|abs)\b))"
_SIDE = r"[A-Za-z\d(][A-Za-z\d().^*/+\-√²³π ]{0,40}?"
_TERM = r"(?:[A-Za-z](?![A-Za-z])|\d|(?:sin|cos|tan|exp|ln|log|sqrt)\()[a-z\d().^*/+\-√²³π ]{0,40}?"
_CN = "二三四五六七八九十"
_TURN = r"\d*\s?(?:[a-z]\s?\*?\s?(?:pi|π)|(?:pi|π)\s?\*?\s?[a-z])(?![a-z])"
"""An exponent such as "i pi"."""
_MATH = re.compile(r"[\d()^*/+√²³-]|(?<![A-Za-z])[A-Za-z](?![A-Za-z])")


def _power_of(match: re.Match[str]) -> str:
    said = match["n"].replace("负", "-").replace("minus", "-").replace("negative", "-")
    said = re.sub(r"\s", "", said)
    if "pi" in said or "π" in said:
        factors = re.findall(r"pi|π|\d+(?:\.\d+)?|[a-z]", said)
        return f"^({'-' if said[0] == '-' else ''}{'*'.join(factors)})"
    number = chinese_value(said) if said[0] in _CN else None
    said = f"{number:g}" if number is not None else said
    return f"^{said}" if re.fullmatch(r"[\da-z]", said) else f"^({said})"


def _equation(match: re.Match[str]) -> str:
    left, right = match["l"].strip(), match["r"].strip()
    return f"{left} = {right}" if _MATH.search(left) and _MATH.search(right) else match.group()


def _called(name: str) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{name}({match['x']})"


_DIGITS = dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11),
                   strict=True))  # fmt: skip
_UNKNOWN = r"(?=\s*[xyt](?![A-Za-z]))"


def _digit(match: re.Match[str]) -> str:
    """Return the factor or the term that a word for a number is: "three x", 三x, "plus one"."""
    said = match["n"].lower()
    if said == "half":
        return "0.5*"
    return f"{_DIGITS[said] if said in _DIGITS else chinese_value(said) or said:g}"


_SPOKEN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(form, re.IGNORECASE), sign)
    for form, sign in (
        (rf"\b(?P<n>{'|'.join(_DIGITS)}|half)(?:\s+times)?\s+{_UNKNOWN}", _digit),
        (rf"(?<=[加减乘于上去+*=-])(?P<n>[两{_CN}]){_UNKNOWN}", _digit),
        (rf"(?<=[a-z\d)²³方][加减])(?P<n>[一两{_CN}])(?![\u3400-\u9fff]?[个只条辆倍半])", _digit),
        (rf"(?:(?<=\bplus\s)|(?<=\bminus\s))(?P<n>{'|'.join(_DIGITS)})\b(?!\s+[a-z]{{2}})", _digit),
        (r"\b(?:the\s+)?absolute\s+value\s+of\s+(?:the\s+)?(?P<f>sine?|cosine|cos)"
         r"(?:\s+(?:of\s+)?(?P<x>[a-z]))?\b",
         lambda match: f"abs({match['f'][:3]}({match['x'] or 'x'}))"),
        (r"\b(?:the\s+)?absolute\s+value\s+of\s+(?P<x>[a-z])\b", _called("abs")),
        (rf"(?<![\w.)])(?P<z>[-−]?\d+(?:\.\d+)?\s*[-+−]\s*\d*(?:\.\d+)?i)\s*的\s*(?P<n>\d+|[{_CN}])\s*次[方幂]",
         lambda match: f"({match['z']}){_power_of(match)}"),
        (rf"(?<=[a-z\d)])\s*的\s*(?P<n>负?(?:{_TURN}|\d+|\d*[a-z]|[{_CN}]))\s*次[方幂]", _power_of),
        (rf"(?<=[a-z)])(?P<n>[{_CN}])次[方幂]", _power_of),
        (rf"(?:{_LEFT})\s+to\s+the\s+(?:power\s+(?:of\s+)?)?"
         rf"(?P<n>(?:minus\s+|negative\s+|-)?(?:{_TURN}|\d+(?![\d%]|(?:st|nd|rd|th)\b)|\d*[a-z](?![a-z])))"
         r"(?!\s*(?:left|right|power))", _power_of),
        (r"(?<=(?<![A-Za-z])[a-z])\s+squared\b|(?<=\))\s+squared\b"
         r"|(?<=[a-z)])\s*的?平方(?!根|米|公里|厘米|千米)", "^2"),
        (r"(?<=(?<![A-Za-z])[a-z])\s+cubed\b|(?<=\))\s+cubed\b|(?<=[a-z)])\s*的?立方(?!米|根|厘米)",
         "^3"),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*的(?:算术)?平方根|根号下?\s*(?=(?P<q>[a-z\d(]))",
         lambda match: f"sqrt({match['x']})" if match["x"] else "sqrt "),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*的(?:自然)?对数", _called("ln")),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*的绝对值", _called("abs")),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*的正弦", _called("sin")),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*的余弦", _called("cos")),
        (r"(?P<x>(?<![A-Za-z])[a-z])\s*分之(?:一|1)", lambda match: f"1/{match['x']}"),
        (r"\b(?:the\s+)?square root of\s+(?=[a-z(\d])(?![a-z]{2})", "sqrt "),
        (r"\b(?:the\s+)?(?:natural\s+)?log(?:arithm)? of\s+(?P<x>[a-z])\b", _called("ln")),
        (r"\b(?:the\s+)?sine of\s+(?=[a-z(\d])", "sin "),
        (r"\b(?:the\s+)?cosine of\s+(?=[a-z(\d])", "cos "),
        (r"\bone over\s+(?P<x>[a-z])\b", lambda match: f"1/{match['x']}"),
        (rf"(?:{_LEFT})\s+plus\s+{_RIGHT}|(?<=[a-z\d)])\s*再?加上?\s*(?=[a-z\d(])", "+"),
        (rf"(?:{_LEFT})\s+minus\s+{_RIGHT}|(?<=[a-z\d)])\s*再?减去?\s*(?=[a-z\d(])", "-"),
        (rf"(?:(?<=\))|(?<={_VARIABLE})|(?<=\^\d)|(?<=[²³]))\s+times\s+{_RIGHT}"
         r"|(?<=\d)\s+times\s+(?=[a-z](?![a-z])|\(|(?:sin|cos|tan|exp|ln|log|sqrt)\b)"
         r"|(?<=[a-z\d)])\s*乘[以上]?\s*(?=[a-z\d(])", "*"),
        (rf"(?:{_LEFT})\s+divided by\s+{_RIGHT}|"
         r"(?<=[a-z\d)])\s+over\s+(?=[a-z](?![a-z])|\(|\d+\b(?!\s*\w))"
         r"|(?<=[a-z\d)])\s*除以\s*(?=[a-z\d(])", "/"),
        (rf"(?:{_LEFT})\s*(?:\bis equal to\b"
         r"|\b(?:(?:is|be|become)s?\s+)?the same(?:\s+value)? as\b"
         r"|\b(?:is\s+)?(?:just\s+)?as (?:large|big|great|much) as\b"
         r"|\bequals?\b(?:\s+to\b)?|等于)\s*"
         rf"{_RIGHT}", "="),
        (rf"(?P<l>{_SIDE})\s*[跟和与同]\s*(?P<r>{_SIDE})\s*的?值?(?:正好|恰好|刚好|什么时候|何时)?"
         r"(?:相等|相同|一样)大?", _equation),
        (rf"(?<![A-Za-z])(?P<l>{_TERM})\s+and\s+(?P<r>{_TERM})"
         r"\s+(?:are\s+|become\s+)?(?:equal|the same)\b", _equation),
    )
)  # fmt: skip
# In "1, 2, 3 and 4, 5, 6" the word stands between two lists, in "1, 2 and 3" within one.
_NUMBER = r"[-−]?\d+(?:\.\d+)?"
_SCALED = r"(?:\s?(?:[百千]?万|亿|千(?![米克瓦焦])|百(?!分))|k(?![A-Za-z]))?"
_GLUED = _SCALED + (
    r"(?:\s?(?:°C|℃|°|度|公斤|千克|斤|克|kg|g|厘米|米|cm|mm|m|元|块|分|岁|人|个|次|根|只|件|%|秒|s|ohms?|Ω|欧)"
    r"(?![A-Za-z\u3400-\u9fff]))?"
)
_JOIN = rf"(?:and\s+|和)(?!\s*{_NUMBER}(?:\s*[,，、]|\s+{_NUMBER}\s+{_NUMBER}))"
_LIST = re.compile(
    rf"(?<![A-Za-z\d_.]){_NUMBER}{_GLUED}"
    rf"(?:\s*(?:[,，、;；]\s*(?:{_JOIN})?|\s+(?:{_JOIN})?|{_JOIN})"
    rf"(?<!\d){_NUMBER}{_GLUED}){{2,}}(?![A-Za-z\d_%]|\.\d)"
)
_COUPLE = re.compile(
    rf"(?<![A-Za-z\d_.]){_NUMBER}(?:\s*[,，、]\s*|\s*(?:and|和|跟|与)\s*){_NUMBER}(?![A-Za-z\d_%]|\.\d)"
)
_MATRIX = re.compile(
    r"\[\s*\[[-−\d.,，\s]+\](?:\s*[,，;；]?\s*\[[-−\d.,，\s]+\])*\s*\]|\[[-−\d.,，\s]+(?:[;；][-−\d.,，\s]+)+\]"
)
_PAIRS = re.compile(
    r"[(（]\s*[-−]?\d+(?:\.\d+)?\s*[,，]\s*[-−]?\d+(?:\.\d+)?\s*[)）]"
    r"(?:\s*[,，、;；]?\s*(?:(?:and|to|和|到|与|跟)\s*(?:the\s+)?(?:point\s+|点\s*)?)?(?<![A-Za-z])(?:[A-Z]\s?)?[(（]\s*[-−]?\d+(?:\.\d+)?\s*[,，]\s*[-−]?\d+(?:\.\d+)?\s*[)）])+"
)


@dataclass(frozen=True)
class Written:
    """A formula or a list of numbers, with its place in the text."""

    kind: Literal["formula", "list"]
    text: str
    """As a parameter takes it; an equation is what must become zero."""
    start: int
    end: int
    left: str = ""
    """What stands before the sign of equality: "y", "f(x)", "dx/dt", "x'"."""
    right: str = ""


def written(text: str) -> list[Written]:
    """Return the formulas and lists of a text, in order."""
    found = [
        Written("list", _clean(m.group()), m.start(), m.end())
        for form in (_MATRIX, _PAIRS, _LIST)
        for m in form.finditer(numbers.normal(text))
    ]
    taken = [(w.start, w.end) for w in found]
    found = [
        w
        for w in found
        if not any(a <= w.start and w.end <= b and (a, b) != (w.start, w.end) for a, b in taken)
    ]
    for formula in _formulas(text):
        if not any(formula.start < w.end and w.start < formula.end for w in found):
            found.append(formula)
    return sorted(found, key=lambda w: w.start)


_THINGS = re.compile(
    r"\s+(?!(?:and|or|at|of|to|from|is|are|was|were|with|in|on|per|for|by)\b)[A-Za-z-]+"
    r"(?:\s+(?!(?:and|at|of|to|from|is|are|was|were|with|in)\b)[A-Za-z-]+){0,2}"
    r"\s*(?:[,;]|,?\s+and\b)\s*(?:the\s+|and\s+)?(?:[a-z-]+\s+){0,2}"
    r"|\s*[\u3400-\u9fff]{0,6}\s*[，、,；;]\s*(?:有|和|还有)?[\u3400-\u9fff]{0,8}\s*"
    r"|\s*[\u3400-\u9fff]{0,6}(?:和|还有|以及)[\u3400-\u9fff]{1,8}\s*"
)
"""What stands between two counts of one row: "sparrows, ", 只、喜鹊."""
_LEAST = 3


_WORD = r"(?<![A-Za-z_\d])[A-Za-z_]{3,}\d?"
_STRANGE = re.compile(rf"(?P<called>{_WORD})\($|(?P<before>{_WORD})\s?[*^]\s?$")
_STRANGE_AFTER = re.compile(rf"\s?[*^]\s?(?P<after>{_WORD})|[-+/](?P<call>{_WORD})\(")


def strangers(text: str) -> list[str]:
    """Return the names that a formula is tied to and that nothing here knows: "x*foo(y) + 2"."""
    plain = numbers.normal(text)
    found = []
    for item in written(text):
        if item.kind == "formula":
            opened = item.start + 1 if plain[item.start : item.start + 1] == "(" else item.start
            before = _STRANGE.search(plain[:opened])
            after = _STRANGE_AFTER.match(plain, item.end)
            found += [m[m.lastgroup] for m in (before, after) if m is not None and m.lastgroup]
    return [name for name in dict.fromkeys(found) if name not in _FUNCTIONS.split()]


def counted(text: str) -> list[Written]:
    """Return the counts of different things as a list: "50 sparrows, 30 pigeons and 5 jays"."""
    said = [m for m in numbers.read(text) if m.kind == "number" and not m.weak]
    run: list[numbers.Mention] = []
    for mention in said:
        follows = bool(run) and mention.unit == run[-1].unit and mention.per == run[-1].per
        if follows and _THINGS.fullmatch(numbers.normal(text), run[-1].end, mention.start):
            run.append(mention)
        elif len(run) >= _LEAST:
            break
        else:
            run = [mention]
    if len(run) < _LEAST:
        return []
    values = ", ".join(f"{mention.number:.12g}" for mention in run)
    return [Written("list", values, run[0].start, run[-1].end)]


def couple(text: str) -> list[Written]:
    """Return two numbers that may be a short list: "the mean of 12 and 30"."""
    found = [m for m in _COUPLE.finditer(numbers.normal(text))]
    return [Written("list", _clean(m.group()), m.start(), m.end()) for m in found[:1]]


def _formulas(text: str) -> list[Written]:
    plain, places = _signs(numbers.normal(text))
    found = []
    run: list[re.Match[str]] = []
    position = 0
    while position <= len(plain):
        match = _TOKEN.match(plain, position) if position < len(plain) else None
        if match is not None and not _is_word(match, plain, run):
            run.append(match)
            position = match.end()
            continue
        space = re.compile(r"[ \t]+").match(plain, position)
        if space is not None and run:
            position = space.end()
            continue
        if (formula := _formula(run, plain)) is not None:
            body, start, end = formula
            left, _, right = (part.strip() for part in plain[start:end].partition("="))
            place = (places[start], places[end - 1] + 1)
            found.append(Written("formula", body, *place, left if right else "", _bracketed(right)))
        run = []
        # A word is skipped whole: its letters are no variables.
        word = re.compile(r"[A-Za-z_\d]+|.", re.DOTALL).match(plain, position)
        position = word.end() if word is not None else position + 1
    return found


def _signs(text: str) -> tuple[str, list[int]]:
    """Return the text with spoken operations as signs, and where each character came from."""
    places = list(range(len(text)))
    for form, said in _SPOKEN:
        for match in reversed(list(form.finditer(text))):
            start, end = match.span()
            sign = said if isinstance(said, str) else said(match)
            if sign == match.group():
                continue
            text = text[:start] + sign + text[end:]
            places[start:end] = [places[start]] * (len(sign) - 1) + [places[end - 1]]
    return text, places


def _is_word(match: re.Match[str], text: str, run: list[re.Match[str]]) -> bool:
    """Whether a single letter is an English word here: "a", "I"; or begins the question behind an
    equation, "5^x = 100 x 是多少"; or a number is not of it: "2x + 1 500 times"."""
    if match.lastgroup == "number" and run and run[-1].end() < match.start():
        return run[-1].lastgroup in ("close", "draw", "variable", "constant", "number")
    if match.lastgroup == "variable" and run and run[-1].end() < match.start():
        asked = re.match(r"\s*(?:[\u3400-\u9fff]|is\b|what\b|=\s*[?？])", text[match.end() :])
        if (
            asked
            and run[-1].lastgroup in ("number", "variable", "close", "constant")
            and any(m.lastgroup == "equals" for m in run)
        ):
            return True
    if match.lastgroup != "variable" or match.group() not in ("a", "A", "I"):
        return False
    before = bool(run) and run[-1].lastgroup in ("operator", "open", "number", "equals", "comma")
    after = re.match(r"\s*(?:[-+*/^=)²³]|\*\*)\s*[\w(.]|\s*[²³)]", text[match.end() :]) is not None
    return not (before or after)


def _formula(run: list[re.Match[str]], text: str) -> tuple[str, int, int] | None:
    """Return the run as a formula, with its span, or None where it is none."""
    run = _trimmed(run)
    groups = [match.lastgroup for match in run]
    calls = "function" in groups or "bar" in groups or "draw" in groups
    rated = "rate" in groups and "equals" in groups
    calls = calls or rated or _line(run)
    if not (calls or "operator" in groups) or not (
        "variable" in groups or "function" in groups or "draw" in groups or rated
    ):
        return None
    if any(
        a.lastgroup == b.lastgroup == "number" for a, b in itertools.pairwise(run)
    ) or groups.count("open") != groups.count("close"):
        return None
    signs = {match.group() for match in run if match.lastgroup == "operator"}
    letters = {match.group() for match in run if match.lastgroup == "variable"}
    body = text[run[0].start() : run[-1].end()].strip()
    imaginary = letters == {"i"} and _IMAGINARY.search(body)
    priced = letters & set("pqPQ") and _PRICED.search(body)
    if not (calls or imaginary or priced or letters & set("xyztnkuvθ")) and signs <= {"/", "-"}:
        return None  # "A/B test", "m/s"
    if any(m.unit and m.text == body for m in numbers.read(body)):
        return None
    return as_variables(_bracketed(_one_side(body))), run[0].start(), run[-1].end()


_DERIVATIVE = re.compile(r"\s*[A-Za-z]['′]\s*")
_SIGNS = str.maketrans({"·": "*", "²": "^2", "³": "^3"})
_BARE = re.compile(
    r"(?<![A-Za-z])(?P<f>sin|cos|tan|ln|log|exp|sqrt)\s*(?P<p>[²³]|\^\d(?=\s*[a-zθ\d]))?\s*"
    r"(?P<x>(?:\d+(?:\.\d+)?\s?\*?\s?)?(?:(?:pi|π)\s?\*?\s?)?(?:(?:pi|π)(?![A-Za-z])|[a-zθ](?![A-Za-z]))"
    r"(?:[²³]|\^\d+)?)(?!\s*\()"
)


def _bracketed(body: str) -> str:
    """Return the formula with brackets where a function's argument has none: "x·sin 2x"."""
    return _BARE.sub(lambda m: f"{m['f']}({m['x']}){m['p'] or ''}", body).translate(_SIGNS)


def _line(run: list[re.Match[str]]) -> bool:
    """Whether it is "y = x", a formula without any operator."""
    said = "".join(match.group() for match in run)
    return re.fullmatch(r"(?:y|f\(x\))=[-−]?x", said) is not None


_PRICED = re.compile(r"\d\s*\*?\s*[pqPQ](?![A-Za-z])|(?<![A-Za-z])[pPqQ]\s*=")
"""A line of demand or supply: "120 - 4p", "P = 60 - Q"."""
_IMAGINARY = re.compile(r"\d\s*[-−]\s*\d+(?:\.\d+)?\s?i$")


def _trimmed(run: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the run without signs at its ends that belong to the sentence."""
    endings = ("operator", "equals", "compare", "open", "comma")
    while run and (
        (run[-1].lastgroup in endings and run[-1].group() not in "²³")
        or (run[-1].lastgroup == "close" and not _balanced(run))
    ):
        run = run[:-1]
    while run and (
        run[0].lastgroup in ("equals", "compare", "close", "comma")
        or (run[0].lastgroup == "operator" and run[0].group() not in "-−－√")
        or (run[0].lastgroup == "open" and not _balanced(run))
    ):
        run = run[1:]
    return run


def _balanced(run: list[re.Match[str]]) -> bool:
    groups = [match.lastgroup for match in run]
    return groups.count("open") == groups.count("close")


def _one_side(body: str) -> str:
    """Return the right-hand side of y = … and f(x) = …, and an equation as what must be zero."""
    left, equals, right = body.partition("=")
    if not equals:
        return body
    if _DERIVATIVE.fullmatch(left):
        return right.strip()
    named = re.fullmatch(r"\s*([A-Za-z]\w*)\s*(\([^()]*\))?\s*", left)
    if named is not None and named[1] not in _FUNCTIONS.split() and (named[2] or named[1] != "x"):
        return right.strip()
    if re.fullmatch(r"\s*0(?:\.0*)?\s*", right):
        return left.strip()
    return f"{left.strip()} - ({right.strip()})"


def _clean(text: str) -> str:
    plain = (
        text.translate(str.maketrans("，、；;（）−", ",,,,()-"))
        .replace("and", ",")
        .replace("和", ",")
        .replace("跟", ",")
        .replace("与", ",")
    )
    if "[" in plain:
        rows = re.findall(
            r"[-\d.][-\d., ]*", re.sub(r"\]\s*,?\s*\[", "\n", text).replace(";", "\n")
        )
        return "; ".join(" ".join(re.findall(r"-?\d+(?:\.\d+)?", row)) for row in rows)
    if "(" in plain:
        pairs = re.findall(r"\(([^()]*)\)", plain)
        return "; ".join(re.sub(r"\s*,\s*", ", ", pair.strip()) for pair in pairs)
    found = re.findall(r"(-?\d+(?:\.\d+)?)(k(?![A-Za-z])|\s?[百千万亿]*)", plain)
    scales = [_scale(said) for _, said in found]
    if len(set(scales[:-1])) == 1 and scales[0] == 1:
        scales = scales[-1:] * len(scales)  # 1、2、3万 are 10,000 and so on
    return ", ".join(
        number if scale == 1 else f"{float(number) * scale:.12g}"
        for (number, _), scale in zip(found, scales, strict=True)
    )


_SCALES = {"k": 1000, " ": 1, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}


def _scale(said: str) -> int:
    return math.prod(_SCALES[character] for character in said)
