"""The settings: what each means in plain words, changed at once, for what begins from now on."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from nicegui import app, ui

from intentos.config import PREFIX, Settings
from intentos.config_file import fixed
from intentos.errors import IntentOSError
from intentos.types import Value

from .buttons import button
from .frame import THEMES, theme
from .history import text
from .machine_view import MachineView
from .memory_view import Learned, Providers, Standing
from .model_card import ModelCard
from .page import Page

MODES = ("ask", "risky", "machine", "plan")
LANGUAGES = ("auto", "en", "zh")
OWN_NAMES = {"en": "English", "zh": "中文"}
"""Languages are called what their speakers call them."""
NUMBERS: Mapping[str, tuple[float, float, bool]] = {
    "spend_per_day": (0, 10_000, False),
    "seed": (0, 2**63 - 1, True),
    "disk_budget": (0, 100_000, False),
}
"""Setting → least, most, and whether it is a whole number."""


class SettingsPage:
    """The page's content."""

    def __init__(self, page: Page, set_theme: Callable[[str], None]) -> None:
        self._page = page
        self._fixed = fixed()
        say = page.say
        with ui.element("main").classes("scroll"), ui.element("div").classes("page settings"):
            with ui.element("header").classes("page-head"):
                text("h1", say("window.settings")).classes("page-title")
            with self._section("look"):
                with self._row("language", "language"):
                    names = [
                        OWN_NAMES.get(n) or say("window_settings.language_auto") for n in LANGUAGES
                    ]
                    self._choice("language", LANGUAGES, names, self._now.language, self._language)
                with self._row("theme"):
                    names = [say(f"window_settings.theme_{name}") for name in THEMES]
                    self._choice("theme", list(THEMES), names, theme(), set_theme)
            with self._section("consent"):
                with self._row("mode", "mode", wide=True):
                    self._cards("mode", MODES, self._now.mode, partial(self._set, "mode"))
                Standing(page)
            with self._section("model"):
                with self._row("model", "model", wide=True):
                    self._model()
                with self._row("spend_per_day", "spend_per_day"):
                    self._number("spend_per_day", "$")
                Providers(page)
            with self._section("compute"):
                with self._row("seed", "seed"):
                    self._number("seed")
                with self._row("disk_budget", "disk_budget"):
                    self._number("disk_budget", "GB")
            with self._section("memory"):
                with self._row("learn", "learn"):
                    self._switch("learn")
                Learned(page)
            with self._section("machine"):
                MachineView(page)
            path = str(self._now.home / "config.toml")
            text("p", say("window_settings.file", path=path)).classes("small muted page-foot")

    @property
    def _now(self) -> Settings:
        return self._page.desk.settings

    def _section(self, name: str) -> ui.element:
        section = ui.element("section").classes("settings-section").mark(f"settings-{name}")
        with section:
            title = text("h2", self._page.say(f"window_settings.section_{name}"))
        section.props["aria-labelledby"] = title.html_id
        return section

    def _row(self, name: str, setting: str = "", *, wide: bool = False) -> ui.element:
        with ui.element("div").classes("setting wide" if wide else "setting"):
            with ui.element("div").classes("setting-words"):
                text("h3", self._page.say(f"window_settings.{name}"))
                text("p", self._page.say(f"window_settings.{name}_help")).classes("small muted")
                if setting in self._fixed:
                    told = self._page.say("window_settings.fixed", name=PREFIX + setting.upper())
                    text("p", told).classes("small setting-fixed").mark(f"fixed-{setting}")
            return ui.element("div").classes("setting-control")

    # ---- controls -----------------------------------------------------------------------------

    def _choice(
        self, name: str, values: Sequence[str], names: Sequence[str], chosen: str,
        choose: Callable[[str], Awaitable[None] | None],
    ) -> None:  # fmt: skip
        with ui.element("div").classes("segments").props("role=radiogroup") as group:
            group.props["aria-label"] = self._page.say(f"window_settings.{name}")
            self._radios(name, values, names, chosen, choose)

    def _cards(
        self, name: str, values: Sequence[str], chosen: str,
        choose: Callable[[str], Awaitable[bool]],
    ) -> None:  # fmt: skip
        names = [self._page.say(f"window_settings.{name}_{value}") for value in values]
        about = [self._page.say(f"window_settings.{name}_{value}_help") for value in values]
        with ui.element("div").classes("option-cards").props("role=radiogroup") as group:
            group.classes("pairs" if len(values) == 4 else "")
            group.props["aria-label"] = self._page.say(f"window_settings.{name}")
            self._radios(name, values, names, chosen, choose, about)

    def _radios(
        self, name: str, values: Sequence[str], names: Sequence[str], chosen: str,
        choose: Callable[[str], Awaitable[bool | None] | bool | None],
        about: Sequence[str] = (),
    ) -> None:  # fmt: skip
        radios: dict[str, ui.element] = {}

        def tell(chosen: str) -> None:
            for value, radio in radios.items():
                radio.props["aria-checked"] = "true" if value == chosen else "false"
                radio.props["tabindex"] = "0" if value == chosen else "-1"

        async def pressed(value: str) -> None:
            done = choose(value)
            if isinstance(done, Awaitable):
                done = await done
            if done is not False:
                tell(value)

        for place, value in enumerate(values):
            radio = ui.element("button").classes("option").props("type=button role=radio")
            radio.mark(f"{name}-{value}").on("click", partial(pressed, value), [])
            if name in self._fixed:
                radio.props["disabled"] = True
            radios[value] = radio
            with radio:
                text("span", names[place]).classes("option-name")
                if about:
                    text("span", about[place]).classes("small muted")
        tell(chosen)

    def _number(self, name: str, unit: str = "") -> None:
        least, most, whole = NUMBERS[name]
        shown = _plain(getattr(self._now, name))
        field = ui.input(value=shown).props("outlined dense inputmode=decimal")
        field.classes("setting-field").mark(name).props["aria-label"] = self._page.say(
            f"window_settings.{name}"
        )
        if unit:
            field.props["suffix" if unit != "$" else "prefix"] = unit
        wrong = text("p", "").classes("small bad").props("role=alert").mark(f"wrong-{name}")

        async def entered() -> None:
            value = _number(str(field.value or ""), whole)
            wrong.text = ""
            if value is None or not least <= value <= most:
                wrong.text = self._page.say(
                    "window_settings.range", least=_plain(least), most=_plain(most)
                )
            elif value != getattr(self._now, name) and not await self._set(name, value):
                field.value = _plain(getattr(self._now, name))

        if name in self._fixed:
            field.props("disable")
        else:
            field.on("blur", entered, []).on("keydown.enter", entered, [])

    def _switch(self, name: str) -> None:
        async def switched() -> None:
            if switch.value != getattr(self._now, name):
                await self._set(name, bool(switch.value))
                switch.value = getattr(self._now, name)

        switch = ui.switch(value=getattr(self._now, name), on_change=switched).mark(name)
        switch.props["aria-label"] = self._page.say(f"window_settings.{name}")
        if name in self._fixed:
            switch.props("disable")

    def _model(self) -> None:
        page, now = self._page, self._now.model
        kind = now if now in ("embedded", "none") else "other"

        async def choose(value: str) -> bool:
            other.set_visibility(value == "other")
            card.set_visibility(value == "embedded")
            return value == "other" or await self._set("model", value)

        self._cards("model", ("embedded", "none", "other"), kind, choose)
        with ui.element("div") as card:
            ModelCard(page, only_missing=True)
        card.set_visibility(kind == "embedded")
        with ui.element("div").classes("row setting-other") as other:
            field = ui.input(
                label=page.say("window_settings.model_name"), value=now if kind == "other" else ""
            )
            field.props("outlined dense").classes("grow").mark("model-name")

            async def use() -> None:
                name = str(field.value or "").strip()
                if not name:
                    page.warn(page.say("window_settings.model_empty"))
                    return
                try:
                    await page.desk.check_model(name)
                except IntentOSError as error:
                    page.warn(error.text(page.language))
                    return
                await self._set("model", name)

            button(page.say("window_settings.use"), use, "model-use", style="primary")
            if "model" in self._fixed:
                field.props("disable")
        other.set_visibility(kind == "other")

    # ---- changing -----------------------------------------------------------------------------

    async def _set(self, name: str, value: Value) -> bool:
        """Change a setting; return whether it was changed."""
        try:
            await self._page.desk.change({name: value})
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
            return False
        self._page.note("window_settings.changed")
        return True

    async def _language(self, value: str) -> None:
        if await self._set("language", value):
            app.storage.user.pop("language", None)
            ui.navigate.reload()


def _number(written: str, whole: bool) -> float | int | None:
    """Return the number that a person wrote; None: it is none."""
    try:
        value = int(written) if whole else float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
