"""A plan by hand: a ring road with more and more cars, through the runtime, without a model.

Run it with ``python examples/own_plan.py``; it prints how the mean speed falls as the road fills.
"""

import asyncio
import tempfile
from pathlib import Path

from intentos import config
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Words

PLAN = Plan(
    title=Words(en="Ring road", zh="环路"),
    interpretation=Words(en="Drive {cars} cars around.", zh="让 {cars} 辆车绕圈行驶。"),
    parameters=(
        Parameter(
            name="cars", label=Words(en="Cars"), kind="integer", default=20, minimum=1, maximum=200
        ),
    ),
    steps=(
        Step(
            id="drive",
            language="kernel",
            code="traffic",
            needs=frozenset({"gpu"}),
            arguments={
                "layout": "ring", "width": 256, "height": 256, "road_cells": 200, "max_speed": 5,
                "cars": "$cars", "frames": 60, "frames_per_step": 1,
            },
        ),
    ),
    answer=Words(en="{cars} cars: {mean_speed:.0f} km/h on average"),
    origin="edited",
)  # fmt: skip


async def main(home: Path) -> None:
    """Run the plan three times with other values."""
    settings = config.load().model_copy(update={"home": home})
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=Registry(), approver=ApproveAll("example")
    )
    for cars in (20, 60, 120):
        intent = Intent(text="a ring road", language="en")
        async for event in runtime.run(intent, plan=PLAN, values={"cars": cars}):
            last = event
        print(store.run(last.run_id).answer)
    await runtime.close()
    store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
