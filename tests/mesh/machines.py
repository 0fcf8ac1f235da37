"""Machines for tests: state folders in which the command line is run, word for word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from .hosts import Hosts

Process = subprocess.Popen[str]


class Machines:
    """Several state folders, each on a host of its own if there are any, and the command there."""

    def __init__(self, folder: Path, hosts: Hosts | None = None) -> None:
        self._folder = folder
        self._hosts = hosts
        self._running: list[Process] = []

    def start(self, machine: str, *arguments: str) -> Process:
        """Start a command that stays."""
        process = subprocess.Popen(
            self._command(machine, "-m", "intentos", *arguments),
            env=self._environment(machine),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def run(self, machine: str, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr of a command."""
        return self.python(machine, "-m", "intentos", *arguments)

    def python(self, machine: str, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr of what Python runs there."""
        done = subprocess.run(
            self._command(machine, *arguments),
            env=self._environment(machine),
            cwd=self._home(machine),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout.strip(), done.stderr

    def talk(self, machine: str, *arguments: str, answers: dict[str, str]) -> tuple[int, str]:
        """Run a command at a terminal; give an answer to each question; return code and screen."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            self._command(machine, "-m", "intentos", *arguments),
            env=self._environment(machine) | {"TERM": "xterm", "COLUMNS": "200"},
            cwd=self._home(machine),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        screen, waiting = "", dict(answers)
        try:
            with suppress(OSError):  # the terminal is gone with who wrote to it
                while piece := os.read(ours, 65536):
                    screen += piece.decode("utf-8", "replace")
                    for question in [q for q in waiting if q in screen]:
                        os.write(ours, f"{waiting.pop(question)}\n".encode())
            return process.wait(60), screen
        finally:
            os.close(ours)
            if process.poll() is None:
                process.kill()

    def stop(self) -> None:
        """End what stays."""
        for process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            assert process.stderr is not None
            process.stderr.close()

    def _command(self, machine: str, *arguments: str) -> list[str]:
        command = [sys.executable, *arguments]
        return self._hosts.command(machine, *command) if self._hosts is not None else command

    def _home(self, machine: str) -> Path:
        home = self._folder / machine
        home.mkdir(exist_ok=True)
        return home

    def _environment(self, machine: str) -> dict[str, str]:
        home = {"INTENTOS_HOME": str(self._folder / machine), "INTENTOS_LANGUAGE": "en"}
        return os.environ | home


def heard(process: Process, words: str) -> str:
    """Wait until a process has said something on stderr, and return the line."""
    assert process.stderr is not None
    began, said = time.monotonic(), ""
    while line := process.stderr.readline():
        said += line
        if words in line:
            return line
        assert time.monotonic() - began < 60, said
    raise AssertionError(f"it ended: {said}")
