"""The library: a gallery by subject with pictures, a search, and one click that tries one.

Cards are mounted a few at a time, so that a thousand recipes cost no more than one screen.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui import run, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from intentos.errors import IntentOSError
from intentos.messages import message
from intentos.protocols import RecipeInfo

from .collection import SIX, Collection
from .desk import Desk
from .families import family_title
from .thumbnails import has_living
from .thumbnails_route import thumbnail_url

ON_SHELF = 6
"""Cards of each subject in the overview."""
AT_ONCE = 18
"""Cards that are mounted together."""
FIRST_SHELVES = 4
"""Shelves that are mounted before somebody scrolls."""

Try = Callable[[str, str | None], Awaitable[None] | None]
"""``on_try(wish, recipe)``: what shall be done, in words, and the recipe's id where it is one."""


class Library:
    """The page's content; reads the library in a thread and then shows it."""

    def __init__(self, desk: Desk, language: str, on_try: Try) -> None:
        self._desk = desk
        self._language = language
        self._on_try = on_try
        self._collection: Collection | None = None
        self._family = ""
        self._text = ""
        with ui.element("section").classes("lib") as self._root:
            self._root.props["aria-label"] = self._say("title")
            self._status = ui.label(self._say("loading")).classes("lib-status")
            self._status.props("role=status")
        ui.timer(0, self._open, once=True)

    def _say(self, code: str, **arguments: object) -> str:
        return message(f"window_library.{code}", self._language, **arguments)

    async def _open(self) -> None:
        try:
            collection = await run.io_bound(self._read)
        except IntentOSError as error:
            self._status.text = self._say("failed", what=error.text(self._language))
            return
        if collection is None or self._root.is_deleted:
            return  # the window is being closed
        self._collection = collection
        self._root.clear()
        with self._root:
            self._head(collection)
            self._body = ui.element("div").classes("lib-body")
        self._show()

    def _read(self) -> Collection:
        return Collection(self._desk.recipes, self._language)

    async def _again(self) -> None:
        """Read the library anew, after something of the person's own has changed."""
        self._collection = await run.io_bound(self._read)
        self._show()

    def _head(self, collection: Collection) -> None:
        with ui.element("header").classes("lib-head"):
            _text("h1", self._say("title")).classes("lib-title")
            prompt = self._say("search", count=f"{len(collection.by_id):,}")
            with _button("button", "open-plan") as open_:
                open_.props("data-action=open").style("order: 1")
                ui.icon("file_open").props("aria-hidden=true")
                _text("span", self._say("open"))
            field = ui.input(placeholder=prompt, on_change=self._typed)
            field.classes("lib-search").props("outlined dense clearable debounce=150 type=search")
            field.props["aria-label"] = self._say("search_name")
            with field.add_slot("prepend"):
                ui.icon("search").props("aria-hidden=true")
            self._search = field.mark("search")
        with ui.element("nav").classes("lib-families") as families:
            families.props["aria-label"] = self._say("title")
            names = ["", *collection.shelves]
            self._chips = {name: self._chip(name) for name in names}

    def _chip(self, family: str) -> Element:
        name = family_title(family, self._language) if family else self._say("all")
        with _button("chip lib-chip", f"family-{family or 'all'}") as chip:
            _text("span", name)
        chip.on("click", partial(self._go, family), [])
        return chip

    def _go(self, family: str) -> None:
        self._family, self._text = family, ""
        self._search.set_value("")
        self._show()

    async def _typed(self, event: object) -> None:
        text = " ".join(str(getattr(event, "value", "") or "").split())[:200]
        if text == self._text:
            return
        self._text = text
        if not text:
            self._show()
            return
        collection = self._collection
        assert collection is not None
        found = await run.io_bound(collection.search, text)
        if text == self._text and not self._root.is_deleted:  # nobody has typed on meanwhile
            self._show_found(text, found or [])

    def _show(self) -> None:
        collection = self._collection
        assert collection is not None
        for name, chip in self._chips.items():
            chip.props["aria-pressed"] = "true" if name == self._family else "false"
        self._body.clear()
        with self._body:
            if self._family:
                shelf = collection.shelves[self._family]
                _text("h2", family_title(self._family, self._language)).classes("lib-heading")
                self._grid(shelf.pictured)
                if shelf.laws:
                    self._later(partial(self._equations, shelf.laws))
                return
            if collection.own:
                _text("h2", self._say("yours")).classes("lib-heading")
                self._grid(collection.own)
            if collection.strangers:
                _text("h2", self._say("strangers")).classes("lib-heading")
                self._grid(collection.strangers)
            self._shelves(list(collection.shelves))

    def _equations(self, laws: Sequence[RecipeInfo]) -> None:
        _text("h2", self._say("equations")).classes("lib-heading")
        self._grid(laws)

    def _shelves(self, families: Sequence[str]) -> None:
        for family in families[:FIRST_SHELVES]:
            self._shelf(family)
        if rest := families[FIRST_SHELVES:]:
            self._later(partial(self._shelves, rest))

    def _shelf(self, family: str) -> None:
        collection = self._collection
        assert collection is not None
        shelf = collection.shelves[family]
        with ui.element("div").classes("lib-shelf-head"):
            _text("h2", family_title(family, self._language)).classes("lib-heading")
            count = len(shelf.pictured) + len(shelf.laws)
            with _button("button quiet", f"all-{family}") as all_of_it:
                _text("span", self._say("see_all", count=count))
            all_of_it.on("click", partial(self._go, family), [])
        with ui.element("div").classes("lib-grid lib-shelf"):
            for info in (shelf.pictured or shelf.laws)[:ON_SHELF]:
                self._card(info)

    def _show_found(self, text: str, found: Sequence[RecipeInfo]) -> None:
        for chip in self._chips.values():
            chip.props["aria-pressed"] = "false"
        self._body.clear()
        with self._body:
            if found:
                told = self._say("results", count=len(found), text=text)
                _text("p", told).classes("lib-status").props("role=status")
                self._grid(found)
                return
            collection = self._collection
            assert collection is not None
            with ui.element("div").classes("lib-nothing"):
                _text("p", self._say("nothing", text=text)).props("role=status")
                with _button("button primary", "ask") as ask:
                    _text("span", self._say("ask", text=text))
                ask.on("click", partial(_attempt, self._on_try, text, None), [])
                _text("p", self._say("nothing_hint")).classes("lib-hint")
            self._grid(collection.suggestions())

    def _grid(self, infos: Sequence[RecipeInfo]) -> None:
        with ui.element("div").classes("lib-grid") as grid:
            self._cards(grid, infos)

    def _cards(self, grid: Element, infos: Sequence[RecipeInfo]) -> None:
        with grid:
            for info in infos[:AT_ONCE]:
                self._card(info)
            if rest := infos[AT_ONCE:]:
                self._later(partial(self._cards, grid, rest))

    def _later(self, mount: Callable[[], None]) -> None:
        """Mount the rest as soon as its place comes into sight, or a person asks for it."""
        parent = ui.context.slot.parent

        def now() -> None:
            if not later.is_deleted:
                later.delete()
                with parent:
                    mount()

        with ui.element("div").classes("lib-later") as later:
            sight = ui.element("q-intersection").classes("lib-sight")
            sight.on("visibility", lambda event: now() if event.args else None)
            with _button("button", "more") as more:
                _text("span", self._say("more"))
            more.on("click", now, [])

    def _card(self, info: RecipeInfo) -> None:
        # Few elements each: a browser is told of every one of them when a subject is opened.
        if info.package != "":
            self._face(info)
            return
        with ui.element("div").classes("lib-item"):
            self._face(info)
            self._options(info, info.title.text(self._language))

    def _face(self, info: RecipeInfo) -> None:
        title = info.title.text(self._language)
        with _button("lib-card", f"try-{info.id}") as card:
            _image(thumbnail_url(info.id, info.saved or ("law" if info.law else None)))
            _text("span", title).classes("lib-name")
            _text("span", info.description.text(self._language)).classes("lib-about")
            if info.package:
                told = _text("span", self._say("from_package", package=info.package))
                hint = self._say("from_package_hint", package=info.package)
                told.classes("lib-origin").props["title"] = hint
        card.on("click", partial(_attempt, self._on_try, title, info.id), [])

    # ---- the person's own ---------------------------------------------------------------------

    def _options(self, info: RecipeInfo, title: str) -> None:
        button = ui.button(icon="more_horiz").classes("lib-options").props("flat round dense")
        button.props["aria-label"] = self._say("options", name=title)
        with button, ui.menu():
            rename = ui.menu_item(self._say("rename"), partial(self._rename, info, title))
            rename.mark(f"rename-{info.id}")
            delete = ui.menu_item(self._say("delete"), partial(self._delete, info, title))
            delete.mark(f"delete-{info.id}")

    async def _rename(self, info: RecipeInfo, title: str) -> None:
        with self._root, ui.dialog() as dialog, ui.card().classes("lib-dialog"):
            _text("h2", self._say("rename_title")).classes("lib-heading")
            name = ui.input(label=self._say("rename_label"), value=title).props(
                "outlined autofocus"
            )
            name.mark("new-name").props("maxlength=80")
            name.on("keydown.enter", lambda: dialog.submit(name.value), [])
            with ui.row().classes("lib-buttons"):
                ui.button(self._say("cancel"), on_click=lambda: dialog.submit(None)).props("flat")
                do = ui.button(self._say("rename_do"), on_click=lambda: dialog.submit(name.value))
                do.mark("do")
        wanted = await dialog
        dialog.delete()
        if wanted and wanted != title:
            await self._change(
                partial(self._desk.recipes.rename, info.id, wanted), "renamed", wanted
            )

    async def _delete(self, info: RecipeInfo, title: str) -> None:
        with self._root, ui.dialog() as dialog, ui.card().classes("lib-dialog"):
            _text("h2", self._say("delete_title", name=title)).classes("lib-heading")
            _text("p", self._say("delete_text"))
            with ui.row().classes("lib-buttons"):
                keep = ui.button(self._say("cancel"), on_click=lambda: dialog.submit(False))
                keep.mark("keep").props("flat autofocus")
                gone = ui.button(self._say("delete_do"), on_click=lambda: dialog.submit(True))
                gone.mark("do").props("color=negative")
        sure = await dialog
        dialog.delete()
        if sure:
            await self._change(partial(self._desk.recipes.delete, info.id), "deleted", title)

    async def _change(self, act: Callable[[], object], told: str, name: str) -> None:
        try:
            await run.io_bound(act)
        except IntentOSError as error:
            with self._root:
                ui.notify(error.text(self._language), type="negative")
            return
        await self._again()
        with self._root:
            ui.notify(self._say(told, name=name), type="positive")


def library(desk: Desk, language: str, on_try: Try) -> Library:
    """Show the library here."""
    return Library(desk, language, on_try)


def six(desk: Desk, language: str, on_try: Try) -> Element:
    """Show six living pictures to try, for a window in which nothing was said yet."""
    names: dict[str, TextElement] = {}

    async def name_them() -> None:
        found = await run.io_bound(lambda: {info.id: info for info in desk.recipes.every()})
        for id, name in names.items():
            if found is not None and not name.is_deleted:
                name.text = found[id].title.text(language)

    with ui.element("div").classes("lib-six").mark("six") as root:
        for id in SIX:
            with _button("lib-card lib-tile", f"try-{id}") as button:
                _living(id)
                names[id] = _text("span", "\u00a0").classes("lib-name")
            button.on("click", partial(_attempt, on_try, id, id), [])
    # The pictures are there at once; what they are called takes reading the library.
    ui.timer(0, name_them, once=True)
    return root


async def _attempt(on_try: Try, wish: str, recipe: str | None) -> None:
    done = on_try(wish, recipe)
    if inspect.isawaitable(done):
        await done


def _button(classes: str, mark: str) -> Element:
    return ui.element("button").classes(classes).props("type=button").mark(mark)


def _text(tag: str, text: str) -> TextElement:
    """Show a text as text, whoever wrote it."""
    return TextElement(tag=tag, text=text)


def _living(id: str) -> None:
    """Show a recipe's moving picture; for those who have asked for that, it keeps still."""
    with ui.element("picture"):
        still = ui.element("source")
        still.props["srcset"] = thumbnail_url(id)
        still.props["media"] = "(prefers-reduced-motion: reduce)"
        _image(thumbnail_url(id, living=has_living(id)))


def _image(source: str) -> None:
    image = ui.element("img").classes("lib-image").props("loading=lazy decoding=async")
    image.props["src"] = source
    image.props["alt"] = ""  # the title beside it says what it is
    image.props["width"], image.props["height"] = "320", "240"
