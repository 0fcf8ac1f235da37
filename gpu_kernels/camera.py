"""The camera that goes round an object: where a place in space lies in the picture.

The object's middle is the origin, y is up and a radius of 1 fills the picture's shorter side well
at a distance of 3. The person turns it: ``yaw``, ``pitch``, ``distance``, ``zoom``, ``pan`` are the
standard uniforms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from intentos.program import View

Floats = NDArray[np.floating[Any]]


@cache
def camera_wgsl() -> str:
    """Return ``turned``, ``side`` and ``project``; see ``camera.wgsl``."""
    return Path(__file__).with_suffix(".wgsl").read_text("utf-8")


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The twin of ``camera.wgsl`` at one moment; angles in radians."""

    width: int
    height: int
    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = 3.0
    zoom: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def at(cls, view: View, frame: int, frames_per_second: float, width: int, height: int) -> Self:
        """Return the camera of one frame of a film: its spin turns it."""
        return cls(
            width=width,
            height=height,
            yaw=view.yaw + view.spin * frame / frames_per_second,
            pitch=view.pitch,
            distance=view.distance,
            zoom=view.zoom,
            pan=view.pan,
        )

    @property
    def side(self) -> int:
        """The shorter side of the picture, in pixels."""
        return min(self.width, self.height)

    def turned(self, v: Floats) -> Floats:
        """Return vectors, shape (..., 3), as the camera sees them: right, up, towards it."""
        c, s, d, e = (f(x) for x in (self.yaw, self.pitch) for f in (math.cos, math.sin))
        x = c * v[..., 0] + s * v[..., 2]
        z = c * v[..., 2] - s * v[..., 0]
        return np.stack([x, d * v[..., 1] - e * z, e * v[..., 1] + d * z], axis=-1)

    def project(self, p: Floats) -> tuple[Floats, Floats, Floats]:
        """Return x and y in pixels, shape (..., 2), the depth, and the pixels of one unit there."""
        q = self.turned(p)
        depth = self.distance - q[..., 2]
        unit = 1.2 * self.side * self.zoom / np.maximum(depth, 0.05)
        middle = np.array([self.width, self.height]) / 2 + np.array(self.pan) * self.side
        at = middle + np.stack([q[..., 0], -q[..., 1]], -1) * unit[..., None]
        return at, depth, unit
