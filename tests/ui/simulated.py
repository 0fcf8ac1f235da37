"""What the simulated window runs: a real one, as ``intentos`` opens it, without a server."""

from nicegui import app, ui

from intentos import config
from intentos.ui.window import Window

window = Window(config.load())
app.state.window = window
ui.run(window.root, storage_secret="of a test", show=False, reload=False)
