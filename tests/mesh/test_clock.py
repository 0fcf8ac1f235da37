"""Clocks that are wrong: by an hour, by days, by years; joining, grants, expiry and dates hold."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from intentos.errors import UsageError
from intentos.mesh.identity import Identity
from intentos.mesh.line import join
from intentos.mesh.visitor import errand, outcome_of
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.types import Artifact, Limits, now, sha256

from .village import Village, job, until

SECONDS = 60.0
NODE = """
import asyncio, sys, time
from pathlib import Path
from intentos.config import Settings
from intentos.mesh.identity import Identity
from intentos.mesh.invite import read_link
from intentos.mesh.lending import Lending
from intentos.mesh.line import join
from intentos.mesh.node import Node
from intentos.mesh.places import Places
from intentos.registry import OWN_DISTRIBUTION
from tests.mesh.village import WalledExecutor
from tests.parts import HandRegistry

async def main():
    places = Places(Settings(home=Path(sys.argv[1]), cache=Path(sys.argv[1])))
    identity = Identity.kept(places.key)
    membership = await join(read_link(sys.argv[2]), identity, "late")
    print(identity.id, time.time(), flush=True)
    await Node(identity=identity, membership=membership, places=places, name="late",
               registry=HandRegistry(WalledExecutor()), limits=Lending(slots=1, on_battery=True),
               trusted=frozenset({OWN_DISTRIBUTION, "hand"})).run()

asyncio.run(main())
"""


def faketime() -> str:
    """Return the library that lets a process have another clock; skips where there is none."""
    for folder in Path("/usr/lib").glob("*/faketime"):
        if (folder / "libfaketime.so.1").exists():
            return str(folder / "libfaketime.so.1")
    pytest.skip("no libfaketime here (Debian: faketime)")


@asynccontextmanager
async def elsewhere(
    folder: Path, link: str, wrong_by: timedelta
) -> AsyncIterator[tuple[str, float]]:
    """Join and lend with a clock that is wrong; gives the node's id and what its clock says."""
    clock = {
        "LD_PRELOAD": faketime(),
        "FAKETIME": f"{wrong_by.total_seconds():+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NODE, str(folder), link,
        env=os.environ | clock, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            id, clock_says = (await process.stdout.readline()).decode().split()
        yield id, float(clock_says)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("wrong_by", [timedelta(hours=3), timedelta(days=-9000)], ids=str)
async def test_a_node_with_a_wrong_clock_joins_and_works_and_its_dates_are_ours(
    village: Village, tmp_path: Path, wrong_by: timedelta
) -> None:
    ann = await village.join("ann")
    (tmp_path / "given").write_bytes(b"from home")
    saved: dict[str, bytes] = {}

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
        saved[name] = content
        size = len(content)
        return Artifact(
            id=sha256(content), name=name, media_type=media_type, size=size, step_id="s"
        )

    context = StepContext(
        values={},
        live=frozenset(),
        seed=1,
        inputs={"a": tmp_path / "given"},
        workdir=tmp_path,
        limits=Limits(wall_time=20),
        emit=lambda event: None,
        save=save,
    )
    step = Step(id="s", language="words", code="read a\nsave b.txt from afar", inputs={"a": "e/a"})
    before = now()
    async with elsewhere(tmp_path / "late", str(village.link("bo")), wrong_by) as (id, says):
        assert abs(says - before.timestamp()) > 3600  # its clock is wrong indeed
        await until(lambda: (n := village.hub.roster.get(id)) and n.there and n.offer, SECONDS)
        async with ann.line() as line:
            result, outcome, _ = await errand(line, step, context, verify="none")
    assert (result.stdout, saved) == ("from home", {"b.txt": b"from afar"})
    assert before <= result.started_at <= result.finished_at <= now()
    assert 0 <= outcome.seconds < (now() - before).total_seconds()


async def test_what_runs_out_does_so_by_the_hubs_clock_alone(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invite's day and a grant's hour begin and end at the hub, whatever others think it is."""
    ann, link = await village.join("ann"), village.link(hours=1)
    bo = await village.join("bo")
    await village.lend(bo)
    real = time.time
    async with ann.line() as line:
        assert (await outcome_of(line, job(line, "report n 1"))).result is not None
        monkeypatch.setattr("time.time", lambda: real() + 2 * 3600)  # its clock is put right
        with pytest.raises(UsageError) as error:
            await join(link, Identity.new(), "late")
        assert error.value.code == "mesh.invite_expired"
        # What goes on is measured with a clock that nobody sets.
        assert (await outcome_of(line, job(line, "report n 2"))).result is not None
        monkeypatch.setattr("time.time", lambda: real() - 48 * 3600)
        assert (await outcome_of(line, job(line, "report n 3"))).result is not None
        assert village.hub.roster.every()[0].there
        await join(link, Identity.new(), "early")
