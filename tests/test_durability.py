"""Nothing that was promised is lost: killed at any moment, power cut, disk full."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos import leftovers, presence
from intentos.cleaning import clean
from intentos.config import Settings
from intentos.errors import StoreError
from intentos.events import ArtifactSaved, DurableEvent, RunFinished, durable
from intentos.run import RunStatus
from intentos.scratch import abandoned_scratch, bury_scratch, scratch_folder
from intentos.store import Store

from .test_store import begin

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WRITER = """
import sys
import tempfile
from intentos import config
from intentos.events import ArtifactSaved, RunStarted
from intentos.store import Store
from intentos.types import Intent, new_id
store = Store(config.load())
for number in range(100_000):
    run = new_id()
    intent = Intent(text=f"wish {number} " + "x" * 3000, language="en")
    for event in (
        RunStarted(run_id=run, intent=intent, seed=1),
        ArtifactSaved(run_id=run, artifact=store.put(
            f"{number}".encode() * 1000, name="a", media_type="text/plain", step_id="s")),
    ):
        print(store.append(event).model_dump_json(), flush=True)
"""
UNCARRIED = """
import sqlite3
connect = sqlite3.connect
def uncarried(*arguments, **named):
    connection = connect(*arguments, **named)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection
sqlite3.connect = uncarried
"""
CHILD = """
import subprocess, sys
from intentos import config, presence
from intentos.store import Store
store = Store(config.load())
child = subprocess.Popen(["sleep", "60"], env={**__import__("os").environ, **presence.mark()})
(config.load().work / f"{store.owner}~intake").mkdir(parents=True)
(config.load().artifacts / f".{store.owner}~half.tmp").write_text("half")
print(child.pid, flush=True)
sys.stdin.read()
"""


def acknowledged(output: bytes) -> list[DurableEvent]:
    """Return the events of whole lines: those that the caller has seen."""
    return [durable.validate_json(line) for line in output.split(b"\n")[:-1]]


def start(code: str, out: Path) -> subprocess.Popen[bytes]:
    """Start a program that prints to a file, and wait for its first line."""
    with out.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=file, stdin=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not out.stat().st_size and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program as a power cut would, and bury it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_what_was_acknowledged_outlives_a_power_cut_and_what_was_torn_harms_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    """Each snapshot is the disk at one moment; its log then ends in what a cut may leave there."""
    chance = random.Random(5)
    events, snapshots = power_cuts(WRITER, settings, tmp_path, chance)
    assert snapshots[-1][1] > 20
    for folder, seen in snapshots:
        log = folder / "intentos.db-wal"
        whole = log.read_bytes() if log.exists() else b""
        for torn in (whole, whole + chance.randbytes(5000), whole + bytes(8192)):
            log.write_bytes(torn)
            store = Store(settings.model_copy(update={"home": folder}))
            for event in events[:seen]:
                assert event in store.events(event.run_id)
                if isinstance(event, ArtifactSaved):
                    store.path(event.artifact.id)
            store.close()


def test_of_a_log_cut_in_the_middle_less_is_there_and_whole(
    settings: Settings, tmp_path: Path
) -> None:
    """A disk that keeps its word never cuts there: all of it was on the disk before the next."""
    chance = random.Random(6)
    # SQLite can promise it only of a log that was not carried over into the database yet.
    events, snapshots = power_cuts(UNCARRIED + WRITER, settings, tmp_path, chance)
    assert snapshots[-1][1] > 20
    for number, (folder, _) in enumerate(snapshots):
        whole = (folder / "intentos.db-wal").read_bytes()
        for attempt in range(3):
            shutil.copytree(folder, cut := tmp_path / f"cut{number}.{attempt}")
            (cut / "intentos.db-wal").write_bytes(whole[: chance.randrange(len(whole) + 1)])
            store = Store(settings.model_copy(update={"home": cut}))
            there = [store.events(run.id) for run in store.runs(10**6)]
            for found in there:
                assert [event.seq for event in found] == list(range(1, len(found) + 1))
            assert sum(map(len, there)) <= len(events)
            store.close()


def power_cuts(
    code: str, settings: Settings, folder: Path, chance: random.Random
) -> tuple[list[DurableEvent], list[tuple[Path, int]]]:
    """Return what a program acknowledged, and the disk at six moments with how much it was then."""
    out = folder / "out"
    writer = start(code, out)
    snapshots: list[tuple[Path, int]] = []
    try:
        for number in range(6):
            time.sleep(chance.uniform(0.05, 0.3))
            writer.send_signal(signal.SIGSTOP)
            seen = len(acknowledged(out.read_bytes()))
            target = folder / f"snapshot{number}"
            shutil.copytree(settings.home, target, ignore=shutil.ignore_patterns("*-shm", "locks"))
            writer.send_signal(signal.SIGCONT)
            snapshots.append((target, seen))
    finally:
        kill(writer)
    return acknowledged(out.read_bytes()), snapshots


def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_event(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle: int) -> None:
        target = Path(f"/proc/self/fd/{handle}").resolve() if sys.platform == "linux" else Path()
        order.append("fsync " + ("folder" if target.is_dir() else "file"))
        fsync(handle)

    def noted_replace(source: Path, target: Path) -> None:
        order.append("rename")
        replace(source, target)

    store = Store(settings)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    store.put(b"bytes", name="a", media_type="text/plain", step_id="s")
    # The two-letter folder is new, so its own name must be kept by the disk as well.
    assert order == ["fsync file", "fsync folder", "rename", "fsync folder"]
    assert store._database.rows("PRAGMA synchronous") == [(2,)]  # FULL: each commit is synced
    assert store._database.rows("PRAGMA journal_mode") == [("wal",)]
    store.close()


@linux
def test_what_a_killed_program_left_is_gone_at_the_next_start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What other tests' killed programs left in the common temporary folder is not this one's.
    (own := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    owner = start(CHILD, out := tmp_path / "out")
    child = int(out.read_text())
    store = Store(settings)
    try:
        assert leftovers.find(settings) == []  # it is alive
        kill(owner)
        kinds = {thing.kind for thing in leftovers.find(settings)}
        assert kinds == {"process", "file", "folder"}
        store.sweep()
        assert leftovers.find(settings) == []
        assert list(settings.work.iterdir()) == []
        assert presence.abandoned(settings) == []
        deadline = time.monotonic() + 5
        while "sleep" in running(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "sleep" not in running(child)
    finally:
        store.close()
        if "sleep" in running(child):
            os.kill(child, signal.SIGKILL)


def running(process: int) -> str:
    """Return the command line of a process; empty where it is gone or dead."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


@linux
def test_a_stranger_with_the_mark_of_a_living_program_is_left_alone(
    settings: Settings, tmp_path: Path
) -> None:
    owner = start(CHILD, out := tmp_path / "out")
    store = Store(settings)
    try:
        store.sweep()
        assert "sleep" in running(int(out.read_text()))
    finally:
        store.close()
        kill(owner)
        os.kill(int(out.read_text()), signal.SIGKILL)


@pytest.fixture
def small_disk(settings: Settings) -> Iterator[Settings]:
    """Give a state folder on a disk of two megabytes."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting takes root")
    settings.home.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(settings.home)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    yield settings
    subprocess.run(["umount", "-l", str(settings.home)], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(os.urandom(4096))


def test_a_full_disk_loses_nothing_and_the_next_run_works_once_there_is_space(
    small_disk: Settings,
) -> None:
    store = Store(small_disk)
    run = begin(store)
    kept = store.put(b"kept", name="kept.txt", media_type="text/plain", step_id="s")
    store.append(ArtifactSaved(run_id=run, artifact=kept))
    ballast = small_disk.home / "ballast"
    with pytest.raises(OSError, match="No space"):
        fill(ballast)
    with pytest.raises(StoreError, match="No space") as full:
        store.put(os.urandom(100_000), name="film.mp4", media_type="video/mp4", step_id="s")
    assert "空间" in full.value.text("zh")
    with pytest.raises(StoreError, match="No space"):
        list(iter(lambda: begin(store), None))  # until the log has no room left
    assert store.path(kept.id).read_bytes() == b"kept"
    assert store.run(run).artifacts == (kept,)
    again = Store(small_disk)  # looking needs no space
    assert again.run(run).id == run
    again.close()
    ballast.unlink()
    store.append(RunFinished(run_id=run, status=RunStatus.COMPLETED))
    store.put(os.urandom(100_000), name="film.mp4", media_type="video/mp4", step_id="s")
    assert store.run(run).status is RunStatus.COMPLETED
    assert [p for p in small_disk.artifacts.glob(".*")] == []
    store.close()


def test_cleaning_makes_room_on_a_disk_that_takes_not_one_word_more(small_disk: Settings) -> None:
    store = Store(small_disk)
    old, last = begin(store), begin(store)
    for run in (old, last):
        artifact = store.put(os.urandom(300_000), name="a", media_type="x/x", step_id="s")
        store.append(ArtifactSaved(run_id=run, artifact=artifact))
        store.append(RunFinished(run_id=run, status=RunStatus.COMPLETED))
    with pytest.raises(OSError, match="No space"):
        fill(small_disk.home / "ballast")
    with pytest.raises(StoreError, match="No space"):
        list(iter(lambda: begin(store), None))
    (gone,) = store.run(old).artifacts
    assert clean(small_disk, 0).artifacts == 1
    assert not store.has(gone.id)
    assert store.run(old).removed == {gone.id: "cleaned"}
    store.close()


def test_a_limit_on_file_size_is_told_like_a_full_disk(settings: Settings) -> None:
    code = (
        "import resource, signal; from intentos import config; from intentos.store import Store\n"
        "store = Store(config.load())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "store.put(bytes(10**6), name='big.bin', media_type='x/x', step_id='s')\n"
    )
    pytest.importorskip("resource")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No space is left for big.bin" in ended.stderr
    assert [p for p in settings.artifacts.rglob("*") if p.is_file()] == []


@linux
def test_chaos_in_short(tmp_path: Path) -> None:
    """The long form is ``intentos bench sandbox --chaos``; a failure prints its seed."""
    from intentos.bench import chaos

    for _ in range(3):  # all of them may be killed before they have said a word
        result = chaos.measure(6, print, at_once=3, kinds=frozenset({"python", "csv"}))
        assert result["missed"] == []
        assert sum(result["killed"].values()) == 6
        if result["acknowledged"]["events"]:
            return
    raise AssertionError("nothing was ever acknowledged")


def test_scratch_folders_are_known_by_their_lock_and_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = f"""
import tempfile
from intentos.scratch import scratch_folder
tempfile.tempdir = {str(tmp_path)!r}
with scratch_folder():
    print("in", flush=True)
    input()
"""
    owner = start(code, tmp_path / "out")
    (stranger := tmp_path / "intentos-docker").mkdir()
    os.utime(stranger, (0, 0))
    with scratch_folder() as own:
        mine = own.with_name(own.name.rpartition("-")[0] + ".lock")
        assert mine.exists()
        assert list(abandoned_scratch()) == []  # all of them are in use
        kill(owner)
        (left,) = abandoned_scratch()
        assert left != mine
        for lock in (left, mine):
            bury_scratch(lock)
        # Somebody holds it, whoever thinks otherwise; nothing is left of the other.
        assert set(tmp_path.iterdir()) == {stranger, own, mine, tmp_path / "out"}
    assert set(tmp_path.iterdir()) == {stranger, tmp_path / "out"}


def test_a_scratch_folder_is_found_however_early_its_owner_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = f"""
import os, signal, sys, tempfile
from pathlib import Path
from intentos.queue import held  # what the folder needs is there before anything is counted
from intentos.scratch import scratch_folder
tempfile.tempdir = {str(tmp_path)!r}
left = int(sys.argv[1])
def count(event, arguments):
    global left
    if event in ("open", "os.mkdir", "os.remove", "os.rmdir", "fcntl.flock"):
        if {str(tmp_path)!r} in str(arguments) or event == "fcntl.flock":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
with scratch_folder() as folder:
    Path(folder, "file").write_text("x")
"""
    for moment in range(1, 30):
        ended = subprocess.run([sys.executable, "-c", code, str(moment)], check=False)
        for lock in abandoned_scratch():
            bury_scratch(lock)
        assert list(tmp_path.iterdir()) == [], moment
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert moment > 5
