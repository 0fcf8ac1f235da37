"""A follow-up that no parameter can meet: the model rewrites its own program."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos import diff
from intentos.conversation import make_intent
from intentos.plan import Plan
from intentos.planners import change
from intentos.planners.model import Model
from intentos.protocols import PlanningContext, Table
from intentos.registry import Registry
from intentos.types import Intent, new_id

from .recorded import Recorded
from .trials import Trials

SUM = """import numpy as np
limit = parameters["limit"]
numbers = np.arange(1, limit + 1)
report("total", int(numbers.sum()))
"""
SQUARES = """Task: Sum the squares of the numbers from 1 to 50
Answer: The sum of the squares is {total}.
```python
import numpy as np
limit = 50
numbers = np.arange(1, limit + 1)
report("total", int((numbers**2).sum()))
```"""


def said(text: str) -> Intent:
    """Return the intent of a text."""
    return make_intent(text, conversation=new_id())


@pytest.fixture
def table() -> Table:
    """Return a sum that a model has written, with a value that was changed since."""
    plan = {
        "title": {"en": "The sum of the numbers from 1 to 20"},
        "interpretation": {"en": "Sum the numbers from 1 to {limit}"},
        "parameters": [{"name": "limit", "label": {"en": "Limit"}, "kind": "integer",
                        "default": 20, "minimum": 0}],
        "steps": [{"id": "compute", "language": "python", "code": SUM}],
        "origin": "generated",
    }  # fmt: skip
    return Table(run="", plan=Plan.model_validate(plan), values={"limit": 50})


def context(registry: Registry, folder: Path) -> PlanningContext:
    """Return a context with real trials."""
    return PlanningContext(trial=Trials(registry, folder), emit=lambda event: None)


async def test_the_model_changes_its_own_program(
    registry: Registry, tmp_path: Path, table: Table
) -> None:
    model = Recorded(SQUARES)
    there = context(registry, tmp_path)
    found, tokens = await change.change(
        said("sum the squares instead"), table, model, there, registry, lambda text: None
    )
    assert found is not None
    assert tokens > 0
    assert found.plan.parent == table.plan.id
    assert found.plan.origin == "generated"
    assert found.plan.digest != table.plan.digest
    # The value of the last run is a knob of the new plan too, and no number is called unused.
    assert dict(found.values) == {"limit": 50}
    assert found.plan.assumptions == ()
    trial = there.trial
    assert isinstance(trial, Trials)
    assert trial.results[-1].values["total"].value == 50 * 51 * 101 // 6
    asked = model.asked[0].user
    assert "limit = 50" in asked
    assert "sum the squares instead" in asked
    before = diff.Side(name="a", plan=table.plan, values=table.values)
    after = diff.Side(name="b", plan=found.plan, values=found.values)
    code = next(s for s in diff.compare(before, after) if s.title == "diff.code")
    assert '+report("total", int((numbers**2).sum()))' in code.lines


async def test_what_comes_out_the_same_is_no_change(
    registry: Registry, tmp_path: Path, table: Table
) -> None:
    same = SQUARES.replace("(numbers**2).sum()", "numbers.sum()")
    there = context(registry, tmp_path)
    wish = said("please do it once more")
    first, _ = await change.change(wish, table, Recorded(same), there, registry, lambda text: None)
    assert first is not None
    again = Table(run="", plan=first.plan, values=first.values)
    second, _ = await change.change(wish, again, Recorded(same), there, registry, lambda text: None)
    assert second is None


def test_only_what_a_model_wrote_is_written_anew(table: Table) -> None:
    assert change.possible(table.plan)
    for origin in ("recipe", "edited"):
        assert not change.possible(table.plan.model_copy(update={"origin": origin}))


def test_the_wish_holds_the_numbers_of_now(table: Table) -> None:
    text = change.both(table, said("sum the squares instead"))
    assert text == "The sum of the numbers from 1 to 50. sum the squares instead"
    assert change.with_values(SUM, table.values).splitlines()[1] == "limit = 50"


async def test_the_real_model_changes_a_program(
    registry: Registry, tmp_path: Path, table: Table, model: Model
) -> None:
    there = context(registry, tmp_path)
    found, _ = await change.change(
        said("sum their squares instead"), table, model, there, registry, lambda text: None
    )
    assert found is not None
    trial = there.trial
    assert isinstance(trial, Trials)
    values = [q.value for q in trial.results[-1].values.values()]
    assert 50 * 51 * 101 // 6 in values
