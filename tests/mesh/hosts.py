"""Hosts of their own for tests: network namespaces on one bridge, whose cables can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Hosts:
    """A bridge in a namespace of its own, and hosts that hang on it."""

    def __init__(self) -> None:
        self._mark = f"io{os.getpid() % 100000}"
        self._names: list[str] = []

    def start(self) -> None:
        """Make the bridge; raises OSError or CalledProcessError where that is not allowed."""
        self._add("sw")
        self._in("sw", "link", "add", "name", "bridge0", "type", "bridge")
        self._in("sw", "link", "set", "bridge0", "up")

    def add(self, name: str, address: str) -> None:
        """Add a host with an address such as 192.168.1.5."""
        self._add(name)
        there = self.space(name)
        self._in(
            "sw",
            "link",
            "add",
            "name",
            name,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            there,
        )
        self._in("sw", "link", "set", name, "master", "bridge0", "up")
        self._in(name, "link", "set", "lo", "up")
        self._in(name, "address", "add", f"{address}/24", "dev", "eth0")
        self._in(name, "link", "set", "eth0", "up")
        self._in(name, "route", "add", "default", "dev", "eth0")

    def cable(self, name: str, *, plugged: bool) -> None:
        """Pull or plug in a host's cable, at the other end of it."""
        self._in("sw", "link", "set", name, "up" if plugged else "down")

    def space(self, name: str) -> str:
        """Return a host's namespace."""
        return f"{self._mark}{name}"

    def command(self, name: str, *command: str) -> list[str]:
        """Return a command as it is run on a host."""
        # Only the network is the host's own: files and control groups stay as they are.
        return ["nsenter", f"--net=/run/netns/{self.space(name)}", *command]

    def stop(self) -> None:
        """Remove everything; whatever still runs there must have been ended before."""
        for name in reversed(self._names):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", self.space(name))

    def _add(self, name: str) -> None:
        _ip("netns", "add", self.space(name))
        self._names.append(name)

    def _in(self, name: str, *words: str) -> None:
        _ip("-n", self.space(name), *words)


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Give a bridge without hosts; raises HostsRefused where this machine lets nobody make one."""
    made = Hosts()
    try:
        if sys.platform != "linux" or shutil.which("ip") is None:
            raise HostsRefused("network namespaces need Linux and the command ip (iproute2)")
        try:
            made.start()
        except subprocess.CalledProcessError as error:
            if not any(word in error.stderr for word in ("permitted", "supported", "denied")):
                raise
            raise HostsRefused(f"no network namespace here: {error.stderr.strip()}") from error
        yield made
    finally:
        made.stop()


class HostsRefused(Exception):
    """This machine lets nobody make hosts."""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
