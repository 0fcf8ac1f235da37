"""A garden in the wind: trees and flowers in the late afternoon, as a film and a picture.

Run it with ``python examples/garden.py [FOLDER]``; it leaves ``garden.mp4`` and ``.png`` there.
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

GARDEN = {
    "objects": [
        {"kind": "tree", "count": 3},
        {"kind": "flowers", "count": 90},
        {"kind": "bush", "count": 4},
        {"kind": "path"},
    ],
    "hour": 17.0,
    "wind": 0.7,
}


def look(name: str, **size: int) -> Step:
    """Return a step that draws the garden."""
    needs = frozenset({"gpu"})
    return Step(id=name, language="kernel", code="scene", needs=needs, arguments={**GARDEN, **size})


PLAN = Plan(
    title=Words(en="A garden in the wind", zh="风中的花园"),
    interpretation=Words(en="Show a garden with trees and flowers in the wind."),
    steps=(
        look("film", width=640, height=400, frames=120),
        look("still", width=1280, height=800, frames=1),
    ),
    answer=Words(en="{tree} trees and {flower} flowers; the sun stands at {sun_height}°"),
    origin="edited",
)


async def main(home: Path, out: Path) -> None:
    """Run the plan and copy what it leaves."""
    settings = config.load().model_copy(update={"home": home})
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=Registry(), approver=ApproveAll("example")
    )
    intent = Intent(text="a garden with trees and flowers in the wind", language="en")
    async for event in runtime.run(intent, plan=PLAN):
        last = event
    run = store.run(last.run_id)
    print(run.answer)
    for artifact in run.artifacts:
        if artifact.media_type in ("video/mp4", "image/png"):
            target = out / f"garden{Path(artifact.name).suffix}"
            shutil.copyfile(store.path(artifact.id), target)
            print(target)
    await runtime.close()
    store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder), Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
