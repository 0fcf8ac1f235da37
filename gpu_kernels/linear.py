"""Building blocks: matrix products, Fourier transforms, sums, running sums, sorting, counting.

Each works on a list or matrix from a formula, or on an array that an earlier step left, and gives
its result as an array. The film shows the work: a product sums up slice by slice, a signal comes
back wave by wave, a list gets into order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .captions import BRIGHT, DIM, Captions, Figure, Word
from .expression import Expression
from .kernel import Compare, InputArray, KernelBase, in_rows, workgroups
from .lettering import scale_for
from .linear_arguments import COUNTERS, LISTS, LinearArguments
from .linear_shaders import (
    LANES,
    ROWS,
    columns_of,
    fourier_wgsl,
    matmul_wgsl,
    packed_sizes,
    radices,
)
from .prelude import palette_wgsl, prelude_wgsl
from .splats import Splats


class LinearKernel(KernelBase[LinearArguments]):
    """Values: size of the result, sums, frequencies, extremes; outputs: input and result."""

    name = "linear"
    arguments = LinearArguments
    compare = Compare(rule="tolerance", frames=200, absolute=2e-3, relative=1e-3, pixels=2.0)

    def program(self, arguments: LinearArguments) -> GpuProgram:
        """Return the program of the operation.

        Raises:
            InvalidProgram: a formula cannot be read.
        """
        a = arguments
        parts = {
            "matmul": _matmul, "fft": _fourier, "fft2d": _fourier, "sort": _sort,
        }.get(a.operation, _lists)(a)  # fmt: skip
        splats, captions = splats_of(a), captions_of(a)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        still = a.frames == 1
        draw = (
            *(parts.work if still else ()),
            *parts.look,
            Pass(entry="measure", dispatch=(1, 1, 1)),
            Pass(entry="light_up", dispatch=picture),
            *splats.after,
            *captions.after,
        )
        return GpuProgram(
            name=self.name,
            source="\n".join(
                [
                    prelude_wgsl(), palette_wgsl(a.colours), splats.wgsl(), _constants(a),
                    self.wgsl, parts.source, captions.wgsl(),
                ]
            ),
            uniforms=splats.uniforms,
            buffers=(
                *splats.buffers,
                *parts.buffers,
                Buffer(name="statistics", type="f32", length=16),
            ),
            start=parts.start,
            step=() if still else parts.step,
            draw=draw,
            outputs=parts.outputs,
            probes=parts.probes,
            width=a.width,
            height=a.height,
            steps_per_frame=0 if still else a.steps,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )  # fmt: skip

    def twin(self, arguments: LinearArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames, computed by NumPy's own routines."""
        from .linear_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: LinearArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return what the result says, and judge it by what must hold."""
        from .linear_judge import judge

        return judge(arguments, evidence)


class Parts:
    """What an operation brings to the program."""

    def __init__(
        self,
        source: str,
        *,
        buffers: tuple[Buffer, ...],
        start: tuple[Pass, ...],
        step: tuple[Pass, ...],
        outputs: tuple[Output, ...],
        probes: tuple[Probe, ...] = (),
        look: tuple[Pass, ...] = (),
        work: tuple[Pass, ...] | None = None,
    ) -> None:
        self.source = source
        self.buffers, self.start, self.step = buffers, start, step
        self.outputs, self.probes, self.look = outputs, probes, look
        self.work = step if work is None else work
        """All of the work in passes, for a still picture."""


def _file(name: str) -> str:
    return Path(__file__).with_name(f"linear_{name}.wgsl").read_text("utf-8")


def _input(name: str, length: int, given: InputArray | None) -> Buffer:
    reference = None if given is None else given.reference
    return Buffer(name=name, type="f32", length=length, data=reference)


def _matmul(a: LinearArguments) -> Parts:
    (rows, inner), across = a.shape, a.other_shape[1]
    biggest = max(rows * inner, inner * across)
    packed = sum(packed_sizes(rows, inner, across))
    return Parts(
        matmul_wgsl(rows, inner, across) + _file("matmul"),
        buffers=(
            _input("a", rows * inner, a.input),
            _input("b", inner * across, a.other_input),
            Buffer(name="c", type="f32", length=rows * across),
            Buffer(name="packed", type="f32", length=packed),
        ),
        start=(Pass(entry="fill", dispatch=in_rows(biggest)),),
        step=(
            Pass(entry="pack", dispatch=in_rows(packed)),
            Pass(
                entry="multiply",
                dispatch=(
                    workgroups(across, LANES * columns_of(across)),
                    workgroups(rows, ROWS),
                    1,
                ),
            ),
        ),
        outputs=(
            Output(buffer="a", name="left", dtype="float32", shape=(rows, inner)),
            Output(buffer="b", name="right", dtype="float32", shape=(inner, across)),
            Output(buffer="c", name="product", dtype="float32", shape=(rows, across)),
        ),
    )


def fourier_passes(a: LinearArguments, back: bool) -> list[Pass]:
    """Return one transform's passes: along the rows, then down the columns."""
    height, across = a.shape
    passes: list[Pass] = []
    source = 0
    for down, length, lines in ((0, across, height), (1, height, across)):
        done = 1
        for radix in radices(length):
            part = length // radix
            dispatch = (
                (workgroups(lines, 64), part, 1) if down else (workgroups(part, 64), lines, 1)
            )
            constants = {
                "DONE": done,
                "DOWN": down,
                "BACK": int(back),
                "FROM": source,
                "LOAD": int(not back and not passes),
            }
            passes.append(
                Pass(entry=f"fourier{radix}", dispatch=dispatch,
                     constants={k: float(v) for k, v in constants.items()})
            )  # fmt: skip
            done *= radix
            source = 1 - source
    if back and not source:  # otherwise the result has to be copied, and is scaled then
        last = passes[-1]
        scaled = {**last.constants, "SCALE": 1.0 / (height * across)}
        passes[-1] = last.model_copy(update={"constants": scaled})
    return passes


def _fourier(a: LinearArguments) -> Parts:
    height, across = a.shape
    total, every = height * across, in_rows(height * across)
    shape = (height, across, 2) if a.operation == "fft2d" else (across, 2)
    back = fourier_passes(a, back=True)
    step = (
        *fourier_passes(a, back=False),
        Pass(entry="keep_band", dispatch=every),
        *back,
        *([Pass(entry="scale_back", dispatch=every)] if len(back) % 2 else []),
    )
    return Parts(
        fourier_wgsl() + _file("fourier"),
        buffers=(
            _input("values", total, a.input),
            Buffer(name="first", type="vec2f", length=total),
            Buffer(name="second", type="vec2f", length=total),
            Buffer(name="spectrum", type="vec2f", length=total),
        ),
        start=(Pass(entry="fill", dispatch=every),),
        step=step,
        outputs=(
            Output(buffer="values", name="values", dtype="float32", shape=shape[:-1]),
            Output(buffer="spectrum", name="spectrum", dtype="float32", shape=shape),
            Output(buffer="first", name="restored", dtype="float32", shape=shape),
        ),
        probes=(
            Probe(buffer="statistics", name="band", offset=6, label_en="waves kept",
                  label_zh="保留的最高波数"),
        ),
    )  # fmt: skip


def _sort(a: LinearArguments) -> Parts:
    n = a.shape[1]
    half = in_rows(a.padded // 2)
    return Parts(
        _file("sort"),
        buffers=(
            _input("values", n, a.input),
            Buffer(name="pairs", type="vec2u", length=a.padded),
            Buffer(name="ordered", type="f32", length=n),
            Buffer(name="order", type="u32", length=n),
        ),
        start=(
            Pass(entry="fill", dispatch=in_rows(n)),
            Pass(entry="make_pairs", dispatch=in_rows(a.padded)),
        ),
        step=(Pass(entry="exchange", dispatch=half),),
        work=tuple(
            Pass(entry="exchange", dispatch=half, constants={"STAGE": float(k + 1)})
            for k in range(a.stages)
        ),
        look=(Pass(entry="reveal", dispatch=in_rows(n)),),
        outputs=(
            Output(buffer="values", name="values", dtype="float32", shape=(n,)),
            Output(buffer="ordered", name="sorted", dtype="float32", shape=(n,)),
            Output(buffer="order", name="order", dtype="uint32", shape=(n,)),
        ),
        probes=(
            Probe(buffer="statistics", name="stages", offset=6, label_en="stages done",
                  label_zh="已完成的比较轮数"),
        ),
    )  # fmt: skip


def _lists(a: LinearArguments) -> Parts:
    n, scan, counts = a.shape[1], a.operation == "scan", a.operation == "histogram"
    blocks = workgroups(n, 1024)
    passes = [
        Pass(entry="sum_blocks", dispatch=in_rows(n, 1024)),
        Pass(entry="sum_parts", dispatch=(1, 1, 1)),
    ]
    if scan:
        passes.append(Pass(entry="add_before", dispatch=in_rows(n)))
    if counts:
        passes.append(Pass(entry="clear_counts", dispatch=(workgroups(a.bins, 64), 1, 1)))
        passes.append(Pass(entry="count_values", dispatch=(COUNTERS, 1, 1)))
    outputs = [Output(buffer="values", name="values", dtype="float32", shape=(n,))]
    if scan:
        outputs.append(Output(buffer="result", name="running_sum", dtype="float32", shape=(n,)))
    if counts:
        outputs.append(Output(buffer="counts", name="counts", dtype="uint32", shape=(a.bins,)))
    told = (
        ("sum", 0, "sum", "总和"), ("minimum", 1, "minimum", "最小值"),
        ("maximum", 2, "maximum", "最大值"), ("squares", 3, "sum of squares", "平方和"),
        ("count", 5, "numbers so far", "已处理的个数"),
    )  # fmt: skip
    return Parts(
        _file("lists"),
        buffers=(
            _input("values", n, a.input),
            Buffer(name="result", type="f32", length=n if scan else 1),
            Buffer(name="parts", type="vec4f", length=blocks),
            Buffer(name="counts", type="atomic<u32>", length=a.bins),
        ),
        start=(Pass(entry="fill", dispatch=in_rows(n)),),
        step=tuple(passes),
        outputs=tuple(outputs),
        probes=tuple(
            Probe(buffer="statistics", name=name, offset=k, label_en=en, label_zh=zh)
            for name, k, en, zh in told
        ),
    )


def splats_of(a: LinearArguments) -> Splats:
    """Return the light of the picture: one light a pixel."""
    return Splats(width=a.width, height=a.height, lights=1000, background=a.background, glow=a.glow)


def captions_of(a: LinearArguments) -> Captions:
    """Return what is written above: what is done, and how far it has come."""
    s = scale_for(a.width, a.height)
    big = max(1, round(min(a.width, a.height) / 256))
    at = (round(0.04 * a.width), round(0.03 * a.height))

    def line(word: str, value: str, decimals: int) -> Captions:
        right = at[0] + round(5.2 * len(word) * big)
        return Captions(
            (Word(word, at, big, DIM, 0.7),),
            (Figure(value, (right, at[1]), decimals, big, BRIGHT, 0.7),),
        )

    match a.operation:
        case "matmul":
            rows, inner = a.shape
            text = f"{rows} x {inner} x {a.other_shape[1]}"
            return Captions((Word(text, (round(0.04 * a.width), round(0.04 * a.height)), s, DIM),))
        case "fft" | "fft2d":
            return line("waves < ", "statistics[6]", 0)
        case "sort":
            return line("stage ", "statistics[6]", 0)
        case "reduce":
            return line("mean = ", "statistics[7]", 4)
        case "scan":
            return line("sum = ", "statistics[0]", 3)
        case "histogram":
            return line("n = ", "statistics[5]", 0)


def _constants(a: LinearArguments) -> str:
    rows, columns = a.shape
    product = a.operation == "matmul"
    across = a.other_shape[1] if product else columns
    whole = {
        "HEIGHT": rows, "INNER": columns, "ACROSS": across, "ROUNDS": a.rounds,
        "SLICE": -(-columns // a.rounds), "PADDED": a.padded, "STAGES": a.stages,
        "BLOCKS": workgroups(columns, 1024), "BINS": a.bins, "COUNTERS": COUNTERS,
        "KIND": LISTS.index(a.operation) if a.operation in LISTS else 9,
    }  # fmt: skip
    fourier = a.operation in ("fft", "fft2d")
    passes = sum(len(radices(n)) for n in a.shape) if fourier else 0
    true = {
        "STILL": a.frames == 1, "SCAN": a.operation == "scan", "ODD": passes % 2 == 1,
        "MAKE_A": a.input is None, "MAKE_B": product and a.other_input is None,
    }  # fmt: skip
    lines = [f"const {n}: u32 = {v}u;" for n, v in whole.items()]
    lines += [f"const {n}: bool = {str(v).lower()};" for n, v in true.items()]
    lines.append(_formula("value_of", a.formula, a, a.shape))
    if product:
        lines.append(_formula("other_of", a.other_formula, a, a.other_shape))
    return "\n".join(lines) + "\n"


def _formula(name: str, formula: Expression, a: LinearArguments, shape: tuple[int, int]) -> str:
    """Return a function of row and column; of a list, i is the place and so is j."""
    i = "column" if a.flat else "row"
    own = {
        "i": i, "j": "column", "n": f"{float(shape[1])!r}f",
        "x": f"((column + 0.5) / {float(shape[1])!r}f)",
        "y": f"((row + 0.5) / {float(shape[0])!r}f)",
    }  # fmt: skip
    own |= {key: f"({float(value)!r}f)" for key, value in a.parameters.items()}
    return f"fn {name}(row: f32, column: f32) -> f32 {{ return {formula.wgsl(own)}; }}"


def made(a: LinearArguments, formula: Expression, shape: tuple[int, int], seed: int) -> Any:
    """Return the input that the shader makes from a formula, float32."""
    row, column = (g.astype(np.float32) for g in np.indices(shape))
    known: dict[str, Any] = {
        "i": column if a.flat else row, "j": column, "n": float(shape[1]),
        "x": (column + np.float32(0.5)) / np.float32(shape[1]),
        "y": (row + np.float32(0.5)) / np.float32(shape[0]), **a.parameters,
    }  # fmt: skip
    values = formula.numpy(known, seed=seed)
    return np.broadcast_to(np.asarray(values, np.float32), shape).copy()


kernel = LinearKernel()
