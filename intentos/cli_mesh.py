"""``intentos hub``, ``invite`` and ``node``: machines that lend each other time."""

from __future__ import annotations

import asyncio
import getpass
import json
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intentos import cli, cli_points, cli_relay
from intentos.cli_line import Json, call, own_hub, require_mesh
from intentos.config import Settings
from intentos.errors import UsageError
from intentos.registry import Registry
from intentos.terminal import Terminal

if TYPE_CHECKING:
    from intentos.mesh.places import Places
    from intentos.mesh.wire import Role


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("hub")(hub)
    app.command("invite")(invite)
    app.command("node")(node)


def hub(
    listen: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0: every network of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65534, help="This one and the next.")] = 7420,
    address: Annotated[
        str, typer.Option(help="The name or address that the others reach this machine by.")
    ] = "",
    owner: Annotated[str, typer.Option(help="Whose machine this is.")] = "",
    announce: Annotated[
        bool, typer.Option("--announce/--no-announce", help="Call out in this network.")
    ] = True,
    points: Annotated[
        bool | None,
        typer.Option(
            "--points/--no-points",
            help="Pay for confirmed work in points, which bring one's own steps forward. "
            "Off until it is turned on, and then as last time.",
        ),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="Points for a second of a usual machine, such as gpu=4; repeatable. Turns them on."
        ),
    ] = None,
) -> None:
    """Bring machines together: queue, book and meeting point of a mesh, until Ctrl-C."""
    terminal, settings = call()

    def work() -> None:
        from intentos.mesh.places import Places

        require_mesh()
        pay = points if points is not None or not price else True, cli_points.prices(price or [])
        asyncio.run(_hub(terminal, Places(settings), listen, port, address, owner, announce, pay))

    cli.guard(terminal, work)


async def _hub(
    terminal: Terminal,
    places: Places,
    listen: str,
    port: int,
    address: str,
    owner: str,
    announce: bool,
    pay: tuple[bool | None, dict[str, float]],
) -> None:
    from intentos.mesh import pin
    from intentos.mesh.discovery import announced, own_addresses
    from intentos.mesh.hub import Hub
    from intentos.mesh.identity import Identity
    from intentos.mesh.line import Membership, write_membership

    _end_on_sigterm()
    reached = address or listen
    if not address and listen in ("0.0.0.0", "::"):
        reached = next(iter(own_addresses("0.0.0.0")), socket.gethostname())
    made = Hub(
        places.hub,
        host=listen,
        port=port,
        hosts=(reached, socket.gethostname()),
        full=lambda full: terminal.note("mesh.disk_full" if full else "mesh.disk_has_room"),
        points=pay[0],
        prices=pay[1],
    )
    own = Identity.kept(places.key)
    await made.start()
    try:
        owner = owner or getpass.getuser()
        if own.id not in {member.id for member in made.book.members()}:
            name = socket.gethostname()
            made.book.add_member(own.id, owner=owner, name=name, role="member")
            await made.renew()
        if not places.membership.exists() or _is_own(places, made.identity.id):
            write_membership(
                places.membership,
                Membership(
                    host="127.0.0.1" if listen in ("0.0.0.0", "::") else listen,
                    port=port,
                    server_port=port + 1,
                    fingerprint=made.fingerprint,
                    certificate=made.certificate,
                    hub=made.identity.id,
                    owner=owner,
                    role="member",
                ),
            )
        _remember_address(places, reached, port, made.fingerprint)
        terminal.note("mesh.hub_is_open", address=f"{reached}:{port}")
        terminal.note("mesh.hub_fingerprint", fingerprint=pin.words(made.fingerprint))
        if made.accounts.on:
            posted = made.accounts.statement().prices
            terminal.note("mesh.points_prices", cpu=f"{posted['cpu']:g}", gpu=f"{posted['gpu']:g}")
        terminal.note("mesh.how_to_invite")
        addresses = own_addresses(listen) if announce else []
        if not addresses:
            await made.serve()
        async with announced(socket.gethostname(), port, made.fingerprint, addresses):
            await made.serve()
    finally:
        await made.stop()


def invite(
    owner: Annotated[str, typer.Option(help="Whose machines join by it.")] = "",
    role: Annotated[
        str, typer.Option(help="member: may also send steps; node: only runs them.")
    ] = "member",
    hours: Annotated[float, typer.Option(min=0.01, max=168, help="How long it is good.")] = 24.0,
    page: Annotated[
        str,
        typer.Option(
            help="Where phones find this hub under a real certificate, such as mesh.example.org: "
            "a proxy of yours that hands on to it."
        ),
    ] = "",
    qr: Annotated[bool, typer.Option("--qr/--no-qr", help="Also as a QR code.")] = True,
    json_: Json = False,
) -> None:
    """Print a link by which one machine may join this machine's hub, once."""
    terminal, settings = call(json_)

    def work() -> None:
        from intentos.mesh import invite as invites
        from intentos.mesh.book import Book
        from intentos.mesh.places import Places

        require_mesh()
        places = Places(settings)
        if role not in ("member", "node"):
            raise UsageError("mesh.bad_role", role=role[:40])
        chosen: Role = "member" if role == "member" else "node"
        host, port, fingerprint = own_hub(places)
        if page:
            host, port = invites.read_page(page)
        book = Book(places.hub / "book.db")
        try:
            link = invites.make(
                book,
                host=host,
                port=port,
                fingerprint=fingerprint,
                owner=owner or getpass.getuser(),
                role=chosen,
                hours=hours,
            )
        finally:
            book.close()
        if json_:
            typer.echo(json.dumps({"link": str(link), "role": role, "hours": hours}))
            return
        typer.echo(str(link))
        if qr and sys.stdout.isatty():
            typer.echo(invites.qr(str(link)))
        if page:
            terminal.note("mesh.invite_page", hours=f"{hours:g}")
            return
        terminal.note("mesh.invite_made", hours=f"{hours:g}")
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        terminal.note("mesh.invite_by_hand", address=address, code=link.token)

    cli.guard(terminal, work, json_=json_)


def node(
    what: Annotated[
        str,
        typer.Argument(
            help="The first time an invite's link, a hub's address or nearby; or pause, or resume."
        ),
    ] = "",
    code: Annotated[str, typer.Option(help="Of the invite, with an address or nearby.")] = "",
    fingerprint: Annotated[
        str, typer.Option(help="What the hub's own terminal shows, with an address or nearby.")
    ] = "",
    name: Annotated[str, typer.Option(help="What others call this machine.")] = "",
    slots: Annotated[int | None, typer.Option(min=1, help="Steps at a time.")] = None,
    memory: Annotated[str | None, typer.Option(help="Most for one step, such as 4G.")] = None,
    gpu: Annotated[bool | None, typer.Option("--gpu/--no-gpu", help="Lend the GPU.")] = None,
    hours: Annotated[str | None, typer.Option(help="When, such as 22-7; '' for always.")] = None,
    battery: Annotated[
        bool | None, typer.Option("--battery/--no-battery", help="Also on battery.")
    ] = None,
    idle: Annotated[
        bool | None,
        typer.Option("--idle/--no-idle", help="Only while nobody types here or keeps it busy."),
    ] = None,
    plans: Annotated[
        bool | None,
        typer.Option("--plans/--no-plans", help="Let its model propose plans for others' wishes."),
    ] = None,
    only_for: Annotated[
        list[str] | None, typer.Option("--for", help="Whose work; may be repeated.")
    ] = None,
    relay: Annotated[
        bool,
        typer.Option(
            "--relay", help="Lend the mesh that this machine is a member of, and not the machine."
        ),
    ] = False,
) -> None:
    """Lend this machine to the mesh, in the sandbox and within limits, until Ctrl-C."""
    terminal, settings = call()

    def work() -> None:
        from intentos.mesh import lending
        from intentos.mesh.places import Places

        places = Places(settings, relay=relay)
        if what == "pause":
            lending.pause(places.paused)
            terminal.note("mesh.relay_paused" if relay else "mesh.paused")
            return
        if what == "resume":
            places.paused.unlink(missing_ok=True)
            terminal.note("mesh.relay_resumed" if relay else "mesh.resumed")
            return
        require_mesh()
        changes: dict[str, object] = {
            "slots": slots,
            "memory_bytes": None if memory is None else lending.memory(memory),
            "gpu": gpu,
            "hours": None if hours is None else lending.hours(hours),
            "on_battery": battery,
            "only_idle": idle,
            "plans": plans,
            "owners": None if only_for is None else tuple(only_for),
        }
        changes = {key: value for key, value in changes.items() if value is not None}
        usual = cli_relay.usual(changes) if relay else None
        limits = lending.read(places.lending, usual).model_copy(update=changes)
        lending.write(places.lending, limits)
        called = name or socket.gethostname()
        lent = cli_relay.hands(settings) if relay else None
        asyncio.run(_node(terminal, settings, places, what, code, fingerprint, called, lent))

    cli.guard(terminal, work)


async def _node(
    terminal: Terminal,
    settings: Settings,
    places: Places,
    what: str,
    code: str,
    fingerprint: str,
    name: str,
    lent: cli_relay.Lent | None,
) -> None:
    from intentos.cli_join import link_for
    from intentos.mesh import lending
    from intentos.mesh.identity import Identity
    from intentos.mesh.line import join, read_membership, write_membership
    from intentos.mesh.node import Node
    from intentos.mesh.proposing import PlanningRegistry

    _end_on_sigterm()
    identity = Identity.kept(places.key)
    if what:
        link = await link_for(terminal, what, code, fingerprint)
        membership = await join(link, identity, name)
        write_membership(places.membership, membership)
        terminal.note("mesh.joined", host=membership.host, owner=membership.owner)
    membership = read_membership(places.membership)
    if lent is None:
        terminal.note("mesh.node_starts")
    limits = lending.read(places.lending)
    if limits.plans:
        registry: Registry = PlanningRegistry(settings, places.folder / "planning")
    else:
        registry = Registry(plugins=settings.plugins)
    serving = Node(
        identity=identity,
        membership=membership,
        places=places,
        registry=registry,
        hands=lent(membership) if lent is not None else None,
        limits=limits,
        name=name,
        full=lambda full: terminal.note("mesh.disk_full" if full else "mesh.disk_has_room"),
    )
    ready = asyncio.Event()
    running = asyncio.create_task(serving.run(ready))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if ready.is_set() and serving.offer is not None and lent is not None:
            cli_relay.tell(terminal, membership.host, serving.offer)
        elif ready.is_set() and serving.offer is not None:
            languages = ", ".join(sorted(serving.offer.languages))
            told = {"slots": serving.offer.slots, "languages": languages}
            terminal.note("mesh.node_serves", host=membership.host, **told)
            terminal.note("mesh.how_to_pause")
        await running
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _remember_address(places: Places, host: str, port: int, fingerprint: str) -> None:
    told = {"schema": 1, "host": host, "port": port, "fingerprint": fingerprint}
    Path(places.hub / "address.json").write_text(json.dumps(told), "utf-8")


def _is_own(places: Places, hub: str) -> bool:
    from intentos.mesh.line import read_membership

    return read_membership(places.membership).hub == hub


def _end_on_sigterm() -> None:
    if sys.platform == "win32":
        return
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
