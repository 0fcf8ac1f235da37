"""Flocks, shoals, Vicsek's model and walking crowds: up to 100,000 who see their neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from intentos.bindings import number_of
from intentos.errors import InvalidProgram
from intentos.program import (
    STANDARD_UNIFORMS,
    Buffer,
    GpuProgram,
    Output,
    Pass,
    Probe,
    Uniform,
)
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .expression import Expression, check_names, parse
from .flock_arguments import FlockArguments
from .kernel import Compare, KernelBase, workgroups
from .prelude import palette_wgsl, prelude_wgsl

COUNTERS = 16
"""At the end of ``accum``; flock.wgsl names them."""
FIXED = 16384.0
"""Of the counters' sums; a hundred thousand still fit."""

OF_PLACE = ("x", "y", "vx", "vy", "t")
LIVE = (
    "radius", "separation_radius", "separation", "alignment", "cohesion", "noise", "wander", "home",
    "speed", "speed_min", "speed_max", "turn", "repulsion", "reach", "relaxation",
    "predator_reach", "fear", "size",
)  # fmt: skip


class Formulas:
    """The parsed expressions of one set of arguments."""

    def __init__(self, a: FlockArguments) -> None:
        own = tuple(a.parameters)
        check_names(own, {*OF_PLACE, *(name for name, _ in STANDARD_UNIFORMS), *LIVE})
        self.hunted = bool(a.predator_x)
        self.hunter = [
            _parsed(n, getattr(a, n) or "0", ("t", *own)) for n in ("predator_x", "predator_y")
        ]
        self.steered = bool(a.steer_x or a.steer_y)
        self.steering = [
            _parsed(n, getattr(a, n) or "0", (*OF_PLACE, *own)) for n in ("steer_x", "steer_y")
        ]
        self._own = {name: f"uniforms.{name}" for name in own}

    def wgsl(self) -> str:
        """Return the functions hunter and steering."""
        place = {"x": "p.x", "y": "p.y", "vx": "v.x", "vy": "v.y"} | self._own
        at = ", ".join(e.wgsl(self._own) for e in self.hunter)
        push = ", ".join(e.wgsl(place) for e in self.steering)
        return f"""
const HUNTED: bool = {str(self.hunted).lower()};
const STEERED: bool = {str(self.steered).lower()};
fn hunter(t: f32) -> vec2f {{ return vec2f({at}); }}
fn steering(p: vec2f, v: vec2f, t: f32) -> vec2f {{ return vec2f({push}); }}
"""


def _parsed(name: str, text: str, names: tuple[str, ...]) -> Expression:
    try:
        return parse(text, names)
    except InvalidProgram as error:
        raise InvalidProgram(
            "program.argument", kernel="flock", argument=name, what=str(error)
        ) from error


class FlockKernel(KernelBase[FlockArguments]):
    """Many who move by what they see of their neighbours."""

    name = "flock"
    arguments = FlockArguments
    compare = Compare(
        rule="tolerance", frames=4, absolute=2e-3, relative=1e-3, outliers=0.01, pixels=1.0
    )

    def program(self, arguments: FlockArguments) -> GpuProgram:
        """Return the program; see ``flock.wgsl``, ``flock_crowd.wgsl``, ``flock_picture.wgsl``."""
        a = arguments
        pixels = a.width * a.height
        everyone = (workgroups(a.count, 64), 1, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        move, together = ("walk", 16) if a.kind == "crowd" else ("steer", 32)
        return GpuProgram(
            name=self.name,
            source=self._source(a),
            uniforms=_uniforms(a),
            buffers=(
                Buffer(name="pixels", type="u32", length=pixels),
                Buffer(name="agents", type="vec4f", length=a.count),
                Buffer(name="sorted", type="vec4f", length=a.count),
                *a.grid.buffers(),
                Buffer(name="accum", type="atomic<i32>", length=4 * pixels + COUNTERS),
                Buffer(name="ground", type="u32", length=pixels),
            ),
            start=(
                Pass(entry="begin", dispatch=everyone),
                Pass(entry="prepare", dispatch=picture),
            ),
            step=(
                *a.grid.passes(),
                Pass(entry=move, dispatch=(workgroups(a.count, together), 1, 1)),
            ),
            draw=(
                Pass(entry="forget", dispatch=(1, 1, 1)),
                Pass(entry="measure", dispatch=(min(16, everyone[0]), 1, 1)),
                Pass(entry="paint", dispatch=(workgroups(a.count + 1, 64), 1, 1)),
                Pass(entry="show", dispatch=picture),
            ),
            outputs=(Output(buffer="agents", name="agents", dtype="float32", shape=(a.count, 4)),),
            probes=_probes(a),
            width=a.width,
            height=a.height,
            dt=a.dt,
            steps_per_frame=a.steps_per_frame,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )

    def _source(self, a: FlockArguments) -> str:
        parts = [prelude_wgsl(), palette_wgsl(a.palette), _constants(a), Formulas(a).wgsl()]
        parts += [a.grid.wgsl(), self.wgsl, self.part("crowd"), self.part("picture")]
        return "".join(parts)

    def twin(self, arguments: FlockArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; neighbours are found by a tree, not by the grid."""
        from .flock_twin import frames

        return frames(arguments, Formulas(arguments), seed)

    def judge(
        self, arguments: FlockArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return speeds, order and flows, and judge that nobody is lost, too fast or in a wall."""
        from .flock_judge import judge

        return judge(arguments, evidence)


def _constants(a: FlockArguments) -> str:
    discs = a.obstacles or ((0.0, 0.0, -1.0),)
    walls = a.barriers or ((0.0, 0.0, 0.0, 0.0),)
    w, h = a.world
    area = ", ".join(repr(float(v)) for v in a.start_area)
    return f"""
const WORLD = vec2f({w!r}, {h!r});
const UNIT: f32 = {a.unit!r};
const REACH: f32 = {a.radius!r};
const BIRDS: bool = {str(a.kind == "birds").lower()};
const FISH: bool = {str(a.kind == "fish").lower()};
const VICSEK: bool = {str(a.kind == "vicsek").lower()};
const CROWD: bool = {str(a.kind == "crowd").lower()};
const SCENE: u32 = {("door", "counterflow", "crossing").index(a.scene)}u;
const WALLED: bool = {str(a.boundary == "walls").lower()};
const WRAPS = vec2f({float(a.grid.wraps_x)!r}, {float(a.grid.wraps_y)!r});
const COLOUR_BY: u32 = {("heading", "speed", "group", "depth").index(a.colour_by)}u;
const GROUPS: u32 = {a.groups}u;
const ROOST = vec2f(0.0, {0.05 * h if a.kind == "birds" else 0.0!r});
const BODY: f32 = {a.body!r};
const DOOR_X: f32 = {a.door_x!r};
const DOOR: f32 = {a.door_width / 2!r};
const START_AREA = vec4f({area});
const LATTICE = vec2u({a.lattice[0]}u, {a.lattice[1]}u);
const STRIDE: u32 = {a.stride}u;
const DISC_COUNT: u32 = {len(a.obstacles)}u;
const WALL_COUNT: u32 = {len(a.barriers)}u;
fn disc(i: u32) -> vec3f {{
  var discs = array<vec3f, {len(discs)}>({", ".join(f"vec3f{_vector(d)}" for d in discs)});
  return discs[i];
}}
fn wall(i: u32) -> vec4f {{
  var walls = array<vec4f, {len(walls)}>({", ".join(f"vec4f{_vector(s)}" for s in walls)});
  return walls[i];
}}
"""


def _vector(numbers: tuple[float, ...]) -> str:
    return "(" + ", ".join(repr(float(n)) for n in numbers) + ")"


def _uniforms(a: FlockArguments) -> tuple[Uniform, ...]:
    live = {name: float(getattr(a, name)) for name in LIVE} | a.parameters
    return (
        Uniform(name="film", type="f32", value=number_of(float(a.frames))),
        *(Uniform(name=n, type="f32", value=v) for n, v in live.items()),
    )


# Name, counter, unit, label; what a person would watch comes first.
PROBES: tuple[tuple[str, int, str, str, str], ...] = (
    ("passed", 8, "", "through the door", "已通过门的人数"),
    ("mean_speed", 4, "m/s", "mean speed", "平均速率"),
    ("heading_x", 2, "", "mean direction, across", "平均方向（水平）"),
    ("heading_y", 3, "", "mean direction, up", "平均方向（竖直）"),
    ("top_speed", 5, "m/s", "fastest", "最快者"),
    ("slowest", 6, "m/s", "slowest", "最慢者"),
    ("present", 0, "", "in the picture's world", "仍在场的个体"),
    ("not_finite", 1, "", "without a place", "位置无效的个体"),
    ("outside", 7, "", "outside the walls", "越出边界的个体"),
    ("crossed", 9, "", "through a wall", "穿墙的人数"),
    ("cut_off", 10, "", "neighbours not looked at", "未能查看的邻居"),
    ("overlap", 11, "", "deepest overlap, in diameters", "最大重叠（以直径计）"),
)
SERIES = {"passed": ("crowd",), "crossed": ("crowd",), "overlap": ("crowd",)}


def _probes(a: FlockArguments) -> tuple[Probe, ...]:
    start = 4 * a.width * a.height
    # Means are over all who were there at the start: the counters know no other number.
    scales = {
        "mean_speed": a.speed_max / (FIXED * a.count),
        "heading_x": 1 / (FIXED * a.count),
        "heading_y": 1 / (FIXED * a.count),
        "top_speed": a.speed_max / FIXED,
        "slowest": a.speed_max / FIXED,
        "overlap": 1 / FIXED,
    }
    return tuple(
        Probe(
            buffer="accum", name=name, offset=start + counter, scale=scales.get(name, 1.0),
            unit=unit, label_en=en, label_zh=zh,
        )
        for name, counter, unit, en, zh in PROBES
        if a.kind in SERIES.get(name, (a.kind,))
    )  # fmt: skip


kernel = FlockKernel()
