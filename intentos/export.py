"""A run as one file to keep, show or send: film, picture, table, plan, page or everything.

Writers take what the run left and make what is missing from it. A file is written to a temporary
name beside its place and renamed, so that nobody ever finds half of one.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from intentos.artifact_files import NO_SPACE
from intentos.errors import Missing, StoreError, UsageError
from intentos.registry import Registry
from intentos.report import last_named, lost
from intentos.run import Run
from intentos.store import Store
from intentos.types import Artifact, Language

LATER = ("py", "ipynb")
"""Formats that are promised and not there yet."""
_UNFIT = re.compile(r"\W+")


class Stopped(Exception):
    """Somebody stopped an export; nothing of it was left behind."""


class Form(NamedTuple):
    """A format that a run can be exported to."""

    extension: str
    media_type: str
    module: str
    """Holds ``write_<name>(work, target)`` and ``fits_<name>(work)``."""


FORMS = {
    "html": Form(".html", "text/html", "intentos.export_html"),
    "mp4": Form(".mp4", "video/mp4", "intentos.export_pictures"),
    "gif": Form(".gif", "image/gif", "intentos.export_pictures"),
    "png": Form(".png", "image/png", "intentos.export_pictures"),
    "csv": Form(".csv", "text/csv", "intentos.export_data"),
    "npz": Form(".npz", "application/x-npz", "intentos.export_data"),
    "yaml": Form(".yaml", "application/yaml", "intentos.export_plan"),
    "prov": Form(".prov.json", "application/json", "intentos.export_prov"),
    "zip": Form(".zip", "application/zip", "intentos.export_zip"),
}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a writer is given."""

    run: Run
    store: Store
    registry: Registry
    language: Language
    """Of the words in the file, where it has only one."""
    progress: Callable[[float], None] = lambda fraction: None
    """Hears fractions from 0 to 1, in the thread that writes."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by another thread to stop the work, which then raises :class:`Stopped`."""

    def tell(self, fraction: float) -> None:
        """Say how far it is, between 0 and 1; raises Stopped where somebody wants an end."""
        if self.stop.is_set():
            raise Stopped
        self.progress(min(1.0, max(0.0, fraction)))

    def artifacts(self, *media_types: str) -> list[Artifact]:
        """Return the run's artifacts of these media types, one a name, in their order."""
        return [a for a in last_named(self.run.artifacts) if a.media_type in media_types]

    def path(self, artifact: Artifact) -> Path:
        """Return the file with an artifact's bytes, which are what they were.

        Raises:
            Missing: they were cleaned away, are gone or damaged; says how to make them again.
        """
        for gone, why in lost(self.run.model_copy(update={"artifacts": (artifact,)}), self.store):
            raise Missing(f"lost.{why}", names=gone.name, run=self.run.id[-8:])
        return self.store.path(artifact.id)


def offered(work: Work) -> list[str]:
    """Return the formats that this run can be exported to."""
    if not work.run.status.ended:
        return []
    return [name for name, form in FORMS.items() if _function(form, f"fits_{name}")(work)]


def export(work: Work, to: str, place: Path | None = None) -> Path:
    """Write the run in one format and return the file.

    Takes from moments to about a minute; meant for a thread of its own. ``place``: a file, or a
    folder in which the file gets a name of its own; None: the current folder.

    Raises:
        UsageError: there is no such format, the run does not end in it, or the file's place cannot
            be written.
        Missing: what the run left is not there any more.
        StoreError: the disk is full.
        Stopped: somebody stopped it.
    """
    form = FORMS.get(to)
    known = ", ".join(FORMS)
    if form is None:
        code = "export.later" if to in LATER else "export.unknown"
        raise UsageError(code, format=to[:40], known=known)
    if not work.run.status.ended:
        raise UsageError("export.not_ended", run=work.run.id)
    if not _function(form, f"fits_{to}")(work):
        there = ", ".join(offered(work)) or "—"
        raise UsageError(f"export.no_{to}", run=work.run.id[-8:], there=there)
    target = Path() if place is None else place
    if target.is_dir():
        target = target / file_name(work.run, form.extension)
    write = _function(form, f"write_{to}")
    work.tell(0.0)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=form.extension, dir=target.parent)
        os.close(handle)
        half = Path(name)
        try:
            write(work, half)
            work.tell(1.0)
            os.chmod(half, 0o666 & ~_umask())
            os.replace(half, target)
        finally:
            for left in target.parent.glob(f"{half.stem}.*"):
                with suppress(OSError):
                    left.unlink()
    except OSError as error:
        what = error.strerror or str(error)
        if error.errno in NO_SPACE:
            raise StoreError(
                "store.no_space", name=target.name, path=str(target.parent), what=what
            ) from error
        raise UsageError("out.unusable", path=str(target), what=what) from error
    return target.absolute()


def file_name(run: Run, extension: str) -> str:
    """Return a name for a file of a run: its title and the end of its id."""
    title = run.plan.title.text(run.intent.language) if run.plan is not None else ""
    stem = _UNFIT.sub("-", title or run.intent.text)[:40].strip("-_") or "intentos"
    return f"{stem}-{run.id[-6:]}{extension}"


def _function(form: Form, name: str) -> Callable[..., object]:
    found: Callable[..., object] = getattr(import_module(form.module), name)
    return found


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
