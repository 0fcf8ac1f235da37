"""Tries what an installed executor promises, without its author's tests.

The promises are kept or broken in a process of its own: an executor that hangs, crashes or prints
must not take the judge with it. ``python -m intentos.inspection NAME FROM`` is that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Literal

from intentos.contract import Bench, Promise, Untried, adopt_orphans
from intentos.errors import IntentOSError
from intentos.guest import bare
from intentos.promises import PROMISES
from intentos.registry import Registry
from intentos.scratch import scratch_folder
from intentos.types import Frozen

ALLOWANCE = 180.0
"""Seconds that one promise may take; with less, a slow machine would be blamed on the executor."""


class Verdict(Frozen):
    """How one promise fared."""

    promise: str
    status: Literal["kept", "broken", "skipped"]
    detail: str = ""
    """What was seen instead, or why it was not tried; for the author of the executor."""
    seconds: float = 0.0


async def inspect(
    name: str, *, plugins: bool = True, allowance: float = ALLOWANCE
) -> AsyncGenerator[Verdict, None]:
    """Yield a verdict for each promise, in their order; one that does not end is broken.

    Raises:
        ExecutorUnavailable: there is no such executor, or it cannot be loaded.
        NotFound: nobody brought samples for it.
    """
    registry = Registry(plugins=plugins)
    registry.executor(name)
    registry.samples(name)
    at = 0
    while at < len(PROMISES):
        async with aclosing(_from(name, at, plugins, allowance)) as verdicts:
            async for verdict in verdicts:
                at += 1
                yield verdict


async def _from(
    name: str, at: int, plugins: bool, allowance: float
) -> AsyncGenerator[Verdict, None]:
    """Yield verdicts from one promise on, until all are tried or one takes the process with it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "intentos.inspection", name, str(at)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"INTENTOS_PLUGINS": str(plugins).lower()},
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for promise in PROMISES[at:]:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(allowance):
                    line = await process.stdout.readline()
                detail = "" if line else f"the process ended with it: {await process.wait()}"
            except TimeoutError:
                line, detail = b"", f"no end after {allowance:g} s"
            if not line:
                seconds = time.monotonic() - begun
                yield Verdict(promise=promise.name, status="broken", detail=detail, seconds=seconds)
                return
            yield Verdict.model_validate_json(line)
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            import signal

            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await asyncio.shield(process.wait())


async def judge(promise: Promise, bench: Bench) -> Verdict:
    """Return how one promise fares."""
    begun = time.monotonic()
    status: Literal["kept", "broken", "skipped"] = "kept"
    detail = ""
    try:
        await promise.keep(bench)
    except Untried as why:
        status, detail = "skipped", str(why)
    except AssertionError as seen:
        status, detail = "broken", str(seen)
    except (Exception, SystemExit) as error:
        status, detail = "broken", f"{type(error).__name__}: {error}"
    seconds = round(time.monotonic() - begun, 3)
    return Verdict(promise=promise.name, status=status, detail=detail[:2000], seconds=seconds)


def main(name: str, at: int) -> None:
    """Print a verdict a line; whatever the executor prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    adopt_orphans()
    registry = Registry(plugins=os.environ.get("INTENTOS_PLUGINS") != "false")
    for promise in PROMISES[at:]:
        with scratch_folder() as folder:
            os.chdir(folder)
            executor = bare(registry.executor(name))
            bench = Bench(executor, registry.samples(name), folder / "steps")
            # A loop for each, as each test has one of its own.
            verdict = asyncio.run(judge(promise, bench))
            os.chdir("/")
        print(json.dumps(verdict.model_dump()), file=out, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except IntentOSError as error:
        raise SystemExit(str(error)) from None
    # Threads that never answered must not keep it from ending.
    sys.stderr.flush()
    os._exit(0)
