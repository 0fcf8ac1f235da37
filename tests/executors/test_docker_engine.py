"""What is said where docker cannot be used: which thing is missing, and the remedy."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from intentos.errors import ExecutorUnavailable, UsageError
from intentos.executors import docker_engine
from intentos.executors.docker import DockerExecutor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the engine of this machine out of these tests."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def refused(code: str) -> str:
    """Return why docker cannot be used, after looking at the sentence in both languages."""
    with pytest.raises(ExecutorUnavailable) as caught:
        DockerExecutor().check()
    assert caught.value.code == code, str(caught.value)
    for language in ("en", "zh"):
        sentence = caught.value.text(language)
        assert not sentence.startswith(code), f"no sentence in {language}"
        assert "{" not in sentence
    return str(caught.value)


class _Answers(BaseHTTPRequestHandler):
    version = "1.45"
    system = "linux"

    def do_GET(self) -> None:
        body = json.dumps({"ApiVersion": self.version, "Os": self.system, "Arch": "amd64"})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def address_string(self) -> str:
        return "somebody"

    def log_message(self, format: str, *arguments: object) -> None:
        return


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[_Answers]]:
    """Return what answers at the socket as an engine would; its attributes may be changed."""

    class Answers(_Answers):
        pass

    with _Server(str(tmp_path / "engine"), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine")
        yield Answers
        server.shutdown()


def test_no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    assert "pip install 'intentos-runtime[docker]'" in refused("docker.no_sdk")


def test_no_engine(tmp_path: Path) -> None:
    said = refused("docker.no_engine")
    assert f"unix://{tmp_path}/nobody" in said
    assert "Install Docker" in said


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:1", "nonsense://somewhere", "unix:///"])
def test_an_address_where_nobody_is(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert host in refused("docker.no_engine")


def test_a_damaged_context_is_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text("{")
    refused("docker.no_engine")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_no_permission(answers: type[_Answers], tmp_path: Path) -> None:
    (tmp_path / "engine").chmod(0)
    assert "usermod -aG docker" in refused("docker.no_permission")


def test_no_permission_is_told_from_nobody_there() -> None:
    found = docker_engine._unreachable("unix:///x", PermissionError(13, "Permission denied"))
    assert found.code == "docker.no_permission"
    assert "usermod -aG docker" in found.text("zh")


def test_an_old_engine_and_one_for_windows_are_named(answers: type[_Answers]) -> None:
    answers.version = "1.24"
    assert "1.24" in refused("docker.old_engine")
    answers.version, answers.system = "1.45", "windows"
    assert "Linux containers" in refused("docker.not_linux")


def test_a_way_of_building_that_is_none() -> None:
    with pytest.raises(UsageError, match="dockerfile, system"):
        DockerExecutor().build("magic", lambda _: None)
