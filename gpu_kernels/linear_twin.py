"""The NumPy twin of ``linear``: NumPy's own routines, and the shaders' pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .prelude import palette
from .splats_twin import linear

if TYPE_CHECKING:
    from .linear_arguments import LinearArguments

Floats = NDArray[np.floating[Any]]
WARM = np.array([1.0, 0.85, 0.4])


def frames(a: LinearArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    kinds: dict[str, type[Work]] = {
        "matmul": Product, "fft": Fourier, "fft2d": Fourier, "sort": Sorting,
    }  # fmt: skip
    return kinds.get(a.operation, Lists)(a, fold_seed(seed)).frames()


class Work:
    """An operation on its way; ``done`` counts rounds."""

    def __init__(self, a: LinearArguments, seed: int) -> None:
        from .linear import captions_of, made, splats_of

        self.a, self.done = a, 0
        self.values = (
            made(a, a.formula, a.shape, seed)
            if a.input is None
            else np.asarray(a.input.read(), np.float32).reshape(a.shape)
        )
        self.other = np.zeros((1, 1), np.float32)
        if a.operation == "matmul":
            self.other = (
                made(a, a.other_formula, a.other_shape, seed)
                if a.other_input is None
                else np.asarray(a.other_input.read(), np.float32)
            )
        self.captions, self.canvas = captions_of(a), splats_of(a).canvas()
        self.thick = min(a.width, a.height) / 512
        y, x = np.mgrid[: a.height, : a.width]
        self.p = np.stack([x + 0.5, y + 0.5], -1)
        self.e = self.p / np.array([a.width, a.height])

    def frames(self) -> Iterator[Snapshot]:
        """Yield every frame."""
        from .splats import FIXED

        a = self.a
        for frame in range(a.frames):
            self.done = a.rounds if a.frames == 1 else frame * a.steps
            outputs, probes, told = self.advance()
            light = np.minimum(np.maximum(self.light(), 0), self.canvas.splats.most / FIXED)
            self.canvas.accum = np.floor(light.reshape(-1, 3) * FIXED + 0.5).astype(np.int64)
            pixels = self.captions.paint(self.canvas.picture(), told)
            yield Snapshot(pixels=pixels, probes=probes, buffers=outputs)

    def advance(self) -> tuple[dict[str, Any], dict[str, float], list[float]]:
        """Return outputs, probes, and the numbers in the picture, after ``done`` rounds."""
        raise NotImplementedError

    def light(self) -> Floats:
        """Twin of ``light_of``."""
        raise NotImplementedError

    def heat(self, value: Any, peak: float) -> Floats:
        """Twin of ``heat``."""
        share = np.clip(value / max(peak, 1e-30), -1, 1)
        return linear(palette(self.a.colours, 0.5 + 0.5 * share))

    def ink(self, t: Any) -> Floats:
        """Linear colour of the palette."""
        return linear(palette(self.a.colours, np.asarray(t)))

    def near(self, away: Any, wide: float) -> Any:
        """Twin of ``near_line``, for pixels of a 512 picture."""
        return np.exp(-((away / (wide * self.thick)) ** 2))

    def panel(self, left: float, top: float, right: float, bottom: float) -> tuple[Any, Any]:
        """Return where the panel is, and the pixels' place in it, 0 to 1."""
        low, high = np.array([left, top]), np.array([right, bottom])
        e = (self.e - low) / (high - low)
        return (e >= 0).all(-1) & (e < 1).all(-1), e


def _at(field: Any, e: Any) -> Any:
    rows, columns = field.shape
    return field[(e[..., 1] * rows).astype(np.int64), (e[..., 0] * columns).astype(np.int64)]


class Product(Work):
    """A matrix product, slice by slice."""

    def advance(self) -> tuple[dict[str, Any], dict[str, float], list[float]]:
        inner = self.a.shape[1]
        slices = -(-inner // self.a.rounds)
        self.swept = min(self.done * slices, inner)
        a, b = self.values[:, : self.swept], self.other[: self.swept]
        self.product = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)
        return {"left": self.values, "right": self.other, "product": self.product}, {}, []

    def light(self) -> Floats:
        light = np.zeros((*self.e.shape[:2], 3))
        swept = self.swept / self.a.shape[1]
        inside, e = self.panel(0.36, 0.36, 0.97, 0.97)
        peak = float(np.abs(self.product).max())
        light[inside] = self.heat(_at(self.product, e[inside]), peak) * 1.15
        working = 0.001 <= swept <= 0.999
        for field, axis, size, box in (
            (self.values, 0, self.a.width, (0.03, 0.36, 0.33, 0.97)),
            (self.other, 1, self.a.height, (0.36, 0.03, 0.97, 0.33)),
        ):
            inside, e = self.panel(*box)
            at = e[inside]
            bright = np.where(at[:, axis] < swept, 0.9, 0.28)[:, None]
            line = self.near((at[:, axis] - swept) * 0.30 * size, 1.6) * working
            shown = self.heat(_at(field, at), float(np.abs(field).max()))
            light[inside] = shown * bright + WARM * line[:, None]
        return light


class Fourier(Work):
    """A transform there, a band kept, and back."""

    def advance(self) -> tuple[dict[str, Any], dict[str, float], list[float]]:
        a, values = self.a, self.values.astype(np.float64)
        rows, columns = a.shape
        fy, fx = (np.minimum(k, n - k) for k, n in zip(np.indices(a.shape), a.shape, strict=True))
        self.waves = np.hypot(fx, fy)
        far = 0.5037 * math.sqrt(columns**2 + rows**2)
        most = 0.5 * math.sqrt(columns**2 + (rows**2 if rows > 1 else 0))
        spectrum, back = np.zeros(a.shape, complex), np.zeros(a.shape, complex)
        self.band = 0.0
        if self.done:
            whole = self.done >= a.rounds
            limit = 1e9 if whole else math.exp(math.log(far) * self.done / a.rounds)
            spectrum = np.fft.fft2(values)
            back = np.fft.ifft2(np.where(self.waves <= limit, spectrum, 0))
            self.band = min(limit, most)
        self.spectrum, self.back = spectrum, back.real
        shape = a.shape if a.operation == "fft2d" else (columns,)

        def pairs(z: Any) -> Any:
            return np.stack([z.real, z.imag], -1).astype(np.float32).reshape(*shape, 2)

        outputs = {
            "values": self.values.reshape(shape), "spectrum": pairs(spectrum),
            "restored": pairs(back),
        }  # fmt: skip
        return outputs, {"band": self.band}, [self.band]

    def decades(self) -> Any:
        """Twin of ``decades``."""
        power = np.abs(self.spectrum) ** 2
        strongest = power.ravel()[:16384].max()
        share = np.maximum(power / max(strongest, 1e-30), 1e-12)
        return np.clip(1 + np.log(share) / 16, 0, 1)

    def light(self) -> Floats:
        a = self.a
        if a.shape[0] == 1:
            return self.lines()
        light = np.zeros((*self.e.shape[:2], 3))
        tall = 0.47 * a.width / a.height
        low = 0.02 if tall > 0.96 else 0.5 - 0.5 * tall
        inside, e = self.panel(0.02, low, 0.49, 1 - low)
        peak = float(np.abs(self.values).max())
        light[inside] = self.heat(_at(self.back, e[inside]), peak) * 1.2
        if self.done == 0:
            return light
        inside, e = self.panel(0.51, low, 0.98, 1 - low)
        at = e[inside]
        middle = np.roll(self.decades(), [n // 2 for n in a.shape], (0, 1))
        waves = np.roll(self.waves, [n // 2 for n in a.shape], (0, 1))
        strength = _at(middle, at)
        known = np.where(_at(waves, at) <= self.band, 1.0, 0.10)
        d = np.hypot((at[:, 0] - 0.5) * a.shape[1], (at[:, 1] - 0.5) * a.shape[0])
        ring = self.near((d - self.band) / a.shape[1] * 0.47 * a.width, 1.3)
        shown = self.ink(0.5 + 0.5 * strength) * (known * strength * 2.2)[:, None]
        light[inside] = shown + WARM * ring[:, None]
        return light

    def lines(self) -> Floats:
        """Twin of ``lines_of``."""
        a, n = self.a, self.a.shape[1]
        light = np.zeros((*self.e.shape[:2], 3))
        tall = 0.42 * a.height
        inside, e = self.panel(0.04, 0.10, 0.96, 0.52)
        at = e[inside]
        first = np.minimum((at[:, 0] * n).astype(int), n - 1)
        second = np.minimum(((at[:, 0] + 1 / (0.92 * a.width)) * n).astype(int), n - 1)
        scale = 0.40 * tall / max(float(np.abs(self.values).max()), 1e-30)
        y = (0.5 - at[:, 1]) * tall

        def stroke(line: Any, wide: float) -> Any:
            low, high = np.sort([line[first] * scale, line[second] * scale], axis=0)
            return self.near(np.maximum(np.maximum(low - y, y - high), 0), wide)[:, None]

        shown = np.array([0.25, 0.32, 0.5]) * stroke(self.values[0], 1.2)
        light[inside] = shown + self.ink(0.8) * 1.5 * stroke(self.back[0], 1.3)
        if self.done == 0:
            return light
        inside, e = self.panel(0.04, 0.60, 0.96, 0.95)
        at = e[inside]
        k = np.exp(at[:, 0] * math.log(0.5 * n)).astype(int)
        top, above = self.decades()[0][k], 1 - at[:, 1]
        known = np.where(self.waves[0][k] <= self.band, 1.0, 0.12)
        body = (top >= above) * known * (0.35 + 0.65 * above)
        light[inside] = self.ink(0.5 + 0.5 * top) * body[:, None]
        return light


class Sorting(Work):
    """Batcher's network, stage after stage."""

    def __init__(self, a: LinearArguments, seed: int) -> None:
        super().__init__(a, seed)
        keys = self.values[0] + np.float32(0)  # -0 is 0
        keys = np.where(np.isnan(keys), np.inf, keys)
        self.keys = np.concatenate([keys, np.full(a.padded - keys.size, np.inf)])
        self.place = np.arange(a.padded)
        self.level, self.left, self.stage = 1, 0, 0

    def advance(self) -> tuple[dict[str, Any], dict[str, float], list[float]]:
        a = self.a
        wanted = a.stages if self.done >= a.rounds else self.done * a.stages // a.rounds
        while self.stage < wanted:
            self.exchange()
        n = a.shape[1]
        order = self.place[:n]
        self.ordered = self.values[0][np.minimum(order, n - 1)]
        outputs = {
            "values": self.values[0], "sorted": self.ordered, "order": order.astype(np.uint32),
        }  # fmt: skip
        return outputs, {"stages": self.stage}, [self.stage]

    def exchange(self) -> None:
        """One stage of the network."""
        distance = 1 << (self.level - 1 - self.left)
        i = np.arange(self.a.padded // 2)
        low = i // distance * (2 * distance) + i % distance
        high = low ^ (2 * distance - 1) if self.left == 0 else low + distance
        behind = (self.keys[low] > self.keys[high]) | (
            (self.keys[low] == self.keys[high]) & (self.place[low] > self.place[high])
        )
        one, other = low[behind], high[behind]
        for line in (self.keys, self.place):
            line[one], line[other] = line[other].copy(), line[one].copy()
        self.left, self.stage = self.left + 1, self.stage + 1
        if self.left == self.level:
            self.level, self.left = self.level + 1, 0

    def light(self) -> Floats:
        a, n = self.a, self.a.shape[1]
        light = np.zeros((*self.e.shape[:2], 3))
        inside, e = self.panel(0.03, 0.10, 0.97, 0.97)
        at = e[inside]
        low, high = float(self.values.min()), float(self.values.max())
        place = at[:, 0] * n
        k = np.minimum(place.astype(int), n - 1)
        t = (self.ordered[k] - low) / max(high - low, 1e-30)
        wide = 0.94 * a.width / n
        part = place - np.floor(place)
        gap = np.minimum(part, 1 - part) * wide - 0.08 * wide + 0.5
        gap = np.clip(gap, 0, 1) if wide > 4 else np.ones(k.shape)
        top, above, tall = 0.02 + 0.97 * t, 1 - at[:, 1], 0.87 * a.height
        body = np.clip((top - above) * tall + 0.5, 0, 1) * gap
        crest = self.near((above - top) * tall, 1.8) * gap
        rise = 0.10 + 0.62 * (above / np.maximum(top, 0.01)) ** 2
        light[inside] = self.ink(0.97 * t) * (rise * body + 1.5 * crest)[:, None]
        return light


class Lists(Work):
    """Sums, running sums and counts of a part that grows."""

    def advance(self) -> tuple[dict[str, Any], dict[str, float], list[float]]:
        a, v = self.a, self.values[0].astype(np.float64)
        n, rounds = v.size, a.rounds
        done = self.done
        used = n if done >= rounds else max(n // rounds * done + n % rounds * done // rounds, 1)
        used = used if done else 0
        part = v[:used]
        self.used, self.counts = used, np.zeros(a.bins, np.int64)
        self.result = np.cumsum(np.where(np.arange(n) < used, v, 0))
        probes = dict.fromkeys(("sum", "minimum", "maximum", "squares", "count"), 0.0)
        if used:
            low, high = float(part.min()), float(part.max())
            probes = {
                "sum": float(part.sum()), "minimum": low, "maximum": high,
                "squares": float((part**2).sum()), "count": float(used),
            }  # fmt: skip
            at = (part - low) / max(high - low, 1e-30) * a.bins
            self.counts = np.bincount(np.clip(at.astype(int), 0, a.bins - 1), minlength=a.bins)
        self.mean = probes["sum"] / max(used, 1)
        outputs: dict[str, Any] = {"values": self.values[0]}
        if a.operation == "scan":
            outputs["running_sum"] = self.result.astype(np.float32)
        if a.operation == "histogram":
            outputs["counts"] = self.counts.astype(np.uint32)
        told = {"reduce": self.mean, "scan": probes["sum"], "histogram": probes["count"]}
        return outputs, probes, [told[a.operation]]

    def light(self) -> Floats:
        light = np.zeros((*self.e.shape[:2], 3))
        if self.used:
            inside, e = self.panel(0.04, 0.14, 0.96, 0.96)
            histogram = self.a.operation == "histogram"
            light[inside] = self.bars(e[inside]) if histogram else self.curve(e[inside])
        return light

    def bars(self, at: Any) -> Floats:
        """The histogram."""
        a, tall = self.a, 0.82 * self.a.height
        above = (1 - at[:, 1]) * tall
        place = at[:, 0] * a.bins
        k = np.minimum(place.astype(int), a.bins - 1)
        top = self.counts[k] / max(self.counts.max(), 1) * 0.96 * tall
        wide = 0.92 * a.width / a.bins
        part = place - np.floor(place)
        gap = np.minimum(part, 1 - part) * wide - 0.08 * wide + 0.5
        gap = np.clip(gap, 0, 1) if wide > 4 else np.ones(k.shape)
        body = np.clip(top - above + 0.5, 0, 1) * gap
        rise = np.clip(above / np.maximum(top, 1), 0, 1)
        crest = 1.4 * self.near(above - top, 1.3) * gap
        ink = self.ink(0.15 + 0.7 * k / a.bins)
        return np.asarray(ink * ((0.14 + 0.7 * rise**2) * body + crest)[:, None])

    def curve(self, at: Any) -> Floats:
        """The list, or its running sums."""
        a, n, tall = self.a, self.a.shape[1], 0.82 * self.a.height
        scan = a.operation == "scan"
        line = self.result if scan else self.values[0].astype(np.float64)
        seen = np.where(np.arange(n) < self.used, line, 0) if scan else line
        low, size = float(seen.min()), max(float(np.ptp(seen)), 1e-30)
        k = np.minimum((at[:, 0] * n).astype(int), n - 1)
        after = np.minimum(((at[:, 0] + 1 / (0.92 * a.width)) * n).astype(int), n - 1)
        above = (1 - at[:, 1]) * tall
        zero = min(max(-low / size, 0), 1) * tall
        y, y_after = ((line[i] - low) / size * tall for i in (k, after))
        t = np.clip(y / tall, 0, 1)
        away = np.maximum(np.minimum(y, y_after) - above, above - np.maximum(y, y_after))
        between = np.minimum(above - np.minimum(y, zero), np.maximum(y, zero) - above)
        strength = 1.5 * self.near(np.maximum(away, 0), 1.2) + 0.16 * np.clip(between + 0.5, 0, 1)
        strength = strength * np.where(k < self.used, 1.0, 0.0 if scan else 0.18)
        light = self.ink(0.15 + 0.75 * t) * strength[:, None]
        if a.operation == "reduce":
            mean = (self.mean - low) / size * tall
            light = light + WARM * 1.3 * self.near(above - mean, 1.1)[:, None]
        return np.asarray(light)
