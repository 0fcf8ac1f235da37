"""What the examples share: a runtime with a throw-away history, and a folder for the results."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intentos import config
from intentos.plan import Plan, Step
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Json, Limits, Words


@dataclass(frozen=True)
class Result:
    """A finished run."""

    run: Run
    store: Store

    def value(self, name: str) -> Any:
        """Return a computed number."""
        return self.run.quantities[name].value

    def artifact(self, name: str) -> Path:
        """Return the file that a step left under that name; read it, never write to it."""
        found = {a.name: a for result in self.run.results for a in result.artifacts}
        return self.store.path(found[name].id)


class Studio:
    """Runs kernels and keeps what they leave in one folder."""

    def __init__(self, runtime: Runtime, store: Store, folder: Path) -> None:
        self._runtime = runtime
        self._store = store
        self.folder = folder

    async def run(self, kernel: str, arguments: Mapping[str, Json], *, seed: int = 1) -> Result:
        """Run a kernel; raises SystemExit with the reason if it or a check of it fails."""
        step = Step(
            id="work",
            language="kernel",
            code=kernel,
            needs=frozenset({"gpu"}),
            arguments=dict(arguments),
            limits=Limits(wall_time=900),  # a busy machine may take its time
        )
        plan = Plan(
            title=Words(en=kernel),
            interpretation=Words(en=f"Run the kernel {kernel}."),
            steps=(step,),
            origin="edited",
        )
        started = time.monotonic()
        intent = Intent(text=kernel, language="en")
        async for event in self._runtime.run(intent, plan=plan, seed=seed):
            last = event
        run = self._store.run(last.run_id)
        if run.status is not RunStatus.COMPLETED:
            problem = run.error or next((r.error for r in run.results if r.error), None)
            raise SystemExit(problem.text("en") if problem else f"{kernel}: {run.status.value}")
        print(f"{kernel}: {time.monotonic() - started:.1f} s")
        for check in run.checks:
            print(f"  {check.status}: {check.title.en} ({check.detail})")
            if check.status == "failed":
                raise SystemExit(1)
        return Result(run, self._store)

    async def film_and_picture(
        self, kernel: str, arguments: Mapping[str, Json], name: str, *, frames: int
    ) -> Result:
        """Keep a film and one larger picture; return the film's result."""
        size: dict[str, Json] = {"width": 640, "height": 400, "frames": frames}
        film = await self.run(kernel, {**arguments, **size})
        self.keep(film.artifact("film.mp4"), f"{name}.mp4")
        still = await self.run(kernel, {**arguments, "width": 1280, "height": 800, "frames": 1})
        self.keep(still.artifact("picture.png"), f"{name}.png")
        return film

    def keep(self, source: Path, name: str) -> Path:
        """Copy a file into the folder under a name of its own."""
        target = self.folder / name
        shutil.copyfile(source, target)
        print(f"→ {target}")
        return target

    def figure(self) -> tuple[Any, Any]:
        """Return a dark Matplotlib figure and its axes."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        pyplot.style.use("dark_background")
        return pyplot.subplots(figsize=(8, 5), dpi=120, layout="constrained")

    def save(self, figure: Any, name: str) -> Path:
        """Save a figure as a picture in the folder."""
        target = self.folder / name
        figure.savefig(target)
        print(f"→ {target}")
        return target


@asynccontextmanager
async def studio(description: str | None) -> AsyncIterator[Studio]:
    """Read ``--out FOLDER`` from the command line and yield a studio."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=Path.cwd(), help="folder for the results")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        settings = config.load().model_copy(update={"home": Path(home)})
        store = Store(settings)
        runtime = Runtime(
            settings=settings, store=store, registry=Registry(), approver=ApproveAll("example")
        )
        try:
            yield Studio(runtime, store, folder)
        finally:
            await runtime.close()
            store.close()
