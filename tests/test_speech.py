"""Speech to text: what is said is written down, what is not said is not, and nothing is kept."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from intentos import config, speech
from intentos.config import Settings
from intentos.errors import ModelUnavailable, UsageError
from intentos.recording import RATE
from intentos.registry import Registry
from intentos.speech import MODEL, Speech
from intentos.types import Language

from .speaking import GALAXIES, need_speech, samples, spoken, wav

pytestmark = pytest.mark.asyncio(loop_scope="module")
SILENCE = np.zeros(2 * RATE)


def speaking(settings: Settings, **options: float) -> Speech:
    models = Registry(plugins=False).planner(settings=settings).models
    return Speech(settings, models, **options)


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording of somebody who wants to see galaxies."""
    return spoken(GALAXIES, tmp_path_factory.mktemp("said")).read_bytes()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ears() -> AsyncIterator[Speech]:
    """Speech with the real model, loaded once for all tests."""
    settings = config.load()
    need_speech(settings)
    found = speaking(settings)
    yield found
    await found.close()


async def test_what_is_said_is_written_down(ears: Speech, galaxies: bytes) -> None:
    heard = await ears.transcribe(galaxies, "en")
    assert "galaxies" in heard.text.lower()
    assert "20,000" in heard.text
    assert heard.language == "en"
    assert heard.seconds == pytest.approx(4, abs=1)


@pytest.mark.parametrize("hint", ["zh", None])
async def test_a_wrong_hint_does_not_make_nonsense(
    ears: Speech, galaxies: bytes, hint: Language | None
) -> None:
    heard = await ears.transcribe(galaxies, hint)
    assert "galaxies" in heard.text.lower()
    assert heard.language == "en"


def not_speech() -> dict[str, NDArray[np.float64]]:
    random = np.random.default_rng(5)
    time_ = np.arange(3 * RATE) / RATE
    return {
        "silence": SILENCE,
        "one sample": np.zeros(1),
        "half a minute of silence": np.zeros(30 * RATE),
        "hiss": 0.05 * random.normal(size=3 * RATE),
        "loud hiss": 0.5 * random.normal(size=3 * RATE),
        "hum": 0.3 * np.sign(np.sin(2 * np.pi * 50 * time_)),
        "chord": 0.2 * np.sin(2 * np.pi * np.outer((262, 330, 392, 523), time_)).sum(axis=0),
        "clicks": 0.9 * (np.arange(3 * RATE) % 4000 < 20),
    }


@pytest.mark.parametrize("hint", ["zh", "en"])
async def test_where_nobody_speaks_nothing_is_made_up(ears: Speech, hint: Language) -> None:
    heard = {
        name: (await ears.transcribe(wav(sound), hint)).text for name, sound in not_speech().items()
    }
    assert heard == dict.fromkeys(heard, "")


@pytest.mark.parametrize("at", [0.8, 1.8])
async def test_a_fifth_of_a_second_is_no_wish(ears: Speech, galaxies: bytes, at: float) -> None:
    start = int(at * RATE)
    piece = samples(galaxies)[start : start + RATE // 5]
    assert (await ears.transcribe(wav(piece), "en")).text == ""


async def test_two_at_once_are_heard_one_after_the_other(ears: Speech, galaxies: bytes) -> None:
    said, silent = await asyncio.gather(
        ears.transcribe(galaxies, "en"), ears.transcribe(wav(SILENCE), "en")
    )
    assert "galaxies" in said.text.lower()
    assert silent.text == ""


async def test_canceling_stops_the_work_at_once(ears: Speech, galaxies: bytes) -> None:
    await ears.transcribe(wav(SILENCE), "en")
    worker = ears.process
    long = np.tile(samples(galaxies), 14)[: 58 * RATE]
    task = asyncio.ensure_future(ears.transcribe(wav(long), "en"))
    await asyncio.sleep(0.5)
    assert not task.done()
    canceled = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - canceled < 5
    assert worker is not None
    assert not alive(worker)
    assert ears.process is None


async def test_a_killed_worker_is_told_and_the_next_one_works(ears: Speech) -> None:
    await ears.transcribe(wav(SILENCE), "en")
    worker = ears.process
    assert worker is not None
    task = asyncio.ensure_future(ears.transcribe(wav(np.zeros(59 * RATE)), "en"))
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match="signal 9") as caught:
        await task
    assert caught.value.code == "speech.crashed"
    assert (await ears.transcribe(wav(SILENCE), "en")).text == ""
    assert ears.process not in (None, worker)


async def test_it_is_unloaded_after_use(ears: Speech, settings: Settings) -> None:
    short = speaking(settings, idle=0.2)
    await short.transcribe(wav(SILENCE), "en")
    worker = short.process
    assert worker is not None
    await asyncio.to_thread(gone, worker)
    assert short.process is None
    await short.close()


async def test_nothing_of_it_is_kept(
    ears: Speech, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    here = speaking(settings)
    await here.transcribe(wav(SILENCE), "en")
    assert list(temporary.rglob("*")) == []
    assert not settings.home.exists() or list(settings.home.rglob("*")) == []
    await here.close()


async def test_bad_sound_is_refused_before_anything_starts(settings: Settings) -> None:
    here = speaking(settings)
    with pytest.raises(UsageError, match="ffmpeg"):
        await here.transcribe(b"no sound", "en")
    assert here.process is None


async def test_without_the_model_it_says_how_to_get_it(settings: Settings, tmp_path: Path) -> None:
    here = speaking(settings.model_copy(update={"cache": tmp_path}))
    with pytest.raises(ModelUnavailable, match=f"intentos models pull {MODEL}") as caught:
        await here.transcribe(wav(SILENCE), "en")
    assert caught.value.exit_code == 4


async def test_without_the_library_it_says_how_to_get_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "installed", lambda: False)
    with pytest.raises(ModelUnavailable, match=r"pip install 'intentos-runtime\[voice\]'"):
        speaking(settings).check()


async def test_the_worker_reaches_no_network() -> None:
    code = (
        "import socket\n"
        "from intentos.speech_worker import keep_off_the_network\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "keep_off_the_network()\n"
        "for reach in (\n"
        "    lambda: socket.create_connection(listener.getsockname()),\n"
        "    lambda: socket.getaddrinfo('localhost', 80),\n"
        "    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9)),\n"
        "):\n"
        "    try:\n"
        "        reach()\n"
        "    except PermissionError as error:\n"
        "        print(error)\n"
    )
    done = await finished("-c", code)
    assert done.stdout.splitlines() == ["the speech worker reaches no network"] * 3


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.call(["unshare", "-rn", "true"]) != 0,
    reason="the system grants no network namespace",
)
async def test_native_code_of_the_worker_has_no_network_either(ears: Speech) -> None:
    await ears.transcribe(wav(SILENCE), "en")
    here, there = (Path(f"/proc/{who}/ns/net") for who in ("self", ears.process))
    assert os.readlink(there) != os.readlink(here)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_the_worker_goes_with_its_parent(ears: Speech) -> None:
    code = (
        "import asyncio, sys\n"
        "from tests.test_speech import SILENCE, config, speaking, wav\n"
        "async def main():\n"
        "    here = speaking(config.load())\n"
        "    await here.transcribe(wav(SILENCE), 'en')\n"
        "    print(here.process, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    assert parent.stdout
    worker = int(await parent.stdout.readline())
    assert alive(worker)
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(gone, worker)


async def test_listen_prints_what_was_said_and_runs_nothing(
    ears: Speech, galaxies: bytes, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "said.wav"
    file.write_bytes(galaxies)
    done = await listen(str(file), "--language", "en", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "galaxies" in found.pop("text").lower()
    assert found.pop("seconds") == pytest.approx(4, abs=1)
    assert found == {"schema": 1, "language": "en"}
    assert not (home / "intentos.db").exists()


@pytest.mark.parametrize(
    ("content", "options", "code", "told"),
    [
        (wav(SILENCE), (), 1, "Nobody was heard"),
        (b"no sound", (), 2, "ffmpeg"),
        (None, (), 2, "cannot be read"),
        (wav(SILENCE), ("--language", "fr"), 2, "Choose zh or en"),
    ],
    ids=["silence", "no wav", "no file", "no such language"],
)
async def test_listen_says_why_there_are_no_words(
    ears: Speech,
    tmp_path: Path,
    content: bytes | None,
    options: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    file = tmp_path / "said.wav"
    if content is not None:
        file.write_bytes(content)
    done = await listen(str(file), *options)
    assert done.returncode == code
    assert done.stdout == ""
    assert told in " ".join(done.stderr.split())


async def listen(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await finished("-m", "intentos", "listen", *arguments)


async def finished(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=120
    )


def gone(process: int) -> None:
    """Return when the process has ended, which it must soon."""
    deadline = time.monotonic() + 20
    while alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text() if sys.platform == "linux" else ""
        os.kill(process, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return ") Z " not in stat
