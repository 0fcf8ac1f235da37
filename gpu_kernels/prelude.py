"""NumPy twins of ``prelude.wgsl``, and the palettes, from which the WGSL is generated."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Nine even stops of each map. inferno, viridis, magma, plasma, twilight: Matplotlib (CC0).
PALETTES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "inferno": (
        (0.001, 0.000, 0.014),
        (0.129, 0.047, 0.291),
        (0.342, 0.062, 0.429),
        (0.541, 0.135, 0.415),
        (0.736, 0.216, 0.330),
        (0.894, 0.353, 0.194),
        (0.978, 0.558, 0.035),
        (0.975, 0.798, 0.206),
        (0.988, 0.998, 0.645),
    ),
    "viridis": (
        (0.267, 0.005, 0.329),
        (0.279, 0.175, 0.483),
        (0.230, 0.322, 0.546),
        (0.173, 0.449, 0.558),
        (0.128, 0.567, 0.551),
        (0.158, 0.684, 0.502),
        (0.369, 0.789, 0.383),
        (0.678, 0.864, 0.190),
        (0.993, 0.906, 0.144),
    ),
    "magma": (
        (0.001, 0.000, 0.014),
        (0.113, 0.065, 0.277),
        (0.317, 0.072, 0.485),
        (0.513, 0.148, 0.508),
        (0.716, 0.215, 0.475),
        (0.904, 0.320, 0.388),
        (0.987, 0.536, 0.382),
        (0.997, 0.770, 0.535),
        (0.987, 0.991, 0.750),
    ),
    "twilight": (
        (0.886, 0.850, 0.888),
        (0.583, 0.710, 0.779),
        (0.384, 0.461, 0.731),
        (0.351, 0.166, 0.561),
        (0.185, 0.079, 0.213),
        (0.454, 0.116, 0.310),
        (0.698, 0.338, 0.322),
        (0.800, 0.641, 0.537),
        (0.886, 0.850, 0.886),
    ),
    "fire": (
        (0.020, 0.020, 0.060), (0.180, 0.020, 0.080), (0.420, 0.030, 0.070),
        (0.680, 0.090, 0.040), (0.880, 0.240, 0.030), (0.970, 0.450, 0.060),
        (0.990, 0.670, 0.180), (1.000, 0.860, 0.470), (1.000, 0.980, 0.860),
    ),
    "ocean": (
        (0.010, 0.030, 0.110), (0.020, 0.090, 0.240), (0.030, 0.180, 0.400),
        (0.040, 0.310, 0.560), (0.080, 0.460, 0.680), (0.200, 0.620, 0.760),
        (0.420, 0.770, 0.830), (0.680, 0.890, 0.900), (0.930, 0.980, 0.980),
    ),
    "plasma": (
        (0.050, 0.030, 0.528), (0.300, 0.010, 0.632), (0.495, 0.012, 0.658),
        (0.665, 0.139, 0.586), (0.798, 0.280, 0.470), (0.902, 0.425, 0.360),
        (0.973, 0.586, 0.252), (0.993, 0.772, 0.155), (0.940, 0.975, 0.131),
    ),
    "spectrum": (
        (1.000, 0.325, 0.325), (0.868, 0.666, 0.115), (0.550, 0.940, 0.160),
        (0.232, 0.985, 0.434), (0.100, 0.775, 0.775), (0.232, 0.434, 0.985),
        (0.550, 0.160, 0.940), (0.868, 0.115, 0.666), (1.000, 0.325, 0.325),
    ),
    "ice_fire": (
        (0.624, 0.910, 1.000), (0.247, 0.655, 0.910), (0.110, 0.373, 0.722),
        (0.090, 0.188, 0.373), (0.055, 0.071, 0.125), (0.341, 0.102, 0.149),
        (0.659, 0.196, 0.196), (0.941, 0.439, 0.235), (1.000, 0.827, 0.541),
    ),
    "blue_red": (
        (0.106, 0.227, 0.549), (0.231, 0.435, 0.769), (0.494, 0.663, 0.875),
        (0.765, 0.843, 0.933), (0.961, 0.953, 0.937), (0.953, 0.796, 0.725),
        (0.898, 0.573, 0.467), (0.788, 0.314, 0.247), (0.561, 0.082, 0.149),
    ),
    "aurora": (
        (0.020, 0.039, 0.118), (0.043, 0.122, 0.247), (0.051, 0.271, 0.325),
        (0.059, 0.478, 0.404), (0.184, 0.706, 0.486), (0.525, 0.867, 0.494),
        (0.835, 0.949, 0.604), (0.949, 0.722, 0.878), (0.969, 0.890, 1.000),
    ),
    "rose": (
        (0.102, 0.020, 0.063), (0.271, 0.035, 0.122), (0.490, 0.059, 0.188),
        (0.722, 0.114, 0.259), (0.886, 0.216, 0.353), (0.957, 0.392, 0.486),
        (0.984, 0.588, 0.627), (0.992, 0.769, 0.769), (1.000, 0.941, 0.925),
    ),
    "sunset": (
        (0.071, 0.039, 0.180), (0.200, 0.075, 0.361), (0.416, 0.106, 0.478),
        (0.655, 0.165, 0.486), (0.867, 0.290, 0.408), (0.961, 0.478, 0.322),
        (0.992, 0.682, 0.306), (0.992, 0.855, 0.455), (0.992, 0.965, 0.788),
    ),
    "ink": (
        (0.984, 0.973, 0.937), (0.875, 0.902, 0.910), (0.714, 0.788, 0.839),
        (0.522, 0.647, 0.749), (0.345, 0.498, 0.651), (0.212, 0.353, 0.533),
        (0.129, 0.224, 0.416), (0.078, 0.122, 0.286), (0.039, 0.059, 0.161),
    ),
    "thermal": (
        (0.106, 0.165, 0.420), (0.227, 0.247, 0.627), (0.478, 0.247, 0.690),
        (0.722, 0.251, 0.604), (0.894, 0.333, 0.420), (0.969, 0.498, 0.271),
        (0.984, 0.690, 0.290), (0.992, 0.851, 0.478), (1.000, 0.965, 0.816),
    ),
    "grey": tuple((i / 8, i / 8, i / 8) for i in range(9)),
}  # fmt: skip


def known_palette(name: str) -> str:
    """Return the name of a palette; raises ValueError, which lists them all, if it is none."""
    if name not in PALETTES:
        raise ValueError(f"palette must be one of {', '.join(PALETTES)}")
    return name


# Functions of the WGSL beside this file that take every component of a vector alone.
_ONE_BY_ONE = {
    "square": 1, "cube": 1, "power": 2, "floor_mod": 2, "bounded_tanh": 1, "arc_sine": 1,
    "arc_cosine": 1, "area_sine": 1, "area_cosine": 1, "area_tangent": 1, "hypotenuse": 2,
    "smooth_between": 3,
}  # fmt: skip


@cache
def prelude_wgsl() -> str:
    """Return the shared WGSL functions: the file's, the same for vectors, and every palette."""
    parts = [Path(__file__).with_name("prelude.wgsl").read_text("utf-8")]
    for size in (2, 3):
        kind, letters = f"vec{size}f", "xyz"[:size]
        for name, count in _ONE_BY_ONE.items():
            names = "abc"[:count]
            takes = ", ".join(f"{n}: {kind}" for n in names)
            each = (f"{name}({', '.join(f'{n}.{c}' for n in names)})" for c in letters)
            parts.append(f"fn {name}_{size}({takes}) -> {kind} {{\n")
            parts.append(f"  return {kind}({', '.join(each)});\n}}\n")
        parts.append(_OF_VECTORS.replace("N", str(size)).replace("VEC", kind))
    parts += [palette_wgsl(name, f"palette_{name}") for name in PALETTES]
    return "".join(parts)


_OF_VECTORS = """
fn integer_power_N(v: VEC, n: i32) -> VEC {
  var result = VEC(1.0);
  var factor = v;
  for (var left = abs(n); left > 0; left = left >> 1u) {
    if ((left & 1) == 1) { result = result * factor; }
    factor = factor * factor;
  }
  return select(result, 1.0 / result, n < 0);
}

// The direction of v; zero has none, and stays zero.
fn unit_N(v: VEC) -> VEC {
  let far = length(v);
  return select(v / far, VEC(0.0), far == 0.0);
}

// Snell's law: 0 where all light is reflected.
fn refracted_N(v: VEC, normal: VEC, ratio: f32) -> VEC {
  let along = dot(normal, v);
  let k = 1.0 - ratio * ratio * (1.0 - along * along);
  return select(ratio * v - (ratio * along + sqrt(max(k, 0.0))) * normal, VEC(0.0), k < 0.0);
}

fn between_N(v: VEC, low: VEC, high: VEC) -> bool { return all(v >= low) && all(v <= high); }
"""


def palette_wgsl(name: str, function: str = "palette") -> str:
    """Return ``fn palette(t: f32) -> vec3f``: piecewise linear over nine stops, t in 0..1."""
    stops = ", ".join(f"vec3f({r:.3f}, {g:.3f}, {b:.3f})" for r, g, b in PALETTES[name])
    return f"""
fn {function}(t: f32) -> vec3f {{
  var stops = array<vec3f, 9>({stops});
  let x = clamp(t, 0.0, 1.0) * 8.0;
  let i = min(u32(x), 7u);
  return mix(stops[i], stops[i + 1u], x - f32(i));
}}
"""


def palette(name: str, t: Floats) -> Floats:
    """Return sRGB colours, shape ``t.shape + (3,)``, for t in 0..1."""
    stops = np.array(PALETTES[name], np.float32)
    x = np.nan_to_num(np.clip(t, 0, 1)) * 8
    i = np.minimum(x.astype(np.int64), 7)
    weight = (x - i)[..., None]
    return np.asarray(stops[i] * (1 - weight) + stops[i + 1] * weight)


def hash_(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Twin of ``hash``."""
    with np.errstate(over="ignore"):
        state = x * np.uint32(747796405) + np.uint32(2891336453)
        word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
        return np.asarray((word >> np.uint32(22)) ^ word)


def random_bits(a: Any, b: Any, c: Any, seed: int) -> NDArray[np.uint32]:
    """Twin of ``random_bits``; ``seed`` is the folded 32-bit seed."""
    one = np.atleast_1d(np.asarray(seed, np.uint32))
    inner = hash_(np.asarray(c, np.uint32) ^ hash_(one))
    return hash_(np.asarray(a, np.uint32) ^ hash_(np.asarray(b, np.uint32) ^ inner))


def random(a: Any, b: Any, c: Any, seed: int) -> NDArray[np.float32]:
    """Twin of ``random``: float32 in [0, 1)."""
    bits = random_bits(a, b, c, seed) >> np.uint32(8)
    return np.asarray(bits.astype(np.float32) * np.float32(1 / 16777216))


def pack_rgba(colour: Floats) -> NDArray[np.uint8]:
    """Twin of ``pack_rgba``: shape (..., 3) in 0..1 to (..., 4) bytes."""
    rgb = (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    alpha = np.full((*rgb.shape[:-1], 1), 255, np.uint8)
    return np.concatenate([rgb, alpha], axis=-1)


def finite(x: Any) -> Any:
    """Twin of ``finite``."""
    return np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def integer_power(x: Any, n: Any) -> Any:
    """Twin of ``integer_power``: by squaring, in the order of the shader."""
    result, factor, left = np.ones_like(x), x, abs(int(n))
    while left > 0:
        if left & 1:
            result = result * factor
        factor = factor * factor
        left >>= 1
    return 1 / result if n < 0 else result


def power(x: Any, y: Any) -> Any:
    """Twin of ``power``: NaN for a negative base with a fractional exponent."""
    return np.power(np.asarray(x) * 1.0, y)


def floor_mod(a: Any, b: Any) -> Any:
    """Twin of ``floor_mod``."""
    return a - b * np.floor(np.true_divide(a, b))


def smooth_between(low: Any, high: Any, x: Any) -> Any:
    """Twin of ``smooth_between``."""
    wide = np.where(high == low, 1, high - low)
    t = np.where(high == low, x >= low, np.clip(np.true_divide(x - low, wide), 0, 1))
    return t * t * (3 - 2 * t)


def inside_disc(x: Any, y: Any, cx: Any, cy: Any, r: Any) -> Any:
    """Twin of ``inside_disc``."""
    return (x - cx) * (x - cx) + (y - cy) * (y - cy) <= r * r


def inside_box(x: Any, y: Any, left: Any, bottom: Any, right: Any, top: Any) -> Any:
    """Twin of ``inside_box``."""
    return (x >= left) & (x <= right) & (y >= bottom) & (y <= top)


def cell_key(x: Any) -> NDArray[np.uint32]:
    """Twin of ``cell_key``; what is not a number has the key 0."""
    whole = np.nan_to_num(np.clip(np.floor(x), -1e9, 1e9), nan=0.0)
    return np.asarray(whole).astype(np.int64).astype(np.uint32)


def cell_random(a: Any, b: Any, c: Any, seed: int) -> Any:
    """Twin of ``cell_random``; a scalar for scalars."""
    shape = np.broadcast_shapes(np.shape(a), np.shape(b), np.shape(c))
    return random(cell_key(a), cell_key(b), cell_key(c), seed).reshape(shape)


def value_noise(x: Any, y: Any, z: Any, seed: int) -> Any:
    """Twin of ``value_noise``."""
    cells = [np.floor(v) for v in (x, y, z)]
    u, v, w = (_fade(value - cell) for value, cell in zip((x, y, z), cells, strict=True))
    cx, cy, cz = cells

    def layer(c: Any) -> Any:
        near = _mix(cell_random(cx, cy, c, seed), cell_random(cx + 1, cy, c, seed), u)
        far = _mix(cell_random(cx, cy + 1, c, seed), cell_random(cx + 1, cy + 1, c, seed), u)
        return _mix(near, far, v)

    low = layer(cz)
    return low if np.all(w == 0) else _mix(low, layer(cz + 1), w)


def fractal_noise(x: Any, y: Any, z: Any, seed: int) -> Any:
    """Twin of ``fractal_noise``."""
    total: Any = 0.0
    for octave in range(5):
        scale = 2.0**octave
        total = total + value_noise(x * scale, y * scale + 17 * scale, z * scale, seed) / 2 / scale
    return total / 0.96875


def _fade(t: Any) -> Any:
    return t * t * t * (t * (t * 6 - 15) + 10)


def _mix(a: Any, b: Any, t: Any) -> Any:
    return a * (1 - t) + b * t


def widen(x: Any, size: int) -> Any:
    """Return vectors of ``size`` equal components, shape ``x.shape + (size,)``."""
    x = np.asarray(x)
    return np.broadcast_to(x[..., None], (*x.shape, size))


def vector(*components: Any) -> Any:
    """Return vectors from their components, which lie along the last axis."""
    return np.stack(np.broadcast_arrays(*components), axis=-1)


def extended(v: Any, z: Any) -> Any:
    """Return vectors of three from vectors of two and a third component."""
    return vector(v[..., 0], v[..., 1], z)


def three(v: Any) -> tuple[Any, Any, Any]:
    """Return three components; the third of a vector of two is 0."""
    return v[..., 0], v[..., 1], v[..., 2] if v.shape[-1] == 3 else 0.0


def dot(a: Any, b: Any) -> Any:
    """Twin of WGSL's ``dot``."""
    return (np.asarray(a) * b).sum(axis=-1)


def length(v: Any) -> Any:
    """Twin of WGSL's ``length``."""
    return np.sqrt(dot(v, v))


def unit(v: Any) -> Any:
    """Twin of ``unit_N``."""
    far = length(v)[..., None]
    return np.where(far == 0, 0.0, np.true_divide(v, np.where(far == 0, 1.0, far)))


def reflect(v: Any, normal: Any) -> Any:
    """Twin of WGSL's ``reflect``: v mirrored at the plane of that normal."""
    return v - 2 * dot(normal, v)[..., None] * normal


def refracted(v: Any, normal: Any, ratio: Any) -> Any:
    """Twin of ``refracted_N``."""
    along, ratio = dot(normal, v)[..., None], np.asarray(ratio)[..., None]
    k = 1 - ratio * ratio * (1 - along * along)
    bent = ratio * v - (ratio * along + np.sqrt(np.maximum(k, 0))) * normal
    return np.where(k < 0, 0.0, bent)


def face_forward(v: Any, incident: Any, normal: Any) -> Any:
    """Twin of WGSL's ``faceForward``: v, turned where the light comes from behind."""
    return np.where(dot(normal, incident)[..., None] < 0, v, -np.asarray(v))


def between(v: Any, low: Any, high: Any) -> Any:
    """Twin of ``between_N``."""
    return ((v >= low) & (v <= high)).all(axis=-1)


def rotated(v: Any, angle: Any) -> Any:
    """Twin of ``rotated``."""
    c, s = np.cos(angle), np.sin(angle)
    return vector(c * v[..., 0] - s * v[..., 1], s * v[..., 0] + c * v[..., 1])


def hsv(hue: Any, saturation: Any, value: Any) -> Any:
    """Twin of ``hsv``."""
    turned = np.asarray(hue)[..., None] + np.array([0, 2 / 3, 1 / 3])
    pure = np.clip(np.abs((turned - np.floor(turned)) * 6 - 3) - 1, 0, 1)
    grey = np.asarray(saturation)[..., None]
    return np.asarray(value)[..., None] * (1 - grey + pure * grey)
