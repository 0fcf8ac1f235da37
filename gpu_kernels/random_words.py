"""Random words of counters: what is drawn depends on no other draw, on the GPU as in NumPy.

Source: pcg3d of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@cache
def random_words_wgsl() -> str:
    """Return ``random_words(i, block, key) -> vec3u``."""
    return Path(__file__).with_suffix(".wgsl").read_text("utf-8")


def random_words(index: NDArray[np.uint32], block: int, key: int) -> list[NDArray[np.uint32]]:
    """Twin of the shader's function: three words for each index."""
    u = np.uint32
    with np.errstate(over="ignore"):
        x = index * u(1664525) + u(1013904223)
        y = u(block) * np.full(1, 1664525, u) + u(1013904223)
        z = u(key) * np.full(1, 1664525, u) + u(1013904223)
        x = x + y * z
        y = y + z * x
        z = z + x * y
        x, y, z = x ^ (x >> u(16)), y ^ (y >> u(16)), z ^ (z >> u(16))
        x = x + y * z
        y = y + z * x
        z = z + x * y
    return [x, y, z]
