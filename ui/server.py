"""The server of the window: which addresses it listens on, for whom, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.errors import UsageError
from intentos.queue import file_lock, held

from . import guests
from .guard import KEY, Door, Doors, Guard, is_local, new_key
from .links import Links

TRIED = 20
"""Ports from the usual one on, where that is taken."""
PORT = 8484
GRACE_SECONDS = 1
"""How long open connections are waited for at the end."""
RECONNECT_SECONDS = 60.0
"""How long the server remembers a tab whose network is gone."""


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    with_guests: bool = False,
    show: bool = True,
    ready: Callable[[Links], None] = lambda links: None,
) -> None:
    """Serve the window until the program is ended; where it is open already, show that one.

    ``port``: None: the usual one, or the next that is free; 0: any.

    Raises:
        UsageError: the address or the port cannot be had.
        StoreError: the state folder cannot be written.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = file_lock(settings.locks / "window.lock")
    settings.locks.mkdir(parents=True, exist_ok=True)
    there = _already_open(settings)
    if there is not None:
        ready(there)
        if show:
            webbrowser.open(there.owner)
        return
    # Read when NiceGUI is imported, which is why it is imported below.
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(settings.home / "window"))
    sock = _listen(host, port)
    doors = Doors([_door(sock, host)])
    links = Links(_link(doors.open[0], "127.0.0.1" if is_local(host) else _outside(host)))
    guest_sock = None
    if with_guests:
        guest_sock = _listen("0.0.0.0" if is_local(host) else host, None, doors.open[0].port + 1)
        door = Door(guest_sock.getsockname()[1], "guest", new_key(), secure=True)
        doors.open.append(door)
        links = replace(links, guests=_link(door, guests.addresses()[0]))
    with lock:
        (settings.home / "window.json").write_text(json.dumps([links.owner, links.guests]), "utf-8")
        os.chmod(settings.home / "window.json", 0o600)
        try:
            _run(settings, links, doors, sock, guest_sock, lambda: _opened(links, ready, show))
        finally:
            (settings.home / "window.json").unlink(missing_ok=True)


def _opened(links: Links, ready: Callable[[Links], None], show: bool) -> None:
    ready(links)
    if show:
        webbrowser.open(links.owner)


def _run(
    settings: Settings,
    links: Links,
    doors: Doors,
    sock: socket.socket,
    guest_sock: socket.socket | None,
    opened: Callable[[], None],
) -> None:
    import uvicorn
    from fastapi import FastAPI

    with _left_out("aiohttp", "requests", "websocket"):  # of its client, which nobody uses here
        import_module("socketio")
    from nicegui import ui

    from .window import STATIC, Window

    class Quiet(uvicorn.Server):
        """A server beside another one, which alone hears the signals."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    window = Window(settings, links)

    def server(**more: Any) -> uvicorn.Config:
        return uvicorn.Config(
            guarded,
            log_level="warning",
            ws="wsproto",
            ws_per_message_deflate=False,  # pictures are compressed already
            timeout_graceful_shutdown=GRACE_SECONDS,
            **more,
        )

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        second, task = None, None
        if guest_sock is not None:
            files = guests.certificate(settings)
            names = {"ssl_certfile": str(files.certificate), "ssl_keyfile": str(files.key)}
            second = Quiet(server(lifespan="off", **names))
            task = asyncio.create_task(second.serve(sockets=[guest_sock]))
        asyncio.get_running_loop().call_later(0.05, opened)
        yield
        if second is not None and task is not None:
            second.should_exit = True
            await asyncio.wait([task], timeout=2 * GRACE_SECONDS)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    ui.run_with(
        app,
        root=window.root,
        title="IntentOS",
        favicon=STATIC / "icon.svg",
        reconnect_timeout=RECONNECT_SECONDS,
        tailwind=False,
        gzip_middleware_factory=None,
        storage_secret=_secret(settings),
        show_welcome_message=False,
    )
    guarded = Guard(app, doors, window.guest_may)
    uvicorn.Server(server(lifespan="on")).run(sockets=[sock])


@contextmanager
def _left_out(*names: str) -> Iterator[None]:
    """Let imports go on as if packages were not installed that they can do without: they take half
    a second of the start."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))  # None: an ImportError
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


def _listen(host: str, port: int | None, usual: int = PORT) -> socket.socket:
    """Return a listening socket; raises UsageError where there is none to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [port] if port is not None else range(usual, usual + TRIED)
    problem = ""
    for number in wanted:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, number))
            sock.listen(2048)
            sock.setblocking(False)
        except (OSError, OverflowError) as error:
            sock.close()
            problem = getattr(error, "strerror", None) or str(error)
        else:
            return sock
    raise UsageError("window.no_port", host=host, port=str(port or usual), what=problem)


def _door(sock: socket.socket, host: str) -> Door:
    return Door(sock.getsockname()[1], "owner", "" if is_local(host) else new_key())


def _outside(host: str) -> str:
    return guests.addresses()[0] if host in ("0.0.0.0", "::") else host


def _link(door: Door, host: str) -> str:
    name = f"[{host}]" if ":" in host else host
    query = f"?{KEY}={door.key}" if door.key else ""
    return f"http{'s' if door.secure else ''}://{name}:{door.port}/{query}"


def _already_open(settings: Settings) -> Links | None:
    path = settings.locks / "window.lock"
    if not (path.exists() and held(path)):
        return None
    with suppress(OSError, ValueError, TypeError):
        return Links(*json.loads((settings.home / "window.json").read_text("utf-8")))
    return None


def _secret(settings: Settings) -> str:
    """Return what signs the window's cookies; made once for each state folder."""
    path: Path = settings.home / "window.secret"
    with suppress(FileNotFoundError):
        if text := path.read_text("ascii"):
            return text
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path.read_text("ascii")
