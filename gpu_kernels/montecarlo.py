"""Monte Carlo: a formula of random variables, sampled up to 10^9 times.

The mean of n samples is known to the standard error s/sqrt(n), where s is their standard deviation;
of a condition the mean is its probability. Source: Metropolis and Ulam, "The Monte Carlo Method",
J. Am. Stat. Assoc. 44, 1949; Owen, *Monte Carlo Theory, Methods and Examples* (2013), ch. 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, model_validator

from intentos.bindings import fold_seed
from intentos.program import Buffer, GpuProgram, Output, Pass, Probe
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .expression import Apply, Expression, Formula, Number, check_names, parse
from .kernel import Arguments, Colour, Compare, KernelBase, workgroups
from .montecarlo_variables import Variable, settle
from .prelude import hash_, known_palette, palette_wgsl, prelude_wgsl
from .random_words import random_words, random_words_wgsl

THREADS = 16_384
UNROLLED = 8
BATCH = 8_000_000
"""Most samples of one dispatch: a float32 counts so many exactly, and it ends within 100 ms."""
PILOT = 200_000
SHOWN = 200_000
"""Dots of a scatter picture; later samples only count."""
BIG = 6000


class MontecarloArguments(Arguments):
    """By default, pi: four times the share of a square's points that lie in its circle."""

    width: int = Field(512, ge=64, le=2048)
    height: int = Field(512, ge=64, le=2048)
    frames: int = Field(150, ge=1, le=10_000)
    formula: Formula = "4*(x^2 + y^2 < 1)"
    """Of the variables and the parameters; a condition gives its probability."""
    variables: dict[str, Variable] = Field(
        default={"x": Variable(low="-1", high="1"), "y": Variable(low="-1", high="1")},
        min_length=1,
        max_length=24,
    )
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=32)
    samples: int = Field(10_000_000, ge=100, le=1_000_000_000)
    pace: Literal["growing", "even"] = "growing"
    """Whether every frame adds as many samples as the last one, or more and more."""
    exact: Formula | None = None
    """The true mean, where it is known: the result is then checked against it."""
    unit: str = Field("", max_length=20)
    """Of the formula's value."""
    bins: int = Field(96, ge=2, le=512)
    """Bars of the histogram; values that are all whole get one bar each where they fit."""
    low: Formula | None = None
    """Of the histogram; by default the range of a first trial."""
    high: Formula | None = None
    view: Literal["histogram", "scatter", "convergence"] | None = None
    """``scatter`` shows where the first two variables fall; by default for two uniform ones."""
    palette: str = "sunset"
    background: Colour = "#0a0c1c"
    glow: float = Field(0.35, ge=0, le=5)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known_palette(self.palette)
        if self.exact is None and not self.model_fields_set & {"formula", "variables"}:
            object.__setattr__(self, "exact", "pi")
        if self.view == "scatter" and len(self.variables) < 2:
            raise ValueError("a scatter view needs two variables")
        check_names(self.variables)
        check_names(self.parameters, self.variables)
        self.problem  # noqa: B018  # says what is wrong with a variable or the range
        return self

    @cached_property
    def problem(self) -> Problem:
        """Everything that follows from the arguments."""
        return Problem(self)

    @property
    def shown_as(self) -> str:
        """The view, chosen where none is named."""
        if self.view:
            return self.view
        first = list(self.variables.values())
        square = len(first) == 2 and all(v.distribution == "uniform" for v in first)
        return "scatter" if square else "histogram"


@dataclass(frozen=True)
class Range:
    """Of the histogram: bins of one width from low to high."""

    low: float
    high: float
    bins: int

    @property
    def width(self) -> float:
        """Of a bin."""
        return (self.high - self.low) / self.bins


class Problem:
    """The formula and its variables, worked out; a trial with NumPy's own generator."""

    def __init__(self, a: MontecarloArguments) -> None:
        self.a = a
        drawn = [settle(name, v, a.parameters) for name, v in a.variables.items()]
        self.formula = parse(a.formula, [*a.variables, *a.parameters])
        self.variables = [
            v
            for number, v in enumerate(drawn)
            if v.name in self.formula.names or (a.shown_as == "scatter" and number < 2)
        ]
        self.condition, self.factor = _condition(self.formula)
        if not self.formula.names & set(a.variables):
            raise ValueError(f"formula has none of the variables {', '.join(a.variables)}")
        self.exact = None if a.exact is None else self._number(a.exact)
        self.range = self._range()

    def _number(self, text: str) -> float:
        number = float(parse(text, self.a.parameters).numpy(self.a.parameters))
        if not math.isfinite(number):
            raise ValueError(f"{text} is not a finite number")
        return number

    @cached_property
    def trial(self) -> NDArray[np.float64]:
        """Values of ``PILOT`` samples that share no code with the shader's."""
        generator = np.random.default_rng(20_240_607)
        drawn = {v.name: v.independent(generator, PILOT) for v in self.variables}
        values = self.formula.numpy({**drawn, **self.a.parameters})
        return np.broadcast_to(np.asarray(values, np.float64), (PILOT,))

    @cached_property
    def known(self) -> NDArray[np.float64]:
        """The trial's values that are numbers."""
        good = self.trial[np.isfinite(self.trial)]
        if good.size == 0:
            raise ValueError("the formula gives no number for any of 200000 samples")
        return good

    @property
    def probability(self) -> bool:
        """Whether the mean is a probability."""
        return self.condition and self.factor == 1.0

    @property
    def centre(self) -> float:
        """About the mean: what the sums are taken around."""
        return float(np.float32(np.median(self.known)))

    @property
    def spread(self) -> float:
        """About the standard deviation, and not 0; of most values where a few lie far out."""
        low, high = np.quantile(self.known, (0.01, 0.99))
        wide = max(float(high - low) / 4, 1e-6 * abs(self.centre), 1e-30)
        return float(np.float32(wide))

    def _range(self) -> Range:
        a, values = self.a, self.known
        if self.condition:
            ends = sorted((0.0, self.factor))
            half = (ends[1] - ends[0]) / 2
            return Range(ends[0] - half, ends[1] + half, 2)
        low = None if a.low is None else self._number(a.low)
        high = None if a.high is None else self._number(a.high)
        least, most = float(values.min()), float(values.max())
        if bool((values == np.round(values)).all()) and low is None and high is None:
            every = int(most - least) + 1
            step = max(1, -(-every // a.bins))
            count = -(-every // step)
            count = max(count, 2)
            return Range(least - 0.5, least - 0.5 + count * step, count)
        inner = np.quantile(values, (0.0015, 0.9985))
        margin = 0.12 * float(inner[1] - inner[0]) or max(abs(self.centre) * 0.01, 1e-6)
        # A value near the end of a bounded range: the range ends there.
        auto_low = max(float(inner[0]) - margin, least - 0.01 * (most - least) - 1e-12)
        auto_high = min(float(inner[1]) + margin, most + 0.01 * (most - least) + 1e-12)
        if auto_high - auto_low < 1e-6 * abs(self.centre) + 1e-30:
            auto_low, auto_high = self.centre - margin, self.centre + margin
        low = auto_low if low is None else low
        high = auto_high if high is None else high
        if not low < high:
            raise ValueError(f"low must be below high; the range is {low:g} to {high:g}")
        return Range(low, high, a.bins)

    @cached_property
    def domain(self) -> tuple[float, float, float, float]:
        """Of the first two variables: left, bottom, right, top of a scatter picture."""
        generator = np.random.default_rng(11)
        ends = []
        for v in self.variables[:2]:
            values = v.independent(generator, 20_000)
            low, high = np.quantile(values, (0.002, 0.998))
            if v.distribution in ("uniform", "triangular"):
                low, high = v.numbers["low"], v.numbers["high"]
            elif v.whole:
                low, high = low - 1, high + 1
            ends.append((float(low), float(max(high, low + 1e-6))))
        (left, right), (bottom, top) = ends if len(ends) == 2 else (ends[0], (0.0, 1.0))
        return left, bottom, right, top

    def wgsl(self) -> str:
        """Return ``sample_of(i, key)``: one sample's value, and the first two variables."""
        lines, words = [], []
        for k in range(-(-sum(v.draws for v in self.variables) // 3)):
            lines.append(f"  let w{k} = random_words(i, {k}u, key);")
            words += [f"w{k}.{c}" for c in "xyz"]
        place = 0
        for v in self.variables:
            lines.append(f"  let v_{v.name} = {v.wgsl(words[place : place + v.draws])};")
            place += v.draws
        own = {v.name: f"v_{v.name}" for v in self.variables}
        own |= {n: f"({x!r}f)" for n, x in self.a.parameters.items()}
        shown = [f"v_{v.name}" for v in self.variables[:2]] + ["0.0"]
        text = self.formula.wgsl(own)
        if self.condition:  # the sums count hits; the factor comes in at the end
            text = f"select(0.0, 1.0, {text} != 0.0)"
        body = "\n".join(lines)
        return (
            f"fn sample_of(i: u32, key: u32) -> Sample {{\n{body}\n"
            f"  return Sample({text}, {shown[0]}, {shown[1]});\n}}\n"
        )

    def follow(self, index: NDArray[np.uint32], seed: int) -> dict[str, Any]:
        """Return the shader's samples by variable, and ``value`` for the formula's."""
        key = int(hash_(np.array([fold_seed(seed)], np.uint32))[0])
        blocks = -(-sum(v.draws for v in self.variables) // 3)
        words = [w for k in range(blocks) for w in random_words(index, k, key)]
        words = [np.broadcast_to(w, index.shape) for w in words]
        drawn: dict[str, Any] = {}
        place = 0
        for v in self.variables:
            # What the shader keeps is float32.
            drawn[v.name] = v.follow(words[place : place + v.draws]).astype(np.float32)
            place += v.draws
        with np.errstate(all="ignore"):
            value = self.formula.numpy({**drawn, **self.a.parameters})
        values = np.broadcast_to(np.asarray(value, np.float64), index.shape)
        return {"": values, **drawn}


def _condition(formula: Expression) -> tuple[bool, float]:
    """Return whether the formula is a condition, perhaps times a number, and that number."""

    def is_condition(node: Any) -> bool:
        return isinstance(node, Apply) and node.function.name == " number"

    root = formula.root
    if is_condition(root):
        return True, 1.0
    if isinstance(root, Apply) and root.function.name == "*":
        for one, other in (root.arguments, root.arguments[::-1]):
            if isinstance(one, Number) and one.value != 0 and is_condition(other):
                return True, one.value
    return False, 1.0


@dataclass(frozen=True)
class Batches:
    """How the samples are split: ``opening`` batches before the first frame, then some a frame."""

    opening: int
    a_frame: int
    count: int
    ratio: int
    """Of a batch's end to the one before, in 65,536ths; 0: all batches are equal."""

    @classmethod
    def of(cls, a: MontecarloArguments) -> Self:
        """Return a split in which no batch is above ``BATCH`` and the film is worth watching."""
        least = max(1, -(-a.samples // BATCH))
        if a.frames == 1 or a.pace == "even":
            opening = max(16, least) if a.frames == 1 else 1
            frame = max(1, -(-max(0, least - opening) // max(1, a.frames - 1)))
            return cls(opening, frame, opening + frame * (a.frames - 1), 0)
        first = max(10, min(300, a.samples // 100))
        steps = math.log(a.samples / first)
        needed = steps / -math.log(1 - 0.97 * BATCH / a.samples) if a.samples > BATCH else 1
        frame = max(1, math.ceil(needed / (a.frames - 1)))
        opening = max(1, min(16, 17 - frame * (a.frames - 1)))
        count = opening + frame * (a.frames - 1)
        ratio = round(65_536 * math.exp(-steps / (count - 1)))
        return cls(opening, frame, count, min(max(ratio, 1), 65_535))

    def ends(self, samples: int) -> NDArray[np.uint32]:
        """Return how many samples there are before each batch, and at the end; as the shader."""
        ends = np.zeros(self.count + 1, np.uint32)
        left = samples
        for b in range(self.count, 0, -1):
            ends[b] = left
            if self.ratio:
                part = (left >> 16) * self.ratio + (((left & 0xFFFF) * self.ratio) >> 16)
                left = min(part, left - min(left, 1))
            else:
                left -= left // b
        return ends


class MontecarloKernel(KernelBase[MontecarloArguments]):
    """Values: the mean (or probability), its error, the spread, quantiles, and the samples."""

    name = "montecarlo"
    arguments = MontecarloArguments
    # A sample on the edge of a bin may fall to its other side: float32 against float64.
    compare = Compare(rule="tolerance", frames=200, absolute=3.0, relative=1e-3, pixels=2.0)

    def program(self, arguments: MontecarloArguments) -> GpuProgram:
        """Return the program; see ``montecarlo.wgsl``."""
        from .montecarlo_picture import Picture

        a = arguments
        batches, picture = Batches.of(a), Picture(a)
        splats, slots = picture.splats, a.problem.range.bins + 3
        scatter = a.shown_as == "scatter"
        dots = a.width * a.height if scatter else 1
        every = [
            Pass(entry="take_samples", dispatch=(THREADS // 64, 1, 1)),
            Pass(entry="collect", dispatch=(1, 1, 1)),
        ]
        if scatter:
            ends = np.minimum(batches.ends(a.samples), SHOWN).astype(np.int64)
            most = max(1, int(np.diff(ends).max()))
            every.append(Pass(entry="cast_dots", dispatch=(workgroups(most, 64), 1, 1)))
        return GpuProgram(
            name=self.name,
            source="\n".join(
                [
                    prelude_wgsl(),
                    palette_wgsl(a.palette),
                    splats.wgsl(),
                    random_words_wgsl(),
                    _constants(a, batches) + picture.constants(),
                    self.wgsl.replace("TURNS", _turns(a)),
                    a.problem.wgsl(),
                ]
            ),
            uniforms=splats.uniforms,
            buffers=(
                *splats.buffers,
                Buffer(name="dots", type="atomic<u32>", length=2 * dots),
                Buffer(name="tally", type="atomic<u32>", length=slots + 2),
                Buffer(name="schedule", type="u32", length=batches.count + 1),
                Buffer(name="partials", type="vec4f", length=THREADS // 64),
                Buffer(name="history", type="vec4f", length=2 * batches.count + 1),
            ),
            start=(Pass(entry="arrange", dispatch=(1, 1, 1)), *every * batches.opening),
            step=tuple(every),
            draw=picture.after,
            outputs=(
                Output(buffer="tally", name="tally", dtype="uint32", shape=(slots + 2,)),
                Output(buffer="history", name="history", dtype="float32",
                       shape=(2 * batches.count + 1, 4)),
            ),
            probes=_probes(a, batches),
            width=a.width,
            height=a.height,
            steps_per_frame=batches.a_frame,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )  # fmt: skip

    def twin(self, arguments: MontecarloArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames: the same random words, sums in float64."""
        from .montecarlo_picture import frames

        return frames(arguments, Batches.of(arguments), seed)

    def judge(
        self, arguments: MontecarloArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the result with its error, and judge it."""
        from .montecarlo_judge import judge

        return judge(arguments, Batches.of(arguments), evidence)


def _constants(a: MontecarloArguments, batches: Batches) -> str:
    problem, r = a.problem, a.problem.range
    whole = {
        "SAMPLES": a.samples, "BATCHES": batches.count, "RATIO": batches.ratio,
        "THREADS": THREADS, "GROUPS": THREADS // 64, "SHOWN": SHOWN, "BIG": BIG,
        "UNROLLED": UNROLLED, "BINS": r.bins, "SLOTS": r.bins + 3,
    }  # fmt: skip
    real = {
        "LOW": r.low, "HIGH_END": r.high, "BIN": r.width, "CENTRE": problem.centre,
        "SPREAD": problem.spread, "FACTOR": problem.factor, "EXACT": problem.exact or 0.0,
    }  # fmt: skip
    true = {
        "HITS": problem.condition,
        "GROWING": batches.ratio > 0,
        "KNOWN": problem.exact is not None,
        "FIT": not problem.condition,
    }
    left, bottom, right, top = (f"{float(np.float32(x))!r}" for x in problem.domain)
    lines = [f"const {n}: u32 = {v}u;" for n, v in whole.items()]
    lines += [f"const {n}: f32 = {float(np.float32(v))!r};" for n, v in real.items()]
    lines += [f"const {n}: bool = {str(v).lower()};" for n, v in true.items()]
    lines.append(f"const DOMAIN: vec4f = vec4f({left}, {bottom}, {right}, {top});")
    return "\n".join(lines) + "\n"


def _turns(a: MontecarloArguments) -> str:
    """Return the body of the sampling loop: several samples, some perhaps beyond the end."""
    lines = []
    for j in range(UNROLLED):
        lines.append(f"    let k{j} = k + {j}u * THREADS;")
        lines.append(f"    let value{j} = sample_of(first + k{j}, key).value;")
        if a.problem.condition:
            lines.append(f"    hits += select(0u, 1u, value{j} != 0.0 && k{j} < count);")
        else:
            lines.append(f"    let z{j} = finite((value{j} - CENTRE) * (1.0 / SPREAD));")
            lines.append(f"    let known{j} = select(0.0, z{j}, k{j} < count);")
            lines.append(f"    sum += vec2f(known{j}, known{j} * known{j});")
            lines.append(
                f"    if (k{j} < count) {{ atomicAdd(&bins_here[slot_of(value{j})], 1u); }}"
            )
    return "\n".join(lines)


def _probes(a: MontecarloArguments, batches: Batches) -> tuple[Probe, ...]:
    last = 8 * batches.count
    told = [
        ("samples", 0, "", "samples", "样本数"),
        ("estimate", 1, a.unit, "estimate", "估计值"),
        ("standard_error", 2, a.unit, "standard error", "标准误差"),
    ]
    return tuple(
        Probe(buffer="history", name=name, offset=last + k, unit=unit, label_en=en, label_zh=zh)
        for name, k, unit, en, zh in told
    )


kernel = MontecarloKernel()
