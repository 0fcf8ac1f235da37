"""The shader's constants of one scene: sizes, camera, weather, colours, table of objects."""

from __future__ import annotations

from .scene_layout import CAP, KINDS, RIDGE_STEPS, STATE, Group, Layout, linear

ABSENT = 99
"""The number of a kind that the scene does not have; no object is of that kind."""
TOWER_HEIGHT = 66.0
GROUNDS = {"grass": 0, "sand": 1, "snow": 2, "stone": 3, "water": 4}
SOILS = {"sand": "#d9b98a", "snow": "#eef2f7", "stone": "#9c958b", "water": "#3a4448"}
SEASON_GRASS = {"spring": "#67903a", "summer": "#54803a", "autumn": "#958a3a", "winter": "#8f9068"}
WOODS = {"spring": "#48662f", "summer": "#33552a", "autumn": "#8a5a26", "winter": "#6f7470"}
CAMERAS = {"still": 0, "orbit": 1, "fly": 2, "walk": 3}
OVERCAST = {"clear": 0.0, "cloudy": 0.35, "fog": 0.55, "rain": 0.9, "snow": 0.85}
CLOUD_FROM = {"clear": 0.52, "cloudy": 0.36, "fog": 0.42, "rain": 0.20, "snow": 0.24}
"""Density from which there are clouds."""
FALL = {"snow": 0.8, "rain": 0.75}
"""Share of the cells of a curtain that hold a flake or a drop."""


def constants(plan: Layout) -> str:
    """Return the WGSL: constants, and the pass that writes the table of objects."""
    whole = _sizes(plan) | {name.upper(): _slot(plan, name) for name in KINDS}
    lines = [f"const {name}: u32 = {value}u;" for name, value in whole.items()]
    real = _camera(plan) | _weather(plan) | _land(plan)
    lines += [f"const {name}: f32 = {float(value)!r};" for name, value in real.items()]
    lines += [f"const {name}: bool = {str(v).lower()};" for name, v in _flags(plan).items()]
    lines += [f"const {name}: i32 = {value};" for name, value in _choices(plan).items()]
    for name, numbers in _vectors(plan).items():
        lines.append(f"const {name}: vec{len(numbers)}f = {_vector(*numbers)};")
    spans = [plan.ranges[name] for name in plan.kinds] or [(0, 0)]
    ranges = ", ".join(f"vec2u({first}u, {count}u)" for first, count in spans)
    lines.append(f"const RANGES = array<vec2u, {len(spans)}>({ranges});")
    crowns = [KINDS[k].shadow or (0.5, 0.5, 0.0, 0.0) for k in plan.kinds] or [(0.5,) * 4]
    shapes = ", ".join(_vector(*crown) for crown in crowns)
    lines.append(f"const SHADOW_SHAPES = array<vec4f, {len(crowns)}>({shapes});")
    rows = [row for group in plan.groups for row in _row(plan, group)] or [(0.0,) * 4]
    stores = "".join(f"  objects[TABLE + {n}u] = {_vector(*r)};\n" for n, r in enumerate(rows))
    lines.append(f"@compute @workgroup_size(1)\nfn lay_table() {{\n{stores}}}")
    return "\n".join(lines) + "\n"


def _row(plan: Layout, g: Group) -> list[tuple[float, ...]]:
    kind = KINDS[g.kind]
    return [
        (g.first, g.count, plan.kinds.index(g.kind), g.key),
        (g.x, g.half_width, g.near, g.far),
        (g.height, kind.spread, kind.width, kind.shape),
        (*g.ink, kind.tint),
        (g.gap, g.offset, g.stride, g.total),
    ]


def _sizes(plan: Layout) -> dict[str, int]:
    kinds = len(plan.kinds)
    # Houses and lanterns, which follow each other in KINDS, shine on what is near.
    lit = [plan.ranges[k] for k in ("house", "lantern") if k in plan.kinds]
    return {
        "STATE": STATE, "CAP": CAP, "ROW": plan.row, "KINDS": kinds, "OBJECTS": plan.objects,
        "TABLE": plan.table, "CLASSES": len(plan.groups), "TILES": plan.tiles,
        "TILES_X": plan.tiles_x, "ACTIVE": plan.active, "LDR": plan.ldr, "SKY": kinds,
        "LAND": kinds + 1, "RIDGE": kinds + 2, "WATER": kinds + 3, "SUMS": kinds + 4,
        "COUNTERS": kinds + 8, "GROUPS": plan.workgroups,
        "SMALL_X": plan.small[0], "SMALL_Y": plan.small[1], "TERRAIN": plan.terrain,
        "RIDGE_WAYS": plan.ridge_ways, "RIDGE_STEPS": RIDGE_STEPS,
        "RIDGE_AT": plan.terrain**2 + plan.shadow**2, "SHADOW": plan.shadow,
        "SHADOW_AT": plan.terrain**2, "CASTERS": plan.casters,
        "LIGHT_FROM": lit[0][0] if lit else 0, "LIGHTS": min(24, sum(n for _, n in lit)),
    }  # fmt: skip


def _slot(plan: Layout, kind: str) -> int:
    return plan.kinds.index(kind) if kind in plan.kinds else ABSENT


def _camera(plan: Layout) -> dict[str, float]:
    travel = 0.55 * plan.distance if plan.garden else 30.0
    return {
        "FOCAL": plan.focal,
        "EYE_HEIGHT": plan.eye_height,
        "AIM_HEIGHT": plan.aim_height,
        "CAMERA_Z": plan.distance,
        "FILM": plan.a.frames,
        "SWING": 0.20 if plan.garden else 0.05,
        "TRAVEL": {"fly": 1.0, "walk": 0.35}.get(plan.a.camera, 0.0) * travel,
        "LAND_TOP": 0.03,
        "SKY_BOTTOM": -0.05 - plan.eye_height / 200,
        "MOUNTAIN_TOP": 0.75 if plan.mountains else -1.0,
    }


def _weather(plan: Layout) -> dict[str, float]:
    a = plan.a
    bright = 8 < a.clock < 16 and not a.hours_per_second
    return {
        "MOON": a.time_of_day == "moonlight" or plan.has("moon"),
        "MOON_HEIGHT": 0.5 * plan.vertical - 3.0 + (4.5 if plan.city else 0.0),
        "MOON_AZIMUTH": 8.5,
        "MOON_SIZE": 0.034,
        "OVERCAST": OVERCAST[a.weather],
        "CLOUD_FROM": CLOUD_FROM[a.weather],
        "FALL": FALL.get(a.weather, 0.0),
        "SNOWED": 0.85 if plan.snowy else 0.0,
        "BLOOM": 0.85,
        "BLOOM_FROM": 2.2 if bright else 1.2,
        "EXPOSURE": 0.82,
        "SATURATION": 1.03,
        "SMOOTH": 0.75,
    }


def _land(plan: Layout) -> dict[str, float]:
    a = plan.a
    tall = 0.30 if plan.has("grass") else 0.20
    petals = [item.petals for item in a.objects if item.kind in ("flower", "flowers")]
    return {
        "MOUNTAINS": a.mountain_height,
        "SNOW_LINE": 0.10 if plan.snowy else 0.30,
        "TERRAIN_REACH": 1500.0,
        "ROLL": plan.roll,
        "GRASS_HEIGHT": 0.05 if a.season == "winter" else tall,
        "WATER_LEVEL": 0.0,
        "WAVES": a.waves,
        "GROUND_BOUNCE": 1.6 if a.ground in ("snow", "sand") else 0.8,
        "PETALS": petals[0] if petals else 6,
        "PETAL_CUT": 0.5,
        "BLOSSOM": 0.30 if a.season == "spring" else 0.0,
        "LIT_POWER": 1.9,
        "TOWER_HEIGHT": TOWER_HEIGHT,
        "LANTERN_KIND": _slot(plan, "lantern"),
    }


def _flags(plan: Layout) -> dict[str, bool]:
    a = plan.a
    clear = a.weather == "clear" and a.time_of_day == "night" and not plan.has("clouds")
    return {
        "LAKE": plan.vista,
        "HILLS": not plan.mountains and a.ground in ("grass", "snow"),
        "CLOUDS": not clear,
        "RAINBOW": plan.has("rainbow"),
        "PATH": plan.has("path"),
        "RAIN": a.weather == "rain",
    }


def _choices(plan: Layout) -> dict[str, int]:
    a = plan.a
    ground = "snow" if a.weather == "snow" and a.ground == "grass" else a.ground
    return {
        "GROUND": GROUNDS[ground],
        "CAMERA_PATH": CAMERAS[a.camera],
        "FALL_LAYERS": 4 if a.weather in FALL else 0,
    }


def _vectors(plan: Layout) -> dict[str, tuple[float, ...]]:
    a = plan.a
    soil = SEASON_GRASS[a.season] if a.ground == "grass" else SOILS[a.ground]
    if a.ground == "grass" and a.weather == "snow":
        soil = SOILS["snow"]
    return {
        "SOIL": linear(soil),
        "WOODS": linear(WOODS[a.season] if a.ground != "snow" else "#8d979c"),
        "HEART_INK": linear("#e8b020"),
        "BLOSSOM_INK": linear("#f4b8cc"),
        "ROOF_INK": linear("#9a4a35"),
        "LAKE_AREA": plan.lake_area,
        "SHADOW_AREA": (-24.0, -30.0, 48.0, 44.0),
    }


def _vector(*numbers: float) -> str:
    return f"vec{len(numbers)}f(" + ", ".join(repr(float(n)) for n in numbers) + ")"
