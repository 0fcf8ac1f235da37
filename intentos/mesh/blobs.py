"""Bytes at the hub, named by their sha256: put and fetched in pieces, by those who have a grant.

A grant is a short-lived text that only the hub can make; it says who may do what. It is worth
nothing without the key of whoever it was made for, so that a grant that was seen cannot be used.
Names are hashes and are checked before they touch the disk; what is uploaded counts only when
its bytes have the hash that was promised. Nothing is ever unpacked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from intentos.errors import StoreError
from intentos.types import Frozen, Sha256

from .book import Book
from .wire import Id, Short

PIECE = 1024 * 1024
OWNER_BYTES = 8 * 1024**3
"""How much of one owner's may lie here."""
KEEP_SECONDS = 24 * 3600.0
FREE_BYTES = 256 * 1024**2
"""What the disk must keep."""
_HASH = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """Somebody may not do what they asked for; ``status`` is HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Grant(Frozen):
    """What the hub lets somebody do."""

    do: Literal["get", "put"]
    by: Id
    """Whose key must ask."""
    owner: Short
    """Whose bytes they are or become."""
    until: float
    sha256: Sha256 | None = None
    """Of ``get``: just this one."""
    bytes: int = Field(0, ge=0)
    """Of ``put``: in one file at most."""


class Blobs:
    """The hub's folder of blobs."""

    def __init__(self, folder: Path, book: Book, *, owner_bytes: int = OWNER_BYTES) -> None:
        self._folder = folder
        self._partial = folder / "partial"
        self._partial.mkdir(parents=True, exist_ok=True)
        self._book = book
        self._owner_bytes = owner_bytes
        self._secret = os.urandom(32)  # grants end with the process that made them
        self._busy: set[Path] = set()

    # ---- grants -------------------------------------------------------------------------------

    def grant(self, grant: Grant) -> str:
        """Return a grant as text."""
        body = grant.model_dump_json(exclude_defaults=True).encode()
        return f"{_text(body)}.{_text(self._mac(body))}"

    def granted(self, text: str, do: str, digest: str, proof: str) -> Grant:
        """Return the grant that a text is, for doing that to that blob.

        Raises:
            Refused: it is not one of ours, has run out, is for something else, or is not the
                asker's own.
        """
        from .identity import signed

        if not _HASH.fullmatch(digest):
            raise Refused(404, "no such blob")
        try:
            body, mac = (_bytes(part) for part in text.split("."))
            if not hmac.compare_digest(mac, self._mac(body)):
                raise Refused(403, "no grant of this hub")
            grant = Grant.model_validate_json(body)
            proven = signed(grant.by, proof_of(do, digest, text), _bytes(proof))
        except (ValueError, ValidationError, binascii.Error) as error:
            raise Refused(403, "no grant") from error
        if not proven:
            raise Refused(403, "the grant is somebody else's")
        if time.time() > grant.until:
            raise Refused(403, "the grant has run out")
        if grant.do != do or (grant.sha256 is not None and grant.sha256 != digest):
            raise Refused(403, "the grant is for something else")
        return grant

    # ---- bytes --------------------------------------------------------------------------------

    def place(self, digest: str) -> Path:
        """Return where the bytes of that hash lie, or would."""
        if not _HASH.fullmatch(digest):
            raise Refused(404, "no such blob")
        return self._folder / digest[:2] / digest

    def readable(self, digest: str, owner: str) -> Path:
        """Return the file of a blob that an owner has; raises Refused where they have none."""
        path = self.place(digest)
        if self._book.blob(digest, owner) is None or not path.is_file():
            raise Refused(404, "no such blob")
        return path

    def offset(self, digest: str, grant: Grant) -> int:
        """Return how many bytes of an upload are here already; -1: all, and they are theirs."""
        if self._book.blob(digest, grant.owner) is not None and self.place(digest).is_file():
            return -1
        with suppress(FileNotFoundError):
            return self._part(digest, grant).stat().st_size
        return 0

    async def receive(
        self,
        digest: str,
        grant: Grant,
        pieces: AsyncIterator[bytes],
        *,
        start: int,
        total: int,
    ) -> int:
        """Take in bytes from ``start`` on; return how many are here, ``total`` when it is whole.

        Raises:
            Refused: too large, the owner's share or the disk is full, they do not go on where the
                last ones ended, somebody else is just sending them, or they are not what the hash
                says, in which case nothing of them stays.
        """
        if total > grant.bytes:
            raise Refused(413, f"{total} bytes, of {grant.bytes} allowed")
        if self._book.blob_bytes(grant.owner) + total > self._owner_bytes:
            raise Refused(507, "the owner's share of this hub is full")
        if _free(self._folder) < total + FREE_BYTES:
            raise Refused(507, "the hub's disk is full")
        path = self._part(digest, grant)
        async with self._alone(path):
            here = path.stat().st_size if path.exists() else 0
            if start != here:
                raise Refused(409, f"{here} bytes are here")
            hasher = hashlib.sha256()
            if here:
                await asyncio.to_thread(_hash_into, hasher, path)
            try:
                with path.open("ab") as out:
                    async for piece in pieces:
                        here += len(piece)
                        if here > total:
                            raise Refused(413, "more bytes than were said")
                        await asyncio.to_thread(_take, out.write, hasher.update, piece)
                    if here == total:
                        out.flush()
                        await asyncio.to_thread(os.fsync, out.fileno())
            except OSError as error:
                path.unlink(missing_ok=True)
                raise Refused(507, error.strerror or "the hub's disk") from error
            except Refused:
                path.unlink(missing_ok=True)
                raise
            if here < total:
                return here
            if hasher.hexdigest() != digest:
                path.unlink()
                raise Refused(422, "the bytes have another hash")
            place = self.place(digest)
            try:
                place.parent.mkdir(exist_ok=True)
                os.replace(path, place)
                await asyncio.to_thread(
                    self._book.add_blob, digest, owner=grant.owner, size=total, at=time.time()
                )
            except (OSError, StoreError) as error:
                raise Refused(507, "the hub's disk is full") from error
            return total

    def sweep(self) -> None:
        """Remove what is older than a day."""
        before = time.time() - KEEP_SECONDS
        for digest in self._book.forget_blobs(before):
            self.place(digest).unlink(missing_ok=True)
        for path in self._partial.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before and path not in self._busy:
                    path.unlink()

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")

    def _part(self, digest: str, grant: Grant) -> Path:
        # By sender: nobody can spoil what somebody else is half-way through.
        return self._partial / f"{digest}.{grant.by}"

    @asynccontextmanager
    async def _alone(self, path: Path) -> AsyncIterator[None]:
        if path in self._busy:
            raise Refused(409, "it is just being sent")
        self._busy.add(path)
        try:
            yield
        finally:
            self._busy.discard(path)


def proof_of(do: str, digest: str, grant: str) -> bytes:
    """Return what a key signs to show that a grant is its own."""
    return f"intentos blob {do} {digest} {grant}".encode()


def _take(write: object, update: object, piece: bytes) -> None:
    assert callable(write)
    assert callable(update)
    write(piece)
    update(piece)


def _hash_into(hasher: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            hasher.update(piece)


def _free(folder: Path) -> int:
    import shutil

    return shutil.disk_usage(folder).free


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(
        (text + "=" * (-len(text) % 4)).encode("ascii"), altchars=b"-_", validate=True
    )
