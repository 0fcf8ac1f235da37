"""A program that runs one plan and tells each event at once: what it told, nobody may lose.

``python -m intentos.bench.chaos_call PLAN [FILE…]``; the files are attached.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import get_args

from intentos import config
from intentos.conversation import Conversation, Options, make_intent
from intentos.events import DurableEvent, Event
from intentos.plan_file import read_plan
from intentos.policy import ApproveAll
from intentos.types import new_id


def tell(event: Event) -> None:
    """Print a durable event as one line."""
    if isinstance(event, get_args(DurableEvent)):
        print(event.model_dump_json(), flush=True)


async def main(plan: Path, files: list[Path]) -> None:
    """Run the plan."""
    found = read_plan(plan)
    conversation = Conversation(config.load(), ApproveAll("chaos"), called_at=time.time())
    try:
        attachments = await conversation.runtime.take_in(files)
        intent = make_intent(plan.stem, conversation=new_id(), attachments=attachments)
        options = Options(values=found.values)
        await conversation.run(intent, options, tell, plan=found.plan)
    finally:
        await conversation.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
