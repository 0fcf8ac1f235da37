"""What no program can know or do is refused before any code, with what can be done instead."""

from __future__ import annotations

import pytest

from intentos.errors import PlanningError
from intentos.planners import refusal
from intentos.planners.model import Model
from intentos.types import Intent, language_of

from .recorded import Recorded


def wish(text: str) -> Intent:
    """Return a typed intent."""
    return Intent(text=text, language=language_of(text))


async def test_the_real_model_tells_what_can_be_computed(model: Model) -> None:
    for text in (
        "what is the sum of all even numbers from 1 to 200?",
        "9个人里选3个人有多少种选法",
    ):
        assert await refusal.refuse(wish(text), model) > 0
    for text in ("write me a poem about autumn", "明天会下雪吗"):
        with pytest.raises(PlanningError):
            await refusal.refuse(wish(text), model)


@pytest.mark.parametrize("kind", refusal.KINDS)
async def test_every_kind_says_why_and_what_else_there_is(kind: str) -> None:
    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(wish("…"), Recorded(chooses=kind))
    assert caught.value.code == f"refused.{kind}"
    assert len(caught.value.text("en")) > 80
    assert language_of(caught.value.text("zh")) == "zh"


async def test_where_the_reason_is_unsure_a_general_one_is_told() -> None:
    class Unsure(Recorded):
        async def choose(self, prompt, names):  # type: ignore[no-untyped-def]
            choice = await super().choose(prompt, names)
            return type(choice)(
                name="weather", odds=dict(choice.odds) | {"weather": -0.5, "news": -0.9}, tokens=1
            )

    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(wish("who is the president?"), Unsure(chooses="weather"))
    assert caught.value.code == "refused.unknowable"
