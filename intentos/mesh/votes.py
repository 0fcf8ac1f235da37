"""Whether two nodes that did the same step say the same.

Whole numbers, texts and bytes must be equal. Numbers with fractions, arrays and films may be off as
far as the step's own tolerance goes: other devices add in another order. Each says that tolerance
with its answer; the narrower one counts, so that nobody gets a lie through by saying a wide one.
"""

from __future__ import annotations

import math

from intentos.raw_hash import RawHash, Tolerance
from intentos.run import StepResult
from intentos.types import Json

ROUNDING = Tolerance(relative=1e-9, absolute=1e-12)
"""Where a step does not know its tolerance."""


def agree(one: StepResult, other: StepResult) -> bool:
    """Return whether two results of one step tell the same."""
    if one.status != other.status or one.values.keys() != other.values.keys():
        return False
    tolerance = _narrower(one.tolerance or ROUNDING, other.tolerance or ROUNDING)
    for name, quantity in one.values.items():
        if quantity.unit != other.values[name].unit:
            return False
        if not same(quantity.value, other.values[name].value, tolerance):
            return False
    left, right = _left(one), _left(other)
    if left.keys() != right.keys():
        return False
    exact = one.tolerance is None or other.tolerance is None
    return all(_alike(left[name], right[name], exact) for name in left)


def _narrower(one: Tolerance, other: Tolerance) -> Tolerance:
    return Tolerance(
        relative=min(one.relative, other.relative), absolute=min(one.absolute, other.absolute)
    )


def _left(result: StepResult) -> dict[str, RawHash | str]:
    """Return what a step left: as it was before encoding, or the file's own hash."""
    hashes: dict[str, RawHash | str] = {one.name: one for one in result.hashes}
    covered = {name for one in result.hashes for name in one.files}
    hashes |= {a.name: a.id for a in result.artifacts if a.name not in covered}
    return hashes


def _alike(one: RawHash | str, other: RawHash | str, exact: bool) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if one.sha256 == other.sha256:
        return True
    # The hub has hashes only: where devices may differ, the same shape is what it can see, and
    # the numbers, which it compares above, are what the step says of its arrays.
    return not exact and (one.kind, one.shape, one.dtype) == (other.kind, other.shape, other.dtype)


def same(one: Json, other: Json, tolerance: Tolerance) -> bool:
    """Return whether two values are equal, numbers with fractions within the tolerance."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    if isinstance(one, int | float) and isinstance(other, int | float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    return bool(one == other)
