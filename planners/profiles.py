"""What a model can be trusted with, by the family that its name tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Task = Literal["choose", "fill", "compose", "python", "wgsl"]
Form = Literal["native", "json", "words"]
"""How a typed answer is asked for: by its JSON schema (litellm makes a tool of it where those are
all that a provider knows), as some JSON, or by words alone; the last two describe the JSON."""

_ALL: frozenset[Task] = frozenset({"choose", "fill", "compose", "python", "wgsl"})


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A family of models: what it may be asked, and how."""

    family: str
    large: bool = False
    """Sees more candidates, and fills all parameters in one typed call."""
    trusted: frozenset[Task] = frozenset({"choose", "fill", "python"})
    form: Form = "native"
    """The first way to ask for a typed answer; one that is refused is followed by a plainer one."""
    thinks: bool = False
    """Writes down its thoughts before the answer, which takes many tokens."""
    temperature: float | None = 0.0
    """None: the family refuses to be given one."""
    note: str = ""
    """Added to every prompt."""

    def tokens(self, wanted: int) -> int:
        """Return how many tokens an answer may take where ``wanted`` would do without thoughts."""
        if self.thinks:
            return wanted + 8000
        return max(wanted, 2000) if self.large else wanted


EMBEDDED = Profile(family="embedded", trusted=frozenset({"choose", "fill", "compose", "python"}))
"""The 1.5B model in a process of this machine: it chooses and fills in; its physics is wrong."""

_LARGE = Profile(family="large", large=True, trusted=_ALL)
_MIDDLE = Profile(family="middle", trusted=frozenset({"choose", "fill", "compose", "python"}))
_SMALL = Profile(family="small", form="json")

# First match wins. Sizes are what a name says ("-7b", "-72b"); a name that says nothing and
# belongs to no family below is taken for a small model, which costs speed and never correctness.
_FAMILIES: tuple[tuple[str, Profile], ...] = (
    (
        r"(^|/)(o[1345](-|$)|gpt-5)",
        replace(_LARGE, family="openai-reasoning", thinks=True, temperature=None),
    ),
    (r"gpt-oss", replace(_LARGE, family="gpt-oss", form="json", thinks=True)),
    (r"gpt-4|gpt-3\.5|chatgpt", replace(_LARGE, family="gpt")),
    (r"claude", replace(_LARGE, family="claude", temperature=None)),
    (r"gemini", replace(_LARGE, family="gemini")),
    (
        r"deepseek.*(r1|reasoner)|qwq|magistral|thinking",
        replace(_LARGE, family="thinking", form="json", thinks=True),
    ),
    # It thinks unless it is told not to; choosing and filling in need no thoughts.
    (
        r"qwen-?3(?!.*coder)(?!.*-(0\.6|1\.7|4)b)",
        replace(_LARGE, family="qwen3", form="json", note="/no_think"),
    ),
    (r"qwen-?3(?!.*coder)", replace(_SMALL, family="qwen3-small", note="/no_think")),
    (r"deepseek|kimi|moonshot|glm-[45]|grok", replace(_LARGE, family="open-large")),
    (r"qwen.*(max|plus|coder-480b)|mistral-(large|medium)|command-(r|a)|llama-?4", _LARGE),
    (r"(^|[^\d.])(2[4-9]|[3-9]\d|\d{3})b\b", replace(_LARGE, family="by-size")),
    (r"(^|[^\d.])(7|8|9|1\d|2[0-3])b\b|devstral|codestral|mistral-small", _MIDDLE),
)


def profile_of(name: str) -> Profile:
    """Return the profile of a model by its name, such as ``anthropic/claude-sonnet-4-5``."""
    wanted = name.lower()
    for pattern, profile in _FAMILIES:
        if re.search(pattern, wanted):
            return profile
    return _SMALL
