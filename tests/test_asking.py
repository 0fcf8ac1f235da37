"""What the question about a plan shows: its cost, and what is different from where it came from."""

from __future__ import annotations

import io
from collections.abc import Mapping

from rich.console import Console

from intentos.events import FrameDrawn
from intentos.plan import Plan, Step
from intentos.terminal import Terminal
from intentos.types import Estimate, Value

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
) -> str:
    """Return the card as text."""
    terminal = Terminal("zh" if language == "zh" else "en")
    out = io.StringIO()
    Console(file=out, width=120).print(terminal.card(plan, {}, estimates=estimates, parent=parent))
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
