"""How a sandbox is built, and what is said where it cannot be."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from intentos.contract import lives, until
from intentos.errors import ExecutorUnavailable
from intentos.executors import bubblewrap
from intentos.executors.box import ColdBox
from intentos.executors.sandbox import SandboxExecutor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux's")


def test_without_bubblewrap_the_remedy_is_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if (Path(sys.executable).parent / "bwrap").exists():
        pytest.skip("a bubblewrap came with a wheel")
    with pytest.raises(ExecutorUnavailable) as caught:
        SandboxExecutor().check()
    assert caught.value.code == "sandbox.no_bubblewrap"
    assert "apt-get install bubblewrap" in caught.value.text("en")
    assert "apt-get install bubblewrap" in caught.value.text("zh")


def test_an_old_bubblewrap_is_told_by_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ExecutorUnavailable, match=r"0\.4\.1 is too old"):
        bubblewrap.find()


def test_a_sandbox_that_does_not_start_says_what_bubblewrap_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.8.0 && exit\n'
        "echo bwrap: no permission to make namespaces >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ExecutorUnavailable) as caught:
        SandboxExecutor().check()
    if os.geteuid() == 0:
        assert caught.value.code == "sandbox.blocked"
        assert "no permission to make namespaces" in caught.value.text("zh")


def test_no_path_of_the_home_folder_shows_inside() -> None:
    sandbox = bubblewrap.Sandbox(
        user=None, work_bytes=10**6, inputs={}, font_cache=None, control=3, info=4, seccomp=None
    )
    command = sandbox.command()
    inside = [command[i + 2] for i, word in enumerate(command) if word.startswith("--ro-bind")]
    allowed = ("/usr/", "/lib", "/etc/ld.so.cache", "/intentos/")
    assert len(inside) > 5
    assert [path for path in inside if not path.startswith(allowed)] == []
    assert not [path for path in inside if path.startswith(("/usr/bin", "/usr/sbin"))]


def test_a_user_nobody_has_is_found_by_root_only() -> None:
    user = bubblewrap.free_user()
    if os.geteuid() != 0:
        assert user is None
    elif user is not None:
        assert user >= 20_000


class Begun(bubblewrap.Sandbox):
    """A sandbox that is stuck where bubblewrap has forked, and not said yet that it may go on."""

    def command(self) -> list[str]:
        """Return the command line; nothing is ever written to its stdin."""
        bwrap, *words = super().command()
        return [bwrap, "--unshare-user", "--userns-block-fd", "0", *words]


async def test_bubblewrap_killed_while_it_begins_leaves_nothing(
    born: Callable[[], set[int]],
) -> None:
    """Its first process inside would wait for its word, and has not been told to die with it."""
    try:
        SandboxExecutor().check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    sandbox = partial(Begun, user=None, work_bytes=10**6, inputs={}, font_cache=None)
    async with asyncio.timeout(60), ColdBox(sandbox, {}) as box:
        first = await box.first()
        assert first is not None
        for process in born() - {first}:
            os.kill(process, signal.SIGKILL)
        until(lambda: not born() - {first}, "bubblewrap lives on")
        await asyncio.sleep(0.1)  # until asyncio knows as well
        assert lives(first)
    until(lambda: not lives(first), "it waits for ever")
