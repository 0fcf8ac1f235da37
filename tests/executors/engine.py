"""A real Docker engine for the tests: one that answers already, or one of the tests' own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors import child, docker_engine, docker_image

STARTS_IN = 60
ENDS_IN = 30


class NoEngine(Exception):
    """There is no engine to test with; says why."""


@contextmanager
def engine() -> Iterator[str]:
    """Yield the address of an engine that has the image; one started for it is ended after.

    An engine that answers already is used and left as it was.

    Raises:
        NoEngine: none answers, and none can be started here.
    """
    try:
        docker_engine.connect()
    except ExecutorUnavailable as unavailable:
        if unavailable.code != "docker.no_engine":
            raise NoEngine(str(unavailable)) from unavailable
        with own_engine() as address:
            make_image(address)
            yield address
    else:
        address = os.environ.get("DOCKER_HOST", "")
        made = make_image(address)
        yield address
        if made:
            with pointed_at(address), docker_engine.connect().client() as api:
                api.remove_image(docker_image.name(), force=True)


def make_image(address: str) -> bool:
    """Make the image out of this machine's files; return whether it was not there yet."""
    with pointed_at(address), docker_engine.connect().client() as api:
        try:
            docker_image.python_version(api)
            return False
        except ExecutorUnavailable:
            docker_image.build(api, "system", lambda _: None)
            return True


@contextmanager
def pointed_at(address: str) -> Iterator[None]:
    """Let everything inside the block use the engine at ``address``; empty: the usual one."""
    with pytest.MonkeyPatch.context() as patch:
        if address:
            patch.setenv("DOCKER_HOST", address)
        yield


@contextmanager
def own_engine() -> Iterator[str]:
    """Yield the address of an engine started here, with a socket and a data folder of its own.

    It has no network and touches no firewall, so it disturbs no other engine of the machine.
    """
    if sys.platform != "linux":
        raise NoEngine("no Docker engine answers; start Docker Desktop to run these tests")
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one for the tests")
    if shutil.which("dockerd") is None:
        raise NoEngine("no Docker engine answers, and there is no dockerd: install docker.io")
    # Not below pytest's folder: the path of a socket is short, and its data would be kept.
    folder = Path(tempfile.mkdtemp(prefix="intentos-docker-"))
    name = f"intentos-{secrets.token_hex(4)}"
    command = [
        shutil.which("dockerd") or "dockerd",
        *("--host", f"unix://{folder}/socket", "--data-root", str(folder / "data")),
        *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
        *("--containerd-namespace", name, "--containerd-plugins-namespace", f"{name}-plugins"),
        *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
        *("--ip-forward=false", "--ip-masq=false", "--userland-proxy=false"),
        *("--config-file", str(folder / "none.json")),
    ]
    (folder / "none.json").write_text("{}")
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            child.tied(command), stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(process, f"unix://{folder}/socket", log)
        yield f"unix://{folder}/socket"
    finally:
        process.terminate()
        try:
            process.wait(ENDS_IN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + STARTS_IN
    while time.monotonic() < end and process.poll() is None:
        try:
            with pointed_at(address):
                docker_engine.connect()
            return
        except ExecutorUnavailable:
            time.sleep(0.1)
    lines = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    raise NoEngine(f"dockerd does not start here: {lines[-1][:300]}")
