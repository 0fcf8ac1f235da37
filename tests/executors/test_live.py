"""A program that is played live on a real adapter: asked frame by frame, behind the same walls."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos import live as module
from intentos.config import Settings
from intentos.errors import (
    ExecutorError,
    ExecutorUnavailable,
    InvalidProgram,
    NotFound,
    ValueOutOfRange,
)
from intentos.events import RunQueued
from intentos.executors.webgpu import WebGPUExecutor
from intentos.live import LiveView, LiveViews, Look
from intentos.plan import Step
from intentos.playable import Playable, playable
from intentos.program import load
from intentos.protocols import LiveFrame, Player
from intentos.queue import turn
from intentos.registry import Registry
from intentos.types import Limits, sha256
from tests.live_runs import run_of, walking
from tests.parts import HandRegistry

from .frame_steps import ENDLESS

Born = Callable[[], set[int]]
SEEING = """
@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  let values = array(uniforms.yaw, uniforms.pitch, uniforms.distance, uniforms.zoom,
    uniforms.pan.x, uniforms.pan.y, uniforms.pointer.x, uniforms.pointer.w);
  if (id.x < 8u && id.y == 0u) { pixels[id.x] = u32(values[id.x] * 100.0); }
  if (id.x == 8u && id.y == 0u) { pixels[8] = uniforms.seed; }
  if (id.x == 9u && id.y == 0u) { pixels[9] += 1u; }
}
"""
SLOW = """
@compute @workgroup_size(64) fn work(@builtin(global_invocation_id) id: vec3u) {
  var x = f32(id.x);
  for (var i = 0u; i < 6000u; i++) { x = sin(x) + f32(i); }
  pixels[id.x % 3072u] = u32(x) | 1u;
}
@compute @workgroup_size(64) fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x == 0u) { pixels[0] = uniforms.frame; }
}
"""


@pytest.fixture
def executor() -> WebGPUExecutor:
    made = WebGPUExecutor()
    try:
        made.check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    return made


@pytest.fixture
def views(executor: WebGPUExecutor, settings: Settings) -> LiveViews:
    return LiveViews(settings, HandRegistry(executor), most=2)


def of(step: Step | None = None, **more: Any) -> Playable:
    """Return a step of a run, ready to be played."""
    run = run_of(step or walking(), **more)
    return playable(run, (step or walking()).id, Registry(), None)  # type: ignore[arg-type]


def column(frame: LiveFrame) -> tuple[int, int]:
    """Return where the bright column is, and how bright."""
    row = np.frombuffer(frame.pixels, np.uint8).reshape(48, 64, 4)[0, :, 0]
    return int(row.argmax()), int(row.max())


async def test_frames_come_as_they_are_asked_for_and_show_what_was_turned(
    views: LiveViews,
) -> None:
    async with views.open(of(values={"level": 120})) as view:
        assert view.device.count(" · ") == 2
        first = await view.frame()
        assert (first.index, first.rounds, column(first)) == (0, 0, (0, 120))
        assert first.probes == {"double": 0}
        second = await view.frame()
        assert (second.index, second.rounds, column(second)) == (1, 1, (1, 120))
        assert second.probes == {}  # it is read at every third frame
        view.set("level", 33)
        view.set("level", 44)
        assert column(await view.frame(0)) == (1, 44)  # the same frame, drawn anew
        later = await view.frame(5)
        assert (later.index, later.rounds, column(later)) == (6, 6, (6, 44))
        assert later.probes == {"double": 12}
        view.restart()
        again = await view.frame()
        assert (again.index, again.rounds, column(again)) == (0, 0, (0, 44))
        for _ in range(45):  # beyond the film's 40 frames
            last = await view.frame()
        assert column(last) == (45, 44)


async def test_the_camera_the_pointer_and_the_seed_reach_the_shader(views: LiveViews) -> None:
    step = walking(code=SEEING, outputs=[], probes=[], uniforms=[])
    async with views.open(of(step, seed=7, parameters=())) as view:
        assert _numbers(await view.frame())[:10] == [0, 0, 300, 100, 0, 0, 0, 0, 7, 1]
        view.look(Look(yaw=0.5, pointer=(0.25, 4, 1, 1)))
        view.look(Look(pitch=0.25, distance=2, zoom=3, pan=(0.75, 0.5)))
        numbers = _numbers(await view.frame(0))
        assert numbers[:10] == [50, 25, 200, 300, 75, 50, 25, 100, 7, 2]
        view.restart(8)
        assert _numbers(await view.frame())[8:10] == [8, 1]  # the buffers are empty again


async def test_data_is_there_again_after_a_restart(views: LiveViews, tmp_path: Path) -> None:
    code = """@compute @workgroup_size(64) fn draw(@builtin(global_invocation_id) id: vec3u) {
      if (id.x == 0u && id.y == 0u) { given[0] += 1; pixels[0] = u32(given[0]); }
    }"""
    file = tmp_path / "data"
    file.write_bytes(np.array([41], np.int32).tobytes())
    sha = sha256(file.read_bytes())
    data = {"sha256": sha, "dtype": "int32", "shape": [1]}
    buffers = [
        {"name": "pixels", "type": "u32", "length": 64 * 48},
        {"name": "given", "type": "i32", "length": 1, "data": data},
    ]
    step = walking(code=code, buffers=buffers, outputs=[], probes=[], uniforms=[])
    found = of(parameters=(), step=walking(code=SEEING, outputs=[], probes=[], uniforms=[]))
    found = replace(
        found,
        program=load({**step.arguments, "source": code}),
        arrays={sha: file},
    )
    async with views.open(found) as view:
        assert [_numbers(await view.frame())[0] for _ in range(2)] == [42, 43]
        view.restart()
        assert _numbers(await view.frame())[0] == 42


async def test_what_does_not_fit_is_refused_and_the_view_goes_on(views: LiveViews) -> None:
    async with views.open(of()) as view:
        with pytest.raises(ValueOutOfRange):
            view.set("level", 256)
        with pytest.raises(NotFound):
            view.set("colour", "#ffffff")  # it is no live parameter
        assert column(await view.frame()) == (0, 200)
    with pytest.raises(ValueOutOfRange):
        async with views.open(of(), values={"level": -1}):
            pass
    with pytest.raises(InvalidProgram) as refused:
        async with views.open(of(walking(code="@compute @workgroup_size(1) fn draw() { let x; }"))):
            pass
    assert refused.value.code == "gpu.shader"
    large = walking()
    buffers = [*large.arguments["buffers"], {"name": "b", "type": "f32", "length": 2**25}]
    large = large.model_copy(update={"arguments": {**large.arguments, "buffers": buffers}})
    large = large.model_copy(update={"limits": Limits(memory_bytes=64 * 1024**2)})
    with pytest.raises(InvalidProgram) as refused:
        async with views.open(of(large)):
            pass
    assert refused.value.code == "gpu.memory"


async def test_so_many_views_and_no_more(views: LiveViews) -> None:
    async with views.open(of()) as first:
        async with views.open(of()) as second:
            with pytest.raises(ExecutorUnavailable) as refused:
                async with views.open(of()):
                    pass
            assert refused.value.code == "play.too_many"
            drawn = await asyncio.gather(_draw(first, 10), _draw(second, 20))
            assert [frame.index for frame in drawn] == [9, 19]
        async with views.open(of()) as third:
            assert column(await third.frame()) == (0, 200)


async def test_a_run_gets_the_gpu_at_once_and_the_view_waits_for_it(
    views: LiveViews, settings: Settings
) -> None:
    places: list[int] = []
    async with views.open(of(), waiting=places.append) as view:
        watching = asyncio.create_task(_draw(view, 10**6))
        await asyncio.sleep(0.1)
        queued: list[RunQueued] = []
        asked = time.monotonic()
        async with turn(settings, "gpu", queued.append):
            waited = time.monotonic() - asked
            await until(lambda: places[-1:] == [1], "the view goes on")
            assert not watching.done()
        await until(lambda: places[-1] == 0, "the view stands still")
        watching.cancel()
    assert waited < 2  # some 0.05 s on a quiet machine


async def test_a_slow_frame_lays_the_gpu_down_in_between(
    views: LiveViews, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE", 0.05)
    passes = [{"entry": "work", "dispatch": [48, 1, 1]}]
    step = walking(code=SLOW, outputs=[], probes=[], uniforms=[], step=passes, steps_per_frame=6)
    async with views.open(of(step, parameters=())) as view:
        assert (await view.frame()).index == 0
        watching = asyncio.create_task(view.frame())
        turns = 0
        while not watching.done():
            async with turn(settings, "gpu", lambda event: None):
                turns += not watching.done()
            await asyncio.sleep(0)
        frame = await watching
        assert turns >= 2
        assert (_numbers(frame)[0], frame.rounds) == (1, 6)


@asynccontextmanager
async def _endless(executor: WebGPUExecutor, silence: float | None) -> AsyncIterator[Any]:
    spin = walking(
        code=ENDLESS + "@compute @workgroup_size(1) fn draw() { pixels[0] = counter_(); }"
        "fn counter_() -> u32 { return atomicLoad(&counter[0]); }",
        buffers=[
            {"name": "pixels", "type": "u32", "length": 64 * 48},
            {"name": "counter", "type": "atomic<u32>", "length": 8},
        ],
        step=[{"entry": "spin", "dispatch": [65_535, 1, 1]}],
        outputs=[],
        probes=[],
        uniforms=[],
    )
    found = of(spin, parameters=())
    player = WebGPUExecutor(silence=silence)
    async with player.play(found.program, values={}, seed=1, arrays={}, limits=Limits()) as playing:
        await playing.draw(seconds=10)
        yield playing


async def test_a_shader_that_never_ends_is_given_up(executor: WebGPUExecutor, born: Born) -> None:
    with pytest.raises(ExecutorError) as hung:
        async with _endless(executor, 1.0) as playing:
            await playing.draw(seconds=0.2)
    assert hung.value.code == "gpu.hung"
    await until(lambda: not born(), "a process is left")


async def test_closing_ends_the_process_whatever_it_does(
    executor: WebGPUExecutor, born: Born
) -> None:
    async with _endless(executor, None) as playing:
        drawing = asyncio.create_task(playing.draw(seconds=0.2))
        await asyncio.sleep(0.3)
        assert born()
        drawing.cancel()
        closing = time.monotonic()
    assert time.monotonic() - closing < 10
    await until(lambda: not born(), "a process is left")


async def test_a_worker_that_dies_is_told(views: LiveViews, born: Born) -> None:
    async with views.open(of()) as view:
        await view.frame()
        for pid in born():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(ExecutorError) as died:
            await view.frame()
        assert died.value.code == "gpu.worker_died"


async def test_a_warm_worker_is_used_and_the_next_one_waits_already(
    executor: WebGPUExecutor, settings: Settings, born: Born
) -> None:
    await executor.warm()
    try:
        before = born()
        async with LiveViews(settings, HandRegistry(executor)).open(of()) as view:
            await view.frame()
            assert before <= born()  # handed out, and not started anew
            assert len(born() - before) >= 2  # the next one: bubblewrap and Python
    finally:
        await executor.cool()
    await until(lambda: not born(), "a process is left")


@pytest.mark.usefixtures("without_drivers")
async def test_without_a_gpu_it_says_how_to_get_one(settings: Settings) -> None:
    views = LiveViews(settings, HandRegistry(WebGPUExecutor()))
    with pytest.raises(ExecutorUnavailable) as refused:
        async with views.open(of()):
            pass
    assert refused.value.code == "gpu.no_adapter"
    assert "mesa-vulkan-drivers" in refused.value.text("zh")
    with pytest.raises(ExecutorUnavailable, match="intentos executors"):
        async with LiveViews(settings, HandRegistry()).open(of()):
            pass


def test_the_executor_for_the_gpu_is_a_player_and_its_substitute_is_none(
    registry: Registry,
) -> None:
    players = [n for n, e in registry.executors().items() if isinstance(e, Player)]
    assert players == ["webgpu"]


async def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait, and let the event loop go on."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, otherwise
        await asyncio.sleep(0.02)


async def _draw(view: LiveView, frames: int) -> LiveFrame:
    for _ in range(frames):
        frame = await view.frame()
    return frame


def _numbers(frame: LiveFrame) -> list[int]:
    return [int(number) for number in np.frombuffer(frame.pixels, np.uint32)]
