"""A city by the water under the moon, its windows lit and mirrored, as a film and a picture.

Run it with ``python examples/moonlit_city.py [--out FOLDER]``; it leaves ``moonlit_city.mp4`` and
``moonlit_city.png``.
"""

import asyncio

from studio import studio

CITY = {
    "objects": [{"kind": "city", "count": 64}],
    "ground": "water",
    "time_of_day": "moonlight",
}


async def main() -> None:
    """Draw the film and one larger picture."""
    async with studio(__doc__) as make:
        film = await make.film_and_picture("scene", CITY, "moonlit_city", frames=150)
        print(f"{film.value('building')} towers, brightness {film.value('brightness')} %.")


if __name__ == "__main__":
    asyncio.run(main())
