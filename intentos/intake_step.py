"""Reads a file that a person handed in and writes it out plainly; runs inside the sandbox.

The file is hostile until it has been read here: nothing of it is parsed outside. It may be cut off,
empty, binary, called something else than it is, packed to burst, or in one of many encodings. What
comes out is one plain file (UTF-8 CSV with commas and ISO dates, PNG, 16-bit WAV, NPY, JSON) and a
profile: numbers, and names that have been cleaned of everything that could be taken for more.

Inside there is nothing of ours to import: ``intake.py`` hands these modules in as one text.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from intentos.intake_table import json_file, table
from intentos.intake_text import Found, Refused, clean_name, decoded

MAX_UNPACKED = 256 * 1024**2
MAX_PIXELS = 40_000_000
MAX_SIDE = 4096


def read(path: str, name: str) -> Found:
    """Return what a file holds, by its content; its name only settles what content leaves open.

    Raises:
        Refused: it is nothing that can be used.
    """
    with open(path, "rb") as file:
        head = file.read(16)
    if not head:
        raise Refused("empty")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    found = _by_content(path, head, extension)
    usual = _EXTENSIONS[str(found.profile["kind"])]
    if extension and extension not in usual:
        found.notes.append("extension")
    return found


_EXTENSIONS = {
    "table": ("csv", "tsv", "txt", "dat", "json", "tab"),
    "document": ("json",),
    "image": ("png", "jpg", "jpeg", "webp"),
    "sound": ("wav", "wave"),
    "array": ("npy", "npz"),
}


def _by_content(path: str, head: bytes, extension: str) -> Found:
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    ):
        return _image(path)
    if head.startswith((b"RIFF", b"RIFX")) and head[8:12] == b"WAVE":
        return _sound(path)
    if head.startswith(b"\x93NUMPY"):
        return _array(path, "npy")
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    with open(path, "rb") as file:
        text, encoding = decoded(file.read())
    if not text.strip():
        raise Refused("empty")
    if extension == "json" or text.lstrip()[0] in "[{":
        try:
            return json_file(text, encoding)
        except (ValueError, RecursionError):
            if extension == "json":
                raise Refused("damaged", what="JSON") from None
    return table(text, encoding)


def _archive(path: str) -> Found:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refused("damaged", what="ZIP") from error
    if not members or not all(member.filename.endswith(".npy") for member in members):
        raise Refused("unknown")
    # The sizes that an archive tells of itself may be lies; reading stops at them all the same.
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise Refused("bomb", limit=MAX_UNPACKED // 1024**2)
    return _array(path, "npz")


def _array(path: str, form: str) -> Found:
    import numpy

    notes = []
    try:
        with open(path, "rb") as file:
            loaded = numpy.load(file, allow_pickle=False)
            if form == "npz":
                names = list(loaded.files)
                array = loaded[names[0]]
                notes += ["cut"] if len(names) > 1 else []
            else:
                array = loaded
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise Refused("damaged", what=f"NumPy: {str(error)[:80]}") from error
    if array.dtype.kind not in "biuf":
        raise Refused("not_numbers", what=clean_name(str(array.dtype)))
    if array.size == 0:
        raise Refused("no_rows")
    if array.nbytes > MAX_UNPACKED:
        raise Refused("bomb", limit=MAX_UNPACKED // 1024**2)
    array = numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    finite = array[numpy.isfinite(array)] if array.dtype.kind == "f" else array
    span = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return Found(
        "array", "application/x-npy", "plain.npy", array,
        shape=list(array.shape), dtype=str(array.dtype), minimum=span[0], maximum=span[1],
        missing=int(array.size - finite.size), notes=notes,
    )  # fmt: skip


def _image(path: str) -> Found:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    notes = []
    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Refused("many_pixels", limit=MAX_PIXELS // 10**6)
            media_type = f"image/{str(image.format).lower()}"
            picture: Any = ImageOps.exif_transpose(image)
            alpha = "A" in picture.getbands() or "transparency" in picture.info
            picture = picture.convert("RGBA" if alpha else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("many_pixels", limit=MAX_PIXELS // 10**6) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused("damaged", what="PNG, JPEG, WebP") from error
    if max(picture.size) > MAX_SIDE:
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        notes.append("scaled")
    return Found("image", media_type, "plain.png", picture,
                 width=picture.width, height=picture.height, notes=notes)  # fmt: skip


def _sound(path: str) -> Found:
    import warnings

    import numpy
    from scipy.io import wavfile

    notes = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rate, samples = wavfile.read(path)
    except Exception as error:  # scipy raises whatever the bytes lead it to
        raise Refused("damaged", what="WAV") from error
    if any("EOF" in str(w.message) or "truncated" in str(w.message) for w in caught):
        notes.append("cut")
    if samples.size == 0 or rate <= 0:
        raise Refused("no_rows")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    if samples.dtype.kind == "u":
        samples = samples.astype(numpy.float64) / 128 - 1
    elif samples.dtype.kind == "i":
        samples = samples / float(2 ** (8 * samples.dtype.itemsize - 1))
    samples = numpy.clip(numpy.nan_to_num(samples.astype(numpy.float64)), -1, 1)
    plain = io.BytesIO()
    wavfile.write(plain, int(rate), numpy.round(samples * 32767).astype("<i2"))
    return Found(
        "sound", "audio/wav", "plain.wav", plain.getvalue(),
        rate=int(rate), channels=int(channels), seconds=len(samples) / rate, notes=notes,
    )  # fmt: skip


def main(names: dict[str, Any]) -> None:
    """Read the input and save what came of it, or report why not."""
    try:
        found = read(names["inputs"]["file"], names["parameters"]["name"])
    except Refused as error:
        names["save"]("refused.json", {"code": error.code, "arguments": error.arguments})
        return
    names["save"](found.plain, found.data)
    names["save"]("profile.json", found.profile | {"notes": found.notes})


if __name__ == "__main__":
    main(globals())
