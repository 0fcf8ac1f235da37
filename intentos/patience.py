"""Asks something that may never answer, such as a stranger's code, and goes on without it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, action: Callable[[], T]) -> T:
    """Return what an action returns, or raise what it raises; it runs in a thread of its own.

    Raises:
        TimeoutError: no answer after ``seconds``; the thread is left to itself, and does not keep
            the program from ending.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            answers.append(action())
        except BaseException as error:  # the asker's to judge, SystemExit included
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="within")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer after {seconds:g} s")
    if errors:
        raise errors[0]
    return answers[0]
