"""What the question about a plan shows: its cost, and what is different from where it came from."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console

from intentos.events import FrameDrawn
from intentos.plan import Approval, Plan, Step
from intentos.report import Timings
from intentos.risk import Circumstances, Place, Risk, assess
from intentos.run import Run, RunStatus
from intentos.terminal import Terminal
from intentos.types import Estimate, Intent, Limits, Value, now

from .parts import plan_of


def plan(code: str, **changes: object) -> Plan:
    """Return a Python plan."""
    step = {"id": "compute", "language": "python", "code": code} | changes
    return plan_of(steps=(Step.model_validate(step),))


def shown(
    plan: Plan,
    language: str = "en",
    *,
    estimates: Mapping[str, Estimate] | None = None,
    parent: tuple[Plan, Mapping[str, Value]] | None = None,
    risk: Risk | None = None,
    colours: bool = False,
) -> str:
    """Return the card as text."""
    terminal = Terminal("zh" if language == "zh" else "en")
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=colours, color_system="standard")
    console.print(terminal.card(plan, {}, estimates=estimates, parent=parent, risk=risk))
    return out.getvalue()


def test_the_estimate_says_how_long_how_much_and_where() -> None:
    known = {"compute": Estimate(seconds=12.3, memory_bytes=40 * 1024**2)}
    assert "about 12 s · 40 MB · on this computer" in shown(plan("pass"), estimates=known)
    assert "约 12 秒 · 40 MB · 在这台电脑上" in shown(plan("pass"), "zh", estimates=known)
    long = {"compute": Estimate(seconds=400)}
    assert "about 7 min" in shown(plan("pass"), estimates=long)


def test_what_is_not_known_is_called_unknown() -> None:
    assert "Estimate: unknown" in shown(plan("pass"), estimates={"compute": Estimate()})
    memory = {"compute": Estimate(memory_bytes=2 * 1024**2)}
    assert "2 MB · on this computer · time unknown" in shown(plan("pass"), estimates=memory)


def test_a_changed_plan_shows_code_and_what_it_may_touch() -> None:
    old = plan("import math\nreport('x', 1)\n")
    new = plan("import socket\nreport('x', 2)\n", needs=["network"])
    text = shown(new, parent=(old, {}))
    places = [text.index(part) for part in ("Changed from", "+need: network", "+report('x', 2)")]
    assert places == sorted(places)
    assert "+compute: import socket" in text
    assert "由“测试”改动而来" in shown(new, "zh", parent=(old, {}))


def test_a_change_that_touches_nothing_new_says_so() -> None:
    old, new = plan("report('x', 1)\n"), plan("report('x', 2)\n")
    assert "may touch what the earlier one may, and no more" in shown(new, parent=(old, {}))
    assert "but for words" in shown(old, parent=(old, {}))
    assert "Changed from" not in shown(new)


def test_while_frames_are_drawn_the_time_left_is_told_to_a_person_only() -> None:
    terminal = Terminal("en")
    for is_terminal in (True, False):
        out = io.StringIO()
        terminal.console = Console(file=out, force_terminal=is_terminal, width=100)
        terminal._first_frame = None

        def drawn(index: int) -> str:
            event = FrameDrawn(
                step_id="s", index=index, count=101, width=1, height=1, reference="-"
            )
            return terminal._left(event.index, event.count)

        assert drawn(0) == ""
        if is_terminal:
            assert terminal._first_frame is not None
            terminal._first_frame = (0, terminal._first_frame[1] - 10)  # ten seconds ago
        assert ("left" in drawn(50)) is is_terminal
    terminal.language = "zh"
    terminal.console = Console(file=io.StringIO(), force_terminal=True)
    terminal._first_frame = (0, 0.0)
    assert "还要约" in terminal._left(50, 101)


RED = "\x1b[1;31m"


def test_the_card_says_how_risky_it_is_and_why() -> None:
    risky = plan("import subprocess", limits=Limits(memory_bytes=2**34))
    sandbox = Circumstances(places={"compute": Place(executor="e", isolation="sandbox")})
    risk = assess(risky, sandbox)
    card = shown(risky, risk=risk, colours=True)
    assert RED + "Risk: high — step compute imports subprocess" in card
    assert "没有沙箱" not in card
    assert "16 GB" not in card  # the gravest alone; x shows the rest
    explained = io.StringIO()
    Console(file=explained, width=120).print(Terminal("zh").explain(risky, {}, risk=risk))
    assert "风险（中）：步骤 compute 最多可用 16 GB 内存" in explained.getvalue()


def test_without_a_sandbox_the_card_is_red() -> None:
    bare = Circumstances(places={"compute": Place(executor="e", isolation="process")})
    risk = assess(plan("pass"), bare)
    card = shown(plan("pass"), risk=risk, colours=True)
    assert RED + "⚠ WITHOUT A SANDBOX" in card
    assert "\x1b[31m╭" in card  # the frame as well
    assert "⚠ 没有沙箱" in shown(plan("pass"), "zh", risk=risk)
    assert "SANDBOX" not in shown(plan("pass"), risk=assess(plan("pass"), Circumstances()))


def test_the_result_of_such_a_run_is_red_too(capsys: pytest.CaptureFixture[str]) -> None:
    bare = Approval(plan_digest="0" * 64, decision="approve", by="test", bare=("compute",))
    run = Run(
        id="r", intent=Intent(text="x", language="en"), plan=plan("pass"), approval=bare,
        status=RunStatus.COMPLETED, created_at=now(),
    )  # fmt: skip
    Terminal("en").result(run, {}, Timings())
    assert "⚠ Allowed to run without a sandbox (--unsafe-no-sandbox): compute" in (
        capsys.readouterr().out
    )
