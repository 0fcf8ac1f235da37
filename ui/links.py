"""How the window is reached: the owner's link and the guests'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Links:
    """Addresses with their keys, to be opened in a browser."""

    owner: str
    guests: str = ""
    """Empty: nobody else is let in."""
