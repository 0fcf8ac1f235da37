"""The window as a local server: pages, routes and what keeps them to this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nicegui import app, ui

from intentos.config import Settings

from .conversation import Conversation
from .desk import Desk
from .frame import Frame, theme
from .history import History
from .library import library
from .links import Links
from .live_socket import LiveSockets
from .network import Network
from .opening import attach_opening
from .page import Page, chosen_language
from .palette import attach_palette
from .presented import may_see, presented
from .routes import attach
from .settings import SettingsPage
from .still_route import attach_stills
from .thumbnails_route import attach_thumbnails
from .voice import Voice

STATIC = Path(__file__).with_name("static")
HEAD = """
<script src="/static/theme.js"></script>
<link rel="stylesheet" href="/static/theme.css">
<link rel="stylesheet" href="/static/window.css">
<link rel="stylesheet" href="/static/plan.css">
<link rel="stylesheet" href="/static/library.css">
<link rel="stylesheet" href="/static/pages.css">
<link rel="stylesheet" href="/static/palette.css">
<link rel="stylesheet" href="/static/first.css">
<link rel="stylesheet" href="/static/stage.css">
<link rel="stylesheet" href="/static/result.css">
<link rel="stylesheet" href="/static/voice.css">
<script type="module" src="/static/window.js"></script>
<script type="module" src="/static/palette.js"></script>
<script type="module" src="/static/opening.js"></script>
<script type="module" src="/static/radios.js"></script>
<script type="module" src="/static/flow.js"></script>
<script type="module" src="/static/composer.js"></script>
<script type="module" src="/static/knobs.js"></script>
<script type="module" src="/static/lines.js"></script>
<script type="module" src="/static/progress.js"></script>
<script type="module" src="/static/library.js"></script>
<script type="module" src="/static/result.js"></script>
"""


class Window:
    """One window server; pages are drawn by :meth:`root`."""

    def __init__(self, settings: Settings, links: Links | None = None) -> None:
        self.settings = settings
        self.links = links or Links("")
        self.desk: Desk | None = None
        self.voice = Voice(settings)
        attach(app, self)
        attach_thumbnails(app, self)
        attach_stills(app, self)
        attach_palette(app, self)
        attach_opening(app, self)
        self._live = LiveSockets(lambda: self.desk)
        self._live.attach(app)
        app.add_static_files("/static", str(STATIC))
        app.on_startup(self._open)
        app.on_shutdown(self._close)

    def root(self) -> None:
        """Draw a page; the address says which."""
        desk = self.desk
        assert desk is not None
        request = ui.context.client.request
        accepted = request.headers.get("accept-language", "") if request else ""
        language = chosen_language(accepted, desk.settings.language)
        guest = request is not None and request.scope.get("intentos.role") == "guest"
        page = Page(desk, language, guest, self.links)
        ui.add_head_html(f'<meta name="intentos-theme" content="{theme()}">{HEAD}')

        def talk(id: str | None = None) -> None:
            Conversation(page, id)

        def gallery() -> None:
            with ui.element("main").classes("scroll"):
                library(desk, page.language, page.try_it)

        if guest:
            Frame(page).show({"/": lambda: presented(page)})
        else:
            frame = Frame(page)
            frame.show(
                {
                    "/": talk,
                    "/c/{id}": talk,
                    "/history": partial(History, page),
                    "/library": gallery,
                    "/network": partial(Network, page),
                    "/settings": lambda: SettingsPage(page, frame.set_theme),
                }
            )

    def guest_may(self, path: str) -> bool:
        """Return whether a guest may have what lies at a path."""
        return self.desk is not None and may_see(self.desk, path)

    def _open(self) -> None:
        desk = Desk(self.settings)
        desk.open()
        self.desk = desk

    async def _close(self) -> None:
        await self._live.close()
        await self.voice.close()
        if self.desk is not None:
            await self.desk.close()
            self.desk = None
