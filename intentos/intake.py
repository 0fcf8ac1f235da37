"""Takes in a file that a person hands over: into the store, read in the sandbox, profiled."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shutil
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from intentos.config import Settings
from intentos.errors import IntentOSError, UsageError
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.store import Store
from intentos.types import Artifact, Attachment, Limits, Profile, new_id

MAX_BYTES = 64 * 1024**2
MAX_FILES = 8
LIMITS = Limits(wall_time=60, memory_bytes=2 * 1024**3, artifact_bytes=512 * 1024**2)
REFUSALS = frozenset(
    "empty binary unknown damaged no_rows many_columns many_cells many_pixels bomb "
    "not_numbers".split()
)
PROFILE_BYTES = 1024**2


async def take_in(
    path: Path, *, settings: Settings, store: Store, registry: Registry, taken: Collection[str] = ()
) -> Attachment:
    """Return a file as an attachment: its bytes in the store, its profile, its plain form.

    It is read by code in the sandbox only. ``taken``: keys that other attachments have.

    Raises:
        UsageError: it is not there, too large, or nothing that can be used; the message says what.
        ExecutorUnavailable: no sandbox works here, and nothing else may read it.
        StoreError: the disk is full.
    """
    name = _shown(path)
    whole = await asyncio.to_thread(_stored, path, name, store)
    workdir = settings.work / f"{store.owner}~{new_id()}"
    await asyncio.to_thread(workdir.mkdir, parents=True)
    try:
        files: dict[str, Artifact] = {}
        result = await _read(store.path(whole.id), name, workdir, registry, store, files)
    finally:
        await asyncio.to_thread(shutil.rmtree, workdir, True)
    small = {n: a for n, a in files.items() if n.endswith(".json") and a.size <= PROFILE_BYTES}
    if "refused.json" in small:
        raise _refused(_json(store.path(small["refused.json"].id)), name)
    plain = next((a for n, a in files.items() if n.startswith("plain.")), None)
    if result.status is not StepStatus.OK or plain is None or "profile.json" not in small:
        raise UsageError("attachment.unreadable", name=name, what=_why(result))
    try:
        profile = Profile.model_validate(_json(store.path(small["profile.json"].id)))
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"]
        raise UsageError("attachment.unreadable", name=name, what=what) from error
    return Attachment(
        id=whole.id,
        name=name,
        media_type=profile.media_type,
        size=whole.size,
        key=_key(path.stem, profile.kind, taken),
        plain=plain.id,
        profile=profile,
    )


@cache
def _code() -> str:
    """Return the modules that read files as one text: the sandbox has none of ours."""
    texts = [
        resources.files("intentos").joinpath(f"{name}.py").read_text("utf-8")
        for name in ("intake_text", "intake_table", "intake_step")
    ]
    return "from __future__ import annotations\n" + "\n".join(map(_alone, texts))


def _alone(text: str) -> str:
    """Return a module's text without what it imports of ours, which stands before it."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in ("intentos", "__future__"):
                start, end = node.lineno - 1, node.end_lineno or node.lineno
                lines[start:end] = [""] * (end - start)
    return "\n".join(lines)


def _stored(path: Path, name: str, store: Store) -> Artifact:
    try:
        if not path.exists():
            raise UsageError("attachment.absent", name=name)
        if not path.is_file():  # a folder, or a pipe or device without end
            raise UsageError("attachment.no_file", name=name)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UsageError(
                "attachment.too_large", name=name, size=size // 1024**2, limit=MAX_BYTES // 1024**2
            )
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError("attachment.unreadable", name=name, what=what) from error
    return store.put(path, name=name, media_type="application/octet-stream", step_id="attachment")


async def _read(
    file: Path,
    name: str,
    workdir: Path,
    registry: Registry,
    store: Store,
    files: dict[str, Artifact],
) -> StepResult:
    step = Step(id="intake", language="python", code=_code(), limits=LIMITS)
    executor = await asyncio.to_thread(choose_executor, step, registry)

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        files[name] = await asyncio.to_thread(
            store.put, data, name=name, media_type=media_type, step_id="attachment"
        )
        return files[name]

    context = StepContext(
        values={"name": name},
        live=frozenset(),
        seed=0,
        inputs={"file": file},
        workdir=workdir,
        limits=LIMITS,
        emit=lambda event: None,
        save=save,
    )
    return await executor.execute(step, context)


def _refused(said: Mapping[str, Any], name: str) -> IntentOSError:
    code, arguments = said.get("code"), said.get("arguments")
    if code not in REFUSALS or not isinstance(arguments, dict):
        return UsageError("attachment.unreadable", name=name, what="?")
    plain = {key: value if isinstance(value, int) else str(value)[:200]
             for key, value in arguments.items()}  # fmt: skip
    return UsageError(f"attachment.{code}", name=name, **plain)


def _json(path: Path) -> dict[str, Any]:
    # From inside the sandbox, so anything may stand there; Profile checks the rest.
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _why(result: StepResult) -> str:
    if result.error is not None:
        return result.error.text("en").rstrip(".")
    return "?"


def _shown(path: Path) -> str:
    """Return the file's name as one line of readable characters."""
    text = path.name.encode("utf-8", "replace").decode()
    kept = "".join(c if c.isprintable() and c not in "/\\" else " " for c in text)
    return " ".join(kept.split())[:100] or "file"


def _key(stem: str, kind: str, taken: Collection[str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:30].strip("_")
    key = words if re.match(r"[a-z]", words) else kind
    number = 1
    while key in taken:
        number += 1
        key = re.sub(r"_\d+$", "", key) + f"_{number}"
    return key
