"""The pages that people read first are true, and equal in both languages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/*.md")]
)
PAIRS = [
    (page, page.with_suffix(".zh.md")) for page in PAGES if page.with_suffix(".zh.md") in PAGES
]


def commands(page: Path) -> list[str]:
    """Return the ``intentos …`` subcommands that a page shows, sorted, each once."""
    return sorted(set(re.findall(r"\bintentos ([a-z]+)\b", _code(page.read_text("utf-8")))))


def _code(text: str) -> str:
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    return "\n".join(
        [*blocks, *re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", text, flags=re.S))]
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    targets += re.findall(r'\b(?:src|srcset)="([^"]+)"', text)
    local = [target for target in targets if not target.startswith("http")]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_both_languages_show_the_same(english: Path, chinese: Path) -> None:
    assert commands(english) == commands(chinese)
    shapes = []
    for page in (english, chinese):
        lines = page.read_text("utf-8").splitlines()
        shapes.append([re.match(r"#+ |\||- |```|!\[", line) for line in lines])
    first, second = ([shape.group() for shape in found if shape] for found in shapes)
    assert first == second  # headings, table rows, list items, code, pictures, in the same order


def test_every_command_that_the_readme_shows_exists() -> None:
    shown = commands(ROOT / "README.md")
    assert {"ask", "plan", "run", "rerun", "runs", "show", "recipes", "doctor"} <= set(shown)
    listed = re.findall(r"^  ([a-z]+)  ", told("--help"), re.MULTILINE)
    assert set(shown) - set(listed) == set()


def test_every_option_that_the_readme_shows_exists() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(?:intentos ask|--).*$", text, re.MULTILINE)
    assert rows
    assert (
        set(re.findall(r"--[a-z]+", "".join(rows)))
        - set(re.findall(r"--[a-z]+", told("ask", "--help")))
        == set()
    )


def told(*arguments: str) -> str:
    """Return the command line's help, as plain text."""
    command = [sys.executable, "-m", "intentos", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_two_first_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake ([a-z]+)\b", _code((ROOT / "README.md").read_text("utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_script_that_sets_up_refuses_what_it_does_not_know() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "setup.sh", "--nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage" in done.stderr
