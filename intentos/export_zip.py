"""Everything of a run in one archive: what came out, the plan, the numbers and the certificate."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from intentos.certificate import certificate
from intentos.errors import UsageError
from intentos.export import Work
from intentos.export_plan import share
from intentos.messages import message
from intentos.report import Timings, last_named, lost, report
from intentos.types import Artifact, Json

CHUNK = 1024 * 1024
_PACKED = re.compile(r"\.(?:mp4|gif|png|jpe?g|webp|npz|zip|mp3|ogg)$", re.IGNORECASE)
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$", re.IGNORECASE)


def fits_zip(work: Work) -> bool:
    """Return whether there is anything to pack."""
    return work.run.plan is not None or bool(work.run.artifacts)


def write_zip(work: Work, target: Path) -> None:
    """Write all artifacts that are here, ``run.json``, ``plan.yaml``, ``certificate.json`` and a
    README; what was cleaned away is named there."""
    run = work.run
    gone = {artifact.name for artifact, _ in lost(run, work.store)}
    there = [a for a in last_named(run.artifacts) if a.name not in gone]
    names = safe_names([artifact.name for artifact in there])
    places = {a.name: Path("artifacts") / names[a.name] for a in there}
    documents = {"run.json": _json(_told(work, places))}
    proof = certificate(run)
    if proof is not None:
        documents["certificate.json"] = _json(proof.document())
    plan_left_out = ""
    if run.plan is not None:
        try:
            documents["plan.yaml"] = share(run).data
        except UsageError as error:  # it works on what an earlier run left here
            plan_left_out = error.text(work.language)
    documents["README.txt"] = _readme(work, there, gone, documents, plan_left_out).encode()
    whole = sum(a.size for a in there) or 1
    done = 0
    when = run.finished_at or run.created_at
    stamp = when.timetuple()[:6]
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in documents.items():
            archive.writestr(_info(name, stamp), data)
        for artifact in there:
            info = _info(places[artifact.name].as_posix(), stamp)
            with work.path(artifact).open("rb") as source, archive.open(info, "w") as out:
                while chunk := source.read(CHUNK):
                    out.write(chunk)
                    done += len(chunk)
                    work.tell(done / whole)


def safe_names(names: list[str]) -> dict[str, str]:
    """Return for each name one that any system can unpack, and no two that differ by case only."""
    safe: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        fit = _UNFIT.sub("_", name).rstrip(". ").lstrip(" ")
        if not fit.strip(".") or _DEVICES.match(fit):
            fit = "_" + fit
        stem, dot, extension = fit.rpartition(".")
        number = 1
        while fit.casefold() in taken:
            number += 1
            fit = f"{stem} {number}{dot}{extension}" if dot else f"{extension} {number}"
        taken.add(fit.casefold())
        safe[name] = fit
    return safe


def _told(work: Work, places: dict[str, Path]) -> Json:
    run = work.run
    seconds = sum(result.seconds for result in run.results)
    told = report(
        run,
        paths={name: Path(place.as_posix()) for name, place in places.items()},
        timings=Timings(run_s=seconds),
        runs=[run.id],
        language=work.language,
    )
    return {**told, "wish": run.intent.text, "language": run.intent.language}


def _readme(
    work: Work, there: list[Artifact], gone: set[str], documents: dict[str, bytes], note: str
) -> str:
    run, language = work.run, work.language

    def say(code: str, /, **arguments: object) -> str:
        return message(f"readme.{code}", language, **arguments)

    plan = run.plan
    title = plan.title.text(language, plan.spoken(run.values, language)) if plan else ""
    lines = [title or run.intent.text, "", say("wish", wish=run.intent.text)]
    if run.answer:
        lines += ["", run.answer]
    badge = message(f"badge.{run.badge}", language) if run.badge else "—"
    lines += ["", say("badge", badge=badge), say("origin", run=run.id, seed=run.seed), ""]
    lines += [say("files"), *(f"  artifacts/{a.name}" for a in there)]
    lines += [f"  {name}  {say(name.partition('.')[0].lower())}" for name in documents]
    if "plan.yaml" in documents:
        lines += ["", say("again")]
    if note:
        lines += ["", note]
    if gone:
        lines += ["", say("gone", names=", ".join(sorted(gone)))]
    return "\n".join(lines) + "\n"


def _info(name: str, stamp: tuple[int, ...]) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (max(1980, stamp[0]), *stamp[1:6]))  # type: ignore[arg-type]
    info.compress_type = zipfile.ZIP_STORED if _PACKED.search(name) else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode()
