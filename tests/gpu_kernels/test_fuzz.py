"""Random arguments within their ranges: every kernel draws something or says what is wrong."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.registry import Registry

from .drawing import draw
from .test_kernels import EXAMPLES, kernel_of

SIZE = {"width", "height", "frames", "frames_per_second"}
FEW = 400


def strategy(field: Any) -> st.SearchStrategy[Any] | None:
    """Return small values within an argument's range, or None where it has none to vary."""
    bounds = {
        key: getattr(rule, key)
        for rule in field.metadata
        for key in ("ge", "gt", "le", "lt", "multiple_of")
        if getattr(rule, key, None) is not None
    }
    kinds = get_args(field.annotation) if get_origin(field.annotation) is Literal else None
    if kinds:
        return st.sampled_from(kinds)
    if field.annotation is bool:
        return st.booleans()
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is None or high is None:
        return None
    if field.annotation is int:
        # Small enough to be quick: what a large one costs is not what this is about.
        unit = bounds.get("multiple_of", 1)
        return st.integers(-(-low // unit), min(high, max(low, FEW)) // unit).map(unit.__mul__)
    if field.annotation is float:
        return st.floats(
            low, high, allow_subnormal=False, exclude_min="gt" in bounds, exclude_max="lt" in bounds
        )
    return None


@pytest.mark.parametrize("name", sorted(Registry().names("kernels")))
def test_random_arguments_within_their_ranges_never_crash_or_draw_nothing(name: str) -> None:
    kernel = kernel_of(name)
    fields = kernel.arguments.model_fields
    varied = {n: s for n, f in fields.items() if n not in SIZE and (s := strategy(f)) is not None}
    # What is many by default is always drawn anew, so that it is few.
    many = {n for n in varied if type(fields[n].default) is int and fields[n].default > FEW}

    @given(
        st.sampled_from(EXAMPLES.get(name, [{}])),
        st.fixed_dictionaries(
            {n: varied[n] for n in many}, optional={n: varied[n] for n in varied.keys() - many}
        ),
        st.sampled_from([96, 97, 131]),
    )
    @settings(
        max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def fuzz(example: dict[str, Any], changes: dict[str, Any], side: int) -> None:
        arguments = example | changes | {"width": side, "height": side - 1, "frames": 3}
        try:
            program = kernel.build(arguments)
        except InvalidProgram:  # arguments may contradict one another, and it is said which
            return
        evidence, pictures = draw(arguments, program)
        assert len(pictures) == 3
        checks = kernel.conclude(evidence)[1]
        assert checks
        # What went wrong inside may only be silent where it is not wrong.
        sound = all(check.status != "failed" for check in checks)
        numbers = [v for points in evidence.series.values() for _, v in points]
        if sound:
            assert np.isfinite(numbers).all()
            assert any(np.ptp(p[..., :3]) > 0 for p in pictures), arguments

    fuzz()
