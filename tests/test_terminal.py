"""A person at a terminal: the plan is shown, and y, n, e, x and Ctrl-C do what they say."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .parts import write
from .test_cli import PRIMES, intentos

QUESTION = "Run it?"


class Person:
    """Types into a terminal and reads what is on it."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self.seen = ""

    def sees(self, text: str, seconds: float = 60) -> bool:
        """Return whether the text appears, after what was seen before."""
        deadline = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < deadline:
            ready, _, _ = select.select([self._terminal], [], [], 0.2)
            if not ready:
                continue
            try:
                self.seen += os.read(self._terminal, 65536).decode(errors="replace")
            except OSError:  # the program has left the terminal
                break
        return text in self.seen

    def types(self, text: str) -> None:
        """Type, after forgetting what was seen."""
        self.seen = ""
        os.write(self._terminal, text.encode())

    def leaves(self) -> int:
        """Wait for the end and return the exit code."""
        self.sees("\0never\0", seconds=2)
        while self.process.poll() is None:
            self.sees("\0never\0", seconds=0.5)
        return self.process.returncode


@contextmanager
def person(*arguments: str, editor: str = "true") -> Iterator[Person]:
    """Start the command on a terminal of its own."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "EDITOR": editor, "TERM": "xterm", "COLUMNS": "100"}
    environment.pop("VISUAL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "intentos", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Person(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def statuses() -> list[str]:
    """Return the statuses of all runs, newest first."""
    return [run["status"] for run in json.loads(intentos("runs", "--json").stdout)]


def test_yes_runs_and_is_remembered() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        for part in ("I understood", "1000", "limit", "Sieve", "sandbox", "Estimate"):
            assert part in someone.seen, part
        someone.types("y\n")
        assert someone.sees("168 prime numbers")
        assert someone.leaves() == 0
    assert statuses() == ["completed"]
    assert intentos(*PRIMES).returncode == 0  # the same plan is not asked about again


def test_no_runs_nothing() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        someone.types("n\n")
        assert someone.leaves() == 3
    assert statuses() == ["rejected"]


def test_an_empty_answer_means_no() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        assert "Risk: low" in someone.seen
        someone.types("\n")
        assert someone.leaves() == 3
    assert statuses() == ["rejected"]


def test_always_shows_the_rule_before_it_is_kept() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        for answer in ("\n", "n\n"):  # what is not agreed to is not kept, and the question stays
            someone.types("a\n")
            assert someone.sees("Keep this rule")
            for part in ("Always, without asking", "prime_count", "30 s and 1024 MB"):
                assert part in someone.seen, part
            someone.types(answer)
            assert someone.sees(QUESTION)
        someone.types("a\n")
        assert someone.sees("Keep this rule")
        someone.types("y\n")
        assert someone.sees("168 prime numbers")
        assert someone.leaves() == 0
    (rule,) = json.loads(intentos("approvals", "--json").stdout)["rules"]
    done = intentos(*PRIMES)
    assert done.returncode == 0
    assert rule["id"] in done.stderr
    assert intentos("approvals", "forget", rule["id"]).returncode == 0
    assert intentos(*PRIMES).returncode == 3


def test_explain_shows_limits_checks_and_what_yes_means() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        someone.types("what?\n")
        assert someone.sees("y, n, e or x")
        someone.types("x\n")
        assert someone.sees("exact plan")
        for part in ("30 s", "Two different methods", "primes == primes_recounted"):
            assert part in someone.seen, part
        someone.types("n\n")
        assert someone.leaves() == 3


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, None])
def test_leaving_at_the_question_cancels(signal_: signal.Signals | None) -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        if signal_ is None:
            someone.types("\x04")  # end of input
        else:
            someone.process.send_signal(signal_)
        assert someone.leaves() == 130
    assert statuses() == ["canceled"]


def test_edit_shows_the_difference_and_asks_about_the_new_plan(tmp_path: Path) -> None:
    editor = write(
        tmp_path / "editor.py",
        "import sys\npath = sys.argv[1]\ntext = open(path).read()\n"
        "text = text.replace('limit: 1000', 'limit: 100')\n"
        "text = text.replace('maximum: 50000000', 'maximum: 2000000')\n"
        "open(path, 'w').write(text)\n",
    )
    with person(*PRIMES, editor=f"{sys.executable} {editor}") as someone:
        assert someone.sees(QUESTION)
        someone.types("e\n")
        assert someone.sees(QUESTION)
        assert "+" in someone.seen
        assert "edited by hand" in someone.seen
        # What is asked about is the difference: of what it may touch, and of what acts.
        for part in ("Changed from", "may touch what the earlier one", "-limit = 1000"):
            assert part in someone.seen, part
        someone.types("y\n")
        assert someone.sees("25 prime numbers")
        assert someone.leaves() == 0


def test_an_edit_that_breaks_the_plan_is_told_and_the_question_stays(tmp_path: Path) -> None:
    editor = write(tmp_path / "e.py", "import sys; open(sys.argv[1], 'w').write('steps: [')")
    with person(*PRIMES, editor=f"{sys.executable} {editor}") as someone:
        assert someone.sees(QUESTION)
        someone.types("e\n")
        assert someone.sees("plan.yaml, line")
        assert someone.sees(QUESTION)
        someone.types("n\n")
        assert someone.leaves() == 3
