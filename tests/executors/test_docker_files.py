"""What goes into the image of the docker executor."""

from __future__ import annotations

import io
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors import docker_files, seccomp
from intentos.planners.static import MODULES


def test_every_library_that_a_step_may_import_is_in_it() -> None:
    strangers = {name for name in MODULES if name not in sys.stdlib_module_names}
    assert strangers == {"PIL" if name == "pillow" else name for name in docker_files.LIBRARIES}


def test_the_versions_are_those_that_are_installed_here() -> None:
    pinned = dict(line.split("==") for line in docker_files.requirements().splitlines())
    assert pinned["numpy"] == version("numpy")
    assert pinned["contourpy"] == version("contourpy")  # what Matplotlib needs itself
    assert "pytest" not in pinned


def test_the_dockerfile_finds_beside_it_all_that_it_copies() -> None:
    with tarfile.open(fileobj=io.BytesIO(docker_files.context_archive())) as archive:
        names = set(archive.getnames())
        dockerfile = archive.extractfile("Dockerfile")
        assert dockerfile is not None
        text = dockerfile.read().decode()
        prepare = archive.extractfile("prepare.py")
        assert prepare is not None
        compile(prepare.read(), "prepare.py", "exec")
    assert {"requirements.txt", "harness.py", "harness_formula.py", "harness_container.py"} <= names
    assert "COPY requirements.txt" in text
    assert "COPY *.py" in text
    assert "/intentos/harness_container.py" in text.splitlines()[-1]


def test_another_harness_or_another_version_is_another_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = docker_files.tag()
    context = docker_files.context()
    for changed in ("harness.py", "requirements.txt", "Dockerfile"):
        docker_files.tag.cache_clear()
        altered = context | {changed: context[changed] + b"\n"}
        monkeypatch.setattr(docker_files, "context", lambda altered=altered: altered)
        assert docker_files.tag() != before
    monkeypatch.undo()
    docker_files.tag.cache_clear()
    assert docker_files.tag() == before


@pytest.mark.skipif(sys.platform != "linux", reason="made of Linux's files")
def test_the_files_of_this_machine_say_nothing_about_it() -> None:
    files = dict(docker_files._root_files())
    places = ("/intentos/python/", "/intentos/packages/0/", "/usr/share/fonts/")
    assert [inside for inside in files if not inside.startswith(places)] == []
    assert [inside for inside in files if "/../" in inside or "/tests/" in inside] == []
    assert "/intentos/python/bin/python" in files
    assert any(inside.endswith("/numpy/__init__.py") for inside in files)
    libraries = docker_files._shared_libraries([files["/intentos/python/bin/python"]])
    assert any("ld-" in inside for inside in libraries)
    assert any(inside.startswith("/intentos/python/lib/libc.") for inside in libraries)
    assert Path.home() not in {path.parent for path in libraries.values()}


@pytest.mark.skipif(sys.platform == "linux", reason="Linux has such files")
def test_other_systems_are_told_to_use_the_dockerfile() -> None:
    with pytest.raises(ExecutorUnavailable, match="--from dockerfile"):
        next(docker_files.root_archive())


def test_the_engines_filter_allows_what_the_sandboxs_does() -> None:
    profile = seccomp.container_profile("x86_64")
    assert profile is not None
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    rules = profile["syscalls"]
    assert isinstance(rules, list)
    allowed = {
        name
        for rule in rules
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule["args"]
        for name in rule["names"]
    }
    assert {"read", "mmap", "futex", "execve"} <= allowed
    refused = {"mount", "ptrace", "socket", "unshare", "keyctl", "bpf", "io_uring_setup", "clone"}
    assert allowed & refused == set()
    assert seccomp.container_profile("riscv64") is None
