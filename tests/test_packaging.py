"""What is shipped: a light import, one package, all of its files, a lock that is true."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest

from .wheel import MAPPED, ROOT, run, shipped, uv

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HEAVY = (
    "litellm pydantic_ai nicegui llama_cpp wgpu docker nats numpy matplotlib scipy imageio "
    "imageio_ffmpeg httpx PIL aiohttp nkeys segno zeroconf cryptography"
).split()


def core_modules() -> list[str]:
    names = (name for name in shipped() if re.fullmatch(r"intentos/(mesh/)?[a-z_]+\.py", name))
    return sorted(name.removesuffix(".py").replace("/", ".") for name in names if "__" not in name)


# ---- import intentos ------------------------------------------------------------------------


@pytest.mark.parametrize("modules", [["intentos"], core_modules()], ids=["intentos", "all of core"])
def test_importing_core_loads_nothing_heavy(modules: list[str]) -> None:
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = run(sys.executable, "-c", script).split()
    assert "intentos" in loaded
    assert {name.split(".")[0] for name in loaded} & set(HEAVY) == set()


UNIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}
RUNS_INSIDE = re.compile(r"intentos/executors/(harness|template|inside)[a-z_]*\.py")
"""Runs in the Linux sandbox only, as a script."""


def unix_imports(tree: ast.AST) -> Iterator[str]:
    """Yield Unix-only modules that are imported as soon as the module is, unguarded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in UNIX_ONLY)
        elif isinstance(node, ast.ImportFrom) and node.module in UNIX_ONLY:
            yield node.module
        elif isinstance(node, ast.ClassDef | ast.With):
            yield from unix_imports(node)


@pytest.mark.parametrize("name", [name for name in shipped() if name.endswith(".py")])
def test_a_module_imports_on_macos_and_windows(name: str) -> None:
    if RUNS_INSIDE.fullmatch(name):
        return
    assert list(unix_imports(ast.parse(shipped()[name].read_text("utf-8")))) == []


def test_an_import_that_only_unix_has_is_found() -> None:
    assert list(unix_imports(ast.parse("import os, fcntl"))) == ["fcntl"]
    assert list(unix_imports(ast.parse("def lock():\n    import fcntl"))) == []


# ---- the tree and its description ---------------------------------------------------------------


def test_the_packages_that_are_named_are_those_there_are() -> None:
    there = {name.rsplit("/", 1)[0] for name in shipped() if name.endswith("/__init__.py")}
    assert {package.replace("/", ".") for package in there} == set(
        PROJECT["tool"]["setuptools"]["packages"]
    )


def test_the_folders_are_mapped_and_linked() -> None:
    mapping = PROJECT["tool"]["setuptools"]["package-dir"]
    assert mapping == {"intentos": "intentos", **{f"intentos.{name}": name for name in MAPPED}}
    links = {name: os.readlink(ROOT / "intentos" / name) for name in MAPPED}
    assert links == {name: f"../{name}" for name in MAPPED}


def test_the_lock_is_in_step_with_the_dependencies() -> None:
    assert "Would" not in uv("lock", "--check")  # and it ends well, or uv() itself fails


# ---- the wheel ----------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(shipped())
    kinds = {Path(name).suffix for name in names} | {Path(name).name for name in names}
    assert {".wgsl", ".md", ".yaml", ".toml", "program.js", "py.typed"} <= kinds


def test_every_entry_point_leads_somewhere(built: Path) -> None:
    groups = PROJECT["project"]["entry-points"]
    targets = [target for group in groups.values() for target in group.values()]
    lost = []
    with zipfile.ZipFile(built) as archive:
        for target in [*targets, *PROJECT["project"]["scripts"].values()]:
            module, attribute = target.split(":")
            name = module.replace(".", "/") + ".py"
            text = archive.read(name).decode() if name in archive.namelist() else ""
            if not re.search(rf"^(def |class |async def )?{attribute}\b", text, re.MULTILINE):
                lost.append(target)
    assert lost == []


def test_the_wheel_installs_into_an_empty_environment(built: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    uv("venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    uv("pip", "install", "--quiet", "--no-deps", "--python", python, built)
    # from elsewhere, and without the dependencies: the catalogue needs the standard library only
    script = (
        "import importlib.metadata, intentos.messages as m;"
        "print(m.catalogue('zh').keys() == m.catalogue('en').keys() or 'differ');"
        "print(*sorted(p.name for p in importlib.metadata.entry_points(group='intentos.kernels')))"
    )
    readable, kernels = run(python, "-c", script, cwd=tmp_path).splitlines()
    assert readable == "True"
    assert set(kernels.split()) == set(PROJECT["project"]["entry-points"]["intentos.kernels"])
    assert (python.parent / "intentos").exists()


# ---- the compiled engine ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama_wheel() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "llama_wheel", ROOT / "scripts" / "llama_wheel.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_cpu_gets_another_wheel(llama_wheel: ModuleType) -> None:
    here = llama_wheel.identity("0.3.36")
    assert here["flags"]
    assert llama_wheel.key(here) == llama_wheel.key(llama_wheel.identity("0.3.36"))
    others = [
        here | {"flags": here["flags"][1:]},
        here | {"version": "0.3.37"},
        here | {"abi": "cpython-399-x86_64-linux-gnu"},
        here | {"machine": "riscv64"},
    ]
    assert len({llama_wheel.key(one) for one in [here, *others]}) == 5


def test_an_installed_wheel_is_told_from_another_cpus(
    llama_wheel: ModuleType, tmp_path: Path
) -> None:
    record = distribution("llama-cpp-python").read_text("RECORD")
    assert record is not None
    texts = {"same.whl": record, "other.whl": record.replace("sha256=", "sha256=0", 1)}
    for name, text in texts.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("llama_cpp_python-0.dist-info/RECORD", text)
    assert llama_wheel.installed(tmp_path / "same.whl")
    assert not llama_wheel.installed(tmp_path / "other.whl")


def test_the_source_of_the_engine_is_pinned(llama_wheel: ModuleType) -> None:
    version, digest = llama_wheel.locked(ROOT / "uv.lock")
    assert re.fullmatch(r"[0-9.]+", version)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
