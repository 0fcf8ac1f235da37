"""Plugins come in by one door; two of one name are an error, a broken one is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable, InvalidPlan, NotFound, PluginError
from intentos.executors.sandbox import SandboxExecutor
from intentos.plan import Step
from intentos.registry import OWN_DISTRIBUTION, PluginWarning, Registry
from intentos.types import sha256

from .parts import plan_of, write


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on the import path, where packages can be installed by hand."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, package: str, entry: str, code: str) -> None:
    """Install a one-module package with one executor entry point."""
    module = package.replace("-", "_")
    write(site / f"{module}.py", code)
    info = site / f"{module}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[intentos.executors]\n{entry} = {module}:Executor\n")


WORKS = """
class Executor:
    name = 'abacus'
    languages = frozenset({'beads'})
    isolation = 'process'
    def check(self): ...
    def estimate(self, step, values): ...
    async def execute(self, step, context): ...
"""


def test_built_ins_come_in_by_the_same_door() -> None:
    registry = Registry()
    assert registry.names("executors")["sandbox"] == OWN_DISTRIBUTION
    assert set(registry.names("kernels")) >= {
        "particles",
        "automaton",
        "field",
        "traffic",
        "pixels",
    }
    assert registry.executor("sandbox").name == "sandbox"


def test_a_strangers_executor_is_found(site: Path) -> None:
    install(site, "intentos-abacus", "abacus", WORKS)
    registry = Registry()
    assert registry.names("executors")["abacus"] == "intentos-abacus"
    assert registry.executors()["abacus"].languages == {"beads"}
    assert "abacus" not in Registry(plugins=False).executors()


def test_two_packages_with_one_name_are_an_error_that_names_both(site: Path) -> None:
    install(site, "intentos-abacus", "abacus", WORKS)
    install(site, "better-abacus", "abacus", WORKS)
    registry = Registry()
    with pytest.warns(PluginWarning, match="intentos-abacus and better-abacus|better-abacus and"):
        found = registry.executors()
    assert "abacus" not in found
    assert "sandbox" in found  # everything else goes on
    with pytest.raises(PluginError) as error:
        registry.executor("abacus")
    assert "intentos-abacus" in str(error.value)
    assert "better-abacus" in str(error.value)
    assert Registry(plugins=False).executor("sandbox").name == "sandbox"


def test_a_strangers_executor_cannot_take_a_built_in_name(site: Path) -> None:
    install(site, "evil-sandbox", "sandbox", WORKS)
    with pytest.raises(PluginError, match="evil-sandbox"):
        Registry().executor("sandbox")
    with pytest.warns(PluginWarning, match="evil-sandbox"):
        found = Registry().executors()
    assert isinstance(found["sandbox"], SandboxExecutor)


@pytest.mark.parametrize("code", ["import no_such_module", "syntax error", "raise SystemError"])
def test_a_plugin_that_fails_to_import_is_a_warning(site: Path, code: str) -> None:
    install(site, "intentos-broken", "broken", code)
    registry = Registry()
    with pytest.warns(PluginWarning, match="intentos-broken"):
        found = registry.executors()
    assert "broken" not in found
    assert "sandbox" in found


def test_what_is_not_there_is_told_with_what_is() -> None:
    registry = Registry()
    with pytest.raises(ExecutorUnavailable, match="sandbox"):
        registry.executor("abacus")
    with pytest.raises(InvalidPlan, match="traffic"):
        registry.kernel("trafic")
    with pytest.raises(NotFound, match="default"):
        registry.planner("oracle")


def test_a_kernel_step_is_pinned_to_the_kernel_that_is_here() -> None:
    registry = Registry()
    stale = Step(id="s", language="kernel", code="traffic", code_hash=sha256(b"last year"))
    (pinned,) = registry.pin(plan_of(steps=(stale,))).steps
    assert pinned.code_hash == registry.kernel("traffic").code_hash != stale.code_hash
