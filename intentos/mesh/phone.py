"""Phones and browsers as nodes: a page of the hub's door joins, and its websocket speaks for it.

A phone is a member like any other, by a key of its own that never leaves its browser; heartbeats,
tasks and answers are those of every node. What no browser can do is done here, beside it: a step
is made into a program, the film is encoded, the result judged. The phone signs what it stands for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError
from intentos.events import FrameDrawn, LiveEvent, OutputWritten, ProbeRead, ProgressMade
from intentos.gpu_step import LANGUAGES
from intentos.protocols import Drawing, Executor, Relaying, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult
from intentos.types import Artifact, Json, sha256

from .blobs import PIECE, Blobs, Grant, Refused
from .book import Member
from .identity import Identity, signed
from .phone_drawing import PhoneDrawing
from .phone_words import (
    MOST_OUTPUT,
    FrameMade,
    OutputMade,
    Proof,
    Said,
    Signed,
    State,
    challenge,
    said,
)
from .pictures import Pace, small
from .wire import BadMessage, Command, Done, Heartbeat, Offer, Task, Told, unseal

if TYPE_CHECKING:
    from aiohttp import web
    from nats.aio.client import Client
    from nats.aio.msg import Msg

MEMORY_BYTES = 256 * 1024**2
"""Most that a program may take on a phone."""
BEAT_SECONDS = 0.5
SILENCE = 6.0
"""Seconds without a word after which a phone is gone; browsers slow the clocks of pages."""
PROOF_SECONDS = 10.0
SIGN_SECONDS = 5.0
MOST_MESSAGE = 2 * 1024 * 1024
MOST_PHONES = 256


class Phones:
    """The phones of a hub."""

    def __init__(
        self,
        *,
        identity: Identity,
        fingerprint: str,
        folder: Path,
        nats: Client,
        blobs: Blobs,
        registry: Callable[[], Registry],
        member: Callable[[str], Member | None],
        hear: Callable[[Member, Heartbeat], Awaitable[None]],
        done: Callable[[str, bytes], None],
        tell: Callable[[str, Told], Awaitable[None]],
        gone: Callable[[str], None],
    ) -> None:
        """``hear``, ``done``, ``tell``, ``gone``: what the hub does with a node's word."""
        self.identity = identity
        self.fingerprint = fingerprint
        self.folder = folder
        self.nats = nats
        self.blobs = blobs
        self.hear = hear
        self.done = done
        self.tell = tell
        self._gone = gone
        self._registry = registry
        self._member = member
        self._phones: dict[str, Phone] = {}
        self._kernels: dict[str, str] | None = None

    async def line(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one phone's websocket until it closes."""
        from aiohttp import WSMsgType, web

        # A page of somebody else's must not speak through a visitor's browser; and what sends no
        # origin is no page.
        origin = urlsplit(request.headers.get("Origin", ""))
        if origin.scheme != "https" or origin.netloc != request.host:
            raise web.HTTPForbidden(text="the page's own origin")
        if len(self._phones) >= MOST_PHONES:
            raise web.HTTPServiceUnavailable(text="too many phones")
        socket = web.WebSocketResponse(max_msg_size=MOST_MESSAGE, compress=False, heartbeat=5.0)
        await socket.prepare(request)
        nonce = secrets.token_hex(16)
        await socket.send_json({"kind": "nonce", "nonce": nonce, "hub": self.identity.id})
        try:
            first = await socket.receive(timeout=PROOF_SECONDS)
            if first.type is not WSMsgType.TEXT:
                raise ValueError("a proof comes first")
            proof = Proof.model_validate_json(first.data)
            asked = challenge(self.fingerprint, nonce)
            if not signed(proof.id, asked, _raw(proof.signature)):
                raise ValueError("the signature is not the key's")
        except (ValueError, TimeoutError):
            await socket.close(code=4401, message=b"proof")
            return socket
        member = self._member(proof.id)
        if member is None or member.revoked:
            await socket.close(code=4403, message=b"revoked" if member else b"unknown")
            return socket
        before = self._phones.pop(member.id, None)
        if before is not None:
            await before.close(4409)  # the same phone, come again
        phone = Phone(self, member, socket, proof, await self._offer(proof))
        self._phones[member.id] = phone
        try:
            await phone.serve()
        finally:
            if self._phones.get(member.id) is phone:
                del self._phones[member.id]
                self._gone(member.id)
        return socket

    async def keep_only(self, let_in: set[str]) -> None:
        """Put out who is no longer let in."""
        for id in [id for id in self._phones if id not in let_in]:
            await self._phones[id].close(4403)

    async def close(self) -> None:
        """Put everybody out: the hub ends."""
        for phone in list(self._phones.values()):
            await phone.close(1001)

    def executor(self, device: Callable[[], Any]) -> Executor:
        """Return what does everything of a step but the drawing.

        Raises:
            ExecutorUnavailable: nothing that is installed here can.
        """
        for name, executor in self._registry().executors().items():
            own = self._registry().names("executors").get(name) == OWN_DISTRIBUTION
            if own and isinstance(executor, Relaying):
                return executor.through(device)
        raise ExecutorUnavailable("mesh.nothing_to_offer")

    def kernel_hash(self, name: str) -> str:
        """Return the code hash of a kernel as it is here; raises InvalidPlan for an unknown one."""
        return self._registry().kernel(name).code_hash

    async def _offer(self, proof: Proof) -> Offer:
        if self._kernels is None:
            self._kernels = await asyncio.to_thread(self._hashes)
        return Offer(
            name=proof.name,
            version="browser",
            languages=LANGUAGES,
            kernels=self._kernels,
            devices=(proof.device,) if proof.device else (),
            gpu=True,
            slots=1,
            memory_bytes=MEMORY_BYTES,
        )

    def _hashes(self) -> dict[str, str]:
        found = {}
        for name, package in self._registry().names("kernels").items():
            # A stranger's package would have its code run here for somebody else.
            if package == OWN_DISTRIBUTION:
                with suppress(IntentOSError):
                    found[name] = self.kernel_hash(name)
        return found


class Phone:
    """One phone that is there."""

    def __init__(
        self,
        phones: Phones,
        member: Member,
        socket: web.WebSocketResponse,
        proof: Proof,
        offer: Offer,
    ) -> None:
        self._phones = phones
        self._member = member
        self._socket = socket
        self._offer: Offer | None = offer
        self._kernels = offer.kernels
        self._device = proof.device
        self._heard = time.monotonic()
        self._paused = ""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._drawing: PhoneDrawing | None = None
        self._turn = asyncio.Lock()
        self._signatures: dict[str, asyncio.Future[str]] = {}
        self._answers: dict[str, bytes] = {}
        self._returning: set[str] = set()
        self.served = 0

    async def serve(self) -> None:
        """Hear the phone, and hand it its tasks, until it is gone."""
        id, nats = self._member.id, self._phones.nats
        heard = [
            await nats.subscribe(f"run.{id}", cb=self._handed),
            await nats.subscribe(f"ctl.{id}", cb=self._commanded),
        ]
        await nats.flush()
        await self.say({"kind": "welcome", "owner": self._member.owner, "name": self._member.name})
        beating = asyncio.create_task(self._beat())
        try:
            await self._listen()
        except (ValueError, TypeError, TimeoutError):  # not what a phone of ours would say
            await self.close(4400)
        finally:
            beating.cancel()
            for subscription in heard:
                with suppress(Exception):  # the hub's own line may be closed already
                    await subscription.unsubscribe()
            if self._drawing is not None:
                self._over(self._drawing)
            for task in list(self._tasks.values()):
                task.cancel()
            await asyncio.gather(beating, *self._tasks.values(), return_exceptions=True)

    async def close(self, code: int) -> None:
        """Close its websocket."""
        await self._socket.close(code=code)

    async def say(self, message: Mapping[str, Json]) -> None:
        """Send a message; a phone that is gone is noticed by who waits for its answer."""
        with suppress(ConnectionError):
            await self._socket.send_str(json.dumps(message))

    async def _give(self, data: bytes) -> None:
        with suppress(ConnectionError):
            await self._socket.send_bytes(data)

    # ---- what it says ---------------------------------------------------------------------------

    async def _listen(self) -> None:
        from aiohttp import WSMsgType

        async for message in self._socket:
            self._heard = time.monotonic()
            if message.type is not WSMsgType.TEXT:
                raise ValueError("bytes that nothing announced")
            told = said.validate_json(message.data)
            data = b""
            if isinstance(told, FrameMade | OutputMade):
                data = await self._bytes(told.bytes)
            await self._take(told, data)

    async def _bytes(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += await self._socket.receive_bytes(timeout=SILENCE)
            self._heard = time.monotonic()
        if len(data) != size or size > MOST_OUTPUT:
            raise ValueError(f"{len(data)} bytes, and {size} were announced")
        return bytes(data)

    async def _take(self, told: Said, data: bytes) -> None:
        if isinstance(told, State):
            if told.paused != self._paused:
                self._paused = told.paused
                await self._tell_hub()
                if told.paused:
                    self._hand_back()
        elif isinstance(told, Signed):
            waiting = self._signatures.get(told.nonce)
            if waiting is not None and not waiting.done():
                waiting.set_result(told.signature)
        elif self._drawing is not None and told.nonce == self._drawing.nonce:
            await self._drawing.heard.put((told, data))

    async def _beat(self) -> None:
        while time.monotonic() - self._heard < SILENCE:
            await self._tell_hub()
            await asyncio.sleep(BEAT_SECONDS)
        await self.close(4408)

    async def _tell_hub(self) -> None:
        offer, self._offer = self._offer, None
        heartbeat = Heartbeat(paused=self._paused, running=tuple(self._tasks), offer=offer)
        await self._phones.hear(self._member, heartbeat)

    def _hand_back(self) -> None:
        # Not waited for: the signatures under what is handed back come by the same line.
        self._returning |= self._tasks.keys()
        for task in self._tasks.values():
            task.cancel()

    # ---- what it is handed ----------------------------------------------------------------------

    async def _handed(self, message: Msg) -> None:
        with suppress(BadMessage):
            task = unseal(Task, message.data, self._phones.identity.id)
            if task.nonce not in self._tasks:
                self._tasks[task.nonce] = asyncio.create_task(self._serve(task))

    async def _commanded(self, message: Msg) -> None:
        with suppress(BadMessage):
            command = unseal(Command, message.data, self._phones.identity.id)
            nonce = command.nonce or ""
            if command.what in ("again", "reveal") and nonce in self._answers:
                self._phones.done(self._member.id, self._answers[nonce])
            elif command.what == "cancel" and nonce in self._tasks:
                self._tasks[nonce].cancel()

    async def _serve(self, task: Task) -> None:
        outcome, why = "result", ""
        result: StepResult | None = None
        try:
            refusal = self._refusal(task)
            if refusal:
                outcome, why = ("returned" if refusal == "paused" else "refused"), refusal
            else:
                async with self._turn:
                    result = await self._work(task)
        except asyncio.CancelledError:
            if task.nonce not in self._returning:
                return  # the hub wants it no more, or the phone is gone
            outcome = "returned"
        except (IntentOSError, OSError, Refused) as error:
            outcome, why = "refused", str(error)[:2000]
        except Exception as error:  # a broken executor is this phone's trouble, not the hub's end
            outcome, why = "refused", f"{type(error).__name__}: {error}"[:2000]
        finally:
            self._tasks.pop(task.nonce, None)
            self._returning.discard(task.nonce)
        await self._answer(task, outcome, why, result)

    async def _answer(self, task: Task, outcome: str, why: str, result: StepResult | None) -> None:
        done = Done.of(task, outcome, why, result)
        text = done.model_dump_json()
        signing = self._signatures[task.nonce] = asyncio.get_running_loop().create_future()
        try:
            await self.say({"kind": "sign", "nonce": task.nonce, "text": text})
            async with asyncio.timeout(SIGN_SECONDS):
                signature = await signing
        except TimeoutError:
            return  # it is handed to somebody else once the hub misses it
        finally:
            del self._signatures[task.nonce]
        data = _raw(signature) + text.encode()
        self._answers[task.nonce] = data
        while len(self._answers) > 16:
            self._answers.pop(next(iter(self._answers)))
        self.served += outcome == "result"
        self._phones.done(self._member.id, data)

    def _refusal(self, task: Task) -> str:
        step = task.job.step
        if self._paused:
            return "paused"
        if step.needs - {"gpu"}:
            return "needs"
        if step.language not in LANGUAGES:
            return "language"
        if step.language == "kernel" and self._kernels.get(step.code) != step.code_hash:
            return "kernel"
        return ""

    async def _work(self, task: Task) -> StepResult:
        job = task.job
        folder = self._phones.folder / task.nonce
        work = folder / "work"
        executor = await asyncio.to_thread(self._phones.executor, lambda: self._drawn(task.nonce))
        try:
            await asyncio.to_thread(work.mkdir, parents=True)
            memory = min(job.limits.memory_bytes, MEMORY_BYTES)
            context = StepContext(
                values=job.values,
                live=job.live,
                seed=job.seed,
                inputs={
                    name: self._phones.blobs.readable(blob.sha256, task.owner)
                    for name, blob in job.inputs.items()
                },
                workdir=work,
                limits=job.limits.model_copy(update={"memory_bytes": memory}),
                emit=self._teller(task),
                save=self._saver(task, folder),
                language=job.language,
                keep_part=False,
            )
            step = job.step.model_copy(update={"executor": None})
            result = await executor.execute(step, context)
            if result.error is not None and result.error.code == "gpu.memory":
                if memory < job.limits.memory_bytes:  # the phone's limit, not the step's fault
                    raise ExecutorError("mesh.phone_failed", what="memory")
            return result.model_copy(update={"device": result.device or self._device})
        finally:
            await self.say({"kind": "over", "nonce": task.nonce})
            await asyncio.to_thread(_remove, folder)

    @asynccontextmanager
    async def _drawn(self, nonce: str) -> AsyncIterator[Drawing]:
        drawing = self._drawing = PhoneDrawing(nonce, self.say, self._give)
        try:
            yield drawing
        finally:
            self._drawing = None
            self._over(drawing)

    def _over(self, drawing: PhoneDrawing) -> None:
        """Let go of who waits to put something in, and tell who waits for something."""
        while not drawing.heard.empty():
            drawing.heard.get_nowait()
        drawing.heard.put_nowait(None)

    def _saver(self, task: Task, folder: Path) -> Callable[..., Awaitable[Artifact]]:
        blobs, room = self._phones.blobs, task.job.limits.artifact_bytes

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            nonlocal room
            path = data if isinstance(data, Path) else folder / sha256(name.encode())
            if isinstance(data, bytes):
                await asyncio.to_thread(path.write_bytes, data)
            digest, size = await asyncio.to_thread(_hashed, path)
            room -= size
            if room < 0:
                raise ExecutorError("mesh.too_large", name=name)
            grant = Grant(
                do="put", by=self._member.id, owner=task.owner, until=time.time() + 60, bytes=size
            )
            if blobs.offset(digest, grant) >= 0:
                await blobs.receive(digest, grant, _pieces(path), start=0, total=size)
            return Artifact(
                id=digest, name=name, media_type=media_type, size=size, step_id=task.job.step.id
            )

        return save

    def _teller(self, task: Task) -> Callable[[LiveEvent], None]:
        loop = asyncio.get_running_loop()
        telling: set[asyncio.Task[None]] = set()

        pace = Pace()

        def told(event: FrameDrawn | OutputWritten | ProgressMade | ProbeRead) -> Told:
            return Told(key=task.job.key, submitter=task.submitter, nonce=task.nonce, event=event)

        async def show(event: FrameDrawn) -> None:
            try:
                made = await asyncio.to_thread(small, event)
                if made is not None and task.nonce in self._tasks:
                    picture = told(made[0]).model_copy(update={"picture": made[1]})
                    await self._phones.tell(self._member.id, picture)
            finally:
                pace.done()

        def on_loop(event: LiveEvent) -> None:
            if len(telling) > 64 or task.nonce not in self._tasks:
                return  # live events may be lost
            if isinstance(event, FrameDrawn):
                if not pace.take():
                    return
                work = asyncio.ensure_future(show(event))
            elif isinstance(event, OutputWritten | ProgressMade | ProbeRead):
                work = asyncio.ensure_future(self._phones.tell(self._member.id, told(event)))
            else:
                return
            telling.add(work)
            work.add_done_callback(telling.discard)

        def tell(event: LiveEvent) -> None:
            loop.call_soon_threadsafe(on_loop, event)

        return tell


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _hashed(path: Path) -> tuple[str, int]:
    import hashlib

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, path.stat().st_size


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
