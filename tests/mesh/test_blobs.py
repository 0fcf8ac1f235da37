"""Blobs: bytes come back as they were, and nobody gets what is not theirs."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from intentos.errors import ExecutorError, ExecutorUnavailable
from intentos.mesh import blobs as blobs_module
from intentos.mesh.blobs import Grant, proof_of
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line
from intentos.mesh.wire import Blob
from intentos.types import sha256

from .village import Person, Village


async def upload(line: Line, data: bytes, folder: Path) -> Blob:
    path = folder / "given"
    path.write_bytes(data)
    blob = Blob(sha256=sha256(data), size=len(data))
    grant = (await line.ask(what="upload", bytes=len(data))).grant
    await line.put(path, blob, grant)
    return blob


class Http:
    """Asks the hub's door by hand."""

    def __init__(self, village: Village) -> None:
        self._base = f"https://127.0.0.1:{village.hub.port}/blobs/"
        self._pin = aiohttp.Fingerprint(bytes.fromhex(village.hub.fingerprint))

    async def ask(
        self,
        method: str,
        digest: str,
        *,
        grant: str = "",
        by: Identity | None = None,
        data: bytes | None = None,
        raw: bool = False,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body."""
        sent = dict(headers or {})
        if by is not None:
            do = "put" if method == "PUT" else "get"
            proof = base64.urlsafe_b64encode(by.sign(proof_of(do, digest, grant))).decode()
            sent |= {"Intentos-Grant": grant, "Intentos-Proof": proof.rstrip("=")}
        from yarl import URL

        url = URL(self._base + digest, encoded=raw)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(method, url, data=data, headers=sent, ssl=self._pin) as got,
        ):
            return got.status, await got.read()


@pytest.fixture
async def ann(village: Village) -> Person:
    return await village.join("ann")


def granted(village: Village, do: str, person: Person, **changes: object) -> str:
    fields: dict[str, object] = {
        "do": do,
        "by": person.identity.id,
        "owner": person.membership.owner,
        "until": time.time() + 60,
        "bytes": 1000,
    }
    return village.hub.blobs.grant(Grant.model_validate(fields | changes))


async def test_bytes_come_back_as_they_were(village: Village, ann: Person, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    async with ann.line() as line:
        blob = await upload(line, data, tmp_path)
        answer = await line.ask(what="download", blob=blob)
        await line.fetch(blob, answer.grant, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
        await upload(line, data, tmp_path)  # what is there is not sent again
        assert village.hub.book.blob_bytes("ann") == len(data)


async def test_an_empty_file_is_a_file(village: Village, ann: Person, tmp_path: Path) -> None:
    async with ann.line() as line:
        blob = await upload(line, b"", tmp_path)
        answer = await line.ask(what="download", blob=blob)
        await line.fetch(blob, answer.grant, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == b""


async def test_an_upload_goes_on_where_it_ended(
    village: Village, ann: Person, tmp_path: Path
) -> None:
    data = os.urandom(900)
    digest, http = sha256(data), Http(village)
    grant = granted(village, "put", ann)

    async def half(told: str) -> tuple[int, bytes]:
        return await http.ask(
            "PUT",
            digest,
            grant=grant,
            by=ann.identity,
            data=data[:400],
            headers={"Content-Range": told},
        )

    assert await half("bytes 0-899/900") == (200, b'{"bytes": 400}')
    assert (await half("bytes 300-899/900"))[0] == 409
    async with ann.line() as line:
        (tmp_path / "file").write_bytes(data)
        await line.put(tmp_path / "file", Blob(sha256=digest, size=900), grant)
    assert village.hub.blobs.readable(digest, "ann").read_bytes() == data


async def test_a_piece_of_a_blob_can_be_asked_for(
    village: Village, ann: Person, tmp_path: Path
) -> None:
    data = os.urandom(5000)
    async with ann.line() as line:
        blob = await upload(line, data, tmp_path)
    grant = granted(village, "get", ann, sha256=blob.sha256)
    status, piece = await Http(village).ask(
        "GET", blob.sha256, grant=grant, by=ann.identity, headers={"Range": "bytes=1000-1999"}
    )
    assert (status, piece) == (206, data[1000:2000])


async def test_nobody_gets_anothers_blob(village: Village, ann: Person, tmp_path: Path) -> None:
    bo, http = await village.join("bo"), Http(village)
    async with ann.line() as line, bo.line() as other:
        blob = await upload(line, b"ann's own", tmp_path)
        assert (await other.ask(what="download", blob=blob)).status == "unknown"
        grant = (await line.ask(what="download", blob=blob)).grant
    digest = blob.sha256
    refused = [
        await http.ask("GET", digest),  # a guessed hash
        await http.ask("GET", digest, grant=grant, by=bo.identity),  # a stolen grant
        await http.ask("GET", digest, grant="", by=bo.identity),
        await http.ask(
            "GET", digest, grant=granted(village, "get", bo, until=time.time() - 1), by=bo.identity
        ),
        await http.ask("GET", digest, grant=granted(village, "put", bo), by=bo.identity),
        await http.ask(
            "GET", digest, grant=granted(village, "get", bo, sha256="0" * 64), by=bo.identity
        ),
        await http.ask("GET", digest, grant=grant[:-4] + "AAAA", by=ann.identity),
        await http.ask("GET", digest, grant="x.y", by=ann.identity),
    ]
    assert {status for status, _ in refused} == {403}
    assert not any(b"own" in body for _, body in refused)
    status, _ = await http.ask(
        "GET", digest, grant=granted(village, "get", bo, sha256=digest), by=bo.identity
    )
    assert status == 404  # even a grant shows nobody what their owner has not
    assert await http.ask("GET", digest, grant=grant, by=ann.identity) == (200, b"ann's own")


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fbook.db", "%2e%2e/key", "../key", "A" * 64, "0" * 63, "0" * 64 + "%00", "partial"],
)
async def test_a_name_is_a_hash_and_never_a_path(village: Village, ann: Person, name: str) -> None:
    (village.hub.folder / "blobs" / "x").write_text("secret")
    for method, do in (("GET", "get"), ("PUT", "put")):
        grant = granted(village, do, ann)
        status, body = await Http(village).ask(
            method, name, grant=grant, by=ann.identity, data=b"x", raw=True
        )
        assert status in (400, 403, 404)
        assert b"secret" not in body
    assert village.hub.book.blob_bytes("ann") == 0


async def test_what_is_sent_must_be_what_was_said(village: Village, ann: Person) -> None:
    http = Http(village)
    grant = granted(village, "put", ann)

    async def put(digest: str, data: bytes, told: str | None = None) -> int:
        headers = {"Content-Range": told} if told else None
        status, _ = await http.ask(
            "PUT", digest, grant=grant, by=ann.identity, data=data, headers=headers
        )
        return status

    data = b"d" * 500
    assert await put(sha256(b"other"), data) == 422
    assert await put(sha256(data * 3), data * 3) == 413
    assert await put(sha256(data), data, "bytes 0-99/100") == 413
    assert await put(sha256(data), data, "rubbish") == 400
    assert os.listdir(village.hub.folder / "blobs" / "partial") == []
    assert await put(sha256(data), data) == 200


async def test_nothing_is_ever_unpacked(village: Village, ann: Person) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)[:900]
    digest = sha256(bomb)
    grant = granted(village, "put", ann, bytes=10**9)
    http = Http(village)
    status, _ = await http.ask(
        "PUT", digest, grant=grant, by=ann.identity, data=bomb, headers={"Content-Encoding": "gzip"}
    )
    assert status == 415
    status, _ = await http.ask("PUT", digest, grant=grant, by=ann.identity, data=bomb)
    assert status == 200
    assert village.hub.blobs.readable(digest, "ann").stat().st_size == len(bomb)


exploded: list[str] = []


def _explode(word: str) -> None:
    exploded.append(word)


class Bomb:
    """Executes when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (_explode, ("",))


async def test_a_pickle_is_a_blob_like_any_other(
    village: Village, ann: Person, tmp_path: Path
) -> None:
    data = pickle.dumps(Bomb())
    async with ann.line() as line:
        blob = await upload(line, data, tmp_path)
        grant = (await line.ask(what="download", blob=blob)).grant
        await line.fetch(blob, grant, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert not exploded


async def test_a_share_and_a_disk_are_full_one_day(
    village: Village, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ann.line() as line:
        village.hub.blobs._owner_bytes = 1000
        await upload(line, b"a" * 700, tmp_path)
        with pytest.raises(ExecutorUnavailable, match="share"):
            await upload(line, b"b" * 700, tmp_path)
        village.hub.blobs._owner_bytes = 10_000
        monkeypatch.setattr(blobs_module, "FREE_BYTES", 10**18)
        with pytest.raises(ExecutorUnavailable, match="disk"):
            await upload(line, b"c" * 700, tmp_path)
        monkeypatch.undo()
        await upload(line, b"c" * 700, tmp_path)


async def test_wrong_bytes_are_thrown_away_on_the_way_home(
    village: Village, ann: Person, tmp_path: Path
) -> None:
    async with ann.line() as line:
        blob = await upload(line, b"right", tmp_path)
        village.hub.blobs.place(blob.sha256).write_bytes(b"wrong")
        grant = (await line.ask(what="download", blob=blob)).grant
        with pytest.raises(ExecutorError) as error:
            await line.fetch(blob, grant, tmp_path / "back")
    assert error.value.code == "mesh.blob_wrong"
    assert not [name for name in os.listdir(tmp_path) if "back" in name]


async def test_what_is_old_is_swept(
    village: Village, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ann.line() as line:
        blob = await upload(line, b"old", tmp_path)
        monkeypatch.setattr(blobs_module, "KEEP_SECONDS", -5.0)
        await asyncio.to_thread(village.hub.blobs.sweep)
        assert not village.hub.blobs.place(blob.sha256).exists()
        assert (await line.ask(what="download", blob=blob)).status == "unknown"
