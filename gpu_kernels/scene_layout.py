"""What a scene is made of: kinds of objects, and where they stand by default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import Item, SceneArguments

RIDGE_STEPS = 224
"""Distances at which the mountains are looked up, in each direction."""
STATE = 16
"""vec4f of the scene itself (light, camera) before the objects."""
RECORD = 6
"""vec4f of an object."""
CAP = 24
"""Objects of one kind that a tile of the picture remembers, the nearest first."""
TILE = 8


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
    """0 slender, 1 straight walls, 2 round, 3 towers of unlike heights, 4 heavy at the top."""
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
HOURS = {"dawn": 6.35, "day": 9.6, "dusk": 17.6, "night": 0.0, "moonlight": 0.0}


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
        self.ridge_ways = min(2 * a.width, 2048) if self.mountains else 1
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

    @property
    def snowy(self) -> bool:
        """Whether snow lies on things."""
        a = self.a
        return a.weather == "snow" or a.season == "winter" or a.ground == "snow"

    def has(self, extra: str) -> bool:
        """Whether the scene has something of which there is only one."""
        return extra in self.extras

    @property
    def lake_area(self) -> tuple[float, float, float, float]:
        """Middle and half axes of the lake."""
        for item in self.a.objects:
            if item.kind == "water":
                far, half, flat = (-44.0, 50.0, 0.70) if self.mountains else (-13.0, 13.0, 0.55)
                half = item.spread if item.spread is not None else half
                middle = item.z if item.z is not None else far
                return (item.x, middle, max(half, 0.5), max(half * flat, item.depth, 0.5))
        return (0.0, 0.0, 1.0, 1.0)

    @property
    def roll(self) -> float:
        """Height of the ground's waves, metres."""
        if self.a.ground in ("water", "stone") or self.city:
            return 0.0
        return 1.1 if self.a.ground == "sand" else 0.45

    @property
    def maps(self) -> int:
        """Numbers in all maps: mountains, shadows, and how high the mountains reach."""
        ridge = self.ridge_ways * RIDGE_STEPS if self.mountains else 1
        return self.terrain**2 + self.shadow**2 + ridge

    @property
    def workgroups(self) -> int:
        """That share the tiles of a kind among them."""
        return max(1, min(self.tiles, 512 if self.pixels > 400_000 else 128))


def linear(colour: str) -> tuple[float, float, float]:
    """Return linear light of a "#rrggbb"."""
    r, g, b = (round((int(colour[i : i + 2], 16) / 255) ** 2.2, 5) for i in (1, 3, 5))
    return (r, g, b)
