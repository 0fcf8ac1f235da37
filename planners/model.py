"""What a language model is to the planners; ``models.py`` is the one door to real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Chat messages; the system part is stable, so that its KV state can be kept."""

    system: str
    user: str
    prefill: str = ""
    """Beginning of the answer, put into the model's mouth."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What the model wrote."""

    text: str
    tokens: int
    """Read and written, without what came from the kept KV state."""
    stopped: bool
    """False where it ran into ``max_tokens``."""


class Model(Protocol):
    """A language model whose output is always constrained."""

    name: str

    @property
    def process(self) -> int | None:
        """The worker's process id while it is loaded."""
        ...

    async def complete(
        self,
        prompt: Prompt,
        *,
        grammar: str,
        max_tokens: int = 512,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Return a greedy completion that obeys a GBNF grammar; canceling stops decoding.

        Raises:
            ModelUnavailable: the worker died or the model cannot be loaded.
        """
        ...

    async def score(self, prompt: Prompt, choices: Sequence[str]) -> tuple[list[float], int]:
        """Return each choice's log-probability up to where it parts from the others, and the
        tokens read for it."""
        ...

    async def close(self) -> None:
        """End the worker."""
