"""What a plan keeps of the trust that its wish, or the run that it comes from, has earned."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from intentos.attachments import fitted
from intentos.plan import Plan
from intentos.protocols import Proposal, Table
from intentos.run import Run
from intentos.types import Intent, Value


def handed_in(
    plan: Plan, values: Mapping[str, Value], intent: Intent, parent: Run | None
) -> Proposal:
    """Return a plan that was not made for this wish.

    What is known of the run that it comes from holds of it as far as it is the same plan, and of
    the wish as far as that and the values are the same too. Raises InvalidPlan and ValueOutOfRange.
    """
    if parent is None or parent.plan is None or parent.plan.digest != plan.digest:
        return Proposal(plan=plan)
    same_words = parent.intent.text == intent.text and parent.plan.answer == plan.answer
    # Another file may bring other choices, such as its columns.
    accepted = fitted(plan, intent.attachments).accept(values)
    again = same_words and accepted == parent.values
    vouched = same_words and parent.vouched and plan.origin == parent.plan.origin
    return Proposal(plan=plan, accounted=again and parent.accounted, vouched=vouched)


def earned(proposal: Proposal, table: Table | None) -> tuple[bool, bool]:
    """Return whether the wish is accounted for and the plan vouched for, in a conversation.

    Neither a change of values nor going back makes good what the plan left out before.
    """
    accounted, vouched = proposal.accounted, proposal.vouched
    while table is not None:
        if table.plan.digest == proposal.plan.digest:
            accounted, vouched = accounted and table.accounted, vouched and table.vouched
        table = table.earlier
    return accounted, vouched


def as_edited(edited: Plan, plan: Plan) -> Plan:
    """Return what a person made of a plan: no recipe any more once it acts or answers otherwise."""
    if edited.digest == plan.digest and edited.answer == plan.answer:
        return edited
    return edited.model_copy(update={"origin": "edited", "recipe": None})


def handed_over(
    plan: Plan,
    *,
    pin: Callable[[Plan], Plan],
    holds: Callable[[str, str], bool],
    known: Plan | None,
) -> Plan:
    """Return a plan from a file as what it is here: whatever it says of itself, an edited one.

    It keeps its origin only where the library ``holds`` a recipe of its name with its digest, or
    where the store has ``known`` it under its id. ``pin`` gives its digest on this machine.
    """
    if plan.origin == "recipe":
        if plan.recipe and holds(plan.recipe, pin(plan).digest):
            return plan
    elif known is not None and (known.origin, known.digest) == (plan.origin, pin(plan).digest):
        return plan
    return plan.model_copy(update={"origin": "edited", "recipe": None})
