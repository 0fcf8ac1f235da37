"""A window as the command line opens it, and a real browser before it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.chromium import FLAGS, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

WITHOUT_GPU = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
)
SECONDS = 90_000
"""Longest wait for anything in a page, in milliseconds."""


@dataclass
class Opened:
    """A window's server, in a process of its own."""

    owner: str
    guests: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Where the owner's door is."""
        return urlsplit(self.owner).port or 0

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(60)


@contextmanager
def opened(home: Path, *arguments: str, **environment: str) -> Iterator[Opened]:
    """Open a window over a state folder, without a language model, and close it in the end.

    What it says goes to a file, so that it never waits for a reader, and to this process's own
    error stream afterwards.
    """
    command = [sys.executable, "-m", "intentos", "--no-browser", *arguments]
    if "--port" not in arguments:
        command += ["--port", "0"]
    settings = {"INTENTOS_HOME": str(home), "INTENTOS_MODEL": "none", "INTENTOS_LANGUAGE": "auto"}
    with tempfile.NamedTemporaryFile() as said:
        process = subprocess.Popen(
            command, stderr=said, env={**os.environ, **settings, **environment}
        )
        try:
            links: list[str] = []
            wanted = 1 + ("--guests" in arguments)
            while len(links) < wanted:
                over = process.poll() is not None
                told = Path(said.name).read_text("utf-8")
                links = re.findall(r"https?://[^\s（(]+(?=[\s（(])", told)
                assert len(links) >= wanted or not over, told
                time.sleep(0.02)
            yield Opened(links[0], links[1] if len(links) > 1 else "", process)
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:  # one that does not end is told, and not left behind
                process.kill()
                process.wait()
            sys.stderr.write(Path(said.name).read_text("utf-8"))


@contextmanager
def driver() -> Iterator[Playwright]:
    """Start what drives browsers: one at a time for a thread, however many the browsers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def chromium(playwright: Playwright, *flags: str, gpu: bool = True) -> Iterator[Browser]:
    """Start a browser, with WebGPU on SwiftShader or without any, and with more flags."""
    browser = playwright.chromium.launch(
        executable_path=find_chromium(), args=[*(FLAGS if gpu else WITHOUT_GPU), *flags]
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a tab with storage of its own; afterwards nothing in it broke or offended the policy."""
    context: BrowserContext = browser.new_context(
        **{"viewport": {"width": 1360, "height": 820}, "ignore_https_errors": True, **options}
    )
    context.set_default_timeout(SECONDS)
    broken: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on(
        "console",
        lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None,
    )
    try:
        yield page
        assert broken == []
    finally:
        context.close()
