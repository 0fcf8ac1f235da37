"""What a language model is to the planners; ``models.py`` is the one door to real ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from .profiles import Profile

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Chat messages; the system part is stable, so that its KV state can be kept."""

    system: str
    user: str
    prefill: str = ""
    """Beginning of the answer, put into the model's mouth where it can be; a hint, no more."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What the model wrote."""

    text: str
    tokens: int
    """Read and written, without what came from the kept KV state."""
    stopped: bool
    """False where it ran into ``max_tokens``."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of some names the model takes."""

    name: str
    """The likeliest."""
    odds: Mapping[str, float]
    """Natural log-probability of each name; a model that only names one says what it names."""
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Typed(Generic[T]):
    """An answer that obeys a type."""

    value: T | None
    """None where it ran into ``max_tokens``."""
    tokens: int


class Model(Protocol):
    """A language model whose output is always constrained."""

    name: str
    profile: Profile
    host: str
    """Where its questions go; empty: a process of this machine."""

    @property
    def process(self) -> int | None:
        """The worker's process id while it is loaded; None also for a model elsewhere."""
        ...

    async def choose(self, prompt: Prompt, names: Sequence[str]) -> Choice:
        """Return which of the names is meant.

        The prefill ends with the quote that opens the name, as in ``{"program": "``.

        Raises:
            ModelUnavailable: the model cannot be used, or gives no usable answer.
            ValueError: a name is empty, or two are alike.
        """
        ...

    async def typed(
        self, prompt: Prompt, kind: type[T], *, grammar: str, max_tokens: int = 200
    ) -> Typed[T]:
        """Return an answer of a type. ``grammar`` is the GBNF of its JSON, for models that decode
        under one; others are given the type's JSON schema.

        Raises:
            ModelUnavailable: the model cannot be used, or gives no usable answer.
        """
        ...

    async def complete(
        self,
        prompt: Prompt,
        *,
        grammar: str,
        shape: re.Pattern[str] | None = None,
        max_tokens: int = 512,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Return a greedy completion that obeys a GBNF grammar; canceling stops decoding.

        A model that knows no grammars is asked again until its text matches ``shape`` from the
        beginning, and what it says before that is left out. Without a shape it is not asked.

        Raises:
            ModelUnavailable: the model cannot be used, or gives no usable answer.
        """
        ...

    async def score(self, prompt: Prompt, choices: Sequence[str]) -> tuple[list[float], int]:
        """Return each choice's log-probability up to where it parts from the others, and the
        tokens read for it."""
        ...

    async def close(self) -> None:
        """End the worker."""
