"""The doctor sees what works, what is missing, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos import config
from intentos.doctor import Finding, examine
from intentos.errors import ExecutorUnavailable
from intentos.protocols import ModelInfo

from .parts import HandRegistry, InstantExecutor, write


class OneModel:
    """A shelf with one model on it, there or not."""

    def __init__(self, present: bool) -> None:
        self.present = present

    def every(self) -> list[ModelInfo]:
        """Return the model."""
        info = ModelInfo(
            name="m", path=Path("m.gguf"), size=10**9, licence="MIT", present=self.present
        )
        return [info]

    def pull(self, name: str, *, source: object = None, progress: object = None) -> Path:
        """Fetch nothing: the doctor never does."""
        raise AssertionError("the doctor fetched a model")


class Gone(InstantExecutor):
    name = "gone"

    def check(self) -> None:
        raise ExecutorUnavailable("gpu.no_adapter")


def by_name(findings: list[Finding], name: str) -> Finding:
    """Return the one finding of that name."""
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def test_a_healthy_machine(home: Path) -> None:
    findings = examine(config.load(), HandRegistry(InstantExecutor()), OneModel(True))
    assert {finding.status for finding in findings} <= {"ok", "limited"}
    assert by_name(findings, "state").detail == str(home)


def test_what_is_missing_comes_with_a_remedy() -> None:
    findings = examine(config.load(), HandRegistry(Gone()), OneModel(False))
    for name in ("executor", "model"):
        finding = by_name(findings, name)
        assert finding.status == "missing"
        assert finding.problem is not None
        for language in ("en", "zh"):
            assert len(finding.problem.text(language)) > 20
    assert "intentos models pull" in by_name(findings, "model").problem.text("en")  # type: ignore[union-attr]


def test_without_the_wish_for_a_model_its_absence_is_only_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTENTOS_MODEL", "none")
    findings = examine(config.load(), HandRegistry(), OneModel(False))
    assert by_name(findings, "model").status == "limited"


def test_a_state_folder_that_is_a_file_is_told(home: Path) -> None:
    write(home, "not a folder")
    findings = examine(config.load(), HandRegistry(), OneModel(True))
    assert by_name(findings, "state").status == "missing"
