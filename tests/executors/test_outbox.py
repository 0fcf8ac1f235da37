"""What leaves a sandbox is read as if an enemy had written it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos.executors.outbox import LINE_BYTES, Outbox, Violation
from intentos.testing import Recorder
from intentos.types import Limits, canonical_json


def read(folder: Path, *pieces: object, artifact_bytes: int = 10_000) -> tuple[Outbox, Recorder]:
    """Let an outbox read messages (as objects) and bytes, as if a sandbox had written them."""
    recorder = Recorder(folder)
    context = recorder.context(limits=Limits(artifact_bytes=artifact_bytes))
    box = Outbox(context.workdir, context.limits, context.save, lambda fraction: None)

    async def feed() -> None:
        stream = asyncio.StreamReader(limit=LINE_BYTES)
        for piece in pieces:
            data = piece if isinstance(piece, bytes) else json.dumps(piece).encode() + b"\n"
            stream.feed_data(data)
        stream.feed_eof()
        await box.read(stream)

    asyncio.run(feed())
    assert not list(context.workdir.glob("*.part")) or box.films
    return box, recorder


def test_values_files_and_the_end_are_read(tmp_path: Path) -> None:
    box, recorder = read(
        tmp_path,
        {"kind": "start"},
        {"kind": "value", "name": "x", "value": 2**70, "unit": "m"},
        {"kind": "file", "name": "a.txt"},
        {"kind": "bytes", "size": 3},
        b"one",
        {"kind": "bytes", "size": 4},
        b"\ntwo",
        {"kind": "end"},
        {"kind": "done"},
    )
    assert box.started
    assert box.done
    assert box.values["x"].value == 2**70
    assert recorder.saved == {"a.txt": (b"one\ntwo", "text/plain")}


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "..", "", "a\nb", "a\x00", "x" * 300, 3],
)
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(Violation):
        read(tmp_path, {"kind": "file", "name": name})


@pytest.mark.parametrize(
    "message",
    [
        b"not json\n",
        b"[1]\n",
        b"[" * 100_000 + b"\n",
        b'{"kind": "value", "name": "x", "value": NaN, "unit": ""}\n',
        b'{"kind": "value", "name": "x", "value": Infinity, "unit": ""}\n',
        b'{"kind": "value", "name": "x", "value": 1e999, "unit": ""}\n',
        b'{"kind": "value", "name": "x", "value": ' + b"9" * 10_000 + b', "unit": ""}\n',
        b"x" * (LINE_BYTES + 10),
        {"kind": "value", "name": "x", "value": [[1]], "unit": ""},
        {"kind": "value", "name": "x", "value": [1] * 1001, "unit": ""},
        {"kind": "value", "name": "x", "value": [None], "unit": ""},
        {"kind": "value", "name": "x", "value": None, "unit": ""},
        {"kind": "value", "name": "x y", "value": 1, "unit": ""},
        {"kind": "value", "name": "x", "value": 1, "unit": 5},
        {"kind": "value", "name": "x", "value": "x" * 200_000, "unit": ""},
        {"kind": "progress", "fraction": "half"},
        {"kind": "error", "reason": "made up", "what": "x", "line": 1},
        {"kind": "bytes", "size": 0},
        {"kind": "end"},
        {"kind": "launch"},
        {},
    ],
)
def test_what_breaks_the_rules_ends_the_step(tmp_path: Path, message: object) -> None:
    with pytest.raises(Violation) as caught:
        read(tmp_path, message)
    assert caught.value.problem.code == "sandbox.protocol"


@pytest.mark.parametrize("size", [-1, 2**40, 1.5, True, "9", None])
def test_a_piece_of_impossible_size_is_refused(tmp_path: Path, size: object) -> None:
    with pytest.raises(Violation):
        read(tmp_path, {"kind": "file", "name": "a"}, {"kind": "bytes", "size": size}, b"abc")


def test_files_together_have_a_limit(tmp_path: Path) -> None:
    with pytest.raises(Violation) as caught:
        read(
            tmp_path,
            {"kind": "file", "name": "a"},
            *[{"kind": "bytes", "size": 600}, b"x" * 600] * 2,
            artifact_bytes=1024,
        )
    assert caught.value.problem.code == "sandbox.storage_together"


def test_a_file_without_its_end_is_no_artifact(tmp_path: Path) -> None:
    _, recorder = read(
        tmp_path, {"kind": "file", "name": "a"}, {"kind": "bytes", "size": 9}, b"half"
    )
    assert recorder.saved == {}


def test_a_lone_surrogate_does_not_get_through(tmp_path: Path) -> None:
    box, _ = read(tmp_path, {"kind": "value", "name": "x", "value": "a\ud800b", "unit": ""})
    assert box.values["x"].value == "a?b"


def test_a_frame_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    film = {"kind": "film", "name": "f", "width": 10, "height": 10, "rate": 25}
    good, bomb = zlib.compress(bytes(400)), zlib.compress(bytes(10**8))
    box, _ = read(tmp_path, film, {"kind": "bytes", "size": len(good)}, good, {"kind": "end"})
    assert box.films[0].count == 1
    assert box.films[0].raw.stat().st_size == 400
    for frame in (bomb[:9000], zlib.compress(bytes(399)), b"no zlib"):
        with pytest.raises(Violation):
            read(tmp_path, film, {"kind": "bytes", "size": len(frame)}, frame)
    with pytest.raises(Violation):
        read(tmp_path, film | {"width": 10**6})


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.binary(max_size=60)
        | st.fixed_dictionaries(
            {"kind": st.sampled_from(["start", "value", "file", "film", "bytes", "end", "error"])},
            optional={
                key: st.none() | st.booleans() | st.integers() | st.text(max_size=5)
                for key in ("name", "value", "unit", "size", "width", "height", "rate", "what")
            },
        ),
        max_size=6,
    )
)
def test_no_input_does_more_than_break_the_rules(tmp_path: Path, pieces: list[object]) -> None:
    with contextlib.suppress(Violation):
        box, _ = read(tmp_path, *pieces)
        assert canonical_json([quantity.model_dump() for quantity in box.values.values()])
