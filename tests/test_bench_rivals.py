"""The mesh beside other engines: who is left out is told, and whose figures are whose."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from intentos.bench import mesh_rivals


def test_a_rival_that_is_not_installed_is_told_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(mesh_rivals.PACKAGES, "ray", "no_such_package")
    missing = mesh_rivals.missing()
    assert missing["ray"] == "pip install ray"
    assert ("dask" in missing) == (find_spec("distributed") is None)


def test_the_table_sets_every_figure_beside_its_owner() -> None:
    result = {
        "as_shipped_p50_ms": 5.0,
        "as_shipped_p99_ms": 9.0,
        "as_shipped_jobs_per_s": 700,
        "default_sync_p50_ms": 1.0,
        "times_on_2": 1.9,
        "times_on_4": 3.7,
        "dask_version": "1.0",
        "dask_p50_ms": 11.0,
        "dask_jobs_per_s": 500,
        "dask_times_on_4": 3.1,
    }
    ours, ours_relaxed, dask = mesh_rivals.rows(result)
    assert ours == ["as shipped", "5.0", "9.0", "700", "1.9", "3.7"]
    assert ours_relaxed[:2] == ["the server's default sync", "1.0"]
    assert dask == ["dask 1.0", "11.0", "", "500", "", "3.1"]
