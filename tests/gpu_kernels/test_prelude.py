"""The prelude's twins agree with its WGSL, bit for bit where integers are concerned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.bindings import fold_seed
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels import prelude
from intentos.program import Buffer, GpuProgram, Output, Pass

COUNT = 256
SEED = 99


def on_gpu(expression: str, dtype: str, palette: str = "magma") -> Any:
    """Evaluate WGSL for p = 0 … 255 and x = p/64 - 2; u32 or f32."""
    kind = {"uint32": "u32", "float32": "f32"}[dtype]
    source = (
        prelude.prelude_wgsl()
        + prelude.palette_wgsl(palette)
        + "@compute @workgroup_size(64) fn fill(@builtin(global_invocation_id) id: vec3u) {\n"
        + "  let p = id.x; let x = f32(p) / 64.0 - 2.0;\n"
        + f"  out[p] = {expression};\n}}\n"
    )
    program = GpuProgram(
        source=source,
        buffers=(Buffer(name="out", type=kind, length=COUNT),),
        start=(Pass(entry="fill", dispatch=(COUNT // 64, 1, 1)),),
        outputs=(Output(buffer="out", name="out", dtype=dtype, shape=(COUNT,)),),
        width=1,
        height=1,
        frames=1,
    )
    runner = ProgramRunner(program, {}, SEED)
    list(runner.frames())
    return runner.outputs()["out"]


P = np.arange(COUNT, dtype=np.uint32)
X = P.astype(np.float64) / 64 - 2
FOLDED = fold_seed(SEED)


def test_random_bits_are_the_same_bits() -> None:
    assert (on_gpu("hash(p)", "uint32") == prelude.hash_(P)).all()
    expected = prelude.random_bits(P, P * 3, 7, FOLDED)
    assert (on_gpu("random_bits(p, p * 3u, 7u)", "uint32") == expected).all()
    assert (on_gpu("random(p, 1u, 2u)", "float32") == prelude.random(P, 1, 2, FOLDED)).all()


def test_random_numbers_are_even_and_seeds_differ() -> None:
    many = np.arange(200_000, dtype=np.uint32)
    numbers = prelude.random(many, 0, 0, 1).astype(np.float64)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.003)
    assert numbers.var() == pytest.approx(1 / 12, abs=0.001)
    assert abs(np.corrcoef(numbers, prelude.random(many, 0, 0, 2))[0, 1]) < 0.01
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.01


def test_noise_is_smooth_and_stays_between_0_and_1() -> None:
    line = np.linspace(0, 40, 40_001)
    for noise in (prelude.value_noise, prelude.fractal_noise):
        values = noise(line, 0.3, 0.7, FOLDED)
        assert 0 <= values.min() < 0.3 < 0.7 < values.max() <= 1
        assert np.abs(np.diff(values)).max() < 0.01
    assert prelude.value_noise(3.0, 4.0, 5.0, FOLDED) == prelude.cell_random(3, 4, 5, FOLDED)


@pytest.mark.parametrize(
    ("wgsl", "twin"),
    [
        ("power(x, 3.0)", lambda: prelude.power(X, 3.0)),
        ("power(x, -2.0)", lambda: prelude.power(X, -2.0)),
        ("power(x + 2.0, 0.5)", lambda: prelude.power(X + 2, 0.5)),
        ("power(x, 0.0)", lambda: prelude.power(X, 0.0)),
        ("integer_power(x, 7)", lambda: prelude.integer_power(X, 7)),
        ("integer_power(x, 0)", lambda: prelude.integer_power(X, 0)),
        ("floor_mod(x, -0.75)", lambda: prelude.floor_mod(X, -0.75)),
        ("bounded_tanh(100.0 * x)", lambda: np.tanh(100 * X)),
        ("arc_sine(x * 0.5)", lambda: np.arcsin(X / 2)),
        ("arc_cosine(x * 0.5)", lambda: np.arccos(X / 2)),
        ("smooth_between(1.0, -1.0, x)", lambda: prelude.smooth_between(1.0, -1.0, X)),
        ("finite(1.0 / x)", lambda: prelude.finite(np.divide(1, X, where=X != 0, out=X * 0))),
        ("finite(sqrt(x))", lambda: prelude.finite(np.sqrt(np.maximum(X, 0)))),
        ("finite(power(x, 0.5))", lambda: np.sqrt(np.maximum(X, 0))),
    ],
)
def test_twins_agree(wgsl: str, twin: Any) -> None:
    with np.errstate(divide="ignore"):
        expected = np.broadcast_to(twin(), X.shape)
    got = on_gpu(wgsl, "float32")
    good = np.isfinite(expected)
    assert good.sum() >= COUNT - 1
    np.testing.assert_allclose(got[good], expected[good], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", sorted(prelude.PALETTES))
def test_palettes_agree_and_can_be_told_apart(name: str) -> None:
    assert len(prelude.PALETTES[name]) == 9
    got = on_gpu("pack_rgba(palette(x * 0.3 + 0.5))", "uint32", name).view(np.uint8).reshape(-1, 4)
    expected = prelude.pack_rgba(prelude.palette(name, X * 0.3 + 0.5))
    assert np.abs(got.astype(int) - expected).max() <= 1
    stops = np.array(prelude.PALETTES[name])
    assert ((stops >= 0) & (stops <= 1)).all()
    assert np.abs(np.diff(stops, axis=0)).sum(axis=1).min() > 0.05
