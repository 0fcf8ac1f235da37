"""Makes wgpu's start half a second shorter: cffi reads a C type without reading all others first.

wgpu names each C type by a text such as ``WGPUBufferDescriptor *``. For every new text the parser
is handed a list of all thousand type names of the header, though only those in the text matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import wraps
from typing import Any


def hasten() -> bool:
    """Teach cffi to look at the names in a text only; return whether this cffi lets us.

    A cffi of another build keeps its own, slower way.
    """
    from cffi import cparser

    slow: Any = getattr(cparser.Parser, "parse_type_and_quals", None)
    if slow is None or not hasattr(cparser.Parser(), "_declarations"):
        return False
    if hasattr(slow, "__wrapped__"):
        return True

    @wraps(slow)
    def quick(parser: Any, cdecl: str) -> Any:
        every = parser._declarations
        parser._declarations = _Mentioned(every, set(re.findall(r"\w+", cdecl)))
        try:
            return slow(parser, cdecl)
        finally:
            every.update(parser._declarations)
            parser._declarations = every

    cparser.Parser.parse_type_and_quals = quick
    return True


class _Mentioned(dict[str, Any]):
    """All declarations, of which only the mentioned ones are found by walking through them."""

    def __init__(self, every: dict[str, Any], words: set[str]) -> None:
        super().__init__(every)
        self._words = words

    def __iter__(self) -> Iterator[str]:
        return (name for name in super().__iter__() if name.rpartition(" ")[2] in self._words)
