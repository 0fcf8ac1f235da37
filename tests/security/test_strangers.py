"""Plans, recipes and files from strangers that try to run, or to be more than they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intentos import config
from intentos.plan import Step
from intentos.plan_file import dump_plan, load_plan
from intentos.run import RunStatus
from intentos.store import Store
from intentos.types import Limits, Words
from tests.parts import plan_of, write
from tests.test_cli import intentos, one_object

RAN = "print('it ' + 'ran')"
DID = "it ran"


def python(code: str, **changes: Any) -> Step:
    return Step.model_validate({"id": "s", "language": "python", "code": code} | changes)


def plan_file(folder: Path, code: str = RAN, text: str = "", **changes: Any) -> Path:
    """Write a plan as a stranger would; ``text`` is added to it."""
    plan = plan_of(steps=(python(code),), **changes)
    return write(folder / "plan.yaml", dump_plan(plan, {}) + text)


def nothing_ran() -> None:
    """Fail if any step of any run was begun."""
    store = Store(config.load())
    try:
        for run in store.runs():
            kinds = {event.kind for event in store.events(run.id)}
            assert not kinds & {"step_started", "step_finished", "artifact_saved"}, kinds
            assert run.status in (RunStatus.REJECTED, RunStatus.AWAITING_APPROVAL, RunStatus.FAILED)
    finally:
        store.close()


def test_a_plan_runs_when_it_is_approved(tmp_path: Path) -> None:
    """The same file that the other tests see refused."""
    done = intentos("run", str(plan_file(tmp_path)), "--yes")
    assert done.returncode == 0, done.stderr
    assert DID in done.stdout


CLAIMS = {
    "nothing": ("", {}),
    "to be a recipe of ours": ("recipe: math.sieve\n", {"origin": "recipe"}),
    "to be our planner's": ("planner: default\n", {"origin": "composed"}),
}


@pytest.mark.parametrize("mode", ["ask", "risky"])
@pytest.mark.parametrize("name", CLAIMS)
def test_a_plan_file_runs_nothing_unasked(name: str, mode: str, tmp_path: Path) -> None:
    """Stopped by: an approval is for a digest that a person saw; claims in a file count nothing."""
    text, changes = CLAIMS[name]
    done = intentos("run", str(plan_file(tmp_path, text=text, **changes)), "--mode", mode)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert DID not in done.stdout.replace(RAN, "")
    nothing_ran()


@pytest.mark.parametrize(
    "text",
    [
        "approved: true\n",
        "approval: {decision: approve, by: person}\n",
        "trusted: yes\n",
        "mode: machine\n",
        "isolation: none\n",
        "unsafe_no_sandbox: true\n",
    ],
)
def test_a_plan_file_cannot_approve_itself(text: str, tmp_path: Path) -> None:
    """Stopped by: a plan has no such field, and an unknown one is an error."""
    done = intentos("run", str(plan_file(tmp_path, text=text)))
    assert done.returncode == 2
    assert text.split(":")[0] in done.stderr
    nothing_ran()


def test_another_plan_under_an_approved_name(tmp_path: Path) -> None:
    """Stopped by: the approval names the digest of what acts, and not the plan's id or title."""
    honest = plan_of(steps=(python("print('good')"),))
    first = write(tmp_path / "a.yaml", dump_plan(honest, {}))
    assert intentos("run", str(first), "--yes").returncode == 0
    assert intentos("run", str(first)).returncode == 0, "it was approved"
    other = honest.model_copy(update={"steps": (python(RAN),)})
    assert other.id == honest.id
    text = dump_plan(other, {}).replace(other.digest, honest.digest)
    done = intentos("run", str(write(tmp_path / "b.yaml", text)))
    assert done.returncode == 3
    assert DID not in done.stdout.replace(RAN, "")


def test_another_code_under_an_approved_hash(tmp_path: Path) -> None:
    """Stopped by: the hash of a text is computed and never read from a file."""
    honest = plan_of(steps=(python("print('good')"),))
    assert (
        intentos("run", str(write(tmp_path / "a.yaml", dump_plan(honest, {}))), "--yes").returncode
        == 0
    )
    text = dump_plan(honest, {}).replace("print('good')", RAN)
    assert honest.steps[0].code_hash in text or "code_hash" not in text
    loaded = load_plan(text, "b.yaml")
    assert loaded.plan.digest != honest.digest
    assert loaded.plan.origin == "edited"


@pytest.mark.parametrize(
    "widened",
    [
        {"needs": ["network"]},
        {"needs": ["read_files"]},
        {"needs": ["write_files"]},
    ],
)
def test_a_yes_is_not_a_yes_to_more(widened: dict[str, Any], tmp_path: Path) -> None:
    """Stopped by: ``--yes`` approves what stays in the sandbox; wider needs take ``--allow``."""
    plan = plan_of(steps=(python(RAN, **widened),))
    path = write(tmp_path / "wide.yaml", dump_plan(plan, {}))
    done = intentos("run", str(path), "--yes")
    assert done.returncode == 3
    assert widened["needs"][0] in done.stderr
    assert DID not in done.stdout


def test_larger_limits_are_another_plan() -> None:
    """Stopped by: limits are part of the digest."""
    small = plan_of(steps=(python(RAN),))
    large = plan_of(steps=(python(RAN, limits={"memory_bytes": 2**40}),))
    assert small.digest != large.digest


def test_a_trial_before_approval_has_our_limits_and_not_its_authors() -> None:
    """Stopped by: the lower of both holds before anybody has approved."""
    greedy = Limits(wall_time=86_400, memory_bytes=2**50, processes=4096, artifact_bytes=2**50)
    held = greedy.at_most(Limits(wall_time=2))
    assert held == Limits(wall_time=2)
    modest = Limits(wall_time=1, memory_bytes=64 * 1024**2, processes=1)
    assert modest.at_most(Limits(wall_time=2)) == modest


@pytest.mark.parametrize("executor", ["numpy", "webgpu"])
def test_a_pin_to_weaker_walls(executor: str, tmp_path: Path) -> None:
    """Stopped by: a pin chooses among executors that know the language, and are walls enough."""
    plan = plan_of(steps=(python(RAN, executor=executor),))
    path = write(tmp_path / "pinned.yaml", dump_plan(plan, {}))
    done = intentos("run", str(path), "--yes")
    assert done.returncode in (2, 3, 4)
    assert DID not in done.stdout


def test_a_recipe_file_in_the_library_is_still_asked_about(home: Path, tmp_path: Path) -> None:
    """Stopped by: a recipe that is not ours is a stranger's, whatever it calls itself."""
    assert intentos("run", str(plan_file(tmp_path, "report('x', 1)")), "--yes").returncode == 0
    saved = intentos("save", "last", "--as", "zebra counting")
    assert saved.returncode == 0, saved.stderr
    (recipe,) = (path for path in home.rglob("*.yaml") if "report" in path.read_text())
    recipe.write_text(recipe.read_text().replace("report('x', 1)", RAN))
    done = intentos("ask", "zebra counting", "--model", "none")
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert DID not in done.stdout.replace(RAN, "")


VALUES = {
    "a quotation": '"); import os; os.mkdir("x'.strip(),
    "a template": "{parameters} ${HOME} $(id) `id`",
    "a line": "x\nimport os",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_data(name: str, tmp_path: Path) -> None:
    """Stopped by: text reaches code as an entry of a mapping, never as part of the code."""
    text = VALUES[name]
    plan = plan_of(
        steps=(python("print(repr(parameters['word']))"),),
        parameters=({"name": "word", "kind": "text", "default": "x", "label": Words(en="word")},),
    )
    path = write(tmp_path / "plan.yaml", dump_plan(plan, {}))
    done = intentos("run", str(path), "--yes", "--set", f"word={text}")
    if done.returncode == 2:
        return  # refused is as good
    assert done.returncode == 0, done.stderr
    assert repr(text)[1:12] in done.stdout


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a plan that saves one file, ``note.txt``."""
    return plan_file(tmp_path, "save('note', 'from the run')")


def test_a_link_in_the_out_folder_is_not_written_through(made: Path, tmp_path: Path) -> None:
    """Stopped by: a folder with other things than ours is refused, and files are replaced whole."""
    victim = write(tmp_path / "victim.txt", "precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "note.txt").symlink_to(victim)
    done = intentos("run", str(made), "--yes", "--out", str(out))
    assert victim.read_text() == "precious"
    assert done.returncode in (0, 2)
    if done.returncode == 0:
        assert not (out / "note.txt").is_symlink()


def test_a_hard_link_in_the_out_folder_is_not_written_through(made: Path, tmp_path: Path) -> None:
    """Stopped by: a file is written beside and moved into place."""
    victim = write(tmp_path / "victim.txt", "precious")
    out = tmp_path / "out"
    out.mkdir()
    os.link(victim, out / "note.txt")
    done = intentos("run", str(made), "--yes", "--out", str(out))
    assert victim.read_text() == "precious", done.stderr


def test_an_out_folder_that_is_a_link_elsewhere(made: Path, tmp_path: Path) -> None:
    """Stopped by: what is there and not ours is neither replaced nor removed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(elsewhere / "thesis.txt", "precious")
    (tmp_path / "out").symlink_to(elsewhere)
    done = intentos("run", str(made), "--yes", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert os.listdir(elsewhere) == ["thesis.txt"]


def test_a_program_as_a_result_stays_a_file(tmp_path: Path) -> None:
    """Stopped by: results are stored and named; nothing of ours opens or runs them."""
    files = {
        "sitecustomize.py": "raise SystemExit('it ran')",
        "intentos.py": "raise SystemExit('it ran')",
        "page.html": "<script>document.title = 'it ran'</script>",
        "run.sh": "#!/bin/sh\\necho it ran\\n",
        "desktop.desktop": "[Desktop Entry]\\nExec=sh",
    }
    code = "\n".join(f"save({name!r}, {text!r}.encode())" for name, text in files.items())
    out = tmp_path / "out"
    done = intentos("run", str(plan_file(tmp_path, code)), "--yes", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert {a["name"] for a in one_object(done)["artifacts"]} >= set(files)
    for path in out.iterdir():
        assert not path.stat().st_mode & 0o111, f"{path.name} can be run"
    command = [str(Path(sys.executable).with_name("intentos")), "executors"]
    inside = subprocess.run(command, cwd=out, capture_output=True, text=True, timeout=100)
    assert DID not in inside.stdout + inside.stderr
    assert inside.returncode == 0, inside.stderr


def test_no_python_of_ours_takes_modules_from_the_folder_it_stands_in() -> None:
    """Stopped by: ``-P`` or ``-I``; a folder of results may hold a ``pip.py``."""
    found = 0
    root = Path(__file__).parents[2]
    for folder in ("intentos", "executors", "planners", "gpu_kernels", "ui"):
        for path in (root / folder).glob("*.py"):
            for line in path.read_text("utf-8").splitlines():
                if re.search(r'sys\.executable, [*]?"', line):
                    found += 1
                    assert re.search(r'"-[PI]"', line), f"{path.name}: {line}"
    assert found >= 6


def test_the_folder_it_stands_in_is_python_s_first_place_to_look(tmp_path: Path) -> None:
    """The attack that the test above is about, and that ``-P`` stops it."""
    write(tmp_path / "pip.py", "raise SystemExit('it ran')")
    for flags, ran in (([], True), (["-P"], False)):
        command = [sys.executable, *flags, "-m", "pip", "--version"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert (DID in done.stderr) is ran, done.stderr
