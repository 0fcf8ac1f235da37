"""Ways out of the sandbox to this machine's services and to the world."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .attack import Walls, succeeds_alone


@dataclass
class Service:
    """Something that listens on this machine in five ways, and who called it."""

    folder: Path
    callers: list[str]
    values: dict[str, int | str]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Listen by TCP, UDP, a socket file and an abstract socket; greet whoever comes."""
    made = Service(tmp_path, [], {})
    path, abstract = tmp_path / "s", f"\0intentos-{os.getpid()}-{tmp_path.name}"
    kinds: dict[str, tuple[int, int, Any]] = {
        "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "file": (socket.AF_UNIX, socket.SOCK_STREAM, str(path)),
        "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, abstract),
    }
    sockets = []
    for name, (family, kind, address) in kinds.items():
        listener = socket.socket(family, kind)
        listener.bind(address)
        sockets.append(listener)
        threading.Thread(target=_greet, args=(listener, name, made.callers), daemon=True).start()
        if family == socket.AF_INET:
            made.values[name] = listener.getsockname()[1]
    path.chmod(0o777)
    made.values |= {"file": str(path), "abstract": abstract[1:]}
    yield made
    for listener in sockets:
        listener.close()


def _greet(listener: socket.socket, name: str, callers: list[str]) -> None:
    try:
        if listener.type == socket.SOCK_DGRAM:
            while True:
                _, sender = listener.recvfrom(100)
                callers.append(name)
                listener.sendto(b"hello", sender)
        listener.listen()
        while True:
            with listener.accept()[0] as one:
                callers.append(name)
                one.sendall(b"hello")
    except OSError:
        return  # closed: the test is over


NETWORK = "network namespace without a device, and seccomp refuses the socket"
ATTACKS = {
    "TCP": (
        NETWORK,
        """
        import socket
        with socket.create_connection(("127.0.0.1", parameters["tcp"]), 2) as one:
            if one.recv(9) == b"hello": breach()
        """,
    ),
    "TCP by raw system calls": (
        NETWORK,
        """
        libc = ctypes.CDLL(None, use_errno=True)
        number = libc.socket(2, 1, 0)
        port = parameters["tcp"].to_bytes(2, "big")
        address = b"\\x02\\x00" + port + b"\\x7f\\0\\0\\1" + bytes(8)
        if number >= 0 and libc.connect(number, address, 16) == 0: breach()
        """,
    ),
    "UDP": (
        NETWORK,
        """
        import socket
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.settimeout(2)
        one.sendto(b"secret", ("127.0.0.1", parameters["udp"]))
        if one.recv(9) == b"hello": breach()
        """,
    ),
    "a socket file": (
        "mount namespace: the file is not inside",
        """
        import socket
        one = socket.socket(socket.AF_UNIX)
        one.connect(parameters["file"])
        if one.recv(9) == b"hello": breach()
        """,
    ),
    "an abstract socket": (
        "network namespace: it has abstract names of its own",
        """
        import socket
        one = socket.socket(socket.AF_UNIX)
        one.connect("\\0" + parameters["abstract"])
        if one.recv(9) == b"hello": breach()
        """,
    ),
    "a name by DNS": (
        "network namespace: no resolver can be reached; no /etc/resolv.conf, no /etc/hosts",
        "import socket\nif socket.gethostbyname('localhost'): breach()",
    ),
    "a question to a name server": (
        NETWORK,
        """
        import socket
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.settimeout(2)
        question = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\6secret\\7example\\0\\0\\1\\0\\1"
        one.sendto(question, ("127.0.0.1", parameters["udp"]))
        if one.recv(9): breach()
        """,
    ),
    "a web page": (
        NETWORK,
        """
        import urllib.request
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{parameters['tcp']}/", timeout=2)
        except OSError as error:
            breach() if "reset by peer" in str(error) else print(error)
        except Exception:
            breach()  # somebody answered, if not in HTTP
        """,
    ),
    "listening for others": (
        NETWORK,
        """
        import socket
        socket.create_server(("0.0.0.0", 0))
        breach()
        """,
    ),
    "the list of this machine's connections": (
        "network namespace: /proc/net is of its own",
        """
        port = f":{parameters['tcp']:04X} "
        if port in open("/proc/net/tcp").read(): breach()
        """,
    ),
    "the list of this machine's socket files": (
        "network namespace: /proc/net is of its own",
        "if parameters['file'] in open('/proc/net/unix').read(): breach()",
    ),
    "this machine's network devices": (
        "network namespace with nothing but a loopback",
        """
        names = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
        if [name for name in names if name != "lo"]: breach(names)
        elif not os.path.exists("/intentos"): impossible("no network device here either")
        """,
    ),
    "the system's message bus": (
        "mount namespace: /run is not inside",
        """
        if os.path.isdir("/run"): breach()
        """,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_nobody_is_reached(name: str, walls: Walls, service: Service, tmp_path: Path) -> None:
    stopped_by, code = ATTACKS[name]
    values = service.values
    succeeds_alone(code, values, folder=tmp_path)
    service.callers.clear()
    result = await walls.hold(code, values)
    assert service.callers == [], stopped_by
    assert result.stdout.count("hello") == 0


async def test_the_dead_loopback_of_the_sandbox_leads_nowhere(
    walls: Walls, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by: the network namespace alone; here without the filter, which would be first."""
    if walls.kind == "warm":
        pytest.skip("the template has its filter already")
    monkeypatch.setattr("intentos.executors.seccomp.program", lambda: None)
    stopped_by, code = ATTACKS["TCP"]
    await walls.hold(code, service.values)
    assert service.callers == [], stopped_by


async def test_two_runs_cannot_talk(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: a network namespace for each run; abstract sockets end at its border."""
    listen = """
        import socket
        one = socket.socket(socket.AF_UNIX)
        one.bind("\\0intentos-meeting")
        one.listen()
        one.settimeout(3)
        try:
            one.accept()
            breach()
        except TimeoutError:
            print("nobody came")
    """
    call = """
        import socket
        for _ in range(20):
            time.sleep(0.1)
            try:
                socket.socket(socket.AF_UNIX).connect("\\0intentos-meeting")
                breach()
            except OSError:
                pass
    """
    import asyncio

    other = Walls(walls.executor, walls.kind, tmp_path / "other")
    both = asyncio.gather(walls.hold(listen), other.hold(call))
    listening, _ = await both
    assert "nobody came" in listening.stdout
    pair = f"""
        import threading
        def listens():
            exec({listen!r}.replace("\\n        ", "\\n").strip(), globals())
        threading.Thread(target=listens, daemon=True).start()
        exec({call!r}.replace("\\n        ", "\\n").strip())
    """
    succeeds_alone(pair, folder=tmp_path)
