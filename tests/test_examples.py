"""Every example runs alone and says something."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(
    path for path in (ROOT / "examples").glob("*.py") if "__main__" in path.read_text("utf-8")
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if "studio" in example.read_text("utf-8"):
        left = [path for path in tmp_path.iterdir() if path.suffix in (".mp4", ".png")]
        assert left
        assert all(path.stat().st_size > 10_000 for path in left)


def test_more_cars_are_slower() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "own_plan.py")],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    speeds = [int(number) for number in re.findall(r"(\d+) km/h", done.stdout)]
    assert len(speeds) == 3
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > speeds[-1]
