"""What a node has in hand, by its own word, against what the hub has handed it.

Between the hub and a node a message may be lost when the server is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .open_job import Attempt, Open
from .roster import Node
from .wire import Command

ARRIVAL_SECONDS = 0.75
"""After which a node has surely heard of what it was handed."""
MOST_SILENT = 6
"""Heartbeats after which an answer that a node has bound itself to is given up."""


def compared(
    node: Node,
    running: tuple[str, ...],
    by_nonce: Mapping[str, Open],
    lose: Callable[[Open, Attempt], None],
) -> list[Command]:
    """Return what to tell a node that says it has these nonces in hand.

    ``lose`` hears of attempts of which nothing is expected any more.
    """
    commands = [Command(what="cancel", nonce=nonce) for nonce in running if nonce not in by_nonce]
    now, there = time.monotonic(), set(running)
    for nonce in list(node.owing):
        found = by_nonce.get(nonce)
        attempt = found.attempts.get(nonce) if found is not None else None
        if found is None or attempt is None:
            node.owing.discard(nonce)
        elif attempt.asked and now - attempt.asked > ARRIVAL_SECONDS:
            attempt.missed += 1
            commands.append(Command(what="reveal", nonce=nonce))
            if attempt.missed > MOST_SILENT:
                lose(found, attempt)
    for nonce in list(node.running):
        found = by_nonce.get(nonce)
        attempt = found.attempts.get(nonce) if found is not None else None
        if found is None or attempt is None:
            node.running.discard(nonce)
            continue
        if nonce in there or now - attempt.since < ARRIVAL_SECONDS:
            attempt.missed = 0
            continue
        attempt.missed += 1
        if attempt.missed == 1:  # its answer may be on the way, or lost
            commands.append(Command(what="again", nonce=nonce))
        elif attempt.missed > 2:
            lose(found, attempt)
    return commands
