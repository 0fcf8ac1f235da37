"""The numbers of a run as one table or one archive of arrays, with units where they are known."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from intentos.errors import IntentOSError
from intentos.export import Work
from intentos.playable import playable, playable_steps
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
    elif tables[-1].name == SERIES and _from_probes(work, tables[-1]):
        _with_units(work.path(tables[-1]), target, probe_units(work))
    else:
        shutil.copyfile(work.path(tables[-1]), target)


def numbers_table(quantities: dict[str, Quantity]) -> str:
    """Return quantities as CSV: one column each, its unit in the header; lists go down."""
    columns = {_titled(n, q.unit): q.value for n, q in quantities.items()}
    lists = {name: v if isinstance(v, list | tuple) else [v] for name, v in columns.items()}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(lists)
    for row in range(max(map(len, lists.values()), default=0)):
        table.writerow([_cell(v[row]) if row < len(v) else "" for v in lists.values()])
    return text.getvalue()


def probe_units(work: Work) -> dict[str, str]:
    """Return probe → unit of the run's programs, as far as they can still be built."""
    units: dict[str, str] = {}
    for step in playable_steps(work.run):
        with suppress(IntentOSError):  # another version of it by now: no units then
            program = playable(work.run, step, work.registry, work.store).program
            units |= {probe.name: probe.unit for probe in program.probes if probe.unit}
    return units


def with_units(names: Sequence[str], units: Mapping[str, str]) -> list[str]:
    """Return a table's header with each column's unit, as far as it is known."""
    return [_titled(name, units.get(name, "")) for name in names]


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


def _from_probes(work: Work, table: Artifact) -> bool:
    plan = work.run.plan
    steps = plan.steps if plan is not None else ()
    return any(s.id == table.step_id and s.language in ("kernel", "wgsl") for s in steps)


def _with_units(source: Path, target: Path, units: dict[str, str]) -> None:
    with source.open("r", encoding="utf-8") as table, target.open("w", encoding="utf-8-sig") as out:
        names = table.readline().rstrip("\n").split(",")
        out.write(",".join(with_units(names, units)) + "\n")
        shutil.copyfileobj(table, out)


def _titled(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _cell(value: Json) -> Json:
    # A text that a spreadsheet would take for a formula is shown as what it is.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
