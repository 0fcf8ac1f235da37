"""Consent before a person's words leave this machine: asked once for each provider, revocable."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from intentos.config import Settings
from intentos.errors import NotApproved, StoreError, UsageError
from intentos.kept_file import write_kept
from intentos.types import Frozen, now

Sent = Literal["wish", "plan", "attachments", "neighbours"]
"""What may be sent: what the person said, the plan on the table, and what is known of attachments
(names, types and ranges, never the files); to neighbours what the person said, asked every time."""


class Disclosure(Frozen):
    """What would be sent, and to whom."""

    host: str
    """Where it goes, as a person knows it."""
    model: str
    """Empty: neighbours' own."""
    sent: tuple[Sent, ...]

    @property
    def going(self) -> str:
        """Message code of the sentence that asks."""
        return "consent.going" if self.model else "consent.going_neighbours"

    @property
    def kept(self) -> bool:
        """Whether a yes holds for the next time, too; neighbours come and go."""
        return bool(self.model)


class Consent(Frozen):
    """A provider that a person has allowed."""

    host: str
    sent: tuple[Sent, ...]
    at: datetime


class Discloser(Protocol):
    """Asks a person whether something may be sent."""

    async def may_send(self, disclosure: Disclosure) -> bool:
        """Return the person's answer; it is remembered where it is yes."""
        ...


class Consents:
    """The providers that a person has allowed, in one small file that processes share by a lock."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "providers.json"

    def every(self) -> list[Consent]:
        """Return what is allowed, by host.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            document = json.loads(self._path.read_text("utf-8"))
            if document["schema"] != 1:
                raise ValueError(f"schema {document['schema']}")
            return [Consent.model_validate(entry) for entry in document["providers"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise StoreError("consent.unreadable", path=str(self._path)) from error

    def covers(self, disclosure: Disclosure) -> bool:
        """Return whether all that would be sent has been allowed for this host."""
        allowed = {sent for c in self.every() if c.host == disclosure.host for sent in c.sent}
        return allowed >= set(disclosure.sent)

    def remember(self, disclosure: Disclosure) -> None:
        """Allow this host what it would be sent, besides what it has been allowed before."""
        with self._changing() as known:
            before = known[disclosure.host].sent if disclosure.host in known else ()
            sent = tuple(dict.fromkeys((*before, *disclosure.sent)))
            known[disclosure.host] = Consent(host=disclosure.host, sent=sent, at=now())

    def forget(self, host: str) -> None:
        """Ask again the next time; raises UsageError for a host that is not allowed anything."""
        with self._changing() as known:
            if known.pop(host, None) is None:
                names = ", ".join(sorted(known)) or "—"
                raise UsageError("consent.unknown", host=host, known=names)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Consent]]:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock")):
            known = {consent.host: consent for consent in self.every()}
            yield known
            entries: list[Any] = [
                consent.model_dump(mode="json") for _, consent in sorted(known.items())
            ]
            write_kept(self._path, json.dumps({"schema": 1, "providers": entries}, indent=1))


async def permit(
    disclosure: Disclosure,
    consents: Consents,
    discloser: Discloser | None,
    allowed: frozenset[Sent],
) -> None:
    """Return if all of it may be sent: it stays here, was allowed before, is in ``allowed``, or
    the person says so now.

    Raises:
        NotApproved: the person says no, or nobody can be asked.
    """
    if is_loopback(disclosure.host) or allowed >= set(disclosure.sent):
        return
    if disclosure.kept and consents.covers(disclosure):
        return
    facts = {"host": disclosure.host, "model": disclosure.model}
    if discloser is None:
        raise NotApproved("consent.nobody_asked", **facts, sent=",".join(disclosure.sent))
    if not await discloser.may_send(disclosure):
        raise NotApproved("consent.refused", **facts)
    if disclosure.kept:
        consents.remember(disclosure)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: ``localhost`` or an address such as 127.0.0.1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
