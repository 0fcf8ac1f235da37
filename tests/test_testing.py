"""The contract holds for the executor that the runtime's tests use: it is a verified fake."""

from __future__ import annotations

import pytest

from intentos.testing import ExecutorContract, Samples

from .parts import InstantExecutor


class TestInstantExecutor(ExecutorContract):
    samples = Samples(
        language="words",
        hello="say hello",
        fails="nonsense",
        sleeps="wait 60",
        makes_file="save note.txt hello",
        floods="\n".join(["say " + "x" * 10_000] * 30),
    )

    @pytest.fixture
    def executor(self) -> InstantExecutor:
        return InstantExecutor()
