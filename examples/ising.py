"""At which temperature does a magnet lose its magnetism? Found by simulation, without the theory.

Run it with ``python examples/ising.py [--out FOLDER]``. It cools one large magnet for the eye
(``cooling.mp4``), then measures hundreds of small ones at sixteen temperatures and in two sizes.
The curves of Binder's ratio cross where the magnet is the same at every scale: at the critical
temperature (``ising.png``). Source of the method: Binder, Z. Phys. B 43 (1981) 119; of the exact
value, which is only compared with: Onsager, Phys. Rev. 65 (1944) 117.
"""

import asyncio
import math

import numpy as np
from numpy.typing import NDArray
from studio import Studio, studio

EXACT = 2 / math.log(1 + math.sqrt(2))
COLDEST, HOTTEST = 2.20, 2.35
SIZES = (8, 20)
TILES = 16
SWEEPS = 3000

Floats = NDArray[np.float64]


def binder(moments: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return temperature and 1 - <m⁴> / 3 <m²>², one number for each row of tiles."""
    sums = moments.astype(float).sum(axis=1)
    samples, squares, fourths, heat = sums[:, 0], sums[:, 2], sums[:, 3], sums[:, 4]
    return heat / samples, 1 - fourths * samples / (3 * squares**2)


def crossing(heat: Floats, small: Floats, large: Floats) -> float:
    """Return the temperature at which smooth lines through two curves meet."""
    roots = np.roots(np.polyfit(heat, large - small, 2)).real
    return float(roots[np.abs(roots - heat.mean()).argmin()])


async def measure(make: Studio, size: int) -> tuple[Floats, Floats]:
    """Return temperature and Binder's ratio of magnets of one size."""
    result = await make.run(
        "automaton",
        {
            "rule": "ising", "columns": size * TILES, "tiles": TILES, "start": "centre",
            # A row of tiles shares a temperature.
            "ramp": f"{COLDEST} + {HOTTEST - COLDEST}"
            f" * floor(tile * {TILES - 1e-3}) / {TILES - 1}",
            "settle": SWEEPS // 5, "sample_every": 4,
            "steps_per_frame": 500, "frames": 1 + SWEEPS // 500,
        },
        seed=size,
    )  # fmt: skip
    return binder(np.load(result.artifact("moments.npy")))


async def main() -> None:
    """Cool, measure, and draw."""
    async with studio(__doc__) as make:
        cooling = await make.run(
            "automaton",
            {
                "rule": "ising", "columns": 256, "density": 0.5, "steps_per_frame": 3,
                "ramp": "max(1.2, 4 - 0.008*t)", "frames": 140,
            },
        )  # fmt: skip
        make.keep(cooling.artifact("film.mp4"), "cooling.mp4")
        curves = {size: await measure(make, size) for size in SIZES}
        heat = curves[SIZES[0]][0]
        found = crossing(heat, curves[SIZES[0]][1], curves[SIZES[1]][1])
        off = 100 * (found / EXACT - 1)
        print(f"critical temperature {found:.4f}, exact {EXACT:.4f}, off by {off:+.2f} %")
        draw(make, curves, found)
        if abs(off) > 2:
            raise SystemExit("more than 2 % off")


def draw(make: Studio, curves: dict[int, tuple[Floats, Floats]], found: float) -> None:
    """Draw the curves and their crossing."""
    figure, axes = make.figure()
    for (size, (heat, ratio)), colour in zip(curves.items(), ("#ffb454", "#5fb3ff"), strict=True):
        axes.plot(heat, ratio, "o", color=colour, label=f"{size} × {size} spins")
        axes.plot(heat, np.polyval(np.polyfit(heat, ratio, 3), heat), color=colour, alpha=0.5)
    axes.axvline(found, color="#ff5d73", label=f"crossing at {found:.3f}")
    axes.axvline(EXACT, color="white", linestyle=":", label=f"exact {EXACT:.3f}")
    axes.set_xlabel("temperature / coupling")
    axes.set_ylabel("Binder's ratio")
    axes.set_title("Where a magnet loses its magnetism")
    axes.legend()
    make.save(figure, "ising.png")


if __name__ == "__main__":
    asyncio.run(main())
