"""What strangers wrote cannot paint over what a person is asked about."""

from __future__ import annotations

from pathlib import Path

from intentos.console import without_controls
from intentos.plan import Step
from intentos.plan_file import dump_plan
from intentos.types import Words

from .parts import plan_of, write
from .test_cli import intentos

ERASE = "\x1b[2J\x1b[3A"


def test_controls_and_direction_marks_go_and_the_rest_stays() -> None:
    assert without_controls(f"a{ERASE}b\u202ec\x9bd\te\n") == "a[2J[3Abcd\te\n"
    assert without_controls("1000以内 مرحبا 😀") == "1000以内 مرحبا 😀"


def test_a_plan_and_its_output_cannot_steer_the_terminal(tmp_path: Path) -> None:
    code = f'import os  # {ERASE}\u202e\nprint("\\x1b]0;title\\x07 red")'
    step = Step(id="bad", language="python", code=code, title=Words(en=f"nice{ERASE}"))
    said = Words(en=f"nothing {ERASE}")
    plan = plan_of(steps=(step,), interpretation=said, title=Words(en="[red]x[/bold]"))
    path = write(tmp_path / "bad.yaml", dump_plan(plan, {}))
    asked = intentos("run", str(path))
    assert asked.returncode == 3, asked.stderr
    assert "import os" in asked.stdout
    assert "[red]x[/bold]" in asked.stdout
    done = intentos("run", str(path), "--yes")
    assert done.returncode == 0, done.stderr
    assert "]0;title red" in done.stdout
    for text in (asked.stdout, asked.stderr, done.stdout, done.stderr):
        assert "\x1b" not in text
        assert "\u202e" not in text
