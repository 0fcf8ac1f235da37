"""Landscapes: gardens, cities, mountains and water at any hour, seen by ray marching."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, Uniform, View
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .kernel import Arguments, Colour, Compare, KernelBase, workgroups
from .prelude import prelude_wgsl
from .scene_constants import constants
from .scene_layout import HOURS, Layout

MAX_OBJECTS = 1200
PARTS = ("land", "plants", "buildings")

Counted = Literal[
    "tree", "pine", "bush", "rock", "flower", "flowers", "house", "lantern", "building", "city"
]
Single = Literal["mountains", "water", "moon", "rainbow", "clouds", "grass", "path"]


class Item(BaseModel):
    """Things of one kind. Lengths are in metres; x points right, z towards the camera."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[Counted, Single]
    count: int | None = Field(None, ge=0, le=600)
    """How many, exactly; 0 is none, and a kind's own number where nothing is said."""
    x: float = Field(0.0, ge=-500, le=500)
    """Middle of the area over which they spread."""
    z: float | None = Field(None, ge=-500, le=50)
    spread: float | None = Field(None, ge=0, le=500)
    """Half the width of the area."""
    depth: float = Field(3.0, ge=0, le=300)
    """Half its depth, where z is given."""
    height: float | None = Field(None, ge=0.05, le=300)
    colours: tuple[Colour, ...] = Field((), max_length=8)
    """Of leaves, petals, walls or lamps; the objects are shared out among them."""
    petals: int = Field(6, ge=3, le=16)
    """Of a flower."""


GARDEN = (
    Item(kind="tree", count=3),
    Item(kind="flowers", count=110),
    Item(kind="bush", count=4),
    Item(kind="path"),
)


class SceneArguments(Arguments):
    """A scene in the words of a person."""

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    frames: int = Field(150, ge=1, le=10_000)
    objects: tuple[Item, ...] = Field(GARDEN, max_length=24)
    ground: Literal["grass", "sand", "snow", "stone", "water"] = "grass"
    time_of_day: Literal["dawn", "day", "dusk", "night", "moonlight"] = "day"
    hour: float | None = Field(None, ge=0, le=24)
    """Of the day, instead of ``time_of_day``; the sun rises at 6 and sets at 18. May be live."""
    hours_per_second: float = Field(0.0, ge=-12, le=12)
    """Hours that pass in a second of film."""
    season: Literal["spring", "summer", "autumn", "winter"] = "summer"
    weather: Literal["clear", "cloudy", "fog", "rain", "snow"] = "clear"
    wind: float = Field(0.35, ge=0, le=1)
    """From still air to a storm. May be live."""
    fog: float | None = Field(None, ge=0, le=0.2)
    """Share of the light lost per metre; the weather's own where nothing is said. May be live."""
    waves: float = Field(1.0, ge=0, le=4)
    """Height of the ripples on water, as a factor."""
    mountain_height: float = Field(420.0, ge=20, le=900)
    """Of the highest peaks, metres."""
    camera: Literal["orbit", "fly", "walk", "still"] = "orbit"
    """Swings around the middle, goes forward, walks, or stands."""
    distance: float | None = Field(None, ge=2, le=200)
    """Of the camera from the middle, metres."""
    camera_height: float | None = Field(None, ge=0.5, le=80)
    light: bool = False
    """Also leave the light and the distance (m) of every pixel as an array, ``light.npy``; they are
    then traced in the program's steps, so a moved view shows from the next step on."""
    yaw: float = Field(0.0, ge=-180, le=180)
    """Degrees around the middle."""
    pitch: float = Field(0.0, ge=-5, le=60)
    """Degrees from above."""
    zoom: float = Field(1.0, ge=0.4, le=5)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        objects = Layout(self).objects
        if objects > MAX_OBJECTS:
            raise ValueError(f"the scene has {objects} objects; at most {MAX_OBJECTS} fit")
        return self

    @property
    def clock(self) -> float:
        """Hour at the start."""
        return self.hour if self.hour is not None else HOURS[self.time_of_day]

    @property
    def haze(self) -> float:
        """Share of the light lost per metre."""
        if self.fog is not None:
            return self.fog
        own = {"clear": 0.0011, "cloudy": 0.0022, "fog": 0.028, "rain": 0.010, "snow": 0.012}
        low_sun = 0.0016 if self.time_of_day in ("dawn", "dusk") else 0.0
        # A city is far away: the same air would hide it.
        far = 0.45 if any(item.kind in ("city", "building") for item in self.objects) else 1.0
        return (own[self.weather] + low_sun) * far


class SceneKernel(KernelBase[SceneArguments]):
    """Rays, tiles and light; see ``scene.wgsl``."""

    name = "scene"
    arguments = SceneArguments
    compare = Compare(
        rule="tolerance", frames=2, absolute=2e-3, relative=2e-3, outliers=0.002, pixels=1.0
    )

    def program(self, arguments: SceneArguments) -> GpuProgram:
        """Return the program; only what the scene has is in its passes."""
        a = arguments
        plan = Layout(a)
        start, trace, develop = passes(plan)
        objects = Output(buffer="objects", name="objects", dtype="float32", shape=(plan.length, 4))
        light = Output(buffer="image", name="light", dtype="float32", shape=(a.height, a.width, 4))
        return GpuProgram(
            name=self.name,
            source="\n".join([prelude_wgsl(), constants(plan), self.wgsl, *map(self.part, PARTS)]),
            uniforms=(
                Uniform(name="hour", value=a.clock),
                Uniform(name="hours_per_second", value=a.hours_per_second),
                Uniform(name="wind", value=a.wind),
                Uniform(name="fog", value=a.haze),
            ),
            buffers=(
                Buffer(name="pixels", type="u32", length=plan.pixels),
                Buffer(
                    name="beside",
                    type="vec4f",
                    length=plan.pixels + 2 * plan.small[0] * plan.small[1],
                ),
                Buffer(name="image", type="vec4f", length=plan.pixels),
                Buffer(name="lists", type="u32", length=plan.ldr + plan.pixels),
                Buffer(name="counters", type="atomic<u32>", length=len(plan.kinds) + 8),
                Buffer(name="objects", type="vec4f", length=plan.length),
                Buffer(name="maps", type="f32", length=plan.maps),
            ),
            start=start + trace if a.light else start,
            step=trace if a.light else (),
            draw=develop if a.light else trace + develop,
            outputs=(objects, light) if a.light else (objects,),
            probes=probes(plan),
            width=a.width,
            height=a.height,
            dt=1 / a.frames_per_second,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
            view=View(
                yaw=a.yaw * 0.017453292519943295,
                pitch=a.pitch * 0.017453292519943295,
                distance=plan.distance,
                zoom=a.zoom,
            ),
        )

    def twin(self, arguments: SceneArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames."""
        from .scene_twin import frames

        return frames(self.program(arguments), arguments, seed)

    def judge(
        self, arguments: SceneArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return counts, brightness and the sun's height; see ``scene_judge``."""
        from .scene_judge import judge

        return judge(arguments, evidence)


def passes(plan: Layout) -> tuple[tuple[Pass, ...], tuple[Pass, ...], tuple[Pass, ...]]:
    """Return what happens once, what traces the light, and what makes a picture of it."""
    a = plan.a
    picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
    small = (workgroups(plan.small[0], 8), workgroups(plan.small[1], 8), 1)
    shared = (plan.workgroups, 1, 1)
    each = (workgroups(plan.objects, 64), 1, 1) if plan.objects else None
    start = []
    draw = [Pass(entry="light", dispatch=(1, 1, 1)), Pass(entry="clear_counts", dispatch=(1, 1, 1))]
    if plan.mountains:
        side = workgroups(plan.terrain, 8)
        start.append(Pass(entry="raise_mountains", dispatch=(side, side, 1)))
    if each:
        start += [Pass(entry="lay_table", dispatch=(1, 1, 1)), Pass(entry="place", dispatch=each)]
        draw.append(Pass(entry="prepare", dispatch=each))
    draw.append(Pass(entry="cull", dispatch=(workgroups(plan.tiles, 64), 1, 1)))
    if plan.shadow:
        side = workgroups(plan.shadow, 8)
        draw.append(Pass(entry="cast_shadows", dispatch=(side, side, 1)))
        if each:
            draw.append(Pass(entry="settle", dispatch=each))
    draw.append(Pass(entry="paint_sky", dispatch=shared))
    if plan.mountains:
        ways = (workgroups(plan.ridge_ways, 64), 1, 1)
        draw.append(Pass(entry="scan_mountains", dispatch=ways))
        draw.append(Pass(entry="paint_mountains", dispatch=shared))
    water = a.ground == "water" or plan.has("water")
    draw.append(Pass(entry="paint_land", dispatch=shared))
    traced = [Pass(entry=f"trace_{kind}", dispatch=shared) for kind in plan.kinds]
    # Lamps glow over what is behind them, and petals have soft edges: they come last.
    traced.sort(key=lambda one: one.entry in ("trace_flower", "trace_lantern"))
    draw += traced
    if water:
        draw.append(Pass(entry="paint_water", dispatch=shared))
        draw.append(Pass(entry="lay_water", dispatch=shared))
    develop = (
        Pass(entry="shrink", dispatch=small),
        Pass(entry="blur_across", dispatch=small),
        Pass(entry="blur_down", dispatch=small),
        Pass(entry="develop", dispatch=picture),
        Pass(entry="smooth_edges", dispatch=picture),
    )
    return tuple(start), tuple(draw), develop


def probes(plan: Layout) -> tuple[Probe, ...]:
    """Return brightness, contrast and what went wrong, of every frame."""
    cells = plan.small[0] * plan.small[1]
    at = len(plan.kinds) + 4
    return (
        Probe(
            buffer="counters", name="brightness", offset=at, scale=1 / 63 / cells,
            label_en="brightness", label_zh="亮度",
        ),
        Probe(
            buffer="counters", name="squared_brightness", offset=at + 1, scale=1 / 63**2 / cells,
            label_en="mean squared brightness", label_zh="亮度的均方值",
        ),
        Probe(
            buffer="counters", name="not_finite", offset=at + 2,
            label_en="cells that are no number", label_zh="无效的画面单元",
        ),
    )  # fmt: skip


kernel = SceneKernel()
