"""The GPU worker's side of a program that is played live: a frame for each line it is told.

Whoever watches decides about every frame, so that between two of them the GPU is free for others.
A frame that takes longer than its slice of time is laid down between two submits (``rest``) until
the next line (``go``); nothing else is done meanwhile.
"""

from __future__ import annotations

import json
import os
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from intentos.errors import StoreError
from intentos.program import View, load

from .gpu import ProgramRunner

if TYPE_CHECKING:
    from .gpu_worker import Voice


def play(job: dict[str, Any], chosen: Any, voice: Voice, told: SimpleQueue[bytes]) -> None:
    """Play a program until the process ends.

    A line is ``{"seconds", "frames", "values", "view", "pointer", "seed"}``: how long this may take
    at a stretch, how many frames to go on before drawing (0: the same one again), and what has
    changed, each None where it has not; a seed begins anew.
    """
    clock = _Clock(voice, told)
    # The file descriptors of a job can be read once only.
    arrays = {sha: _read(file) for sha, file in job["arrays"].items()}
    runner = ProgramRunner(
        load(job["program"]),
        job["values"],
        job["seed"],
        arrays=arrays,
        alive=clock.alive,
        chosen=chosen,
    )
    program, frame = runner.program, -1
    driver = str(chosen.info.get("description", ""))
    with open(job["frames"], "wb", buffering=0) as file:
        voice.say("device", text=runner.device.text, driver=driver)
        while True:
            line: dict[str, Any] = json.loads(told.get())
            clock.begin(line["seconds"])
            if line["values"] is not None:
                runner.set(line["values"])
            if line["view"] is not None:
                runner.view = View.model_validate(line["view"])
            if line["pointer"] is not None:
                runner.pointer = line["pointer"]
            if line["seed"] is not None and frame >= 0:
                runner.restart(line["seed"], arrays)
                frame = -1
            fresh = line["frames"] > 0 or frame < 0
            if frame < 0:
                frame = 0
                runner.begin()
            else:
                for _ in range(line["frames"]):
                    frame += 1
                    runner.advance(program.steps_per_frame, frame=frame)
            runner.draw(frame)
            pixels = runner.read(frame)
            probes = {name: pairs[-1][1] for name, pairs in runner.series.items() if pairs}
            for pairs in runner.series.values():
                pairs.clear()
            _put(file.fileno(), pixels)
            clock.end()
            voice.say("frame", index=frame, rounds=runner.rounds, probes=probes if fresh else {})


class _Clock:
    """Lays the work down when its slice of time is over, until it may go on."""

    def __init__(self, voice: Voice, told: SimpleQueue[bytes]) -> None:
        self._voice = voice
        self._told = told
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def end(self) -> None:
        self._until = None

    def alive(self) -> None:
        """Called after every submitted batch, and while shaders compile."""
        self._voice.alive()
        if self._until is not None and time.monotonic() > self._until:
            self._voice.say("rest")
            self.begin(json.loads(self._told.get())["seconds"])


def _read(file: str | int) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def _put(file: int, pixels: bytes) -> None:
    left = memoryview(pixels)
    try:
        os.lseek(file, 0, os.SEEK_SET)
        while left:
            left = left[os.write(file, left) :]
    except OSError as error:
        raise StoreError("film.no_space", path="frame.rgba") from error
