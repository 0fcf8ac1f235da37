"""``docs/tutorial/neighbours.md``, followed word for word: two laptops and a phone, on their own
hosts with the very addresses that it names."""

from __future__ import annotations

import json
import re
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chromium import FLAGS, find_chromium

from .hosts import Hosts, HostsRefused, hosts
from .machines import Machines, heard

PAGE = Path(__file__).parent.parent.parent / "docs" / "tutorial" / "neighbours.md"
SECONDS = 120.0
FIRST, SECOND, PHONE = "first", "second", "phone"
SHOWN = [
    (FIRST, "intentos hub --listen 0.0.0.0"),
    (FIRST, "intentos invite --owner bob"),
    (SECOND, "intentos node 'https://192.168.1.5:7420/join#…'"),
    (FIRST, "intentos peers"),
    (FIRST, 'intentos ask "draw the Mandelbrot set" --where peer'),
    (FIRST, 'intentos plan "how far does a ball thrown at 20 m/s at 40 degrees fly" -o ball.yaml'),
    (FIRST, "intentos run ball.yaml --sweep angle=20:60:5 --where peer"),
    (FIRST, "intentos invite --owner carol --role node"),
    (SECOND, "intentos node pause"),
    (SECOND, "intentos node resume"),
    (FIRST, "intentos peers audit"),
    (FIRST, "intentos peers points"),
]
"""What the page shows, and the machine on which it says that to type it."""


@pytest.fixture
def three() -> Iterator[Hosts]:
    try:
        with hosts() as made:
            for number, name in enumerate((FIRST, SECOND, PHONE)):
                made.add(name, f"192.168.1.{5 + number}")
            yield made
    except HostsRefused as refused:
        pytest.skip(str(refused))


def until(true: Callable[[], object]) -> None:
    """Wait for something to be so."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < SECONDS
        time.sleep(0.2)


async def test_two_laptops_and_a_phone_as_the_page_says(three: Hosts, tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert commands == [command for _, command in SHOWN]  # nothing on it is left untried
    step = iter(SHOWN)
    machines = Machines(tmp_path, three)

    def next_one(expected: str) -> tuple[str, list[str]]:
        machine, command = next(step)
        words = shlex.split(command)
        assert words[:2] == ["intentos", expected]
        return machine, words[1:]

    def typed(expected: str) -> str:
        """Type the next command at a terminal, say yes where it asks, and return the screen."""
        machine, words = next_one(expected)
        code, screen = machines.talk(machine, *words, answers={"y yes": "y"})
        assert code == 0, screen
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)

    def peers() -> list[dict[str, object]]:
        _, out, _ = machines.run(FIRST, "peers", "--json")
        found: list[dict[str, object]] = json.loads(out)
        return found

    def link_in(screen: str) -> str:
        found = re.search(r"https://192\.168\.1\.5:7420/join#[\w.-]+", screen)
        assert found is not None, screen
        return found[0]

    def ran() -> list[dict[str, object]]:
        path = tmp_path / SECOND / "mesh" / "ran.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    try:
        machine, words = next_one("hub")
        hub = machines.start(machine, *words)
        heard(hub, "192.168.1.5:7420")
        fingerprint = re.search(r"[0-9a-f]{4}(?: [0-9a-f]{4}){3}", heard(hub, "fingerprint"))
        assert fingerprint is not None

        screen = typed("invite")
        assert "█" in screen or "▀" in screen  # the code for a phone's camera
        machine, words = next_one("node")
        node = machines.start(machine, *[link_in(screen) if "…" in w else w for w in words])
        heard(node, "intentos node pause")

        assert f"{socket.gethostname()} · bob · free" in typed("peers")
        assert "peer" in typed("ask")
        before = ran()
        assert {(line["status"], line["for"]) for line in before} == {("ok", peers_owner(machines))}
        typed("plan")
        screen = typed("run")
        assert len(re.findall(r"^ +\d+ +[\d.]+ ", screen, re.MULTILINE)) == 5, screen
        assert len(ran()) >= len(before) + 5  # all of it ran there

        link = link_in(typed("invite"))
        wrapper = tmp_path / "chromium"
        wrapped = shlex.join(three.command(PHONE, str(find_chromium())))
        wrapper.write_text(f'#!/bin/sh\nexec {wrapped} "$@"\n')
        wrapper.chmod(0o755)
        from playwright.async_api import async_playwright, expect

        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(wrapper), args=list(FLAGS), timeout=SECONDS * 1000
            )
            context = await browser.new_context(ignore_https_errors=True)  # "go on"
            page = await context.new_page()
            await page.goto(link)
            # What is to be compared with the hub's terminal before anybody goes on.
            spaced = r"\s*".join(fingerprint[0].replace(" ", ""))
            await expect(page.locator("body")).to_contain_text(
                re.compile(spaced), timeout=SECONDS * 1000
            )
            button = page.get_by_role("button", name=button_of(text))
            await expect(button).to_be_enabled(timeout=SECONDS * 1000)
            await button.click()
            until(lambda: {p["owner"]: p["state"] for p in peers()}.get("carol") == "free")

            typed("node")
            until(lambda: {p["owner"]: p["state"] for p in peers()}.get("bob") == "paused")
            typed("node")
            until(lambda: {p["owner"]: p["state"] for p in peers()}.get("bob") == "free")
            await browser.close()
        assert "whole" in typed("peers")
        assert "every balance is what the hub says" in typed("peers")
        assert next(step, None) is None
        assert (tmp_path / SECOND / "mesh" / "ran.jsonl").exists()  # as the page says
        assert node.poll() is None
        assert hub.poll() is None
    finally:
        machines.stop()


def peers_owner(machines: Machines) -> str:
    """Return whose the first machine is: who is logged in there."""
    _, out, _ = machines.python(FIRST, "-c", "import getpass; print(getpass.getuser())")
    return out


def button_of(text: str) -> str:
    """Return what the page says that to press."""
    found = re.search(r"press \*\*(.+?)\*\*", text)
    assert found is not None
    return found[1]
