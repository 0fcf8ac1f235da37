"""Words of strangers on a person's terminal, and words that would like to be code."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from intentos.console import make_console, without_controls
from intentos.errors import InvalidPlan
from intentos.formula import evaluate
from intentos.plan import CheckSpec, Step
from intentos.plan_file import dump_plan, load_plan
from intentos.types import Words
from tests.parts import plan_of, write
from tests.test_cli import intentos, one_object

ESCAPES = {
    "clearing the screen": "\x1b[2J",
    "moving the cursor up, over what was asked": "\x1b[3A",
    "the window's title": "\x1b]0;all is well\x07",
    "the clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "a link that is another": "\x1b]8;;http://evil.example\x1b\\safe\x1b]8;;\x1b\\",
    "an escape of one byte": "\x9b2J",
    "a bell": "\x07",
    "a backspace": "safe\x08\x08\x08\x08evil",
    "a carriage return": "evil\rsafe",
    "reading backwards": "\u202efdp.exe",
    "an isolate": "\u2066evil\u2069",
    "no width": "ev\u200bil",
    "a tag": "safe\U000e0065\U000e0076",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_words_cannot_steer_the_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by: every console of ours takes out what is not seen."""
    words = ESCAPES[name]
    trusting = Console(file=io.StringIO(), force_terminal=True, width=200)
    trusting.print(Text(words))
    bad = [character for character in words if not without_controls(character)]
    shown = trusting.file.getvalue()  # type: ignore[attr-defined]
    kept_by_rich = [character for character in bad if character in shown]
    assert kept_by_rich or name in ("a bell", "a backspace", "a carriage return"), "rich stops it"
    console = make_console()
    console.file = io.StringIO()
    console.print(Text(words))
    assert not [c for c in bad if c in console.file.getvalue()]


HOSTILE = "".join(ESCAPES.values())


def test_no_part_of_a_plan_or_a_run_steers_the_terminal(tmp_path: Path) -> None:
    """Titles, assumptions, answers, check names, file names, output, errors: all by one door."""
    code = f"""
save("data{ESCAPES["a tag"][:4]}", "x")
print({HOSTILE!r})
raise ValueError({HOSTILE!r})
"""
    step = Step(id="bad", language="python", code=code, title=Words(en=f"step {HOSTILE}"))
    plan = plan_of(
        steps=(step,),
        title=Words(en="title"),  # one with controls is refused at the door
        interpretation=Words(en=f"meant {HOSTILE}"),
        answer=Words(en=f"answer {HOSTILE}"),
        checks=(CheckSpec(name="c", title=Words(en=f"check {HOSTILE}"), expect="1 < 2"),),
    )
    path = write(tmp_path / "bad.yaml", dump_plan(plan, {}))
    folder = tmp_path / "a\x1b[2Jb\u202ec"
    said = [
        intentos("run", str(path)),
        intentos("run", str(path), "--yes"),
        intentos("show", "last"),
        intentos("run", str(folder / "nothing.yaml")),
        intentos("show", f"no such run {HOSTILE}"),
    ]
    for done in said:
        for text in (done.stdout, done.stderr):
            left = {c for c in text if not without_controls(c)}
            assert left == set(), (done.args, left)
    assert said[1].returncode == 1
    assert "clipboard" not in said[1].stdout
    assert "ValueError" in said[1].stderr


FORMULAS = {
    "an import": "__import__('os').getpid() > 0",
    "a way through attributes": "().__class__.__base__.__subclasses__() != 0",
    "opening a file": "open('/etc/passwd').close() is None",
    "a lambda": "(lambda: 1)() == 1",
    "a comprehension": "[x for x in (1, 2)] == [1, 2]",
    "a walrus": "(x := 5) == 5",
    "an f-string": "f'{1}' == '1'",
    "a subscript": "'abc'[0] == 'a'",
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_check_of_a_plan_is_a_formula_and_no_program(name: str) -> None:
    """Stopped by: formulas are walked node by node; what is not arithmetic is refused."""
    text = FORMULAS[name]
    assert eval(text, {}), "Python itself would do it"
    with pytest.raises(InvalidPlan):
        evaluate(text, {})


ENDLESS = {
    "a tower of powers": "9**9**9**9 > 0",
    "a factorial": "factorial(10**9) > 0",
    "a choice of many": "comb(10**9, 5 * 10**8) > 0",
    "a long text": "'a' * 10**10 == ''",
    "a thousand brackets": "(" * 240 + "1" + ")" * 240 + " == 1",
    "repeated squares": "*".join(["(10**4000)"] * 40) + " > 0",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_check_of_a_plan_cannot_compute_for_ever(name: str) -> None:
    """Stopped by: powers, factorials and texts have a size; a ceiling of seconds, not of hours."""
    import time

    begun = time.monotonic()
    try:
        evaluate(ENDLESS[name], {})
    except (InvalidPlan, ArithmeticError, ValueError, TypeError):
        pass
    assert time.monotonic() - begun < 10


def test_a_template_gives_values_and_nothing_behind_them() -> None:
    """Stopped by: only whole names are filled in; Python's format would walk into the object."""
    secret = "{speed.__class__.__init__.__globals__} {speed!r:>10000000} {0} {speed[0]}"
    assert "int" in str.format("{speed.__class__}", speed=1)
    said = Words(en=secret).text("en", {"speed": 1})
    assert "__globals__" in said or "{" in said
    assert "module" not in said
    assert len(said) < 10_000


STEP = Step(id="s", language="python", code="pass")
TAGS = {
    "a call": "!!python/object/apply:os.mkdir ['exploded']",
    "an object": "!!python/object:pathlib.PosixPath {}",
    "a name": "!!python/name:os.system",
    "a module": "!!python/module:subprocess",
    "a tuple": "!!python/tuple [1, 2]",
}


@pytest.mark.parametrize("name", TAGS)
def test_a_plan_file_makes_no_object(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by: a YAML of text, numbers, lists and mappings, without tags."""
    import yaml

    monkeypatch.chdir(tmp_path)
    made = yaml.unsafe_load(TAGS[name])
    assert made is None or not isinstance(made, str | int | dict), "YAML alone would make it"
    text = dump_plan(plan_of(steps=(STEP,)), {}) + f"planner: {TAGS[name]}\n"
    (tmp_path / "exploded").rmdir() if name == "a call" else None
    with pytest.raises(InvalidPlan):
        load_plan(text, "plan.yaml")
    assert os.listdir(tmp_path) == []


def test_a_plan_file_of_a_thousand_million_laughs(tmp_path: Path) -> None:
    """Stopped by: no anchors; a depth and a length."""
    import yaml

    small = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert str(yaml.safe_load(small)["c"]).count("x") == 8, "each line doubles it"
    lines = ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    for text in ("\n".join(lines), "[" * 100_000, "a: " * 1, "{" * 50_000, "x" * 5_000_000):
        with pytest.raises(InvalidPlan):
            load_plan(text, "plan.yaml")


def test_huge_numbers_reach_the_person_without_harm(tmp_path: Path) -> None:
    """Stopped by: numbers beyond a float are judged and shown as what they are."""
    code = "report('huge', 10**3999)\nreport('list', [10**300] * 1000)"
    step = Step(id="s", language="python", code=code)
    plan = plan_of(
        steps=(step,),
        answer=Words(en="It is {huge}."),
        checks=(
            CheckSpec(name="c", expect="huge > 1.5"),
            CheckSpec(name="d", expect="huge * 1.5 > 0"),
            CheckSpec(name="e", expect="abs(huge - 1) < 1e-9 * huge"),
        ),
    )
    with pytest.raises(OverflowError):
        float(10**3999)
    path = write(tmp_path / "huge.yaml", dump_plan(plan, {}))
    done = intentos("run", str(path), "--yes", "--json")
    found = one_object(done)
    assert found["status"] == "completed", found["error"]
    assert found["values"]["huge"]["value"] == 10**3999
    assert intentos("show", "last").returncode in (0, 1)
