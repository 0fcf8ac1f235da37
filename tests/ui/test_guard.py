"""The guard of the window's server, tried from outside: by strangers, other sites and guests."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from intentos.ui.guard import known_host, policy

from .opened import Opened, opened

SOCKET = "_nicegui_ws/socket.io/?EIO=4&transport=websocket"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open a window with a door for guests, and close it in the end."""
    home = tmp_path_factory.mktemp("home")
    with opened(home, "--guests", INTENTOS_LANGUAGE="en") as one:
        yield one


@pytest.fixture
def guest(window: Opened) -> Iterator[httpx.Client]:
    """Return a guest who has opened the link."""
    with httpx.Client(verify=False, follow_redirects=True) as client:
        page = client.get(window.guests)
        assert page.status_code == 200
        assert "key=" not in str(page.url)
        yield client


def test_the_owners_page_answers_with_a_policy_whose_scripts_bear_its_nonce(window: Opened) -> None:
    first, second = httpx.get(window.owner), httpx.get(window.owner)
    nonce = re.search(r"'nonce-([\w-]+)'", first.headers["content-security-policy"])
    assert nonce is not None
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert len(scripts) > 3
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert nonce[1] not in second.headers["content-security-policy"]
    assert "unsafe-inline" not in policy("x").partition("style-src")[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_other_names_and_other_sites_are_turned_away(
    window: Opened, headers: dict[str, str], status: int
) -> None:
    filled = {name: value.replace("{port}", str(window.port)) for name, value in headers.items()}
    assert httpx.get(window.owner, headers=filled).status_code == status


def test_a_websocket_of_another_sites_page_is_turned_away(window: Opened) -> None:
    address = window.owner.replace("http", "ws", 1) + SOCKET
    with connect(address, origin=Origin(window.owner.rstrip("/"))) as own:
        assert own.recv(10)
    with pytest.raises(InvalidStatus):
        connect(address, origin=Origin("http://evil.example"))


def test_guests_need_their_key_which_is_then_no_longer_in_the_address(
    window: Opened, guest: httpx.Client
) -> None:
    address = httpx.URL(window.guests)
    wrong = [address.copy_with(query=None), address.copy_set_param("key", "x" * 22)]
    with httpx.Client(verify=False) as stranger:
        for url in wrong:
            refused = stranger.get(url)
            assert refused.status_code == 401
            assert "钥" in refused.text
    assert guest.get(address.copy_with(query=None)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/live/x/y",
        "/api/voice",
        "/api/program/0123/draw",
        "/api/artifacts/" + "0" * 64,
        "/library",
        "/settings",
        "/c/0123",
        "/_nicegui/client/1/upload/2",
    ],
)
def test_guests_get_nothing_but_what_is_shown(
    window: Opened, guest: httpx.Client, path: str
) -> None:
    address = httpx.URL(window.guests).copy_with(query=None)
    for method in ("GET", "POST"):
        assert guest.request(method, address.join(path)).status_code == 403


def test_a_guest_without_a_key_gets_no_websocket(window: Opened) -> None:
    address = str(httpx.URL(window.guests).copy_with(query=None)).replace("https", "wss", 1)
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(InvalidStatus):
        connect(address + SOCKET, ssl=anyone)


def test_a_body_without_end_is_cut_off(window: Opened) -> None:
    with socket.create_connection(("127.0.0.1", window.port), 10) as sock:
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{window.port}\r\n"
        sock.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


def test_names_of_this_machine_are_known_and_rebound_ones_are_not() -> None:
    assert known_host("192.168.1.7:8484", local=False)
    assert not known_host("192.168.1.7:8484", local=True)
    assert not known_host("a.evil.example:8484", local=False)
    assert not known_host("", local=False)
