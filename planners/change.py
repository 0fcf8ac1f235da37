"""Change: a follow-up that no parameter can meet rewrites what the model wrote before.

The model is given its own program, with the values that hold now, and the new wish; what comes out
is another plan, which names the one it came from and needs an approval of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from intentos.plan import Plan
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.registry import Registry
from intentos.types import Intent, Value

from . import compose, generate, numbers, shader, static
from .model import Model

MAX_CODE = 4000
"""Characters of a program that a model is shown: one that is longer was not written by one."""
_PARAMETER = re.compile(r"""parameters\[["'](\w+)["']\]""")


def possible(plan: Plan) -> bool:
    """Return whether a model wrote what lies on the table, so that it may write it anew."""
    return plan.origin in ("generated", "composed") and len(plan.steps[0].code) <= MAX_CODE


async def change(
    intent: Intent,
    table: Table,
    model: Model,
    context: PlanningContext,
    registry: Registry,
    on_text: Callable[[str], None],
) -> tuple[Proposal | None, int]:
    """Return a plan that does what the table's does, but for what the text wants otherwise, and
    the tokens it took; None where nothing else came out of it.

    Raises:
        PlanningError: neither the program nor its repairs work; the message holds the last error.
        ModelUnavailable: the model cannot be used.
    """
    plan, step = table.plan, table.plan.steps[0]
    whole = intent.model_copy(update={"text": both(table, intent)})
    if plan.origin == "composed":
        found, tokens = await compose.compose(whole, model, context, registry)
    elif step.language == "wgsl":
        found = await shader.shaded(whole, model, context, on_text)
        tokens = found.tokens
    else:
        attempt, tokens = await generate.attempted(
            whole, model, context, on_text, hint=_hint(intent, with_values(step.code, table.values))
        )
        found = Proposal(plan=attempt.plan, values=attempt.plan.defaults)
    if found is None or found.plan.digest == plan.digest:
        return None, tokens
    changed = found.plan.model_copy(update={"parent": plan.id})
    return replace(found, plan=changed, tokens=0, accounted=False), tokens


def both(table: Table, intent: Intent) -> str:
    """Return the earlier wish, with the numbers that hold now, and what is to be otherwise."""
    text = table.plan.title.text(intent.language, table.values)
    if table.plan.origin == "composed":  # its title was written by the model
        text = table.plan.interpretation.text(intent.language, table.values)
    now = {
        p.default: table.values[p.name]
        for p in table.plan.parameters
        if p.name in table.values and p.kind in ("number", "integer")
    }
    for mention in reversed(numbers.read(text)):
        if mention.kind == "number" and mention.unit is None and mention.number in now:
            value = now[mention.number]
            if value != mention.number:
                text = f"{text[: mention.start]}{value:g}{text[mention.end :]}"
    stop = "。" if intent.language == "zh" else ". "
    return f"{text.rstrip('.。 ')}{stop}{intent.text}"


def with_values(code: str, values: Mapping[str, Value]) -> str:
    """Return a program with the values in the places where it reads parameters."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return repr(values[name]) if name in values else match[0]

    return _PARAMETER.sub(value, code)


def _hint(intent: Intent, code: str) -> str:
    return (
        "\nThis program did the first part of it and works:\n"
        f"```python\n{static.without_imports(code).rstrip()}\n```\n"
        f"Now the person says: {' '.join(intent.text.split())}\n"
        "Write the whole answer again with just that changed. Keep everything else."
    )
