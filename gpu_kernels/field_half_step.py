"""Whether half the time step gives the same fields: on a small piece, with the NumPy twin.

The piece has the same cells, equations and step as the run, fewer cells, and what the formulas
say of x and y squeezed into it, so that its gradients are steeper and its errors larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intentos.types import Check, Words

from .kernel import judged

if TYPE_CHECKING:
    from .field import FieldArguments

CELLS = 80
"""Along the longer side of the piece."""
STEPS = 160
"""At most; half steps are twice as many. Of a film of minutes that is its beginning."""
LOOKS = 16
SAME = 0.05
"""Of the fields' span, up to which the two are the same."""
WRONG = 0.3
"""From which on the step is too long; between them it stays open."""


def half_step(arguments: FieldArguments, dt: float, steps: int) -> Check:
    """Judge ``steps`` steps of ``dt`` against twice as many of half the length.

    What counts is the largest root mean square difference of a field at sixteen moments, as a share
    of all values that it takes.
    """
    from .field_equations import Equations

    piece = _piece(arguments)
    count = min(steps, STEPS)
    coarse, fine = Equations(piece), Equations(piece)
    one, other = coarse.begin(), fine.begin()
    # What decays at once is wrong at once, what travels is wrong in the end.
    looks = {round(look) for look in np.geomspace(1, count, LOOKS)}
    low, high = other.min(axis=(1, 2)), other.max(axis=(1, 2))
    apart = np.zeros(len(other))
    with np.errstate(all="ignore"):
        for step in range(count):
            one = coarse.advance(one, step * dt, dt)
            other = fine.advance(other, step * dt, dt / 2)
            other = fine.advance(other, (step + 0.5) * dt, dt / 2)
            if step + 1 in looks:
                low = np.minimum(low, other.min(axis=(1, 2)))
                high = np.maximum(high, other.max(axis=(1, 2)))
                difference = np.sqrt(((one - other) ** 2).mean(axis=(1, 2)))
                apart = np.where(difference <= apart, apart, difference)  # NaN stays
        span = np.maximum(high - low, 1e-9 * np.maximum(abs(high), abs(low)))
        share = float(np.max(np.where(apart == 0, 0.0, apart / np.maximum(span, 1e-30))))
    good: bool | None = None
    if not share <= WRONG:
        good = False
    elif share <= SAME:
        good = True
    return judged(
        "half_step",
        Words(en="Half the time step gives the same", zh="时间步长减半，结果不变"),
        good,
        f"{piece.columns} × {piece.rows} cells, {count} of {steps} steps: the fields differ by "
        f"{share:.2g} of their span, at most {SAME:g}",
    )


def _piece(arguments: FieldArguments) -> FieldArguments:
    longer = max(arguments.columns, arguments.rows)
    if longer <= CELLS:
        return arguments
    columns = max(16, round(arguments.columns * CELLS / longer))
    rows = max(16, round(arguments.rows * CELLS / longer))
    size = arguments.size * columns / arguments.columns
    return arguments.model_copy(update={"columns": columns, "rows": rows, "size": size})
