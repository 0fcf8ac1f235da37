"""A gas of discs in a box: speeds, pressure, mixing and heat from nothing but collisions."""

from __future__ import annotations

from collections.abc import Iterator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .chart import Chart, Series
from .gas_arguments import BARS, STEPS, GasArguments
from .kernel import Compare, KernelBase, workgroups
from .prelude import palette_wgsl, prelude_wgsl
from .ticks import ticks_wgsl

COUNTERS = 64
PER = 4096.0
"""Of the counters; gas.wgsl says of what."""


class GasKernel(KernelBase[GasArguments]):
    """Molecular dynamics of soft discs."""

    name = "gas"
    arguments = GasArguments
    compare = Compare(
        rule="tolerance", frames=4, absolute=5e-3, relative=5e-3, outliers=0.02, pixels=1.5
    )

    def program(self, arguments: GasArguments) -> GpuProgram:
        """Return the program; see ``gas.wgsl`` and ``gas_picture.wgsl``."""
        a = arguments
        pixels = a.width * a.height
        everyone = (workgroups(a.particles, 64), 1, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        charts = chart_of(a)
        source = [prelude_wgsl(), palette_wgsl(a.palette), _constants(a), a.grid.wgsl()]
        source += [self.wgsl, self.part("picture")]
        source += [ticks_wgsl(), *(chart.wgsl() for chart in charts)]
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            buffers=(
                Buffer(name="pixels", type="u32", length=pixels),
                Buffer(name="discs", type="vec4f", length=a.particles),
                Buffer(name="now", type="vec4f", length=a.particles),
                Buffer(name="later", type="vec4f", length=a.particles),
                *a.grid.buffers(),
                Buffer(
                    name="counters", type="atomic<i32>",
                    length=COUNTERS + (pixels if a.tracer_radius else 0),
                ),
                Buffer(name="tracer", type="vec4f", length=2),
            ),
            start=(Pass(entry="begin", dispatch=everyone), *a.grid.passes()),
            step=_step(a, everyone),
            draw=(
                Pass(entry="forget", dispatch=(1, 1, 1)),
                Pass(entry="measure", dispatch=(min(16, everyone[0]), 1, 1)),
                *_trail(a),
                Pass(entry="show", dispatch=picture),
                *(one for chart in charts for one in chart.passes),
            ),
            outputs=_outputs(a),
            probes=_probes(a),
            width=a.width,
            height=a.height,
            dt=a.dt,
            steps_per_frame=a.rounds,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )  # fmt: skip

    def twin(self, arguments: GasArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; pairs are found by a tree, not by the grid."""
        from .gas_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: GasArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return temperature, pressure and what else is asked for, and judge the laws."""
        from .gas_judge import judge

        return judge(arguments, evidence)


def _step(a: GasArguments, everyone: tuple[int, int, int]) -> tuple[Pass, ...]:
    passes = list(a.grid.passes())
    for sub in range(STEPS):
        passes.append(Pass(entry="advance", dispatch=everyone, constants={"sub": sub}))
        if a.tracer_radius:
            passes.append(Pass(entry="drift", dispatch=(1, 1, 1), constants={"sub": sub}))
    return tuple(passes)


def _trail(a: GasArguments) -> tuple[Pass, ...]:
    if not a.tracer_radius:
        return ()
    return (
        Pass(entry="trace", dispatch=(1, 1, 1)),
        Pass(entry="mark_place", dispatch=(1, 1, 1)),
    )


def chart_of(a: GasArguments) -> tuple[Chart, ...]:
    """Return the chart of the speeds, or none."""
    if not a.charted:
        return ()
    left, top, wide, high = a.panel
    # The peak of the spread in equilibrium, and room for a start at one speed.
    top_share = 100 * a.fastest / BARS / a.speed * 2.0
    return (
        Chart(
            name="speeds", width=a.width, height=a.height, left=left, top=top, wide=wide, high=high,
            x=("0.0", repr(1000 * a.fastest)), y=("0.0", repr(round(top_share, 3))),
            x_title="speed (m/s)", y_title="share (%)",
            series=(
                Series(kind="bars", count=BARS, value="measured_bar(i)", name="discs"),
                Series(
                    kind="line", count=100, value="maxwell_of(FASTEST * f32(i) / 99.0)",
                    name="Maxwell-Boltzmann",
                ),
            ),
        ),
    )  # fmt: skip


def _constants(a: GasArguments) -> str:
    left, top, wide, high = a.frame
    first, second = (*a.areas, a.areas[-1])[:2]
    lattices, strides = (*a.lattices, a.lattices[-1])[:2], (*a.strides, a.strides[-1])[:2]
    numbers = {
        "TRACER": a.tracer_radius,
        "TRACER_MASS": a.tracer_mass,
        "STRIP": a.strip,
        "THERMAL": a.thermal,
        "SPEED": a.speed,
        "MOMENTUM": a.mass * a.speed,
        "STIFFNESS": a.stiffness,
        "GRAVITY": a.gravity_nm,
        "PISTON": a.piston,
        "PISTON_WAY": a.piston_way * a.box[0],
        "PARTITION_UNTIL": a.partition_until or 1e30,
        "HOLE": a.hole * a.box[1] / 2,
        "SLACK": slack(a),
        "DRIFT": a.drift,
        "FASTEST": a.fastest,
        "BODIES": a.particles + (1 if a.tracer_radius else 0),
        "UNIT": a.unit,
    }
    whole = {
        "FIRST": a.first,
        "START": ("equal", "maxwell", "hot_cold").index(a.speeds),
        "PARTITION": ("none", "wall", "hole", "demon").index(a.partition),
        "COLOUR_BY": ("speed", "kind").index(a.colour_by),
        "BAR_COUNT": BARS,
        "TRAIL": COUNTERS,
    }
    lines = [f"const {name}: f32 = {float(value)!r};" for name, value in numbers.items()]
    lines += [f"const {name}: u32 = {value}u;" for name, value in whole.items()]
    return (
        "\n".join(lines)
        + f"""
const APART: bool = {str(a.placed == "apart").lower()};
const TWO_KINDS: bool = {str(a.two_kinds).lower()};
const BOX = vec2f{_vector(a.box)};
const MIDDLE = vec2f{_vector((left + wide / 2, top + high / 2))};
const MASS = vec2f{_vector((a.mass, a.mass_second if a.two_kinds else a.mass))};
const RADIUS = vec2f{_vector((a.radius, a.radius_second if a.two_kinds else a.radius))};
const AREA_FIRST = vec4f{_vector(first)};
const AREA_SECOND = vec4f{_vector(second)};
const LATTICE = vec4u({", ".join(f"{n}u" for pair in lattices for n in pair)});
const STRIDE = vec2u({", ".join(f"{n}u" for n in strides)});
"""
    )


def slack(a: GasArguments) -> float:
    """Return by how many nm a disc may be over a wall before it turns."""
    return a.drift / STEPS * 1.5 + 0.02 * a.radius


def _vector(numbers: tuple[float, ...]) -> str:
    return "(" + ", ".join(repr(float(n)) for n in numbers) + ")"


def _outputs(a: GasArguments) -> tuple[Output, ...]:
    discs = Output(buffer="discs", name="discs", dtype="float32", shape=(a.particles, 4))
    if not a.tracer_radius:
        return (discs,)
    return discs, Output(buffer="tracer", name="tracer", dtype="float32", shape=(2, 4))


PROBES: tuple[tuple[str, int, str, str, str], ...] = (
    ("kinetic", 0, "kT", "kinetic energy of a disc", "每个圆盘的动能"),
    ("potential", 1, "kT", "potential energy of a disc", "每个圆盘的势能"),
    (
        "kinetic_left",
        2,
        "kT",
        "kinetic energy on the left, for each disc",
        "左侧动能（平均到每个圆盘）",
    ),
    ("on_left", 3, "", "discs on the left", "左侧圆盘数"),
    ("momentum_x", 4, "", "momentum of a disc, across", "每个圆盘的动量（水平）"),
    ("momentum_y", 5, "", "momentum of a disc, up", "每个圆盘的动量（竖直）"),
    ("not_finite", 6, "", "discs that are nowhere", "位置无效的圆盘"),
    ("outside", 7, "", "discs outside the box", "箱外的圆盘"),
    ("top_speed", 8, "", "fastest disc", "最快的圆盘"),
    ("overlap", 9, "", "deepest overlap", "最大重叠"),
    ("first_on_left", 10, "", "first kind on the left", "左侧的第一种圆盘"),
    ("impulse_x", 12, "", "momentum from the walls, across", "器壁给予的动量（水平）"),
    ("impulse_y", 13, "", "momentum from the walls, up", "器壁给予的动量（竖直）"),
    ("work", 14, "kT", "work of the piston on a disc", "活塞对每个圆盘做的功"),
    ("wall_push", 15, "", "momentum given to the walls", "传给器壁的动量"),
)
SINGLE = ("top_speed", "overlap")
COUNTS = ("on_left", "not_finite", "outside", "first_on_left")
"""Of all other numbers, which are sums, the mean over the discs is told."""


def _scale(a: GasArguments, name: str) -> float:
    if name in COUNTS:
        return 1.0
    return 1 / PER if name in SINGLE else 1 / (PER * a.particles)


def _probes(a: GasArguments) -> tuple[Probe, ...]:
    return tuple(
        Probe(
            buffer="counters", name=name, offset=offset, unit=unit, label_en=en, label_zh=zh,
            scale=_scale(a, name),
        )
        for name, offset, unit, en, zh in PROBES
    )  # fmt: skip


kernel = GasKernel()
