"""What the commands of the mesh share: how they begin, their line, this machine's own hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from intentos import cli, config
from intentos.config import Settings
from intentos.errors import UsageError
from intentos.terminal import Terminal

if TYPE_CHECKING:
    from intentos.mesh.line import Line
    from intentos.mesh.places import Places

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def on_line(settings: Settings, work: Callable[[Line], Awaitable[T]]) -> T:
    """Return what some work with a line to the hub gives."""
    from intentos.mesh.identity import Identity
    from intentos.mesh.line import Line, read_membership
    from intentos.mesh.places import Places

    require_mesh()
    places = Places(settings)

    async def main() -> T:
        membership = read_membership(places.membership)
        async with Line(Identity.kept(places.key), membership) as line:
            return await work(line)

    return asyncio.run(main())


def call(json_: bool = False) -> tuple[Terminal, Settings]:
    """Return the terminal, in its person's language, and the settings."""
    terminal = Terminal(cli.system_language())
    settings = cli.guard(terminal, config.load, json_=json_)
    terminal.language = cli.language_for(settings)
    return terminal, settings


def require_mesh() -> None:
    """Return if the mesh's packages are here; raises ExecutorUnavailable."""
    from intentos.mesh.line import require

    require()


def own_hub(places: Places) -> tuple[str, int, str]:
    """Return host, port and fingerprint of this machine's own hub; raises UsageError."""
    try:
        told = json.loads((places.hub / "address.json").read_text("utf-8"))
        return str(told["host"]), int(told["port"]), str(told["fingerprint"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError("mesh.no_hub_here") from error
