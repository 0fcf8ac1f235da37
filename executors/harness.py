"""Runs one step's Python code; with ``harness_formula.py`` all of IntentOS that is in the sandbox.

It needs nothing but the standard library: NumPy, Matplotlib and Pillow are imported when the code
or what it saves asks for them. The job comes as JSON on stdin; the report goes out on one file
descriptor as lines of JSON, some of them followed by bytes::

    {"kind": "start"}, before the code's first line
    {"kind": "value", "name": …, "value": …, "unit": …}
    {"kind": "progress", "fraction": …}
    {"kind": "file", "name": …} or {"kind": "film", "name": …, "width": …, "height": …, "rate": …},
        then any number of {"kind": "bytes", "size": n} + n bytes, then {"kind": "end"};
        each piece of a film is one zlib-compressed RGBA8 picture
    {"kind": "error", …} or {"kind": "done"}

The code shares this process, so the reader of the report trusts none of it.
"""

from __future__ import annotations

import builtins
import collections
import errno
import importlib
import importlib.util
import io
import json
import linecache
import math
import numbers
import os
import random
import re
import sys
import threading
import time
import traceback
import types
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

STEP = "<step>"
"""Name of the code in tracebacks."""
EXACT_DIGITS = 4000
"""Longer integers are reported as their decimal text: JSON readers refuse them as numbers."""
RESERVE_BYTES = 64 * 1024**2
"""Address space that is opened up when memory runs out, to say so."""
FONT_CACHE = "/intentos/matplotlib"
SETTLED = "/intentos/work"


class Report:
    """What the code lets out: values, files, films and progress."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._taken: set[str] = set()
        self._ended = False
        self._progress_at = 0.0
        os.set_inheritable(descriptor, False)
        os.register_at_fork(after_in_child=lambda: os.close(descriptor))

    def send(self, kind: str, data: bytes | None = None, /, **fields: object) -> None:
        """Write one line, and the bytes that belong to it."""
        if os.getpid() != self._process:
            raise RuntimeError("save, report and progress work in the step's first process only")
        line = json.dumps({"kind": kind, **fields}, allow_nan=False).encode() + b"\n"
        with self._lock:
            if self._ended:
                raise RuntimeError("the step has ended: nothing more can be saved or reported")
            self._ended = kind in ("done", "error")
            for piece in (line, data or b""):
                view = memoryview(piece)
                while view:
                    view = view[os.write(self._descriptor, view) :]

    def write(self, data: Any) -> int:
        """Send the next bytes of the file that is being sent."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), 2**20):
            piece = bytes(view[start : start + 2**20])
            self.send("bytes", piece, size=len(piece))
        return len(view)

    def flush(self) -> None:
        """Nothing is held back."""

    def file(self, name: str, write: Callable[[Report], object]) -> str:
        """Send a file; ``write`` is given a writable binary file. Return its final name."""
        with self._lock:
            name = self._free(name)
            self.send("file", name=name)
            write(self)
            self.send("end")
        return name

    def film(self, name: str, pictures: Iterable[Any], rate: float) -> str:
        """Send a film of RGBA8 arrays, all (height, width, 4)."""
        with self._lock:
            name, shape = self._free(name), None
            for picture in pictures:
                if shape is None:
                    shape = picture.shape
                    self.send("film", name=name, width=shape[1], height=shape[0], rate=rate)
                if picture.shape != shape:
                    raise ValueError(f"film {name!r}: frames of {shape} and {picture.shape} pixels")
                packed = zlib.compress(picture.tobytes(), 1)
                self.send("bytes", packed, size=len(packed))
            if shape is None:
                raise ValueError(f"film {name!r} has no frame")
            self.send("end")
        return name

    def value(self, name: str, value: Any, unit: str = "") -> None:
        """Report a computed number, truth value or short text under a name."""
        if not (isinstance(name, str) and name.isidentifier() and len(name) <= 64):
            raise ValueError(f"report({name!r}, …): a name is letters, digits and underscores")
        if not isinstance(unit, str):
            raise TypeError(f"report({name!r}, …): the unit is text, not {type(unit).__name__}")
        self.send("value", name=name, value=_plain_value(name, value), unit=unit)

    def progress(self, fraction: float) -> None:
        """Tell how much is done, from 0 to 1."""
        fraction = min(1.0, max(0.0, float(fraction)))
        if fraction == 1.0 or time.monotonic() - self._progress_at > 0.05:
            self._progress_at = time.monotonic()
            self.send("progress", fraction=fraction)

    def _free(self, name: str) -> str:
        stem, dot, extension = name.rpartition(".") if "." in name else (name, "", "")
        number = 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}{dot}{extension}"
        self._taken.add(name)
        return name


class Saver:
    """``save(name, object)``: picks the file format by the object's type."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._figures: list[Any] = []

    def __call__(self, name: str, thing: Any, *, fps: float = 25) -> str:
        """Save a figure, picture, array, table, text, film … and return the file's name."""
        if not isinstance(name, str) or not re.fullmatch(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*", name):
            raise ValueError(f"save({name!r}, …): a name has no slash and no dot in front")
        if any(map(_is_unseen, name)):
            raise ValueError(f"save({name!r}, …): a name has no marks that nobody can see")
        if len(name.encode()) > 150:
            raise ValueError(f"save({name[:20]!r}…, …): the name is too long")
        stem, extension = os.path.splitext(name)
        frames = self._frames(thing, extension.lower())
        if frames is not None:
            if not (isinstance(fps, int | float) and 0 < fps <= 240):
                raise ValueError(f"save({name!r}, …): fps is between 0 and 240, not {fps!r}")
            return self._report.film(stem, frames, float(fps))
        for form in (_from_figure, _from_picture, _from_array, _from_text, _from_table, _from_dict):
            found = form(thing, extension.lower())
            if found is not None:
                if figure := _figure_of(thing):
                    self._figures.append(figure)
                default, write = found
                return self._report.file(name if extension else name + default, write)
        raise TypeError(
            f"save({name!r}, …) cannot save {type(thing).__name__} as {extension or 'a file'}: "
            "give a Matplotlib figure, a picture, an array, a list of rows, a dict, text or bytes "
            "with an extension; numbers go through report()"
        )

    def open_figures(self) -> None:
        """Save what pyplot has open and nobody saved."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        for number in pyplot.get_fignums() if pyplot else ():
            figure = pyplot.figure(number)  # type: ignore[union-attr]
            if not any(figure is saved for saved in self._figures):
                self("figure", figure)

    def _frames(self, thing: Any, extension: str) -> Iterable[Any] | None:
        if extension in (".npy", ".npz", ".csv", ".json", ".txt", ".png"):
            return None
        numpy = sys.modules.get("numpy")
        if numpy and isinstance(thing, numpy.ndarray):
            film = thing.dtype == "uint8" and thing.ndim == 4 and thing.shape[3] in (3, 4)
            return map(_rgba, thing) if film and len(thing) > 1 else None
        if isinstance(thing, list | tuple) and thing and all(map(_is_picture, thing)):
            self._figures += [figure for figure in map(_figure_of, thing) if figure]
            return map(_rgba, thing)
        return None


MOST_ITEMS = 1000
"""Of a reported list: longer ones are files."""


def _plain_value(name: str, value: Any, *, inside: bool = False) -> object:
    numpy = sys.modules.get("numpy")
    if isinstance(value, list | tuple) or (
        numpy and isinstance(value, numpy.ndarray) and value.ndim == 1
    ):
        if inside or len(value) > MOST_ITEMS:
            raise TypeError(
                f"report({name!r}, …): a list is flat and has at most {MOST_ITEMS} items; "
                "save() takes more"
            )
        return [_plain_value(name, item, inside=True) for item in value]
    return _plain_scalar(name, value)


def _plain_scalar(name: str, value: Any) -> object:
    numpy = sys.modules.get("numpy")
    if numpy and (
        isinstance(value, numpy.generic) or (isinstance(value, numpy.ndarray) and value.ndim == 0)
    ):
        value = value.item()
    if isinstance(value, bool | str):
        return value if not isinstance(value, str) else value[:100_000]
    if isinstance(value, int):
        return int(value) if abs(value) < 10**EXACT_DIGITS else str(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"report({name!r}, {value}): the value is not a finite number")
        return float(value)
    if getattr(value, "is_integer", None) is True or type(value).__name__ == "mpz":
        return _plain_scalar(name, int(value))  # SymPy's integers
    if getattr(value, "is_number", None) is True or isinstance(value, numbers.Number):
        try:
            return _plain_scalar(name, float(value))
        except TypeError:
            return str(value)[:1000]  # complex, and what has no number of its own
    kind = type(value).__name__
    raise TypeError(
        f"report({name!r}, …) takes a number, a truth value, a short list or text, not {kind}"
    )


Form = tuple[str, Callable[[Any], object]]
"""Default extension, and what writes the bytes to a binary file."""


def _from_figure(thing: Any, extension: str) -> Form | None:
    figure = _figure_of(thing)
    if figure is None or extension not in ("", ".png", ".svg", ".pdf"):
        return None
    buffer, form = io.BytesIO(), extension[1:] or "png"
    dpi = min(150.0, 4000 / max(figure.get_size_inches()))
    # Without the date and with the same names inside, the same figure is the same file.
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    with sys.modules["matplotlib"].rc_context({"svg.hashsalt": "intentos"}):
        figure.savefig(buffer, format=form, dpi=dpi, metadata=undated)
    return ".png", lambda file: file.write(buffer.getvalue())


def _from_picture(thing: Any, extension: str) -> Form | None:
    numpy = sys.modules.get("numpy")
    if extension == ".png" and numpy and isinstance(thing, numpy.ndarray) and _is_picture(thing):
        from PIL import Image

        thing = Image.fromarray(thing)
    if not _is_pillow(thing) or extension not in ("", ".png"):
        return None
    buffer = io.BytesIO()
    thing.save(buffer, "PNG")
    return ".png", lambda file: file.write(buffer.getvalue())


def _from_array(thing: Any, extension: str) -> Form | None:
    numpy = sys.modules.get("numpy")
    if not numpy or not isinstance(thing, numpy.ndarray):
        return None
    if extension == ".csv" and thing.ndim in (1, 2):
        return ".csv", lambda file: numpy.savetxt(file, thing, delimiter=",", fmt="%.17g")
    if extension in ("", ".npy"):
        if thing.dtype.hasobject:
            raise TypeError("an array of Python objects cannot be saved; give it a number type")
        return ".npy", lambda file: numpy.save(file, thing, allow_pickle=False)
    return None


def _from_text(thing: Any, extension: str) -> Form | None:
    if isinstance(thing, str):
        return ".txt", lambda file: file.write(thing.encode("utf-8", "replace"))
    if isinstance(thing, bytes | bytearray | memoryview) and extension:
        return extension, lambda file: file.write(thing)
    return None


def _from_table(thing: Any, extension: str) -> Form | None:
    if not isinstance(thing, Sequence) or isinstance(thing, str | bytes):
        return None
    if extension == ".json":
        return ".json", lambda file: file.write(_json(thing))
    rows = list(thing)
    mappings = bool(rows) and all(isinstance(row, Mapping) for row in rows)
    sequences = all(isinstance(row, Sequence) and not isinstance(row, str) for row in rows)
    if extension not in ("", ".csv") or not (mappings or (rows and sequences)):
        return None
    import csv

    text = io.StringIO()
    if mappings:
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    else:
        csv.writer(text, lineterminator="\n").writerows(rows)
    return ".csv", lambda file: file.write(text.getvalue().encode("utf-8", "replace"))


def _from_dict(thing: Any, extension: str) -> Form | None:
    if not isinstance(thing, Mapping):
        return None
    numpy = sys.modules.get("numpy")
    arrays = numpy and thing and all(isinstance(a, numpy.ndarray) for a in thing.values())
    if numpy and arrays and extension in ("", ".npz"):
        if any(array.dtype.hasobject for array in thing.values()):
            raise TypeError("an array of Python objects cannot be saved; give it a number type")
        buffer = io.BytesIO()  # NumPy wants a file that it could also read
        numpy.savez_compressed(buffer, **{str(key): array for key, array in thing.items()})
        return ".npz", lambda file: file.write(buffer.getbuffer())
    if extension in ("", ".json"):
        return ".json", lambda file: file.write(_json(thing))
    return None


def _is_unseen(character: str) -> bool:
    import unicodedata

    kind = "" if character in "\u200c\u200d" else unicodedata.category(character)  # emoji have them
    return kind in ("Cc", "Cf", "Zl", "Zp")


def _json(thing: Any) -> bytes:
    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):  # NumPy's arrays and numbers
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        raise TypeError(f"{type(value).__name__} does not fit into JSON")

    return json.dumps(thing, default=plain, ensure_ascii=False, allow_nan=False, indent=1).encode(
        "utf-8", "replace"
    )


def _figure_of(thing: Any) -> Any:
    figures = sys.modules.get("matplotlib.figure")
    if figures is None:
        return None
    if isinstance(thing, figures.Figure):
        return thing
    axes = sys.modules.get("matplotlib.axes")
    return thing.figure if axes and isinstance(thing, axes.Axes) else None


def _is_pillow(thing: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return bool(pillow) and isinstance(thing, pillow.Image)  # type: ignore[union-attr]


def _is_picture(thing: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(thing, numpy.ndarray):
        return thing.dtype == "uint8" and (
            thing.ndim == 2 or (thing.ndim == 3 and thing.shape[2] in (3, 4))
        )
    return _is_pillow(thing) or _figure_of(thing) is not None


def _rgba(picture: Any) -> Any:
    """Return a picture as a contiguous uint8 array (height, width, 4)."""
    import numpy

    if (figure := _figure_of(picture)) is not None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        picture = numpy.asarray(canvas.buffer_rgba())
    elif _is_pillow(picture):
        picture = numpy.asarray(picture.convert("RGBA"))
    if picture.ndim == 2:
        picture = numpy.repeat(picture[..., None], 3, axis=2)
    if picture.shape[2] == 3:
        opaque = numpy.full((*picture.shape[:2], 1), 255, numpy.uint8)
        picture = numpy.concatenate([picture, opaque], axis=2)
    return numpy.ascontiguousarray(picture)


def _confine(user: int | None, limits: Mapping[str, int]) -> None:
    """Set the limits that the kernel keeps for one process, and give up being root."""
    import resource

    space = limits["address_space_bytes"]
    ceilings = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (256, 256),
        resource.RLIMIT_FSIZE: (limits["file_bytes"], limits["file_bytes"]),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_NPROC: (limits["processes"], limits["processes"]),
        resource.RLIMIT_AS: (space, space + RESERVE_BYTES),
    }
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
    for kind, (soft, hard) in ceilings.items():
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError):
            if sys.platform == "linux":
                raise  # elsewhere some limits are known by name only
    if user is not None:
        os.setresuid(user, user, user)
    if os.geteuid() == 0:
        raise SystemExit("the sandbox's code would run as root")


def _more_memory() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def settle_fonts() -> str:
    """Return the folder of Matplotlib's settings and list of fonts, made in the work folder."""
    folder = f"{SETTLED}/.matplotlib"  # Matplotlib wants to be able to write there
    os.mkdir(folder)
    for name in os.listdir(FONT_CACHE):
        os.symlink(f"{FONT_CACHE}/{name}", f"{folder}/{name}")
    return folder


def _prepare(code: str, seed: int, *, fonts: bool) -> None:
    """Seed what is random, and let Matplotlib find its fonts at once."""
    random.seed(seed)
    if fonts and os.path.isdir(FONT_CACHE):
        os.environ["MPLCONFIGDIR"] = settle_fonts()
    mentioned = re.search(r"numpy|scipy|matplotlib|pandas|formula", code)
    if not mentioned and "numpy.random" not in sys.modules:
        return  # 0.2 s saved
    random_module: Any = importlib.import_module("numpy.random")
    random_module.seed(seed % 2**32)
    fresh, asked = random_module.default_rng, collections.Counter[str]()

    def default_rng(entropy: Any = None) -> Any:
        # Asked for without a seed it would differ from run to run. Libraries count for themselves:
        # what one of them draws when it is imported must not move the numbers of the code.
        if entropy is None:
            who = sys._getframe(1).f_globals.get("__name__", "")
            own = [] if who == "__main__" else [zlib.crc32(who.encode())]
            entropy = [seed, *own, asked[who]]
            asked[who] += 1
        return fresh(entropy)

    random_module.default_rng = default_rng


def _describe(error: BaseException) -> dict[str, object]:
    """Return what is told about an exception: its kind, last line and place in the code."""
    try:
        text = str(error)
    except Exception:
        text = "?"
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == STEP:
            line = number
    if isinstance(error, SyntaxError) and error.filename == STEP:
        line = error.lineno
    return {"reason": _reason(error), "what": what[:1000], "line": line}


def _from_step(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames that led to the step's own code."""
    while trace is not None and trace.tb_frame.f_code.co_filename != STEP:
        trace = trace.tb_next
    return trace


def _reason(error: BaseException | None) -> str:
    if isinstance(error, SystemExit):
        return "exit"
    while error is not None:
        number = getattr(error, "errno", None)
        if isinstance(error, MemoryError) or number == errno.ENOMEM:
            return "memory"
        if isinstance(error, OSError):
            if number in (errno.ENETUNREACH, errno.ENETDOWN) or type(error).__name__ == "gaierror":
                return "network"
            if number in (errno.ENOSPC, errno.EFBIG):
                return "storage"
            if isinstance(error, BlockingIOError):
                return "processes"  # what fork says at its limit
        if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
            return "processes"
        error = error.__cause__ or error.__context__
    return "exception"


def _formula(text: str, *names: str, **constants: float) -> Callable[..., Any]:
    """Return the function that a person's formula stands for; see ``harness_formula.py``."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness_formula.py")
    module = sys.modules.get("__formula__")
    if module is None:
        spec: Any = importlib.util.spec_from_file_location("__formula__", beside)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["__formula__"] = module
    function: Callable[..., Any] = module.formula(text, *names, **constants)
    return function


def _run(job: Mapping[str, Any], report: Report) -> None:
    """Execute the code as ``__main__`` with the names it may use."""
    save = Saver(report)
    module = types.ModuleType("__main__")
    vars(module).update(
        parameters=job["parameters"],
        inputs=job["inputs"],
        seed=job["seed"],
        language=job["language"],
        save=save,
        report=report.value,
        progress=report.progress,
        formula=_formula,
    )
    sys.modules["__harness__"], sys.modules["__main__"] = sys.modules["__main__"], module
    code: str = job["code"]
    linecache.cache[STEP] = (len(code), None, code.splitlines(keepends=True), STEP)
    _prepare(code, job["seed"], fonts=job.get("fonts", True))
    exec(compile(code, STEP, "exec", dont_inherit=True), vars(module))
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    save.open_figures()


def _finish(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the code closed it
            continue
    os._exit(status)


def main(control: int) -> None:
    """Read the job, shut the doors, run the code, tell on ``control`` how it ended."""
    process = os.getpid()
    job = json.loads(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _confine(job["user"], job["limits"])
    sys.path += [p for p in os.environ.pop("INTENTOS_PACKAGES", "").split(":") if p]
    sys.set_int_max_str_digits(0)
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]
    sys.stdout.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    report = Report(control)
    report.send("start")
    try:
        _run(job, report)
    except BaseException as error:
        if os.getpid() == process and isinstance(error, SystemExit) and not error.code:
            report.send("done")
            _finish(0)
        _more_memory()
        told = _describe(error)
        if not isinstance(error, SystemExit):
            traceback.print_exception(error.with_traceback(_from_step(error.__traceback__)))
        if os.getpid() == process:
            report.send("error", **told)
        _finish(1)
    if os.getpid() == process:
        report.send("done")
    _finish(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
