"""A village for every test that asks for one, and a machine that is a member of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.store import Store

from .village import Village


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    """Give an open village."""
    made = Village(tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
async def joined(village: Village, home: Path) -> Village:
    """Give a village in which this machine is a member, and bo lends."""
    ann = await village.join("ann")
    (home / "mesh").mkdir(parents=True)
    for path in (ann.places.key, ann.places.membership):
        (home / "mesh" / path.name).write_bytes(path.read_bytes())
    return village
