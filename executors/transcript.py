"""What a step prints, kept up to a limit and passed on line by line."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Transcript:
    """What was printed on one stream, up to a number of bytes; the rest is read and forgotten."""

    most: int
    on_text: Callable[[str], None]
    truncated: bool = False
    _parts: list[str] = field(default_factory=list)
    _bytes: int = 0
    _waiting: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end, passing on whole lines as they come."""
        while piece := await stream.read(65536):
            room = self.most - self._bytes
            self.truncated = self.truncated or len(piece) > room
            self._bytes += len(piece[:room])
            if room > 0:
                self._take(self._decoder.decode(piece[:room]))
        self._take(self._decoder.decode(b"", final=True))
        if self._waiting:
            self.on_text(self._waiting + "\n")

    @property
    def text(self) -> str:
        """All that was kept so far."""
        return "".join(self._parts)

    def _take(self, text: str) -> None:
        self._parts.append(text)
        whole, newline, rest = (self._waiting + text).rpartition("\n")
        self._waiting = rest
        if newline:
            self.on_text(whole + newline)
