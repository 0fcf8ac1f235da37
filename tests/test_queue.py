"""One model, one GPU: turns are taken in order, across processes, and a crash frees them."""

from __future__ import annotations

import asyncio
import sys

import pytest

from intentos.config import Settings
from intentos.events import RunQueued
from intentos.queue import turn

HOLDER = """
import asyncio
from intentos import config
from intentos.queue import turn
async def main():
    async with turn(config.load(), "gpu", print):
        print("holding", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_only_one_at_a_time_and_in_order(settings: Settings) -> None:
    inside = 0
    order: list[int] = []

    async def work(number: int) -> None:
        nonlocal inside
        async with turn(settings, "gpu", lambda event: None):
            inside += 1
            assert inside == 1
            order.append(number)
            await asyncio.sleep(0.02)
            inside -= 1

    tasks = []
    for number in range(4):
        tasks.append(asyncio.create_task(work(number)))
        await asyncio.sleep(0.005)  # tickets sort by arrival
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]


async def test_the_place_in_line_is_told(settings: Settings) -> None:
    heard: list[RunQueued] = []
    async with turn(settings, "gpu", heard.append):
        assert heard == []  # nobody waits for nobody
        waiting = asyncio.create_task(enter(settings, heard))
        await asyncio.sleep(0.2)
        assert [event.place for event in heard] == [1]
    await waiting
    assert [event.place for event in heard] == [1, 0]


async def enter(settings: Settings, heard: list[RunQueued]) -> None:
    """Take a turn and leave at once."""
    async with turn(settings, "gpu", heard.append):
        pass


async def test_model_and_gpu_are_two_queues(settings: Settings) -> None:
    async with (
        turn(settings, "gpu", lambda event: None),
        turn(settings, "model", lambda event: None),
    ):
        assert len(list(settings.locks.rglob("*.ticket"))) == 2
    assert list(settings.locks.rglob("*.ticket")) == []


@pytest.mark.parametrize("killed", [True, False])
async def test_another_process_holds_its_turn_until_it_is_gone(
    settings: Settings, killed: bool
) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"holding\n"
    heard: list[RunQueued] = []
    waiting = asyncio.create_task(enter(settings, heard))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    assert [event.place for event in heard] == [1]
    if killed:
        holder.kill()
    else:
        holder.terminate()
    await holder.wait()
    await asyncio.wait_for(waiting, 20)
