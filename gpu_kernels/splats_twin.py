"""The NumPy twin of ``splats.wgsl``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import number_of

from .prelude import pack_rgba

if TYPE_CHECKING:
    from .splats import Splats

Floats = NDArray[np.floating[Any]]


def linear(c: Any) -> Floats:
    """sRGB in 0..1 to linear light, by the usual power."""
    return np.asarray(np.maximum(c, 0) ** 2.2)


def on_screen(c: Floats) -> Floats:
    """Linear light in 0..1 to sRGB, by the shader's square roots."""
    return np.asarray(1.0082 * np.sqrt(c) + 0.0698 * c**0.25 - 0.078 * c)


class Canvas:
    """Sums of light, ``accum`` of shape (height * width, 3), in the shader's fixed point."""

    def __init__(self, splats: Splats) -> None:
        self.splats = splats
        self.accum = np.zeros((splats.height * splats.width, 3), np.int64)

    def light(self, at: Floats, radius: Any, colour: Any) -> None:
        """Add soft discs: ``at`` (n, 2) pixels; ``radius`` (n,), ``colour`` (n, 3), or one each."""
        from .splats import LARGEST

        at, radius, colour = _each(at, radius, colour)
        good = _good(at, radius, colour)
        at, radius, colour = at[good], radius[good], colour[good]
        r = np.clip(radius, 1, LARGEST)[:, None]
        light = np.maximum(colour, 0) * np.minimum(radius, 1)[:, None] ** 2
        reach = math.ceil(float(r.max(initial=0))) + 1
        near = (at > -reach).all(-1) & (at < np.array(self._size) + reach).all(-1)
        at, r, light = at[near], r[near], light[near]
        middle = np.floor(at).astype(np.int64)
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                pixel = middle + np.array([dx, dy])
                d = (pixel + 0.5 - at) / r
                w = np.maximum(1 - np.sum(d * d, -1), 0) ** 2
                self._add(pixel, light * w[:, None])

    def line(self, a: Floats, b: Floats, radius: Any, colour: Any) -> None:
        """Add soft lines from ``a`` to ``b``, both (n, 2) pixels."""
        a, radius, colour = _each(a, radius, colour)
        b = np.broadcast_to(np.asarray(b, np.float64), a.shape)
        far = (np.abs(a) > 1e5).any(-1) | (np.abs(b) > 1e5).any(-1)
        good = _good(a, radius, colour) & _good(b, radius, colour) & ~far
        for p, q, wide, ink in zip(a[good], b[good], radius[good], colour[good], strict=True):
            self._line(p, q, float(wide), ink)

    def _line(self, a: Floats, b: Floats, radius: float, colour: Floats) -> None:
        long = float(np.linalg.norm(b - a))
        if long < 1e-3:
            return
        r = min(max(radius, 1.0), self.splats.widest)
        low = np.maximum(np.floor(np.minimum(a, b) - 1.5 * r), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(a, b) + 1.5 * r), self._size).astype(int)
        if (low >= high).any():
            return
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        pixel = np.stack([x.ravel(), y.ravel()], -1)
        along, d = (b - a) / long, pixel + 0.5 - a
        beside = (d[:, 0] * along[1] - d[:, 1] * along[0]) / r
        ahead = d @ along
        ends = _ramp(ahead / r) - _ramp((ahead - long) / r)
        w = np.maximum(1 - beside**2, 0) ** 2 * np.maximum(ends, 0)
        self._add(pixel, np.maximum(colour, 0) * min(radius, 1.0) * w[:, None])

    def picture(
        self,
        *,
        surface: Floats | None = None,
        ground: Floats | None = None,
        overlay: Callable[[Floats], Floats] | None = None,
        changed: dict[str, float] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the frame, uint8 of shape (height, width, 4), and fade the sums for the next.

        ``surface`` (height, width, 4) and ``ground`` (height, width, 3) are linear light, as the
        kernel's functions of these names give it, ``overlay`` takes and gives sRGB of shape
        (height, width, 3); ``changed`` holds uniforms that were turned.
        """
        from .splats import FIXED, HOLD

        s = self.splats
        known = {"glow": s.glow, "exposure": s.exposure, "persistence": s.persistence}
        known |= changed or {}
        light = np.zeros((s.height, s.width, 4)) if surface is None else surface.copy()
        light[..., :3] += self.accum.reshape(s.height, s.width, 3) / FIXED
        exposed = light[..., :3] * known["exposure"]
        exposed = exposed + self._glow(exposed) * known["glow"]
        exposed = exposed * (1 + 0.35 * exposed)
        ground = self._ground() if ground is None else ground
        hidden = np.clip(ground * (1 - light[..., 3:]), 0, 1)
        colour = on_screen(1 - (1 - hidden) * np.exp(-exposed))
        if overlay is not None:
            colour = overlay(colour)
        held = np.minimum(self.accum, HOLD).astype(np.float32)
        self.accum = (held * np.float32(known["persistence"])).astype(np.int64)
        return pack_rgba(colour + (self._grain()[..., None] - 0.5) / 255)

    @property
    def _size(self) -> tuple[int, int]:
        return self.splats.width, self.splats.height

    def _add(self, pixel: NDArray[np.int64], colour: Floats) -> None:
        from .splats import FIXED

        amount = np.minimum(np.floor(colour * FIXED + 0.5), self.splats.most)
        inside = (pixel >= 0).all(-1) & (pixel < self._size).all(-1) & (amount > 0).any(-1)
        index = pixel[inside, 1] * self.splats.width + pixel[inside, 0]
        for k in range(3):
            sums = np.bincount(index, amount[inside, k], self.accum.shape[0])
            self.accum[:, k] += sums.astype(np.int64)

    def _ground(self) -> Floats:
        s = self.splats
        x, y = np.meshgrid(np.arange(s.width), np.arange(s.height))
        e = (np.stack([x, y], -1) + 0.5 - np.array(self._size) / 2) / min(self._size)
        fall = 0.3 + 0.7 / (1 + 2.5 * np.sum(e * e, -1, keepdims=True))
        return np.asarray(linear(np.array(number_of(s.background))[:3]) * fall)

    def _grain(self) -> Floats:
        x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in self._size))
        inner = x * np.float32(0.06711056) + y * np.float32(0.00583715)
        outer = np.float32(52.9829189) * (inner - np.floor(inner))
        return np.asarray(outer - np.floor(outer))

    def _glow(self, light: Floats) -> Floats:
        s, (wide, tall) = self.splats, self.splats.small
        k = s.shrink
        padding = ((0, k * tall - s.height), (0, k * wide - s.width), (0, 0))
        light = np.pad(np.minimum(light, 4), padding, mode="edge")
        halo = light.reshape(tall, k, wide, k, 3).mean(axis=(1, 3))
        reach = s.reach
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / s.sigma) ** 2)
        weights = weights / weights.sum()
        for axis in (1, 0):
            padded = np.pad(halo, [(reach, reach) if n == axis else (0, 0) for n in range(3)])
            length = halo.shape[axis]
            parts = (np.take(padded, range(n, n + length), axis) for n in range(2 * reach + 1))
            halo = np.asarray(sum(w * part for w, part in zip(weights, parts, strict=True)))
        return _enlarged(halo, k, (s.height, s.width))


def _enlarged(small: Floats, factor: int, size: tuple[int, int]) -> Floats:
    """Return the picture blended between its pixels' middles."""
    y, x = ((np.arange(n) + 0.5) / factor - 0.5 for n in size)
    rows, columns = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - rows)[:, None, None], (x - columns)[None, :, None]

    def at(dy: int, dx: int) -> Floats:
        row = np.clip(rows + dy, 0, small.shape[0] - 1)
        column = np.clip(columns + dx, 0, small.shape[1] - 1)
        return np.asarray(small[row][:, column])

    upper = at(0, 0) * (1 - fx) + at(0, 1) * fx
    lower = at(1, 0) * (1 - fx) + at(1, 1) * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def _each(at: Any, radius: Any, colour: Any) -> tuple[Floats, Floats, Floats]:
    at = np.atleast_2d(np.asarray(at, np.float64))
    n = at.shape[0]
    wide = np.broadcast_to(np.asarray(radius, np.float64), (n,))
    return at, wide, np.broadcast_to(np.asarray(colour, np.float64), (n, 3))


def _good(at: Floats, radius: Floats, colour: Floats) -> Any:
    finite = np.isfinite(at).all(-1) & np.isfinite(radius) & np.isfinite(colour).all(-1)
    return finite & (radius > 0)


def _ramp(x: Floats) -> Floats:
    t = np.clip((x + 1) / 2, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
