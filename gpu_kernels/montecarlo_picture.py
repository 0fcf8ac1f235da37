"""The picture of ``montecarlo``: panels, lettering, and the NumPy twin that draws the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed, number_of
from intentos.program import Pass
from intentos.protocols import Snapshot

from . import lettering
from .captions import DIM, GOLD, Captions, Figure, Word, short
from .kernel import workgroups
from .montecarlo import BIG, SHOWN
from .montecarlo_judge import moments
from .prelude import palette
from .splats import FIXED, Splats
from .splats_twin import linear

if TYPE_CHECKING:
    from .montecarlo import Batches, MontecarloArguments

Floats = NDArray[np.floating[Any]]
Panel = tuple[int, int, int, int]


class Picture:
    """Where things are, for one set of arguments."""

    def __init__(self, a: MontecarloArguments) -> None:
        self.a = a
        self.splats = Splats(
            width=a.width, height=a.height, background=a.background, glow=a.glow,
            own_ground=True, lights=10_000,
        )  # fmt: skip
        self.small = lettering.scale_for(a.width, a.height)
        self.middle = self.small + (min(a.width, a.height) >= 400)
        self.large = max(2, round(min(a.width, a.height) / 128))
        self.main, self.strip, self.head = self._panels()
        self.decimals, self.error_decimals = self._decimals()
        self.captions = self._captions()
        self.after = (*self._light(), *self.splats.after, *self.captions.after)

    def _panels(self) -> tuple[Panel, Panel, tuple[int, int]]:
        a, w, h = self.a, self.a.width, self.a.height
        view = a.shown_as
        if w > 1.35 * h:
            top, bottom = round(0.07 * h), round(0.88 * h)
            left = round(0.09 * h)
            right = left + (bottom - top) if view == "scatter" else round(0.60 * w)
            column = right + round(0.10 * h)
            strip = (column, round(0.52 * h), w - round(0.07 * h), bottom)
            if view == "convergence":
                return (left, round(0.26 * h), w - left, bottom), (0, 0, 0, 0), (left, top)
            return (left, top, right, bottom), strip, (column, round(0.12 * h))
        edge, head = round(0.06 * w), round(0.04 * h)
        upper, lower = round(0.14 * h), round(0.765 * h)
        strip = (edge, round(0.825 * h), w - edge, round(0.95 * h))
        if view == "convergence":
            return (edge, upper, w - edge, round(0.92 * h)), (0, 0, 0, 0), (edge, head)
        if view == "scatter":
            side = min(lower - upper, w - 2 * edge)
            left = (w - side) // 2
            return (left, upper, left + side, upper + side), strip, (edge, head)
        return (edge, upper, w - edge, lower), strip, (edge, head)

    def _decimals(self) -> tuple[int, int]:
        p = self.a.problem
        error = max(float(p.known.std()), p.spread * 1e-3) / math.sqrt(self.a.samples)
        digits = len(str(int(abs(p.centre) + 3 * p.spread)))
        wanted = math.ceil(-math.log10(max(error, 1e-12))) + 1
        room = max(0, min(6, 7 - digits))
        return min(max(0, wanted), room), min(max(0, wanted), 6)

    @property
    def first(self) -> float:
        """Samples at the left end of the convergence panel."""
        from .montecarlo import Batches

        return float(max(10, Batches.of(self.a).ends(self.a.samples)[1]))

    @property
    def reach(self) -> float:
        """Half the height of the convergence panel, in the formula's unit."""
        known = self.a.problem.known
        apart = float(known.std())
        return max(3.2 * apart / math.sqrt(self.first), 1e-6 * abs(float(known.mean())), 1e-30)

    @property
    def aim(self) -> float:
        """The middle of the convergence panel."""
        p = self.a.problem
        return p.exact if p.exact is not None else float(p.known.mean())

    @property
    def curve(self) -> Panel:
        """The panel of the convergence."""
        return self.main if self.a.shown_as == "convergence" else self.strip

    def _light(self) -> list[Pass]:
        """The passes that light the panels."""
        x0, y0, x1, y1 = self.main
        size = (workgroups(x1 - x0, 8), workgroups(y1 - y0, 8), 1)
        columns = workgroups(self.curve[2] - self.curve[0], 64)
        found = [Pass(entry="light_convergence", dispatch=(columns, 1, 1))]
        if self.a.shown_as == "scatter":
            found.append(Pass(entry="light_dots", dispatch=size))
        elif self.a.shown_as == "histogram":
            found.append(Pass(entry="light_bars", dispatch=size))
        return found

    def constants(self) -> str:
        """Return the panels and texts as WGSL."""
        real = {
            "LOG_FIRST": math.log(self.first),
            "LOG_LAST": max(math.log(self.a.samples), math.log(self.first) + 0.01),
            "REACH_VALUE": self.reach,
            "AIM": self.aim,
        }
        lines = [f"const {n}: f32 = {float(np.float32(v))!r};" for n, v in real.items()]
        panels = {"MAIN": self.main, "STRIP": self.strip, "CURVE": self.curve}
        for name, panel in panels.items():
            lines.append(f"const {name}: vec4f = vec4f({', '.join(f'{v}.0' for v in panel)});")
        return "\n".join(lines) + "\n" + self.captions.wgsl()

    # ---- lettering ----

    def _captions(self) -> Captions:
        """All words and numbers: the mean, its error, the samples, and what the axes say."""
        half = max(1, self.large // 2)
        number, error, count = self.lines
        right = self.error_left
        after = right + lettering.text_width("±", half) + 3 * half
        shift = lettering.text_width("n = ", self.middle)
        words = [
            Word("±", (right, error), half, GOLD),
            Word("n = ", (right, count), self.middle),
            *self._ticks(),
        ]
        words += self._of_convergence(self.curve)
        figures = (
            Figure("history[2u * BATCHES].y", (self.head[0], number), self.decimals, self.large),
            Figure("history[2u * BATCHES].z", (after, error), self.error_decimals, half, GOLD),
            Figure("history[2u * BATCHES].x", (right + shift, count), 0, self.middle, DIM),
        )
        return Captions(tuple(words), figures)

    def _ticks(self) -> list[Word]:
        s, r = self.small, self.a.problem.range
        x0, _, x1, y1 = self.main
        if self.a.shown_as != "histogram":
            return []
        found = []
        for value in ticks(r.low, r.high):
            text = short(value)
            x = x0 + (value - r.low) / (r.high - r.low) * (x1 - x0)
            found.append(Word(text, (round(x - lettering.text_width(text, s) / 2), y1 + 4 * s), s))
        return found

    def _of_convergence(self, panel: Panel) -> list[Word]:
        s = self.small
        x0, y0, x1, y1 = panel
        low, high = math.log(self.first), math.log(self.a.samples)
        found = []
        for power in range(1, 10):
            at = math.log(10.0**power)
            if low - 1e-6 <= at <= high + 1e-6:
                text = f"1e{power}" if power > 3 else str(10**power)
                x = x0 + (at - low) / max(high - low, 0.01) * (x1 - x0)
                wide = lettering.text_width(text, s)
                left = min(max(round(x - wide / 2), x0), x1 - wide)
                found.append(Word(text, (left, y1 + 4 * s), s))
        for value, y in ((self.aim + self.reach, y0 + 3 * s), (self.aim - self.reach, y1 - 10 * s)):
            text = short(value, digits=4)
            found.append(Word(text, (x1 - lettering.text_width(text, s) - 3 * s, y), s))
        return found

    @property
    def lines(self) -> tuple[int, int, int]:
        """Tops of the header's lines: the number, its error, the samples."""
        top = self.head[1]
        if self.a.width > 1.35 * self.a.height:
            first = top + 11 * self.large
            return top, first, first + 8 * max(1, self.large // 2) + 6 * self.small
        return top, top, top + 7 * max(1, self.large // 2) + 4 * self.small

    @property
    def error_left(self) -> int:
        """Where the error begins: right of the number, or below it."""
        if self.a.width > 1.35 * self.a.height:
            return self.head[0]
        digits = len(lettering.number_text(self.a.problem.centre, self.decimals)) + 1
        return self.head[0] + round(6.2 * digits * self.large)


def ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between low and high."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    for factor in (1, 2, 5, 10):
        if (high - low) / (factor * step) <= 6.5:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


# ---- the twin ----


def frames(a: MontecarloArguments, batches: Batches, seed: int) -> Iterator[Snapshot]:
    """Yield the frames of the film, from NumPy's own sums in float64."""
    folded, ends = fold_seed(seed), batches.ends(a.samples).astype(np.int64)
    tally = np.zeros(a.problem.range.bins + 5, np.int64)
    sums = np.zeros((batches.count, 4))
    running = np.zeros((batches.count, 4))
    drawing = Drawing(a, ends)
    done = 0
    for frame in range(a.frames):
        for _ in range(batches.a_frame if frame else batches.opening):
            _take(a, tally, sums, ends, done, folded, seed)
            running[done] = _state(a, sums[: done + 1])
            drawing.cast(int(ends[done]), int(ends[done + 1]), seed)
            done += 1
        tally[0], tally[1] = done, tally[5:].max()
        yield Snapshot(
            pixels=drawing.picture(tally, running[:done]),
            probes={
                "samples": running[done - 1, 0],
                "estimate": running[done - 1, 1],
                "standard_error": running[done - 1, 2],
            },
            buffers={
                "tally": tally.astype(np.uint32),
                "history": np.concatenate([sums, running, running[done - 1 : done]]).astype(
                    np.float32
                ),
            },
        )


def _take(
    a: MontecarloArguments,
    tally: NDArray[np.int64],
    sums: Floats,
    ends: NDArray[np.int64],
    done: int,
    folded: int,
    seed: int,
) -> None:
    p, r = a.problem, a.problem.range
    index = np.arange(ends[done], ends[done + 1], dtype=np.uint32)
    value = p.follow(index, seed)[""]
    if p.condition:
        hits = int((value != 0).sum())
        sums[done] = index.size, 0, 0, hits
        tally[5:7] += index.size - hits, hits
        return
    good = np.isfinite(value)
    with np.errstate(invalid="ignore"):
        place = np.clip(np.floor((value - r.low) / r.width), -1, r.bins)
    place = np.where(good, place, 0).astype(np.int64)
    slot = np.where(place < 0, 1, np.where(place >= r.bins, 2, place + 3))
    tally[2:] += np.bincount(np.where(good, slot, 0), minlength=tally.size - 2)
    z = np.where(good, (value - p.centre) / p.spread, 0)
    sums[done] = index.size, z.sum(), (z * z).sum(), 0


def _state(a: MontecarloArguments, sums: Floats) -> tuple[float, float, float, float]:
    mean, apart, _ = moments(a, sums)
    n = float(sums[:, 0].sum())
    return n, mean, apart / math.sqrt(max(n, 1)), apart


class Drawing:
    """The functions of ``montecarlo.wgsl`` on whole panels."""

    def __init__(self, a: MontecarloArguments, ends: NDArray[np.int64]) -> None:
        self.a, self.ends, self.plan = a, ends, Picture(a)
        self.dots = np.zeros((a.height, a.width, 2), np.int64)
        self.thick = min(a.width, a.height) / 512

    def cast(self, first: int, last: int, seed: int) -> None:
        """Twin of ``cast_dots``."""
        last = min(last, SHOWN)
        if self.a.shown_as != "scatter" or first >= last:
            return
        index = np.arange(first, last, dtype=np.uint32)
        found = self.a.problem.follow(index, seed)
        x, y = (found[v.name] for v in self.a.problem.variables[:2])
        left, bottom, right, top = self.a.problem.domain
        x0, y0, x1, y1 = self.plan.main
        px = np.floor(x0 + (x - left) / (right - left) * (x1 - x0)).astype(np.int64)
        py = np.floor(y0 + (1 - (y - bottom) / (top - bottom)) * (y1 - y0)).astype(np.int64)
        ink = (16 * 255 * self._tone(found[""])).astype(np.int64)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                share = 1 + 3 * abs(dx) + 3 * abs(dy)
                use = (index < BIG) | (dx == dy == 0)
                qx, qy = px + dx, py + dy
                use &= (qx >= x0) & (qx < x1) & (qy >= y0) & (qy < y1)
                np.add.at(self.dots, (qy[use], qx[use], 0), 16 // share)
                np.add.at(self.dots, (qy[use], qx[use], 1), ink[use] // share)

    def _tone(self, value: Floats) -> Floats:
        p = self.a.problem
        if p.condition:
            return np.asarray(np.where(value != 0, 0.72, 0.28))
        share = (value - p.range.low) / (p.range.high - p.range.low)
        return np.asarray(np.clip(share, 0, 1))

    def picture(self, tally: NDArray[np.int64], running: Floats) -> NDArray[np.uint8]:
        """Return one frame."""
        a, plan = self.a, self.plan
        light = np.zeros((a.height, a.width, 3))
        ground = self._ground()
        views = {"histogram": self._bars, "convergence": self._converge}
        for panel, view in ((plan.main, a.shown_as), (plan.strip, "convergence")):
            x0, y0, x1, y1 = panel
            if x1 <= x0:
                continue
            x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
            if view == "scatter":
                light[y0:y1, x0:x1] = self._dots(self.dots[y0:y1, x0:x1])
            else:
                light[y0:y1, x0:x1] = views[view](x, y, panel, tally, running)
        canvas = plan.splats.canvas()
        canvas.accum = np.floor(light.reshape(-1, 3) * FIXED + 0.5).astype(np.int64)
        now = running[-1]
        return plan.captions.paint(canvas.picture(ground=ground), [now[1], now[2], now[0]])

    def _ground(self) -> Floats:
        a = self.a
        x, y = np.meshgrid(np.arange(a.width) + 0.5, np.arange(a.height) + 0.5)
        e = (np.stack([x, y], -1) - np.array([a.width, a.height]) / 2) / min(a.width, a.height)
        fall = 0.35 + 0.65 * np.exp(-1.8 * np.sum(e * e, -1, keepdims=True))
        colour = linear(np.array(number_of(a.background))[:3]) * fall
        for x0, y0, x1, y1 in (self.plan.main, self.plan.strip):
            inside = colour[y0:y1, x0:x1]
            colour[y0:y1, x0:x1] = inside * 1.5 + np.array([0.0008, 0.001, 0.0014])
        return np.asarray(colour)

    def _dots(self, dots: NDArray[np.int64]) -> Floats:
        count = dots[..., 0] / 16
        t = dots[..., 1] / np.maximum(16 * 255 * count, 1)
        strength = 1 - np.exp(-1.6 * count)
        return np.asarray(linear(palette(self.a.palette, t)) * strength[..., None] * 1.35)

    def _bars(
        self, x: Floats, y: Floats, panel: Panel, tally: NDArray[np.int64], running: Floats
    ) -> Floats:
        r, thick = self.a.problem.range, self.thick
        n, mean, _, apart = running[-1]
        wide, tall = panel[2] - panel[0], panel[3] - panel[1]
        ex, ey = (x - panel[0]) / wide, (y - panel[1]) / tall
        peak = max(float(tally[1]), 1.0) * 1.12
        place = np.clip(ex * r.bins, 0, r.bins - 0.01)
        bin_ = place.astype(np.int64)
        count = tally[5:][bin_]
        height, above = count / peak * tall, panel[3] - y
        each = wide / r.bins
        part = place - np.floor(place)
        gap = np.minimum(part, 1 - part) * each - (max(0.5, 0.08 * each) if each > 4 else 0)
        gap = np.clip(gap + 0.5, 0, 1)
        body = np.clip(height - above + 0.5, 0, 1) * gap
        rise = np.clip(above / np.maximum(height, 1), 0, 1)
        ink = linear(palette(self.a.palette, 0.2 + 0.62 * bin_ / max(r.bins - 1, 1)))
        light = ink * ((0.16 + 0.75 * rise * rise) * body)[..., None]
        crest = _line(above - height, 1.3 * thick) * gap * (count >= 1)
        light = light + ink * 1.3 * crest[..., None]
        if not self.a.problem.condition and n > 1 and apart > 0:
            at = r.low + ex * (r.high - r.low)
            f = n * r.width / apart * 0.3989423 * np.exp(-0.5 * ((at - mean) / apart) ** 2)
            f = f / peak * tall
            slope = -f * (at - mean) / apart**2 * (r.high - r.low) / wide
            curve = 1.1 * _line((above - f) / np.sqrt(1 + slope**2), 1.1 * thick)
            light = light + np.array([1.0, 0.93, 0.75]) * curve[..., None]
        middle = panel[0] + (mean - r.low) / (r.high - r.low) * wide
        gold = 1.2 * _line(x - middle, thick) * (ey >= 0.06)
        reach = apart / (r.high - r.low) * wide
        level = panel[1] + 0.06 * tall
        whisker = _line(y - level, thick) * np.clip(reach - np.abs(x - middle) + 1, 0, 1)
        tip = _line(np.abs(x - middle) - reach, thick)
        tip = tip * np.clip(4 * thick - np.abs(y - level) + 1, 0, 1)
        gold = gold + np.maximum(whisker, tip)
        return np.asarray(light + np.array(GOLD) * gold[..., None])

    def _converge(
        self, x: Floats, y: Floats, panel: Panel, tally: NDArray[np.int64], running: Floats
    ) -> Floats:
        plan, thick = self.plan, self.thick
        wide = panel[2] - panel[0]
        low = math.log(plan.first)
        high = max(math.log(self.a.samples), low + 0.01)
        unit = (panel[3] - panel[1]) / (2 * plan.reach)
        middle = 0.5 * (panel[1] + panel[3])
        light = np.zeros((*x.shape, 3))
        exact = self.a.problem.exact
        if exact is not None:
            part = (x - panel[0]) / (10 * thick)
            dash = (part - np.floor(part)) <= 0.6
            line = 0.55 * _line(y - (middle - (exact - plan.aim) * unit), 0.9 * thick) * dash
            light += np.array([0.25, 0.9, 0.65]) * line[..., None]

        def samples(at: Floats) -> Floats:
            return np.asarray(np.exp(low + (at - panel[0]) / wide * (high - low)))

        now = running[-1]
        n = samples(x[0])
        here, error = _state_at(n, self.ends, running)
        after, _ = _state_at(np.minimum(samples(x[0] + 1), now[0]), self.ends, running)
        curve = middle - (here - plan.aim) * unit
        away = (y - curve) / np.sqrt(1 + ((after - here) * unit) ** 2)
        reach = np.maximum(2 * error * unit, 0.001)
        ink = linear(palette(self.a.palette, np.array(0.55)))
        band = 0.13 * np.clip(reach - np.abs(y - curve) + 0.5, 0, 1)
        band = band + 0.35 * _line(np.abs(y - curve) - reach, 0.8 * thick)
        shown = ink * band[..., None]
        shown = shown + np.array(GOLD) * (1.3 * _line(away, 1.1 * thick))[..., None]
        head = panel[0] + (math.log(max(now[0], 1)) - low) / (high - low) * wide
        d = (head - x) ** 2 + (middle - (now[1] - plan.aim) * unit - y) ** 2
        tip = 1.6 * np.exp(-d / (6 * thick**2))
        shown = shown + np.array([1.0, 0.9, 0.6]) * tip[..., None]
        return np.asarray(light + shown * (n <= now[0] * 1.0001)[None, :, None])


def _line(away: Floats, wide: float) -> Floats:
    return np.asarray(np.exp(-((away / wide) ** 2)))


def _state_at(n: Floats, ends: NDArray[np.int64], running: Floats) -> tuple[Floats, Floats]:
    """Twin of ``state_at``: mean and standard error after n samples."""
    done = running.shape[0]
    k = np.searchsorted(ends, n, side="right") - 1
    after = running[np.minimum(k, done - 1)]
    before = running[np.clip(np.minimum(k, done) - 1, 0, None)]
    with np.errstate(all="ignore"):
        t = np.log(n / before[:, 0]) / np.log(after[:, 0] / before[:, 0])
    t = np.where((k == 0) | ~np.isfinite(t), 1.0, np.clip(t, 0, 1))
    t = np.where((k > 0) & (after[:, 0] <= before[:, 0]), 0.0, t)[:, None]
    mixed = before[:, 1:3] + (after[:, 1:3] - before[:, 1:3]) * t
    return mixed[:, 0], mixed[:, 1]
