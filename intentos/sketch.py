"""The same program in fewer pixels, for a viewer whose GPU is too slow for all of them.

A sketch is what the kernel builds for a smaller picture. It shares every buffer of the same length
with the program, the state of what is computed above all; ``program.js`` brings over what belongs
to single pixels when it changes from one to the other. Nothing of it reaches a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from intentos.errors import InvalidProgram
from intentos.program import Buffer, GpuProgram, entry_points
from intentos.types import Json

SHARE = (3, 8)
"""Of the picture's sides, as a fraction: 192 pixels of 512."""
LEAST_SIDE = 96
"""Pixels of a sketch's shorter side; below, nothing can be made out."""
LETTERS = re.compile(r"\bfn\s+glyph_row\b")
"""In the source of a program that writes into its picture: its layout is for one size, and small
letters could not be read."""
_SAME = ("uniforms", "dt", "steps_per_frame", "swaps", "frames", "frames_per_second", "view")


def sketch_of(
    program: GpuProgram, arguments: Mapping[str, Json], build: Callable[[Any], GpuProgram]
) -> dict[str, Any] | None:
    """Return what differs in the program of a smaller picture, or None where none can stand for it.

    ``build`` makes a program of arguments. With ``program`` over it, the returned mapping is a
    program; ``kept`` beside it names the buffers that a smaller picture leaves alone (what the
    program painted once, at the start). None: it has no picture size of its own, writes letters,
    shows cells that would have too few pixels, or computes something else in a smaller picture.
    """
    wide, high = (round(side * SHARE[0] / SHARE[1]) for side in (program.width, program.height))
    if not program.draw or min(wide, high) < LEAST_SIDE or LETTERS.search(program.source):
        return None
    if wide * program.height != high * program.width:
        return None  # another shape would be another world to some kernels
    if wide < 2 * _cells(program):
        return None
    try:
        small = build({**arguments, "width": wide, "height": high})
    except (InvalidProgram, ValidationError):
        return None
    if (small.width, small.height) != (wide, high) or not _stands_for(small, program):
        return None
    whole, little = (p.model_dump(mode="json", by_alias=True) for p in (program, small))
    differing = {
        key: little[key] for key in little if key not in _SAME and little[key] != whole[key]
    }
    painted = _touched(program, [one.entry for one in (*program.start, *program.step)])
    resized = {a.name for a, b in zip(program.buffers, small.buffers, strict=True) if a != b}
    return {"program": differing, "kept": sorted(painted & resized)}


def _cells(program: GpuProgram) -> int:
    """Return how many cells lie in a row where the picture shows them one by one, else 0: with few
    pixels for each of them some would look larger than others, or be left out."""
    columns = next((u.value for u in program.uniforms if u.name == "columns"), 0)
    return columns if isinstance(columns, int) else 0


def _stands_for(small: GpuProgram, program: GpuProgram) -> bool:
    """Say whether both compute the same and keep the same, but for what belongs to pixels."""
    names = [(b.name, b.type, b.data) for b in program.buffers]
    if [(b.name, b.type, b.data) for b in small.buffers] != names:
        return False
    # The program's own uniforms may be open (`$name`); their names say which those are.
    if [(u.name, u.type) for u in small.uniforms] != [(u.name, u.type) for u in program.uniforms]:
        return False
    closed = {u.name: u.value for u in program.uniforms if not isinstance(u.value, str)}
    if any(closed.get(u.name, u.value) != u.value for u in small.uniforms):
        return False
    if any(getattr(small, key) != getattr(program, key) for key in _SAME if key != "uniforms"):
        return False
    if small.step != program.step:
        return False
    if [p.name for p in small.probes] != [p.name for p in program.probes]:
        return False
    computed = _touched(program, [one.entry for one in (*program.start, *program.step)])
    pairs = zip(program.buffers, small.buffers, strict=True)
    of_pixels = (program.width * program.height, small.width * small.height)
    return all(
        a.length == b.length or a.name not in computed or _per_pixel(a, b, of_pixels)
        for a, b in pairs
    )


def _per_pixel(whole: Buffer, small: Buffer, pixels: tuple[int, int]) -> bool:
    """Say whether a buffer holds so much for each pixel, and then a rest that is equally long."""
    each, left = divmod(whole.length - small.length, pixels[0] - pixels[1])
    return left == 0 and each > 0 and whole.length >= each * pixels[0]


def _touched(program: GpuProgram, entries: list[str]) -> set[str]:
    """Return the buffers that entry points and the functions that they call name."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", program.source, flags=re.DOTALL)
    parts = re.split(r"\bfn\s+(\w+)", text)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert entry_points(program.source).keys() <= bodies.keys()
    words = {name: set(re.findall(r"\b[a-zA-Z_]\w*", body)) for name, body in bodies.items()}
    seen: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += words[name] & bodies.keys()
    named = set().union(*(words[name] for name in seen)) if seen else set()
    return {b.name for b in program.buffers} & named
