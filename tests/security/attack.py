"""What an attack is, and the two places where it is run.

The code of an attack calls ``breach()`` when it got what it wanted. :func:`succeeds_alone` runs it
as a plain process on this machine, aimed at something of the test's own: there it must breach, or
the test could not fail. :class:`Walls` runs it as a step in the sandbox: there it must not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from intentos.executors.sandbox import SandboxExecutor
from intentos.plan import Step
from intentos.run import StepResult
from intentos.testing import Recorder
from intentos.types import Limits, Value

BREACH = "BREACH"
IMPOSSIBLE = "IMPOSSIBLE"
"""What the code prints where the machine itself, and not a defence of ours, is in its way."""

PRELUDE = f"""
import ctypes, errno, os, sys, time
def breach(what=""):
    print("{BREACH}", what, flush=True)
def impossible(why):
    print("{IMPOSSIBLE}", why, flush=True)
def call(number, *arguments):
    "Make a system call; return 0 or its error's name."
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    failed = libc.syscall(ctypes.c_long(number), *words) < 0
    return errno.errorcode[ctypes.get_errno()] if failed else 0
"""
ALONE = """
import json
parameters, inputs = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def save(name, thing, **options): return name
def report(name, value, unit=""): pass
"""


@dataclass(kw_only=True)
class Outcome:
    """What an attack printed and how it ended."""

    stdout: str
    stderr: str = ""
    returncode: int | None = None

    @property
    def breached(self) -> bool:
        """Whether the attack got what it wanted."""
        return BREACH in self.stdout


def alone(
    code: str,
    values: Mapping[str, Value] | None = None,
    *,
    folder: Path,
    inputs: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    seconds: float = 20,
) -> Outcome:
    """Run an attack as a plain process of this user; what it started is ended with it."""
    program = PRELUDE + ALONE + textwrap.dedent(code)
    # Into files, and not pipes, which would stay open as long as any child of it lives.
    stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    process = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(dict(values or {})), json.dumps(inputs or {})],
        cwd=folder,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=descriptors,
        start_new_session=True,
    )
    with stdout, stderr:
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said = [_read(stdout), _read(stderr)]
    return Outcome(stdout=said[0], stderr=said[1], returncode=process.returncode)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


_PROVEN: set[str] = set()


def is_new(code: str) -> bool:
    """Return whether an attack has yet to be proven; it is run alone just once."""
    return code not in _PROVEN


def proven(code: str) -> None:
    """Take note that an attack succeeds alone."""
    _PROVEN.add(code)


def succeeds_alone(
    code: str,
    values: Mapping[str, Value] | None = None,
    *,
    folder: Path,
    inputs: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    always: bool = False,
) -> None:
    """Fail unless an attack succeeds as a plain process; skip where the machine cannot do it."""
    if not always and not is_new(code):
        return
    outcome = alone(code, values, folder=folder, inputs=inputs, descriptors=descriptors)
    if IMPOSSIBLE in outcome.stdout:
        pytest.skip(outcome.stdout.strip())
    assert outcome.breached, f"it needs no defence: {outcome.stdout}\n{outcome.stderr}"
    proven(code)


def called(name: str) -> list[str]:
    """Return the living processes of this machine that gave themselves a name."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                said, _, rest = Path("/proc", entry, "stat").read_text().rpartition(")")
                if said.partition("(")[2] == name and rest.split()[0] != "Z":
                    found.append(entry)
            except OSError:  # it ended while we were looking
                continue
    return found


@dataclass
class Walls:
    """Runs attacks as steps of an executor."""

    executor: SandboxExecutor
    kind: str
    """``cold`` or ``warm``."""
    folder: Path
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.folder)

    async def run(
        self,
        code: str,
        values: Mapping[str, Value] | None = None,
        *,
        inputs: Mapping[str, Path] | None = None,
        **limits: float,
    ) -> StepResult:
        """Run an attack to its end."""
        step = Step(id="attack", language="python", code=PRELUDE + textwrap.dedent(code))
        context = self.recorder.context(
            values=values,
            inputs=inputs,
            limits=Limits.model_validate({"wall_time": 30} | limits),
            step_id="attack",
        )
        result = await self.executor.execute(step, context)
        assert self.executor.why_cold == "", "the warm walls fell; this was another sandbox"
        return result

    async def hold(
        self, code: str, values: Mapping[str, Value] | None = None, /, **limits: float
    ) -> StepResult:
        """Run an attack and fail if it succeeds, or if it did not run at all."""
        result = await self.run(code, values, inputs=None, **limits)
        assert BREACH not in result.stdout, result.stdout
        # An attack that stumbles over itself proves nothing.
        for word in ("NameError", "SyntaxError", "AttributeError", "ImportError", "TypeError"):
            assert word not in result.stderr, result.stderr
        return result
