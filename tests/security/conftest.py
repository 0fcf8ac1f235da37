"""Each attack runs twice: without the defence, where it must succeed, and against the sandbox."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors.sandbox import SandboxExecutor

from .attack import Walls


@pytest.fixture(scope="session")
def cold() -> SandboxExecutor:
    """Return an executor that makes a sandbox for each step, or skip."""
    if sys.platform != "linux":
        pytest.skip("the sandbox is Linux's")
    made = SandboxExecutor()
    try:
        made.check()
    except ExecutorUnavailable as unavailable:
        pytest.skip(str(unavailable))
    return made


@pytest.fixture(scope="session")
def warm(cold: SandboxExecutor) -> Iterator[SandboxExecutor]:
    """Return an executor with a template that forks for each step, which all tests share."""
    made = SandboxExecutor()

    async def ready() -> bool:
        await made.warm()
        return await made.ready()

    assert asyncio.run(ready()), made.why_cold
    yield made
    asyncio.run(made.cool())


@pytest.fixture(params=["cold", "warm"])
def walls(request: pytest.FixtureRequest, tmp_path: Path) -> Walls:
    """Return what runs an attack inside the walls, of one kind and the other."""
    return Walls(request.getfixturevalue(request.param), request.param, tmp_path / "steps")


@pytest.fixture
def as_root() -> None:
    """Skip where the attacker's proof takes a right that an ordinary user never had."""
    if os.geteuid() != 0:
        pytest.skip("an ordinary user cannot do this anywhere")
