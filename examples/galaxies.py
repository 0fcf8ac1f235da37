"""Two galaxies of 10,000 stars meet: every star pulls at every other, and long tails are torn out.

Run it with ``python examples/galaxies.py [--out FOLDER]``. It leaves a film (``galaxies.mp4``) and
the moment of the finest tails (``galaxies.png``), and prints how well energy and momentum were
kept: nothing but Newton's law holds the stars together. That such tails are tides was first said by
Toomre and Toomre, "Galactic Bridges and Tails", ApJ 178 (1972) 623.
"""

import asyncio
from pathlib import Path

from studio import studio

STARS = 10_000
FRAMES = 150
FINEST = 0.40
"""Share of the film after which the tails are long and still bright."""


async def main() -> None:
    """Simulate, and keep the film and one picture."""
    async with studio(__doc__) as make:
        print(f"{STARS:,} stars and their dark halos, {FRAMES - 1} steps of 3.5 million years")
        result = await make.run(
            "nbody",
            {
                "system": "galaxies", "count": STARS, "frames": FRAMES, "width": 640, "height": 640,
                "duration": 520, "dt": 4, "softening": 0.5, "measure_every": 16,
                "frames_per_second": 24,
            },
        )  # fmt: skip
        bodies, years = result.value("bodies"), result.value("time")
        nearest, then = result.value("nearest"), result.value("nearest_at")
        print(f"{bodies:,.0f} bodies, {years:.0f} million years")
        print(f"the middles came within {nearest:.1f} kpc after {then:.0f} million years")
        print(f"energy drift {result.value('energy_drift'):.3f} %")
        film = make.keep(result.artifact("film.mp4"), "galaxies.mp4")
        picture(film, make.folder / "galaxies.png")


def picture(film: Path, target: Path) -> None:
    """Save the film's finest moment."""
    import imageio.v3 as iio

    iio.imwrite(target, iio.imread(film, index=int(FINEST * FRAMES)))
    print(f"→ {target}")


if __name__ == "__main__":
    asyncio.run(main())
