"""A model that says again what was recorded: completions of a large model in its own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from intentos.planners.model import Choice, Completion, Prompt, T, Typed
from intentos.planners.profiles import Profile

LARGE = Profile(
    family="recorded",
    large=True,
    trusted=frozenset({"choose", "fill", "compose", "python", "wgsl"}),
)


class Recorded:
    """Answers with recorded texts in their order and keeps what it was asked."""

    name = "recorded"
    host = ""
    process = None

    def __init__(self, *texts: str, chooses: str = "", profile: Profile = LARGE) -> None:
        self.profile = profile
        self.asked: list[Prompt] = []
        self._texts = list(texts)
        self._chooses = chooses

    async def choose(self, prompt: Prompt, names: Sequence[str]) -> Choice:
        """Choose what was recorded."""
        odds = {name: 0.0 if name == self._chooses else -9.0 for name in names}
        return Choice(name=self._chooses, odds=odds, tokens=1)

    async def typed(
        self, prompt: Prompt, kind: type[T], *, grammar: str, max_tokens: int = 200
    ) -> Typed[T]:
        """Answer with a recorded JSON object."""
        assert issubclass(kind, BaseModel)
        return Typed(value=kind.model_validate_json(self._texts.pop(0)), tokens=1)

    async def complete(
        self,
        prompt: Prompt,
        *,
        grammar: str,
        shape: re.Pattern[str] | None = None,
        max_tokens: int = 512,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Answer with the next recorded text."""
        self.asked.append(prompt)
        text = self._texts.pop(0)
        if on_text:
            on_text(text)
        return Completion(text=text, tokens=len(text) // 4, stopped=True)

    async def score(self, prompt: Prompt, choices: Sequence[str]) -> tuple[list[float], int]:
        """Like every name equally."""
        return [0.0 for _ in choices], 1

    async def close(self) -> None:
        """Nothing is open."""
