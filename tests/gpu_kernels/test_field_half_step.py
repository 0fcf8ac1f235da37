"""Half the time step gives the same fields, or the step was too long."""

from __future__ import annotations

from typing import Any

import pytest

from intentos.gpu_kernels.field import kernel, time_steps
from intentos.gpu_kernels.field_half_step import SAME, STEPS, half_step
from intentos.types import Check

from .drawing import play

WIDE: dict[str, Any] = {"width": 64, "height": 64, "frames": 21, "columns": 192, "rows": 96}
DECAY = WIDE | {"rates": {"u": "-k*u"}, "initial": {"u": "x"}, "parameters": {"k": 10.0}}
HEAT = WIDE | {
    "rates": {"u": "D*lap(u)"},
    "diffusivity": "D",
    "parameters": {"D": 1e-3},
    "initial": {"u": "exp(-40*((x-0.5)^2 + (y-0.5)^2))"},
}
WAVE = WIDE | {
    "rates": {"v": "c*c*lap(u)", "u": "v"},
    "update": "staggered",
    "wave_speed": "c",
    "parameters": {"c": 1.0},
    "initial": {"u": "exp(-40*((x-0.5)^2 + (y-0.5)^2))"},
}


def judge(arguments: dict[str, Any]) -> Check:
    """Return the check of a whole film of these arguments, which need not be drawn for it."""
    a = kernel.validate(arguments)
    dt, steps, _ = time_steps(a)
    return half_step(a, dt, steps * (a.frames - 1))


@pytest.mark.parametrize("arguments", [HEAT, WAVE, DECAY | {"dt": 1e-3}])
def test_a_step_that_is_short_enough_passes(arguments: dict[str, Any]) -> None:
    check = judge(arguments)
    assert (check.kind, check.status) == ("physical", "passed"), check.detail
    assert "80 × 40 cells" in check.detail


def test_a_step_that_is_too_long_fails() -> None:
    # Nobody declared how fast the reaction is, so nothing refuses this step: u turns its sign each
    # time, and does not even overflow.
    check = judge(DECAY | {"dt": 0.19})
    assert check.status == "failed", check.detail
    assert judge(DECAY | {"dt": 0.3}).status == "failed"  # and here it does, in the end


def test_between_right_and_wrong_it_stays_open() -> None:
    assert judge(DECAY | {"dt": 0.1}).status == "unknown"


def test_what_overflows_fails() -> None:
    check = judge(WIDE | {"rates": {"u": "u*u*u"}, "initial": {"u": "9"}, "dt": 0.05})
    assert (check.status, "nan" in check.detail or "inf" in check.detail) == ("failed", True)


def test_its_work_is_bounded() -> None:
    check = judge(HEAT | {"columns": 2048, "rows": 2048, "frames": 2000})
    assert f"80 × 80 cells, {STEPS} of" in check.detail


def test_half_the_step_halves_the_difference() -> None:
    """The method is of first order, so the check measures what it says."""

    def share(dt: float, steps: int) -> float:
        check = half_step(kernel.validate(DECAY | {"dt": dt}), dt, steps)
        return float(check.detail.split(" by ")[1].split(" of ")[0])

    assert share(0.01, 20) / share(0.005, 40) == pytest.approx(2, rel=0.1)
    assert SAME < 0.1


def test_it_is_among_the_checks_of_a_run() -> None:
    small = HEAT | {"columns": 32, "rows": 32, "frames": 3}
    assert play(kernel, small).verdicts["half_step"] == "passed"
    # A single picture makes no step.
    assert "half_step" not in play(kernel, small | {"frames": 1}).verdicts
