"""What may never answer is asked, and not waited for."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from intentos.patience import within


def test_an_answer_and_an_error_come_back() -> None:
    assert within(30, lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        within(30, lambda: 1 / 0)
    with pytest.raises(SystemExit):
        within(30, lambda: sys.exit("bye"))


def test_silence_is_an_error() -> None:
    with pytest.raises(TimeoutError, match=r"0.1 s"):
        within(0.1, lambda: time.sleep(1))


def test_who_never_answers_does_not_keep_the_program_from_ending() -> None:
    script = (
        "import time\nfrom intentos.patience import within\n"
        "try: within(0.1, lambda: time.sleep(1000))\nexcept TimeoutError: print('gone on')"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "gone on\n"
