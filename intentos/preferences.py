"""What a person chose before: sizes, colours, the length of films, units and the language.

One small file that processes share by a lock. A choice is learned only where the person made it:
said, set or edited in a run that completed. What belongs to a wish (masses, rates, how many) is
never learned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from intentos.answer_units import UNITS
from intentos.config import Settings
from intentos.errors import StoreError, UsageError
from intentos.kept_file import write_kept
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.protocols import Proposal, Table
from intentos.types import Frozen, Name, Value, now

SCHEMA = 1
LANGUAGE = "language"
_PIXELS = frozenset({"width", "height", "size", "resolution"})
_FILM = frozenset({"frames", "frames_per_second"})
_MOST = {"frames": 100_000, "frames_per_second": 240, **dict.fromkeys(_PIXELS, 8192)}
_SHOWN = 80

How = Literal["words", "set", "edited", "by_hand"]


class Preference(Frozen):
    """One choice, and where it comes from."""

    name: Name
    value: Value
    how: How
    """``words``: said in a wish; ``set``: by ``--set``; ``edited``: in the plan; ``by_hand``: in
    the preferences themselves."""
    run: str | None = None
    wish: str = Field("", max_length=_SHOWN)
    at: datetime


class Preferences:
    """The choices of one person."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "preferences.json"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def every(self) -> dict[str, Preference]:
        """Return what is known, by name.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            document = json.loads(self._path.read_text("utf-8"))
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']}")
            found = [Preference.model_validate(entry) for entry in document["preferences"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise StoreError("preferences.unreadable", path=str(self._path)) from error
        return {preference.name: preference for preference in found}

    def learn(
        self, plan: Plan, chosen: Mapping[str, How], values: Mapping[str, Value], *, run: str,
        wish: str,
    ) -> None:  # fmt: skip
        """Remember those of a run's chosen values that say how this person likes things.

        Raises:
            StoreError: the file is damaged or cannot be written.
        """
        found = [
            Preference(
                name=parameter.name, value=values[parameter.name], how=chosen[parameter.name],
                run=run, wish=" ".join(wish.split())[:_SHOWN], at=now(),
            )
            for parameter in plan.parameters
            if parameter.name in chosen and is_taste(parameter)
        ]  # fmt: skip
        if found:
            with self._changing() as known:
                known |= {preference.name: preference for preference in found}

    def set(self, name: str, value: Value) -> Preference:
        """Remember what the person says here.

        Raises:
            UsageError: nothing of that name is remembered, or the value is none for it.
        """
        kept = Preference(name=_known(name), value=_accepted(name, value), how="by_hand", at=now())
        with self._changing() as known:
            known[name] = kept
        return kept

    def forget(self, name: str) -> None:
        """Forget one choice; raises UsageError where there is none of that name."""
        with self._changing() as known:
            if known.pop(name, None) is None:
                names = ", ".join(sorted(known)) or "—"
                raise UsageError("preferences.unknown", name=name, known=names)

    def forget_all(self) -> None:
        """Forget everything, even where the file is damaged."""
        with self._lock():
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Preference]]:
        with self._lock():
            known = self.every()
            yield known
            entries = [known[name].model_dump(mode="json") for name in sorted(known)]
            text = json.dumps(
                {"schema": SCHEMA, "preferences": entries}, indent=1, ensure_ascii=False
            )
            write_kept(self._path, text)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock")):
            yield


def remember(
    settings: Settings,
    plan: Plan,
    chosen: Mapping[str, How],
    values: Mapping[str, Value],
    *,
    run: str,
    wish: str,
) -> dict[str, str]:
    """Learn from a completed run, and return the units that the person likes, by quantity.

    A memory that cannot be read or written is told of by ``intentos preferences``; the result that
    is there already is worth more than it.
    """
    preferences = Preferences(settings)
    with suppress(StoreError):
        if settings.learn:
            preferences.learn(plan, chosen, values, run=run, wish=wish)
        return {n: str(p.value) for n, p in preferences.every().items() if n in UNITS}
    return {}


def said(proposal: Proposal, table: Table | None) -> list[str]:
    """Return the names of values that the words of a wish have set."""
    before: Mapping[str, Value] = {}
    if table is not None and (
        table.plan.digest == proposal.plan.digest or proposal.plan.parent == table.plan.id
    ):
        before = table.values  # a change of what lay there names all values
    return [
        name
        for name, value in proposal.values.items()
        if name not in proposal.preferred and before.get(name) != value
    ]


def is_taste(parameter: Parameter) -> bool:
    """Return whether a parameter says how somebody likes things, and not what they wish for."""
    if parameter.kind == "colour":
        return True
    if parameter.kind == "choice":
        return parameter.name == "palette"
    if parameter.kind not in ("integer", "number"):
        return False
    if parameter.name in _FILM:
        return True
    return parameter.name in _PIXELS and parameter.unit == "px"


def _known(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) is None:
        raise UsageError("preferences.bad_name", name=name[:_SHOWN], known=_names())
    return name


def _accepted(name: str, value: Value) -> Value:
    text = str(value).strip()
    if name == LANGUAGE:
        if text not in ("zh", "en"):
            raise UsageError("preferences.choice", name=name, value=text, choices="zh, en")
        return text
    if name in UNITS:
        if text not in UNITS[name]:
            choices = ", ".join(UNITS[name])
            raise UsageError("preferences.choice", name=name, value=text, choices=choices)
        return text
    if name in _MOST:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST[name]:
            raise UsageError("preferences.number", name=name, value=text, most=_MOST[name])
        return int(text)
    if name == "palette":
        if re.fullmatch(r"[a-z][a-z_]{0,30}", text) is None:
            raise UsageError("preferences.bad_name", name=text[:_SHOWN], known=_names())
        return text
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return text.lower()
    if name in ("colour", "background"):
        raise UsageError("value.colour", name=name, value=text[:_SHOWN])
    raise UsageError("preferences.bad_name", name=name[:_SHOWN], known=_names())


def _names() -> str:
    return ", ".join(sorted({LANGUAGE, "palette", "colour", "background", *_MOST, *UNITS}))
