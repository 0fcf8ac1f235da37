"""Speaking to the window: a real browser with a microphone that plays a recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from intentos import config
from intentos.messages import message
from intentos.recording import RATE
from intentos.ui.voice_routes import MOST_BYTES
from tests.chromium import find_chromium
from tests.speaking import GALAXIES, need_speech, samples, spoken, wav

from .opened import WITHOUT_GPU, Opened, chromium, driver, opened, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WAV = {"Content-Type": "audio/wav"}
SILENCE = wav(np.zeros(2 * RATE))
DEVICE = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of somebody who wants to see galaxies."""
    return spoken(GALAXIES, tmp_path_factory.mktemp("said"))


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A window on a machine that understands speech."""
    need_speech(config.load())
    with opened(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(galaxies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone is allowed and says the sentence, once each time.

    It begins to speak when it is opened, which is some time before anybody records: a silent
    second comes first, or a busy machine hears only the end of "simulate".
    """
    later = tmp_path_factory.mktemp("later") / "spoken.wav"
    silence = np.zeros(RATE)
    later.write_bytes(wav(np.concatenate([silence, samples(galaxies.read_bytes()), silence])))
    allowed = "--use-fake-ui-for-media-stream"
    heard = f"--use-file-for-fake-audio-capture={later}%noloop"
    flags = (DEVICE, allowed, heard)
    with driver() as playwright, chromium(playwright, *flags, gpu=False) as found:
        yield found


@pytest.fixture
def page(window: Opened, browser: Browser) -> Iterator[Page]:
    """The window as that browser shows it."""
    with tab(browser) as found:
        at_window(found, window)
        yield found


def at_window(page: Page, window: Opened) -> None:
    page.goto(window.owner)
    page.wait_for_selector(".voice-button")


def state(page: Page, name: str) -> None:
    page.wait_for_selector(f".voice[data-state={name}]")


def wish(page: Page) -> str:
    return page.locator(".composer textarea").input_value()


def press(page: Page, button: str = ".voice-button") -> None:
    """Press and let go at once; under load a browser's own click may seem to be held."""
    page.eval_on_selector(
        button,
        """(button) => {
          for (const kind of ["keydown", "keyup"]) {
            button.dispatchEvent(new KeyboardEvent(kind, { key: "Enter", bubbles: true }));
          }
        }""",
    )


def until_said(page: Page) -> None:
    """Return when the whole sentence has been recorded."""
    state(page, "recording")
    page.wait_for_timeout(5_500)


def test_what_is_said_is_there_to_be_changed_and_is_not_sent(page: Page) -> None:
    page.fill(".composer textarea", "Please:")
    press(page)
    state(page, "recording")
    page.wait_for_function(
        "[...document.querySelectorAll('.voice-wave span')]"
        ".some((bar) => new DOMMatrix(getComputedStyle(bar).transform).d > 0.3)"
    )
    page.wait_for_timeout(4_500)
    press(page)
    state(page, "idle")
    page.wait_for_function("document.querySelector('.composer textarea').value.length > 10")
    said = wish(page)
    assert said.startswith("Please: ")
    assert "galaxies" in said.lower()
    assert "20,000" in said
    assert page.locator(".wish").count() == 0
    page.fill(".composer textarea", said + " Slowly.")
    assert wish(page).endswith("Slowly.")


def test_it_is_held_to_talk(page: Page) -> None:
    page.hover(".voice-button")
    page.mouse.down()
    until_said(page)
    page.mouse.up()
    state(page, "idle")
    page.wait_for_function("document.querySelector('.composer textarea').value")
    assert "galaxies" in wish(page).lower()


def test_space_is_held_as_well(page: Page) -> None:
    page.focus(".voice-button")
    page.keyboard.down(" ")
    state(page, "recording")
    page.wait_for_timeout(500)
    page.keyboard.up(" ")
    page.wait_for_function("document.querySelector('.voice').dataset.state !== 'recording'")
    page.keyboard.press("Escape")


def test_escape_drops_what_was_said(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method + request.url))
    press(page)
    state(page, "recording")
    page.wait_for_timeout(800)
    page.keyboard.press("Escape")
    state(page, "idle")
    page.wait_for_timeout(300)
    assert not [line for line in asked if line.startswith("POST") and "/api/voice" in line]
    assert wish(page) == ""


def test_it_stops_by_itself_when_it_has_been_long_enough(page: Page) -> None:
    page.evaluate("""async () => {
      const { mountVoice } = await import("/static/voice.js");
      const there = document.querySelector("intentos-voice").getAttribute("options");
      const { words } = JSON.parse(there);
      const place = document.body.appendChild(document.createElement("div"));
      place.id = "short";
      place.style = "position: fixed; left: 40%; top: 40%; z-index: 99";
      mountVoice(place, { language: "en", seconds: 4.5, words });
      window.addEventListener("intentos:heard", (event) => { window.heard = event.detail; });
    }""")
    press(page, "#short .voice-button")
    page.wait_for_function("window.heard")
    heard = page.evaluate("window.heard")
    assert "galaxies" in heard["text"].lower()
    assert heard["language"] == "en"
    assert 3 < heard["seconds"] < 8


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ((DEVICE, "--use-fake-ui-for-media-stream=deny"), "denied"),
        (
            ("--use-fake-ui-for-media-stream", "--disable-audio-input"),
            "no_microphone",
        ),
    ],
    ids=["denied", "none there"],
)
def test_without_a_microphone_it_says_why(
    window: Opened, browser: Browser, flags: tuple[str, ...], code: str
) -> None:
    with another(browser, *flags) as deaf:
        for locale, language in (("en-US", "en"), ("zh-CN", "zh")):
            with tab(deaf, locale=locale) as page:
                at_window(page, window)
                press(page)
                state(page, "error")
                told = page.inner_text(".voice-text")
                assert told == message(f"window_voice.{code}", language)


@contextmanager
def another(browser: Browser, *flags: str) -> Iterator[Browser]:
    """Start a browser of the same kind with other flags."""
    found = browser.browser_type.launch(
        executable_path=find_chromium(), args=[*WITHOUT_GPU, *flags]
    )
    try:
        yield found
    finally:
        found.close()


def test_a_page_without_encryption_says_so(window: Opened, browser: Browser) -> None:
    with tab(browser) as page:
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false });")
        at_window(page, window)
        press(page)
        state(page, "error")
        assert "127.0.0.1" in page.inner_text(".voice-text")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def hub(folder: Path) -> Iterator[str]:
    """A model hub on the loopback that has the speech model."""
    settings = config.load()
    files = folder / "Systran/faster-whisper-base/resolve/main"
    files.mkdir(parents=True)
    for path in (settings.models / "whisper-base").iterdir():
        if path.suffix != ".lock":
            (files / path.name).symlink_to(path)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_model_that_is_missing_is_fetched_on_request(browser: Browser, tmp_path: Path) -> None:
    need_speech(config.load())
    with ExitStack() as stack:
        address = stack.enter_context(hub(tmp_path / "hub"))
        cache = tmp_path / "cache"
        window = stack.enter_context(
            opened(tmp_path / "home", INTENTOS_CACHE=str(cache), HF_ENDPOINT=address)
        )
        page = stack.enter_context(tab(browser))
        at_window(page, window)
        press(page)
        page.wait_for_selector(".voice-fetch:visible")
        assert page.inner_text(".voice-text") == message("window_voice.no_model", "en")
        refused = httpx.post(f"{window.owner}api/voice", content=SILENCE, headers=WAV)
        assert refused.status_code == 503
        assert not (cache / "models" / "whisper-base").exists()
        page.click(".voice-fetch")
        state(page, "done")
        assert (cache / "models/whisper-base/model.bin").stat().st_size == 145_217_532
        assert httpx.get(f"{window.owner}api/voice").json()["state"] == "ready"


@pytest.mark.parametrize(
    ("content", "headers", "language", "status", "code"),
    [
        (SILENCE, {"Content-Type": "audio/ogg"}, "en", 415, "window_voice.no_wav"),
        (SILENCE, {}, "en", 415, "window_voice.no_wav"),
        (bytes(MOST_BYTES + 1), WAV, "en", 413, "speech.too_large"),
        (b"RIFF", WAV, "zh", 400, "speech.not_wav"),
        (b"", WAV, "en", 400, "speech.not_wav"),
        (SILENCE, WAV, "fr", 422, None),
    ],
    ids=["ogg", "no type", "large", "damaged", "empty", "another language"],
)
def test_what_is_no_recording_is_refused(
    window: Opened,
    content: bytes,
    headers: dict[str, str],
    language: str,
    status: int,
    code: str | None,
) -> None:
    address = f"{window.owner}api/voice?language={language}"
    answer = httpx.post(address, content=content, headers=headers, timeout=60)
    assert answer.status_code == status
    if code is not None:
        assert answer.json()["code"] == code
        assert ("请" in answer.json()["message"]) == (language == "zh")


def test_silence_is_told_in_words(window: Opened) -> None:
    address = f"{window.owner}api/voice?language=zh"
    answer = httpx.post(address, content=SILENCE, headers=WAV, timeout=60).json()
    assert answer["text"] == ""
    assert answer["message"] == message("speech.nothing_heard", "zh")


def test_many_at_once_are_turned_away_and_who_leaves_is_not_worked_for(
    window: Opened, galaxies: Path
) -> None:
    long = wav(np.tile(samples(galaxies.read_bytes()), 14)[: 55 * RATE])

    def say(number: int) -> int:
        with httpx.Client(timeout=httpx.Timeout(60, read=3)) as client:
            try:
                answer = client.post(f"{window.owner}api/voice", content=long, headers=WAV)
            except httpx.ReadTimeout:
                return 0  # left
            return answer.status_code

    with ThreadPoolExecutor(7) as people:
        codes = list(people.map(say, range(7)))
    assert 429 in codes
    deadline = time.monotonic() + 60  # four minutes of speech would take longer
    while not httpx.post(
        f"{window.owner}api/voice", content=SILENCE, headers=WAV, timeout=60
    ).is_success:
        assert time.monotonic() < deadline
        time.sleep(0.2)
