"""A node: offers what its machine can do, and runs what the hub hands it, at the owner's leave.

It only ever calls out. Every step runs in the same executors and sandboxes as the owner's own, with
the owner's limits over the step's; what the sandbox gives back is bytes of a limited size. A step
that wants more than the sandbox, or has no walls to run behind, is refused.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import platform
import shutil
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError, UsageError
from intentos.events import FrameDrawn, LiveEvent, OutputWritten, ProbeRead, ProgressMade
from intentos.protocols import Emit, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult
from intentos.types import Artifact, now, sha256

from . import lending, room
from .audit import keep_heads
from .hands import Hands, OwnHands
from .identity import Identity
from .idle import Idle
from .lending import Lending
from .line import Line, Membership
from .pictures import Pace, small
from .places import Places
from .ran import RanLog
from .wire import (
    MOST_BYTES,
    BadMessage,
    Blob,
    Command,
    Commit,
    Done,
    Heartbeat,
    Offer,
    Task,
    Told,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from nats.aio.msg import Msg

HEARTBEAT_SECONDS = 0.5
LOOK_SECONDS = 0.2
"""How often the owner's wish to have the machine back is looked for."""
EVENTS_A_SECOND = 40
ANSWERS_KEPT = 128


Save = Callable[[str, bytes | Path, str], Awaitable[Artifact]]


@dataclass
class _Job:
    """One task that runs here."""

    task: Task
    work: asyncio.Task[None]
    returning: bool = False


class Node:
    """One machine's part in a mesh."""

    def __init__(
        self,
        *,
        identity: Identity,
        membership: Membership,
        places: Places,
        limits: Lending,
        registry: Registry | None = None,
        hands: Hands | None = None,
        name: str = "",
        trusted: frozenset[str] = frozenset({OWN_DISTRIBUTION}),
        idle: Idle | None = None,
        full: Callable[[bool], None] = lambda full: None,
    ) -> None:
        """``registry``: whose executors do the work, by default what is installed; ``hands``: what
        does it instead; ``trusted``: packages whose executors may do others' work; ``idle``: tells
        whether the owner is away, by default where the limits ask for it; ``full`` hears when the
        disk is, and when it no longer is. Raises UsageError where idleness cannot be seen."""
        self._tell_full = full
        self._ran = RanLog(places.ran)
        self._idle = idle or (Idle() if limits.only_idle else None)
        self._identity = identity
        self._membership = membership
        self._places = places
        self._hands = hands or OwnHands(registry or Registry(), trusted=trusted)
        self._lending = limits
        self._name = name or platform.node() or "node"
        self._lock = FileLock(places.folder / "node.lock", thread_local=False)
        self._jobs: dict[str, _Job] = {}
        self._answers: dict[str, bytes] = {}
        """The last ones, by nonce: one that was lost on the way is asked for again."""
        self._commits: dict[str, bytes] = {}
        """Of those that the hub has not asked for yet: their hashes, sealed."""
        self._tell_offer = True
        self._stopping = ""
        self._over = asyncio.Event()
        self._revoked = False
        self._sending: set[asyncio.Task[None]] = set()
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self.offer: Offer | None = None
        self.served = 0

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Serve until canceled, or until the hub puts this machine out.

        Raises:
            UsageError: another node runs here.
            ExecutorUnavailable: the hub cannot be reached, lets us in no more, or nothing here
                can run steps, now or any more.
        """
        import nats.errors

        self._places.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=1)
        except Timeout as error:
            raise UsageError("mesh.node_runs", path=str(self._places.folder)) from error
        try:
            await asyncio.to_thread(self._places.make)
            self.offer = await self._hands.open(self._name, self._lending)
            line = Line(
                self._identity, self._membership, closed=self._closed, up=self._say_offer_again
            )
            async with line:
                self._line = line
                assert line.nats is not None
                await line.nats.subscribe(f"run.{self._identity.id}", cb=self._handed)
                await line.nats.subscribe(f"ctl.{self._identity.id}", cb=self._commanded)
                await line.nats.flush()
                tasks: list[asyncio.Task[Any]] = [
                    asyncio.create_task(work()) for work in (self._beat, self._watch)
                ]
                if ready is not None:
                    ready.set()
                try:
                    over = asyncio.create_task(self._over.wait())
                    tasks.append(over)
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                finally:
                    self._stopping = "stopping"
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await self._hand_back()
                    # A last word, where there is still somebody to hear it.
                    with suppress(IntentOSError, nats.errors.Error):
                        await self._heartbeat()
                        await line.nats.flush(timeout=1)
        finally:
            await self._hands.close()
            self._lock.release()
        if self._revoked:
            raise ExecutorUnavailable("mesh.put_out")

    # ---- what it offers -----------------------------------------------------------------------

    def _why_paused(self) -> str:
        if self._stopping:
            return self._stopping
        if self._places.paused.exists():
            return "owner"
        if room.full(self._places.folder) or not self._ran.write():
            return "full"
        return self._lending.closed(now().astimezone()) or (self._idle.why() if self._idle else "")

    async def _heartbeat(self) -> None:
        offer = self.offer if self._tell_offer else None
        self._tell_offer = False
        heartbeat = Heartbeat(paused=self._why_paused(), running=tuple(self._jobs), offer=offer)
        await self._line.say("hb", seal(self._identity, heartbeat))

    async def _beat(self) -> None:
        while True:
            news = self._hands.news()
            if news is not None:
                self.offer, self._tell_offer = news, True
            with suppress(IntentOSError):
                await self._heartbeat()
            with suppress(OSError):  # a full disk: kept, and written when there is room
                keep_heads(self._places.heads, self._line.heads)
            self._ran.write()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _watch(self) -> None:
        """Hand everything back as soon as the owner wants the machine."""
        paused = ""
        while True:
            why = self._why_paused()
            if why != paused:
                if "full" in (why, paused):
                    self._tell_full(why == "full")
                paused = why
                # Before anything is handed back, lest it be handed here once more.
                with suppress(IntentOSError):
                    await self._heartbeat()
                if why:
                    await self._hand_back()
            await asyncio.sleep(LOOK_SECONDS)

    async def _hand_back(self) -> None:
        jobs = list(self._jobs.values())
        for job in jobs:
            job.returning = True
            job.work.cancel()
        await asyncio.gather(*(job.work for job in jobs), return_exceptions=True)

    def _closed(self) -> None:
        # The client tries for ever unless the server refuses the key itself.
        self._revoked = not self._stopping
        self._over.set()

    def _say_offer_again(self) -> None:
        self._tell_offer = True

    # ---- what it is told ------------------------------------------------------------------------

    async def _commanded(self, message: Msg) -> None:
        with suppress(BadMessage):
            command = unseal(Command, message.data, self._membership.hub)
            if command.what == "hello":
                self._tell_offer = True
                with suppress(IntentOSError):
                    await self._heartbeat()
            elif command.what == "again":
                said = self._commits.get(command.nonce or "")
                said = said or self._answers.get(command.nonce or "")
                if said is not None:
                    with suppress(IntentOSError):
                        await self._line.say("done", said)
            elif command.what == "reveal":
                self._commits.pop(command.nonce or "", None)
                if command.nonce in self._answers:
                    with suppress(IntentOSError):
                        await self._line.say("done", self._answers[command.nonce])
            elif command.nonce in self._jobs:
                self._jobs[command.nonce].work.cancel()

    async def _handed(self, message: Msg) -> None:
        with suppress(BadMessage):
            task = unseal(Task, message.data, self._membership.hub)
            if task.head:
                self._line.heads.append(task.head)
                del self._line.heads[:-1]
            if task.nonce not in self._jobs:
                work = asyncio.create_task(self._serve(task))
                self._jobs[task.nonce] = _Job(task, work)

    # ---- one task -------------------------------------------------------------------------------

    async def _serve(self, task: Task) -> None:
        started, outcome, why = now(), "result", ""
        result: StepResult | None = None
        try:
            refusal = self._refusal(task)
            if refusal:
                # What is only not now is for somebody else, or for later.
                outcome = "returned" if refusal in ("paused", "busy") else "refused"
                why = refusal
            else:
                result = await self._work(task)
        except asyncio.CancelledError:
            job = self._jobs.get(task.nonce)
            outcome = "returned" if job is not None and job.returning else "canceled"
        except IntentOSError as error:
            outcome, why = "refused", str(error)[:2000]
        except OSError as error:  # such as a full disk; where its folders are is nobody's business
            outcome, why = "refused", error.strerror or type(error).__name__
        except Exception as error:  # a broken executor is this node's trouble, not its end
            outcome, why = "refused", f"{type(error).__name__}: {error}"[:2000]
        finally:
            self._jobs.pop(task.nonce, None)
        self.served += outcome == "result"
        self._ran.add(task, started.isoformat(), outcome, result, why)
        if outcome != "canceled":
            done = Done.of(task, outcome, why, result)
            data = seal(self._identity, done)
            self._answers[task.nonce] = data
            while len(self._answers) > ANSWERS_KEPT + 2 * self._lending.slots:
                oldest = next(iter(self._answers))
                self._answers.pop(oldest)
                self._commits.pop(oldest, None)
            if task.commit and result is not None:
                commit = Commit(
                    key=task.job.key,
                    submitter=task.submitter,
                    nonce=task.nonce,
                    sha256=sha256(data),
                )
                data = self._commits[task.nonce] = seal(self._identity, commit)
            with suppress(IntentOSError):  # cut off: the hub hands it to somebody else
                await self._line.say("done", data)

    def _refusal(self, task: Task) -> str:
        """Return why a task is not for this machine, whatever the hub thinks; empty: it is."""
        job = task.job
        if self._why_paused():
            return "paused"
        if job.step.needs - {"gpu"}:
            return "needs"
        if not job.allowed(self._lending.owners, task.owner):
            return "owner"
        if self.offer is None or job.step.language not in self.offer.languages:
            return "language"
        if self.offer.relay and job.relayed is not None:
            return "relayed"
        if len(self._jobs) > 2 * self._lending.slots:
            return "busy"
        return ""

    async def _work(self, task: Task) -> StepResult:
        job = task.job
        folder = self._places.workspace / task.nonce
        try:
            given, work = folder / "given", folder / "work"
            given.mkdir(parents=True)
            work.mkdir()
            inputs = await self._fetch(task, given)
            step = job.step.model_copy(update={"executor": None})
            lent = min(job.limits.memory_bytes, self._lending.memory_bytes)
            limits = job.limits.model_copy(update={"memory_bytes": lent})
            context = StepContext(
                values=job.values,
                live=job.live,
                seed=job.seed,
                inputs=inputs,
                workdir=work,
                limits=limits,
                emit=self._teller(task),
                save=self._saver(task, folder),
                language=job.language,
                keep_part=False,
            )
            result = await self._hands.do(task, step, context)
            if lent < job.limits.memory_bytes and lending.starved(result):
                raise ExecutorError("mesh.little_memory", megabytes=lent // 1024**2)
            return self._fitting(result)
        finally:
            await _removed(folder)

    async def _fetch(self, task: Task, folder: Path) -> dict[str, Path]:
        inputs = {}
        for name, blob in task.job.inputs.items():
            path = folder / name
            grant = task.downloads.get(name)
            if grant is None:
                raise ExecutorError("mesh.blob_refused", what=name)
            if shutil.disk_usage(folder).free < blob.size + task.job.limits.artifact_bytes:
                raise ExecutorError("mesh.no_space", name=name)
            await self._line.fetch(blob, grant, path)
            path.chmod(0o400)
            inputs[name] = path
        return inputs

    def _saver(self, task: Task, folder: Path) -> Save:
        left = folder / "left"
        room = task.job.limits.artifact_bytes

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            nonlocal room
            if isinstance(data, bytes):
                left.mkdir(exist_ok=True)
                path = left / sha256(name.encode())
                await asyncio.to_thread(path.write_bytes, data)
            else:
                path = data
            digest, size = await asyncio.to_thread(_hashed, path)
            room -= size
            if room < 0:
                raise ExecutorError("mesh.too_large", name=name)
            await self._line.put(path, Blob(sha256=digest, size=size), task.upload)
            media_type = media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
            return Artifact(
                id=digest, name=name, media_type=media_type, size=size, step_id=task.job.step.id
            )

        return save

    def _teller(self, task: Task) -> Emit:
        allowance = float(EVENTS_A_SECOND)
        last = self._loop.time()
        pace = Pace()

        async def send(data: bytes) -> None:
            assert self._line.nats is not None
            with suppress(Exception):  # live events may be lost
                await self._line.nats.publish(f"ev.{self._identity.id}.{task.job.key}", data)

        def later(work: Coroutine[Any, Any, None]) -> None:
            sending = asyncio.create_task(work)
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

        async def show(event: FrameDrawn) -> None:
            try:
                made = await asyncio.to_thread(small, event)
                if made is not None and task.nonce in self._jobs:
                    told = Told(
                        key=task.job.key,
                        submitter=task.submitter,
                        nonce=task.nonce,
                        event=made[0],
                        picture=made[1],
                    )
                    await send(seal(self._identity, told))
            finally:
                pace.done()

        def on_loop(event: LiveEvent) -> None:
            nonlocal allowance, last
            if isinstance(event, FrameDrawn):
                if task.nonce in self._jobs and pace.take():
                    later(show(event))
                return
            now_ = self._loop.time()
            allowance = min(EVENTS_A_SECOND, allowance + (now_ - last) * EVENTS_A_SECOND)
            last = now_
            if allowance < 1 or task.nonce not in self._jobs:
                return
            if isinstance(event, OutputWritten | ProgressMade | ProbeRead):
                allowance -= 1
                told = Told(
                    key=task.job.key, submitter=task.submitter, nonce=task.nonce, event=event
                )
                with suppress(BadMessage):
                    later(send(seal(self._identity, told)))

        def tell(event: LiveEvent) -> None:
            if threading.get_ident() == self._thread:
                on_loop(event)
            else:
                self._loop.call_soon_threadsafe(on_loop, event)

        return tell

    def _fitting(self, result: StepResult) -> StepResult:
        """Return a result that fits into one message: long output is cut, and says so."""
        most = MOST_BYTES // 4
        if len(result.stdout) + len(result.stderr) > most // 2:
            result = result.model_copy(
                update={
                    "stdout": result.stdout[: most // 4],
                    "stderr": result.stderr[-most // 4 :],
                    "truncated": True,
                }
            )
        return result


async def _removed(folder: Path) -> None:
    """Remove a job's folder; the usual one is empty by then, and quickly gone."""
    try:
        for name in ("given", "work", ""):
            os.rmdir(folder / name)
    except OSError:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _hashed(path: Path) -> tuple[str, int]:
    import hashlib

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, path.stat().st_size
