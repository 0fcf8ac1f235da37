"""The wheel that is shipped, for the tests that look into it or install it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAPPED = ("planners", "executors", "gpu_kernels", "ui", "bench")


def shipped() -> dict[str, Path]:
    """Return every file that the wheel must hold: name in the wheel → file in the tree."""
    found = {}
    for folder in ("intentos", *MAPPED):
        for path in (ROOT / folder).rglob("*"):
            if path.is_dir() or path.suffix == ".pyc":
                continue
            if (ROOT / "bench" / "results") in path.parents:
                continue  # what was measured here is of no use elsewhere
            if any(parent.is_symlink() for parent in (path, *path.parents)):
                continue
            inside = path.relative_to(ROOT).as_posix()
            found[inside if folder == "intentos" else f"intentos/{inside}"] = path
    return found


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return what a command printed; its errors are shown when it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def uv(*arguments: str | Path, cwd: Path = ROOT) -> str:
    return run(Path(sys.executable).with_name("uv"), *arguments, cwd=cwd)


def build(copy: Path, out: Path) -> Path:
    """Return a wheel, built by way of the source archive, from a copy that has nothing else."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in ("intentos", *MAPPED):
        shutil.copytree(
            ROOT / folder,
            copy / folder,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    uv("build", "--quiet", "--out-dir", out, cwd=copy)
    (wheel,) = out.glob("*.whl")
    return wheel
