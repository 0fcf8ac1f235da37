"""What a worker process owes its parent: to go when it goes, and to keep stdout for answers."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

Answer = Callable[[dict[str, Any]], None]


def die_with_parent(parent: int) -> None:
    """Have the system end this process when the process ``parent``, which started it, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.name == "posix" and os.getppid() != parent:
        os._exit(0)


def private_stdout() -> Answer:
    """Return a way to answer, one JSON line each, that nothing else can print into."""
    stream = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:  # a raw write may take only a part
            data = data[stream.write(data) :]

    return answer
