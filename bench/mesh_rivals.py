"""The same empty jobs and the same sweep through Dask and through Ray, where they are installed.

They are engines for machines that trust each other: nothing is signed, checked or kept, and what
comes is run. Ray is no dependency of IntentOS: whoever wants the comparison installs it beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

PACKAGES = {"dask": "distributed", "ray": "ray"}
HOW = {"dask": "pip install 'intentos-runtime[dask]'", "ray": "pip install ray"}
FIGURES = ("p50_ms", "p99_ms", "jobs_per_s", "times_on_2", "times_on_4")
OURS = {"as shipped": "as_shipped", "the server's default sync": "default_sync"}
COMPARED = (*OURS.values(), *PACKAGES)
MOST_SECONDS = 600

Submit = Callable[[float], Any]
Collect = Callable[[list[Any]], Any]


def missing() -> dict[str, str]:
    """Return how each rival that is not here is had."""
    return {name: HOW[name] for name, package in PACKAGES.items() if find_spec(package) is None}


async def measure(
    tell: Callable[[str], None],
    *,
    one_by_one: int,
    many: int,
    steps: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the figures of every rival that is here, in a process of its own each.

    Raises:
        RuntimeError: one of them broke.
    """
    result: dict[str, Any] = {}
    for name in PACKAGES:
        if name in missing():
            continue
        tell(f"the same through {name}")
        arguments = json.dumps([name, one_by_one, many, steps, seconds])
        found = await asyncio.to_thread(_apart, arguments)
        result |= {f"{name}_{figure}": value for figure, value in found.items()}
    return result


def rows(result: dict[str, Any]) -> list[list[str]]:
    """Return a table: who, then ``FIGURES``; ours first."""
    kinds = [(name, f"{key}_", "") for name, key in OURS.items()]
    kinds += [(name, f"{name}_", f"{name}_") for name in PACKAGES if f"{name}_p50_ms" in result]
    found = []
    for name, speed, sweep in kinds:
        keys = [f"{sweep if key.startswith('times') else speed}{key}" for key in FIGURES]
        version = result.get(f"{name}_version", "")
        found.append([f"{name} {version}".strip(), *(str(result.get(key, "")) for key in keys)])
    return found


def _apart(arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", __name__, arguments],
        capture_output=True,
        timeout=MOST_SECONDS,
        check=False,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    if ran.returncode:
        raise RuntimeError(f"{arguments}: {ran.stderr.decode('utf-8', 'replace')[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def _nothing(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


@contextmanager
def _dask(workers: int) -> Iterator[tuple[Submit, Collect]]:
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True) as folder,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=folder,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield lambda seconds: client.submit(_nothing, seconds, pure=False), client.gather


@contextmanager
def _ray(workers: int) -> Iterator[tuple[Submit, Collect]]:
    import ray

    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=folder,
        )
        try:
            work = ray.remote(_nothing)
            yield work.remote, ray.get
        finally:
            ray.shutdown()


def _figures(
    name: str, one_by_one: int, many: int, steps: int, seconds: float
) -> dict[str, float | str]:
    from importlib.metadata import version

    engine = {"dask": _dask, "ray": _ray}[name]
    with engine(2) as (submit, collect):
        collect([submit(0) for _ in range(50)])
        times = []
        for _ in range(one_by_one):
            began = time.perf_counter()
            collect([submit(0)])
            times.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        collect([submit(0) for _ in range(many)])
        rate = many / (time.perf_counter() - began)
    found: dict[str, float | str] = {
        "version": version(PACKAGES[name]),
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(statistics.quantiles(times, n=100)[98], 2),
        "jobs_per_s": round(rate),
    }
    alone = 0.0
    for workers in (1, 2, 4):
        with engine(workers) as (submit, collect):
            collect([submit(0) for _ in range(4 * workers)])
            began = time.perf_counter()
            collect([submit(seconds) for _ in range(steps)])
            took = time.perf_counter() - began
        alone = alone or took
        found[f"times_on_{workers}"] = round(alone / took, 2)
    return found


if __name__ == "__main__":
    print(json.dumps(_figures(*json.loads(sys.argv[1]))))
