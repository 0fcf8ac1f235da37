"""A city by the water under the moon, its windows lit and mirrored, as a film and a picture.

Run it with ``python examples/moonlit_city.py [FOLDER]``; it leaves ``moonlit_city.mp4`` and
``moonlit_city.png`` there.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from intentos import config
from intentos.plan import Plan, Step
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Words

CITY = {
    "objects": [{"kind": "city", "count": 64}],
    "ground": "water",
    "time_of_day": "moonlight",
}


def look(name: str, **size: int) -> Step:
    """Return a step that draws the city."""
    needs = frozenset({"gpu"})
    return Step(id=name, language="kernel", code="scene", needs=needs, arguments={**CITY, **size})


PLAN = Plan(
    title=Words(en="A city in the moonlight", zh="月光下的城市"),
    interpretation=Words(en="Show a city by the water, in the moonlight."),
    steps=(
        look("film", width=640, height=400, frames=120),
        look("still", width=1280, height=800, frames=1),
    ),
    answer=Words(en="{building} towers; brightness {brightness} %"),
    origin="edited",
)


async def main(home: Path, out: Path) -> None:
    """Run the plan and copy what it leaves."""
    settings = config.load().model_copy(update={"home": home})
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=Registry(), approver=ApproveAll("example")
    )
    intent = Intent(text="a city in the moonlight", language="en")
    async for event in runtime.run(intent, plan=PLAN):
        last = event
    run = store.run(last.run_id)
    print(run.answer)
    for artifact in run.artifacts:
        if artifact.media_type in ("video/mp4", "image/png"):
            target = out / f"moonlit_city{Path(artifact.name).suffix}"
            shutil.copyfile(store.path(artifact.id), target)
            print(target)
    await runtime.close()
    store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder), Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
