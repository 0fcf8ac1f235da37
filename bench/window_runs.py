"""Many runs in one process, as a window that stays open for weeks does them."""

from __future__ import annotations

import asyncio
import gc
import os
import re
from pathlib import Path

from intentos import config
from intentos.events import Event, RunFinished
from intentos.types import new_id
from intentos.ui.desk import Desk

WISH = "how fast does a stone hit the ground from 20 m?"


def main(runs: int) -> None:
    """Print the process's megabytes after a fifth of the runs, and after all of them."""
    asyncio.run(_work(runs))


async def _work(runs: int) -> None:
    desk = Desk(config.load().model_copy(update={"mode": "machine"}))
    desk.open()
    over: asyncio.Queue[str] = asyncio.Queue()

    def hear(run_id: str, event: Event | None) -> None:
        if isinstance(event, RunFinished):
            over.put_nowait(run_id)

    desk.listen("", hear)
    talk = new_id()
    run = await desk.ask(WISH, conversation=talk)
    await over.get()
    for number in range(runs):
        if number == runs // 5:
            print(_megabytes(), flush=True)
        await desk.rerun(run, {}, seed=number)
        await over.get()
    print(_megabytes(), flush=True)
    await desk.close()


def _megabytes() -> float:
    gc.collect()
    text = Path(f"/proc/{os.getpid()}/status").read_text("ascii")
    return int(re.findall(r"RssAnon:\s+(\d+)", text)[0]) / 1024
