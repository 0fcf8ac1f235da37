"""What a scene is made of: kinds of objects, where they stand by default, and the shader's constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scene import Item, SceneArguments

STATE = 16
"""vec4f of the scene itself (light, camera) before the objects."""
RECORD = 6
"""vec4f of an object."""
CAP = 24
"""Objects of one kind that a tile of the picture remembers, the nearest first."""
TILE = 8
ABSENT = 99
"""The number of a kind that the scene does not have; no object's kind."""


@dataclass(frozen=True)
class Kind:
    """How the objects of one kind look and where they stand unless a person says otherwise."""

    name: str
    count: int
    near: float
    """z of the row nearest to the camera, which stands at z = distance and looks along -z."""
    far: float
    share: float
    """Of half the width of the view, to which they spread."""
    height: float
    """Metres."""
    spread: float
    """Share by which heights vary."""
    width: float
    """By height."""
    shape: int
    """0 slender, 1 straight walls, 2 round, 3 towers of very different heights, 4 heavy at the top."""
    inks: tuple[str, ...]
    tint: float
    """How far colours vary."""
    shadow: tuple[float, float, float, float] | None = None
    """Middle and half height of the crown by height, holes in it, half width of the stem."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("tree", 3, 0.5, -7.0, 0.82, 4.9, 0.14, 0.76, 0, ("#5f8f2f",), 0.35,
             (0.66, 0.34, 0.75, 0.028)),
        Kind("pine", 7, -1.0, -20.0, 0.85, 7.5, 0.25, 0.46, 0, ("#2c5a35",), 0.3,
             (0.45, 0.50, 0.25, 0.02)),
        Kind("bush", 6, 3.0, -6.0, 0.85, 1.15, 0.25, 1.5, 2, ("#4c7d2a",), 0.3,
             (0.30, 0.40, 0.3, 0.0)),
        Kind("rock", 5, 5.0, -4.0, 0.8, 0.7, 0.5, 1.3, 2, ("#8d867c",), 0.15,
             (0.25, 0.55, 0.0, 0.0)),
        Kind("house", 3, -8.0, -19.0, 0.62, 5.0, 0.12, 1.25, 1,
             ("#d9c7a3", "#cfd3c8", "#c99f78"), 0.12, (0.42, 0.50, 0.0, 0.0)),
        Kind("lantern", 4, 4.0, -4.0, 0.75, 2.3, 0.04, 0.16, 0, ("#ffb45e",), 0.08,
             (0.90, 0.06, 0.0, 0.012)),
        Kind("flower", 90, 9.2, 0.5, 0.92, 0.52, 0.30, 0.40, 4,
             ("#d8202c", "#f2b21c", "#f4efe6", "#8f4bd0"), 0.25),
        Kind("building", 64, -190.0, -360.0, 1.08, 66.0, 0.3, 0.30, 3,
             ("#4d5a6b", "#6b6660", "#3c4654", "#7a6d62"), 0.06),
    )
}  # fmt: skip
"""In the order in which they are traced; shadows are cast by those before the flowers."""

OPENING = ("tree", "pine", "house")
ALIASES = {"flowers": "flower", "city": "building"}

SEASON_LEAVES = {
    "spring": ("#f2a9c0", "#f6bfd0", "#e996b4"),
    "summer": ("#56772c", "#6b8233", "#456f2f"),
    "autumn": ("#b23c24", "#cc6d24", "#cf9a34"),
    "winter": ("#8b8178",),
}
SEASON_GRASS = {"spring": "#67903a", "summer": "#54803a", "autumn": "#958a3a", "winter": "#8f9068"}
WOODS = {"spring": "#48662f", "summer": "#33552a", "autumn": "#8a5a26", "winter": "#6f7470"}
GROUNDS = {"grass": 0, "sand": 1, "snow": 2, "stone": 3, "water": 4}
SOILS = {"sand": "#d9b98a", "snow": "#eef2f7", "stone": "#9c958b", "water": "#3a4448"}
HOURS = {"dawn": 6.35, "day": 9.6, "dusk": 17.6, "night": 0.0, "moonlight": 0.0}
CAMERAS = {"still": 0, "orbit": 1, "fly": 2, "walk": 3}


@dataclass(frozen=True)
class Group:
    """Objects of one kind and colour: one row of the shader's table."""

    kind: str
    first: int
    count: int
    offset: int
    """Colours take turns along the row: the k-th of this colour is number offset + stride k."""
    stride: int
    total: int
    """Of all colours."""
    key: int
    """For chance: one for each item."""
    x: float
    half_width: float
    near: float
    far: float
    height: float
    ink: tuple[float, float, float]
    gap: float
    """Share of the middle that stays free, for the view between them."""


class Layout:
    """Everything about a scene that is fixed when its program is built."""

    def __init__(self, a: SceneArguments) -> None:
        self.a = a
        self.extras = {item.kind for item in a.objects} - {*KINDS, *ALIASES}
        self.aspect = a.width / a.height
        self.vertical = min(
            44.0, 2 * math.degrees(math.atan(math.tan(math.radians(31)) / self.aspect))
        )
        self.vertical = max(self.vertical, 30.0)
        self.focal = 1 / math.tan(math.radians(self.vertical) / 2)
        by_kind: dict[str, list[Item]] = {name: [] for name in KINDS}
        for item in a.objects:
            name = ALIASES.get(item.kind, item.kind)
            if name in by_kind:
                by_kind[name].append(item)
        self.kinds = [name for name in KINDS if by_kind[name]]
        self.city = "building" in self.kinds
        self.garden = any(k != "building" for k in self.kinds)
        self.groups: list[Group] = []
        self.ranges: dict[str, tuple[int, int]] = {}
        first = 0
        for name in self.kinds:
            start = first
            for item in by_kind[name]:
                for group in self._groups(KINDS[name], item, first):
                    self.groups.append(group)
                    first = group.first + group.count
            self.ranges[name] = (start, first - start)
        self.objects = first
        self.table = STATE + RECORD * max(1, self.objects)
        self.length = self.table + 5 * max(1, len(self.groups))
        self.tiles_x = -(-a.width // TILE)
        self.tiles = self.tiles_x * -(-a.height // TILE)
        self.small = (-(-a.width // 4), -(-a.height // 4))
        self.row = max(1, len(self.kinds)) * (CAP + 1)
        self.active = self.tiles * self.row
        self.ldr = self.active + self.tiles * (len(self.kinds) + 4)
        self.pixels = a.width * a.height
        self.casters = sum(self.ranges[k][1] for k in self.kinds if KINDS[k].shadow)
        self.terrain = 1024 if self.mountains else 1
        if self.mountains and self.pixels <= 128 * 128:
            self.terrain = 256
        self.shadow = 0 if not self.casters else (256 if self.pixels > 128 * 128 else 96)

    @property
    def mountains(self) -> bool:
        """Whether there are any."""
        return "mountains" in self.extras

    @property
    def distance(self) -> float:
        """Of the camera from what it turns around."""
        return self.a.distance if self.a.distance is not None else (13.0 if self.garden else 30.0)

    @property
    def eye_height(self) -> float:
        """Of the camera above the ground."""
        if self.a.camera_height is not None:
            return self.a.camera_height
        return (3.0 if self.vista else 2.1) if self.garden else 4.0

    @property
    def aim_height(self) -> float:
        """What the camera looks at: a little up, so that the horizon lies in the lower part."""
        lift = 0.17 if self.city or not self.garden else 0.13
        return self.eye_height + lift / self.focal * 2 * self.distance

    def _groups(self, kind: Kind, item: Item, first: int) -> list[Group]:
        inks = item.colours or self._inks(kind)
        count = item.count if item.count is not None else kind.count
        inks = inks[: max(1, count)]
        near, far = kind.near, kind.far
        if self.vista and kind.name in OPENING:
            near, far = min(near, 1.0), -5.0
        if item.z is not None:
            near, far = item.z + item.depth, item.z - item.depth
        middle = 0.5 * (near + far)
        view = (self.distance - middle) / self.focal * min(self.aspect, 2.4)
        half = item.spread if item.spread is not None else kind.share * max(view, 1.0)
        height = item.height if item.height is not None else kind.height
        if self.vista and item.height is None and kind.name in OPENING:
            height *= 0.72
        key = 100 * first + 7
        gap = self._gap(kind) if item.z is None else 0.0
        groups = []
        for number, ink in enumerate(inks):
            share = count // len(inks) + (number < count % len(inks))
            groups.append(
                Group(
                    kind=kind.name,
                    first=first,
                    count=share,
                    offset=number,
                    stride=len(inks),
                    total=count,
                    key=key,
                    x=item.x,
                    half_width=half,
                    near=near,
                    far=far,
                    height=height,
                    ink=linear(ink),
                    gap=gap,
                )
            )
            first += share
        return groups

    def _gap(self, kind: Kind) -> float:
        if kind.name not in OPENING:
            return 0.0
        if self.vista:
            return 0.55
        houses = any(item.kind == "house" for item in self.a.objects)
        return 0.45 if houses and kind.name != "house" else 0.0

    def _inks(self, kind: Kind) -> tuple[str, ...]:
        return SEASON_LEAVES[self.a.season] if kind.name == "tree" else kind.inks

    @property
    def vista(self) -> bool:
        """Whether there is a lake, which is to be seen between the trees."""
        return self.has("water") and self.a.ground != "water"

    def has(self, extra: str) -> bool:
        """Whether the scene has something of which there is only one."""
        return extra in self.extras

    def wgsl(self) -> str:
        """Return the constants of this scene."""
        lines = [f"const {name}: {kind} = {value};" for name, kind, value in self._constants()]
        ranges = ", ".join(f"vec2u({f}u, {n}u)" for f, n in self._ranges())
        lines.append(f"const RANGES = array<vec2u, {max(1, len(self.kinds))}>({ranges});")
        shapes = [KINDS[k].shadow or (0.5, 0.5, 0.0, 0.0) for k in self.kinds] or [(0.5,) * 4]
        lines.append(
            f"const SHADOW_SHAPES = array<vec4f, {len(shapes)}>("
            + ", ".join(vector(*shape) for shape in shapes)
            + ");"
        )
        rows = [row for group in self.groups for row in self._row(group)] or [(0.0,) * 4]
        stores = "".join(
            f"  objects[TABLE + {n}u] = {vector(*row)};\n" for n, row in enumerate(rows)
        )
        lines.append(f"@compute @workgroup_size(1)\nfn lay_table() {{\n{stores}}}")
        return "\n".join(lines) + "\n"

    def _ranges(self) -> list[tuple[int, int]]:
        return [self.ranges[name] for name in self.kinds] or [(0, 0)]

    def _row(self, g: Group) -> list[tuple[float, ...]]:
        kind = KINDS[g.kind]
        return [
            (g.first, g.count, self.kinds.index(g.kind), g.key),
            (g.x, g.half_width, g.near, g.far),
            (g.height, kind.spread, kind.width, kind.shape),
            (*g.ink, kind.tint),
            (g.gap, g.offset, g.stride, g.total),
        ]

    def _constants(self) -> list[tuple[str, str, str]]:
        a = self.a
        kinds = len(self.kinds)
        whole = {
            "STATE": STATE, "CAP": CAP, "ROW": self.row, "KINDS": kinds, "ACTIVE": self.active,
            "LDR": self.ldr, "TILES": self.tiles, "TILES_X": self.tiles_x, "OBJECTS": self.objects,
            "CLASSES": len(self.groups), "SKY": kinds, "TABLE": self.table, "LAND": kinds + 1, "RIDGE": kinds + 2,
            "WATER": kinds + 3, "SUMS": kinds + 4, "COUNTERS": kinds + 8, "GROUPS": self.workgroups,
            "HALO": self.pixels, "SMALL_X": self.small[0], "SMALL_Y": self.small[1],
            "TERRAIN": self.terrain, "SHADOW": self.shadow, "SHADOW_AT": self.terrain**2,
            "CASTERS": self.casters, "LIGHTS": self._lights()[1], "LIGHT_FROM": self._lights()[0],
        }  # fmt: skip
        whole |= {name.upper(): self._slot(name) for name in KINDS}
        low_sun = a.time_of_day in ("dawn", "dusk")
        overcast = {"clear": 0.0, "cloudy": 0.35, "fog": 0.55, "rain": 0.9, "snow": 0.85}[a.weather]
        cover = {"clear": 0.52, "cloudy": 0.36, "fog": 0.42, "rain": 0.20, "snow": 0.24}[a.weather]
        snowy = a.weather == "snow" or a.season == "winter" or a.ground == "snow"
        grass = 0.05 if a.season == "winter" else (0.30 if self.has("grass") else 0.20)
        real = {
            "FOCAL": self.focal, "EYE_HEIGHT": self.eye_height, "AIM_HEIGHT": self.aim_height,
            "FILM": a.frames, "SWING": 0.20 if self.garden else 0.05, "CAMERA_Z": self.distance,
            "TRAVEL": {"fly": 1.0, "walk": 0.35}.get(a.camera, 0.0) * self._travel(),
            "MOON": 1.0 if a.time_of_day == "moonlight" or self.has("moon") else 0.0,
            "MOON_HEIGHT": 0.5 * self.vertical - 3.0 + (4.5 if self.city else 0.0), "MOON_AZIMUTH": 8.5, "MOON_SIZE": 0.034,
            "OVERCAST": overcast, "CLOUD_FROM": cover, "LAND_TOP": 0.03, "SKY_BOTTOM": -0.05 - self.eye_height / 200,
            "MOUNTAIN_TOP": 0.75 if self.mountains else -1.0, "MOUNTAINS": a.mountain_height,
            "SNOW_LINE": 0.10 if snowy else 0.30, "TERRAIN_REACH": 1500.0,
            "ROLL": self.roll,
            "GRASS_HEIGHT": grass, "WATER_LEVEL": 0.0, "SHORE": 1e6, "LAKE_CLEAR": 0.3, "WAVES": a.waves,
            "SNOWED": 0.85 if snowy else 0.0, "GROUND_BOUNCE": 1.6 if a.ground in ("snow", "sand") else 0.8,
            "PETALS": float(self._petals()), "PETAL_CUT": 0.5, "BLOSSOM": 0.30 if a.season == "spring" else 0.0,
            "LIT_SHARE": 1.0, "LIT_POWER": 1.9, "TOWER_HEIGHT": 66.0, "FALL": {"snow": 0.8, "rain": 0.75}.get(a.weather, 0.0),
            "BLOOM": 0.85, "BLOOM_FROM": 2.2 if a.time_of_day == "day" else 1.2, "EXPOSURE": 0.82, "SATURATION": 1.03, "SMOOTH": 0.75,
            "LANTERN_KIND": self._slot("lantern") if "lantern" in self.kinds else -1,
        }  # fmt: skip
        flags = {
            "LAKE": self.has("water") and a.ground != "water",
            "STARS": True,
            "HILLS": (not self.mountains and a.ground in ("grass", "snow")) or (self.city and False),
            "CLOUDS": a.weather != "clear"
            or self.has("clouds")
            or low_sun
            or a.time_of_day in ("day", "moonlight"),
            "RAINBOW": self.has("rainbow"),
            "PATH": self.has("path"),
            "RAIN": a.weather == "rain",
        }
        signed = {
            "GROUND": GROUNDS[a.ground],
            "CAMERA_PATH": CAMERAS[a.camera],
            "FALL_LAYERS": 4 if a.weather in ("snow", "rain") else 0,
        }
        soil = SEASON_GRASS[a.season] if a.ground == "grass" else SOILS[a.ground]
        if a.ground == "grass" and a.weather == "snow":
            soil = SOILS["snow"]
            signed["GROUND"] = GROUNDS["snow"]
        return [
            *((n, "u32", f"{v}u") for n, v in whole.items()),
            *((n, "f32", f"{float(v)!r}") for n, v in real.items()),
            *((n, "bool", str(v).lower()) for n, v in flags.items()),
            *((n, "i32", str(v)) for n, v in signed.items()),
            ("SOIL", "vec3f", vector(*linear(soil))),
            ("HEART_INK", "vec3f", vector(*linear("#e8b020"))),
            (
                "WOODS",
                "vec3f",
                vector(*linear(WOODS[a.season] if a.ground != "snow" else "#8d979c")),
            ),
            ("BLOSSOM_INK", "vec3f", vector(*linear("#f4b8cc"))),
            ("ROOF_INK", "vec3f", vector(*linear("#9a4a35"))),
            ("LAKE_AREA", "vec4f", vector(*self.lake_area)),
            ("SHADOW_AREA", "vec4f", vector(-24.0, -30.0, 48.0, 44.0)),
        ]

    @property
    def lake_area(self) -> tuple[float, float, float, float]:
        """Middle and half axes of the lake."""
        for item in self.a.objects:
            if item.kind == "water":
                near = item.z if item.z is not None else (-44.0 if self.mountains else -13.0)
                wide = (
                    item.spread if item.spread is not None else (50.0 if self.mountains else 13.0)
                )
                return (
                    item.x,
                    near,
                    wide,
                    max(wide * (0.70 if self.mountains else 0.55), item.depth),
                )
        return (0.0, 0.0, 1.0, 1.0)

    @property
    def roll(self) -> float:
        """Height of the ground's waves, metres."""
        if self.a.ground in ("water", "stone") or self.city:
            return 0.0
        return 1.1 if self.a.ground == "sand" else 0.45

    def hill(self, x: Any, z: Any) -> Any:
        """Return the height of the ground in metres, in NumPy: what ``hill`` of the shader gives."""
        import numpy as np

        waves = 0.5 * np.sin(0.13 * x + 0.07 * z + 0.6) + 0.4 * np.sin(0.11 * z - 0.05 * x + 2.0)
        height = self.roll * (waves + 0.12 * np.sin(0.34 * x + 1.0) * np.sin(0.29 * z))
        if not self.vista:
            return height
        cx, cz, rx, rz = self.lake_area
        u, v = (x - cx) / rx, (z - cz) / rz
        bank = np.arctan2(v, u)
        inside = 1 - np.hypot(u, v) + 0.09 * np.sin(3 * bank + 1) + 0.05 * np.sin(7 * bank + 2)
        t = np.clip((inside + 0.1) / 0.2, 0, 1)
        wet = t * t * (3 - 2 * t)
        return (0.25 + 0.5 * (height + self.roll)) * (1 - wet) - 0.9 * wet

    @property
    def workgroups(self) -> int:
        """That share the tiles of a kind among them."""
        return max(1, min(self.tiles, 512 if self.pixels > 400_000 else 128))

    def _slot(self, kind: str) -> int:
        return self.kinds.index(kind) if kind in self.kinds else ABSENT

    def _travel(self) -> float:
        return 0.55 * self.distance if self.garden else 30.0

    def _petals(self) -> int:
        found = [item.petals for item in self.a.objects if item.kind in ("flower", "flowers")]
        return found[0] if found else 6

    def _lights(self) -> tuple[int, int]:
        # Houses and lanterns follow each other in KINDS.
        spans = [self.ranges[k] for k in ("house", "lantern") if k in self.kinds]
        if not spans:
            return (0, 0)
        return (spans[0][0], min(24, sum(n for _, n in spans)))


def linear(colour: str) -> tuple[float, float, float]:
    """Return linear light of a "#rrggbb"."""
    r, g, b = (round((int(colour[i : i + 2], 16) / 255) ** 2.2, 5) for i in (1, 3, 5))
    return (r, g, b)


def vector(*numbers: float) -> str:
    """Return a WGSL vector of floats."""
    return f"vec{len(numbers)}f(" + ", ".join(repr(float(n)) for n in numbers) + ")"
