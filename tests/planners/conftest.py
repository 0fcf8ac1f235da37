"""The real model, loaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from intentos import config
from intentos.planners.model import Model
from intentos.planners.models import open_model


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Return the embedded model; its worker ends with the session."""
    import asyncio

    opened = open_model("embedded", config.load())
    assert opened is not None
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
def model(loaded: Model) -> Model:
    """Return the embedded model, which serves one event loop after another."""
    return loaded
