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
        film = await make.film_and_picture("scene", GARDEN, "garden", frames=120)
        print(
            f"{film.value('tree')} trees and {film.value('flower')} flowers; "
            f"the sun stands at {film.value('sun_height')}°."
        )


if __name__ == "__main__":
    asyncio.run(main())
