"""Full disks, real ones: who has no room says so, loses nothing, and goes on when there is some."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable, StoreError
from intentos.mesh import room
from intentos.mesh.identity import Identity
from intentos.mesh.line import join
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Blob, seal
from intentos.types import sha256

from .village import Village, job, until

SIZE = 24 * 1024**2
LEAST = 8 * 1024**2
SECONDS = 60.0
"""For what takes a second, on a busy machine."""


class Disk:
    """A small disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fillers: list[Path] = []

    def fill(self, leave: int = 0) -> None:
        """Let somebody else's files take everything but so much."""
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        self._fillers.append(self.folder / f"filler{len(self._fillers)}")
        with self._fillers[-1].open("wb", buffering=0) as out, suppress(OSError):
            if free > leave:
                os.posix_fallocate(out.fileno(), 0, free - leave)
            while not leave and out.write(b"x" * 4096):
                pass  # to the last page

    def clear(self) -> None:
        """Make room again."""
        while self._fillers:
            self._fillers.pop().unlink()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux":
        pytest.skip("a small disk in memory is Linux's")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    monkeypatch.setattr(room, "LEAST_BYTES", LEAST)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_hub_without_room_takes_nothing_in_and_finishes_what_it_has(
    disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "village").mkdir()
    (tmp_path / "village" / "hub").symlink_to(disk.folder)
    village = Village(tmp_path / "village")
    told: list[bool] = []
    await village.open(full=told.append)
    try:
        bo, ann = await village.join("bo"), await village.join("ann")
        await village.lend(bo)
        async with ann.line() as line:
            going = job(line, "wait 1\nreport n 1")
            await line.say("ask", seal(ann.identity, going))
            await until(lambda: village.hub.dispatcher.knows(ann.identity.id, going.key), SECONDS)
            disk.fill(leave=LEAST // 2)
            await until(lambda: told == [True], SECONDS)
            with pytest.raises(ExecutorUnavailable) as error:
                await outcome_of(line, job(line, "report n 2"))
            assert error.value.code == "mesh.hub_full"
            # What it had taken in is finished, and kept.
            outcome = await outcome_of(line, going)
            assert outcome.result is not None
            assert village.hub.book.outcome(ann.identity.id, going.key) == outcome
            disk.clear()
            await until(lambda: told == [True, False], SECONDS)
            assert (await outcome_of(line, job(line, "report n 3"))).result is not None
    finally:
        await village.close()


async def test_a_hub_whose_disk_ran_full_all_at_once_goes_on_by_itself(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's file has taken the last byte before anybody looked."""
    monkeypatch.setattr(room, "LEAST_BYTES", 0)
    (tmp_path / "village").mkdir()
    (tmp_path / "village" / "hub").symlink_to(disk.folder)
    village = Village(tmp_path / "village")
    await village.open()
    try:
        bo, ann = await village.join("bo"), await village.join("ann")
        await village.lend(bo)
        async with ann.line() as line:
            going = job(line, "wait 1\nreport n 1")
            await line.say("ask", seal(ann.identity, going))
            await until(lambda: village.hub.dispatcher.knows(ann.identity.id, going.key), SECONDS)
            disk.fill()
            large = job(line, "report n 2\n" + "say " + "x" * 200_000)
            await line.say("ask", seal(ann.identity, large))
            await until(lambda: village.hub.server.stuck, SECONDS)  # the queue takes no more
            await until(lambda: not village.hub.roster.every()[0].running, SECONDS)
            assert village.hub.book.outcome(ann.identity.id, going.key) is None
            with pytest.raises(StoreError):
                village.link()  # nor does the book
            monkeypatch.setattr(room, "LEAST_BYTES", LEAST)
            disk.clear()
            for asked in (going, large):
                outcome = await outcome_of(line, asked)
                assert outcome.result is not None, outcome.why
        assert village.hub.server.restarts == 1
        assert bo.places.ran.read_text().count("\n") == 2  # each was run once
        assert village.hub.book.balances()["bo"] > 0
    finally:
        await village.close()


async def test_nothing_is_uploaded_to_or_joined_at_a_full_hub_and_both_go_on(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intentos.mesh import blobs

    monkeypatch.setattr(blobs, "FREE_BYTES", 0)
    (tmp_path / "village").mkdir()
    (tmp_path / "village" / "hub").symlink_to(disk.folder)
    village = Village(tmp_path / "village")
    await village.open()
    try:
        ann, link = await village.join("ann"), village.link()
        data = os.urandom(3_000_000)
        (tmp_path / "file").write_bytes(data)
        blob = Blob(sha256=sha256(data), size=len(data))
        async with ann.line() as line:
            grant = (await line.ask(what="upload", bytes=len(data))).grant
            disk.fill()
            with pytest.raises(ExecutorUnavailable) as error:
                await line.put(tmp_path / "file", blob, grant)
            assert error.value.code == "mesh.hub_full"
            with pytest.raises(ExecutorUnavailable) as error:
                await join(link, Identity.new(), "late")
            assert error.value.code == "mesh.hub_full"
            disk.clear()
            await line.put(tmp_path / "file", blob, grant)
        assert village.hub.blobs.readable(blob.sha256, "ann").read_bytes() == data
        await join(link, Identity.new(), "late")  # the invite was not used up
    finally:
        await village.close()


async def test_a_node_without_room_hands_back_and_goes_on_when_there_is_some(
    disk: Disk, village: Village, tmp_path: Path
) -> None:
    (tmp_path / "bo").symlink_to(disk.folder)
    bo, ann = await village.join("bo"), await village.join("ann")
    _, task = await village.lend(bo)

    def there() -> str:
        known = village.hub.roster.get(bo.identity.id)
        return known.paused if known is not None and known.there else "gone"

    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 2\nreport n 1")))
        await until(lambda: village.hub.roster.every()[0].running, SECONDS)
        disk.fill()
        await until(lambda: there() == "full", SECONDS)
        cy = await village.join("cy")
        await village.lend(cy)
        outcome = await work
        assert outcome.owner == "cy"  # nothing was lost, and nothing failed
        assert outcome.result is not None
        assert outcome.result.status == "ok"
        assert not task.done()
        disk.clear()
        await until(lambda: there() == "", SECONDS)
        only = job(line, "report n 2", node=bo.identity.id)
        assert (await outcome_of(line, only)).owner == "bo"
    told = [json.loads(text) for text in bo.places.ran.read_text().splitlines()]
    assert [line["outcome"] for line in told] == ["returned", "result"]  # its log misses nothing
    assert list(bo.places.workspace.iterdir()) == []
