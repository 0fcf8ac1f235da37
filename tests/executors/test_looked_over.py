"""What a neighbour says of a kernel's step: believed when it checks out here, and never harmful."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos.executors.looked_over import Held, Implausible, looked_over
from intentos.gpu_kernels.kernel import KernelBase
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult
from intentos.types import Check, Limits, Quantity
from tests.mesh.kernels import KernelHand

REGISTRY = Registry(plugins=False)
SMALL = {"width": 64, "height": 64, "frames": 1}
SORT = {"operation": "sort", "size": 64} | SMALL
REDUCE = {"operation": "reduce", "size": 64} | SMALL | {"frames": 3}


def step_of(arguments: dict[str, Any], kernel: str = "linear") -> Step:
    code_hash = REGISTRY.kernel(kernel).code_hash
    return Step(id="s", language="kernel", code=kernel, arguments=arguments, code_hash=code_hash)


class Sent:
    """A result that came home from an honest machine, and what may be done to it."""

    def __init__(self, step: Step, folder: Path) -> None:
        self.step = step
        self.held = Held(folder / "held")
        workdir = folder / "work"
        workdir.mkdir()
        self.context = StepContext(
            values={},
            live=frozenset(),
            seed=1,
            inputs={},
            workdir=workdir,
            limits=Limits(wall_time=60),
            emit=lambda event: None,
            save=self.held.save,
        )
        self.result: StepResult

    async def make(self, hand: KernelHand | None = None) -> Sent:
        """Have it worked out."""
        self.result = await (hand or KernelHand()).execute(self.step, self.context)
        return self

    def file(self, name: str) -> Path:
        """Return a file that came home."""
        return self.held.named()[name]

    async def judged(self) -> StepResult:
        """Look it over here."""
        return await looked_over(self.step, self.context, self.result, self.held, REGISTRY)


@pytest.fixture
async def sent(tmp_path: Path) -> Sent:
    return await Sent(step_of(SORT), tmp_path).make()


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        ("linear", SORT),
        ("linear", {"operation": "matmul", "size": 32} | SMALL),
        ("linear", REDUCE),
        ("automaton", SMALL | {"frames": 4}),
    ],
)
async def test_what_honest_machines_send_is_believed(
    kernel: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    sent = await Sent(step_of(arguments, kernel), tmp_path).make()
    judged = await sent.judged()
    assert judged.values == sent.result.values
    # Whether something moves is seen in the film, which is here.
    assert judged.checks == tuple(c for c in sent.result.checks if c.name != "something_moves")


async def test_a_failed_check_that_was_told_is_no_lie(tmp_path: Path) -> None:
    def wrong(folder: Path) -> None:
        np.save(folder / "sorted.npy", np.load(folder / "sorted.npy") + np.float32(0.25))

    sent = await Sent(step_of(SORT), tmp_path).make(KernelHand(change=wrong))
    judged = await sent.judged()
    assert {c.status for c in judged.checks if c.name == "permutation"} == {"failed"}


def npy(array: Any, *, pickle: bool = False) -> bytes:
    data = io.BytesIO()
    np.save(data, array, allow_pickle=pickle)
    return data.getvalue()


def claiming(shape: str) -> bytes:
    """Return an array's file whose header says more than is there."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"\x80\x04cos\nsystem\n(S'true'\ntR.", "ValueError", id="pickle"),
        pytest.param(npy(np.array([{}] * 64), pickle=True), "holds", id="objects"),
        pytest.param(npy(np.zeros(64)), "float64", id="dtype"),
        pytest.param(npy(np.zeros((8, 8), np.float32)), "(8, 8)", id="shape"),
        pytest.param(npy(np.zeros(65, np.float32)), "(65,)", id="longer"),
        pytest.param(npy(np.zeros(64, np.float32))[:-4], "length", id="cut"),
        pytest.param(npy(np.zeros(64, np.float32)), "signed", id="other numbers"),
        pytest.param(claiming("(10**15,)"), "Error", id="code in the header"),
        pytest.param(claiming("(1000000000000000,)"), "holds", id="a bomb"),
        pytest.param(b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "too large", id="brackets"),
        pytest.param(b"\0" * 20_000_000, "too large", id="heavy"),
        pytest.param(b"", "Error", id="nothing"),
    ],
)
async def test_an_array_that_is_none_is_not_believed(sent: Sent, data: bytes, why: str) -> None:
    sent.file("sorted.npy").write_bytes(data)
    with pytest.raises(Implausible) as told:
        await sent.judged()
    assert why in str(told.value)


def numbers(result: StepResult) -> StepResult:
    return result.model_copy(update={"values": result.values | {"median": Quantity(value=2.0)}})


def more_numbers(result: StepResult) -> StepResult:
    return result.model_copy(update={"values": result.values | {"more": Quantity(value=2.0)}})


def more_checks(result: StepResult) -> StepResult:
    proof = Check(name="proof", kind="oracle", status="passed")
    return result.model_copy(update={"checks": (*result.checks, proof)})


def no_hashes(result: StepResult) -> StepResult:
    return result.model_copy(update={"hashes": ()})


@pytest.mark.parametrize("lie", [numbers, more_numbers, more_checks, no_hashes])
async def test_what_is_told_must_be_what_comes_out_here(
    sent: Sent, lie: Callable[[StepResult], StepResult]
) -> None:
    await sent.judged()
    (sent.context.workdir / "looked_over").rmdir()
    sent.result = lie(sent.result)
    with pytest.raises(Implausible):
        await sent.judged()


async def test_a_file_too_many_or_too_few_is_not_believed(sent: Sent) -> None:
    await sent.held.save("sorted.npy", b"again", "application/x-npy")
    with pytest.raises(Implausible, match="one name"):
        await sent.judged()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda lines: lines[:-1], "ValueError", id="short"),
        pytest.param(lambda lines: [lines[0] + ",more", *lines[1:]], "columns", id="columns"),
        pytest.param(
            lambda lines: [*lines[:2], lines[2].replace("1,", "7,", 1)], "rows", id="frames"
        ),
        pytest.param(lambda lines: [*lines, "9" * 1_000_000], "too large", id="heavy"),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].rpartition(",")[0] + ",5"],
            "all_took_part",
            id="numbers",
        ),
        pytest.param(lambda lines: [], "ValueError", id="empty"),
    ],
)
async def test_a_table_that_is_not_the_programs_is_not_believed(
    change: Callable[[list[str]], list[str]], why: str, tmp_path: Path
) -> None:
    sent = await Sent(step_of(REDUCE), tmp_path).make()
    table = sent.file("series.csv")
    table.write_text("\n".join(change(table.read_text("utf-8").splitlines())), "utf-8")
    with pytest.raises(Implausible, match=why):
        await sent.judged()


@pytest.mark.parametrize("error", [RecursionError, MemoryError, RuntimeError, SystemError])
async def test_a_judge_that_breaks_has_not_found_it_right(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def breaks(*_: object) -> None:
        raise error("broken")

    monkeypatch.setattr(KernelBase, "conclude", breaks)
    with pytest.raises(Implausible, match="broken"):
        await sent.judged()


async def test_what_is_not_believed_is_not_kept(sent: Sent) -> None:
    kept: list[str] = []

    async def save(name: str, data: bytes | Path, media_type: str) -> Any:
        kept.append(name)

    await sent.judged()
    assert kept == []
    await sent.held.give(save)
    assert kept == [artifact.name for artifact in sent.result.artifacts]
