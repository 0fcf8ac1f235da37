"""The store: nothing lost, nothing half, nobody's living run declared dead."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.errors import NotFound, StoreError
from intentos.events import ArtifactSaved, PlanApproved, RunFinished, RunStarted
from intentos.plan import Approval
from intentos.queue import held
from intentos.run import RunStatus
from intentos.store import Store
from intentos.types import Intent, new_id, sha256

from .parts import plan_of

WISH = Intent(text="hi", language="en")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Return an open store."""
    store = Store(settings)
    yield store
    store.close()


def begin(store: Store, run_id: str | None = None) -> str:
    """Append the first event of a run and return its id."""
    run_id = run_id or new_id()
    store.append(RunStarted(run_id=run_id, intent=WISH, seed=1))
    return run_id


def test_events_are_numbered_and_come_back_in_order(store: Store) -> None:
    run_id = begin(store)
    last = store.append(RunFinished(run_id=run_id, status=RunStatus.COMPLETED))
    assert last.seq == 2
    assert [event.kind for event in store.events(run_id)] == ["run_started", "run_finished"]


def test_a_run_is_found_by_any_end_of_its_id(store: Store) -> None:
    first, second = begin(store), begin(store)
    assert store.run(first).id == first
    assert store.run(first[-8:]).id == first
    assert store.run("last").id == second
    for name in ("", "nosuchrun", "%", "' OR 1=1 --"):
        with pytest.raises(NotFound):
            store.run(name)
    with pytest.raises(NotFound, match="More than one"):
        store.run(first[:3])


def test_the_newest_runs_come_first(store: Store) -> None:
    ids = [begin(store) for _ in range(3)]
    assert [run.id for run in store.runs(2)] == [ids[2], ids[1]]


def test_an_approval_is_remembered_by_digest_and_scope(store: Store) -> None:
    run_id = begin(store)
    once, ranged = plan_of("say once").digest, plan_of("say ranged").digest
    for digest, scope in ((once, "once"), (ranged, "plan")):
        approval = Approval.model_validate(
            {"plan_digest": digest, "decision": "approve", "by": "test", "scope": scope}
        )
        store.append(PlanApproved(run_id=run_id, approval=approval))
    assert store.approval(once) is None
    assert store.approval(ranged) is not None


def test_an_artifact_is_named_by_its_bytes(store: Store, tmp_path: Path) -> None:
    from_bytes = store.put(b"hello", name="a.txt", media_type="text/plain", step_id="s")
    (tmp_path / "file").write_bytes(b"hello")
    from_file = store.put(tmp_path / "file", name="b.txt", media_type="text/plain", step_id="s")
    assert from_bytes.id == from_file.id == sha256(b"hello")
    assert store.path(from_bytes.id).read_bytes() == b"hello"
    assert not store.knows(from_bytes.id)  # until a run says that it saved it
    store.append(ArtifactSaved(run_id=begin(store), artifact=from_bytes))
    assert store.knows(from_bytes.id)
    with pytest.raises(NotFound):
        store.path("0" * 64)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_is_an_error_and_leaves_nothing_half(settings: Settings) -> None:
    settings.artifacts.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(settings.artifacts)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        store = Store(settings)
        kept = store.put(b"small", name="s", media_type="text/plain", step_id="s")
        with pytest.raises(StoreError, match="No space"):
            store.put(os.urandom(1_000_000), name="big.bin", media_type="x/x", step_id="s")
        assert store.path(kept.id).read_bytes() == b"small"
        assert [p for p in settings.artifacts.rglob("*") if p.is_file()] == [store.path(kept.id)]
        store.close()
    finally:
        subprocess.run(["umount", str(settings.artifacts)], check=True)


OWNER = """
import sys, time
from intentos import config
from intentos.events import RunStarted
from intentos.store import Store
from intentos.types import Intent
store = Store(config.load())
with store.owning(sys.argv[1]):
    store.append(RunStarted(run_id=sys.argv[1], intent=Intent(text="x", language="en"), seed=1))
    print("running", flush=True)
    time.sleep(60)
"""


def test_only_a_run_whose_owner_is_gone_is_interrupted(store: Store, settings: Settings) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, "alive"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "running\n"
        (settings.work / "alive").mkdir(parents=True)
        assert store.sweep() == []
        assert store.run("alive").status is RunStatus.PLANNING
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()
    deadline = time.monotonic() + 10
    while not (swept := store.sweep()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert swept == ["alive"]
    assert store.run("alive").status is RunStatus.INTERRUPTED
    assert not (settings.work / "alive").exists()
    assert store.sweep() == []


def test_who_only_looks_at_a_run_is_not_taken_for_its_owner(
    store: Store, settings: Settings
) -> None:
    left = settings.locks / "runs" / "left.lock"
    left.touch()
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            held(left)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        assert not any(store.owned("left") for _ in range(300))
    finally:
        enough.set()
        looker.join()
    with store.owning("left"):
        assert store.owned("left")


def test_a_store_of_a_newer_program_is_refused(settings: Settings) -> None:
    Store(settings).close()
    database = sqlite3.connect(settings.database)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer"):
        Store(settings)


def test_a_file_that_is_no_database_is_an_error_with_a_remedy(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    settings.database.write_bytes(b"this is not a database, it is a text" * 100)
    with pytest.raises(StoreError) as error:
        Store(settings)
    assert str(settings.home) in str(error.value)
    assert settings.database.read_bytes().startswith(b"this is not")


def test_two_processes_append_to_one_store(store: Store, settings: Settings) -> None:
    other = Store(settings)
    run_id = begin(store)
    for writer in (store, other, store, other):
        writer.append(RunFinished(run_id=run_id, status=RunStatus.COMPLETED))
    other.close()
    assert [event.seq for event in store.events(run_id)] == [1, 2, 3, 4, 5]


def test_last_is_the_latest_also_when_the_clock_was_set_back(store: Store) -> None:
    begin(store, "9" * 26)
    begin(store, "1" * 26)
    assert store.run("last").id == "1" * 26
    assert [run.id[0] for run in store.runs()] == ["1", "9"]


def test_one_damaged_record_harms_no_other_run(store: Store, settings: Settings) -> None:
    good, bad = begin(store), begin(store)
    with sqlite3.connect(settings.database) as database:
        database.execute("UPDATE events SET body = '{oops' WHERE run_id = ?", (bad,))
    database.close()
    assert set(store.sweep()) == {good, bad}
    with pytest.raises(StoreError, match="damaged"):
        store.run(bad)
    with pytest.warns(UserWarning, match=bad):
        assert [run.id for run in store.runs()] == [good]


def test_a_name_of_odd_bytes_is_no_run(store: Store) -> None:
    with pytest.raises(NotFound):
        store.run("\udcff")
