"""Whether two answers are one: as far as the step's tolerance goes, and no liar's own."""

from __future__ import annotations

import pytest

from intentos.mesh.votes import agree
from intentos.raw_hash import RawHash, Tolerance
from intentos.run import StepResult, StepStatus
from intentos.types import Quantity, now

KERNELS = Tolerance(relative=1e-3)
WIDE = Tolerance(relative=1e9, absolute=1e9)


def said(number: float, tolerance: Tolerance | None, array: str = "a") -> StepResult:
    digest = (array * 64)[:64]
    return StepResult(
        step_id="s",
        executor="x",
        status=StepStatus.OK,
        values={"n": Quantity(value=number)},
        hashes=(RawHash(name="out", kind="array", sha256=digest, shape=(3,), dtype="<f4"),),
        tolerance=tolerance,
        started_at=now(),
        finished_at=now(),
    )


def test_devices_may_differ_as_far_as_the_step_says() -> None:
    assert agree(said(1.0, KERNELS), said(1.0005, KERNELS, "b"))
    assert not agree(said(1.0, KERNELS), said(1.005, KERNELS))
    assert not agree(said(1.0, None), said(1.0005, None))
    assert not agree(said(1.0, None), said(1.0, None, "b"))


@pytest.mark.parametrize("honest", [KERNELS, None])
def test_who_says_a_wide_tolerance_gets_no_lie_through(honest: Tolerance | None) -> None:
    lie, right = said(2.0, WIDE), said(1.0, honest)
    assert not agree(lie, right)
    assert not agree(right, lie)
    if honest is None:  # nor other bytes, where they are to be the same
        assert not agree(said(1.0, WIDE, "b"), right)
