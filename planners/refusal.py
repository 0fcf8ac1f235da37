"""Says no before any code is written, where no program can know or do what is wished.

The model scores the names of a few kinds of things that no program can know; code would invent an
answer. A wish is refused where one of them is likelier than something to compute.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from intentos.errors import PlanningError
from intentos.types import Intent

from .model import Model, Prompt

COMPUTE = "compute"
KINDS = (
    "weather", "news", "prices", "facts", "writing", "translation", "advice", "action", "fortune",
)  # fmt: skip
CLEAR = 0.7
"""Log-odds between the two likeliest reasons from which the first is told and not a general one."""


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/refuse.md").read_text("utf-8")


async def refuse(intent: Intent, model: Model) -> int:
    """Return the tokens that it took to see that a program may answer the wish.

    Raises:
        PlanningError: no program can; the message says why, and what can be done instead.
        ModelUnavailable: the model cannot be used.
    """
    if intent.attachments:  # then there is something to compute on
        return 0
    text = " ".join(intent.text.split())[:600]
    prompt = Prompt(system=system(), user=f"Wish: {text}", prefill='{"kind": "')
    choice = await model.choose(prompt, [COMPUTE, *KINDS])
    if choice.name == COMPUTE:
        return choice.tokens
    others = [odds for name, odds in choice.odds.items() if name not in (COMPUTE, choice.name)]
    clear = choice.odds[choice.name] - max(others) > CLEAR
    raise PlanningError(f"refused.{choice.name if clear else 'unknowable'}")
