"""The mesh on the network page: this machine, its hub, and the nodes there, as work moves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from nicegui import ui

from intentos.ending import uninterrupted
from intentos.errors import ExecutorUnavailable, IntentOSError
from intentos.mesh.findings import COMMON
from intentos.mesh.ledger import MILLI
from intentos.mesh.places import Places

from .history import text
from .page import Page

if TYPE_CHECKING:
    from intentos.mesh.line import Line
    from intentos.mesh.wire import Earner, Peer, Points


class Neighbours:
    """One page's look at the hub that this machine has joined; asks it again and again."""

    def __init__(self, page: Page, place: ui.element) -> None:
        """``place``: where to draw."""
        self._page = page
        self._place = place
        self._line: Line | None = None
        self._drawn: object = None
        self._asking = False

    async def look(self) -> None:
        """Ask the hub who is there, and draw it where it has changed."""
        if self._asking or self._place.is_deleted:
            return
        self._asking = True
        try:
            found: tuple[str, tuple[Peer, ...], Points | None] | str = await self._ask()
        except ExecutorUnavailable as error:
            await self.close()
            found = "" if error.code == "mesh.no_hub" else error.text(self._page.language)
        except IntentOSError as error:
            found = error.text(self._page.language)
        except asyncio.CancelledError:  # the page has gone meanwhile, and asks nobody to close it
            await uninterrupted(self.close())
            raise
        finally:
            self._asking = False
        if self._place.is_deleted:
            await self.close()
        elif found != self._drawn:
            self._drawn = found
            self._place.clear()
            with self._place:
                self._draw(found)

    async def close(self) -> None:
        """Let go of the hub."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(IntentOSError, OSError):
                await line.close()

    async def _ask(self) -> tuple[str, tuple[Peer, ...], Points | None]:
        from intentos.mesh.identity import Identity
        from intentos.mesh.line import Line, read_membership, require

        places = Places(self._page.desk.settings)
        membership = read_membership(places.membership)
        if self._line is None:
            require()
            line = Line(Identity.kept(places.key), membership)
            self._line = await line.__aenter__()
        answer = await self._line.ask(what="peers")
        return f"{membership.host}:{membership.port}", answer.peers, answer.points

    def _draw(self, found: tuple[str, tuple[Peer, ...], Points | None] | str) -> None:
        say = self._page.say
        if isinstance(found, str):
            text("p", found or say("window_network.no_peers")).classes("small")
            text("p", say("window_network.nothing_shared")).classes("small muted")
            return
        hub, peers, points = found
        earners = {one.node: one for one in points.nodes} if points is not None else {}
        with ui.element("intentos-flow").classes("flow").mark("mesh"):
            with self._column():
                self._card("here", "", say("window_network.here"), "")
            with self._column():
                told = say("window_network.nodes", count=len(peers))
                self._card("hub", "here", say("window_network.hub"), f"{hub} · {told}")
            with self._column():
                for peer in peers:
                    self._peer(peer, earners.get(peer.id))
                if not peers:
                    text("span", say("mesh.nobody_here")).classes("small muted")
        if points is not None:
            self._balances(points)

    def _balances(self, points: Points) -> None:
        """Tell who has how many points: only where the hub has turned them on."""
        say = self._page.say
        with ui.element("dl").classes("machine-facts").mark("points"):
            for account in points.accounts:
                if account.owner == COMMON:
                    continue
                sums = {"points": account.points, "held": account.held, "waiting": account.waiting}
                told = {name: f"{milli / MILLI:.1f}" for name, milli in sums.items()}
                with ui.element("div").classes("machine-fact"):
                    text("dt", account.owner)
                    text("dd", say("window_network.points", **told))
        prices = {device: f"{price:g}" for device, price in points.prices.items()}
        text("p", say("mesh.points_prices", **prices)).classes("small muted")

    def _peer(self, peer: Peer, earner: Earner | None) -> None:
        state = self._page.say(f"mesh.state_{peer.state}")
        device = peer.offer.devices[0] if peer.offer is not None and peer.offer.devices else ""
        facts = [peer.owner, f"{state} {peer.running}/{peer.slots}", device[:60]]
        if earner is not None:
            told = f"{earner.reputation:.2f}"
            facts.append(self._page.say("window_network.reputation", reputation=told))
        card = self._card(f"peer-{peer.id}", "hub", peer.name, " · ".join(f for f in facts if f))
        if peer.running:
            with card, ui.element("span").classes("chip going"):
                ui.element("span").classes("dot").props("aria-hidden=true")
                text("span", self._page.say("window_network.computing", count=peer.running))

    def _column(self) -> ui.element:
        return ui.element("div").classes("flow-column")

    def _card(self, name: str, origin: str, title: str, about: str) -> ui.element:
        with ui.element("div").classes("flow-card").mark(f"mesh-{name}") as card:
            text("span", title).classes("flow-name")
            if about:
                text("span", about).classes("tiny muted")
        card.props["data-node"], card.props["data-from"] = name, origin
        return card
