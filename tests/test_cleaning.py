"""The budget is kept by cleaning what is oldest, and never what somebody saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from intentos import cleaning
from intentos.cli_doctor import in_bytes
from intentos.config import Settings
from intentos.errors import UsageError
from intentos.events import ArtifactSaved, RunFinished, RunKept, RunStarted
from intentos.report import lost, results_folder
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.types import Artifact, Attachment, Intent, Profile, new_id, now

from .parts import write


def made(
    store: Store,
    *contents: bytes,
    days: float = 2,
    ends: bool = True,
    intent: Intent | None = None,
) -> Run:
    """Append a run, begun some days ago, that saved these bytes, and return it."""
    run_id, at = new_id(), now() - timedelta(days=days)
    intent = intent or Intent(text="make", language="en")
    store.append(RunStarted(run_id=run_id, intent=intent, seed=1, at=at))
    for number, content in enumerate(contents):
        artifact = store.put(content, name=f"{number}.bin", media_type="x/x", step_id="s")
        aged(store.path(artifact.id), days)
        store.append(ArtifactSaved(run_id=run_id, artifact=artifact, at=at + timedelta(hours=1)))
    if ends:
        store.append(RunFinished(run_id=run_id, status=RunStatus.COMPLETED, at=at))
    return store.run(run_id)


def aged(path: Path, days: float) -> None:
    """Let a file be as old as its run."""
    moment = time.time() - days * 86400
    os.utime(path, (moment, moment))


def there(store: Store, run: Run) -> list[bool]:
    """Return which of a run's artifacts are still here."""
    return [store.has(artifact.id) for artifact in run.artifacts]


def test_the_oldest_go_first_and_only_as_many_as_must(settings: Settings) -> None:
    store = Store(settings)
    old, middle, new = (made(store, bytes([n]) * 1000, days=9 - n) for n in range(3))
    done = cleaning.clean(settings, 2000)
    assert (done.artifacts, done.runs, done.bytes, done.used) == (1, 1, 1000, 2000)
    assert [there(store, run) for run in (old, middle, new)] == [[False], [True], [True]]
    # The run still tells what it was, and that its result was cleaned away.
    again = store.run(old.id)
    assert again.removed == {old.artifacts[0].id: "cleaned"}
    assert lost(again, store) == [(old.artifacts[0], "cleaned")]
    store.put(bytes([0]) * 1000, name="0.bin", media_type="x/x", step_id="s")
    assert lost(again, store) == []  # made once more, it is there once more


def test_a_dry_run_touches_nothing(settings: Settings) -> None:
    store = Store(settings)
    runs = [made(store, bytes([n]) * 1000) for n in range(3)]
    assert cleaning.clean(settings, 0, dry_run=True).artifacts == 2
    assert all(all(there(store, run)) for run in runs)
    assert store.run(runs[0].id).removed == {}


def test_what_two_runs_made_stays_while_the_younger_one_is_young(settings: Settings) -> None:
    store = Store(settings)
    both = b"same bytes" * 100
    made(store, both, days=9)
    alone = made(store, b"alone" * 200, days=5)
    shared = made(store, both, days=1)
    made(store, b"last", days=0.5)
    cleaning.clean(settings, 1004)
    assert there(store, alone) == [False]
    assert there(store, shared) == [True]


def attachment(store: Store, content: bytes) -> Attachment:
    """Return an attached file of these bytes."""
    whole = store.put(content, name="a.csv", media_type="text/csv", step_id="attachment")
    plain = store.put(content + b"\n", name="p.csv", media_type="text/csv", step_id="attachment")
    for artifact in (whole, plain):
        aged(store.path(artifact.id), 3)
    return Attachment(
        **whole.model_dump(exclude={"step_id"}),
        key="a",
        plain=plain.id,
        profile=Profile(kind="table", media_type="text/csv"),
    )


def test_attachments_of_a_conversation_that_goes_on_stay(settings: Settings) -> None:
    store = Store(settings)
    ours, theirs = attachment(store, b"ours" * 300), attachment(store, b"theirs" * 300)
    first = Intent(text="1", language="en", conversation="c" * 26, attachments=(ours,))
    made(store, b"made", days=3, intent=first)
    made(store, days=0.5, intent=Intent(text="2", language="en", conversation="c" * 26))
    closed = Intent(text="3", language="en", attachments=(theirs,))
    made(store, days=3, intent=closed)
    made(store, b"last", days=0)
    cleaning.clean(settings, 0)
    assert store.has(ours.id)
    assert store.has(ours.plain)
    assert not store.has(theirs.id)


ROLES = ("plain", "kept", "recipe", "running", "unkept")


@given(roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=7), to=st.integers(0, 5000))
@examples(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_saved_things_are_never_cleaned(
    roles: list[str], to: int, tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> None:
    """Whatever was made in whatever order, and however little may be left."""
    settings = settings.model_copy(update={"home": tmp_path_factory.mktemp("home")})
    store = Store(settings)
    runs: list[tuple[str, Run]] = []
    for number, role in enumerate(roles):
        run = made(
            store, os.urandom(1000), b"shared" * 10, days=30 - number, ends=role != "running"
        )
        runs.append((role, run))
        if role in ("kept", "unkept"):
            store.append(RunKept(run_id=run.id, kept=True))
        if role == "unkept":
            store.append(RunKept(run_id=run.id, kept=False))
        if role == "recipe":
            write(settings.recipes / f"r{number}.yaml", f"id: r{number}\nsaved: {run.id}\n")
    with _alive(store, [run.id for role, run in runs if role == "running"]):
        done = cleaning.clean(settings, to)
    for place, (role, run) in enumerate(runs):
        if role in ("kept", "recipe", "running") or place == len(runs) - 1:
            assert all(there(store, run))
            assert store.run(run.id).removed == {}
        gone = {a.id for a in run.artifacts if not store.has(a.id)}
        assert gone <= store.run(run.id).removed.keys()  # nobody misses anything unknowingly
    free = [run for role, run in runs[:-1] if role in ("plain", "unkept")]
    if done.used > to:
        assert not any(store.has(run.artifacts[0].id) for run in free)
    store.close()


class _alive:
    """Holds the locks of runs, as the program that runs them does."""

    def __init__(self, store: Store, runs: list[str]) -> None:
        self._owned = [store.owning(run) for run in runs]

    def __enter__(self) -> None:
        for owned in self._owned:
            owned.__enter__()

    def __exit__(self, *_: object) -> None:
        for owned in self._owned:
            owned.__exit__(None, None, None)


def test_results_that_people_look_at_free_their_space_too(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    made(store, b"last")
    (path,) = results_folder(run, settings, store).values()
    assert path.stat().st_nlink == 2
    cleaning.clean(settings, 0)
    assert not path.exists()
    assert results_folder(store.run(run.id), settings, store) == {}


def test_what_is_saved_anew_at_that_moment_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    made(store, b"last")
    other = Store(settings)
    replace = os.replace

    def just_before(source: Path, target: Path) -> None:
        if str(source).endswith(run.artifacts[0].id):
            monkeypatch.setattr(os, "replace", replace)
            other.put(b"x" * 1000, name="again", media_type="x/x", step_id="s")
        replace(source, target)

    monkeypatch.setattr(os, "replace", just_before)
    assert cleaning.clean(settings, 0).artifacts == 0
    assert store.path(run.artifacts[0].id).read_bytes() == b"x" * 1000


def test_killed_while_cleaning_no_run_misses_anything_unknowingly(
    settings: Settings, tmp_path: Path
) -> None:
    store = Store(settings)
    runs = [made(store, os.urandom(200)) for _ in range(60)]
    code = "from intentos import cleaning, config; cleaning.clean(config.load(), 0)"
    cleaner = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while all(there(store, runs[n]) == [True] for n in (0, 1, 2)) and time.monotonic() < deadline:
        if cleaner.poll() is not None:
            break
    cleaner.send_signal(signal.SIGKILL)
    cleaner.wait()
    store.sweep()
    for run in runs:
        if not all(there(store, run)):
            assert store.run(run.id).removed
    assert list(settings.artifacts.glob(".*")) == []
    cleaning.clean(settings, 0)
    assert [run.id for run in runs if all(there(store, run))] == [runs[-1].id]


def test_within_the_budget_nothing_happens(settings: Settings) -> None:
    store = Store(settings)
    made(store, b"x" * 1000)
    made(store, b"y" * 1000)
    assert cleaning.keep_to_budget(settings) is None
    small = settings.model_copy(update={"disk_budget": 1500 / cleaning.GIGABYTE})
    done = cleaning.keep_to_budget(small)
    assert done is not None
    assert done.artifacts == 1
    assert 0 < cleaning.budget(settings) <= cleaning.MOST_BYTES


@pytest.mark.parametrize(
    ("text", "number"),
    [("5GB", 5 * 10**9), ("1.5 g", 15 * 10**8), ("300 MB", 3 * 10**8), ("0", 0), ("12kib", 12000)],
)
def test_a_size_is_read_as_people_write_it(text: str, number: int) -> None:
    assert in_bytes(text) == number


@pytest.mark.parametrize("text", ["", "many", "-1", "5 PB", "GB", "1e9", "\udcff"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        in_bytes(text)


def artifact_of(store: Store, content: bytes) -> Artifact:
    """Store bytes that nobody names."""
    return store.put(content, name="n", media_type="x/x", step_id="s")
