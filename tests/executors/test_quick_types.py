"""The shortcut reads the same C types as cffi itself."""

from __future__ import annotations

import subprocess
import sys

TYPES = """
import sys
if sys.argv[1] == "quick":
    from intentos.executors.quick_types import hasten
    assert hasten() and hasten()
from wgpu.backends.wgpu_native._ffi import ffi
for text in ("WGPUAdapterInfo *", "WGPUAdapter[]", "char []", "uint8_t *", "WGPULimits",
             "void(*)(WGPUDevice const *, WGPUErrorType, WGPUStringView, void *, void *)"):
    kind = ffi.typeof(text)
    print(text, kind, kind.kind, getattr(kind, "item", None))
info = ffi.new("WGPUAdapterInfo *")
print([name for name, _ in ffi.typeof("WGPUAdapterInfo").fields], ffi.sizeof("WGPUAdapterInfo"))
try:
    ffi.typeof("NoSuchType *")
except Exception as error:
    print(type(error).__name__)
"""


def test_types_are_the_same_with_and_without() -> None:
    quick, slow = (
        subprocess.run(
            [sys.executable, "-c", TYPES, way], capture_output=True, text=True, check=True
        ).stdout
        for way in ("quick", "slow")
    )
    assert quick == slow
    assert len(quick.splitlines()) == 8
