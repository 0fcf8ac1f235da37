"""The hub's own benchmark of the nodes: puzzles that take work, and whose answers it can check.

A node cannot claim to be fast: the hub draws a puzzle, takes the time until the node has bound
itself to the answer, and checks it with far less work than it took. A processor squares a number
again and again modulo a product of two primes, which cannot be shortened without knowing them
(Rivest, Shamir and Wagner, "Time-lock puzzles and timed-release crypto", 1996); a GPU mixes many
numbers, of which the hub mixes a few again. Puzzles grow until they take long enough to be timed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.types import Limits, Value, new_id

from .accounts import Accounts
from .blobs import Blobs
from .book import Member
from .findings import Finding, Measured
from .open_job import Open, Vote
from .roster import Node, Roster
from .wire import Device, Job

OWNER = "(hub)"
"""Whose jobs these are; also in the nodes' own logs."""
EVERY = 24 * 3600.0
"""Seconds between two measurements of a node, more or less a half: it cannot foresee them."""
RETRY = 30.0
LONG_ENOUGH = 1.0
"""Seconds below which a puzzle's time is mostly that of handing it out. (What a small one takes is
not subtracted: a node that dawdles over the small one would be quick.)"""
AIM = 3.0
MOST_GROWTH = 16.0
USUAL: dict[Device, float] = {"cpu": 150_000.0, "gpu": 1e10}
"""Squarings, and rounds of mixing, a second of a usual machine: that is speed 1."""
FIRST: dict[Device, float] = {"cpu": 30_000.0, "gpu": 2**26}
MOST: dict[Device, float] = {"cpu": 4_000_000.0, "gpu": 2**40}
PRIME_BITS = 2048
ROUNDS = 256
"""Of mixing in one pass."""
LOOKED_AT = 8
"""Mixed numbers that the hub mixes again."""
SQUARE = """
x, n = int(parameters["base"], 16), int(parameters["modulus"], 16)
for _ in range(int(parameters["times"])):
    x = x * x % n
report("answer", x % 2**48)
"""
MIX = """
fn index(id: vec3<u32>) -> u32 { return id.x; }
@compute @workgroup_size(64) fn fill(@builtin(global_invocation_id) id: vec3<u32>) {
  if (index(id) < arrayLength(&lanes)) { lanes[index(id)] = index(id) ^ uniforms.salt; }
}
@compute @workgroup_size(64) fn mix_all(@builtin(global_invocation_id) id: vec3<u32>) {
  if (index(id) >= arrayLength(&lanes)) { return; }
  var v = lanes[index(id)];
  for (var k = 0u; k < 256u; k++) {
    v = v * 747796405u + 2891336453u;
    v = ((v >> ((v >> 28u) + 4u)) ^ v) * 277803737u;
    v = (v >> 22u) ^ v;
  }
  lanes[index(id)] = v;
}
"""


class Puzzle(NamedTuple):
    """One that a node was given."""

    device: Device
    size: float
    """Squarings, or numbers times rounds."""
    base: int
    times: int
    """Squarings, or passes."""
    step: Step
    values: dict[str, Value]


@dataclass
class _Due:
    at: float
    size: float
    going: bool = False
    warm: bool = False
    """Whether a first puzzle has started what starts once."""


class Gauge:
    """Measures the nodes of a hub that pays by what they can do."""

    def __init__(
        self,
        *,
        hub: str,
        roster: Roster,
        accounts: Accounts,
        blobs: Blobs,
        put: Callable[[Open | None, Finding], None],
    ) -> None:
        """``hub``: its id; ``put`` has a finding written down."""
        self._member = Member(hub, OWNER, "hub", "member", revoked=False)
        self._roster = roster
        self._accounts = accounts
        self._blobs = blobs
        self._put = put
        self._due: dict[tuple[str, Device], _Due] = {}
        self._puzzles: dict[tuple[str, str], Puzzle] = {}
        self._judging: set[asyncio.Task[None]] = set()

    def due(self) -> list[Open]:
        """Return puzzles for nodes that have nothing to do and are to be measured."""
        if not self._accounts.on:
            return []
        now, found = time.monotonic(), []
        for node in self._roster.every():
            if not node.there or node.paused or node.running or node.owing:
                continue
            for device in devices(node):
                due = self._due.setdefault((node.member.id, device), _Due(now, FIRST[device]))
                if due.going or now < due.at:
                    continue
                made, puzzle = self._made(node, device, due.size)
                if not node.could(made.job, OWNER):
                    due.at = now + RETRY
                    continue
                due.going = True
                self._puzzles[made.key] = puzzle
                found.append(made)
                break  # one at a time
        return found

    def judge(self, found: Open) -> None:
        """Take in what came of a puzzle, or that nothing did."""
        puzzle = self._puzzles.pop(found.key)
        node = found.job.node or ""
        if not found.votes:
            self._next(node, puzzle.device, RETRY)
            return
        task = asyncio.create_task(self._judged(node, puzzle, found.votes[0]))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def _judged(self, node: str, puzzle: Puzzle, vote: Vote) -> None:
        right = await asyncio.to_thread(self._right, puzzle, vote.result)
        seconds = max(vote.seconds, 1e-3)
        due = self._due[node, puzzle.device]
        short = seconds < LONG_ENOUGH and puzzle.size < MOST[puzzle.device]
        if right and (short or not due.warm):
            due.warm = True
            if short:
                due.size = puzzle.size * min(MOST_GROWTH, max(2.0, AIM / seconds))
            self._next(node, puzzle.device, 0.0)
            return
        if right:
            speed = puzzle.size / seconds / USUAL[puzzle.device]
            self._put(None, Measured(node, puzzle.device, speed, round(seconds, 3)))
        wait = EVERY * (0.5 + secrets.randbelow(1000) / 1000)
        self._next(node, puzzle.device, wait if right else 10 * RETRY)

    def _next(self, node: str, device: Device, wait: float) -> None:
        due = self._due[node, device]
        due.going, due.at = False, time.monotonic() + wait

    def _made(self, node: Node, device: Device, size: float) -> tuple[Open, Puzzle]:
        puzzle = self._squares(size) if device == "cpu" else mixed(min(size, MOST["gpu"]))
        job = Job(
            key=new_id(),
            step=puzzle.step,
            values=puzzle.values,
            seed=0,
            limits=Limits(wall_time=60),
            reply=secrets.token_hex(8),
            node=node.member.id,
        )
        return Open(job, self._member, purpose="measure"), puzzle

    @cached_property
    def _primes(self) -> tuple[int, int]:
        from cryptography.hazmat.primitives.asymmetric import rsa

        numbers = rsa.generate_private_key(65537, PRIME_BITS).private_numbers()
        return numbers.p, numbers.q

    def _squares(self, size: float) -> Puzzle:
        times, modulus = int(min(size, MOST["cpu"])), self._primes[0] * self._primes[1]
        base = secrets.randbelow(modulus)
        values: dict[str, Value] = {"base": f"{base:x}", "modulus": f"{modulus:x}", "times": times}
        step = Step(id="square", language="python", code=SQUARE)
        return Puzzle("cpu", times, base, times, step, values)

    def _right(self, puzzle: Puzzle, result: StepResult) -> bool:
        if result.status is not StepStatus.OK:
            return False
        if puzzle.device == "gpu":
            (lanes,) = [a for a in result.artifacts if a.name == "lanes.npy"] or (None,)
            return lanes is not None and self._mixed_well(puzzle, lanes.id)
        p, q = self._primes
        wanted = pow(puzzle.base, pow(2, puzzle.times, (p - 1) * (q - 1)), p * q) % 2**48
        answer = result.values.get("answer")
        return answer is not None and answer.value == wanted

    def _mixed_well(self, puzzle: Puzzle, digest: str) -> bool:
        import numpy as np

        try:
            with self._blobs.place(digest).open("rb") as file:
                # Not np.load, which would also unpack archives.
                lanes = np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, ValueError, EOFError, MemoryError, OverflowError):
            return False
        count = int(puzzle.size) // (ROUNDS * puzzle.times)
        if lanes.dtype != np.uint32 or lanes.size != count:
            return False
        some = np.array([secrets.randbelow(count) for _ in range(LOOKED_AT)], np.uint32)
        v = some ^ np.uint32(puzzle.base)
        for _ in range(ROUNDS * puzzle.times):
            v = v * np.uint32(747796405) + np.uint32(2891336453)
            v = ((v >> ((v >> np.uint32(28)) + np.uint32(4))) ^ v) * np.uint32(277803737)
            v = (v >> np.uint32(22)) ^ v
        return bool(np.array_equal(lanes.reshape(-1)[some], v))


def devices(node: Node) -> tuple[Device, ...]:
    """Return what of a node can be measured."""
    languages = node.offer.languages if node.offer is not None else frozenset[str]()
    kinds: tuple[tuple[str, Device], ...] = (("python", "cpu"), ("wgsl", "gpu"))
    return tuple(device for language, device in kinds if language in languages)


def mixed(size: float) -> Puzzle:
    """Return a puzzle for a GPU: about so many numbers times rounds."""
    passes = 4 if size < 2**32 else 64 if size < 2**36 else 1024
    count = max(64, min(2**22, int(size) // (ROUNDS * passes)) // 64 * 64)
    salt = secrets.randbits(32)
    groups = [count // 64, 1, 1]
    step = Step(
        id="mix",
        language="wgsl",
        code=MIX,
        needs=frozenset({"gpu"}),
        arguments={
            "uniforms": [{"name": "salt", "type": "u32", "value": salt}],
            "buffers": [{"name": "lanes", "type": "u32", "length": count}],
            "start": [{"entry": "fill", "dispatch": groups}],
            "step": [{"entry": "mix_all", "dispatch": groups, "repeat": passes}],
            "outputs": [{"buffer": "lanes", "name": "lanes", "dtype": "uint32", "shape": [count]}],
            "width": 64,
            "height": 64,
            "frames": 2,
            "steps_per_frame": 1,
        },
    )
    return Puzzle("gpu", float(count * ROUNDS * passes), salt, passes, step, {})
