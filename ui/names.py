"""Names of files, as somebody sent them."""

from __future__ import annotations

from pathlib import PurePath

NAME_CHARACTERS = 100


def plain_name(name: str) -> str:
    """Return a file's name, as somebody sent it, as one that a folder takes."""
    last = PurePath(name.replace("\\", "/")).name
    kept = "".join(c for c in last if c.isprintable() and c != "\x00").strip()
    stem, dot, ending = kept.rpartition(".")
    if len(kept.encode()) > NAME_CHARACTERS:  # the ending says what it is
        while len(stem.encode()) > NAME_CHARACTERS - 20:
            stem = stem[:-1]
        kept = stem + dot + ending[:16]
    return kept if kept.strip(". ") else "file"
