"""The pictures of recipes that come with IntentOS, and which recipe each of them shows.

A picture is true as long as the recipe acts as it did: its plan's digest (code, arguments, knobs,
checks; no words) and its default values. ``make thumbnails`` makes those again that are not.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

from intentos.plan import Plan
from intentos.protocols import RecipeInfo
from intentos.types import canonical_json, sha256

FOLDER = Path(__file__).parent / "thumbnails"
INDEX = "index.json"
LIVING = ".living"
"""What the name of a moving picture ends with."""


def key(plan: Plan) -> str:
    """Return what a picture of a plan depends on, as a sha256."""
    return sha256(canonical_json([plan.digest, plan.defaults]))


def has_own(info: RecipeInfo) -> bool:
    """Whether a recipe has a picture of its own: one that came with IntentOS and is no law."""
    return info.package is None and not info.law


def has_living(id: str) -> bool:
    """Whether there is a moving picture of a recipe."""
    return (FOLDER / f"{id}{LIVING}.webp").is_file()


def is_true(plan: Plan) -> bool:
    """Whether there is a picture of a recipe's plan, made of the recipe as it is now."""
    id = plan.recipe or ""
    return index().get(id) == key(plan) and path(id).is_file()


def path(id: str) -> Path:
    """Return the file of a recipe's picture, be it there or not."""
    return FOLDER / f"{id}.webp"


def index() -> dict[str, str]:
    """Return recipe → key of every picture that was made."""
    try:
        stamp = (FOLDER / INDEX).stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _index(stamp)


@lru_cache(maxsize=1)
def _index(stamp: int) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / INDEX).read_text("utf-8"))
    return found


def keep(plan: Plan, still: bytes, living: bytes | None = None) -> None:
    """Write a recipe's picture, and then that it is true."""
    assert plan.recipe is not None
    FOLDER.mkdir(exist_ok=True)
    path(plan.recipe).write_bytes(still)
    if living is not None:
        path(f"{plan.recipe}{LIVING}").write_bytes(living)
    known = index() | {plan.recipe: key(plan)}
    rest = FOLDER / f"{INDEX}.part"
    lines = json.dumps(dict(sorted(known.items())), indent=0)
    rest.write_text(lines + "\n", "utf-8")
    os.replace(rest, FOLDER / INDEX)
