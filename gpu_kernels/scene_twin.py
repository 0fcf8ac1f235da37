"""The scene without a GPU: its shader, read by ``scene_syntax``, run by NumPy on all pixels.

The formulas are those of the shader, since two hand-kept copies of a landscape would drift apart;
what is independent is everything below them: parser, arithmetic, masks instead of threads. The
geometry itself is checked against formulas written a second time in ``scene_judge``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.bindings import standard_values
from intentos.program import DTYPES, GpuProgram, Pass
from intentos.protocols import Snapshot

from .scene_syntax import Function, Module, Node, parse

if TYPE_CHECKING:
    from .scene import SceneArguments

Value = Any
"""A number of every lane or of all together, or a tuple of such: a vector."""

LETTERS = {letter: i for i, letter in enumerate("xyzw")}


class Vector(tuple[Any, ...]):
    """The components of a vector, each a number of every lane."""

    __slots__ = ()


def each(function: Callable[..., Any]) -> Callable[..., Value]:
    """Return the function, applied to vectors component by component."""

    def applied(*given: Value) -> Value:
        size = next((len(g) for g in given if isinstance(g, Vector)), 0)
        if not size:
            return function(*given)
        rows = [g if isinstance(g, Vector) else (g,) * size for g in given]
        return Vector(function(*row) for row in zip(*rows, strict=True))

    return applied


def divide(a: Value, b: Value) -> Value:
    """Divide as WGSL does: whole numbers stay whole."""
    whole = isinstance(a, int | np.integer) or getattr(a, "dtype", np.dtype("f4")).kind in "iu"
    return a // b if whole and not isinstance(b, float) else a / b


BINARY: dict[str, Callable[..., Value]] = {
    "+": each(lambda a, b: a + b),
    "-": each(lambda a, b: a - b),
    "*": each(lambda a, b: a * b),
    "/": each(divide),
    "%": each(lambda a, b: a % b),
    "<": each(lambda a, b: a < b),
    ">": each(lambda a, b: a > b),
    "<=": each(lambda a, b: a <= b),
    ">=": each(lambda a, b: a >= b),
    "==": each(lambda a, b: a == b),
    "!=": each(lambda a, b: a != b),
    "&": each(lambda a, b: a & b),
    "|": each(lambda a, b: a | b),
    "^": each(lambda a, b: a ^ b),
    "<<": each(lambda a, b: a << b),
    ">>": each(lambda a, b: a >> b),
    "&&": np.logical_and,
    "||": np.logical_or,
}


def dot(a: Vector, b: Vector) -> Value:
    """Return the scalar product."""
    total = a[0] * b[0]
    for one, other in zip(a[1:], b[1:], strict=True):
        total = total + one * other
    return total


def length(a: Value) -> Value:
    """Return the length of a vector."""
    return np.sqrt(dot(a, a)) if isinstance(a, Vector) else np.abs(a)


def cross(a: Vector, b: Vector) -> Vector:
    """Return the vector product."""
    return Vector(
        a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3] for i in range(3)
    )


def reflect(d: Vector, n: Vector) -> Vector:
    """Return d mirrored by the plane with normal n."""
    k = 2 * dot(d, n)
    return Vector(a - k * b for a, b in zip(d, n, strict=True))


def normalize(a: Vector) -> Vector:
    """Return the vector of length 1."""
    inverse = 1 / length(a)
    return Vector(x * inverse for x in a)


def whole(kind: Any, low: float, high: float) -> Callable[[Value], Value]:
    """Return the conversion to an integer type: floats are cut and kept within its range."""

    def convert(x: Value) -> Value:
        if isinstance(x, float) or getattr(x, "dtype", np.dtype("i4")).kind == "f":
            return np.nan_to_num(np.clip(np.trunc(x), low, high)).astype(kind)
        if isinstance(x, int):
            return kind(x & 0xFFFFFFFF) if kind is np.uint32 else kind(x)
        return x.astype(kind)

    return convert


def real(x: Value) -> Value:
    """Return the number as float32."""
    return np.float32(x) if isinstance(x, int | float) else x.astype(np.float32)


def vector_of(size: int, convert: Callable[[Value], Value]) -> Callable[..., Vector]:
    """Return the constructor of vectors of that many components."""

    def made(*given: Value) -> Vector:
        parts = [c for g in given for c in (g if isinstance(g, Vector) else (g,))]
        if len(parts) == 1:
            parts *= size
        return Vector(convert(c) for c in parts)

    return made


def pick(no: Value, yes: Value, test: Value) -> Value:
    """Return ``select``: the second where the test holds."""
    return each(_picked)(no, yes, test)


def _picked(no: Value, yes: Value, test: Value) -> Value:
    return np.where(test, yes, no) if _lanes(test) else (yes if test else no)


def _lanes(x: Value) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0


FUNCTIONS: dict[str, Callable[..., Value]] = {
    name: each(getattr(np, name))
    for name in ("abs", "floor", "ceil", "sqrt", "exp", "exp2", "log2", "sin", "cos", "tan", "tanh",
                 "trunc", "sign")
} | {
    "min": each(np.minimum),
    "max": each(np.maximum),
    "clamp": each(lambda x, a, b: np.minimum(np.maximum(x, a), b)),
    "mix": each(lambda a, b, t: a * (1 - t) + b * t),
    "fract": each(lambda x: x - np.floor(x)),
    "pow": each(np.power),
    "atan2": each(np.arctan2),
    "inverseSqrt": each(lambda x: 1 / np.sqrt(x)),
    "step": each(lambda edge, x: np.where(x >= edge, np.float32(1), np.float32(0))),
    "dot": dot,
    "length": length,
    "distance": lambda a, b: length(BINARY["-"](a, b)),
    "normalize": normalize,
    "cross": cross,
    "reflect": reflect,
    "select": pick,
    "f32": real,
    "u32": whole(np.uint32, 0.0, 4294967040.0),
    "i32": whole(np.int32, -2147483648.0, 2147483520.0),
}  # fmt: skip
FUNCTIONS["vec2f"], FUNCTIONS["vec3f"], FUNCTIONS["vec4f"] = (
    vector_of(size, real) for size in (2, 3, 4)
)
FUNCTIONS["vec2u"], FUNCTIONS["vec3u"], FUNCTIONS["vec4u"] = (
    vector_of(size, FUNCTIONS["u32"]) for size in (2, 3, 4)
)


@dataclass
class Frame:
    """One call: variables, which lanes have left, and what they returned."""

    names: dict[str, Value]
    gone: np.ndarray[Any, Any]
    result: Value = None
    broken: np.ndarray[Any, Any] | None = None
    continued: np.ndarray[Any, Any] | None = None


@dataclass
class Machine:
    """Buffers, uniforms and constants, and the functions that work on them."""

    module: Module
    uniforms: dict[str, Value]
    buffers: dict[str, np.ndarray[Any, Any]]
    constants: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nobody = Frame({}, np.zeros(1, bool))
        for name, node in self.module.constants.items():
            self.constants[name] = self.value(node, nobody, np.ones(1, bool))

    def dispatch(self, one: Pass) -> None:
        """Run a pass: every invocation is a lane."""
        function = self.module.functions[one.entry]
        assert function.workgroup is not None
        size, groups = function.workgroup, one.dispatch
        lanes = np.arange(math.prod(size) * math.prod(groups), dtype=np.uint32)
        inner, outer = lanes % math.prod(size), lanes // math.prod(size)
        local = Vector((inner % size[0], inner // size[0] % size[1], inner // (size[0] * size[1])))
        group = Vector(
            (outer % groups[0], outer // groups[0] % groups[1], outer // (groups[0] * groups[1]))
        )
        here = Vector(g * np.uint32(s) + i for g, s, i in zip(group, size, local, strict=True))
        known = {
            "local_invocation_id": local,
            "workgroup_id": group,
            "global_invocation_id": here,
        }
        names = {
            name: known[builtin]
            for name, builtin in zip(function.parameters, function.builtins, strict=True)
            if builtin
        }
        everyone = np.ones(lanes.size, bool)
        self.run(function.body, Frame(names, ~everyone), everyone)

    def run(self, body: list[Node], frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        """Run statements for the lanes of the mask that have not left."""
        for node in body:
            live = mask & ~frame.gone
            if not live.any():
                return
            getattr(self, f"_{node[0]}")(node, frame, live)

    def _new(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        frame.names[node[1]] = self.value(node[2], frame, mask)

    def _call(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        self.value(node[1], frame, mask)

    def _set(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        self._store(node[1], self.value(node[2], frame, mask), frame, mask)

    def _store(self, target: Node, value: Value, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        if target[0] == "name":
            frame.names[target[1]] = merged(mask, value, frame.names[target[1]])
        elif target[0] == "member":
            place = LETTERS[target[2]]
            if target[1][0] == "index":
                rows = self.buffers[target[1][1][1]]
                at = self.value(target[1][2], frame, mask)
                rows[_of(at, mask), place] = _of(value, mask)
                return
            old = list(frame.names[target[1][1]])
            old[place] = merged(mask, value, old[place])
            frame.names[target[1][1]] = Vector(old)
        else:
            rows = self.buffers[target[1][1]]
            at = _of(self.value(target[2], frame, mask), mask)
            if isinstance(value, Vector):
                for place, component in enumerate(value):
                    rows[at, place] = _of(component, mask)
            else:
                rows[at] = _of(value, mask)

    def _if(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        test = self.value(node[1], frame, mask)
        yes = mask & test
        if yes.any():
            self.run(node[2], frame, yes)
        no = mask & ~np.asarray(test)
        if node[3] and no.any():
            self.run(node[3], frame, no)

    def _for(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        _, first, test, then, body = node
        outer = frame.broken, frame.continued
        frame.broken = np.zeros_like(mask)
        if first:
            self.run([first], frame, mask)
        turning = mask.copy()
        while True:
            turning &= ~frame.gone
            if test and turning.any():
                turning = turning & self.value(test, frame, turning)
            if not turning.any():
                break
            frame.continued = np.zeros_like(mask)
            self.run(body, frame, turning)
            frame.gone &= ~frame.continued
            left = turning & ~frame.gone
            if then and left.any():
                self.run([then], frame, left)
        frame.gone &= ~frame.broken
        frame.broken, frame.continued = outer

    def _break(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        assert frame.broken is not None
        frame.broken = frame.broken | mask
        frame.gone = frame.gone | mask

    def _continue(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        assert frame.continued is not None
        frame.continued = frame.continued | mask
        frame.gone = frame.gone | mask

    def _return(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> None:
        if node[1] is not None:
            value = self.value(node[1], frame, mask)
            frame.result = value if frame.result is None else merged(mask, value, frame.result)
        frame.gone = frame.gone | mask

    def value(self, node: Node, frame: Frame, mask: np.ndarray[Any, Any]) -> Value:
        """Return the value of an expression."""
        match node:
            case ("number", number):
                return number
            case ("name", name):
                if name in frame.names:
                    return frame.names[name]
                return {"true": True, "false": False}.get(name, self.constants.get(name))
            case ("binary", sign, left, right):
                return BINARY[sign](self.value(left, frame, mask), self.value(right, frame, mask))
            case ("unary", "-", inner):
                return each(lambda x: -x)(self.value(inner, frame, mask))
            case ("unary", "!", inner):
                return np.logical_not(self.value(inner, frame, mask))
            case ("member", ("name", "uniforms"), name):
                return self.uniforms[name]
            case ("member", inner, letters):
                found = self.value(inner, frame, mask)
                picked = [found[LETTERS[letter]] for letter in letters]
                return picked[0] if len(picked) == 1 else Vector(picked)
            case ("index", ("name", name), at):
                return self._load(name, self.value(at, frame, mask))
            case ("apply", name, given, kind):
                return self._apply(name, given, kind, frame, mask)
        raise SyntaxError(f"cannot evaluate {node[0]!r}")

    def _load(self, name: str, at: Value) -> Value:
        rows = self.buffers[name] if name in self.buffers else self.constants[name]
        at = np.minimum(at, len(rows) - 1)
        found = rows[at]
        return Vector(np.moveaxis(found, -1, 0)) if rows.ndim > 1 else found

    def _apply(
        self, name: str, given: list[Node], kind: str, frame: Frame, mask: np.ndarray[Any, Any]
    ) -> Value:
        if name.startswith("atomic"):
            return self._atomic(name, given, frame, mask)
        values = [self.value(one, frame, mask) for one in given]
        if name == "array":
            return np.array([tuple(v) if isinstance(v, Vector) else v for v in values])
        if name == "bitcast":
            return np.asarray(values[0]).view({"u32": np.uint32, "f32": np.float32}[kind])[()]
        if name in self.module.functions:
            function = self.module.functions[name]
            inner = Frame(dict(zip(function.parameters, values, strict=True)), ~mask)
            self.run(function.body, inner, mask)
            return inner.result
        return FUNCTIONS[name](*values)

    def _atomic(
        self, name: str, given: list[Node], frame: Frame, mask: np.ndarray[Any, Any]
    ) -> Value:
        _, _, place = given[0]
        rows = self.buffers[place[1][1]]
        at = self.value(place[2], frame, mask)
        if name == "atomicLoad":
            return rows[at]
        value = self.value(given[1], frame, mask)
        if name == "atomicStore":
            rows[_of(at, mask)] = _of(value, mask)
            return None
        before = np.zeros(mask.shape, rows.dtype)
        places, amounts = (
            np.broadcast_to(at, mask.shape)[mask],
            np.broadcast_to(value, mask.shape)[mask],
        )
        lanes = np.flatnonzero(mask)
        for one in np.unique(places):
            mine = places == one
            sums = np.cumsum(amounts[mine], dtype=rows.dtype)
            before[lanes[mine]] = rows[one] + sums - amounts[mine].astype(rows.dtype)
            rows[one] += sums[-1]
        return before


def merged(mask: np.ndarray[Any, Any], new: Value, old: Value) -> Value:
    """Return the new value for the lanes of the mask and the old one for the others."""
    if mask.all():
        return new
    return each(lambda a, b: np.where(mask, a, b))(new, old)


def _of(value: Value, mask: np.ndarray[Any, Any]) -> Value:
    return value[mask] if _lanes(value) else value


@lru_cache(4)
def _parsed(source: str) -> Module:
    return parse(source)


def machine(program: GpuProgram) -> Machine:
    """Return a machine with the program's buffers, zero at the start."""
    buffers = {}
    for buffer in program.buffers:
        dtype, size = DTYPES[buffer.type]
        shape = (buffer.length, size) if size > 1 else (buffer.length,)
        buffers[buffer.name] = np.zeros(shape, dtype)
    return Machine(_parsed(program.source), {}, buffers)


def frames(program: GpuProgram, a: SceneArguments, seed: int) -> Iterator[Snapshot]:
    """Yield the program's frames."""
    own = machine(program)
    numbers = {u.name: u.value for u in program.uniforms}
    for frame in range(program.frames):
        # A round of steps begins at the time that the one before left.
        rounds = ((frame, max(frame - 1, 0), program.step if frame else program.start),)
        for number, step, passes in (*rounds, (frame, frame, program.draw)):
            standard = standard_values(program, frame=number, step=step, seed=seed)
            own.uniforms = {name: typed(name, v) for name, v in (standard | numbers).items()}
            with np.errstate(all="ignore"):
                for one in passes:
                    own.dispatch(one)
        yield snapshot(program, a, own.buffers)


def typed(name: str, value: Any) -> Value:
    """Return a uniform as the shader has it."""
    if isinstance(value, list | tuple):
        return Vector(np.float32(v) for v in value)
    whole_ones = ("frame", "step", "seed", "width", "height")
    return np.uint32(value) if name in whole_ones else np.float32(value)


def snapshot(
    program: GpuProgram, a: SceneArguments, buffers: Mapping[str, np.ndarray[Any, Any]]
) -> Snapshot:
    """Return what the frame shows, measures and leaves."""
    words = buffers["pixels"].astype("<u4").view(np.uint8)
    return Snapshot(
        pixels=words.reshape(a.height, a.width, 4).copy(),
        probes={
            p.name: float(buffers[p.buffer].reshape(-1)[p.offset] * p.scale) for p in program.probes
        },
        buffers={o.name: buffers[o.buffer].reshape(o.shape).copy() for o in program.outputs},
    )


__all__ = ["Function", "Machine", "frames", "machine"]
