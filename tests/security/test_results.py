"""What code hands out: forged reports, lying files, names that are paths, bombs for the reader.

The code knows the pipe on which the harness reports, and writes on it what it likes. Beside each
forgery stands what a trusting reader would do with it, and the test sees that it does.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy
import pytest

from intentos.console import without_controls
from intentos.run import StepStatus
from intentos.testing import assert_explained

from .attack import Walls, succeeds_alone

FORGE = """
import json, stat, zlib
def forge(data):
    for number in range(3, 1024):
        try:
            if not stat.S_ISFIFO(os.fstat(number).st_mode):
                continue
            view = memoryview(data)
            while view:
                view = view[os.write(number, view):]
        except OSError:
            pass
def file(name):
    forge(json.dumps({"kind": "file", "name": name}).encode() + b"\\n")
    forge(b'{"kind": "bytes", "size": 1}\\nx{"kind": "end"}\\n')
"""


@dataclass(frozen=True)
class Forgery:
    """What is written on the pipe, and whether a trusting reader comes to harm by it."""

    code: str
    harms: Callable[[], bool]
    stopped_by: str


def _escapes(name: str) -> bool:
    folder = Path("/srv/results/run")
    return not (folder / name).resolve().is_relative_to(folder)


def _raises(error: type[BaseException], act: Callable[[], object]) -> bool:
    try:
        act()
    except error:
        return True
    return False


FILM = '{"kind": "film", "name": "f", "width": %s, "height": %s, "rate": %s}\\n'
FORGERIES = {
    "a path upwards": Forgery(
        "file('../../x')", lambda: _escapes("../../x"), "names hold no separator"
    ),
    "an absolute path": Forgery(
        "file('/etc/cron.d/x')", lambda: _escapes("/etc/cron.d/x"), "names hold no separator"
    ),
    "a Windows path": Forgery(
        "file('..\\\\..\\\\x')",
        lambda: ".." in PureWindowsPath("..\\..\\x").parts,
        "names hold no separator",
    ),
    "the folder itself": Forgery("file('..')", lambda: _escapes(".."), "no dot in front"),
    "a hidden file": Forgery("file('.bashrc')", lambda: ".bashrc"[0] == ".", "no dot in front"),
    "a NUL": Forgery(
        "file('a\\0b')", lambda: _raises(ValueError, lambda: open("a\0b")), "no control characters"
    ),
    "an escape sequence in a name": Forgery(
        "file('a\\x1b[2Jb')", lambda: "\x1b" in "a\x1b[2Jb", "no control characters"
    ),
    "a C1 escape sequence in a name": Forgery(
        "file('a\\x9b2Jb')", lambda: "\x9b" in "a\x9b2Jb", "no control characters"
    ),
    "a name that reads backwards": Forgery(
        "file('photo\\u202egnp.exe')",
        lambda: without_controls("photo\u202egnp.exe") != "photo\u202egnp.exe",
        "no marks that nobody sees",
    ),
    "a name of no width": Forgery(
        "file('a\\u200b.txt')", lambda: len("a\u200b.txt") > 5, "no marks that nobody sees"
    ),
    "a name that no file system takes": Forgery(
        "file('x' * 180 + '爱' * 9)",
        lambda: len(("x" * 180 + "爱" * 9).encode()) > 190,
        "names are short",
    ),
    "a piece of a terabyte": Forgery(
        """forge(b'{"kind": "file", "name": "x"}\\n{"kind": "bytes", "size": 1099511627776}\\n')""",
        lambda: 1099511627776 > 64 * 1024**2,
        "a piece is 64 MiB at most",
    ),
    "a piece of minus one": Forgery(
        """forge(b'{"kind": "file", "name": "x"}\\n{"kind": "bytes", "size": -1}\\n')""",
        lambda: len(io.BytesIO(b"all").read(-1)) == 3,
        "sizes are looked at",
    ),
    "bytes of no file": Forgery(
        """forge(b'{"kind": "bytes", "size": 1}\\nx')""",
        lambda: _raises(KeyError, lambda: dict[str, int]()["file"]), "the order is looked at"
    ),
    "an end of no file": Forgery(
        """forge(b'{"kind": "end"}\\n')""",
        lambda: _raises(KeyError, lambda: dict[str, int]()["file"]), "the order is looked at"
    ),
    "2,000 files": Forgery(
        "for n in range(2000): file(f'f{n}.txt')", lambda: 2000 > 1000, "1,000 files at most"
    ),
    "a film of four thousand million pixels": Forgery(
        f"forge(b'{FILM % (65536, 65536, 25)}')",
        lambda: 65536 * 65536 * 4 > 2 * 1024**3,
        "sides are 4,096 at most",
    ),
    "a film without a side": Forgery(
        f"forge(b'{FILM % (0, 10, 25)}')",
        lambda: _raises(ZeroDivisionError, lambda: 100 // (0 * 10)),
        "sides are looked at",
    ),
    "a film without time": Forgery(
        f"forge(b'{FILM % (8, 8, 0)}')",
        lambda: _raises(ZeroDivisionError, lambda: 1 / 0),
        "rates are looked at",
    ),
    "a film whose frames are larger than they say": Forgery(
        f"""
        bomb = zlib.compress(bytes(200 * 1024**2), 9)
        forge(b'{FILM % (8, 8, 25)}' + b'{{"kind": "bytes", "size": %d}}\\n' % len(bomb) + bomb)
        """,
        lambda: len(zlib.decompress(zlib.compress(bytes(20 * 1024**2), 9))) > 10**7,
        "no more is unpacked than a frame holds",
    ),
    "a film whose frames are smaller than they say": Forgery(
        f"""
        small = zlib.compress(bytes(10), 9)
        forge(b'{FILM % (4096, 4096, 25)}{{"kind": "bytes", "size": %d}}\\n' % len(small) + small)
        """,
        lambda: _raises(
            ValueError, lambda: numpy.frombuffer(bytes(10), "uint8").reshape(4096, 4096, 4)
        ),
        "each frame is measured",
    ),
    "brackets without end": Forgery(
        "forge(b'[' * 500_000 + b'\\n')",
        lambda: _raises(RecursionError, lambda: json.loads("[" * 500_000)),
        "a reader that gives up in order",
    ),
    "a number of a million digits": Forgery(
        """
        forge(b'{"kind": "value", "name": "x", "unit": "", "value": ' + b'9' * 900_000 + b'}\\n')
        """,
        lambda: _raises(ValueError, lambda: json.loads("9" * 900_000)),
        "a reader that gives up in order",
    ),
    "a number that is none": Forgery(
        """forge(b'{"kind": "value", "name": "x", "value": NaN, "unit": ""}\\n')""",
        lambda: json.loads("NaN") != json.loads("NaN"),
        "numbers are finite",
    ),
    "a number beyond all": Forgery(
        """forge(b'{"kind": "value", "name": "x", "value": 1e999, "unit": ""}\\n')""",
        lambda: json.loads("1e999") == float("inf"),
        "numbers are finite",
    ),
    "a value with a sentence for a name": Forgery(
        """forge(b'{"kind": "value", "name": "x = 1; import os", "value": 1, "unit": ""}\\n')""",
        lambda: not "x = 1; import os".isidentifier(),
        "names of values are identifiers",
    ),
    "a gigabyte of values": Forgery(
        """
        text = "x" * 100_000
        for n in range(10_000):
            message = {"kind": "value", "name": f"v{n}", "value": text, "unit": ""}
            forge(json.dumps(message).encode() + b"\\n")
        """,
        lambda: 10_000 * 100_000 > 4 * 1024**2,
        "values together have a size",
    ),
    "a line without end": Forgery(
        "forge(b'x' * 3 * 1024**2)", lambda: 3 * 1024**2 > 2**20, "a line is 1 MiB at most"
    ),
    "messages without end": Forgery(
        """forge(b'{"kind": "progress", "fraction": 0.5}\\n' * 300_000)""",
        lambda: 300_000 > 200_000,
        "200,000 messages at most",
    ),
    "another word": Forgery(
        """forge(b'{"kind": "approve", "plan": "all"}\\n')""",
        lambda: "approve" not in ("start", "value", "file"),
        "a closed set of words",
    ),
    "a reason of its own": Forgery(
        """forge(b'{"kind": "error", "reason": "../../x", "what": "y", "line": 1}\\n')""",
        lambda: f"sandbox.{'../../x'}" != "sandbox.exception",
        "a closed set of reasons",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_report_ends_the_step(name: str, walls: Walls) -> None:
    forgery = FORGERIES[name]
    assert forgery.harms(), "a trusting reader would come to no harm"
    code = FORGE + "\n".join(line.removeprefix(" " * 8) for line in forgery.code.splitlines())
    result = await walls.run(code + "\ntime.sleep(20)")
    assert result.status is StepStatus.FAILED, forgery.stopped_by
    assert result.error is not None
    assert result.error.code in ("sandbox.protocol", "sandbox.film_size"), result.error.text("en")
    assert_explained(result)
    assert "\x1b" not in result.error.text("en")
    assert set(walls.recorder.saved) <= {f"f{n}.txt" for n in range(1000)}
    for folder in walls.folder.iterdir():
        assert list(folder.iterdir()) == []


class _Bomb:
    """Does something as soon as somebody unpickles it."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return (Path.write_text, (Path("exploded"), "x"))  # type: ignore[return-value]


async def test_a_pickle_bomb_in_an_array(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: arrays of objects are not saved, and nothing of ours unpickles."""
    code = """
        import pickle, numpy
        class Bomb:
            def __reduce__(self):
                return (open, ("exploded", "w"))
        array = numpy.array([Bomb()], dtype=object)
        if not os.path.isdir("/intentos"):
            numpy.save("bomb.npy", array)
            numpy.load("bomb.npy", allow_pickle=True)
            if os.path.exists("exploded"):
                breach()
        save("bomb", array)
    """
    succeeds_alone(code, folder=tmp_path)
    result = await walls.run(code)
    assert result.status is StepStatus.FAILED
    assert "Python objects" in result.stderr
    assert walls.recorder.saved == {}


async def test_a_pickle_bomb_is_only_bytes_to_us(
    walls: Walls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by: only JSON and bytes cross the border; a later step opens it in its own walls."""
    monkeypatch.chdir(tmp_path)
    bomb = pickle.dumps(_Bomb())
    pickle.loads(bomb)
    assert os.listdir(tmp_path) == ["exploded"], "it is no bomb"
    os.unlink("exploded")
    result = await walls.run(f"save('data.pkl', {bomb!r})\nsave('data.npy', {bomb!r})")
    assert result.status is StepStatus.OK, result.stderr
    for name in ("data.pkl", "data.npy"):
        content, media_type = walls.recorder.saved[name]
        assert content == bomb
        assert media_type in ("application/octet-stream", "application/x-npy")
    data = tmp_path / "data.pkl"
    data.write_bytes(bomb)
    opened = await walls.run(
        "import pickle\npickle.load(open(inputs['data'], 'rb'))\nprint(os.listdir())",
        inputs={"data": data},
    )
    assert "exploded" in opened.stdout, opened.stderr
    assert "exploded" not in os.listdir(tmp_path)


def _lying_array() -> bytes:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64)


def _bomb_archive() -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.npy", "w", force_zip64=True) as member:
            header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3000000000,), }".ljust(117)
            member.write(
                b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.encode() + b"\n"
            )
            for _ in range(300):
                member.write(bytes(10**6))
    return buffer.getvalue()


HANDED_IN: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
    "an array that lies about its shape": (
        _lying_array,
        lambda data: _raises(
            (MemoryError, ValueError),  # type: ignore[arg-type]
            lambda: numpy.load(io.BytesIO(data)),
        ),
    ),
    "an array of pickles": (
        lambda: _object_array(),
        lambda data: numpy.load(io.BytesIO(data), allow_pickle=True).dtype.hasobject,
    ),
    "an archive that unpacks to a thousand times its size": (
        _bomb_archive,
        lambda data: len(data) * 500 < 300 * 10**6,
    ),
    "a picture of a hundred thousand squared": (
        lambda: _vast_picture(),
        lambda data: int.from_bytes(data[16:20], "big") == 100_000,
    ),
    "a table of a million columns": (
        lambda: b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n" + b"1," * 999_999 + b"1\n",
        lambda data: data.count(b",") > 10**6,
    ),
    "brackets without end": (
        lambda: b"[" * 2_000_000,
        lambda data: _raises(RecursionError, lambda: json.loads(data)),
    ),
}


def _object_array() -> bytes:
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _vast_picture() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        sum_ = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + sum_

    side = (100_000).to_bytes(4, "big")
    head = chunk(b"IHDR", side + side + b"\x08\x02\x00\x00\x00")
    pixels = zlib.compress(bytes(10**6), 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", HANDED_IN)
async def test_a_file_handed_in_is_read_behind_walls_and_refused(
    name: str, walls: Walls, tmp_path: Path
) -> None:
    """Stopped by: intake reads in the sandbox, looks at sizes first and never unpickles."""
    from intentos import config
    from intentos.errors import UsageError
    from intentos.intake import take_in
    from intentos.registry import Registry
    from intentos.store import Store

    make, harms = HANDED_IN[name]
    data = make()
    assert harms(data), "it harms nobody"
    suffix = ".csv" if "table" in name else ".json" if "brackets" in name else ".bin"
    path = tmp_path / f"file{suffix}"
    path.write_bytes(data)
    settings = config.load()
    store = Store(settings)
    try:
        with pytest.raises(UsageError) as caught:
            await take_in(path, settings=settings, store=store, registry=Registry())
    finally:
        store.close()
    assert caught.value.code.startswith("attachment.")
    assert caught.value.text("zh") != caught.value.code


@pytest.mark.parametrize("kind", ["a device", "a pipe", "a link to a device", "a folder"])
async def test_what_is_no_file_is_not_handed_in(kind: str, tmp_path: Path) -> None:
    """Stopped by: only regular files are taken; /dev/zero never ends and a pipe never begins."""
    from intentos import config
    from intentos.errors import UsageError
    from intentos.intake import take_in
    from intentos.registry import Registry
    from intentos.store import Store

    path = tmp_path / "x"
    if kind == "a device":
        path = Path("/dev/zero")
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    settings = config.load()
    store = Store(settings)
    try:
        with pytest.raises(UsageError) as caught:
            await take_in(path, settings=settings, store=store, registry=Registry())
    finally:
        store.close()
    assert caught.value.code == "attachment.no_file"


async def test_save_tells_what_a_name_may_not_be(walls: Walls) -> None:
    for name in ("a\u202eb", "a\u200bb", "a\x9bb"):
        result = await walls.run(f"save({name!r}, 'text')")
        assert result.status is StepStatus.FAILED
        assert "marks that nobody can see" in result.stderr
    result = await walls.run("save('家人 👨\\u200d👩\\u200d👧\\u3000x.txt', 'text')")
    assert result.status is StepStatus.OK, result.stderr
