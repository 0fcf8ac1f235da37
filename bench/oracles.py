"""Judges what came out of a wish: numbers, words, parameters, pictures, and how plans changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from intentos.types import Language, language_of

from .cases import AnyOf, Oracle
from .looking import MOVED, Look

SAID = 0.001
"""Relative difference up to which a parameter holds what was said."""
RATIO = 0.02
"""Relative difference of a ratio: whole numbers are rounded."""
MIRRORED = 0.7
"""How far a picture must be its own mirror image: labels at its edge may be no part of it."""
HUES = {
    "red": (335, 25),
    "orange": (15, 50),
    "yellow": (40, 75),
    "green": (70, 170),
    "cyan": (160, 205),
    "blue": (185, 265),
    "purple": (255, 315),
    "pink": (300, 355),
}
"""Degrees of the colour wheel, from and to, that go by a name; neighbours overlap."""


@dataclass(frozen=True)
class Outcome:
    """What one sentence led to."""

    report: Mapping[str, Any]
    """The object that ``intentos ask --json`` prints."""
    words: str = ""
    """Title and interpretation, in both languages."""
    look: Look = field(default_factory=Look)
    tokens: int = 0
    plan_s: float | None = None
    frame_s: float | None = None

    @property
    def completed(self) -> bool:
        """Whether it ran to its end with no failed check."""
        return bool(self.report["status"] == "completed" and self.report["badge"] != "failed")

    @property
    def answer(self) -> str:
        """The answer sentence."""
        return str(self.report.get("answer") or "")

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameter name → value."""
        return dict(self.report.get("parameters") or {})


@dataclass(frozen=True)
class Finding:
    """One thing that was asked, whether it holds, and what was found."""

    right: bool
    found: str


def judge(
    oracle: Oracle, outcomes: Sequence[Outcome], language: Language = "en"
) -> dict[str, Finding]:
    """Return a finding for each thing that must hold of the last outcome.

    Args:
        oracle: what must hold.
        outcomes: of the conversation so far, the one to be judged last.
        language: the language that was spoken.
    """
    now = outcomes[-1]
    if oracle.refused:
        return {"refused": _refused(now)}
    found = {"completed": Finding(now.completed, _how(now)), "language": _spoken(now, language)}
    if not now.completed:
        return found
    found |= _of_result(oracle, now)
    found |= _of_picture(oracle, now.look)
    if len(outcomes) > 1:
        found |= _of_change(oracle, outcomes)
    return found


def numbers_in(text: str) -> list[float]:
    """Return every number that a sentence tells, each in all ways in which it can be meant.

    "66.7 %" is 66.7 and 0.667; "1/4" is 0.25; "3 万" is 3 and 30000; "6.02×10⁻²⁰" is itself.
    """
    found: list[float] = []
    for match in _NUMBER.finditer(text):
        body = re.sub("[,，]", "", match["body"])
        power = (match["exponent"] or match["power"] or "0").translate(_RAISED)
        value = float(f"{body}e{int(power)}")
        value = -value if match["sign"] else value
        found.append(value)
        if match["scale"]:
            found.append(value * _SCALES[match["scale"].lower()])
        if text[: match.start()].rstrip().endswith("百分之"):
            found.append(value / 100)
    for above, below in re.findall(r"(?<![\d./])(\d+)\s*/\s*(\d+)(?![\d./])", text):
        if int(below):
            found.append(int(above) / int(below))
    return found


def near(number: float, wanted: AnyOf, tolerance: float) -> bool:
    """Whether a number is one of those wanted, up to a relative difference."""
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(abs(number - one) <= tolerance * abs(one) + 1e-300 for one in several)


_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")
_SCALES = {
    "%": 0.01, "％": 0.01, "percent": 0.01, "thousand": 1e3, "million": 1e6, "billion": 1e9,
    "trillion": 1e12, "k": 1e3, "万": 1e4, "亿": 1e8, "万亿": 1e12,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])(?P<sign>(?<![\d)])[-−])?\s?"
    r"(?P<body>\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<exponent>[-+−]?\d+)"
    r"|\s*[×x*·]\s*10(?:\^|\*\*)?[{(]?(?P<power>[-+−]?\d+|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
    r"(?:\s*(?P<scale>%|％|percent|万亿|万|亿|thousand|million|billion|trillion|k(?![A-Za-z])))?",
    re.IGNORECASE,
)
_CANNOT = re.compile(
    r"\bcan(?:no|')t\b|\bcannot\b|\bunable\b|\bnot able\b|\bnot possible\b|\bdon't know\b"
    r"|无法|不能|不知道|办不到|做不到|没法|不会",
    re.IGNORECASE,
)


def _how(now: Outcome) -> str:
    error = now.report.get("error")
    told = f", {error['code']}: {error['message']}" if error else ""
    failed = [c["name"] for c in now.report.get("checks", ()) if c["status"] == "failed"]
    return f"{now.report['status']}, {now.report['badge']} {failed or ''}{told}".strip()


def _spoken(now: Outcome, language: Language) -> Finding:
    """The answer is in the language of the question, if there are words in it at all."""
    wordless = not re.search(r"[^\W\d_]{3}", now.answer) and language == "en"
    right = bool(now.answer) and (language_of(now.answer) == language or wordless)
    return Finding(right or not now.completed, now.answer[:200] or "no answer")


def _refused(now: Outcome) -> Finding:
    """Nothing is made up, and it is said: an error of planning, or an answer that says no."""
    error = now.report.get("error") or {}
    if now.report["status"] != "completed":
        no = str(error.get("code", "")).startswith(("planning.", "refused."))
        return Finding(no, _how(now))
    empty = not now.report.get("values") and not now.look.pictures and not now.look.sounds
    said = bool(_CANNOT.search(now.answer))
    return Finding(empty and said, f"{_how(now)}: {now.answer[:200]}")


def _of_result(oracle: Oracle, now: Outcome) -> dict[str, Finding]:
    found = {}
    if oracle.numbers:
        told = [*numbers_in(now.answer), *_reported(now.report.get("values") or {})]
        missing = [w for w in oracle.numbers if not _any(told, w, oracle.tolerance)]
        found["numbers"] = Finding(not missing, f"missing {missing}: {now.answer[:200]}")
    if oracle.contains:
        found["contains"] = Finding(
            _flat(oracle.contains) in _flat(now.answer + str(now.report.get("values") or "")),
            now.answer[:200],
        )
    if oracle.answers:
        there = re.search(oracle.answers, now.answer, re.IGNORECASE) is not None
        found["answers"] = Finding(there, now.answer[:200])
    if oracle.holds:
        held = [v for v in now.parameters.values() if _is_number(v)]
        missing = [w for w in oracle.holds if not _any(held, w, SAID)]
        found["holds"] = Finding(not missing, f"missing {missing}: {now.parameters}")
    if oracle.about:
        right = re.search(oracle.about, now.words, re.IGNORECASE) is not None
        found["about"] = Finding(right, now.words[:200])
    return found


def _of_picture(oracle: Oracle, look: Look) -> dict[str, Finding]:
    found = {}
    if oracle.picture:
        found["picture"] = Finding(look.pictures > 0, f"{look.pictures} that are not blank")
    if oracle.moves:
        found["moves"] = Finding(look.moved >= MOVED, f"{look.moved:.2%} of the pixels change")
    if oracle.sound:
        found["sound"] = Finding(look.sounds > 0, f"{look.sounds} that are not silent")
    if oracle.colour is not None:
        low, high = HUES[oracle.colour]
        hue = look.hue
        right = hue is not None and (hue - low) % 360 <= (high - low) % 360
        found["colour"] = Finding(right, f"hue {hue}")
    if oracle.symmetric is not None:
        share = look.left_right if oracle.symmetric == "left-right" else look.top_bottom
        found["symmetric"] = Finding(share >= MIRRORED, f"{share:.2f} of it is its mirror image")
    return found


def _of_change(oracle: Oracle, outcomes: Sequence[Outcome]) -> dict[str, Finding]:
    before, now = outcomes[-2], outcomes[-1]
    changed = {
        name: (before.parameters.get(name), value)
        for name, value in now.parameters.items()
        if value != before.parameters.get(name)
    }
    same = before.report["plan"] == now.report["plan"]
    found = {}
    if oracle.becomes:
        right = len(changed) == 1 and all(
            _is_number(new) and near(new, oracle.becomes, SAID) for _, new in changed.values()
        )
        found["becomes"] = Finding(right, f"changed: {changed}")
    if oracle.ratio is not None:
        ratio = oracle.ratio
        right = len(changed) == 1 and all(
            _is_number(old) and _is_number(new) and near(new, old * ratio, RATIO)
            for old, new in changed.values()
        )
        found["ratio"] = Finding(right, f"changed: {changed}")
    if oracle.same_plan:
        found["same_plan"] = Finding(same, "the same plan" if same else "another plan")
    if oracle.back:
        first = outcomes[-3] if len(outcomes) > 2 else before
        right = now.parameters == first.parameters and bool(changed)
        found["back"] = Finding(right, f"{now.parameters} after {first.parameters}")
    if oracle.new:
        right = not same and re.search(oracle.new, now.words, re.IGNORECASE) is not None
        found["new"] = Finding(
            right, f"{'the same' if same else 'another'} plan: {now.words[:150]}"
        )
    if oracle.compare:
        found["compare"] = _compared(outcomes)
    return found


def _compared(outcomes: Sequence[Outcome]) -> Finding:
    """What the two runs before answered, in numbers that differ, is told side by side."""
    now = outcomes[-1]
    told = [*numbers_in(now.answer), *_reported(now.report.get("values") or {})]
    sides = [set(numbers_in(outcome.answer)) for outcome in outcomes[-3:-1]]
    if len(sides) < 2:
        return Finding(False, "there was nothing to compare")
    own = [side - sides[1 - place] for place, side in enumerate(sides)]
    right = all(any(_any(told, number, 0.005) for number in side) for side in own)
    return Finding(right, now.answer[:200])


def _reported(values: Mapping[str, Any]) -> list[float]:
    return [n for quantity in values.values() for n in _flat_numbers(quantity.get("value"))]


def _flat_numbers(value: Any) -> Iterable[float]:
    if _is_number(value):
        yield float(value)
    elif isinstance(value, list):
        for item in value:
            yield from _flat_numbers(item)
    elif isinstance(value, dict):
        yield from _flat_numbers(list(value.values()))
    elif isinstance(value, str):
        yield from numbers_in(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _any(told: Iterable[float], wanted: AnyOf, tolerance: float) -> bool:
    return any(near(number, wanted, tolerance) for number in told)


def _flat(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()
