"""Chaos: runs whose processes are killed at any moment, and what must hold afterwards.

Several programs at once run small plans on one store. In each of them one process, whichever it
is (the program, a sandbox, the code in it, the GPU worker, ffmpeg, the model), gets ``kill -9``.
Then: what a caller was told is in the store, every artifact hashes to its name, every run has an
end, nothing is left on the disk or running, and the next runs work at once. Linux only.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.executors.watch import family
from intentos.leftovers import tidy

from . import chaos_plans
from .chaos_judge import Told, judge

SECONDS_EACH = 300
"""After which a program that nothing else ended counts as stuck."""
SECONDS_TO_DIE = 10
RARE = {"asked": 0.2}
"""How often a kind is run, where not as often as others: understanding words takes long."""
_ROLES = (
    # The first that is found in a process's command line; a sandbox's code is the harness.
    ("template", "harness_template.py"),
    ("harness", "harness.py"),
    ("bubblewrap", "bwrap"),
    ("gpu worker", "executors.gpu_worker"),
    ("model", "planners.llama_worker"),
    ("encoder", "ffmpeg"),
    ("program", "intentos"),
)


@dataclass
class _Life:
    """One program from its start to its end."""

    kind: str
    process: subprocess.Popen[bytes]
    out: Path
    kill_at: float
    wait_for: str | None
    """The role whose first appearance starts the clock; None: the program's own start."""
    delay: float
    rather: str | None = None
    """The role to be killed rather than others."""
    killed: str | None = None
    ended_at: float | None = None


@dataclass
class _Usual:
    """How a kind of run goes where nobody kills."""

    seconds: float
    roles: list[str]
    """Of the processes that it has besides the program."""


@dataclass
class _Tally:
    killed: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    told: list[Told] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)


def measure(
    runs: int,
    tell: Callable[[str], None],
    *,
    seed: int | None = None,
    at_once: int = 3,
    kinds: frozenset[str] = frozenset(),
    model: str = "none",
) -> dict[str, Any]:
    """Kill ``runs`` runs and return what held; ``missed`` says in a list what did not.

    The same ``seed`` gives the same plans, moments and choices, as far as the machine plays along.
    ``kinds``: only these plans. ``model``: what the runs that are asked in words are given.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    chance = random.Random(seed)
    tell(f"seed {seed}")
    with (
        tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as base,
        _adopting_orphans(),
    ):
        folder = Path(base)
        home, temporary = folder / "home", folder / "tmp"
        for path in (home, temporary, folder / "out", folder / "plans"):
            path.mkdir()
        environment = {
            **os.environ,
            "INTENTOS_HOME": str(home),
            "TMPDIR": str(temporary),
            "INTENTOS_MODEL": model,
            "INTENTOS_LEARN": "false",
        }
        cache = Path(environment.get("INTENTOS_CACHE", folder / "cache"))
        settings = Settings(home=home, cache=cache)
        calls = _calls(chaos_plans.write(folder / "plans"), kinds)
        usual = {}
        for kind in calls:  # also shows that each of them works where nobody kills
            usual[kind] = _undisturbed(calls[kind][0], environment)
            tell(f"{kind}: {usual[kind].seconds:.1f} s undisturbed, {usual[kind].roles}")
        tally = _Tally()
        bystanders = frozenset(family(os.getpid()))
        for first in range(0, runs, at_once):
            lives = [
                _start(chance, calls, usual, environment, folder / "out" / str(number))
                for number in range(first, min(first + at_once, runs))
            ]
            _live(lives, chance)
            _bury(lives, tally, bystanders, settings)
            tell(f"{min(first + at_once, runs)} of {runs}: {dict(tally.killed)}")
        found = judge(settings, tally.told, temporary)
        again = {kind: _undisturbed(calls[kind][0], environment).seconds for kind in calls}
    result: dict[str, Any] = {
        "kind": "chaos",
        "seed": seed,
        "runs": runs,
        "at_once": at_once,
        "kinds": dict(tally.kinds),
        "killed": dict(tally.killed),
        **found,
        "stuck": tally.stuck,
        "running": tally.running,
        "next_run_s": again,
        "undisturbed_s": {kind: one.seconds for kind, one in usual.items()},
    }
    return {**result, "missed": missed(result)}


def missed(result: Mapping[str, Any]) -> list[str]:
    """Return what did not hold, a line for each."""
    names = ("lost", "damaged", "endless", "left", "stuck", "running")
    return [f"{name}: {item}" for name in names for item in result[name]]


def _calls(
    plans: Mapping[str, tuple[Path, list[Path]]], kinds: frozenset[str]
) -> dict[str, list[list[str]]]:
    """Return kind → the ways to run it: by a program that tells events, and by the command line."""
    found = {}
    for name, (plan, files) in plans.items():
        told = [sys.executable, "-m", "intentos.bench.chaos_call", str(plan), *map(str, files)]
        attached = [word for file in files for word in ("--attach", str(file))]
        command = [sys.executable, "-m", "intentos", "run", str(plan), *attached]
        found[name] = [told, [*command, "--yes", "--json"]]
    command = [sys.executable, "-m", "intentos", "ask", "game of life"]
    found["asked"] = [[*command, "--set", "frames=40", "--set", "columns=64", "--yes", "--json"]]
    return {name: ways for name, ways in found.items() if not kinds or name in kinds}


def _start(
    chance: random.Random,
    calls: Mapping[str, list[list[str]]],
    usual: Mapping[str, _Usual],
    environment: Mapping[str, str],
    out: Path,
) -> _Life:
    kinds = sorted(calls)
    (kind,) = chance.choices(kinds, [RARE.get(kind, 1) for kind in kinds])
    command = chance.choice(calls[kind])
    # A sandbox lives for a moment only: half of the clocks start when some process appears.
    roles, usually = usual[kind].roles, usual[kind].seconds
    late, early = chance.uniform(0, usually), chance.choice((0.0, 0.02, 0.1, 0.5))
    wait_for = chance.choice(roles) if roles and chance.random() < 0.6 else None
    delay = chance.uniform(0, early)
    with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
    # Several at once take longer, and the process that is waited for may never come.
    kill_at = time.monotonic() + (late if wait_for is None else 6 * usually)
    return _Life(kind, process, out, kill_at, wait_for, delay)


def _live(lives: list[_Life], chance: random.Random) -> None:
    """Let the programs run, kill in each of them once, and wait until they have ended."""
    end = time.monotonic() + SECONDS_EACH
    while time.monotonic() < end and any(life.ended_at is None for life in lives):
        for life in lives:
            if life.process.poll() is not None:
                life.ended_at = life.ended_at or time.monotonic()
            elif life.killed is None:
                if life.wait_for and any(
                    _role(member) == life.wait_for for member in family(life.process.pid)
                ):
                    life.kill_at = time.monotonic() + life.delay
                    life.rather, life.wait_for = life.wait_for, None
                if time.monotonic() >= life.kill_at:
                    life.killed = _kill_one(life, chance)
        time.sleep(0.005)


def _kill_one(life: _Life, chance: random.Random) -> str | None:
    """Kill a process of the program's family: most often one of the role that was waited for,
    else each role as likely as another."""
    members: dict[str, list[int]] = {}
    for member in family(life.process.pid):
        members.setdefault(_role(member), []).append(member)
    role = chance.choice(sorted(members))
    if life.rather in members and chance.random() < 0.7:
        role = life.rather
    victim = chance.choice(members[role])
    try:
        handle = os.pidfd_open(victim)
    except OSError:
        return None  # it ended just now: another one, the next time round
    try:
        if victim not in family(life.process.pid):  # the number belongs to a stranger by now
            return None
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return None
    finally:
        os.close(handle)
    return role


def _bury(
    lives: list[_Life], tally: _Tally, bystanders: frozenset[int], settings: Settings
) -> None:
    """Count how the programs ended, and see that nothing of them runs on.

    Bubblewrap's first process waits for a word of the one outside before it is told to die with
    it: where that one is killed in between, it is the next start's tidying up that ends it.
    """
    for life in lives:
        tally.kinds[life.kind] += 1
        tally.killed[life.killed or "too late"] += 1
        if life.process.poll() is None:
            tally.stuck.append(f"{life.kind}, killed: {life.killed}")
            for member in family(life.process.pid):
                os.kill(member, signal.SIGKILL)
            life.process.wait()
        what = f"{life.kind}, killed: {life.killed}"
        tally.told.append(Told(what=what, output=life.out.read_bytes()))
    end = time.monotonic() + SECONDS_TO_DIE
    while (alive := _children(bystanders)) and time.monotonic() < end:
        time.sleep(0.02)
    if alive:
        tidy(settings)
    while (alive := _children(bystanders)) and time.monotonic() < end + 2:
        time.sleep(0.02)
    for member in alive:
        tally.running.append(f"{_role(member)}: {_command(member)[:200]}")
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    while alive and _children(bystanders):
        time.sleep(0.02)


def _children(bystanders: frozenset[int]) -> list[int]:
    """Return all others that stem from this process and live; the dead among them are buried."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [member for member in family(os.getpid()) if member not in bystanders]


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    """Become the parent of whoever loses its parent, so that none gets away unseen."""
    become = 36  # PR_SET_CHILD_SUBREAPER
    ctypes.CDLL(None).prctl(become, 1, 0, 0, 0)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(become, 0, 0, 0, 0)


def _undisturbed(command: list[str], environment: Mapping[str, str]) -> _Usual:
    """Run a program that nobody kills; raises RuntimeError where it does not work."""
    started = time.monotonic()
    roles: set[str] = set()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        while process.poll() is None:
            roles |= {_role(member) for member in family(process.pid)}
            time.sleep(0.01)
        seconds = round(time.monotonic() - started, 2)
        for file in (out, err):
            file.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines()]
        if not lines or lines[-1].get("status") != "completed":
            raise RuntimeError(f"{command}: {lines[-1:]} {err.read().decode()[-2000:]}")
    return _Usual(seconds, sorted(roles - {"program", "other"}))


def _role(process: int) -> str:
    command = _command(process)
    return next((role for role, word in _ROLES if word in command), "other")


def _command(process: int) -> str:
    try:
        words = Path("/proc", str(process), "cmdline").read_bytes()
    except OSError:
        return ""
    program = words.split(b"\0")[0]
    # Bubblewrap's own command line names the harness as well.
    return (
        "bwrap"
        if program.endswith(b"bwrap")
        else words.replace(b"\0", b" ").decode(errors="replace")
    )
