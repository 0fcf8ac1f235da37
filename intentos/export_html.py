"""A run as one page that plays: program, knobs, answer and checks in a single file.

Nothing is loaded from anywhere and nothing is sent: the page's own policy lets only the scripts and
styles run whose hashes it names. Where the viewer's browser has a GPU, the program runs on it and
its knobs turn; elsewhere the film or picture that the run left is shown in the same place.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path

from intentos.errors import IntentOSError, UsageError
from intentos.export import Work, file_name
from intentos.export_data import SERIES, is_series, probes_of, titled
from intentos.export_page import (
    both,
    files,
    fixed,
    headline,
    judged,
    knobs,
    ran,
    read_table,
    result,
    say,
    table,
    text,
    understood,
)
from intentos.export_pictures import fits_png, write_png
from intentos.export_plan import share
from intentos.inline_script import inlined
from intentos.messages import catalogue
from intentos.playable import Playable, playable, playable_steps
from intentos.quantity_names import column_name
from intentos.report import last_named, lost
from intentos.types import Artifact, Json

MB = 1_000_000
MOST_ARRAYS, MOST_FILM, MOST_PART, MOST_POSTER, MOST_PAGE = (
    size * MB for size in (32, 32, 12, 2, 96)
)
"""Bytes: of all arrays of a program, of the film, of one picture or sound, of the still picture for
where no script runs, of the page."""
MOST_TABLES = 8
PICTURES = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml"}
SOUNDS = {"audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/x-wav"}
_STYLES = ("theme.css", "stage.css", "export.css")
_FIRST = """{
const zh = /^zh/i.test(navigator.language), known = /^(zh|en)/i.test(navigator.language);
const said = /[#&](zh|en)\\b/.exec(location.hash), look = /[#&](dark|light)\\b/.exec(location.hash);
const root = document.documentElement;
if (said || known) root.lang = (said ? said[1] === "zh" : zh) ? "zh-Hans" : "en";
const dark = look ? look[1] === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.body.classList.toggle("body--dark", dark);
}"""
"""Before anything is painted: the reader's language, and light or dark."""


def fits_html(work: Work) -> bool:
    """Return whether there is anything to show."""
    return work.run.plan is not None or bool(work.run.artifacts)


def write_html(work: Work, target: Path) -> None:
    """Write the page.

    Raises:
        UsageError: what the program works on, or the page, would be too large for a browser.
    """
    played, why_not = _played(work)
    work.tell(0.1)
    data: dict[str, Json] = {"run": work.run.id, "title": _titles(work)}
    blocks: dict[str, bytes] = {}
    if played is not None:
        data |= played.as_json(lambda sha: f"array-{sha}")
        size = sum(path.stat().st_size for path in played.arrays.values())
        if size > MOST_ARRAYS:
            raise UsageError(
                "export.arrays_too_large", size=_megabytes(size), limit=MOST_ARRAYS // MB
            )
        blocks |= {f"array-{sha}": path.read_bytes() for sha, path in played.arrays.items()}
    notes = [both(why_not.text("en"), why_not.text("zh"))] if why_not is not None else []
    film, gone = _film(work, played), [a.name for a, _ in lost(work.run, work.store)]
    if film is not None and film.size > MOST_FILM:
        notes.append(say("page.film_too_large", size=_megabytes(film.size)))
        film = None
    if film is not None:
        blocks["film"] = work.path(film).read_bytes()
        data["film"] = {"block": "film", "media_type": film.media_type}
    if gone:
        notes.append(say("page.gone", names=", ".join(gone)))
    work.tell(0.3)
    try:
        name, plan = share(work.run)
        blocks["plan"], data["plan"] = plan, name
    except UsageError as error:
        notes.append(both(error.text("en"), error.text("zh")))
    words = {"en": _words("en"), "zh": _words("zh")}
    body = _body(work, played, film, notes, target.with_suffix(".poster"))
    page = _page(work, body, {**data, "words": words}, blocks)
    work.tell(0.8)
    if len(page) > MOST_PAGE:
        raise UsageError("export.page_too_large", size=_megabytes(len(page)), limit=MOST_PAGE // MB)
    target.write_bytes(page)


def _played(work: Work) -> tuple[Playable | None, IntentOSError | None]:
    """Return the last step that can be played, or why the one that draws cannot."""
    why_not = None
    for step in reversed(playable_steps(work.run)):
        try:
            return playable(work.run, step, work.registry, work.store), None
        except IntentOSError as error:
            drawn = any(a.step_id == step for a in work.artifacts("video/mp4", "image/png"))
            why_not = error if drawn else why_not
    return None, why_not


def _film(work: Work, played: Playable | None) -> Artifact | None:
    """Return what the stage shows where the program cannot be played."""
    if films := _there(work, {"video/mp4"}):
        return films[-1]
    stills = _there(work, {"image/png"})
    drawn = [a for a in stills if played is not None and a.step_id == played.step]
    return drawn[-1] if drawn else None


def _body(
    work: Work, played: Playable | None, film: Artifact | None, notes: list[str], scratch: Path
) -> str:
    run = work.run
    own = run.plan.parameters if run.plan is not None else ()
    live = [p.name for p in own if played is not None and p.name in played.knobs]
    controls = knobs(run, live)
    shown = _pictures(work, film)
    parts = [f"<header>{_bar()}</header><main>", f'<div class="head">{headline(run)}</div>']
    if played is not None or film is not None:
        parts.append(f'<div class="stage-place" id="stage">{_poster(work, scratch)}</div>')
    if shown:
        parts.append(f'<div class="pictures">{shown}</div>')
    side = []
    if controls:
        side.append(
            f'<section class="card knobs" id="knobs"><h2>{say("page.knobs")}</h2>'
            f'<p class="muted small" id="knobs-off" hidden>{say("page.knobs_off")}</p>{controls}'
            f'<button class="button" id="reset" type="button" hidden>{say("page.reset")}</button>'
            "</section>"
        )
    side.append(_card("result", "page.result", result(run)))
    side.append(_card("sounds", "page.sounds", _sounds(work)))
    parts.append(f'<div class="side">{"".join(side)}</div>')
    below = [
        _card("understood", "page.understood", understood(run) + fixed(run, live)),
        _card("judged", "page.checks", judged(run)),
        _card("tables", "page.tables", _tables(work)),
        _card("ran", "page.ran", ran(run)),
        _card("more", "page.more", _more(work, notes)),
    ]
    parts.append(f'<div class="below">{"".join(below)}</div></main>')
    parts.append(f"<footer>{say('page.footer')}</footer>")
    return "".join(parts)


def _card(id_: str, code: str, inside: str) -> str:
    if not inside:
        return ""
    return f'<section class="card" id="{id_}"><h2>{say(code)}</h2>{inside}</section>'


def _bar() -> str:
    mark = (  # as ui/static/icon.svg, in the accent's colour
        '<svg viewBox="0 0 36 36" aria-hidden="true" class="mark" fill="none" '
        'stroke="currentColor" stroke-width="3" stroke-linecap="round">'
        '<circle cx="18" cy="18" r="4.6" stroke="none" fill="currentColor"/>'
        '<path d="M18 4a14 14 0 0 1 14 14M18 32a14 14 0 0 1-14-14"/></svg>'
    )
    return (
        f'<span class="brand">{mark}IntentOS</span><span class="grow"></span>'
        '<button class="button quiet" id="language" type="button"><span lang="en">中文</span>'
        '<span lang="zh-Hans">English</span></button>'
        '<button class="button quiet" id="look" type="button"><svg viewBox="0 0 24 24" '
        'aria-hidden="true"><circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" '
        f'fill="currentColor"/></svg><span class="unseen">{say("page.look")}</span></button>'
    )


def _poster(work: Work, scratch: Path) -> str:
    """Return a still picture for where no script runs."""
    if fits_png(work):
        with suppress(IntentOSError):
            write_png(work, scratch)
            if scratch.stat().st_size <= MOST_POSTER:
                url = _data_url("image/png", scratch.read_bytes())
                return f'<noscript><img alt="" src="{url}"></noscript>'
    return f"<noscript><p>{say('page.no_script')}</p></noscript>"


def _pictures(work: Work, on_stage: Artifact | None) -> str:
    """Return the run's pictures but for what the stage shows; a GIF of a film is the same again."""
    films = {a.name.rpartition(".")[0] for a in work.artifacts("video/mp4")}
    parts = []
    for artifact in _there(work, PICTURES):
        same = artifact.media_type == "image/gif" and artifact.name.rpartition(".")[0] in films
        if same or (on_stage is not None and artifact.id == on_stage.id):
            continue
        if artifact.size > MOST_PART:
            note = say("page.too_large", name=artifact.name, size=_megabytes(artifact.size))
            parts.append(f'<p class="muted">{note}</p>')
            continue
        url = _data_url(artifact.media_type, work.path(artifact).read_bytes())
        name = text(artifact.name)
        parts.append(
            f'<figure><img alt="{name}" src="{url}"><figcaption>{name}</figcaption></figure>'
        )
    return "".join(parts)


def _tables(work: Work) -> str:
    parts = []
    for artifact in _there(work, {"text/csv"})[:MOST_TABLES]:
        found = read_table(work.path(artifact))
        if found is not None:
            heads = _heads(work, artifact, found.head)
            parts.append(table(artifact, found, heads, open_=artifact.name != SERIES))
    return "".join(parts)


def _heads(work: Work, artifact: Artifact, names: list[str]) -> list[tuple[str, str]]:
    """Return what the columns are called in English and Chinese, each with its unit."""
    seen = is_series(work.run, artifact)
    probes = probes_of(work.run, work.registry, work.store) if seen else None

    def head(name: str, language: str) -> str:
        unit = probes[name].unit if probes and name in probes else ""
        return titled(column_name(name, language, work.run.plan, probes), unit)

    return [(head(name, "en"), head(name, "zh")) for name in names]


def _sounds(work: Work) -> str:
    parts = []
    for artifact in _there(work, SOUNDS):
        name = text(artifact.name)
        if artifact.size > MOST_PART:
            note = say("page.too_large", name=artifact.name, size=_megabytes(artifact.size))
            parts.append(f'<p class="muted">{note}</p>')
            continue
        url = _data_url(artifact.media_type, work.path(artifact).read_bytes())
        parts.append(
            f'<figure class="sound"><figcaption>{name}</figcaption>'
            f'<audio controls preload="metadata" src="{url}" aria-label="{name}"></audio></figure>'
        )
    return "".join(parts)


def _more(work: Work, notes: list[str]) -> str:
    parts = [f'<p class="muted">{note}</p>' for note in notes]
    if work.run.plan is not None:
        parts.append(
            f'<div id="again" hidden><p>{say("page.again")}</p><p><button class="button primary" '
            f'id="take" type="button">{say("page.take")}</button></p>'
            '<pre><code id="command"></code></pre></div>'
        )
    parts.append(files(last_named(work.run.artifacts)))
    return "".join(parts)


def _there(work: Work, media_types: set[str]) -> list[Artifact]:
    gone = {artifact.id for artifact, _ in lost(work.run, work.store)}
    return [a for a in work.artifacts(*media_types) if a.id not in gone]


def _titles(work: Work) -> dict[str, str]:
    run = work.run
    if run.plan is None:
        return {"en": run.intent.text[:120], "zh": run.intent.text[:120]}
    title = run.plan.title
    return {lang: title.text(lang, run.plan.spoken(run.values, lang)) for lang in ("en", "zh")}


def _words(language: str) -> dict[str, str]:
    """Return the sentences that the page's scripts say."""
    return {
        code.partition(".")[2]: sentence
        for code, sentence in catalogue(language).items()
        if code.startswith("window_stage.")
    }


def _page(work: Work, body: str, data: Json, blocks: dict[str, bytes]) -> bytes:
    static = Path(__file__).parent / "ui" / "static"
    modules = {path.name: path for path in static.glob("*.js")}
    modules["program.js"] = Path(__file__).parent / "program.js"
    script = inlined("export.js", modules)
    style = "\n".join((static / name).read_text("utf-8") for name in _STYLES)
    policy = (
        "default-src 'none'; "
        f"script-src {_source(_FIRST)} {_source(script)}; style-src {_source(style)}; "
        "img-src data: blob:; media-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    language = "zh-Hans" if work.language == "zh" else "en"
    title = text(_titles(work)[work.language]) or text(file_name(work.run, ""))
    held = "".join(
        f'<script type="text/plain" id="{id_}">{base64.b64encode(data_).decode()}</script>\n'
        for id_, data_ in blocks.items()
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" '
        f'content="no-referrer">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n'
        f"<script>{_FIRST}</script>\n{body}\n"
        f'<script type="application/json" id="data">{in_script(data)}</script>\n{held}'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    ).encode()


def in_script(data: Json) -> str:
    """Return JSON that stays text inside a script element, whatever is in it."""
    plain = json.dumps(data, ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        plain = plain.replace(character, f"\\u{ord(character):04x}")
    return plain


def _source(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _megabytes(size: int) -> str:
    return f"{size / MB:.0f}"
