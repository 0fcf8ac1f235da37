"""What ``--json`` and ``--out`` hand out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.errors import StoreError, UsageError
from intentos.policy import ApproveAll
from intentos.report import Timings, exit_code, export, report, results_folder
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Problem, now

from .parts import HandRegistry, InstantExecutor, plan_of, write

WISH = Intent(text="say hello", language="en")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Return an open store."""
    store = Store(settings)
    yield store
    store.close()


async def run_of(settings: Settings, store: Store, code: str) -> Run:
    """Run some code and return the run."""
    registry = HandRegistry(InstantExecutor())
    runtime = Runtime(
        settings=settings, store=store, registry=registry, approver=ApproveAll("test")
    )
    async for event in runtime.run(WISH, plan=plan_of(code)):
        last = event
    return store.run(last.run_id)


async def test_the_object_has_all_its_fields(settings: Settings, store: Store) -> None:
    run = await run_of(settings, store, "save a.txt A\nreport x 3")
    paths = results_folder(run, settings, store)
    found = report(run, paths=paths, timings=Timings(run_s=1.0), runs=[run.id], language="en")
    assert set(found) >= set(
        "schema run parent_run plan status badge origin interpretation assumptions answer values "
        "parameters artifacts checks timings executor where error runs".split()
    )
    assert found["values"]["x"] == {"value": 3.0, "unit": ""}
    assert [doubt["code"] for doubt in found["doubts"]] == [
        "doubt.only_generic",
        "doubt.unaccounted",
    ]
    assert "independent" in found["doubts"][0]["message"]
    assert [(c["name"], c["title"]) for c in found["checks"]] == [
        ("numbers_finite", "Every number is finite")
    ]
    chinese = report(run, paths=paths, timings=Timings(), runs=[run.id], language="zh")
    assert chinese["checks"][0]["title"] == "所有数值都是有限的"
    assert "没有独立的证据" in chinese["doubts"][0]["message"]
    assert found["plan"] == run.plan.digest  # type: ignore[union-attr]
    assert found["timings"] == {
        "plan_s": None,
        "run_s": 1.0,
        "first_frame_s": None,
        "tokens": 0,
        "cost": 0.0,
    }
    assert found["models"] == []
    assert [a["name"] for a in found["artifacts"]] == ["a.txt", "values.json"]
    json.dumps(found, allow_nan=False)


async def test_a_folder_holds_exactly_the_last_run(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    export(await run_of(settings, store, "save a.txt A\nsave b.txt B"), out, store)
    export(await run_of(settings, store, "save a.txt new"), out, store)
    assert {p.name: p.read_text() for p in out.iterdir()} == {"a.txt": "new"}


@pytest.mark.parametrize("foreign", ["notes.txt", ".hidden", "a.txt"])
async def test_foreign_files_are_never_touched(
    settings: Settings, store: Store, tmp_path: Path, foreign: str
) -> None:
    run = await run_of(settings, store, "save a.txt A")
    write(tmp_path / "out" / foreign, "mine")
    with pytest.raises(UsageError, match=foreign):
        export(run, tmp_path / "out", store)
    assert (tmp_path / "out" / foreign).read_text() == "mine"


async def test_a_link_in_the_folder_is_foreign(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    run = await run_of(settings, store, "save a.txt A")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").symlink_to(store.path(run.artifacts[0].id))
    with pytest.raises(UsageError):
        export(run, tmp_path / "out", store)


async def test_a_file_in_place_of_the_folder_is_told(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    run = await run_of(settings, store, "save a.txt A")
    with pytest.raises((UsageError, StoreError)):
        export(run, write(tmp_path / "out", "x"), store)


async def test_artifacts_that_were_removed_do_not_hide_the_others(
    settings: Settings, store: Store
) -> None:
    run = await run_of(settings, store, "save a.txt A\nsave b.txt B")
    store.path(run.artifacts[0].id).unlink()
    assert set(results_folder(run, settings, store)) == {"b.txt"}


@pytest.mark.parametrize(
    ("status", "badge", "code", "expected"),
    [
        (RunStatus.COMPLETED, "verified", None, 0),
        (RunStatus.COMPLETED, "failed", None, 1),
        (RunStatus.REJECTED, None, None, 3),
        (RunStatus.CANCELED, None, None, 130),
        (RunStatus.FAILED, None, 4, 4),
        (RunStatus.FAILED, None, 2, 2),
        (RunStatus.INTERRUPTED, None, None, 1),
    ],
)
def test_exit_codes(status: RunStatus, badge: str | None, code: int | None, expected: int) -> None:
    error = Problem(code="store.no_run", exit_code=code) if code else None
    run = Run(id="r", intent=WISH, created_at=now(), status=status, error=error)
    assert exit_code(run.model_copy(update={"badge": badge})) == expected


async def test_what_a_file_manager_leaves_is_no_hindrance(settings: Settings, store: Store) -> None:
    run = await run_of(settings, store, "save a.txt A")
    folder = settings.home / "results" / run.id
    results_folder(run, settings, store)
    write(folder / ".DS_Store", "view")
    assert results_folder(run, settings, store) == {"a.txt": folder / "a.txt"}
    assert (folder / ".DS_Store").read_text() == "view"


async def test_the_stores_own_folder_is_refused(settings: Settings, store: Store) -> None:
    run = await run_of(settings, store, "save a.txt A")
    kept = store.path(run.artifacts[0].id)
    with pytest.raises(UsageError):
        export(run, kept.parent, store)
    assert kept.read_text() == "A"
