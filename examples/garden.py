"""A garden in the wind: trees and flowers in the late afternoon, as a film and a picture.

Run it with ``python examples/garden.py [--out FOLDER]``; it leaves ``garden.mp4`` and
``garden.png``.
"""

import asyncio

from studio import studio

GARDEN = {
    "objects": [
        {"kind": "tree", "count": 3},
        {"kind": "flowers", "count": 90},
        {"kind": "bush", "count": 4},
        {"kind": "path"},
    ],
    "hour": 17.1,
    "wind": 0.7,
}


async def main() -> None:
    """Draw the film and one larger picture."""
    async with studio(__doc__) as make:
        film = await make.run("scene", {**GARDEN, "width": 640, "height": 400, "frames": 120})
        make.keep(film.artifact("film.mp4"), "garden.mp4")
        still = await make.run("scene", {**GARDEN, "width": 1280, "height": 800, "frames": 1})
        make.keep(still.artifact("picture.png"), "garden.png")
        print(
            f"{film.value('tree')} trees and {film.value('flower')} flowers; "
            f"the sun stands at {film.value('sun_height')}°."
        )


if __name__ == "__main__":
    asyncio.run(main())
