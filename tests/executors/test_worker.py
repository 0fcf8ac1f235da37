"""A worker process: what is left of one that was stopped while it started."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from intentos.executors.worker import Worker


class Doorless:
    """Walls behind which nothing can be started."""

    @contextmanager
    def command(self, arguments: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """Yield a program that is not there."""
        yield ["/nowhere/bwrap", *arguments], []

    def environment(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    await asyncio.create_subprocess_exec("true")  # what the loop keeps for children is there now
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(OSError, match="bwrap"):
            await Worker("gpu", "", tmp_path, Doorless()).__aenter__()  # type: ignore[arg-type]
    assert len(os.listdir("/proc/self/fd")) == before
