"""One step in a container, from its creation to its removal.

Whatever happens, errors and cancellation included, the container is gone when :func:`run` returns
or raises. Should this program be killed, the engine closes the container's input, at which its
first process ends everything (``harness_container.py``) and the engine removes what is left.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

from intentos.ending import uninterrupted
from intentos.types import Limits

from . import bubblewrap, docker_files, seccomp
from .docker_engine import Engine, explained
from .outbox import LINE_BYTES, Outbox, Violation, size
from .transcript import Transcript
from .verdict import Ending

OWN_BYTES = 64 * 1024**2
"""Memory of the container's first process and of the kernel on its behalf."""
OWN_PROCESSES = 1
"""The container's first process."""
STARTERS = 16
"""Threads of the engine's own that put a container together and count as the container's."""
MAX_FILES_INSIDE = 100_000
REMOVAL_SECONDS = 30
MOST_PIECE_BYTES = 2**20
_FIRST_USER, _USERS = 61_184, 4_096
"""Ids that nobody has, and that engines with user namespaces map as well."""
_ENGINE_HEADER = struct.Struct(">BxxxI")
_HEADER = struct.Struct(">BI")
_OVER, _STDOUT, _STDERR, _REPORT = range(4)


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container to be made."""

    image: str
    labels: Mapping[str, str]
    limits: Limits
    inputs: Sequence[tuple[str, Path]]
    """Path inside, file here."""

    def create(self, api: Any, name: str) -> None:
        """Let the engine make it, without starting it."""
        user = f"{_FIRST_USER + secrets.randbelow(_USERS)}"
        tmpfs = {
            bubblewrap.WORK: (self.limits.artifact_bytes, MAX_FILES_INSIDE),
            "/tmp": (bubblewrap.SHARED_MEMORY_BYTES, MAX_FILES_INSIDE),
        }
        room = sum(path.stat().st_size for _, path in self.inputs)
        if self.inputs:
            tmpfs[docker_files.INPUTS] = (
                room + 2**20 + 4096 * len(self.inputs),
                len(self.inputs) + 10,
            )
        memory = (
            self.limits.memory_bytes
            + OWN_BYTES
            + bubblewrap.SHARED_MEMORY_BYTES
            + sum(most for most, _ in tmpfs.values())
        )
        security = ["no-new-privileges:true"]
        if (profile := seccomp.container_profile()) is not None:
            security.append(f"seccomp={json.dumps(profile)}")
        api.create_container(
            self.image,
            name=name,
            user=f"{user}:{user}",
            hostname="sandbox",
            working_dir=bubblewrap.WORK,
            environment=bubblewrap.environment() | {"INTENTOS_PACKAGES": docker_files.PACKAGES},
            labels=dict(self.labels),
            stdin_open=True,
            network_disabled=True,
            host_config=api.create_host_config(
                auto_remove=True,
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=security,
                pids_limit=self.limits.processes + OWN_PROCESSES + STARTERS,
                mem_limit=memory,
                memswap_limit=memory,
                shm_size=bubblewrap.SHARED_MEMORY_BYTES,
                ipc_mode="private",
                log_config={"Type": "none"},
                tmpfs={
                    path: f"size={most},nr_inodes={files},nosuid,nodev,noexec"
                    for path, (most, files) in tmpfs.items()
                },
            ),
        )


async def run(
    engine: Engine,
    container: Container,
    job: bytes,
    *,
    outbox: Outbox,
    stdout: Transcript,
    stderr: Transcript,
) -> Ending:
    """Run a job in a new container and return how it ended.

    Raises:
        ExecutorUnavailable: the engine cannot make or start it.
    """
    with engine.client() as api:
        return await _run(
            _Session(api, f"intentos-{secrets.token_hex(8)}"),
            container,
            job,
            outbox,
            stdout,
            stderr,
        )


async def _run(
    session: _Session,
    container: Container,
    job: bytes,
    outbox: Outbox,
    stdout: Transcript,
    stderr: Transcript,
) -> Ending:
    try:
        await session.started(container)
        limits = container.limits
        report, *printed = (session.reader(kind) for kind in (_REPORT, _STDOUT, _STDERR))
        work: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(part)
            for part in (
                session.feed(job, container.inputs),
                session.sort(),
                outbox.read(report),
                stdout.read(printed[0]),
                stderr.read(printed[1]),
            )
        ]
        try:
            done, pending = await asyncio.wait(
                work, timeout=limits.wall_time, return_when=asyncio.FIRST_EXCEPTION
            )
            violation = next((v for task in done if (v := _violation(task))), None)
            timed_out = violation is None and bool(pending)
            await session.removed(at_once=bool(pending))
            # What was written before the end is still on its way.
            if pending:
                await asyncio.wait(pending, timeout=5)
        finally:
            await uninterrupted(_bury(session, work))
        violation = violation or next((v for task in work if (v := _violation(task))), None)
        if violation is None and session.memory_ran_out:
            violation = Violation("sandbox.memory_together", memory=size(limits.memory_bytes))
        return Ending(returncode=session.status, timed_out=timed_out, violation=violation)
    finally:
        await uninterrupted(session.close())


class _Session:
    """A container and the one connection to it."""

    def __init__(self, api: Any, name: str) -> None:
        self.status: int | None = None
        self.memory_ran_out = False
        self._api = api
        self._name = name
        self._socket: Any = None
        self._sorted = False
        self._gone = False
        # Threads of its own: those that all share may be busy with as many containers.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix=name)
        self._readers: dict[int, asyncio.StreamReader] = {}
        self._valves: list[_Valve] = []
        self._starting: asyncio.Future[Any] | None = None

    async def started(self, container: Container) -> None:
        """Create, attach to and start the container."""

        def start() -> None:
            with explained():
                container.create(self._api, self._name)
                self._socket = self._api.attach_socket(
                    self._name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                )
                self._api.start(self._name)

        self._starting = asyncio.ensure_future(self._call(start))
        await asyncio.shield(self._starting)

    def reader(self, kind: int) -> asyncio.StreamReader:
        """Return a stream of everything of one kind that comes out."""
        reader, valve = asyncio.StreamReader(limit=LINE_BYTES), _Valve()
        reader.set_transport(valve)
        self._readers[kind] = reader
        self._valves.append(valve)
        return reader

    async def feed(self, job: bytes, inputs: Sequence[tuple[str, Path]]) -> None:
        """Send the inputs and the job."""

        def send() -> None:
            connection = _connection(self._socket)
            files = [(inside, path, path.stat().st_size) for inside, path in inputs]
            header = {"files": [[inside, length] for inside, _, length in files], "job": len(job)}
            open_ = _sent(connection, json.dumps(header).encode() + b"\n")
            for _, path, left in files:
                with path.open("rb") as file:
                    while open_ and left and (piece := file.read(min(left, 2**20))):
                        open_ = _sent(connection, piece)
                        left -= len(piece)
            if open_:
                _sent(connection, job)

        await self._call(send)

    async def sort(self) -> None:
        """Hand on what comes out to the readers, until the last piece or the end of the stream.

        Raises:
            Violation: it is not what a container of ours sends.
        """
        try:
            async for kind, data in _pieces(self._out()):
                if kind == _OVER:
                    self._conclude(data)
                    return
                if kind not in self._readers:
                    raise Violation("sandbox.protocol", what=f"a piece of kind {kind}")
                self._readers[kind].feed_data(data)
                for valve in self._valves:
                    await valve.open.wait()
        finally:
            self._sorted = True
            for reader in self._readers.values():
                reader.feed_eof()

    async def removed(self, *, at_once: bool) -> None:
        """Return when the container is gone; ``at_once`` kills what runs in it."""
        # The engine removes nothing while its output is stuck: let it flow, or cut it off.
        for valve in self._valves:
            valve.stay_open()
        if self._sorted:
            self._end()
        await self._call(self._remove, at_once)

    async def close(self) -> None:
        """Remove the container and forget the connection."""
        if self._starting is not None:
            with suppress(Exception):  # told to who awaited it
                await asyncio.shield(self._starting)
            await self.removed(at_once=True)
        self._end()
        self._threads.shutdown(wait=False)

    def _end(self) -> None:
        """Hang up: the first process, which waits for it, ends if it has not been killed."""
        connection, self._socket = self._socket, None
        if connection is not None:
            _end(connection)

    def _remove(self, at_once: bool) -> None:
        from docker.errors import APIError, NotFound
        from requests.exceptions import RequestException

        if self._gone:
            return
        with explained(), suppress(NotFound):
            if at_once:
                try:
                    self._api.remove_container(self._name, force=True, v=True)
                except NotFound:
                    raise
                except APIError as error:
                    if error.status_code != 409:  # the engine is removing it already
                        raise
            try:
                self._api.wait(self._name, condition="removed", timeout=REMOVAL_SECONDS)
            except RequestException:
                self._api.remove_container(self._name, force=True, v=True)
        self._gone = True

    async def _out(self) -> AsyncIterator[bytes]:
        """Yield what the container's first process writes to its standard output."""
        connection, waiting = _connection(self._socket), bytearray()
        while piece := await self._call(_received, connection):
            waiting += piece
            while len(waiting) >= _ENGINE_HEADER.size:
                kind, length = _ENGINE_HEADER.unpack_from(waiting)
                if len(waiting) < _ENGINE_HEADER.size + length:
                    break
                if kind == 1:
                    yield bytes(waiting[_ENGINE_HEADER.size : _ENGINE_HEADER.size + length])
                else:  # the first process itself broke; nobody else writes there
                    self._readers[_STDERR].feed_data(
                        bytes(waiting[_ENGINE_HEADER.size : _ENGINE_HEADER.size + length])
                    )
                del waiting[: _ENGINE_HEADER.size + length]

    def _conclude(self, data: bytes) -> None:
        try:
            said = json.loads(data)
            status, memory = said["status"], said["memory"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Violation("sandbox.protocol", what="an ending that says nothing") from error
        self.status = status if isinstance(status, int) and 0 <= status < 256 else None
        self.memory_ran_out = memory is True

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)


class _Valve(asyncio.ReadTransport):
    """Tells who feeds a stream when its reader has enough for now."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self._stays = False

    def stay_open(self) -> None:
        """Let everything through from now on."""
        self._stays = True
        self.open.set()

    def pause_reading(self) -> None:
        if not self._stays:
            self.open.clear()

    def resume_reading(self) -> None:
        self.open.set()


async def _pieces(out: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield kind and content of the pieces that the first process sends."""
    waiting = bytearray()
    async for data in out:
        waiting += data
        while len(waiting) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(waiting)
            if length > MOST_PIECE_BYTES:
                raise Violation("sandbox.protocol", what="a piece that is too long")
            if len(waiting) < _HEADER.size + length:
                break
            yield kind, bytes(waiting[_HEADER.size : _HEADER.size + length])
            del waiting[: _HEADER.size + length]


def _connection(connection: Any) -> Any:
    """Return the socket below what the SDK returns, which differs between kinds of engines."""
    return getattr(connection, "_sock", connection)


def _received(connection: Any) -> bytes:
    try:
        return bytes(connection.recv(65536))
    except OSError:  # closed under us: it is over either way
        return b""


def _sent(connection: Any, data: bytes) -> bool:
    """Return whether the container still reads; if not, how it ended tells why."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def _end(connection: Any) -> None:
    """Close what the SDK returned when it attached, whichever kind it is."""
    below = _connection(connection)
    with suppress(OSError):
        if hasattr(below, "shutdown"):  # wakes a thread that waits for it; pipes have no such thing
            below.shutdown(SHUT_RDWR)
        # The SDK hangs the answer on it, which owns the connection.
        getattr(connection, "_response", connection).close()


async def _bury(session: _Session, tasks: list[asyncio.Future[Any]]) -> None:
    await session.removed(at_once=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _violation(task: asyncio.Future[Any]) -> Violation | None:
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return None
    if isinstance(error, Violation):
        return error
    raise error
