"""A step that draws elsewhere is watched here while it draws."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from intentos.events import FrameDrawn, LiveEvent
from intentos.mesh.pictures import SIDE, Pictures, small
from intentos.mesh.visitor import errand
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Estimate, Isolation, Limits, Value, now
from tests.parts import HandRegistry

from .village import Village

WIDTH, HEIGHT, FRAMES = 640, 480, 8


class DrawingExecutor:
    """Draws one frame every fifth of a second into a file, as the real ones do."""

    name = "drawing"
    languages = frozenset({"words"})
    isolation: Isolation = "sandbox"
    substitute = False

    def __init__(self) -> None:
        self.over = False

    def check(self) -> None:
        """Works everywhere."""

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Know nothing."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Draw; each frame has a colour of its own."""
        started, raw = now(), context.workdir / "frames.rgba"
        for index in range(FRAMES):
            await asyncio.sleep(0.2)
            with raw.open("ab") as file:
                file.write(bytes([index * 30, 100, 7, 255]) * (WIDTH * HEIGHT))
            event = FrameDrawn(
                step_id=step.id, index=index, count=FRAMES, width=WIDTH, height=HEIGHT,
                reference=str(raw),
            )  # fmt: skip
            context.emit(event)
        self.over = True
        return StepResult(
            step_id=step.id, executor=self.name, status=StepStatus.OK, started_at=started,
            finished_at=now(),
        )  # fmt: skip


async def test_frames_come_back_while_the_step_still_draws(
    village: Village, tmp_path: Path
) -> None:
    bo, ann = await village.join("bo"), await village.join("ann")
    drawing = DrawingExecutor()
    await village.lend(bo, HandRegistry(drawing))
    seen: list[tuple[int, bool, bytes]] = []

    def emit(event: LiveEvent) -> None:
        assert isinstance(event, FrameDrawn)
        assert (event.width, event.height) == (SIDE, SIDE * HEIGHT // WIDTH)
        size = event.width * event.height * 4
        with open(event.reference, "rb") as file:
            file.seek(event.index * size)
            pixels = file.read(size)
        assert pixels == pixels[:4] * (len(pixels) // 4)
        seen.append((event.index, drawing.over, pixels[:4]))

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        raise AssertionError(name)

    context = StepContext(
        values={}, live=frozenset(), seed=1, inputs={}, workdir=tmp_path,
        limits=Limits(wall_time=20), emit=emit, save=save,
    )  # fmt: skip
    async with ann.line() as line:
        step = Step(id="s", language="words", code="draw")
        result, _, _ = await errand(line, step, context, verify="none")
    assert result.status == "ok"
    early = [index for index, over, _ in seen if not over]
    assert len(early) >= FRAMES // 2
    assert early == sorted(set(early))
    for index, _, pixel in seen:
        assert pixel == bytes([index * 30, 100, 7, 255])


@pytest.mark.parametrize(
    "change",
    [
        {"step_id": "other"},
        {"width": SIDE + 1},
        {"height": 0},
        {"index": -1},
        {"index": 5},  # beyond the end
        {"count": 10**9, "index": 10**8},
    ],
)
def test_a_picture_that_is_none_is_not_shown(tmp_path: Path, change: dict[str, int | str]) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(bytes(range(16)) * 4)
    event = FrameDrawn(step_id="s", index=0, count=5, width=4, height=4, reference=str(raw))
    made = small(event)
    assert made is not None
    assert Pictures(tmp_path, "s").put(made[0].model_copy(update=change), made[1]) is None
    assert Pictures(tmp_path, "s").put(made[0], made[1] + "A===") is None
    assert Pictures(tmp_path, "s").put(made[0], made[1][:-4]) is None
    pictures = Pictures(tmp_path, "s")
    shown = pictures.put(*made)
    assert shown is not None
    got = np.fromfile(shown.reference, np.uint8).reshape(4, 4, 4)
    assert np.array_equal(got[:, :, :3], np.fromfile(raw, np.uint8).reshape(4, 4, 4)[:, :, :3])
    assert pictures.put(*made) is None  # an old one
