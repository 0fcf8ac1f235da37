"""The NATS server: found, pinned, started, watched, and told when the members change."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from intentos.errors import ExecutorError, ExecutorUnavailable

from .rights import configuration

OLDEST = (2, 12, 6)
"""Older ones have known holes."""
START_SECONDS = 10.0
RELOAD_SECONDS = 2.0
RELOADS = 3


def find() -> Path:
    """Return the server's program: the one that was installed with IntentOS, else the system's.

    Raises:
        ExecutorUnavailable: there is none, or it is too old.
    """
    own = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    found = own or shutil.which("nats-server")
    if found is None:
        raise ExecutorUnavailable("mesh.no_server")
    version = _version(found)
    if version < OLDEST:
        told = {"path": found, "oldest": ".".join(map(str, OLDEST))}
        raise ExecutorUnavailable("mesh.old_server", **told)
    return Path(found)


def _version(program: str) -> tuple[int, ...]:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExecutorUnavailable("mesh.no_server") from error
    numbers = re.search(r"v?(\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(map(int, numbers.groups())) if numbers else (0,)


class Server:
    """One server process of a hub; started again whenever it dies."""

    def __init__(
        self,
        *,
        folder: Path,
        host: str,
        port: int,
        certificate: tuple[Path, Path],
        hub: str,
        sync: str = "always",
    ) -> None:
        self._folder = folder
        self._host = host
        self._port = port
        self._certificate = certificate
        self._hub = hub
        self._sync = sync
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last: deque[str] = deque(maxlen=50)
        self._ready = asyncio.Event()
        self._reloads = 0
        self._reloaded = asyncio.Condition()
        self.restarts = 0
        self.stuck = False
        """Whether it takes nothing in any more, since a full disk, until it is started again."""

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    async def start(self, members: Collection[str]) -> None:
        """Start it with these members; returns when it answers.

        Raises:
            ExecutorUnavailable: there is no server program here, or no Unix.
            ExecutorError: it does not come up: the port is taken, for one.
        """
        if sys.platform == "win32":
            raise ExecutorUnavailable("mesh.no_hub_on_windows")
        program = await asyncio.to_thread(find)
        self._folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_end_stale, self._pid_file, self._config)
        self._write(members)
        await self._launch(program)
        self._watching = asyncio.create_task(self._watch(program))

    async def admit(self, members: Collection[str]) -> None:
        """Let exactly these members in, from now on; who is no longer one is disconnected.

        Raises:
            ExecutorError: the server does not confirm it.
        """
        self._write(members)
        if self._process is None or self._process.returncode is not None:
            return  # it reads the file when it is started again
        async with self._reloaded:
            before = self._reloads
            for _ in range(RELOADS):  # one that comes while it is busy with another may be missed
                with suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGHUP)
                with suppress(TimeoutError):
                    async with asyncio.timeout(RELOAD_SECONDS):
                        await self._reloaded.wait_for(lambda: self._reloads > before)
                        return
            what = "; ".join(list(self._last)[-3:])
            raise ExecutorError("mesh.server_broke", what=what)

    def renew(self) -> None:
        """Start it again: what was stuck takes in again, and what it had accepted is there."""
        self.stuck = False
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def stop(self) -> None:
        """End the process; what was accepted is on the disk."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        self._pid_file.unlink(missing_ok=True)

    @property
    def _config(self) -> Path:
        return self._folder / "nats.conf"

    @property
    def _pid_file(self) -> Path:
        return self._folder / "nats.pid"

    def _write(self, members: Collection[str]) -> None:
        text = configuration(
            host=self._host,
            port=self._port,
            folder=self._folder,
            certificate=self._certificate,
            hub=self._hub,
            members=members,
            sync=self._sync,
        )
        temporary = self._config.with_name(".nats.conf")
        temporary.write_text(text, "utf-8")
        os.replace(temporary, self._config)

    async def _launch(self, program: Path) -> None:
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            str(program),
            "-c",
            str(self._config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours to handle
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._pid_file.write_text(str(self._process.pid), "ascii")
        self._reading = asyncio.create_task(self._read(self._process))
        ended = asyncio.create_task(self._process.wait())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait(
                {ended, ready}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (ended, ready):
                task.cancel()
        if not self._ready.is_set():
            if self._process.returncode is None:
                self._process.kill()
            raise ExecutorError("mesh.server_broke", what="; ".join(list(self._last)[-3:]))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        log = self._folder / "nats.log"
        if log.exists() and log.stat().st_size > 4 * 1024**2:
            os.replace(log, log.with_suffix(".log.1"))
        with log.open("ab", buffering=0) as out:
            async for line in process.stderr:
                with suppress(OSError):  # on a full disk it must still be read, or it would stop
                    out.write(line)
                text = line.decode("utf-8", "replace").strip()
                self._last.append(text)
                if "Server is ready" in text:
                    self._ready.set()
                elif "critical write error" in text.lower() or "will be DISABLED" in text:
                    self.stuck = True
                elif "Reloaded server configuration" in text:
                    async with self._reloaded:
                        self._reloads += 1
                        self._reloaded.notify_all()

    async def _watch(self, program: Path) -> None:
        while True:
            assert self._process is not None
            await self._process.wait()
            started = time.monotonic()
            self.restarts += 1
            with suppress(ExecutorError, OSError):  # a full disk, for one
                await self._launch(program)
            # Something that dies at once is tried again, but not in a tight loop.
            await asyncio.sleep(max(0.0, 0.2 - (time.monotonic() - started)))


def _end_stale(pid_file: Path, config: Path) -> None:
    """End a server that a killed hub left behind on the same folder."""
    try:
        pid = int(pid_file.read_text("ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except (OSError, ValueError):
        return
    if str(config) not in command:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(50):
            try:
                os.kill(pid, number if _ == 0 else 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)


def _die_with_parent() -> None:
    """Between fork and exec: the kernel ends the server when the hub is gone."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
