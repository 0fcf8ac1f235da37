"""Times of the day and months as people say them: "at night", "傍晚", "in July"."""

from __future__ import annotations

import re

from intentos.parameters import Parameter

_HOURS: tuple[tuple[str, float], ...] = (
    (r"\b(?:before (?:dawn|sunrise))\b|凌晨|黎明前|天亮前", 4.5),
    (r"\b(?:dawn|sunrise|daybreak|first light)\b|黎明|拂晓|清晨|日出|破晓|天亮|一大早", 6.4),
    (r"\b(?:morning)\b|早上|早晨|上午", 9.0),
    (r"\b(?:noon|midday|high noon)\b|正午|中午|晌午", 12.0),
    (r"\b(?:afternoon)\b|下午|午后", 15.0),
    (r"\b(?:sunset|sundown|golden hour)\b|日落|夕阳|落日|晚霞|天黑前", 17.6),
    (r"\b(?:dusk|evening|twilight)\b|傍晚|黄昏|暮色", 18.2),
    (r"\b(?:nightfall)\b|入夜|夜幕", 19.5),
    (r"\b(?:midnight)\b|午夜|半夜|深夜|子夜", 0.0),
    (r"\b(?:night|night-time|nighttime|after dark)\b|晚上|夜里|夜晚|夜间|夜景|天黑|黑夜"
     r"|晚间", 22.0),
    (r"\b(?:day|daytime|daylight|broad daylight)\b|白天|大白天|日间", 13.0),
)  # fmt: skip
_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_MONTH = re.compile(
    rf"\b(?:in|of|for|at|to|month)\s+(?:the\s+month\s+of\s+)?(?P<full>{'|'.join(_MONTHS)})\b"
    rf"|\b(?P<short>{'|'.join(m for m in _MONTHS if m not in ('march', 'may'))})\b",
    re.IGNORECASE,
)


def hour(text: str) -> tuple[float, int, int] | None:
    """Return the hour that a time of the day stands for, and where it was said."""
    for form, value in _HOURS:
        if (match := re.search(form, text, re.IGNORECASE)) is not None:
            return value, match.start(), match.end()
    return None


def month(text: str) -> tuple[int, int, int] | None:
    """Return the month that is named by an English name, and where; 七月 is a number."""
    match = _MONTH.search(text)
    if match is None:
        return None
    name = (match["full"] or match["short"]).lower()
    return _MONTHS.index(name) + 1, match.start(), match.end()


def is_hour(parameter: Parameter) -> bool:
    """Return whether a parameter is a time of the day."""
    return parameter.name == "hour" and parameter.kind in ("number", "integer")


def is_month(parameter: Parameter) -> bool:
    """Return whether a parameter is a month of the year."""
    return parameter.name == "month" and parameter.kind == "integer"
