"""A part of a page that the browser draws on its own: what changes in it redraws nothing else.

NiceGUI draws a page as one piece: after every change all its elements are built anew in the
browser's memory and compared. A conversation of 200 turns has fifteen thousand of them.
"""

from __future__ import annotations

from nicegui.element import Element


class Island(Element, component="static/island.js"):
    """An element whose content is compared only when something of it, or around it, changes."""

    def __init__(self, tag: str = "div") -> None:
        """``tag``: what it is in the page."""
        super().__init__()
        self._props["tag"] = tag
