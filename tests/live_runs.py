"""Approved runs whose step can be played, for the tests of live views."""

from __future__ import annotations

from typing import Any

from intentos.parameters import Parameter
from intentos.plan import Approval, Plan, Step
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.types import Intent, Value, Words, new_id, now

from .executors.frame_steps import moving

LEVEL = Parameter(
    name="level", label=Words(en="Level", zh="亮度"), default=200, minimum=0, maximum=255, live=True
)
COLOUR = Parameter(
    name="colour", label=Words(en="Colour", zh="颜色"), kind="colour", default="#000000"
)


def walking(**changes: Any) -> Step:
    """A column that walks to the right, as bright as the live parameter ``level``."""
    uniforms = [
        {"name": "level", "value": "$level"},
        {"name": "colour", "type": "vec4f", "value": "$colour"},
    ]
    return moving(**{"frames": 40, "uniforms": uniforms, **changes})


def run_of(
    *steps: Step,
    parameters: tuple[Parameter, ...] = (LEVEL, COLOUR),
    values: dict[str, Value] | None = None,
    decision: str | None = "approve",
    **more: Any,
) -> Run:
    """Return a run of these steps, by default of :func:`walking`; ``decision`` None: not asked."""
    words = Words(en="Test", zh="测试")
    plan = Registry().pin(
        Plan(
            title=words,
            interpretation=words,
            parameters=parameters,
            steps=steps or (walking(),),
            origin="edited",
        )
    )
    approval = decision and Approval.model_validate(
        {"plan_digest": plan.digest, "decision": decision, "by": "test"}
    )
    return Run(
        id=new_id(),
        intent=Intent(text="test", language="en"),
        plan=plan,
        values=plan.accept(values or {}),
        approval=approval or None,
        status=RunStatus.COMPLETED,
        created_at=now(),
        **more,
    )
