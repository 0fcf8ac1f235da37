"""Compiles the libraries that steps use, where the installer did not: once, outside the sandbox.

Inside everything is read-only, so Matplotlib would be compiled anew in every run, which takes it
several seconds. Importing a library leaves its bytecode beside it, as it does in any program.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from intentos.scratch import scratch_folder

from . import child

LIBRARIES = {
    "numpy": ("numpy", "numpy.fft", "numpy.polynomial"),
    "matplotlib": ("matplotlib.pyplot", "matplotlib.animation", "PIL.PngImagePlugin"),
    "pandas": ("pandas",),
    "networkx": ("networkx",),
    "sympy": ("sympy",),
    "scipy": ("scipy.integrate", "scipy.optimize", "scipy.linalg", "scipy.stats", "scipy.ndimage"),
}
_asked: set[str] = set()


async def compile_for(code: str) -> None:
    """Compile the libraries that the code mentions, if they are not and can be."""
    wanted = [name for name in LIBRARIES if name not in _asked and re.search(name, code)]
    _asked.update(wanted)
    modules = [module for name in wanted if _is_bare(name) for module in LIBRARIES[name]]
    if not modules:
        return
    command = [sys.executable, "-I", "-c", f"import {', '.join(modules)}"]
    with scratch_folder() as folder:
        environment = {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder)}
        process = await child.start(child.tied(command), folder=folder, environment=environment)
        try:
            await process.communicate()  # a failure shows again, and better, in the step itself
        finally:
            await child.end(process)


def _is_bare(name: str) -> bool:
    spec = find_spec(name)
    if spec is None or spec.origin is None or not os.access(Path(spec.origin).parent, os.W_OK):
        return False
    return not Path(cache_from_source(spec.origin)).exists()
