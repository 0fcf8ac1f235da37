"""Whether a disk has room left: who has none takes nothing in, and says so, before it breaks."""

from __future__ import annotations

import shutil
from pathlib import Path

LEAST_BYTES = 64 * 1024**2
"""Below it nothing new is taken in; what was taken in before is finished with what is left."""


def full(folder: Path) -> bool:
    """Return whether there is too little room around a folder; False where nobody can tell."""
    try:
        return shutil.disk_usage(folder).free < LEAST_BYTES
    except OSError:  # it shows when something is written
        return False
