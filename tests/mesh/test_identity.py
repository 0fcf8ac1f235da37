"""A machine's key: NATS knows it, nobody else has it, and a wrong signature is no signature."""

from __future__ import annotations

from pathlib import Path

import nkeys
import pytest

from intentos.errors import StoreError
from intentos.mesh.identity import Identity, is_id, signed


def test_nats_knows_the_key_by_the_same_name() -> None:
    identity = Identity.new()
    pair = nkeys.from_seed(bytearray(identity.nats_seed.encode()))
    assert pair.public_key.decode() == identity.id
    assert signed(identity.id, b"nonce", pair.sign(b"nonce"))


def test_a_signature_is_of_this_text_by_this_key() -> None:
    one, other = Identity.new(), Identity.new()
    signature = one.sign(b"text")
    assert signed(one.id, b"text", signature)
    assert not signed(one.id, b"texx", signature)
    assert not signed(other.id, b"text", signature)
    assert not signed(one.id, b"text", signature[:-1])
    assert not signed("U" + "A" * 55, b"text", signature)


def test_a_misread_id_is_no_id() -> None:
    id = Identity.new().id
    assert is_id(id)
    wrong = id[:10] + ("A" if id[10] != "A" else "B") + id[11:]
    assert not is_id(wrong)
    assert not is_id(id.lower())
    assert not is_id("")


def test_the_key_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "mesh" / "key"
    first = Identity.kept(path)
    assert Identity.kept(path).id == first.id
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("half a k")
    with pytest.raises(StoreError):
        Identity.kept(path)
