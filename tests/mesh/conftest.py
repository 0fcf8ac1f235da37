"""A village for every test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .village import Village


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    """Give an open village."""
    made = Village(tmp_path)
    await made.open()
    yield made
    await made.close()
