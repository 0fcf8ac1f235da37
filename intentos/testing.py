"""What every executor must keep, as a test class; a package that brings one inherits it.

::

    class TestFoo(ExecutorContract):
        samples = Samples(language="foo", hello="say hello", fails="…", sleeps="…")

        @pytest.fixture
        def executor(self):
            return FooExecutor()

A sample that a language cannot express stays None, and what it would have shown is skipped. Needs
pytest and pytest-asyncio; ``intentos executors check foo`` tries the same without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from intentos.contract import (
    PATIENCE,
    Bench,
    Promise,
    Recorder,
    Untried,
    adopt_orphans,
    descendants,
    until,
)
from intentos.promises import PROMISES, assert_explained
from intentos.protocols import Executor
from intentos.samples import Samples

__all__ = [
    "PATIENCE",
    "ExecutorContract",
    "Recorder",
    "Samples",
    "assert_explained",
    "descendants",
    "until",
]


class ExecutorContract:
    """Tests of any executor; a subclass gives ``samples`` and the fixture ``executor``."""

    samples: ClassVar[Samples]

    @pytest.fixture
    def executor(self) -> Executor:
        raise NotImplementedError("the subclass gives the fixture 'executor'")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
    async def test_it_keeps_the_promise(
        self, promise: Promise, executor: Executor, tmp_path: Path
    ) -> None:
        adopt_orphans()
        try:
            await promise.keep(Bench(executor, self.samples, tmp_path))
        except Untried as why:
            pytest.skip(str(why))
