"""The doctor sees what works, what is missing, and says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from intentos import config, speech
from intentos.config import Settings
from intentos.doctor import Finding, examine
from intentos.errors import ExecutorUnavailable
from intentos.protocols import ModelInfo
from intentos.store import Store
from intentos.types import new_id

from .parts import HandRegistry, InstantExecutor, write
from .test_cleaning import made
from .test_orphans import spoil


class OneModel:
    """A shelf with one model on it, there or not."""

    def __init__(self, present: bool, kind: Literal["language", "speech"] = "language") -> None:
        self.present = present
        self.kind = kind

    def every(self) -> list[ModelInfo]:
        """Return the model."""
        info = ModelInfo(
            name="m",
            path=Path("m.gguf"),
            size=10**9,
            licence="MIT",
            present=self.present,
            kind=self.kind,
        )
        return [info]

    def verified(self, name: str) -> Path:
        """Read nothing: the doctor has no time to."""
        raise AssertionError("the doctor read a model")

    def check(self, name: str) -> None:
        """Any name will do."""

    def pull(
        self,
        name: str,
        *,
        source: object = None,
        progress: object = None,
        canceled: object = None,
    ) -> Path:
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


@pytest.mark.parametrize(
    ("library", "remedy"), [(True, "intentos models pull"), (False, "pip install")]
)
def test_who_cannot_speak_to_it_can_type(
    monkeypatch: pytest.MonkeyPatch, library: bool, remedy: str
) -> None:
    monkeypatch.setattr(speech, "installed", lambda: library)
    findings = examine(config.load(), HandRegistry(), OneModel(False, "speech"))
    found = by_name(findings, "speech")
    assert found.status == "limited"
    assert found.problem
    assert remedy in found.problem.text("en")


def test_a_state_folder_that_is_a_file_is_told(home: Path) -> None:
    write(home, "not a folder")
    findings = examine(config.load(), HandRegistry(), OneModel(True))
    assert by_name(findings, "state").status == "missing"


def test_a_damaged_database_is_told_with_the_way_to_mend_it(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    settings.database.write_bytes(b"no database" * 1000)
    finding = by_name(examine(settings, HandRegistry(), OneModel(True)), "database")
    assert finding.status == "missing"
    assert finding.problem is not None
    assert "intentos doctor --mend" in finding.problem.text("zh")


def test_what_a_crash_left_is_told(settings: Settings) -> None:
    Store(settings).close()
    assert by_name(examine(settings, HandRegistry(), OneModel(True)), "leftovers").status == "ok"
    (settings.work / new_id()).mkdir(parents=True)
    finding = by_name(examine(settings, HandRegistry(), OneModel(True)), "leftovers")
    assert finding.status == "limited"
    assert finding.problem is not None
    assert str(settings.work) in finding.problem.text("en")


@pytest.mark.parametrize("kind", ["missing", "damaged"])
def test_an_artifact_that_is_not_what_it_was_is_told_with_its_run(
    settings: Settings, kind: str
) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    path = store.path(run.artifacts[0].id)
    if kind == "missing":
        path.unlink()
    else:
        spoil(path)
    finding = by_name(examine(settings, HandRegistry(), OneModel(True)), "artifacts")
    assert finding.problem is not None
    assert finding.problem.code == f"doctor.{kind}"
    assert run.id[-8:] in finding.problem.text("en")


def test_the_command_mends_and_says_what(settings: Settings) -> None:
    store = Store(settings)
    run = made(store, b"x" * 1000)
    spoil(store.path(run.artifacts[0].id))
    (settings.work / new_id()).mkdir(parents=True)
    store.close()
    for language, word in (("zh", "损坏"), ("en", "nothing to mend")):
        done = subprocess.run(
            [sys.executable, "-m", "intentos", "doctor", "--mend"],
            env={**os.environ, "INTENTOS_LANGUAGE": language},
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 4), done.stderr  # 4: no sandbox or model on this machine
        assert word in done.stdout + done.stderr
    assert list(settings.work.iterdir()) == []
    assert (settings.damaged / run.artifacts[0].id).exists()
    shown = subprocess.run(
        [sys.executable, "-m", "intentos", "show", run.id, "--json"], capture_output=True
    )
    (gone,) = json.loads(shown.stdout)["lost"]
    assert (gone["name"], gone["why"]) == ("0.bin", "missing")


def test_the_command_cleans_and_keeps(settings: Settings) -> None:
    store = Store(settings)
    old, kept, last = (made(store, bytes([n]) * 1000) for n in range(3))

    def intentos(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "intentos", *words]
        return subprocess.run(command, capture_output=True, text=True)

    assert intentos("keep", kept.id).returncode == 0
    done = intentos("clean", "--to", "0", "--json")
    assert json.loads(done.stdout)["artifacts"] == 1
    assert [store.has(run.artifacts[0].id) for run in (old, kept, last)] == [False, True, True]
    shown = intentos("show", old.id)
    assert f"intentos rerun {old.id[-8:]}" in shown.stderr + shown.stdout
    assert intentos("clean", "--to", "much").returncode == 2
