"""A damaged database is put aside whole, and what can be read of it goes on."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from intentos import repair
from intentos.config import Settings
from intentos.database import READY, check
from intentos.errors import StoreError
from intentos.events import PlanApproved
from intentos.mending import mend
from intentos.plan import Approval
from intentos.run import RunStatus
from intentos.store import Store

from .test_cleaning import made
from .test_durability import start


def filled(settings: Settings, runs: int = 60) -> list[str]:
    """Fill a store and return its runs."""
    store = Store(settings)
    ids = [made(store, f"run {n}".encode() * 50).id for n in range(runs)]
    store._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return ids


def spoil_pages(path: Path, count: int, seed: int = 1) -> None:
    """Overwrite some pages after the first, as a failing disk does."""
    data, chance = bytearray(path.read_bytes()), random.Random(seed)
    for page in chance.sample(range(8, len(data) // 4096), count):
        data[page * 4096 : page * 4096 + 4096] = chance.randbytes(4096)
    path.write_bytes(data)


def test_a_sound_database_is_left_alone(settings: Settings) -> None:
    assert repair.rebuild(settings) is None
    filled(settings, 3)
    before = settings.database.read_bytes()
    assert repair.rebuild(settings) is None
    assert settings.database.read_bytes() == before


def test_most_runs_outlive_damaged_pages(settings: Settings) -> None:
    ids = filled(settings)
    spoil_pages(settings.database, 2)
    damaged = settings.database.read_bytes()
    assert check(settings.database) is not None
    (done, *_) = mend(settings)
    assert done.code == "mended.database"
    assert check(settings.database) is None
    (copy,) = settings.damaged.glob("database-*/intentos.db")
    assert copy.read_bytes() == damaged
    store = Store(settings)
    found = [run for run in store.runs(1000) if run.status is RunStatus.COMPLETED]
    assert len(found) > len(ids) / 2
    for run in found:
        for artifact in run.artifacts:
            store.path(artifact.id)
    made(store, b"the next run works")


def test_what_is_no_database_at_all_makes_room_for_a_new_one(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    settings.database.write_bytes(b"this is a letter" * 1000)
    with pytest.raises(StoreError, match="doctor --mend"):
        Store(settings)
    rebuilt = repair.rebuild(settings)
    assert rebuilt is not None
    assert rebuilt.runs == 0
    assert (rebuilt.copy_folder / "intentos.db").read_bytes() == b"this is a letter" * 1000
    Store(settings).close()


def test_an_approval_that_was_taken_back_does_not_come_back(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x", ends=False)
    approval = Approval(plan_digest="d" * 64, decision="approve", by="me", scope="plan")
    store.append(PlanApproved(run_id=run.id, approval=approval))
    assert store.standing.approval("d" * 64) is not None
    assert store.standing.forget("d" * 64) == 1
    store._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    filled(settings)
    spoil_pages(settings.database, 1)
    assert repair.rebuild(settings) is not None
    assert Store(settings).standing.approval("d" * 64) is None


def test_a_database_that_another_program_uses_is_not_replaced(
    settings: Settings, tmp_path: Path
) -> None:
    filled(settings)
    user = start(
        "from intentos import config; from intentos.store import Store\n"
        "store = Store(config.load()); print('open', flush=True); input()",
        tmp_path / "out",
    )
    spoil_pages(settings.database, 2)
    try:
        with pytest.raises(StoreError, match="in use"):
            repair.rebuild(settings)
    finally:
        user.kill()
        user.communicate()
    assert repair.rebuild(settings) is not None


def test_killed_at_the_last_moment_the_mending_is_finished_the_next_time(
    settings: Settings,
) -> None:
    filled(settings)
    spoil_pages(settings.database, 2)
    code = (
        "import os; from intentos import config, repair\n"
        "repair._install = lambda settings: os.kill(os.getpid(), 9)\n"
        "repair.rebuild(config.load())"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert settings.database.with_name(READY).exists()
    with pytest.raises(StoreError, match="doctor --mend"):
        Store(settings)
    mend(settings)
    store = Store(settings)
    assert len(store.runs(1000)) > 30
