"""Finds the GPU adapter to work on.

Apart from the program's own formats, so that a worker can wake the driver while it imports them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from intentos.errors import ExecutorUnavailable

from .vulkan import device_count

_ORDER = {"DiscreteGPU": 0, "IntegratedGPU": 1, "VirtualGPU": 2, "Unknown": 3, "CPU": 4}


@dataclass(frozen=True)
class AdapterInfo:
    """One adapter as a person reads it."""

    name: str
    kind: str
    """``DiscreteGPU``, ``IntegratedGPU``, ``VirtualGPU``, ``CPU`` or ``Unknown``."""
    backend: str

    @property
    def text(self) -> str:
        """For example ``llvmpipe (LLVM 15.0.6, 256 bits) · Vulkan · CPU``."""
        return f"{self.name} · {self.backend} · {self.kind}"


def adapters() -> list[AdapterInfo]:
    """Return every adapter of this machine, the one that would be chosen first."""
    return [describe(adapter) for adapter in _enumerate("")]


def choose_adapter(preferred: str = "") -> Any:
    """Return the wgpu adapter to use: the one whose name holds ``preferred``, else the best kind.

    Raises:
        ExecutorUnavailable: there is no adapter, or none of that name.
    """
    found = _enumerate(preferred)
    if not found:
        raise ExecutorUnavailable("gpu.no_adapter")
    for adapter in found:
        if preferred.casefold() in describe(adapter).text.casefold():
            return adapter
    known = "; ".join(describe(a).text for a in found)
    raise ExecutorUnavailable("gpu.unknown_adapter", name=preferred, known=known)


def describe(adapter: Any) -> AdapterInfo:
    """Return the name, kind and backend of a wgpu adapter."""
    info = adapter.info
    name = str(info["device"] or info["description"] or info["vendor"] or "?")
    return AdapterInfo(name, str(info["adapter_type"]), str(info["backend_type"]))


def _enumerate(preferred: str) -> list[Any]:
    import wgpu.backends.wgpu_native

    if "opengl" not in preferred.casefold():
        _leave_opengl_out()
    found = list(wgpu.gpu.enumerate_adapters_sync())
    return sorted(found, key=lambda a: _ORDER.get(str(a.info["adapter_type"]), 3))


@cache
def _leave_opengl_out() -> None:
    # OpenGL takes a quarter of a second to look at and complains on headless machines, so on
    # Linux it is only asked when Vulkan has nothing.
    from wgpu.backends.wgpu_native import extras

    if sys.platform == "linux" and device_count():
        # A process has one instance; whoever made it first has already chosen its backends.
        with suppress(RuntimeError):
            extras.set_instance_extras(backends=["Vulkan"])
