"""The library of recipes: plans with knobs, verified once and reused for ever."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from intentos.config import Settings
from intentos.documents import read_document, validate
from intentos.errors import IntentOSError, InvalidPlan, NotFound
from intentos.messages import placeholders
from intentos.parameters import Parameter
from intentos.plan import Assumption, CheckSpec, Plan, Slot, Step
from intentos.registry import Registry
from intentos.types import Frozen, Json, Name, Origin, QuantityName, Value, Words, sha256

from . import law
from .law import Book, laws_folder

KEPT = 8
"""Installations whose caches stay."""
CACHE_FORMAT = 2
LAW_FILES = (Path(law.__file__), laws_folder() / "step.txt")
"""What a law's recipe is made with, beside the law."""
MADE = "made of laws"


class RecipeWarning(UserWarning):
    """A recipe that somebody added cannot be used; the others can."""


class BothWords(Words):
    """A text that must be there in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


Phrasing = Annotated[str, Field(min_length=2, max_length=200)]


class Phrasings(Frozen):
    """How people ask for it."""

    en: tuple[Phrasing, ...] = ()
    zh: tuple[Phrasing, ...] = ()


class ManyPhrasings(Phrasings):
    """Enough of them for a wish in other words to be found, in both languages."""

    en: tuple[Phrasing, ...] = Field(min_length=4)
    zh: tuple[Phrasing, ...] = Field(min_length=4)


class Recipe(Frozen):
    """A plan with knobs, as a file: what it is called, how it is asked for, what it does.

    A person's own recipe may be in one language, with one phrasing.
    """

    schema_number: Literal[1] = Field(1, alias="schema")
    id: Name
    family: Name | None = None
    """The subject that it stands with in the library, such as ``waves``."""
    title: Words
    description: Words = Words()
    phrasings: Phrasings
    interpretation: Words
    """One sentence: how the wish was understood. May hold ``{parameter}``."""
    assumptions: tuple[Assumption, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    attachments: tuple[Slot, ...] = ()
    """Files that it works on; a parameter of the kind ``column`` is a column of one of them."""
    steps: tuple[Step, ...] = Field(min_length=1)
    checks: tuple[CheckSpec, ...] = ()
    answer: Words = Words()
    """Sentence over computed values and parameters, such as ``{mean_speed:.1f} km/h``."""
    labels: Mapping[QuantityName, Words] = {}
    """What the numbers, series and columns that it reports are called, for people."""
    test: dict[Name, Value] = {}
    """Values that make it small: ``recipes check`` and the tests run it with them."""
    samples: dict[Name, str] = {}
    """Small tables, as CSV, that stand in for attachments it cannot do without in such a run."""
    origin: Origin = "recipe"
    """Where what a person saved came from; saving makes nothing more trustworthy."""
    model: str | None = None
    """The model that wrote what was saved."""
    base: Name | None = None
    """The recipe that was on the table when this one was saved from it."""
    saved: str | None = None
    """The run that it was saved from."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        plan = self._plan()
        plan.accept(self.test)
        names = plan.defaults.keys()
        needed = {slot.name for slot in self.attachments if not slot.optional}
        if self.samples.keys() - needed:
            raise ValueError("samples are for exactly the attachments that are not optional")
        for field in ("title", "interpretation"):
            if not (getattr(self, field).en or getattr(self, field).zh):
                raise ValueError(f"{field} is empty in both languages")
        if not (self.phrasings.en or self.phrasings.zh):
            raise ValueError("phrasings: say at least once how it is asked for")
        for field in ("title", "interpretation"):
            words: Words = getattr(self, field)
            for name in placeholders(words.en) | placeholders(words.zh):
                if name not in names:
                    raise ValueError(f"{field} uses {{{name}}}, which is no parameter")
        both = self.answer.en and self.answer.zh
        if both and placeholders(self.answer.en) != placeholders(self.answer.zh):
            raise ValueError("the answers in the two languages use different names")
        return self

    @property
    def constants(self) -> frozenset[str]:
        """The parameters that nobody has to say, because an assumption does."""
        return frozenset(a.parameter for a in self.assumptions if a.parameter)

    def plan(self, registry: Registry) -> Plan:
        """Return a new plan of this recipe, pinned to the kernels as they are on this machine."""
        return registry.pin(self._plan())

    def _plan(self) -> Plan:
        return Plan(
            title=Words(**self.title.model_dump()),
            interpretation=Words(**self.interpretation.model_dump()),
            assumptions=self.assumptions,
            parameters=self.parameters,
            attachments=self.attachments,
            steps=self.steps,
            checks=self.checks,
            answer=Words(**self.answer.model_dump()),
            labels={name: Words(**words.model_dump()) for name, words in self.labels.items()},
            origin=self.origin,
            recipe=self.id,
            planner="default",
            model=self.model,
        )


class HouseRecipe(Recipe):
    """A recipe for everybody: in both languages, with many phrasings, tested with its samples."""

    title: BothWords
    description: BothWords
    phrasings: ManyPhrasings
    interpretation: BothWords
    answer: BothWords
    labels: Mapping[QuantityName, BothWords] = {}
    origin: Literal["recipe"] = "recipe"
    base: None = None
    saved: None = None

    @model_validator(mode="after")
    def _testable(self) -> Self:
        needed = {slot.name for slot in self.attachments if not slot.optional}
        if needed != self.samples.keys():
            raise ValueError("samples are for exactly the attachments that are not optional")
        return self


def builtin_folder() -> Path:
    """Return the folder of the recipes that come with IntentOS."""
    return Path(__file__).parent / "recipes"


def read_recipe(path: Path, *, own: bool = False) -> Recipe:
    """Return the recipe that a file holds; ``own``: one that only its person uses.

    Raises:
        InvalidPlan: it is no recipe; the message names file, line and what is wrong.
    """
    return _recipe(_read(path), path, own=own)


class Library:
    """All recipes: built-in, of other packages, and the person's own.

    A broken built-in recipe is an error. One of another package or of the person's own folder is
    a warning, and so is one whose id is taken: nothing is ever silently replaced.
    """

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._cache = _Cache(self.parsed)
        self._recipes: dict[str, Recipe] | None = None
        self._every: tuple[Recipe, ...] = ()
        self._sources: dict[str, Path] = {}
        self._own_files: tuple[tuple[str, int, int], ...] = ()
        self._loading = RLock()
        self._left = Event()

    def leave(self) -> None:
        """Read no more files, from any thread: who still waits for them gets CancelledError.

        Where nothing was read before it takes half a minute on a busy machine, and the end of a
        program would wait for it.
        """
        self._left.set()

    def all(self) -> tuple[Recipe, ...]:
        """Return every recipe, by id: the same tuple until the person's own ones change.

        Raises:
            InvalidPlan: a built-in recipe is broken, or two have one id.
        """
        with self._loading:
            self._load()
            return self._every

    @property
    def parsed(self) -> Path:
        """The file that remembers what recipes hold."""
        return self._kept("recipes")

    @property
    def prepared(self) -> Path:
        """The file that remembers what recipes say, for search."""
        return self._kept("search")

    def _kept(self, what: str) -> Path:
        # Of each installation its own: two that share a file would make it again in turn.
        home = sha256(str(builtin_folder()).encode())[:8]
        return self._settings.cache / "library" / f"{what}-{home}.json"

    def own(self) -> tuple[Recipe, ...]:
        """Return the recipes in the person's own folder, by id."""
        folder = self._settings.recipes
        return tuple(r for r in self.all() if self._sources[r.id].parent == folder)

    def is_house(self, id: str) -> bool:
        """Return whether a recipe came with IntentOS; raises NotFound."""
        return self.source(id).parent in (builtin_folder(), laws_folder())

    def get(self, id: str) -> Recipe:
        """Return one recipe; raises NotFound."""
        recipe = self._load().get(id)
        if recipe is None:
            raise NotFound("recipe.unknown", id=id)
        return recipe

    def source(self, id: str) -> Path:
        """Return the file of a recipe; raises NotFound."""
        self.get(id)
        return self._sources[id]

    def _load(self) -> dict[str, Recipe]:
        with self._loading:
            # Another process may save one meanwhile; those of the house stay as they are.
            own_files = tuple(_stamped(path) for path in self._own_paths())
            if self._recipes is None or own_files != self._own_files:
                self._recipes = dict(sorted(self._read().items()))
                self._every = tuple(self._recipes.values())
                self._own_files = own_files
            return self._recipes

    def _read(self) -> dict[str, Recipe]:
        found: dict[str, Recipe] = {}
        for path, strict, own in self._files():
            if self._left.is_set():
                raise CancelledError
            try:
                for recipe in _recipes(self._cache.read(path), path, own=own):
                    self._enter(recipe, path, found)
            except IntentOSError as error:
                if strict:
                    raise
                warnings.warn(str(error), RecipeWarning, stacklevel=4)
        self._cache.write()
        return found

    def _enter(self, recipe: Recipe, path: Path, found: dict[str, Recipe]) -> None:
        if recipe.id in found:
            first = str(self._sources[recipe.id])
            raise InvalidPlan("recipe.two_files", id=recipe.id, first=first, second=str(path))
        found[recipe.id] = recipe
        self._sources[recipe.id] = path

    def _own_paths(self) -> list[Path]:
        return sorted(self._settings.recipes.glob("*.yaml"))

    def _files(self) -> Iterable[tuple[Path, bool, bool]]:
        house = [builtin_folder(), laws_folder()]
        others = [f for f in self._registry.recipe_folders().values() if f not in house]
        for folder in (*house, *others):
            for path in sorted(folder.glob("*.yaml")):
                yield path, folder in house, False
        for path in self._own_paths():
            yield path, False, True


class _Cache:
    """Parsed files by path, size and time of change: YAML is slow to parse, JSON is not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old: Mapping[str, Any] = {}
        self._new: dict[str, Any] = {}
        # The cache may be missing, half a file or of another version: then it is made again.
        with suppress(OSError, ValueError):
            data = json.loads(path.read_text("utf-8"))
            if isinstance(data, dict) and data.get("format") == CACHE_FORMAT:
                self._old = data["files"]

    def read(self, path: Path) -> dict[str, Any]:
        """Return what a file of a recipe, or of laws, holds."""
        states = [one.stat() for one in (path, *LAW_FILES)]
        stamp = [number for state in states for number in (state.st_size, state.st_mtime_ns)]
        entry = self._old.get(str(path))
        if not (isinstance(entry, dict) and entry.get("stamp") == stamp):
            entry = {"stamp": stamp, "data": _read(path)}
        self._new[str(path)] = entry
        data: dict[str, Any] = entry["data"]
        return data

    def write(self) -> None:
        if self._new == self._old:
            return
        # A cache that cannot be written only costs time.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"format": CACHE_FORMAT, "files": self._new}, file, ensure_ascii=False)
            os.replace(name, self._path)
            kept = self._path.parent.glob(f"{self._path.stem.partition('-')[0]}-*.json")
            for old in sorted(kept, key=lambda file: file.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)  # of an installation that is probably gone


def read_recipes(path: Path, *, own: bool = False) -> list[Recipe]:
    """Return the recipe, or those of the laws, that a file holds.

    Raises:
        InvalidPlan: it holds neither; the message names file, line and what is wrong.
    """
    return _recipes(_read(path), path, own=own)


def _recipes(data: dict[str, Any], path: Path, *, own: bool) -> list[Recipe]:
    if MADE in data:
        return [HouseRecipe.model_validate(one) for one in data[MADE]]
    return [_recipe(data, path, own=own)]


def _read(path: Path) -> dict[str, Any]:
    """Return a file's recipe as data; of laws, the recipes that they make, all of them valid."""
    text = _text(path)
    data = read_document(text, str(path))
    if "laws" not in data:
        return data
    made = [one.recipe() for one in validate(Book, data, text=text, source=str(path)).laws]
    for one in made:
        validate(HouseRecipe, one, text=text, source=f"{path}: {one['id']}")
    return {MADE: made}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPlan("document.unreadable", source=str(path), what=str(error)) from error


def _stamped(path: Path) -> tuple[str, int, int]:
    with suppress(OSError):  # it may be gone by now
        state = path.stat()
        return path.name, state.st_size, state.st_mtime_ns
    return path.name, 0, 0


def _recipe(data: dict[str, Json], path: Path, *, own: bool) -> Recipe:
    kind = Recipe if own else HouseRecipe
    try:
        recipe = kind.model_validate(data)
    except ValueError:
        # Once more with the text at hand, which tells the line.
        recipe = validate(kind, data, text=_text(path), source=str(path))
    if recipe.id != path.stem:
        raise InvalidPlan("recipe.file_name", source=str(path), id=recipe.id)
    return recipe
