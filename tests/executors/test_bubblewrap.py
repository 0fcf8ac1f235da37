"""How a sandbox is built, and what is said where it cannot be."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors import bubblewrap, seccomp
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


def test_the_filter_is_known_for_the_usual_machines_only() -> None:
    for machine in ("x86_64", "aarch64"):
        rules = seccomp.program(machine)
        assert rules is not None
        instructions = list(struct.iter_unpack("=HBBI", rules))
        for index, (code, yes, no, _) in enumerate(instructions):
            if code & 0x07 == 0x05:  # every jump ends inside the program
                assert index + 1 + max(yes, no) < len(instructions)
        assert len(rules) < 4096  # it goes through a pipe in one write
    assert seccomp.program("riscv64") is None


@pytest.mark.skipif(seccomp.program() is None, reason="no filter for this machine")
def test_the_numbers_are_those_of_the_kernels_headers(tmp_path: Path) -> None:
    header = Path("/usr/include/asm-generic/unistd.h")
    if not header.exists():
        pytest.skip("no kernel headers (linux-libc-dev)")
    for machine, include in (("aarch64", "asm-generic/unistd.h"), ("x86_64", "asm/unistd_64.h")):
        source = tmp_path / "numbers.c"
        names = [*seccomp._REFUSED[machine], *seccomp._UNKNOWN, "socket", "clone"]
        lines = [f'#ifdef __NR_{name}\nNUMBER "{name}" __NR_{name}\n#endif' for name in names]
        source.write_text(f"#include <{include}>\n" + "\n".join(lines))
        cpp = subprocess.run(["cpp", "-P", str(source)], capture_output=True, text=True)
        if cpp.returncode != 0:
            pytest.skip(f"no C preprocessor here: {cpp.stderr[:100]}")
        known = dict(re.findall(r'NUMBER "(\w+)"\s+(\d+)', cpp.stdout))
        expected = seccomp._REFUSED[machine] | seccomp._UNKNOWN
        expected |= {"socket": seccomp._SOCKET[machine], "clone": seccomp._CLONE[machine]}
        assert len(known) > 40
        for name, number in known.items():
            assert expected[name] == int(number), (machine, name)
