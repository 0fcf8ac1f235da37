"""Pictures and animations from formulas of the place and the time, and escape-time fractals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from intentos.bindings import fold_seed
from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS, Buffer, GpuProgram, Output, Pass, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity, Words

from . import prelude
from .expression import Expression, Formula, check_names, parse
from .kernel import Arguments, Compare, KernelBase, judged, workgroups

PLACE = ("x", "y", "r", "angle", "t", "phase")
UNROLLED = 4
"""Iterations between two looks at whether any is left to do."""
FLAT = 12
"""Levels of 255 by which two neighbours' sum may differ from twice the pixel between them where
one sample is enough: the mean over the pixel is a twenty-fourth of that away."""
ORBIT = ("n", "inside", "zx", "zy")
STRIDE = 8
LONGEST_STRIDE = 400
"""Characters of formulas that are worth repeating."""


class Iteration(BaseModel):
    """An escape-time fractal: z is replaced by a formula of itself until it is far away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zx: Formula = "zx*zx - zy*zy + cx"
    """Next real part, of zx, zy, cx, cy and all that the picture's formulas know."""
    zy: Formula = "2*zx*zy + cy"
    start_x: Formula = "0"
    start_y: Formula = "0"
    cx: Formula = "x"
    cy: Formula = "y"
    escape: float = Field(16.0, gt=1, le=1e6)
    """Distance from the origin that counts as far away; large ones shade more smoothly."""
    degree: float = Field(2.0, gt=1, le=16)
    """Power by which the formula grows far away."""
    max_iterations: int = Field(200, ge=1, le=5000)


class PixelsArguments(Arguments):
    """Formulas know x, y (the short side is -1 to 1, y up), r, angle, t (seconds), phase (0 to 1
    over the film) and the parameters; with ``iterate`` also n (smooth count of iterations),
    inside (0 or 1) and zx, zy (the last point)."""

    value: Formula = ""
    """Shown through the palette."""
    colour: Formula = ""
    """A vec3 of sRGB in 0..1 in place of ``value``, such as ``palette('ocean', r)`` or
    ``hsv(angle/tau, 1, 1)``; a number gives grey."""
    red: Formula = ""
    """0 to 1; with green and blue in place of ``colour``."""
    green: Formula = ""
    blue: Formula = ""
    iterate: Iteration | None = None
    palette: str = "magma"
    low: float = Field(0.0, ge=-1e30, le=1e30)
    """The value at the palette's beginning."""
    high: float = Field(1.0, ge=-1e30, le=1e30)
    center_x: Formula = "0"
    """What is in the middle; a formula of t, phase and the parameters, like all of the camera."""
    center_y: Formula = "0"
    zoom: Formula = "1"
    samples: int = Field(2, ge=1, le=4)
    """A side, within one pixel: 2 makes edges smooth at four times the cost."""
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=32)

    @property
    def adaptive(self) -> bool:
        """Whether a pixel that looks like those beside it gets one sample only."""
        return self.iterate is not None and self.samples > 1

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        colours = [self.red, self.green, self.blue]
        ways = [bool(self.value), bool(self.colour), any(colours)]
        if sum(ways) > 1 or (any(colours) and not all(colours)):
            raise ValueError("give either value, or colour, or red and green and blue")
        if not any(ways) and self.iterate is None:
            raise ValueError("give value, or colour, or red and green and blue, or iterate")
        prelude.known_palette(self.palette)
        if self.low == self.high:
            raise ValueError("low and high must differ")
        return self


# Most of a fractal's pixels look like those beside them, and each costs hundreds of iterations.
_ADAPTIVE = """
@compute @workgroup_size(16, 8)
fn glance(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let one = seen(id.xy, vec2f(0.5));
  let pixel = id.y * uniforms.width + id.x;
  values[pixel] = one.value;
  first[pixel] = pack_rgba(one.colour);
  if (pixel == 0u) { atomicStore(&chosen[0], 0u); }
}

@compute @workgroup_size(16, 8)
fn choose(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let left = max(id.x, 1u) - 1u;
  let right = min(id.x + 1u, uniforms.width - 1u);
  let up = (max(id.y, 1u) - 1u) * uniforms.width;
  let here = id.y * uniforms.width;
  let down = min(id.y + 1u, uniforms.height - 1u) * uniforms.width;
  let own = first[here + id.x];
  let flat = straight(first[here + left], own, first[here + right])
    && straight(first[up + id.x], own, first[down + id.x]);
  if (flat) {
    pixels[here + id.x] = own;
  } else {
    closer[atomicAdd(&chosen[0], 1u)] = id.x | (id.y << 16u);
  }
}

// The pixels that need it, side by side: the others would wait for them. Each is drawn by itself,
// so that the order in which they were noted does not show.
@compute @workgroup_size(64)
fn refine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * GROUPS_ACROSS) * 64u + local;
  if (i >= atomicLoad(&chosen[0])) { return; }
  draw_pixel(vec2u(closer[i] & 0xffffu, closer[i] >> 16u));
}

fn straight(a: u32, b: u32, c: u32) -> bool {
  return all(abs(levels(a) + levels(c) - 2 * levels(b)) <= FLAT);
}

fn levels(colour: u32) -> vec3i {
  return vec3i((vec3u(colour) >> vec3u(0u, 8u, 16u)) & vec3u(255u));
}
"""


class _Formulas:
    """All formulas of one picture, parsed."""

    def __init__(self, arguments: PixelsArguments) -> None:
        self.arguments = arguments
        standard = {name for name, _ in STANDARD_UNIFORMS} | {"low", "high"}
        check_names(arguments.parameters, {*PLACE, *ORBIT, "cx", "cy", *standard})
        self.own = list(arguments.parameters)
        orbit = arguments.iterate
        self.camera = [
            parse(text, ["t", "phase", *self.own])
            for text in (arguments.center_x, arguments.center_y, arguments.zoom)
        ]
        known = [*PLACE, *self.own, *(ORBIT if orbit else ())]
        texts = [arguments.red, arguments.green, arguments.blue] if arguments.red else []
        if not texts and not arguments.colour:
            texts = [arguments.value or "0 if inside > 0.5 else min(1, n/60)**0.5"]
        self.shade = [parse(text, known) for text in texts]
        if arguments.colour:
            self.shade = [parse(arguments.colour, known, gives="vec3")]
        self.start: list[Expression] = []
        self.next: list[Expression] = []
        if orbit is not None:
            place = [*PLACE, *self.own]
            starts = (orbit.start_x, orbit.start_y, orbit.cx, orbit.cy)
            self.start = [parse(text, place) for text in starts]
            names = [*place, "zx", "zy", "cx", "cy"]
            self.next = [parse(text, names) for text in (orbit.zx, orbit.zy)]

    @cached_property
    def wgsl(self) -> str:
        """The functions that ``pixels.wgsl`` calls."""
        names = {name: f"uniforms.{name}" for name in self.own}
        x, y, zoom = (e.wgsl(names) for e in self.camera)
        if self.coloured:
            parts = [e.wgsl(names) for e in self.shade]
            whole = parts[0] if len(parts) == 1 else f"vec3f({', '.join(parts)})"
            shown = [
                f"let given = {whole};",
                "let colour = vec3f(finite(given.x), finite(given.y), finite(given.z));",
                "let sum = given.x + given.y + given.z;",
                "let bright = dot(colour, vec3f(0.2126, 0.7152, 0.0722));",
                "let value = select(sum, bright, is_finite(sum));",
            ]
        else:
            shown = [
                f"let value = {self.shade[0].wgsl(names)};",
                "let colour = palette(finite((value - uniforms.low) "
                "/ (uniforms.high - uniforms.low)));",
            ]
        lines = [
            f"const SAMPLES: u32 = {self.arguments.samples}u;",
            f"const FLAT: vec3i = vec3i({FLAT});",
            f"const PHASE: f32 = {1 / self.duration!r}f;",
            "struct Shade { colour: vec3f, value: f32 }",
            "fn camera(t: f32) -> vec3f {",
            "  let phase = t * PHASE;",
            f"  return vec3f({x}, {y}, {zoom});",
            "}",
            "fn shade(x: f32, y: f32, t: f32, phase: f32) -> Shade {",
            "  let r = length(vec2f(x, y));",
            "  let angle = atan2(y, x);",
            *(f"  {line}" for line in self._orbit_wgsl(names)),
            *(f"  {line}" for line in shown),
            "  return Shade(colour, value);",
            "}",
        ]
        return "\n".join(lines) + "\n"

    @property
    def coloured(self) -> bool:
        """Whether the formulas give colours rather than a value for the palette."""
        return bool(self.arguments.colour or self.arguments.red)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.arguments.frames / self.arguments.frames_per_second

    def _orbit_wgsl(self, names: dict[str, str]) -> list[str]:
        orbit = self.arguments.iterate
        if orbit is None:
            return []
        start_x, start_y, cx, cy = (e.wgsl(names) for e in self.start)
        next_x, next_y = (e.wgsl(names) for e in self.next)
        # A turn of a loop costs more than what is in it, so several go together, in which those
        # that are far away stay where they are.
        once = [
            "{",
            f"  let next_x = {next_x};",
            f"  let next_y = {next_y};",
            "  zx = select(zx, next_x, going);",
            "  zy = select(zy, next_y, going);",
            "  far = zx * zx + zy * zy;",
            "  count += select(0.0, 1.0, going);",
            f"  going = going && far <= {orbit.escape**2!r}f;",
            "}",
        ]
        log_escape, log_degree = float(np.log(orbit.escape)), float(np.log(orbit.degree))
        return [
            f"var zx = {start_x};",
            f"var zy = {start_y};",
            f"let cx = {cx};",
            f"let cy = {cy};",
            "var far = 0.0;",
            "var count = 0.0;",
            "var going = true;",
            f"for (var i = 0u; i < {orbit.max_iterations // UNROLLED}u; i++) {{",
            *(f"  {line}" for line in once * UNROLLED),
            "  if (!going) { break; }",
            "}",
            *once * (orbit.max_iterations % UNROLLED),
            f"let beyond = log(max(0.5 * log(min(far, 3e38)) / {log_escape!r}f, 1.0));",
            f"let n = select(max(0.0, count - beyond / {log_degree!r}f), "
            f"{float(orbit.max_iterations)!r}f, going);",
            "let inside = select(0.0, 1.0, going);",
        ]

    def numpy(self, x: Any, y: Any, t: float, seed: int) -> tuple[Any, Any]:
        """Twin of ``shade``: colours of shape (..., 3), and values."""
        arguments = self.arguments
        here: dict[str, Any] = {"x": x, "y": y, "r": np.hypot(x, y), "angle": np.arctan2(y, x)}
        here |= {"t": t, "phase": t / self.duration} | arguments.parameters
        if arguments.iterate is not None:
            here |= self._orbit(here, arguments.iterate, seed)
        found = [e.numpy(here, seed=seed) for e in self.shade]
        if self.coloured:
            given = found[0] if len(found) == 1 else np.stack(
                [np.broadcast_to(one, x.shape) for one in found], axis=-1)  # fmt: skip
            given = np.broadcast_to(given, (*x.shape, 3))
            colour, total = prelude.finite(given), given.sum(axis=-1)
            bright = colour @ np.array([0.2126, 0.7152, 0.0722])
            return colour, np.where(np.isfinite(total), bright, total)
        value = np.broadcast_to(found[0], x.shape)
        with np.errstate(all="ignore"):
            scaled = (value - arguments.low) / (arguments.high - arguments.low)
        return prelude.palette(arguments.palette, prelude.finite(scaled)), value

    def _orbit(self, here: dict[str, Any], orbit: Iteration, seed: int) -> dict[str, Any]:
        shape = here["x"].shape
        first = [np.broadcast_to(e.numpy(here, seed=seed), shape).ravel() for e in self.start]
        zx, zy, cx, cy = (np.array(v, np.float64) for v in first)
        n = np.full(zx.shape, float(orbit.max_iterations))
        inside = np.ones(zx.shape)
        going = np.arange(zx.size)
        flat = {k: v.ravel() if np.ndim(v) else v for k, v in here.items()}
        with np.errstate(all="ignore"):
            for i in range(orbit.max_iterations):
                now = {k: v[going] if np.ndim(v) else v for k, v in flat.items()}
                now |= {"zx": zx[going], "zy": zy[going], "cx": cx[going], "cy": cy[going]}
                zx[going], zy[going] = (e.numpy(now, seed=seed) for e in self.next)
                far = zx[going] ** 2 + zy[going] ** 2
                out = ~(far <= orbit.escape**2)
                gone = going[out]
                depth = 0.5 * np.log(np.minimum(far[out], 3e38)) / np.log(orbit.escape)
                beyond = np.log(np.maximum(depth, 1.0)) / np.log(orbit.degree)
                n[gone] = np.maximum(0.0, i + 1 - beyond)
                inside[gone] = 0.0
                going = going[~out]
                if not going.size:
                    break
        found = {"n": n, "inside": inside, "zx": zx, "zy": zy}
        return {k: v.reshape(shape) for k, v in found.items()}


def _strides(next_x: str, next_y: str, orbit: Iteration) -> list[str]:
    """Go on by STRIDE iterations at a time as long as none of them is far away.

    A round of a loop costs as much as a whole iteration; where the point escapes, the loop after
    this one walks the last stride again.
    """
    if len(next_x) + len(next_y) > LONGEST_STRIDE:
        return []
    step = [
        "  {",
        f"    let next_x = {next_x};",
        f"    let next_y = {next_y};",
        "    zx = next_x;",
        "    zy = next_y;",
        f"    away = away | !(zx * zx + zy * zy <= {orbit.escape**2!r}f);",
        "  }",
    ]
    return [
        f"for (; i + {STRIDE}u <= {orbit.max_iterations}u; i += {STRIDE}u) {{",
        "  let was_x = zx;",
        "  let was_y = zy;",
        "  var away = false;",
        *(step * STRIDE),
        "  if (away) {",
        "    zx = was_x;",
        "    zy = was_y;",
        "    break;",
        "  }",
        "}",
    ]


class PixelsKernel(KernelBase[PixelsArguments]):
    """Formulas to pictures. Values: mean, minimum and maximum of what the last frame shows."""

    name = "pixels"
    arguments = PixelsArguments
    # Formulas may have edges, and fractals have them everywhere.
    compare = Compare(
        rule="tolerance", frames=3, absolute=2e-3, relative=1e-3, outliers=0.03, pixels=1.5
    )

    def program(self, arguments: PixelsArguments) -> GpuProgram:
        width, height = arguments.width, arguments.height
        groups = (workgroups(width, 16), workgroups(height, 8), 1)
        source = [
            prelude.prelude_wgsl(),
            prelude.palette_wgsl(arguments.palette),
            _Formulas(arguments).wgsl,
            self.wgsl,
        ]
        buffers = [
            Buffer(name="pixels", type="u32", length=width * height),
            Buffer(name="values", type="f32", length=width * height),
        ]
        draw = [Pass(entry="draw", dispatch=groups)]
        if arguments.adaptive:
            across = workgroups(width, 8)
            source += [f"const GROUPS_ACROSS: u32 = {across}u;", _ADAPTIVE]
            buffers += [
                Buffer(name="first", type="u32", length=width * height),
                Buffer(name="closer", type="u32", length=width * height),
                Buffer(name="chosen", type="atomic<u32>", length=1),
            ]
            draw = [
                Pass(entry="glance", dispatch=groups),
                Pass(entry="choose", dispatch=groups),
                Pass(entry="refine", dispatch=(across, workgroups(height, 8), 1)),
            ]
        own = {"low": arguments.low, "high": arguments.high} | arguments.parameters
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            uniforms=tuple(Uniform(name=name, value=value) for name, value in own.items()),
            buffers=tuple(buffers),
            draw=tuple(draw),
            outputs=(
                Output(buffer="values", name="value", dtype="float32", shape=(height, width)),
            ),
            width=width,
            height=height,
            dt=1 / arguments.frames_per_second,
            frames=arguments.frames,
            frames_per_second=arguments.frames_per_second,
        )

    def twin(self, arguments: PixelsArguments, *, seed: int) -> Iterator[Snapshot]:
        formulas, folded = _Formulas(arguments), fold_seed(seed)
        n, width, height = arguments.samples, arguments.width, arguments.height
        half = min(width, height) / 2
        across = ((np.arange(width * n) + 0.5) / n - width / 2) / half
        down = ((np.arange(height * n) + 0.5) / n - height / 2) / half
        for frame in range(arguments.frames):
            t = frame / arguments.frames_per_second
            now = {"t": t, "phase": t / formulas.duration} | arguments.parameters
            x, y, zoom = (float(e.numpy(now, seed=folded)) for e in formulas.camera)
            place = np.meshgrid(x + across / zoom, y - down / zoom)
            colour, value = formulas.numpy(place[0], place[1], t, folded)
            blocks = (height, n, width, n)
            mean = np.clip(colour, 0, 1).reshape(*blocks, 3).mean(axis=(1, 3))
            values = np.asarray(value, np.float32).reshape(blocks).mean(axis=(1, 3))
            picture = prelude.pack_rgba(mean)
            if arguments.adaptive:
                middle = (np.arange(k) + 0.5 for k in (width, height))
                right, below = (
                    (v - k / 2) / half for v, k in zip(middle, (width, height), strict=True)
                )
                place = np.meshgrid(x + right / zoom, y - below / zoom)
                colour, value = formulas.numpy(place[0], place[1], t, folded)
                first = prelude.pack_rgba(colour)
                flat = _flat(first)
                picture[flat] = first[flat]
                values = np.where(flat, value, values).astype(np.float32)
            yield Snapshot(pixels=picture, probes={}, buffers={"value": values})

    def judge(
        self, arguments: PixelsArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        shown = np.asarray(evidence.outputs["value"], np.float64)
        bad = int(shown.size - np.isfinite(shown).sum())
        good = shown[np.isfinite(shown)]
        low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
        values = {
            "mean": Quantity(value=float(good.mean()) if good.size else 0.0),
            "minimum": Quantity(value=low),
            "maximum": Quantity(value=high),
        }
        step = 1.0 if arguments.red or arguments.colour else abs(arguments.high - arguments.low)
        checks = [
            judged(
                "finite",
                Words(en="Every pixel has a value", zh="每个像素都有值"),
                bad == 0,
                f"{bad} of {shown.size} pixels are not finite",
                "generic",
            ),
            judged(
                "contrast",
                Words(en="The picture is not of one colour", zh="画面不是单一颜色"),
                high - low > step / 255,
                f"{low:.4g} … {high:.4g}",
                "generic",
            ),
            self._resolution(arguments),
        ]
        return values, checks

    def _resolution(self, arguments: PixelsArguments) -> Check:
        """Judge that neighbouring pixels of the last frame differ in float32."""
        formulas = _Formulas(arguments)
        t = (arguments.frames - 1) / arguments.frames_per_second
        now = {"t": t, "phase": t / formulas.duration} | arguments.parameters
        x, y, zoom = (abs(float(e.numpy(now))) for e in formulas.camera)
        if not np.isfinite([x, y, zoom]).all() or zoom == 0:
            raise InvalidProgram("pixels.no_camera", x=x, y=y, zoom=zoom)
        spacing = 2 / (zoom * min(arguments.width, arguments.height) * arguments.samples)
        finest = float(np.finfo(np.float32).eps) * max(x, y, 1 / zoom)
        return judged(
            "resolution",
            Words(en="Pixels can be told apart", zh="相邻像素可以区分"),
            spacing > 2 * finest,
            f"pixel {spacing:.3g}, float32 {finest:.3g}",
            "generic",
        )


def _flat(picture: Any) -> Any:
    """Twin of what ``refine`` asks of its neighbours: a mask of pixels."""
    levels = np.pad(picture[..., :3].astype(np.int16), ((1, 1), (1, 1), (0, 0)), mode="edge")
    own = levels[1:-1, 1:-1]
    pairs = ((levels[1:-1, :-2], levels[1:-1, 2:]), (levels[:-2, 1:-1], levels[2:, 1:-1]))
    return np.all([np.abs(a + c - 2 * own).max(axis=-1) <= FLAT for a, c in pairs], axis=0)


kernel = PixelsKernel()
