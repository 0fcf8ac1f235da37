"""Matplotlib's list of fonts, made once: looking through all fonts takes it seconds a start.

The list is made inside a sandbox, where the fonts are those that code will find, and bound into
later ones read-only, together with a ``matplotlibrc`` that falls back to a Chinese font.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from intentos.types import Artifact, sha256

from .bubblewrap import FONTS

BUILD = """
import glob, os
os.environ["MPLCONFIGDIR"] = folder = os.path.abspath("config")
from matplotlib import font_manager
known = {font.name for font in font_manager.fontManager.ttflist}
wanted = ["Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC",
          "Source Han Sans CN", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"]
families = ", ".join(["DejaVu Sans", *[name for name in wanted if name in known][:1]])
save("matplotlibrc.txt", f"backend: agg\\nfont.family: {families}\\nfont.sans-serif: {families}\\n")
for path in glob.glob(folder + "/fontlist*.json"):
    save(os.path.basename(path), open(path, "rb").read())
"""


def are_needed(code: str) -> bool:
    """Return whether code may draw with Matplotlib."""
    return re.search(r"matplotlib|pylab|\.plot\b|\.hist\(|\.draw", code) is not None


async def cache(folder: Path, build: Callable[[str, Path], Awaitable[None]]) -> Path:
    """Return the folder with the list for this Matplotlib and these fonts, made if need be."""
    ready = folder / _key()
    if not (ready / "matplotlibrc").exists():
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            made = Path(name) / "list"
            made.mkdir(mode=0o755)
            await build(BUILD, made)
            (made / "matplotlibrc.txt").rename(made / "matplotlibrc")
            for path in made.iterdir():
                path.chmod(0o644)
            try:
                made.rename(ready)
            except OSError:  # another process was quicker
                if not (ready / "matplotlibrc").exists():
                    raise
    return ready


def artifact(name: str, path: Path, media_type: str) -> Artifact:
    """Return the description of a file that is not stored."""
    data = path.read_bytes()
    return Artifact(
        id=sha256(data), name=name, media_type=media_type, size=len(data), step_id="fonts"
    )


def _key() -> str:
    fonts = [f"{path}:{path.stat().st_mtime_ns}" for path in sorted(FONTS.rglob("*"))]
    return sha256("\n".join([version("matplotlib"), str(os.geteuid() == 0), *fonts]).encode())[:16]
