"""Who a machine is: an Ed25519 key that never leaves it, and its public half as the id.

The id is written as NATS writes the key of a user (56 characters that begin with ``U``), so that
the same key answers the server's nonce and signs what is sent.
"""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from intentos.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

USER = 20 << 3
SEED = 18 << 3
SIGNATURE_BYTES = 64
ID = r"^U[A-Z2-7]{55}$"


class Identity:
    """A key pair."""

    def __init__(self, seed: bytes) -> None:
        """``seed``: 32 secret bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.id = _encoded(bytes([USER]) + self._key.public_key().public_bytes_raw())

    @classmethod
    def new(cls) -> Identity:
        """Return a key that nobody has had before."""
        return cls(os.urandom(32))

    @classmethod
    def kept(cls, path: Path) -> Identity:
        """Return the key that a file holds, made where there is none; only its owner can read it.

        Raises:
            StoreError: the file cannot be read or written, or holds no key.
        """
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_once(path, os.urandom(32).hex())
            return cls(bytes.fromhex(path.read_text("ascii").strip()))
        except (OSError, ValueError) as error:
            raise StoreError("mesh.no_key", path=str(path), what=str(error)) from error

    @property
    def nats_seed(self) -> str:
        """The secret as NATS clients want it."""
        first = SEED | USER >> 5
        second = (USER & 31) << 3
        return _encoded(bytes([first, second]) + self._seed)

    def sign(self, data: bytes) -> bytes:
        """Return 64 bytes that only this key can make of the data."""
        return self._key.sign(data)


def signed(id: str, data: bytes, signature: bytes) -> bool:
    """Return whether the key called ``id`` made this signature of the data."""
    from cryptography.exceptions import InvalidSignature

    try:
        _public(id).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _public(id: str) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = base64.b32decode(id)
    except binascii.Error as error:
        raise ValueError(id) from error
    if len(raw) != 35 or raw[0] != USER or _encoded(raw[:-2]) != id:
        raise ValueError(id)
    return Ed25519PublicKey.from_public_bytes(raw[1:33])


def is_id(text: str) -> bool:
    """Return whether a text is the id of some key."""
    try:
        _public(text)
    except ValueError:
        return False
    return True


def _write_once(path: Path, text: str) -> None:
    """Write a secret; of two processes that do it at once, one wins."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
        ) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _encoded(body: bytes) -> str:
    return base64.b32encode(body + _crc16(body).to_bytes(2, "little")).decode().rstrip("=")


def _crc16(data: bytes) -> int:
    return binascii.crc_hqx(data, 0)
