"""A step's input arrays: what a Python step or another kernel saved as ``.npy`` becomes a buffer.

An argument ``@name`` stands for the input of that name. It is replaced by a reference (hash, dtype,
shape) before the program is built, and the bytes go to the worker beside the program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from intentos.errors import InvalidProgram
from intentos.program import MAX_BINDING_BYTES
from intentos.types import Json, sha256

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

_NUMBERS = "fiub"
_BYTES = 4


class InputArrays:
    """The arrays of one step; each is read once, when it is first named."""

    def __init__(self, inputs: Mapping[str, Path], folder: Path) -> None:
        """``folder`` takes the plain bytes of the arrays that are named."""
        self._inputs = inputs
        self._folder = folder
        self._references: dict[tuple[str, str], dict[str, Json]] = {}

    def resolve(self, argument: Json, dtype: str = "float32") -> Json:
        """Return an argument with every ``@name`` replaced by its reference, in a GPU's dtype.

        Raises:
            InvalidProgram: there is no input of that name, or it is no array that a GPU can hold.
        """
        if isinstance(argument, str) and argument.startswith("@"):
            return self._reference(argument[1:], dtype)
        if isinstance(argument, Mapping):
            return {key: self.resolve(item, dtype) for key, item in argument.items()}
        if isinstance(argument, list | tuple):
            return [self.resolve(item, dtype) for item in argument]
        return argument

    @property
    def files(self) -> dict[str, str]:
        """sha256 → file with the plain bytes."""
        return {r["sha256"]: r["path"] for r in self._references.values()}

    def _reference(self, name: str, dtype: str) -> dict[str, Json]:
        key = name, dtype
        if key not in self._references:
            path = self._inputs.get(name)
            if path is None:
                known = ", ".join(self._inputs) or "–"
                raise InvalidProgram("array.unknown", name=name[:80], known=known)
            array = read(path, name, dtype)
            data = array.tobytes()
            plain = self._folder / f"{name}.{dtype}"
            plain.write_bytes(data)
            self._references[key] = {
                "sha256": sha256(data),
                "dtype": dtype,
                "shape": list(array.shape),
                "path": str(plain),
            }
        return self._references[key]


def read(path: Path, name: str, dtype: str) -> Array:
    """Return a ``.npy`` file as a row-major array of float32, int32 or uint32.

    Nothing is ever unpickled. Real numbers are rounded to float32; whole ones stay what they are.

    Raises:
        InvalidProgram: the file is no such array, is empty, holds other things than numbers, has
            more than a storage buffer can hold, or numbers that the whole dtype cannot.
    """
    import numpy as np

    try:
        with path.open("rb") as file:
            _check_header(file, name)
            array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidProgram("array.unreadable", name=name, what=str(error)[:300]) from error
    array = array.reshape(array.shape or (1,))
    # What is beyond float32 becomes infinite, and a kernel's checks see it.
    with np.errstate(over="ignore", invalid="ignore"):
        made = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    if dtype != "float32" and not np.array_equal(made, array):
        bounds = np.iinfo(dtype)
        raise InvalidProgram("array.not_whole", name=name, low=bounds.min, high=bounds.max)
    return made


def _check_header(file: BinaryIO, name: str) -> None:
    """Refuse by what the header says, before anything large is read; leaves the file at 0."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(file)
    size = math.prod(shape)
    if dtype.kind not in _NUMBERS:
        raise InvalidProgram("array.kind", name=name, what=str(dtype))
    if not size:
        raise InvalidProgram("array.empty", name=name)
    limit = MAX_BINDING_BYTES // _BYTES
    if size > limit:
        raise InvalidProgram("array.too_large", name=name, size=size, limit=limit)
    file.seek(0)
