"""Makes the pictures of the library: every recipe is run for real, and its best frame is kept.

    nice -n 19 .venv/bin/python scripts/thumbnails.py [ID …] [--all] [--frames FOLDER]

Only what is missing or no longer true is made (see ``intentos.ui.thumbnails``), one after another;
what was stopped goes on where it was. ``--all`` makes everything anew. ``--frames`` keeps the
frames that were looked at, and takes those that are there: another choice needs no second run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image as images
from PIL.Image import Image

from intentos import config
from intentos.plan import Plan
from intentos.policy import ApproveAll
from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.scratch import scratch_folder
from intentos.store import Store
from intentos.types import Intent, Value
from intentos.ui import stills, thumbnails
from intentos.ui.collection import SIX

FRAMES = {"wgsl": 36, "python": 14}
"""How many frames are drawn at most, by the language of a recipe's first step; most Python spreads
the same time over however many there are."""
KERNEL_FRAMES = {"pixels": 24, "scene": 24}
"""By kernel, where what is drawn is there from the first frame; time goes on with the frames of the
others."""
MOST_FRAMES = 84
LIVING_RATE = 15.0
"""Frames a second of those that move."""
PATIENCE = 75.0
"""Seconds after which a recipe is run at its small test size instead."""
TUNED: Mapping[str, Mapping[str, Value]] = {
    "rule_30": {"frames": 240},
    "traffic_waves": {"frames": 240},
}
"""Other values where the defaults make a dull picture."""
PICKED: Mapping[str, float] = {
    "hanoi": 0.17,
    "ink_diffusion": 0.06,
    "meteor_shower": 0.48,
    "rocket_launch": 1.0,
    "small_world": 0.75,
    "travelling_salesman": 1.0,
    "wave_packet": 0.5,
}
"""Where in the film the best frame is, 0 … 1, where measuring finds another."""


CUT = frozenset({"bubbles"})
"""Pictures that would not look whole with their edges going on."""


class NotMade(Exception):
    """A recipe that gives no picture."""


class Maker:
    """Runs recipes and keeps their pictures."""

    def __init__(self, registry: Registry, folder: Path, frames: Path | None) -> None:
        """``folder``: a state folder for the runs, which nobody needs afterwards; ``frames``: where
        frames are kept, or None."""
        self.frames = frames
        settings = config.load().model_copy(update={"home": folder})
        self.store = Store(settings)
        self.runtime = Runtime(
            settings=settings,
            store=self.store,
            registry=registry,
            approver=ApproveAll("thumbnails"),
        )

    async def make(self, proposal: Proposal) -> str:
        """Make one recipe's pictures, and return what was done in a few words.

        Raises:
            NotMade: it did not complete, or draws nothing.
        """
        plan = proposal.plan
        assert plan.recipe is not None
        began = time.monotonic()
        frames = self._kept(plan)
        how = "kept"
        if not frames:
            frames, how = await self._drawn(proposal)
            self._keep(plan, frames)
        best = stills.most_telling(frames)
        if plan.recipe in PICKED:
            best = round(PICKED[plan.recipe] * (len(frames) - 1))
        data = stills.still(stills.fitted(frames[best], cut=is_cut(plan, frames[best])))
        moving = None
        if plan.recipe in SIX:
            cards = [stills.fitted(frame, cut=True) for frame in frames]
            moving = stills.living(cards, rate=LIVING_RATE)
        thumbnails.keep(plan, data, moving)
        seconds = time.monotonic() - began
        told = f"{how}, frame {best + 1}/{len(frames)}, {len(data):,} bytes, {seconds:.1f} s"
        return told if moving is None else f"{told}, moving {len(moving):,} bytes"

    async def _drawn(self, proposal: Proposal) -> tuple[list[Image], str]:
        """Return frames of a run, and at which size it ran."""
        values, how = drawn_with(proposal), "full"
        run = await self._run(proposal, values)
        if run is None or run.status is not RunStatus.COMPLETED:
            values, how = {**values, **proposal.values}, "small"
            run = await self._run(proposal, values, patience=300)
        if run is None or run.status is not RunStatus.COMPLETED:
            raise NotMade("too slow" if run is None else str(run.error or run.status))
        found = [(a.media_type, self.store.path(a.id)) for a in run.artifacts]
        film = stills.first_kind(found, ("video/mp4",))
        picture = stills.first_kind(found, ("image/gif", "image/png"))
        if film is not None:
            count = stills.LIVING_FRAMES if proposal.plan.recipe in SIX else stills.LOOKED_AT
            frames = stills.film_frames(film, count)
        elif picture is not None:
            frames = stills.picture_frames(picture)
        else:
            raise NotMade("it draws nothing")
        for artifact in run.artifacts:
            self.store.path(artifact.id).unlink(missing_ok=True)
        return frames, how

    def _kept(self, plan: Plan) -> list[Image]:
        if self.frames is None:
            return []
        folder = self.frames / f"{plan.recipe}-{thumbnails.key(plan)[:16]}"
        return [images.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]

    def _keep(self, plan: Plan, frames: Sequence[Image]) -> None:
        if self.frames is not None:
            folder = self.frames / f"{plan.recipe}-{thumbnails.key(plan)[:16]}"
            folder.mkdir(parents=True, exist_ok=True)
            for number, frame in enumerate(frames):
                frame.save(folder / f"{number:02}.png", compress_level=1)

    async def _run(
        self, proposal: Proposal, values: Mapping[str, Value], patience: float = PATIENCE
    ) -> Run | None:
        """Run a recipe; None: it took longer than a picture is worth."""
        files = await self.runtime.take_in_samples(proposal.samples)
        wish = Intent(text=proposal.plan.title.en, language="en", attachments=files)
        name = ""

        async def follow() -> None:
            nonlocal name
            async for event in self.runtime.run(wish, plan=proposal.plan, values=dict(values)):
                name = event.run_id

        try:
            await asyncio.wait_for(follow(), patience)
        except TimeoutError:
            return None
        return self.store.run(name)


def is_cut(plan: Plan, frame: Image) -> bool:
    """Whether a picture loses its sides rather than going on above and below: a scene does, but
    plots have words on them."""
    if plan.recipe in CUT:
        return True
    last = plan.steps[-1]
    wordy = last.language == "python" or last.code in ("montecarlo", "linear")
    return not wordy and 3 * frame.width > 4 * frame.height


def drawn_with(proposal: Proposal) -> dict[str, Value]:
    """Return the values that a recipe is drawn with: its own, with fewer frames."""
    plan = proposal.plan
    values = dict(plan.defaults)
    columns = {knob.name for knob in plan.parameters if knob.kind == "column"}
    values |= {name: value for name, value in proposal.values.items() if name in columns}
    values = {name: value for name, value in values.items() if name not in columns or value}
    if "frames" in values:
        first = plan.steps[0]
        most = FRAMES.get(first.language) or KERNEL_FRAMES.get(first.code, MOST_FRAMES)
        if plan.recipe in SIX:
            most = 2 * stills.LIVING_FRAMES
        frames = values["frames"]
        assert isinstance(frames, int)
        least = plan.parameter("frames").minimum or 1
        values["frames"] = max(int(least), min(frames, most))
    return {**values, **TUNED.get(plan.recipe or "", {})}


async def main() -> int:
    """Make what is asked for; 1: something could not be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="recipes; none: all")
    parser.add_argument("--all", action="store_true", help="also those whose pictures are true")
    parser.add_argument("--frames", type=Path, help="folder to keep frames in")
    options = parser.parse_args()
    registry = Registry(plugins=False)
    planner = registry.planner(settings=config.load())
    wanted = {}
    for info in planner.recipes.every():
        if thumbnails.has_own(info) and (not options.ids or info.id in options.ids):
            proposal = planner.recipes.read(info.source)[0]
            made = thumbnails.is_true(proposal.plan)
            made = made and (info.id not in SIX or thumbnails.has_living(info.id))
            if options.all or options.ids or not made:
                wanted[info.id] = proposal
    await planner.close()
    print(f"{len(wanted)} to make", flush=True)
    failed = []
    with scratch_folder() as folder:
        maker = Maker(registry, folder, options.frames)
        for number, (id, proposal) in enumerate(wanted.items(), 1):
            try:
                told = await maker.make(proposal)
            except NotMade as error:
                told = f"not made: {error}"
                failed.append(id)
            print(f"{number}/{len(wanted)} {id}: {told}", flush=True)
        await maker.runtime.close()
        maker.store.close()
    if failed:
        print(f"not made: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
