"""Messages: what is not signed, not whole, too large or from the future is not believed."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.mesh import wire
from intentos.mesh.identity import SIGNATURE_BYTES, Identity
from intentos.mesh.wire import (
    BadMessage,
    Command,
    Done,
    Heartbeat,
    Job,
    Request,
    Task,
    Wire,
    seal,
    unseal,
)

ME = Identity(bytes(range(32)))
KINDS: list[type[Wire]] = [Heartbeat, Job, Task, Done, Command, Request]


def test_what_was_sealed_is_unsealed() -> None:
    command = Command(what="cancel", nonce="0" * 32)
    assert unseal(Command, seal(ME, command), ME.id) == command
    assert wire.kind_of(seal(ME, command)) == "command"


def test_a_changed_byte_or_another_sender_is_noticed() -> None:
    data = bytearray(seal(ME, Command(what="hello")))
    with pytest.raises(BadMessage):
        unseal(Command, bytes(data), Identity.new().id)
    data[-3] ^= 1
    with pytest.raises(BadMessage):
        unseal(Command, bytes(data), ME.id)


def test_another_kind_is_refused() -> None:
    with pytest.raises(BadMessage):
        unseal(Heartbeat, seal(ME, Command(what="hello")), ME.id)


def test_a_format_from_the_future_is_refused_with_a_sentence() -> None:
    text = json.dumps({"schema": 2, "kind": "command", "what": "dance"}).encode()
    with pytest.raises(BadMessage, match="format 2"):
        unseal(Command, ME.sign(text) + text, ME.id)


def test_too_much_is_neither_sent_nor_read() -> None:
    text = b'{"schema":1,"kind":"heartbeat","paused":"' + b"x" * wire.MOST_BYTES + b'"}'
    with pytest.raises(BadMessage, match="allowed"):
        unseal(Heartbeat, ME.sign(text) + text, ME.id)
    done = Done(key="0" * 26, submitter=ME.id, nonce="0" * 32, outcome="refused", why="w" * 2000)
    assert len(seal(ME, done)) < wire.MOST_BYTES


@given(st.binary(max_size=300))
def test_signed_nonsense_is_a_bad_message_and_nothing_else(text: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(BadMessage):
            unseal(kind, ME.sign(text) + text, ME.id)


WORDS = st.sampled_from(["", "schema", "kind", "key", "\x00", "中", "../..", "0" * 64])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["key", "job", "nonce", "what", "offer", "x"]), JSON))
def test_signed_json_of_another_shape_is_a_bad_message(document: dict[str, object]) -> None:
    text = json.dumps({"schema": 1, "kind": "task", **document}).encode()
    with pytest.raises(BadMessage):
        unseal(Task, ME.sign(text) + text, ME.id)


def test_deep_json_is_a_bad_message() -> None:
    text = b'{"schema":1,"kind":"task","job":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(BadMessage):
        unseal(Task, ME.sign(text) + text, ME.id)


class Bomb:
    """Executes when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('the bomb went off')",))


def test_a_pickle_is_only_bytes() -> None:
    bomb = pickle.dumps(Bomb())
    for kind in KINDS:
        with pytest.raises(BadMessage):
            unseal(kind, ME.sign(bomb) + bomb, ME.id)
    with pytest.raises(BadMessage):
        unseal(Task, bomb, ME.id)
    assert len(bomb) > SIGNATURE_BYTES
