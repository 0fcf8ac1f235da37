"""Moving pictures over websockets, from a real server and a real adapter to a real client."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from intentos.config import Settings
from intentos.errors import ExecutorUnavailable
from intentos.executors.webgpu import WebGPUExecutor
from intentos.live import MODEL_SECONDS
from intentos.queue import turn
from intentos.types import sha256
from intentos.ui import live_show, live_socket, run_frames
from intentos.ui import viewer as viewer_module
from intentos.ui.picture import packed
from tests.executors.frame_steps import moving
from tests.live_runs import run_of, walking
from tests.test_playable import reading

from .live_server import Browser, Passed, Server, serving

Born = Callable[[], set[int]]
Gone = Callable[[], Awaitable[float]]


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    try:
        WebGPUExecutor().check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    async with serving(settings) as up:
        yield up


@pytest.fixture
def gone(born: Born) -> Gone:
    """Return what waits until no process of this test is left, and tells how long that took."""

    async def wait() -> float:
        started = time.monotonic()
        while born():
            assert time.monotonic() - started < 10, "a process is left"
            await asyncio.sleep(0.02)
        return time.monotonic() - started

    return wait


async def test_a_step_plays_and_does_what_the_viewer_says(server: Server, gone: Gone) -> None:
    run = run_of(values={"level": 250})
    async with server.playing(run, parameters={"level": 120}, seed="7") as browser:
        ready = browser.said[-1]
        assert (ready["width"], ready["height"], ready["frames_per_second"]) == (64, 48, 30)
        assert ready["device"].count(" · ") == 2
        frames = [await browser.frame() for _ in range(5)]
        assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
        assert frames[0].index == 0
        for frame in frames:
            where, level = frame.column
            assert where == frame.index == frame.rounds
            assert level == pytest.approx(120, abs=12)
        probe = next(one for one in browser.said if one["kind"] == "probe")
        assert probe == {"kind": "probe", "name": "double", "frame": 0, "value": 0}

        await browser.say("set", name="level", value=40)
        while (await browser.frame()).column[1] > 60:
            continue

        await browser.say("pause")
        last = (await browser.quiet())[-1:]
        stopped = last[0].index if last else frame.index
        await browser.say("taken", index=stopped)
        await browser.say("set", name="level", value=200)  # shown although time stands still
        shown = await browser.frame()
        assert shown.column[1] == pytest.approx(200, abs=12)
        await browser.say("step")
        assert (await browser.frame()).index == shown.index + 1
        assert await browser.quiet() == []
        await browser.say("restart", seed="8")
        assert (await browser.frame()).index == 0
        assert await browser.quiet() == []  # it still stands still
        await browser.say("speed", value=4)
        await browser.say("resume")
        fast = [(await browser.frame()).index for _ in range(12)]
        assert max(b - a for a, b in itertools.pairwise(fast)) >= 2
    assert await gone() < 5


async def test_a_viewer_never_has_more_than_two_frames_that_it_has_not_taken(
    server: Server,
) -> None:
    async with server.playing(run_of()) as browser:
        first = await browser.quiet()
        assert [frame.index for frame in first] == [0, 1]
        await browser.say("taken", index=0)
        (third,) = await browser.quiet()
        assert third.index > 2  # what fell due meanwhile is left out, but has been computed
        assert third.column[0] == third.index == third.rounds
        await browser.say("taken", index=third.index)  # and with it the one before
        assert len(await browser.quiet()) == 2
        await browser.say("taken", index=10**6)  # of a frame that never was
        assert await browser.quiet() == []


BAD: list[str | bytes] = [
    "",
    "x",
    "[]",
    "null",
    '"play"',
    "{}",
    '{"kind": "dance"}',
    '{"kind": "set"}',
    '{"kind": "set", "name": "level", "value": [1]}',
    '{"kind": "set", "name": "level", "value": 256}',
    '{"kind": "set", "name": "level", "value": NaN}',
    '{"kind": "set", "name": "level", "value": 1e999}',
    '{"kind": "set", "name": "colour", "value": "#ffffff"}',
    '{"kind": "set", "name": "__class__", "value": 1}',
    '{"kind": "view", "zoom": 0}',
    '{"kind": "view", "yaw": Infinity}',
    '{"kind": "view", "pan": [1]}',
    '{"kind": "view", "roll": 1}',
    '{"kind": "speed", "value": 1e9}',
    '{"kind": "restart", "seed": "-1"}',
    '{"kind": "taken", "index": -1}',
    '{"kind": "pause", "for": "ever"}',
    "[" * 10_000,
    '{"kind": "set", "name": "' + "x" * 20_000 + '", "value": 1}',
    b"\x00\xff",
]


async def test_what_is_not_understood_is_answered_and_the_view_goes_on(
    server: Server, gone: Gone
) -> None:
    async with server.playing(run_of()) as browser:
        for bad in BAD:
            await browser.connection.send(bad)
            error = await browser.message("error")
            assert len(error["message"]) < 500, bad
        await browser.frame()
        at = (await browser.frame()).index
        assert (await browser.frame()).index > at
    await gone()


async def test_who_only_talks_nonsense_is_not_listened_to_for_ever(
    server: Server, gone: Gone
) -> None:
    async with server.playing(run_of()) as browser:
        for _ in range(viewer_module.PATIENCE + 1):
            await browser.connection.send("nonsense")
        await browser.message("end")
        with pytest.raises(ConnectionClosed) as closed:
            await browser.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
    await gone()


async def test_a_flood_of_changes_costs_one_frame_and_the_last_one_wins(
    server: Server, gone: Gone
) -> None:
    async with server.playing(run_of()) as browser:
        await browser.frame()
        for turn in range(3000):
            await browser.say("set", name="level", value=turn % 200 + 50)
        await browser.say("set", name="level", value=30)
        for _ in range(20):
            frame = await browser.frame()
        assert frame.column[1] < 50
    await gone()


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_who_leaves_takes_the_process_along(
    server: Server, leave: str, born: Born, gone: Gone
) -> None:
    async with server.playing(run_of()) as browser:
        await browser.frame()
        assert born()
        if leave == "close":
            await browser.connection.close()
        else:
            browser.connection.transport.abort()
        assert await gone() < 2  # a tenth of a second on a quiet machine


async def test_who_leaves_while_it_compiles_takes_the_process_along(
    server: Server, born: Born, gone: Gone
) -> None:
    run = server.desk.hold(run_of())
    async with server.browser(f"/api/live/{run}/move") as browser:
        await browser.say("play")
        while not born():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await gone() < 2


async def test_the_next_view_finds_a_process_ready_until_the_window_closes(
    settings: Settings, born: Born, gone: Gone
) -> None:
    async with serving(settings, keep_ready=True) as server:
        async with server.playing(run_of()) as browser:
            await browser.frame()
        await asyncio.sleep(0.5)  # bubblewrap starts its own helpers
        waiting = born()
        assert waiting
        async with server.playing(run_of()) as browser:
            await browser.frame()
            assert waiting < born()  # handed out, and the next one is there
    assert await gone() < 2


async def test_a_picture_is_sent_once_and_again_when_it_changes(server: Server) -> None:
    async with server.playing(run_of(walking(frames=1))) as browser:
        assert len(await browser.quiet()) == 1
        await browser.say("taken", index=0)
        await browser.say("set", name="level", value=90)
        assert (await browser.frame()).column[1] == pytest.approx(90, abs=12)
        assert await browser.quiet() == []


async def test_the_language_model_goes_before_a_view_on_the_processor(
    server: Server, settings: Settings
) -> None:
    async with server.playing(run_of()) as browser:
        device = browser.said[-1]["device"]
        if not device.endswith("CPU"):
            pytest.skip(f"{device} is no processor")
        await browser.frame()
        async with turn(settings, "model", lambda event: None):
            await browser.frame()
            await browser.frame()
            started = time.monotonic()
            for _ in range(3):
                await browser.frame()
            assert time.monotonic() - started > 2 * MODEL_SECONDS


async def test_a_view_that_waits_for_a_run_says_that_it_comes(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "COMING_SECONDS", 0.1)
    async with turn(settings, "gpu", lambda event: None), server.playing(run_of()) as browser:
        for _ in range(3):
            assert await browser.message("coming") == {"kind": "coming"}
    run = server.desk.hold(run_of())
    server.desk.going[run] = Passed()  # and has drawn nothing yet
    async with server.browser(f"/api/frames/{run}") as browser:
        for _ in range(3):
            assert await browser.next() == {"kind": "coming"}
    async with server.playing(run_of()) as browser:
        await browser.frame()
        browser.said.clear()
        for _ in range(5):
            await browser.quiet(0.2)
        assert all(said["kind"] != "coming" for said in browser.said)


async def test_a_view_that_nobody_watches_ends(
    server: Server, monkeypatch: pytest.MonkeyPatch, gone: Gone
) -> None:
    async with server.playing(run_of()) as browser:
        monkeypatch.setattr(live_show, "IDLE", 0.5)
        await browser.say("pause")
        assert (await browser.message("end")) == {"kind": "end"}
    await gone()


async def test_what_cannot_be_played_is_told_in_the_viewers_language(
    server: Server, born: Born
) -> None:
    rejected = server.desk.hold(run_of(decision="reject"))
    for path, word in [
        (f"/api/live/{rejected}/move", "批准"),
        ("/api/live/nothing/move", "nothing"),
        (f"/api/live/{server.desk.hold(run_of())}/other", "other"),
    ]:
        async with server.browser(f"{path}?language=zh") as browser:
            await browser.say("play")
            assert word in (await browser.message("error"))["message"]
            assert (await browser.message("end")) == {"kind": "end"}
    run = server.desk.hold(run_of())
    async with server.browser(f"/api/live/{run}/move") as browser:
        await browser.say("pause")
        assert "`play`" in (await browser.message("error"))["message"]
        await browser.say("play", parameters={"level": 999})
        assert "0 to 255" in (await browser.message("error"))["message"]
        await browser.message("end")
    assert not born()


async def test_a_runs_frames_are_encoded_once_for_all_who_watch(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []

    def counting(pixels: bytes, **more: Any) -> bytes:
        encoded.append(more["index"])
        return packed(pixels, **more)

    monkeypatch.setattr(run_frames, "packed", counting)
    plan = run_of(moving(3000), parameters=()).plan
    assert plan is not None
    run_id = server.desk.new()
    going = asyncio.create_task(server.desk.run(plan, run_id))
    await asyncio.sleep(0)

    async def watch(browser: Browser, *, take: bool) -> list[int]:
        seen = []
        while (found := await browser.next()) != {"kind": "end"}:
            if isinstance(found, dict):
                assert found["kind"] != "error", found
                continue
            assert found.column[0] == found.index or found.index >= 64
            seen.append(found.index)
            if take:
                await browser.say("taken", index=found.index)
        return seen

    path = f"/api/frames/{run_id}"
    async with (
        server.browser(path) as one,
        server.browser(path) as two,
        server.browser(path) as lazy,
    ):
        first, second, little = await asyncio.gather(
            watch(one, take=True), watch(two, take=True), watch(lazy, take=False)
        )
        probes = [m["frame"] for m in one.said if m["kind"] == "probe"]
    await going
    assert len(first) >= 3
    assert first == sorted(set(first))
    assert set(first) | set(second) | set(little) <= set(encoded)
    assert len(encoded) == len(set(encoded)) < 3000  # late ones were left out
    assert len(little) == 2
    assert probes == sorted(set(probes))
    assert len(probes) >= 3
    async with server.browser(path) as late:
        await late.message("end")


async def test_the_program_and_its_arrays_are_served_as_data(server: Server) -> None:
    numbers = np.arange(64 * 48)
    run = server.desk.hold(reading(server.desk.store, numbers))
    refused = server.desk.hold(run_of(decision=None))
    plain = numbers.astype("<i4").tobytes()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        found = await client.get(f"/api/program/{run}/move")
        assert found.status_code == 200
        assert found.headers["x-content-type-options"] == "nosniff"
        body = found.json()
        assert body["run"] == run
        assert list(body["arrays"]) == [sha256(plain)]
        array = await client.get(body["arrays"][sha256(plain)])
        assert array.content == plain
        assert array.headers["content-type"] == "application/octet-stream"
        assert array.headers["x-content-type-options"] == "nosniff"
        for path, status, code in [
            (f"/api/program/{refused}/move", 403, "play.not_approved"),
            (f"/api/program/{run}/nothing", 404, "play.no_step"),
            ("/api/program/nothing/move", 404, "store.no_run"),
            (f"/api/program/{run}/move/arrays/{'0' * 64}", 404, "store.no_artifact"),
        ]:
            answer = await client.get(path, headers={"Accept-Language": "zh-CN"})
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert json.dumps(answer.json()["message"]) != ""
