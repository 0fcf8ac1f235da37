"""What a flock takes, and what each kind of flock starts from."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .expression import Formula
from .grid import Grid
from .kernel import Arguments
from .prelude import known_palette

MAX_COUNT = 100_000
MAX_LOOKS = 2 * 10**8
"""At neighbours in one step, by everyone together: about a second on a processor."""
Where = Annotated[float, Field(ge=-1e5, le=1e5)]
Kind = Literal["birds", "fish", "vicsek", "crowd"]
Scene = Literal["door", "counterflow", "crossing"]

PRESETS: dict[str, dict[str, Any]] = {
    "birds": {},
    "fish": {
        "count": 1500, "span": 24.0, "radius": 1.5, "separation_radius": 0.7, "speed": 2.2,
        "speed_min": 1.0, "speed_max": 5.0, "turn": 9.0, "alignment": 2.2, "cohesion": 1.6,
        "separation": 9.0, "noise": 0.25, "wander": 0.9, "home": 0.06, "size": 0.62,
        "boundary": "walls", "palette": "ocean", "colour_by": "speed",
    },
    "vicsek": {
        "count": 6000, "span": 32.0, "radius": 1.0, "separation_radius": 0.5, "speed": 1.5,
        "speed_min": 1.5, "speed_max": 1.5, "noise": 0.12, "size": 0.5, "boundary": "periodic",
        "palette": "spectrum", "colour_by": "heading", "steps_per_frame": 1,
    },
    "crowd": {
        "count": 220, "span": 16.0, "radius": 1.6, "speed": 1.34, "speed_min": 0.0,
        "speed_max": 2.2, "turn": 60.0, "noise": 0.05, "size": 0.54, "boundary": "open",
        "palette": "plasma", "colour_by": "speed", "steps_per_frame": 6, "pace": 2.0,
    },
}  # fmt: skip
"""What a kind changes of the defaults, which are those of birds."""


class FlockArguments(Arguments):
    """Metres, seconds; the origin is the middle of the picture and y is up.

    Birds and fish steer by Reynolds' three rules: keep apart, fly the same way, keep together
    ("Flocks, herds, and schools", SIGGRAPH 1987). Vicsek et al., "Novel type of phase transition
    in a system of self-driven particles" (Phys. Rev. Lett. 75, 1995): everyone takes the mean
    direction of those within ``radius``, plus noise. Crowds feel social forces: Helbing and Molnár,
    "Social force model for pedestrian dynamics" (Phys. Rev. E 51, 1995), with the contact forces of
    Helbing, Farkas and Vicsek, "Simulating dynamical features of escape panic" (Nature 407, 2000).
    """

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    frames: int = Field(300, ge=1, le=10_000)
    kind: Kind = "birds"
    scene: Scene = "door"
    """Of a crowd: out of a hall through a door, two flows in one corridor, two that cross."""
    count: int = Field(6000, ge=1, le=MAX_COUNT)
    span: float = Field(80.0, ge=1, le=10_000)
    """Metres that the shorter side of the picture shows."""
    radius: float = Field(1.8, ge=1e-6, le=1000)
    """Metres within which others are seen; what it is at the start is the most it can be later."""
    separation_radius: float = Field(1.3, ge=1e-6, le=1000)
    """Metres within which others are too near."""
    separation: float = Field(12.0, ge=0, le=1000)
    """m/s² away from one who is too near, less with distance."""
    alignment: float = Field(1.8, ge=0, le=100)
    """1/s: how fast one's velocity becomes that of the others."""
    cohesion: float = Field(1.4, ge=0, le=100)
    """1/s² towards the middle of the others."""
    noise: float = Field(0.25, ge=0, le=10)
    """Turning by chance: rad/√s; of Vicsek's model the share of a full circle, 0..1."""
    wander: float = Field(10.0, ge=0, le=1000)
    """m/s² of slow gusts that everyone in a place feels."""
    home: float = Field(0.48, ge=0, le=100)
    """1/s² towards the middle of the picture."""
    speed: float = Field(9.5, gt=0, le=1000)
    """m/s that everyone likes best; a crowd's is the speed of free walking."""
    speed_min: float = Field(6.0, ge=0, le=1000)
    speed_max: float = Field(16.0, gt=0, le=1000)
    turn: float = Field(30.0, gt=0, le=10_000)
    """m/s²: the strongest acceleration."""
    boundary: Literal["open", "periodic", "walls"] = "open"
    obstacles: tuple[tuple[Where, Where, Annotated[float, Field(gt=0, le=1e4)]], ...] = Field(
        (), max_length=16
    )
    """Discs that everyone goes round: x, y, radius."""
    walls: tuple[tuple[Where, Where, Where, Where], ...] = Field((), max_length=16)
    """Of a crowd, beyond those of its scene: from x, y to x, y."""
    door_width: float = Field(1.4, ge=0.5, le=50)
    """Metres."""
    body: float = Field(0.23, ge=0.1, le=1)
    """Radius of a person in metres."""
    repulsion: float = Field(3.0, ge=0, le=200)
    """m/s² between people who touch, falling by e every ``reach``."""
    reach: float = Field(0.12, ge=0.02, le=1)
    """Metres."""
    relaxation: float = Field(0.5, ge=0.05, le=5)
    """Seconds in which a person comes to the speed they want."""
    predator_x: Formula = ""
    """Where a hunter is, of t and the parameters; with it ``predator_y``."""
    predator_y: Formula = ""
    predator_reach: float = Field(12.0, gt=0, le=1000)
    """Metres from which it is fled."""
    fear: float = Field(60.0, ge=0, le=1000)
    """m/s² away from it."""
    steer_x: Formula = ""
    """m/s² that everyone feels besides, of x, y, vx, vy, t and the parameters."""
    steer_y: Formula = ""
    parameters: dict[str, float] = Field(default_factory=dict, max_length=24)
    """Numbers that the formulas may use by name."""
    steps_per_frame: int = Field(2, ge=1, le=200)
    pace: float = Field(1.0, gt=0, le=100)
    """Simulated seconds a second of film."""
    size: float = Field(0.75, gt=0, le=1000)
    """Metres from head to tail, as drawn."""
    colour_by: Literal["heading", "speed", "group", "depth"] = "depth"
    palette: str = "sunset"
    """One of ``prelude.PALETTES``."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kind = str(data.get("kind", "birds"))
        preset = dict(PRESETS.get(kind, {}))
        if kind == "crowd" and data.get("scene") in ("counterflow", "crossing"):
            preset |= {
                "boundary": "periodic", "palette": "ice_fire", "colour_by": "group",
                "count": 130, "noise": 0.2, "repulsion": 2.0, "reach": 0.2,
            }  # fmt: skip
        return preset | _scaled(kind, data, preset) | data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known_palette(self.palette)
        if self.speed_min > self.speed_max:
            raise ValueError("speed_min is greater than speed_max")
        if not self.speed_min * 0.9999 <= self.speed <= self.speed_max * 1.0001:
            raise ValueError(
                f"speed is {self.speed:g}; it must lie between speed_min and speed_max, that is "
                f"{self.speed_min:g} and {self.speed_max:g}"
            )
        if bool(self.predator_x) != bool(self.predator_y):
            raise ValueError("predator_x and predator_y come together")
        if self.walls and self.kind != "crowd":
            raise ValueError("walls are for crowds; birds and fish go round obstacles")
        if self.kind == "vicsek" and self.noise > 1:
            raise ValueError("noise of Vicsek's model is a share of the full circle, at most 1")
        if self.radius * 3 > self.span:
            raise ValueError(f"radius is at most {self.span / 3:g} with this span")
        # Each looks into the nine cells around them, whose side is the radius.
        width, height = self.world
        looked = 9 * (self.count * self.radius) ** 2 / (width * height)
        if looked > MAX_LOOKS:
            most = self.radius * math.sqrt(MAX_LOOKS / looked)
            raise ValueError(
                f"so many so close together see too many; radius is at most {most:.3g}"
            )
        if self.kind == "crowd" and self.count > self.room:
            raise ValueError(f"there is room for at most {self.room} people")
        return self

    @property
    def unit(self) -> float:
        """Pixels a metre."""
        return min(self.width, self.height) / self.span

    @property
    def world(self) -> tuple[float, float]:
        """Width and height in metres."""
        return self.width / self.unit, self.height / self.unit

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        return self.pace / self.frames_per_second / self.steps_per_frame

    @property
    def groups(self) -> int:
        """Those who walk the same way."""
        return 2 if self.kind == "crowd" and self.scene != "door" else 1

    @property
    def door_x(self) -> float:
        """Where the wall with the door stands."""
        return 0.22 * self.world[0]

    @property
    def start_area(self) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of where a crowd stands at first."""
        w, h = self.world
        edge = 1.4 * self.body + 0.03 * self.span
        if self.scene == "door":
            left = -0.47 * w + edge
            return left, -0.47 * h + edge, self.door_x - 0.04 * w - left, 0.94 * h - 2 * edge
        up = self.corridor / 2 - edge if self.scene == "counterflow" else h / 2
        return -w / 2, -up, w, 2 * up

    @property
    def corridor(self) -> float:
        """Metres between the walls of a corridor."""
        return 0.62 * self.world[1]

    @property
    def lattice(self) -> tuple[int, int]:
        """Columns and rows of the places where a crowd stands at first."""
        _, _, w, h = self.start_area
        columns = max(1, math.ceil(math.sqrt(self.count * w / max(h, 1e-6))))
        return columns, -(-self.count // columns)

    @property
    def room(self) -> int:
        """How many people can stand there without touching."""
        _, _, w, h = self.start_area
        side = 2.1 * self.body
        return min(MAX_COUNT, int(max(w, 0) / side) * int(max(h, 0) / side))

    @property
    def stride(self) -> int:
        """Mixes the numbers of the places; no divisor in common with how many there are."""
        columns, rows = self.lattice
        slots = columns * rows
        step = max(1, min(round(slots * 0.618), (2**32 - 1) // (slots + 1)))
        while math.gcd(step, slots) != 1:
            step -= 1
        return max(step, 1)

    @property
    def barriers(self) -> tuple[tuple[float, float, float, float], ...]:
        """All walls of a crowd."""
        if self.kind != "crowd":
            return ()
        w, h = self.world
        if self.scene == "door":
            left, right, top, half = -0.47 * w, self.door_x, 0.47 * h, self.door_width / 2
            own = [(left, -top, right, -top), (left, top, right, top), (left, -top, left, top),
                   (right, -top, right, -half), (right, half, right, top)]  # fmt: skip
        elif self.scene == "counterflow":
            up = self.corridor / 2
            own = [(-w, -up, w, -up), (-w, up, w, up)]
        else:
            own = []
        return (*own, *self.walls)

    @property
    def grid(self) -> Grid:
        """The grid that neighbours are found with."""
        w, h = self.world
        wraps = self.boundary == "periodic"
        return Grid(
            things=self.count, left=-w / 2, bottom=-h / 2, width=w, height=h, radius=self.radius,
            wraps_x=wraps, wraps_y=wraps and (self.kind != "crowd" or self.scene == "crossing"),
        )  # fmt: skip


def _scaled(kind: str, data: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from a count or a speed where nothing else is said.

    More who fly take more sky: they are as dense, and as large in metres, as the default.
    """

    def usual(name: str) -> float:
        default = FlockArguments.model_fields[name].default
        return float(preset.get(name, default))

    found: dict[str, Any] = {}
    count, speed = data.get("count"), data.get("speed")
    if isinstance(count, int | float) and 1 <= count <= MAX_COUNT and "span" not in data:
        factor = max(math.sqrt(count / usual("count")), 0.25)
        found["span"] = usual("span") * factor
        found["home"] = usual("home") / factor**2
    if isinstance(speed, int | float) and speed > 0:
        factor = speed / usual("speed")
        found["speed_min"] = usual("speed_min") * factor
        found["speed_max"] = usual("speed_max") * factor
    return found
