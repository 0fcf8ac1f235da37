"""From where something is looked at, as people say it: "from above", 从侧面看."""

from __future__ import annotations

import re

from intentos.parameters import Parameter

_ABOVE = re.compile(
    r"\b(?:seen |look(?:ing)? |view(?:ed)? )?(?:straight |right |directly )?(?:from"
    r"|down from) (?:straight |right |directly )?"
    r"(?:above|the top|overhead)\b|\btop[- ]down\b|\btop view\b|\bbird'?s[- ]eye\b|\bface[- ]on\b"
    r"|从?(?:正|头)?(?:上方|上面|顶上|头顶|天上)(?:往下|向下)?(?:看|俯视)|正?俯视图?|鸟瞰|正面看",
    re.IGNORECASE,
)
_SIDE = re.compile(
    r"\bfrom the (?:side|edge)\b|\bside view\b|\bedge[- ]on\b|从?(?:正)?侧面看?|从旁边看|平视|侧视",
    re.IGNORECASE,
)
_WORDS = frozenset("view above tilt 俯视 视角 观看".split())
OVERHEAD = 90.0


def is_view(parameter: Parameter) -> bool:
    """Return whether a parameter is the angle from which something is looked at, 90° from above."""
    own = {*parameter.aliases, parameter.label.zh}
    said = any(word in text for text in own for word in _WORDS)
    return parameter.unit == "deg" and said and (parameter.minimum or 0) >= 0


def angle(text: str, parameter: Parameter) -> tuple[float, int, int] | None:
    """Return the angle that a point of view stands for, within the range, and where it was said."""
    low, high = parameter.minimum, parameter.maximum
    if (match := _ABOVE.search(text)) is not None:
        value = OVERHEAD if high is None else min(OVERHEAD, high)
    elif (match := _SIDE.search(text)) is not None:
        value = 0.0 if low is None else low
    else:
        return None
    return value, match.start(), match.end()
