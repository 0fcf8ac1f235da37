"""Runs and files that disagree are found, and mended without losing what a run names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from intentos import orphans
from intentos.config import Settings
from intentos.errors import NotFound, StoreError
from intentos.report import lost, results_folder
from intentos.store import Store

from .test_cleaning import aged, artifact_of, made


def spoil(path: Path) -> None:
    """Flip a byte, as a failing disk does."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_sound_store_has_none(settings: Settings) -> None:
    store = Store(settings)
    made(store, b"a", b"b")
    assert orphans.find(settings) == []


def test_a_damaged_artifact_is_never_handed_out(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    path = store.path(run.artifacts[0].id)
    spoil(path)
    for reader in (store, Store(settings)):  # who has read it before, and who has not
        with pytest.raises(StoreError, match="no longer holds") as error:
            reader.path(run.artifacts[0].id)
        assert "intentos rerun" in error.value.text("zh")
        assert results_folder(run, settings, reader) == {}
        assert lost(run, reader) == [(run.artifacts[0], "damaged")]


def test_a_damaged_artifact_is_put_aside_and_made_again(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    artifact = run.artifacts[0]
    spoil(store.path(artifact.id))
    (found,) = orphans.find(settings)
    assert (found.kind, found.runs) == ("damaged", (run.id,))
    (done,) = orphans.mend(settings, [found])
    assert done.code == "mended.put_aside"
    assert (settings.damaged / artifact.id).exists()
    assert store.run(run.id).removed == {artifact.id: "lost"}
    assert orphans.find(settings) == []  # told once, and known from then on
    store.put(b"x" * 1000, name="0.bin", media_type="x/x", step_id="s")
    assert store.path(artifact.id).read_bytes() == b"x" * 1000


def test_a_file_that_somebody_deleted_comes_back_from_the_results(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    results_folder(run, settings, store)
    path = store.path(run.artifacts[0].id)
    path.unlink()
    with pytest.raises(NotFound):
        store.path(run.artifacts[0].id)
    (found,) = orphans.find(settings)
    assert found.kind == "missing"
    (done,) = orphans.mend(settings, [found])
    assert done.code == "mended.restored"
    assert store.path(run.artifacts[0].id).read_bytes() == b"x" * 1000


def test_a_missing_file_without_a_copy_is_said_in_its_run(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    store.path(run.artifacts[0].id).unlink()
    (done,) = orphans.mend(settings, orphans.find(settings))
    assert done.code == "mended.noted"
    assert run.id[-8:] in done.text("en")
    assert run.id[-8:] in done.text("zh")
    assert lost(store.run(run.id), store) == [(run.artifacts[0], "missing")]
    assert orphans.find(settings) == []


def test_what_nobody_names_is_removed_once_nobody_can_be_about_to(settings: Settings) -> None:
    store = Store(settings)
    unnamed = artifact_of(store, b"left by a crash")
    assert orphans.find(settings) == []  # this program has just saved it
    aged(store.path(unnamed.id), 1)
    (found,) = orphans.find(settings)
    assert (found.kind, found.artifact) == ("unnamed", unnamed.id)
    orphans.mend(settings, [found])
    assert not store.has(unnamed.id)


def test_after_a_lost_record_what_nobody_names_stays(settings: Settings) -> None:
    """Its run may have stood in the part of the database that could not be read."""
    store = Store(settings)
    aged(store.path(artifact_of(store, b"whose?").id), 1)
    (settings.damaged / "database-20260101").mkdir(parents=True)
    assert orphans.find(settings) == []


def test_a_damaged_record_still_protects_what_it_names(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    with store._database.transaction() as database:
        database.execute(
            "UPDATE events SET body = substr(body, 1, length(body) - 5) WHERE run_id = ?", (run.id,)
        )
    assert orphans.find(settings) == []


def test_looking_tells_how_far_it_is(settings: Settings) -> None:
    store = Store(settings)
    made(store, *(os.urandom(1000) for _ in range(5)))
    told: list[float] = []
    orphans.find(settings, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
