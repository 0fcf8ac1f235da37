"""The numbers of a run as one table or one archive of arrays, with units where they are known."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from intentos.errors import IntentOSError
from intentos.export import Work
from intentos.playable import playable, playable_steps
from intentos.program import Probe
from intentos.registry import Registry
from intentos.run import Run
from intentos.store import Store
from intentos.types import Artifact, Json, Quantity

SERIES = "series.csv"
"""What a GPU step's probes saw, frame by frame."""
MOST_UNPACKED = 2 * 1024**3
"""Bytes of arrays in an archive that a step made; a larger one is handed on as it is."""
_CSV, _ARRAYS = ("text/csv",), ("application/x-npy", "application/x-npz")


def fits_csv(work: Work) -> bool:
    """Return whether there is a table or a number."""
    return bool(work.artifacts(*_CSV) or work.run.quantities)


def write_csv(work: Work, target: Path) -> None:
    """Write the run's last table; without one its numbers, one a row."""
    tables = work.artifacts(*_CSV)
    if not tables:
        target.write_text(numbers_table(work.run.quantities), "utf-8-sig")
    elif is_series(work.run, tables[-1]):
        probes = probes_of(work.run, work.registry, work.store)
        _with_units(work.path(tables[-1]), target, probes)
    else:
        shutil.copyfile(work.path(tables[-1]), target)


def numbers_table(quantities: dict[str, Quantity]) -> str:
    """Return quantities as CSV: one column each, its unit in the header; lists go down."""
    columns = {titled(n, q.unit): q.value for n, q in quantities.items()}
    lists = {name: v if isinstance(v, list | tuple) else [v] for name, v in columns.items()}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(lists)
    for row in range(max(map(len, lists.values()), default=0)):
        table.writerow([_cell(v[row]) if row < len(v) else "" for v in lists.values()])
    return text.getvalue()


def is_series(run: Run, table: Artifact) -> bool:
    """Return whether a table holds what a GPU step's probes saw, and not somebody's own columns."""
    steps = run.plan.steps if run.plan is not None else ()
    drawn = any(s.id == table.step_id and s.language in ("kernel", "wgsl") for s in steps)
    return drawn and table.name == SERIES


def probes_of(run: Run, registry: Registry, store: Store) -> dict[str, Probe]:
    """Return the probes of the run's programs by name, as far as those can still be built."""
    found: dict[str, Probe] = {}
    for step in playable_steps(run):
        with suppress(IntentOSError):  # another version of it by now: no probes then
            program = playable(run, step, registry, store).program
            found |= {probe.name: probe for probe in program.probes}
    return found


def fits_npz(work: Work) -> bool:
    """Return whether there is an array."""
    return bool(work.artifacts(*_ARRAYS))


def write_npz(work: Work, target: Path) -> None:
    """Write all arrays of the run, each under its file's name."""
    found = work.artifacts(*_ARRAYS)
    if len(found) == 1 and found[0].media_type == _ARRAYS[1]:
        shutil.copyfile(work.path(found[0]), target)
        return
    # An .npz is a ZIP of .npy files: no array needs to be read, let alone believed.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, artifact in enumerate(found):
            work.tell(index / len(found))
            if artifact.media_type == _ARRAYS[0]:
                archive.write(work.path(artifact), artifact.name)
            else:
                stem = artifact.name.removesuffix(".npz")
                _add_members(archive, work.path(artifact), stem)


def _add_members(archive: zipfile.ZipFile, path: Path, stem: str) -> None:
    try:
        with zipfile.ZipFile(path) as inner:
            if sum(member.file_size for member in inner.infolist()) > MOST_UNPACKED:
                raise zipfile.BadZipFile
            for member in inner.infolist():
                name = f"{stem}_{Path(member.filename).name}"
                with inner.open(member) as source, archive.open(name, "w") as out:
                    shutil.copyfileobj(source, out, 1024 * 1024)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError):
        archive.write(path, f"{stem}.npz")  # no archive that could be opened: as it is


def _with_units(source: Path, target: Path, probes: Mapping[str, Probe]) -> None:
    with source.open("r", encoding="utf-8") as table, target.open("w", encoding="utf-8-sig") as out:
        names = table.readline().rstrip("\n").split(",")
        heads = (titled(n, probes[n].unit) if n in probes else n for n in names)
        out.write(",".join(heads) + "\n")
        shutil.copyfileobj(table, out)


def titled(name: str, unit: str) -> str:
    """Return a column's title: its name with the unit behind it, if it has one."""
    return f"{name} [{unit}]" if unit else name


def _cell(value: Json) -> Json:
    # A text that a spreadsheet would take for a formula is shown as what it is.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
