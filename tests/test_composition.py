"""Kernels and Python steps in one plan hand arrays to one another: simulate, analyse, plot."""

from __future__ import annotations

import numpy as np

from intentos.config import Settings
from intentos.plan import Plan, Step
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Words

SIMULATE = Step(
    id="simulate",
    language="kernel",
    code="automaton",
    needs={"gpu"},
    arguments={"rule": "life", "columns": 64, "width": 64, "height": 64, "frames": 20},
)
ANALYSE = Step(
    id="analyse",
    language="python",
    code="""
import numpy as np
cells = np.load(inputs["cells"]) & 1
blocks = cells.reshape(8, 8, 8, 8).sum((1, 3))
save("blocks", blocks)
report("living", int(cells.sum()))
""",
    inputs={"cells": "simulate/cells.npy"},
)
SHOW = Step(
    id="show",
    language="wgsl",
    code="""@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  let level = u32(blocks[id.y / 8u * 8u + id.x / 8u]) * 3u;
  pixels[id.y * 64u + id.x] = level | (level << 8u) | (level << 16u) | 0xff000000u;
}""",
    needs={"gpu"},
    inputs={"blocks": "analyse/blocks.npy"},
    arguments={
        "buffers": [
            {"name": "pixels", "type": "u32", "length": 64 * 64},
            {"name": "blocks", "type": "i32", "length": 64, "data": "@blocks"},
        ],
        "draw": [{"entry": "draw", "dispatch": [8, 8, 1]}],
        "width": 64,
        "height": 64,
        "frames": 1,
    },
)


TRANSFORM = Step(
    id="transform",
    language="kernel",
    code="linear",
    needs={"gpu"},
    inputs={"cells": "simulate/cells.npy"},
    arguments={"operation": "fft2d", "size": 64, "input": "@cells", "width": 96, "height": 96},
)


async def run(settings: Settings, *steps: Step) -> tuple[Run, Store]:
    store = Store(settings)
    runtime = Runtime(
        settings=settings, store=store, registry=Registry(), approver=ApproveAll("test")
    )
    plan = Plan(
        title=Words(en="Count"), interpretation=Words(en="Count."), steps=steps, origin="edited"
    )
    async for event in runtime.run(Intent(text="count", language="en"), plan=plan):
        last = event
    await runtime.close()
    return store.run(last.run_id), store


async def test_a_kernel_a_python_step_and_a_shader_work_on_the_same_cells(
    settings: Settings,
) -> None:
    from PIL import Image

    done, store = await run(settings, SIMULATE, ANALYSE, SHOW)
    assert done.status is RunStatus.COMPLETED, done.error
    left = {a.name: store.path(a.id) for result in done.results for a in result.artifacts}
    cells = np.load(left["cells.npy"]) & 1
    blocks = cells.reshape(8, 8, 8, 8).sum((1, 3))
    assert done.quantities["living"].value == cells.sum() > 0
    picture = np.asarray(Image.open(left["picture.png"]).convert("L"))
    np.testing.assert_array_equal(picture[::8, ::8], blocks * 3)
    store.close()


async def test_an_array_that_no_gpu_can_hold_fails_its_step_and_says_why(
    settings: Settings,
) -> None:
    wide = ANALYSE.model_copy(update={"code": 'save("blocks", __import__("numpy").zeros(0))'})
    done, store = await run(settings, SIMULATE, wide, SHOW)
    assert done.status is RunStatus.FAILED
    assert done.error is not None
    assert "without elements" in done.error.text("en")
    assert "没有元素" in done.error.text("zh")
    store.close()


async def test_a_kernel_takes_what_another_kernel_left(settings: Settings) -> None:
    done, store = await run(settings, SIMULATE, TRANSFORM)
    assert done.status is RunStatus.COMPLETED, done.error
    left = {a.name: store.path(a.id) for result in done.results for a in result.artifacts}
    cells = np.load(left["cells.npy"]).astype(np.float32)
    spectrum = np.load(left["spectrum.npy"])
    wanted = np.fft.fft2(cells)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(spectrum[..., 0], wanted.real, atol=1e-5 * scale)
    np.testing.assert_allclose(spectrum[..., 1], wanted.imag, atol=1e-5 * scale)
    store.close()
