"""Whether the hub's record is the one it always was: by the signed heads that a machine has kept.

A head says: my record had so many lines and this hash. Whoever keeps one notices when a line before
it is changed, taken out or put in later, whoever did it, the hub's owner included.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from intentos.types import Frozen, now

from .book import NOTHING, chained
from .line import Line
from .wire import BadMessage, Entry, Head, unseal

KEEP_SECONDS = 5.0


class Audit(Frozen):
    """What came of looking."""

    verdict: Literal["whole", "broken", "rewritten", "shortened"]
    """``broken``: a line does not follow from the one before; ``rewritten``: it is not what the
    hub signed for; ``shortened``: lines are missing at the end that it signed for."""
    entries: int
    heads: int
    """Kept ones that were compared."""
    line: int = 0
    """Of the record, where something is wrong."""


async def record(line: Line) -> list[Entry]:
    """Return the hub's whole record."""
    entries: list[Entry] = []
    while True:
        answer = await line.ask(what="audit", since=len(entries))
        if not answer.entries:
            return entries
        entries += answer.entries


def kept_heads(path: Path, hub: str) -> list[Head]:
    """Return the heads that a machine has kept and that the hub has signed."""
    heads = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            sealed = base64.b64decode(json.loads(line)["head"], validate=True)
            head = unseal(Head, sealed, hub)
        except (ValueError, KeyError, TypeError, binascii.Error, BadMessage):
            continue  # half a line, after a crash; or not the hub's
        heads.append(head)
    return heads


def keep_heads(path: Path, heads: list[str]) -> None:
    """Keep the newest of some sealed heads, and empty the list; one every few seconds is enough."""
    if not heads:
        return
    with suppress(FileNotFoundError):
        # A file from the future is one of a clock that has been put right since.
        if 0 <= time.time() - path.stat().st_mtime < KEEP_SECONDS:
            return
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps({"at": now().isoformat(), "head": heads[-1]}) + "\n")
    heads.clear()


def compare(entries: list[Entry], heads: Iterable[Head]) -> Audit:
    """Return whether a record is whole, and the one that the heads were signed for."""
    heads = list(heads)
    found = Audit(verdict="whole", entries=len(entries), heads=len(heads))
    broken = chained(entries)
    if broken is not None:
        return found.model_copy(update={"verdict": "broken", "line": broken})
    for head in sorted(heads, key=lambda head: head.seq):
        if head.seq > len(entries):
            return found.model_copy(update={"verdict": "shortened", "line": head.seq})
        digest = entries[head.seq - 1].hash if head.seq else NOTHING
        if digest != head.hash:
            return found.model_copy(update={"verdict": "rewritten", "line": head.seq})
    return found
