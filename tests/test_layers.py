"""The import rule: core knows no other folder, planners and executors never meet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("planners", "executors", "gpu_kernels", "ui", "bench")
MAY_IMPORT = {
    "core": {"core"},
    "gpu_kernels": {"core", "gpu_kernels"},
    "planners": {"core", "gpu_kernels", "planners"},
    "executors": {"core", "gpu_kernels", "executors"},
    "ui": {"core", "ui"},
    "bench": {"core", "planners", "executors", "gpu_kernels", "ui", "bench"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield dotted name and file of every module, each once: the links are not followed."""
    for path in sorted((ROOT / "intentos").rglob("*.py")):
        if not any(parent.is_symlink() for parent in path.parents):
            yield _dotted(path.relative_to(ROOT)), path
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield "intentos." + _dotted(path.relative_to(ROOT)), path


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def folder_of(module: str) -> str:
    """Return the folder that a dotted name belongs to; every other name is core's."""
    return next((part for part in module.split(".")[1:2] if part in FOLDERS), "core")


def broken_rules(module: str, source: str) -> list[str]:
    """Return what a module's imports break, with line numbers."""
    home = folder_of(module)
    broken = []
    for line, target, relative in _imports(module, ast.parse(source)):
        top = target.split(".")[0]
        if top in FOLDERS:
            broken.append(f"{line}: {target} is imported as intentos.{target}")
        if top != "intentos":
            continue
        away = folder_of(target)
        if away not in MAY_IMPORT[home]:
            broken.append(f"{line}: {home} may not import {target}")
        elif home != "core" and relative != (home == away) and module.count(".") < 3:
            how = "relative inside a folder" if home == away else "absolute across folders"
            broken.append(f"{line}: the import of {target} is {how}")
    return broken


def _imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield line, absolute name and whether it was written relative, of every import anywhere."""
    package = module.removesuffix(".__init__").split(".")
    if not module.endswith(".__init__"):
        package.pop()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*stem, *([node.module] if node.module else [])])
            for alias in node.names:  # `from intentos import ui` names a folder too
                yield node.lineno, f"{base}.{alias.name}", node.level > 0


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(name, path, id=name) for name, path in modules()]
)
def test_a_module_imports_only_what_its_folder_may(module: str, path: Path) -> None:
    assert broken_rules(module, path.read_text("utf-8")) == []


def test_every_folder_is_looked_at() -> None:
    assert {folder_of(name) for name, _ in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("intentos.runtime", "from intentos.planners.recall import recall"),
        ("intentos.runtime", "from intentos import executors"),
        ("intentos.runtime", "def late():\n    import intentos.ui.app"),
        ("intentos.mesh.node", "from ..executors import sandbox"),
        ("intentos.planners.recall", "from intentos.executors.sandbox import Sandbox"),
        ("intentos.planners.recall", "from ..executors import sandbox"),
        ("intentos.executors.peer", "from intentos.planners import library"),
        ("intentos.gpu_kernels.field", "from intentos.executors import webgpu"),
        ("intentos.ui.app", "from intentos.gpu_kernels import kernel"),
        ("intentos.planners.recall", "from intentos.planners.library import Library"),
        ("intentos.planners.recall", "from ..plan import Plan"),
        ("intentos.runtime", "from executors.sandbox import Sandbox"),
        ("intentos.planners.__init__", "from ..ui import app"),
    ],
)
def test_a_broken_rule_is_found(module: str, line: str) -> None:
    assert len(broken_rules(module, line)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("intentos.runtime", "from intentos.plan import Plan"),
        ("intentos.mesh.node", "from .hub import Hub"),
        ("intentos.planners.recall", "from intentos.gpu_kernels.kernel import Kernel"),
        ("intentos.planners.recall", "from .library import Library"),
        ("intentos.planners.__init__", "from .library import Library"),
        ("intentos.executors.webgpu", "from intentos.program import GpuProgram"),
        ("intentos.ui.app", "from nicegui import ui"),
    ],
)
def test_a_kept_rule_is_left_alone(module: str, line: str) -> None:
    assert broken_rules(module, line) == []
