"""Smoke from a smouldering fire, curling as it rises: warm fluid is lighter than what is around it.

Run it with ``python examples/smoke.py [--out FOLDER]``; it leaves ``smoke.mp4`` and ``smoke.gif``.
"""

import asyncio

from studio import studio

EMBERS = "smoothstep(1, 0.3, hypot((x - 0.5)/0.1, (y - 0.03)/0.05))"
FLICKER = "(0.35 + 0.65*noise(18*x, 18*y - 9*t, 4*t))"


async def main() -> None:
    """Draw the film and say how fast the smoke rose."""
    async with studio(__doc__) as make:
        result = await make.run(
            "fluid",
            {
                "boundary": "open", "rows": 224, "speed": 0.07, "reynolds": 3500,
                "source": f"{EMBERS}*{FLICKER}", "buoyancy": 6, "fade": 0.22,
                # A light draught pushes the warm column to and fro.
                "force_x": "1.5*dye*(noise(4*x, 4*y, 2*t) - 0.5)",
                "view": "dye", "palette": "fire", "high": 0.85, "relief": 1.2,
                "steps_per_frame": 36, "frames": 240,
            },
        )  # fmt: skip
        make.keep(result.artifact("film.mp4"), "smoke.mp4")
        make.keep(result.artifact("film.gif"), "smoke.gif")
        print(f"The fastest smoke is at Mach {result.value('mach'):.2f} of the lattice.")


if __name__ == "__main__":
    asyncio.run(main())
