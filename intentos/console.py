"""Consoles on which a stranger's text stays text: it cannot move the cursor or hide code.

Plans, answers and what steps print come from models, files and programs. Escape sequences and
marks that turn the direction of writing would let them paint over the code that a person is asked
about; they are taken out of everything that is printed. Their cells have no width, so that the
layout stays as it is.
"""

from __future__ import annotations

import re

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.segment import Segment

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class _Seen:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            if segment.control is not None:
                yield segment  # rich's own: the progress line moves the cursor
            else:
                yield Segment(without_controls(segment.text), segment.style)


class _Hook:
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Seen(renderable) for renderable in renderables]


def make_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr that prints no control characters of others."""
    console = Console(stderr=stderr, highlight=False)
    console.push_render_hook(_Hook())  # type: ignore[arg-type]
    return console


def without_controls(text: str) -> str:
    """Return the text without control characters, except tab and line feed, and without marks that
    nobody sees: those for the direction of writing, of no width, and tags."""
    return _UNSEEN.sub("", text)
