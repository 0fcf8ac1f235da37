"""Small files of a person's home, written so that a reader finds the old text or the new one."""

from __future__ import annotations

import os
from pathlib import Path

from intentos.errors import StoreError


def write_kept(path: Path, text: str) -> None:
    """Replace a file's text at once; two processes that write agree by a lock of their own.

    Raises:
        StoreError: it cannot be written; the old text stays.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            "store.cannot_write",
            name=path.name,
            path=str(path.parent),
            what=error.strerror or str(error),
        ) from error
