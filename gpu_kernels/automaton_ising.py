"""The exact energy of the Ising model on a torus, against which tiles are checked."""

from __future__ import annotations

import math
from functools import cache

import numpy as np


@cache
def exact_energy(temperature: float, rows: int, columns: int) -> float:
    """Return the mean energy per spin in units of the coupling, for a lattice joined to itself.

    The derivative of the logarithm of the partition function. Source: Kaufman, Phys. Rev. 76
    (1949) 1232, in the form of Ferdinand and Fisher, Phys. Rev. 185 (1969) 832.
    """
    k, h = 1 / temperature, 1e-5
    slope = (_log_partition(k + h, rows, columns) - _log_partition(k - h, rows, columns)) / (2 * h)
    return -slope / (rows * columns)


def _log_partition(k: float, m: int, n: int) -> float:
    argument = math.cosh(2 * k) / math.tanh(2 * k) - np.cos(np.pi * np.arange(2 * n) / n)
    gamma = np.arccosh(np.maximum(argument, 1.0))
    gamma[0] = 2 * k + math.log(math.tanh(k))
    odd, even = gamma[1::2] * m / 2, gamma[0::2] * m / 2
    terms = [
        (1.0, np.logaddexp(odd, -odd).sum()),
        (1.0, _log_two_sinh(odd).sum()),
        (1.0, np.logaddexp(even, -even).sum()),
        (math.copysign(1.0, even[0]), _log_two_sinh(np.abs(even)).sum()),
    ]
    largest = max(log for _, log in terms)
    total = sum(sign * math.exp(log - largest) for sign, log in terms)
    bulk = m * n / 2 * math.log(2 * math.sinh(2 * k)) - math.log(2)
    return float(bulk + largest + math.log(total))


def _log_two_sinh(
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(x + np.log1p(-np.exp(-2 * x)))


SURVEY = """
// One workgroup adds up one tile: the moments of its magnetisation and its energy.
var<workgroup> sums: array<vec2i, 64>;

@compute @workgroup_size(64)
fn survey(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = vec2i(group.xy);
  let low = tile * vec2i(i32(TILE_COLUMNS), i32(TILE_ROWS));
  var spins = 0;
  var bonds = 0;
  let sampled = uniforms.step >= SETTLE && uniforms.step % SAMPLE_EVERY == 0u;
  for (var k = lane; k < select(0u, TILE_COLUMNS * TILE_ROWS, sampled); k += 64u) {
    let x = low.x + i32(k % TILE_COLUMNS);
    let y = low.y + i32(k / TILE_COLUMNS);
    let own = spin_in(tile, x, y);
    spins += own;
    bonds += own * (spin_in(tile, x + 1, y) + spin_in(tile, x, y + 1));
  }
  sums[lane] = vec2i(spins, bonds);
  workgroupBarrier();
  if (lane == 0u && sampled) {
    var total = vec2i(0);
    for (var k = 0u; k < 64u; k++) { total += sums[k]; }
    let size = f32(TILE_COLUMNS * TILE_ROWS);
    let m = f32(total.x) / size;
    let e = -f32(total.y) / size;
    let i = 2u * (group.y * TILES + group.x);
    moments[i] += vec4f(1.0, abs(m), m * m, m * m * m * m);
    moments[i + 1u] += vec4f(temperature_at(tile_share(tile)), e, e * e, 0.0);
  }
}
"""
