"""Results that a machine got from neighbours and that turned out wrong: kept, and told.

A machine writes down which run a job was for. The hub remembers what it had to correct; whenever
the machine next talks to it, it hears of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from intentos.types import Frozen, now

from .places import Places

if TYPE_CHECKING:
    from .line import Line


class Corrected(Frozen):
    """One such result."""

    seq: int
    key: str
    at: str
    node: str
    """Whose answer it was."""
    what: Literal["corrected", "doubtful"]
    run: str = ""
    step: str = ""
    believed: bool = True
    """Whether the run kept that result; what does not check out here it never did."""


class _Sent(Frozen):
    key: str
    run: str
    step: str
    at: str
    believed: bool = True


def remember(places: Places, key: str, *, run: str, step: str, believed: bool = True) -> None:
    """Write down what a job was for, and whether its result was kept."""
    sent = _Sent(key=key, run=run, step=step, at=now().isoformat(), believed=believed)
    places.folder.mkdir(parents=True, exist_ok=True)
    with places.sent.open("a", encoding="utf-8") as out:
        out.write(sent.model_dump_json() + "\n")


def kept(places: Places) -> list[Corrected]:
    """Return what this machine was told so far, in order."""
    return [Corrected.model_validate(line) for line in _lines(places.corrections)]


def believed(places: Places) -> list[Corrected]:
    """Return which of that stands in a run here."""
    return [one for one in kept(places) if one.believed]


async def fetch(line: Line, places: Places) -> list[Corrected]:
    """Ask the hub what else turned out wrong, keep it and return it.

    Raises:
        ExecutorUnavailable: the hub does not answer.
    """
    known = kept(places)
    since = known[-1].seq if known else 0
    told = (await line.ask(what="corrections", since=since)).corrections
    if not told:
        return []
    sent: dict[str, _Sent] = {}
    for one in _lines(places.sent):
        with suppress(ValidationError):
            own = _Sent.model_validate(one)
            sent[own.key] = own
    new = []
    with places.corrections.open("a", encoding="utf-8") as out:
        for correction in told:
            mine = sent.get(correction.key)
            found = Corrected(
                **correction.model_dump(),
                run=mine.run if mine is not None else "",
                step=mine.step if mine is not None else "",
                believed=mine.believed if mine is not None else True,
            )
            out.write(found.model_dump_json() + "\n")
            new.append(found)
    return new


def _lines(path: Path) -> Iterator[object]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        with suppress(ValueError):  # half a line, after a crash
            yield json.loads(line)
