"""What a person saved: recipes made from their runs, and how they are meant again."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from intentos.documents import MAX_CHARACTERS, write_document
from intentos.errors import InvalidPlan, StoreError, UsageError
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.run import Run, RunStatus
from intentos.types import Words, language_of, sha256

from .library import Phrasings, Recipe
from .model import Model, Prompt
from .preferences import is_choice
from .revise import is_note
from .search import Hit, terms, without_values

MAX_NAME = 80
MAX_PHRASING = 200
OFFERED = 12
"""Own recipes that a model is shown."""
NONE = "none"
SURE = -0.5
"""Log-odds from which a model's choice among them holds: it seldom says that it is none."""
AHEAD = 3.0
"""How far "none of these" must be behind."""
_ID = 56
_TRIAL_SHARE = 10
"""What ``recipes check`` divides the work of a saved plan by, where no recipe says how."""
_SAVED = re.compile(
    r"\b(?:that |which )?i (?:have )?(?:saved|kept|stored)\b|\b(?:my )?saved\b|"
    r"我?(?:之前|上次|刚才|以前)?(?:保存|收藏|存)(?:下来?|过|好)?的?(?:那个)?",
    re.IGNORECASE,
)
_MINE = re.compile(r"\b(?:my|mine)\b|我的", re.IGNORECASE)
_NOISE = re.compile(
    r"\b(?:once more|another time|open|play|run|show|draw|display|the one)\b|"
    r"打开|播放|再|一次|一遍",
    re.IGNORECASE,
)


def recipe_of(
    run: Run,
    name: str,
    wishes: Sequence[str],
    origin: Recipe | None,
    phrases: Sequence[str] = (),
) -> Recipe:
    """Return a recipe that does once more what a completed run did, with its values as defaults.

    ``wishes``: what was said from the beginning of the conversation to this run. ``origin``: the
    library's recipe that the run's plan is of, if it is of one. ``phrases``: how else it may be
    asked for.

    Raises:
        UsageError: the run has not completed, the name cannot be used, or the plan cannot be kept.
    """
    plan = run.plan
    if plan is None or run.status is not RunStatus.COMPLETED:
        raise UsageError("save.not_completed", run=run.id)
    title = _checked(name)
    test = {}
    if origin is not None:
        test = {n: v for n, v in origin.test.items() if n in plan.defaults}
    description = origin.description if origin is not None else Words()
    data = {
        "id": _id(title, plan),
        "family": origin.family if origin is not None else None,
        "title": Words(**{language_of(title): title}),
        # The plan's own words in both languages: it is found by them in the other one.
        "description": Words(
            en=_joined(plan.title.text("en", run.values) if plan.title.en else "", description.en),
            zh=_joined(plan.title.text("zh", run.values) if plan.title.zh else "", description.zh),
        ),
        "phrasings": _phrasings(title, wishes, phrases),
        "interpretation": plan.interpretation,
        "assumptions": tuple(a for a in plan.assumptions if not (is_note(a) or is_choice(a))),
        "parameters": tuple(_as_was(parameter, run) for parameter in plan.parameters),
        "attachments": plan.attachments,
        "steps": plan.steps,
        "checks": plan.checks,
        "answer": plan.answer,
        "labels": plan.labels,
        "test": test or _less_work(plan, run),
        "samples": origin.samples if origin is not None else {},
        "origin": plan.origin,
        "model": plan.model,
        "base": origin.base or origin.id if origin is not None else None,
        "saved": run.id,
    }
    try:
        return Recipe.model_validate(data)
    except ValueError as error:
        raise UsageError("save.not_a_recipe", run=run.id, what=str(error)) from error


def renamed(recipe: Recipe, name: str) -> Recipe:
    """Return the recipe under another name; the old one finds it no longer. Raises UsageError."""
    title = _checked(name)
    old = {_plain(text) for text in _titles(recipe)}
    said = (*recipe.phrasings.en, *recipe.phrasings.zh)
    wishes = [text for text in said if _plain(text) not in old]
    return recipe.model_copy(
        update={
            "title": Words(**{language_of(title): title}),
            "phrasings": _phrasings(title, (), wishes),
        }
    )


def same_name(recipes: Sequence[Recipe], name: str) -> Recipe | None:
    """Return the recipe that bears this name already."""
    wanted = _plain(name)
    return next((r for r in recipes if wanted in (_plain(r.title.en), _plain(r.title.zh))), None)


def write(recipe: Recipe, folder: Path) -> Path:
    """Write a recipe's file, whole or not at all, and return it.

    Raises:
        StoreError: the folder cannot be written.
    """
    data = recipe.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    # The fields' own order reads well, and a file without a number of its format cannot be kept.
    text = write_document({"schema": recipe.schema_number, **data})
    if len(text) > MAX_CHARACTERS:
        raise InvalidPlan("document.too_long", source=recipe.id, limit=MAX_CHARACTERS)
    path = folder / f"{recipe.id}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        what = error.strerror or str(error)
        raise StoreError(
            "store.cannot_write", name=path.name, path=str(folder), what=what
        ) from error
    return path


def meant(text: str, recipes: Sequence[Recipe]) -> Recipe | None:
    """Return the one of the person's own recipes that a text calls by its name, or speaks of as
    something saved: "the galaxy I saved", "再看看我的星系"."""
    plain = _plain(text)
    named = [(len(t), r) for r in recipes for t in _titles(r) if _called(t, plain)]
    longest = max((length for length, _ in named), default=0)
    found = [r for length, r in named if length == longest]
    if found:
        return found[0] if len(found) == 1 else None
    saved, mine = _SAVED.search(text) is not None, _MINE.search(text) is not None
    if not (saved or mine):
        return None
    asked = _content(without_marks(text))
    if not asked:
        # "What I saved" is plain where there is only one thing.
        return recipes[0] if saved and len(recipes) == 1 else None
    scored = []
    for recipe in recipes:
        title, known = _title_terms(recipe), _terms(recipe)
        own_words = any(_MINE.search(t) or _SAVED.search(t) for t in _titles(recipe))
        if saved or own_words or (title and title <= asked):
            # By its name, or in the other language by what it does.
            shared = max(_share(asked, title), 0.9 * _share(asked, known))
            if shared >= 0.5:
                scored.append((shared, recipe))
    scored.sort(key=lambda pair: -pair[0])
    if not scored or (len(scored) > 1 and scored[0][0] - scored[1][0] < 0.05):
        return None
    return scored[0][1]


def spoken_of(text: str) -> bool:
    """Return whether a text speaks of something that was saved."""
    return _SAVED.search(text) is not None


async def choose(
    text: str, recipes: Sequence[Recipe], model: Model, language: str
) -> tuple[Recipe | None, int]:
    """Return which of the person's own recipes the model takes a text for, and the tokens: in the
    other language no word of it may be shared. Raises ModelUnavailable."""
    shown = {recipe.title.text(language): recipe for recipe in recipes[-OFFERED:]}
    lines = [f"Wish: {' '.join(without_marks(text).split())[:300]}", "", "Saved programs:"]
    for title, recipe in shown.items():
        lines.append(f"{title}: {recipe.description.text(language)[:160]}")
    lines.append(f"{NONE}: none of these")
    prompt = Prompt(
        system="You find what a person saved, in whatever language it was named. Answer with JSON: "
        "the name of the program that the wish is for, or none where it is for none of them.",
        user="\n".join(lines),
        prefill='{"program": "',
    )
    chosen = await model.choose(prompt, [*shown, NONE])
    found, odds = shown.get(chosen.name), chosen.odds
    sure = odds[chosen.name] > SURE and odds[chosen.name] - odds[NONE] > AHEAD
    return (found if sure else None), chosen.tokens


def without_marks(text: str) -> str:
    """Return the text without the words that only say that something was saved, or whose it is."""
    return _NOISE.sub(" ", _MINE.sub(" ", _SAVED.sub(" ", text)))


def one_of_each(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits with one of each family: what was saved from a recipe stands for it only
    where it is nearer, as the same wish would otherwise fit both."""
    best: dict[str, float] = {}
    for hit in hits:
        if hit.recipe.base is None:
            best[hit.recipe.id] = hit.score
    kept = [h for h in hits if h.recipe.base is None or h.score > best.get(h.recipe.base, 0.0)]
    ahead = {h.recipe.base for h in kept if h.recipe.base is not None}
    return [h for h in kept if h.recipe.id not in ahead]


def _checked(name: str) -> str:
    title = " ".join(name.split())
    odd = [c for c in title if not c.isprintable() or c in "{}"]
    if not title or len(title) > MAX_NAME or odd or not re.search(r"[^\W_]", title):
        raise UsageError("save.bad_name", name=title[:MAX_NAME], limit=MAX_NAME)
    return title


def _id(title: str, plan: Plan) -> str:
    """Return a file's name: the title's own letters where it has some, as models read it."""
    # Without the hash, two names that differ in nothing but signs would share a file.
    mark = sha256(_plain(title).encode())[:8]
    letters = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    if re.match(r"[a-z]", letters) and language_of(title) == "en":
        return f"{letters[:_ID].strip('_')}_{mark}"
    return f"own_{plan.recipe[:_ID]}_{mark}" if plan.recipe else f"own_{mark}"


def _phrasings(title: str, wishes: Sequence[str], phrases: Sequence[str]) -> Phrasings:
    # A follow-up alone ("make it blue") would be taken for this recipe wherever it is said.
    said = [title, *(" ".join(w.split()) for w in wishes[:1]), " ".join(" ".join(wishes).split())]
    said += [" ".join(phrase.split()) for phrase in phrases]
    texts = dict.fromkeys(text[:MAX_PHRASING] for text in said if len(text) > 1)
    return Phrasings(
        en=tuple(t for t in texts if language_of(t) == "en"),
        zh=tuple(t for t in texts if language_of(t) == "zh"),
    )


def _as_was(parameter: Parameter, run: Run) -> Parameter:
    changes: dict[str, object] = {"default": run.values.get(parameter.name, parameter.default)}
    if parameter.kind == "column":
        changes["choices"] = ()  # the columns of another day's table
    return parameter.model_copy(update=changes)


def _less_work(plan: Plan, run: Run) -> dict[str, object]:
    small: dict[str, object] = {}
    for parameter in plan.parameters:
        if parameter.work and parameter.kind in ("number", "integer"):
            least = max(1.0, parameter.minimum or 1.0)
            number = max(least, float(run.values[parameter.name]) / _TRIAL_SHARE)
            small[parameter.name] = round(number) if parameter.kind == "integer" else number
    return small


def _joined(title: str, description: str) -> str:
    title = title.translate(str.maketrans("{}", "()"))
    return description if title and title in description else f"{title}. {description}".strip(". ")


def _titles(recipe: Recipe) -> list[str]:
    return [title for title in (recipe.title.en, recipe.title.zh) if title]


def _called(title: str, plain: str) -> bool:
    """Whether a text names the title: all of it, at the edges of words."""
    words = _plain(title)
    # "Galaxy" or "城市交通" is what anybody says of galaxies and cities; a longer name, or one that
    # says whose it is, is a name.
    chinese = language_of(words) == "zh"
    long = len(words) >= 6 if chinese else words.count(" ") >= 2
    if not (long or _MINE.search(words)):
        return words == plain
    if chinese:
        return words in plain
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", plain) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _content(text: str) -> set[str]:
    return set(terms(without_values(text)))


def _title_terms(recipe: Recipe) -> set[str]:
    return set().union(*(_content(without_marks(title)) for title in _titles(recipe)))


def _terms(recipe: Recipe) -> set[str]:
    texts = [recipe.description.en, recipe.description.zh]
    texts += [*recipe.phrasings.en, *recipe.phrasings.zh]
    return _title_terms(recipe).union(*(_content(text) for text in texts))


def _share(asked: set[str], known: set[str]) -> float:
    return len(asked & known) / len(asked)
