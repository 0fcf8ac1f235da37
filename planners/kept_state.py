"""KV states of long prompt beginnings, kept on disk between two lives of the worker."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

MAGIC = b"INTENTOS-KV-1\n"
_STALE = 3600.0


class KeptStates:
    """A folder with the few states used last; a damaged file counts as absent."""

    def __init__(self, folder: Path, *, identity: str, files: int = 4) -> None:
        """``identity`` names everything but the tokens that a state depends on."""
        self._folder = folder
        self._identity = identity
        self._files = files

    def path(self, tokens: list[int]) -> Path:
        """Return the file that holds or would hold the state after ``tokens``."""
        text = json.dumps([self._identity, tokens])
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()}.kv"

    def load(self, tokens: list[int]) -> bytes | None:
        """Return the state after ``tokens``, or None; a file that is not whole is deleted."""
        path = self.path(tokens)
        try:
            with path.open("rb") as stream:
                magic = stream.read(len(MAGIC))
                expected = stream.read(32)
                state = stream.read()
        except FileNotFoundError:
            return None
        if magic != MAGIC or hashlib.sha256(state).digest() != expected:
            path.unlink(missing_ok=True)
            return None
        os.utime(path)
        return state

    def save(self, tokens: list[int], state: bytes) -> None:
        """Keep a state; the least recently used beyond the limit go.

        Raises:
            OSError: the disk is full or cannot be written; nothing half-written stays.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(tokens)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as stream:
                stream.write(MAGIC)
                stream.write(hashlib.sha256(state).digest())
                stream.write(state)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._tidy()

    def _tidy(self) -> None:
        # Several workers may tidy at once: a file that is already gone is no matter.
        kept: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            try:
                changed = path.stat().st_mtime
            except FileNotFoundError:
                continue
            if path.suffix == ".kv":
                kept.append((changed, path))
            elif path.suffix == ".tmp" and time.time() - changed > _STALE:
                path.unlink(missing_ok=True)
        for _, path in sorted(kept, reverse=True)[self._files :]:
            path.unlink(missing_ok=True)
