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
from .kernel import Arguments, Compare, KernelBase, workgroups

PLACE = ("x", "y", "r", "angle", "t", "phase")
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
    red: Formula = ""
    """0 to 1; with green and blue in place of ``value``."""
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

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        colours = [self.red, self.green, self.blue]
        if any(colours) and (self.value or not all(colours)):
            raise ValueError("give either value, or red and green and blue")
        if not any(colours) and not self.value and self.iterate is None:
            raise ValueError("give value, or red and green and blue, or iterate")
        prelude.known_palette(self.palette)
        if self.low == self.high:
            raise ValueError("low and high must differ")
        return self


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
        if not texts:
            texts = [arguments.value or "0 if inside > 0.5 else min(1, n/60)**0.5"]
        self.shade = [parse(text, known) for text in texts]
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
        if len(self.shade) == 3:
            red, green, blue = (f"finite({e.wgsl(names)})" for e in self.shade)
            shown = [
                f"let colour = vec3f({red}, {green}, {blue});",
                "let value = dot(colour, vec3f(0.2126, 0.7152, 0.0722));",
            ]
        else:
            shown = [
                f"let value = {self.shade[0].wgsl(names)};",
                "let colour = palette(finite((value - uniforms.low) "
                "/ (uniforms.high - uniforms.low)));",
            ]
        lines = [
            f"const SAMPLES: u32 = {self.arguments.samples}u;",
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
    def duration(self) -> float:
        """Seconds."""
        return self.arguments.frames / self.arguments.frames_per_second

    def _orbit_wgsl(self, names: dict[str, str]) -> list[str]:
        orbit = self.arguments.iterate
        if orbit is None:
            return []
        start_x, start_y, cx, cy = (e.wgsl(names) for e in self.start)
        next_x, next_y = (e.wgsl(names) for e in self.next)
        log_escape, log_degree = float(np.log(orbit.escape)), float(np.log(orbit.degree))
        return [
            f"var zx = {start_x};",
            f"var zy = {start_y};",
            f"let cx = {cx};",
            f"let cy = {cy};",
            "var inside = 1.0;",
            f"var n = {float(orbit.max_iterations)!r}f;",
            "var i = 0u;",
            *_strides(next_x, next_y, orbit),
            f"for (; i < {orbit.max_iterations}u; i++) {{",
            f"  let next_x = {next_x};",
            f"  let next_y = {next_y};",
            "  zx = next_x;",
            "  zy = next_y;",
            "  let far = zx * zx + zy * zy;",
            f"  if (!(far <= {orbit.escape**2!r}f)) {{",
            "    inside = 0.0;",
            f"    let beyond = log(max(0.5 * log(min(far, 3e38)) / {log_escape!r}f, 1.0));",
            f"    n = max(0.0, f32(i) + 1.0 - beyond / {log_degree!r}f);",
            "    break;",
            "  }",
            "}",
        ]

    def numpy(self, x: Any, y: Any, t: float, seed: int) -> tuple[Any, Any]:
        """Twin of ``shade``: colours of shape (..., 3), and values."""
        arguments = self.arguments
        here: dict[str, Any] = {"x": x, "y": y, "r": np.hypot(x, y), "angle": np.arctan2(y, x)}
        here |= {"t": t, "phase": t / self.duration} | arguments.parameters
        if arguments.iterate is not None:
            here |= self._orbit(here, arguments.iterate, seed)
        shown = [np.broadcast_to(e.numpy(here, seed=seed), x.shape) for e in self.shade]
        if len(shown) == 3:
            colour = prelude.finite(np.stack(shown, axis=-1))
            return colour, colour @ np.array([0.2126, 0.7152, 0.0722])
        with np.errstate(all="ignore"):
            scaled = (shown[0] - arguments.low) / (arguments.high - arguments.low)
        return prelude.palette(arguments.palette, prelude.finite(scaled)), shown[0]

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
        groups = (workgroups(width, 8), workgroups(height, 8), 1)
        source = [
            prelude.prelude_wgsl(),
            prelude.palette_wgsl(arguments.palette),
            _Formulas(arguments).wgsl,
            self.wgsl,
        ]
        own = {"low": arguments.low, "high": arguments.high} | arguments.parameters
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            uniforms=tuple(Uniform(name=name, value=value) for name, value in own.items()),
            buffers=(
                Buffer(name="pixels", type="u32", length=width * height),
                Buffer(name="values", type="f32", length=width * height),
            ),
            draw=(Pass(entry="draw", dispatch=groups),),
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
            yield Snapshot(pixels=prelude.pack_rgba(mean), probes={}, buffers={"value": values})

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
        step = 1.0 if arguments.red else abs(arguments.high - arguments.low)
        checks = [
            Check(
                name="finite",
                title=Words(en="Every pixel has a value", zh="每个像素都有值"),
                status="failed" if bad else "passed",
                detail=f"{bad} of {shown.size} pixels are not finite",
            ),
            Check(
                name="contrast",
                title=Words(en="The picture is not of one colour", zh="画面不是单一颜色"),
                status="passed" if high - low > step / 255 else "failed",
                detail=f"{low:.4g} … {high:.4g}",
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
        return Check(
            name="resolution",
            title=Words(en="Pixels can be told apart", zh="相邻像素可以区分"),
            status="passed" if spacing > 2 * finest else "failed",
            detail=f"pixel {spacing:.3g}, float32 {finest:.3g}",
        )


kernel = PixelsKernel()
