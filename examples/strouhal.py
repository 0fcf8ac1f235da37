"""How fast does a cylinder shed its whirls? Measured in a wind tunnel at two Reynolds numbers.

Run it with ``python examples/strouhal.py [--out FOLDER]``. The frequency is counted from the lift
on the cylinder and compared with experiment: Williamson, J. Fluid Mech. 206 (1989). The picture
(``strouhal.png``) shows both vortex streets. The tunnel is 25 diameters high, so that it hardly
squeezes the flow (4 %).
"""

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray
from studio import Studio, studio

DIAMETER = 10
"""Cells."""
HIGH, WIDE, AHEAD = 25, 22, 7
"""Of the tunnel, and from the inflow to the cylinder, in diameters."""
SPEED = 0.1
REYNOLDS = (100, 150)

Floats = NDArray[np.float64]


async def measure(make: Studio, reynolds: int) -> tuple[float, float, Floats]:
    """Return measured and known Strouhal number, and the vorticity in speed/diameter."""
    result = await make.run(
        "fluid",
        {
            "reynolds": reynolds, "speed": SPEED, "rows": HIGH * DIAMETER,
            "columns": WIDE * DIAMETER, "width": 88, "height": 100, "view": "vorticity",
            "obstacle": f"disc(x, y, {AHEAD / HIGH}, 0.5, {0.5 / HIGH})", "source": "0",
            # 0.4 diameters of wind a frame, 90 in all: the whirls begin at about 30.
            "steps_per_frame": round(0.4 * DIAMETER / SPEED), "frames": 226, "bar": False,
        },
    )  # fmt: skip
    flow = np.load(result.artifact("flow.npy"))[:, : WIDE * DIAMETER].astype(float)
    u, v = flow[..., 0], flow[..., 1]
    turn = (np.gradient(v, axis=1) - np.gradient(u, axis=0)) * DIAMETER / SPEED
    turn[flow[..., 3] > 0] = np.nan
    return result.value("strouhal"), result.value("strouhal_literature"), turn


async def main() -> None:
    """Measure both, print a table and draw the two streets."""
    async with studio(__doc__) as make:
        found = {reynolds: await measure(make, reynolds) for reynolds in REYNOLDS}
        print("\n  Re   measured   literature   difference")
        for reynolds, (measured, known, _) in found.items():
            off = measured / known - 1
            print(f"{reynolds:4}   {measured:8.4f}   {known:10.4f}   {off:+10.1%}")
            if abs(off) > 0.08:
                raise SystemExit("more than 8 % off the literature")
        draw(make, found)


def draw(make: Studio, found: dict[int, tuple[float, float, Floats]]) -> None:
    """Draw both streets, one above the other."""
    figure, axes = make.figure()
    axes.remove()
    for number, (reynolds, (measured, known, turn)) in enumerate(found.items()):
        street(figure.add_subplot(2, 1, number + 1), turn).set_title(
            f"Re {reynolds}:  St = {measured:.3f}   (Williamson 1989: {known:.3f})", fontsize=12
        )
    make.save(figure, "strouhal.png")


def street(axes: Any, turn: Floats) -> Any:
    """Draw a vorticity field around the middle of the tunnel."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = ["#9fe8ff", "#3fa7e8", "#1c5cb8", "#172f5f", "#0b0e16", "#571a26", "#a83232",
             "#f0703c", "#ffd48a"]  # fmt: skip
    colours = LinearSegmentedColormap.from_list("whirls", stops)
    colours.set_bad("#8a93a3")
    middle = len(turn) // 2
    part = turn[middle - 4 * DIAMETER : middle + 4 * DIAMETER]
    axes.imshow(
        part, cmap=colours, vmin=-2.5, vmax=2.5, origin="lower", interpolation="bicubic",
        extent=(-AHEAD, WIDE - AHEAD, -4, 4),
    )  # fmt: skip
    axes.set_xlim(-3, WIDE - AHEAD)
    axes.set_xlabel("diameters behind the cylinder")
    return axes


if __name__ == "__main__":
    asyncio.run(main())
