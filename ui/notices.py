"""What a person should know of this machine, said once: what is missing, and the remedy."""

from __future__ import annotations

from nicegui import app, ui

from intentos.errors import IntentOSError
from intentos.types import Problem

from .machine import Machine
from .page import Page

KEY = "told"
"""In the person's storage: codes of what was said and put away."""
LISTEN_SECONDS = 5.0
"""How long the browser may take to say whether there is a microphone."""
MICROPHONE_JS = """
(async () => {
  if (!navigator.mediaDevices?.enumerateDevices) return false;
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.some((device) => device.kind === "audioinput");
})()
"""


class Notices:
    """A card that appears when there is something new to say; it never blocks anything."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._root = ui.element("section").classes("notices").mark("notices")
        self._root.set_visibility(False)
        self._root.props["aria-label"] = page.say("window_notice.title")
        ui.timer(0.5, self._look, once=True)

    async def _look(self) -> None:
        page = self._page
        try:
            machine = await page.desk.machines.look()
        except IntentOSError as error:
            page.warn(error.text(page.language))
            return
        if self._root.is_deleted:
            return
        told = notices(machine)
        if await self._no_microphone():
            told["no_microphone"] = None
        if self._root.is_deleted:
            return
        known = app.storage.user.get(KEY, [])
        new = {code: problem for code, problem in told.items() if code not in known}
        if new:
            self._draw(new)

    async def _no_microphone(self) -> bool:
        try:
            found = await ui.run_javascript(MICROPHONE_JS, timeout=LISTEN_SECONDS)
        except TimeoutError:  # the tab is gone, or asleep
            return False
        return found is False

    def _draw(self, new: dict[str, Problem | None]) -> None:
        page = self._page

        def put_away() -> None:
            app.storage.user[KEY] = sorted({*app.storage.user.get(KEY, []), *new})
            self._root.set_visibility(False)

        self._root.set_visibility(True)
        with self._root:
            for code, problem in new.items():
                with ui.element("div").classes("told").mark(f"notice-{code}"):
                    ui.icon("info").props("aria-hidden=true")
                    with ui.element("div").classes("grow"):
                        ui.label(page.say(f"window_notice.{code}"))
                        if problem is not None:
                            ui.label(problem.text(page.language)).classes("small muted")
            with ui.element("div").classes("row told-end"):
                ui.link(page.say("window_notice.more"), "/settings").classes("small")
                with ui.element("button").classes("button").props("type=button") as button:
                    button.mark("put-away").on("click", put_away, [])
                    ui.label(page.say("window_notice.fine"))


def notices(machine: Machine) -> dict[str, Problem | None]:
    """Return what is missing here, by code, the gravest first, each with its remedy."""
    told: dict[str, Problem | None] = {}
    for finding in machine.findings:
        if finding.name in ("state", "database", "space") and finding.problem is not None:
            told[f"trouble_{finding.name}"] = finding.problem
    if not machine.runs_python:
        sandbox = machine.executor("sandbox")
        told["no_python"] = sandbox.problem if sandbox else None
    gpu = machine.executor("webgpu")
    if gpu is None or gpu.status != "ok":
        told["no_gpu"] = gpu.problem if gpu else None
    elif machine.software:
        told["software_gpu"] = None
    docker = machine.executor("docker")
    if docker is not None and docker.status != "ok" and machine.runs_python:
        told["no_docker"] = None
    return told
