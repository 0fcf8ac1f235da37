"""Where the ode kernel draws what: panels, letters, brightness, and the passes."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from intentos.program import Pass, View

from .camera import camera_wgsl
from .kernel import in_rows, workgroups
from .lettering import glyphs, lettering_wgsl, scale_for, text_wgsl, text_width
from .splats import Splats, light_each

if TYPE_CHECKING:
    from .ode import OdeArguments

Rect = tuple[float, float, float, float]
"""Left, top, width, height, in pixels."""

INKS = (
    (0.36, 0.80, 1.00), (1.00, 0.48, 0.42), (1.00, 0.83, 0.36), (0.45, 0.90, 0.60),
    (0.78, 0.60, 1.00), (1.00, 0.62, 0.82), (0.55, 0.92, 0.90), (0.93, 0.93, 0.93),
)  # fmt: skip
"""sRGB of the curves."""
LOOKS = {"series": 0, "phase": 1, "phase3d": 2, "mechanism": 3}
POINT_LOOKS = {"ball": 0, "pivot": 1, "star": 2, "none": 3}
ROD_LOOKS = {"rod": 0, "spring": 1, "string": 2}
MOST_LINES = 16_000
"""Of trails, in one frame; so many of curves, too."""
MOST_SOLID = 24
"""Points and rods that are drawn as bodies; more members are rods of light."""
MOST_ROD_MEMBERS = 4000


class Picture:
    """The frame of one set of arguments."""

    def __init__(self, arguments: OdeArguments) -> None:
        self.a = arguments
        self.letters = scale_for(arguments.width, arguments.height)
        self.columns, self.rows = 1, 1
        self.scene, self.graph = self._panels()

    def _panels(self) -> tuple[Rect, Rect]:
        a, s = self.a, self.letters
        wide, high = float(a.width), float(a.height)
        left, low, top, right = 40.0 * s, 24.0 * s, 20.0 * s, 12.0 * s
        whole: Rect = (0.0, 0.0, wide, high)
        nothing: Rect = (0.0, 0.0, 1.0, 1.0)

        def plot(rect: Rect) -> Rect:
            x, y, w, h = rect
            return (x + left, y + top, max(w - left - right, 8.0), max(h - top - low, 8.0))

        if a.look == "series":
            return nothing, plot(whole)
        if not a.with_series:
            return (plot(whole) if a.look == "phase" else whole), nothing
        if wide > 1.3 * high:
            upper: Rect = (0.0, 0.0, wide - 1.05 * high if wide > 2 * high else 0.5 * wide, high)
            lower: Rect = (upper[2], 0.0, wide - upper[2], high)
        else:
            upper = (0.0, 0.0, wide, round(0.62 * high))
            lower = (0.0, upper[3], wide, high - upper[3])
        return (plot(upper) if a.look == "phase" else upper), plot(lower)

    @cached_property
    def traces(self) -> tuple[int, ...]:
        """Numbers of the places that leave trails."""
        if self.a.look == "series" or self.a.trail == 0:
            return ()
        if self.a.look != "mechanism":
            return (0,)
        return tuple(k for k, point in enumerate(self.a.points) if point.trail)

    @property
    def entities(self) -> int:
        """Trails."""
        return self.a.members * len(self.traces)

    @cached_property
    def trail(self) -> int:
        """Moments of a trail; 0 where there are none."""
        if not self.traces:
            return 0
        if self.a.members > 1000 and self.a.look == "phase3d":
            return 2
        wanted = round(self.a.trail * self.a.samples)
        return max(2, min(wanted, MOST_LINES // self.entities, self.a.samples) + 1)

    @cached_property
    def solid(self) -> int:
        """Members that are drawn as bodies."""
        if self.a.look != "mechanism":
            return 0
        each = len(self.a.points) + len(self.a.rods)
        return self.a.members if self.a.members * each <= MOST_SOLID else 0

    @property
    def bodies(self) -> int:
        """Points and rods of them."""
        return self.solid * (len(self.a.points) + len(self.a.rods))

    @property
    def stride(self) -> int:
        """Samples of one line of a curve."""
        lines = self.a.samples * len(self.a.shown) * self.a.curve_members
        finest = self.a.samples / (2 * self.graph[2])
        return max(1, math.ceil(lines / MOST_LINES), round(finest))

    @cached_property
    def persistence(self) -> float:
        """Many points in the plane leave their light instead of lines."""
        flat = self.a.look in ("phase", "mechanism") and not self.a.with_series
        return 0.86 if flat and self.entities > MOST_LINES // 8 and self.a.trail > 0 else 0.0

    @cached_property
    def splats(self) -> Splats:
        """The light."""
        a = self.a
        lights = 2 * self.entities + self.trail * self.entities + 2 * a.samples * len(a.shown)
        return Splats(
            width=a.width,
            height=a.height,
            lights=max(5000, min(lights, 400_000)),
            background=a.background,
            glow=a.glow,
            persistence=self.persistence,
            own_ground=True,
        )

    @property
    def view(self) -> View:
        """The camera; flat pictures have none."""
        a = self.a
        if a.look != "phase3d":
            return View(zoom=1.0)
        return View(
            yaw=math.radians(a.yaw),
            pitch=math.radians(a.pitch),
            distance=a.distance,
            spin=math.tau * a.turns * a.frames_per_second / a.frames,
        )

    @property
    def room(self) -> float:
        """Share of its range that is left free on each side of the scene."""
        if self.a.look == "phase":
            return 0.06
        return 0.0 if self.a.look == "phase3d" else 0.14

    @property
    def offsets(self) -> dict[str, int]:
        """Where the parts of ``path`` begin."""
        from .ode import SCOUTS

        a = self.a
        scouted = 8
        origin = scouted + 9 * min(a.members, SCOUTS)
        axes = origin + len(a.rates) * a.twins
        bodies = axes + 18
        trails = bodies + 10 * self.bodies
        return {
            "SCOUTED": scouted,
            "ORIGIN": origin,
            "AXES": axes,
            "BODIES": bodies,
            "TRAILS": trails,
        }

    @property
    def path_length(self) -> int:
        """Numbers in ``path``."""
        return self.offsets["TRAILS"] + 3 * max(1, self.trail * self.entities)

    @property
    def head_radius(self) -> float:
        """Of the light at the head of a trail, in pixels of a picture of 512."""
        return 5.0 if self.a.members <= 64 else 1.9 if self.a.members <= 2000 else 1.3

    @property
    def head_light(self) -> float:
        """Its brightness where there are many."""
        pixels = int(self.scene[2] * self.scene[3])
        each = light_each(max(self.entities, 1), self.head_radius, max(pixels, 1), 0.03)
        return max(each * (1 - self.persistence), 0.01)

    @property
    def trail_light(self) -> float:
        """Brightness of the youngest part of a trail."""
        if self.a.members <= 8:
            return 1.1
        return max(0.012, 2.4 / math.sqrt(self.a.members)) * (1 - self.persistence)

    @property
    def whole(self) -> dict[str, int]:
        """Constants of type u32, or i32 for LETTERS."""
        a = self.a
        return self.offsets | {
            "LOOK": LOOKS[a.look],
            "TRACES": len(self.traces),
            "TRAIL": self.trail,
            "SOLID": self.solid,
            "RODS": len(a.rods) if a.look == "mechanism" else 0,
            "CURVE_STRIDE": self.stride,
        }

    @property
    def real(self) -> dict[str, float]:
        """Constants of type f32."""
        members = min(self.a.members, MOST_ROD_MEMBERS)
        return {
            "SCENE_ROOM": self.room,
            "HEAD_RADIUS": self.head_radius,
            "HEAD_LIGHT": self.head_light,
            "TRAIL_RADIUS": 1.6 if self.a.members <= 64 else 1.2,
            "TRAIL_LIGHT": self.trail_light,
            "ROD_LIGHT": max(0.05, min(0.8, 4.0 / math.sqrt(members))),
            "COLUMNS_OF_TICKS": max(2, round(self._plot[2] / (70 * self.letters))),
            "ROWS_OF_TICKS": max(2, round(self._plot[3] / (44 * self.letters))),
            "FLOOR_HEIGHT": self.a.floor or 0.0,
        }

    @property
    def _plot(self) -> Rect:
        """The panel with numbers, of which the smaller counts."""
        return self.graph if self.a.with_series else self.scene

    def wgsl(self) -> str:
        """Return light, camera, letters, and what depends on points, rods and names."""
        a = self.a
        panels = "\n".join(
            f"const {name}: vec4f = vec4f({', '.join(repr(float(v)) for v in rect)});"
            for name, rect in (("SCENE", self.scene), ("GRAPH", self.graph))
        )
        panels += f"\nconst LETTERS: i32 = {self.letters};"
        panels += f"\nconst HAS_GRAPH: bool = {str(a.with_series).lower()};"
        panels += f"\nconst FLOOR: bool = {str(self.floor).lower()};\n"
        points = a.points if a.look == "mechanism" else ()
        rods = a.rods if a.look == "mechanism" else ()
        inks = [f"vec3f({r}, {g}, {b})" for r, g, b in INKS]
        tables = "".join(
            (
                _table("trace_of", "u32", [f"{k}u" for k in self.traces] or ["0u"]),
                _table("rod_of", "vec3u", [_rod(rod) for rod in rods] or ["vec3u()"]),
                _table("look_of", "u32", [f"{POINT_LOOKS[p.look]}u" for p in points] or ["3u"]),
                _table("radius_of", "f32", [repr(float(p.size)) for p in points] or ["0.0"]),
                _table("ink_of", "vec3f", inks),
            )
        )
        return (
            camera_wgsl() + self.splats.wgsl() + lettering_wgsl() + panels + tables
            + self._words_wgsl()
        )  # fmt: skip

    @property
    def floor(self) -> bool:
        """Whether a floor is drawn."""
        return self.a.floor is not None and self.a.look == "mechanism"

    @cached_property
    def words(self) -> list[tuple[str, int, int, tuple[float, float, float]]]:
        """All words of the picture: text, left, top, sRGB."""
        a, s = self.a, self.letters
        found: list[tuple[str, int, int, tuple[float, float, float]]] = []
        grey = (0.66, 0.71, 0.80)

        def add(text: str, left: float, top: float, ink: tuple[float, float, float]) -> int:
            text = "".join(c for c in text if c in glyphs())[:40]
            if not text.strip():
                return 0
            wide = text_width(text, s)
            if left >= 0 and left + wide <= a.width:
                found.append((text, round(left), round(top), ink))
            return wide + 10 * s

        if a.with_series:
            x, y, w, h = self.graph
            left = x + 2.0 * s
            for k, name in enumerate(a.shown):
                left += add(self.titled(name), left, y - 13 * s, INKS[k % len(INKS)])
            time = f"t ({a.time_unit})" if a.time_unit else "t"
            add(time, x + w - text_width("".join(c for c in time if c in glyphs()), s),
                y + h + 14 * s, grey)  # fmt: skip
        if a.look == "phase":
            x, y, w, h = self.scene
            across, up = (self.titled(text) for text in a.places[0])
            add(up, x + 2 * s, y - 13 * s, grey)
            known = "".join(c for c in across if c in glyphs())[:40]
            add(known, x + w - text_width(known, s), y + h + 14 * s, grey)
        if a.look == "phase3d":
            add(" ".join(self.titled(text) for text in a.places[0]), 8 * s, 8 * s, grey)
        return found

    def titled(self, name: str) -> str:
        """Return a name with its unit."""
        unit = self.a.units.get(name, "")
        return f"{name} ({unit})" if unit else name

    def _words_wgsl(self) -> str:
        """A thread for every pixel of the widest word, a row of workgroups for every word."""
        functions, lines = [], []
        for k, (text, left, top, ink) in enumerate(self.words):
            functions.append(text_wgsl(f"word_{k}", text))
            r, g, b = ink
            lines.append(
                f"  if (id.y == {k}u && word_{k}(place, LETTERS) > 0.0) "
                f"{{ set_pixel(place + vec2i({left}, {top}), vec3f({r}, {g}, {b})); }}"
            )
        body = "\n".join(lines)
        wide = self._widest * self.letters
        return (
            "".join(functions)
            + "@compute @workgroup_size(64)\n"
            + "fn write_words(@builtin(global_invocation_id) id: vec3u) {\n"
            + f"  let place = vec2i(i32(id.x % {wide}u), i32(id.x / {wide}u));\n"
            + f"{body}\n}}\n"
        )

    @property
    def _widest(self) -> int:
        return max((text_width(text) for text, *_ in self.words), default=1)

    @property
    def _letter_passes(self) -> tuple[Pass, ...]:
        panels = (self.a.look == "phase") + self.a.with_series
        found = []
        if panels:
            groups = workgroups(64 * 8 * self.letters**2, 64)
            found.append(Pass(entry="write_numbers", dispatch=(groups, 20 * panels, 1)))
        if self.words:
            groups = workgroups(self._widest * 10 * self.letters**2, 64)
            found.append(Pass(entry="write_words", dispatch=(groups, len(self.words), 1)))
        return tuple(found)

    @property
    def passes(self) -> tuple[Pass, ...]:
        """From states to pixels."""
        a = self.a
        found = [Pass(entry="frame_up", dispatch=(1, 1, 1))]
        if self.trail:
            found.append(_lights("draw_trails", self.entities * (self.trail - 1)))
        if a.with_series:
            parts = math.ceil(max(a.samples - 1, 1) / self.stride)
            found.append(_lights("draw_curves", parts * len(a.shown) * a.curve_members))
        if a.look == "mechanism":
            if self.solid:
                found.append(_lights("pose", self.bodies))
            elif a.rods and a.members <= MOST_ROD_MEMBERS:
                found.append(_lights("draw_rods", a.members * len(a.rods)))
        after = [*self.splats.after]
        if self.solid:
            after.append(Pass(entry="paint_bodies", dispatch=(1, 1, 1)))
        return (*found, *after, *self._letter_passes)


def _lights(entry: str, count: int) -> Pass:
    return Pass(entry=entry, dispatch=in_rows(count))


def _rod(rod: tuple[int, int, str]) -> str:
    return f"vec3u({rod[0]}u, {rod[1]}u, {ROD_LOOKS[rod[2]]}u)"


def _table(name: str, kind: str, values: list[str]) -> str:
    listed = ", ".join(values)
    return (
        f"fn {name}(k: u32) -> {kind} {{\n"
        f"  var all = array<{kind}, {len(values)}>({listed});\n"
        f"  return all[k % {len(values)}u];\n}}\n"
    )
