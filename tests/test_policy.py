"""Where a step runs, and when a person is asked."""

from __future__ import annotations

import pytest

from intentos.errors import ExecutorUnavailable, NotApproved, WrongSystem
from intentos.plan import Step
from intentos.policy import choose_executor, is_replaced, refuse_needs, why
from intentos.types import Isolation

from .parts import HandRegistry, InstantExecutor, plan_of


def executor(
    name_: str,
    isolation_: Isolation,
    *,
    broken: bool = False,
    refuses: ExecutorUnavailable | None = None,
    language: str = "python",
    substitute_: bool = False,
) -> InstantExecutor:
    """Return an executor that claims these things."""

    class Claims(InstantExecutor):
        name = name_
        isolation = isolation_
        languages = frozenset({language})
        substitute = substitute_

        def check(self) -> None:
            if refuses is not None:
                raise refuses
            if broken:
                raise ExecutorUnavailable("test.broken", name=name_)

    return Claims()


STEP = Step(id="s", language="python", code="1")


def test_the_most_isolated_that_works_is_chosen() -> None:
    docker, sandbox = executor("docker", "container"), executor("sandbox", "sandbox")
    assert choose_executor(STEP, HandRegistry(docker, sandbox)) is sandbox
    gone = executor("sandbox", "sandbox", broken=True)
    assert choose_executor(STEP, HandRegistry(docker, gone)) is docker


def test_python_is_refused_with_the_remedy_that_could_help_here() -> None:
    sandbox = executor("sandbox", "sandbox", refuses=WrongSystem("sandbox.not_linux", system="X"))
    docker = executor("docker", "container", refuses=ExecutorUnavailable("docker.no_image"))
    gpu = executor("webgpu", "process", language="kernel")
    registry = HandRegistry(sandbox, docker, gpu)
    with pytest.raises(ExecutorUnavailable, match="intentos executors build docker"):
        choose_executor(STEP, registry)
    assert choose_executor(Step(id="s", language="kernel", code="traffic"), registry) is gpu
    with pytest.raises(WrongSystem):
        choose_executor(STEP, HandRegistry(sandbox, gpu))
    assert choose_executor(STEP, HandRegistry(sandbox, executor("docker", "container"))).name == (
        "docker"
    )


def test_what_others_run_as_safely_is_not_missed() -> None:
    docker, sandbox = executor("docker", "container"), executor("sandbox", "sandbox")
    assert is_replaced(docker, [sandbox])
    assert is_replaced(sandbox, [docker])
    assert not is_replaced(docker, [executor("bare", "process")])
    peer = executor("peer", "remote")
    assert is_replaced(peer, [sandbox])
    assert not is_replaced(sandbox, [peer])
    gpu = executor("webgpu", "process", language="kernel")
    twin = executor("numpy", "process", language="kernel", substitute_=True)
    assert not is_replaced(gpu, [twin, sandbox])


def test_a_pinned_executor_is_not_replaced() -> None:
    gone = executor("sandbox", "sandbox", broken=True)
    pinned = STEP.model_copy(update={"executor": "sandbox"})
    with pytest.raises(ExecutorUnavailable, match="sandbox"):
        choose_executor(pinned, HandRegistry(executor("docker", "container"), gone))


def test_a_substitute_comes_last() -> None:
    step = Step(id="s", language="kernel", code="traffic")
    gpu = executor("webgpu", "process", language="kernel")
    twin = executor("numpy", "sandbox", language="kernel", substitute_=True)
    assert choose_executor(step, HandRegistry(twin, gpu)) is gpu
    gone = executor("webgpu", "process", language="kernel", broken=True)
    assert choose_executor(step, HandRegistry(twin, gone)) is twin


def test_python_takes_isolation_or_an_explicit_risk() -> None:
    bare = HandRegistry(executor("bare", "process"))
    with pytest.raises(NotApproved):
        choose_executor(STEP, bare)
    assert choose_executor(STEP, bare, unsafe_no_sandbox=True).name == "bare"


def test_how_to_get_a_sandbox_is_told_before_how_to_do_without_one() -> None:
    registry = HandRegistry(
        executor("sandbox", "sandbox", broken=True), executor("bare", "process")
    )
    with pytest.raises(ExecutorUnavailable, match="sandbox"):
        choose_executor(STEP, registry)
    assert choose_executor(STEP, registry, unsafe_no_sandbox=True).name == "bare"


def test_the_first_reason_is_told_when_nothing_works() -> None:
    registry = HandRegistry(
        executor("docker", "container", broken=True), executor("sandbox", "sandbox", broken=True)
    )
    with pytest.raises(ExecutorUnavailable, match="sandbox"):
        choose_executor(STEP, registry)
    with pytest.raises(ExecutorUnavailable, match="fortran"):
        choose_executor(Step(id="s", language="fortran", code="1"), registry)


def test_needs_and_reasons() -> None:
    wide = plan_of(
        steps=(Step(id="s", language="words", code="x", needs=frozenset({"gpu", "network"})),)
    )
    with pytest.raises(NotApproved, match="--allow network"):
        refuse_needs(wide, frozenset())
    refuse_needs(wide, frozenset({"network"}))
    assert why(plan_of("x", origin="edited")) == "policy.why_edited"
    assert why(plan_of("x", origin="generated")) == "policy.why_generated"


def test_a_pin_does_not_make_python_another_language() -> None:
    disguised = Step(id="s", language="words", code="1", executor="bare")
    with pytest.raises(ExecutorUnavailable, match="words"):
        choose_executor(disguised, HandRegistry(executor("bare", "none")))
