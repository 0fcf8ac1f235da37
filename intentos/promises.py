"""The promises of the contract, in the order in which a new executor comes to keep them.

Each function tries one; its name with underscores for spaces is its sentence in the catalogue.
Times are judged against generous ceilings only: machines are slow at times.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

from intentos.contract import (
    PATIENCE,
    Bench,
    Keep,
    Promise,
    Recorder,
    Unkept,
    Untried,
    descendants,
    expect,
    settle,
)
from intentos.errors import ExecutorUnavailable, IntentOSError, StoreError
from intentos.patience import within
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.types import DEFAULT_SEED, Artifact, Isolation, Value, sha256

PROMISES: list[Promise] = []

HOSTILE = "'; DROP TABLE given; -- \" $(touch x) `y` \\ {0} 末尾"
"""Text that means something in most languages, and must stay text in all."""
LOOP_SECONDS, LOOP_GAP = 3.0, 1.5
"""How long the event loop is looked at, and for how many seconds of it it may stand still."""
TIME_LIMIT = 1.0
QUICK = 5.0
"""Seconds for what must be quick."""
MIB = 1024**2


def promise(keep: Keep) -> Keep:
    """Add a promise to the contract."""
    PROMISES.append(Promise(name=getattr(keep, "__name__", ""), keep=keep))
    return keep


# ---- what it says about itself ----------------------------------------------------------------


@promise
async def it_is_called_as_its_entry_point(bench: Bench) -> None:
    kind = type(bench.executor)
    points = entry_points(group="intentos.executors")
    names = [p.name for p in points if p.value == f"{kind.__module__}:{kind.__qualname__}"]
    if not names:
        raise Untried("not registered as an entry point")
    expect(names == [bench.executor.name], f"name {bench.executor.name!r}, entry point {names}")


@promise
async def it_describes_itself(bench: Bench) -> None:
    executor, language = bench.executor, bench.samples.language
    expect(isinstance(executor.languages, frozenset), "languages is no frozenset")
    expect(language in executor.languages, f"{language!r} is not among its languages")
    bad = [name for name in executor.languages if not re.fullmatch(r"[a-z][a-z0-9_-]*", name)]
    expect(not bad, f"names of languages that no step can have: {bad}")
    expect(executor.isolation in get_args(Isolation), f"isolation {executor.isolation!r}")
    expect(isinstance(executor.substitute, bool), "substitute is neither True nor False")


@promise
async def it_says_what_is_missing_and_what_to_do(bench: Bench) -> None:
    try:
        await asyncio.to_thread(within, PATIENCE, bench.executor.check)
    except TimeoutError:
        expect(False, f"check() gave no answer in {PATIENCE:.0f} s")
    except ExecutorUnavailable as unavailable:
        _said(unavailable.code, unavailable.text("en"), unavailable.text("zh"))
    except Exception as error:
        expect(False, f"check() raised {error!r} instead of ExecutorUnavailable")


@promise
async def its_estimate_is_quick_and_a_number_or_unknown(bench: Bench) -> None:
    step = bench.step(bench.samples.hello)
    try:
        estimate = await asyncio.to_thread(within, QUICK, lambda: bench.executor.estimate(step, {}))
    except TimeoutError:
        expect(False, f"estimate() gave no answer in {QUICK:.0f} s")
    for name in ("seconds", "memory_bytes", "tokens", "work"):
        number = getattr(estimate, name)
        known = number is None or (math.isfinite(number) and number >= 0)
        expect(known, f"{name} is {number!r}")


# ---- results ----------------------------------------------------------------------------------


@promise
async def a_step_that_ends_well_says_so(bench: Bench) -> None:
    recorder = bench.recorder()
    result = await bench.execute(bench.samples.hello, recorder=recorder)
    _ok(result)
    step = bench.step(bench.samples.hello)
    expect(result.step_id == step.id, f"the step {step.id!r} is called {result.step_id!r}")
    expect(result.executor == bench.executor.name, f"the executor is called {result.executor!r}")
    expect(result.error is None, f"ok, but with the error {result.error}")
    expect(bool(result.device), "device is empty")
    expect(result.started_at.tzinfo is not None, "started_at has no time zone")
    expect(result.started_at <= result.finished_at, "it finished before it started")
    wanted = bench.samples.stdout
    expect(wanted in result.stdout, f"stdout is without {wanted!r}: {_seen(result)}")
    told = {getattr(event, "step_id", step.id) for event in recorder.events}
    expect(told <= {step.id, "", None}, f"events tell of other steps: {sorted(map(str, told))}")


@promise
async def a_result_survives_json(bench: Bench) -> None:
    for sample in (bench.samples.hello, bench.samples.makes_file, bench.samples.fails):
        if sample is None:
            continue
        try:
            result = await bench.execute(sample)
        except Exception:
            if sample is bench.samples.fails:
                continue  # that this raises is another promise broken
            raise
        try:
            json.dumps(result.model_dump(mode="json"), allow_nan=False)
            again = StepResult.model_validate_json(result.model_dump_json())
        except (ValueError, TypeError) as error:
            expect(False, str(error))
        expect(again == result, "it is another after a way through JSON")


@promise
async def failing_code_is_a_result_that_is_explained(bench: Bench) -> None:
    step = bench.step(bench.samples.fails)
    try:
        result = await bench.execute(step)
    except Exception as error:
        if isinstance(error, Untried):
            raise
        expect(False, f"it raised {error!r}")
    expect(result.status is StepStatus.FAILED, _seen(result))
    assert_explained(result)
    told = result.stderr + result.stdout + (result.error.text("en") if result.error else "")
    complaint = bench.samples.complaint
    expect(complaint in told, f"nobody is told {complaint!r}: {told[:200]!r}")


@promise
async def a_flood_is_cut_and_says_so(bench: Bench) -> None:
    result = await bench.execute(bench.samples.floods, output_bytes=10_000)
    _ok(result)
    expect(result.truncated, f"truncated is False with {len(result.stdout)} characters")
    for name, text in (("stdout", result.stdout), ("stderr", result.stderr)):
        expect(len(text.encode()) <= 10_000, f"{name} has {len(text.encode())} bytes of 10000")
    expect(bool(result.stdout + result.stderr), "nothing of it was kept")


@promise
async def an_artifact_has_bytes_a_name_and_a_media_type(bench: Bench) -> None:
    recorder = bench.recorder()
    result = await bench.execute(bench.samples.makes_file, recorder=recorder)
    _ok(result)
    expect(bool(result.artifacts), "there is no artifact")
    names = sorted(artifact.name for artifact in result.artifacts)
    expect(names == sorted(recorder.saved), f"saved {sorted(recorder.saved)}, told of {names}")
    for artifact in result.artifacts:
        content, media_type = recorder.saved[artifact.name]
        expect(bool(content), f"{artifact.name} is empty")
        expect(artifact.id == sha256(content), f"{artifact.name} has another hash than its bytes")
        expect(artifact.size == len(content), f"{artifact.name} has another size than its bytes")
        known = re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", media_type)
        expect(bool(known), f"{artifact.name} has the media type {media_type!r}")


@promise
async def an_error_of_saving_is_not_swallowed(bench: Bench) -> None:
    async def full(name: str, data: bytes | Path, media_type: str) -> Artifact:
        raise StoreError("store.cannot_write", name=name, path="disk", what="no space")

    with suppress(IntentOSError):
        result = await bench.execute(bench.samples.makes_file, save=full)
        expect(result.status is not StepStatus.OK, "ok, although nothing could be saved")


# ---- what a step is given ---------------------------------------------------------------------


@promise
async def text_reaches_the_code_as_text(bench: Bench) -> None:
    recorder, values = bench.recorder(), {"words": HOSTILE}
    result = await bench.execute(bench.samples.echoes, recorder=recorder, values=values)
    _ok(result)
    expect(_shows(result, recorder, HOSTILE), f"not shown as it is: {_seen(result)}")


@promise
async def inputs_are_read_and_left_as_they_are(bench: Bench) -> None:
    bench.step(bench.samples.reads_input)
    folder = bench.folder / f"inputs-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    path = folder / sha256(bench.samples.given)
    path.write_bytes(bench.samples.given)
    path.chmod(0o644)
    recorder, values = bench.recorder(), dict[str, Value]({"number": 7.25})
    result = await bench.execute(
        bench.samples.reads_input, recorder=recorder, inputs={"given": path}, values=values
    )
    _ok(result)
    shown = bench.samples.shown
    expect(_shows(result, recorder, shown), f"it shows no {shown!r}: {_seen(result)}")
    expect(path.exists(), "the input is gone")
    expect(path.read_bytes() == bench.samples.given, "the input has another content")
    beside = [name for name in os.listdir(folder) if name != path.name]
    expect(not beside, f"beside the input lies {beside}")
    expect(values == {"number": 7.25}, f"the parameters became {values}")


@promise
async def the_same_seed_gives_the_same_result(bench: Bench) -> None:
    samples = bench.samples
    sample = samples.draws or samples.makes_file or samples.hello
    first, second = [await _trace(bench, sample, DEFAULT_SEED) for _ in range(2)]
    differ = [key for key in first if first[key] != second.get(key)]
    expect(first == second, f"twice the same step gave other {differ}")


@promise
async def another_seed_gives_another_result(bench: Bench) -> None:
    first = await _trace(bench, bench.samples.draws, DEFAULT_SEED)
    second = await _trace(bench, bench.samples.draws, DEFAULT_SEED + 1)
    expect(first != second, "random numbers do not depend on the seed")


# ---- limits and stopping ----------------------------------------------------------------------


@promise
async def the_time_limit_ends_everything(bench: Bench) -> None:
    before, begun = descendants(), time.monotonic()
    result = await _in_time(bench, wall_time=TIME_LIMIT)
    expect(result.status is StepStatus.TIMED_OUT, _seen(result))
    expect(time.monotonic() - begun < PATIENCE, "it took far longer than its second")
    assert_explained(result)
    await settle(lambda: not descendants() - before, lambda: _left(before))


@promise
async def cancellation_ends_everything(bench: Bench) -> None:
    await _cancel(bench, after=bench.samples.starts)


@promise
async def cancellation_at_once_ends_everything(bench: Bench) -> None:
    await _cancel(bench, after=0)


@promise
async def cancellation_in_haste_ends_everything(bench: Bench) -> None:
    await _cancel(bench, after=bench.samples.starts / 10, times=3)


@promise
async def it_works_again_after_a_cancellation(bench: Bench) -> None:
    with suppress(Unkept):
        await _cancel(bench, after=bench.samples.starts / 4)
    _ok(await bench.execute(bench.samples.hello))


@promise
async def the_event_loop_stays_free(bench: Bench) -> None:
    gaps = [0.0]

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            last, gap = time.monotonic(), time.monotonic() - last
            gaps.append(gap)

    await bench.usable()
    ticking = asyncio.ensure_future(tick())
    try:
        await asyncio.sleep(0.05)
        if bench.samples.sleeps is None:
            await bench.execute(bench.samples.hello)
        else:
            await _in_time(bench, wall_time=LOOP_SECONDS)
    finally:
        await asyncio.sleep(0.05)
        ticking.cancel()
    expect(max(gaps) < LOOP_GAP, f"the event loop stood still for {max(gaps):.1f} s")


@promise
async def the_memory_limit_holds(bench: Bench) -> None:
    result = await bench.execute(bench.samples.takes_memory, memory_bytes=256 * MIB)
    expect(result.status is StepStatus.FAILED, _seen(result))
    assert_explained(result)


@promise
async def the_limit_of_artifacts_holds(bench: Bench) -> None:
    recorder = bench.recorder()
    result = await bench.execute(bench.samples.fills_disk, recorder=recorder, artifact_bytes=MIB)
    expect(result.status is StepStatus.FAILED, _seen(result))
    assert_explained(result)
    saved = sum(len(content) for content, _ in recorder.saved.values())
    expect(saved <= MIB, f"{saved} bytes were saved of {MIB}")


# ---- walls ------------------------------------------------------------------------------------


@promise
async def nothing_is_left_behind(bench: Bench) -> None:
    samples = bench.samples
    _ok(await bench.execute(samples.hello))  # what is made once, such as a cache, is no leftover
    before, files, here = descendants(), _open_files(), set(os.listdir())
    with _own_temporary(bench.folder) as temporary:
        for sample in (samples.hello, samples.hello, samples.makes_file):
            if sample is not None:
                await bench.execute(sample)
        with suppress(Exception):  # that this raises is another promise broken
            await bench.execute(samples.fails)
        left = sorted(os.listdir(temporary))
    expect(not left, f"in the folder for temporary files lies {left[:5]}")
    beside = sorted(set(os.listdir()) - here)
    expect(not beside, f"in the current folder lies {beside[:5]}")
    await settle(lambda: not descendants() - before, lambda: _left(before))
    open_files = _open_files()
    expect(open_files <= files + 1, f"open files grew from {files} to {open_files}")


@promise
async def two_steps_at_once_do_not_see_each_other(bench: Bench) -> None:
    samples = bench.samples
    sample = samples.meets or samples.makes_file or samples.hello
    recorders = [bench.recorder(), bench.recorder()]
    steps = [bench.step(sample).model_copy(update={"id": name}) for name in ("one", "two")]
    results = await asyncio.gather(
        *(bench.execute(step, recorder=r) for step, r in zip(steps, recorders, strict=True))
    )
    for result, step, recorder in zip(results, steps, recorders, strict=True):
        _ok(result)
        expect(result.step_id == step.id, f"the step {step.id!r} is called {result.step_id!r}")
        names = {artifact.name for artifact in result.artifacts}
        expect(names == recorder.saved.keys(), f"{step.id!r} has the artifacts {sorted(names)}")


@promise
async def files_of_the_host_cannot_be_read(bench: Bench) -> None:
    reads_file = bench.samples.reads_file
    if reads_file is None:
        raise Untried(f"no such sample in {bench.samples.language}")
    secret = secrets.token_hex(16)
    path = bench.folder / f"secret-{secret[:8]}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(secret)
    path.chmod(0o644)
    recorder = bench.recorder()
    result = await bench.execute(reads_file(path), recorder=recorder)
    expect(result.status is StepStatus.FAILED, _seen(result))
    expect(not _shows(result, recorder, secret), "it was read")


@promise
async def the_network_cannot_be_reached(bench: Bench) -> None:
    connects = bench.samples.connects
    if connects is None:
        raise Untried(f"no such sample in {bench.samples.language}")
    callers: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append("somebody")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await bench.execute(connects(port), wall_time=10)
    expect(result.status in (StepStatus.FAILED, StepStatus.TIMED_OUT), _seen(result))
    expect(not callers, "somebody got through")


# ---- how they look ----------------------------------------------------------------------------


def _ok(result: StepResult) -> None:
    expect(result.status is StepStatus.OK, _seen(result))


def _seen(result: StepResult) -> str:
    told = [f"status {result.status}"]
    if result.error is not None:
        told.append(result.error.text("en"))
    for name in ("stdout", "stderr"):
        if text := getattr(result, name):
            told.append(f"{name} {text[-200:]!r}")
    return "; ".join(told)


def assert_explained(result: StepResult) -> None:
    """Raise Unkept unless a result says in both languages why it is not ok."""
    if result.error is None:
        expect(False, "there is no error that would say why")
    else:
        _said(result.error.code, result.error.text("en"), result.error.text("zh"))


def _said(code: str, english: str, chinese: str) -> None:
    for language, sentence in (("English", english), ("Chinese", chinese)):
        whole = bool(sentence) and not sentence.startswith(code)
        expect(whole, f"{code!r} has no sentence in {language}; use protocols.FAILED and the like")
        expect(not re.search(r"\{[a-z_]+\}", sentence), f"unfilled: {sentence}")


def _shows(result: StepResult, recorder: Recorder, text: str) -> bool:
    """Return whether a text is printed, reported or saved."""
    reported = [str(quantity.value) for quantity in result.values.values()]
    if text in result.stdout + result.stderr or any(text in value for value in reported):
        return True
    return any(_holds(content, text) for content, _ in recorder.saved.values())


def _holds(content: bytes, text: str) -> bool:
    quoted = text.replace('"', '""')  # as CSV writes it
    escaped = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    return any(form.encode() in content for form in (text, quoted, *escaped))


async def _trace(bench: Bench, sample: str | Step | None, seed: int) -> dict[str, object]:
    """Return what must be the same when a step runs again; encoded films are left out."""
    recorder = bench.recorder()
    result = await bench.execute(sample, recorder=recorder, seed=seed)
    _ok(result)
    trace: dict[str, object] = {"stdout": result.stdout, "values": result.values}
    for name, (content, media_type) in recorder.saved.items():
        if not media_type.startswith("video/"):
            trace[name] = sha256(content)
    return trace


async def _in_time(bench: Bench, *, wall_time: float) -> StepResult:
    """Run what never ends, and do not wait for ever for an executor that lets it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await bench.execute(bench.samples.sleeps, wall_time=wall_time)
    except TimeoutError:
        expect(False, f"it ran for {PATIENCE:.0f} s where it might run for {wall_time:g} s")
        raise


async def _cancel(bench: Bench, *, after: float, times: int = 1) -> None:
    step = bench.step(bench.samples.sleeps, wall_time=PATIENCE + 10)
    await bench.usable()
    before = descendants()
    running = asyncio.ensure_future(bench.execute(step))
    await asyncio.wait([running], timeout=after)
    expect(not running.done(), f"it had ended by itself: {_ending(running)}")
    for _ in range(times):
        running.cancel()
        await asyncio.sleep(0.05 if times > 1 else 0)
    await asyncio.wait([running], timeout=PATIENCE)
    expect(running.done(), f"it went on for {PATIENCE:.0f} s after its cancellation")
    expect(running.cancelled(), f"the cancellation was swallowed: {_ending(running)}")
    await settle(lambda: not descendants() - before, lambda: _left(before))


def _ending(running: asyncio.Future[StepResult]) -> str:
    if not running.done() or running.cancelled():
        return "canceled"
    error = running.exception()
    return repr(error) if error is not None else _seen(running.result())


def _left(before: set[int]) -> str:
    return f"processes are left: {', '.join(map(_command, sorted(descendants() - before)))}"


def _command(process: int) -> str:
    with suppress(OSError):
        line = Path("/proc", str(process), "cmdline").read_bytes().replace(b"\0", b" ")
        return f"{process} ({line.decode(errors='replace').strip()[:60]})"
    return str(process)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


@contextmanager
def _own_temporary(folder: Path) -> Iterator[Path]:
    """Let temporary files be made in a folder of their own, here and in child processes."""
    own = folder / f"tmp-{secrets.token_hex(4)}"
    own.mkdir(parents=True)
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(own)
    try:
        yield own
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
