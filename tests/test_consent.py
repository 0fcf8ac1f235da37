"""Nothing leaves this machine unasked: once for each provider, remembered, revocable."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from intentos.config import Settings
from intentos.consent import Consents, Disclosure, Sent, is_loopback, permit
from intentos.errors import NotApproved, StoreError, UsageError

WISH = Disclosure(host="api.example.com", model="openai/big", sent=("wish",))
MORE = Disclosure(host="api.example.com", model="openai/big", sent=("wish", "attachments"))


class Person:
    """Answers what may be sent, and counts how often it was asked."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[Disclosure] = []

    async def may_send(self, disclosure: Disclosure) -> bool:
        self.asked.append(disclosure)
        return self.answer


async def test_a_person_is_asked_once_for_each_provider_and_kind(settings: Settings) -> None:
    person, consents = Person(True), Consents(settings)
    for _ in range(2):
        await permit(WISH, consents, person, frozenset())
    assert person.asked == [WISH]
    await permit(WISH, Consents(settings), None, frozenset())  # after a restart, too
    await permit(MORE, consents, person, frozenset())  # attachments are another question
    elsewhere = WISH.model_copy(update={"host": "other.example.com"})
    await permit(elsewhere, consents, person, frozenset())
    assert person.asked == [WISH, MORE, elsewhere]
    assert [c.host for c in consents.every()] == ["api.example.com", "other.example.com"]


async def test_no_is_no_and_asked_again(settings: Settings) -> None:
    person = Person(False)
    for _ in range(2):
        with pytest.raises(NotApproved) as caught:
            await permit(WISH, Consents(settings), person, frozenset())
    assert caught.value.code == "consent.refused"
    assert len(person.asked) == 2
    assert Consents(settings).every() == []


async def test_where_nobody_can_be_asked_nothing_is_sent(settings: Settings) -> None:
    with pytest.raises(NotApproved) as caught:
        await permit(MORE, Consents(settings), None, frozenset())
    assert caught.value.exit_code == 3
    assert "--send wish,attachments" in caught.value.text("en")
    assert "api.example.com" in caught.value.text("zh")


@pytest.mark.parametrize(
    ("allowed", "may"),
    [({"wish"}, False), ({"wish", "plan"}, False), ({"wish", "attachments"}, True)],
)
async def test_a_flag_allows_just_what_it_names_and_is_not_remembered(
    allowed: set[Sent], may: bool, settings: Settings
) -> None:
    consents = Consents(settings)
    if may:
        await permit(MORE, consents, None, frozenset(allowed))
    else:
        with pytest.raises(NotApproved):
            await permit(MORE, consents, None, frozenset(allowed))
    assert consents.every() == []


async def test_this_machine_is_no_stranger(settings: Settings) -> None:
    here = WISH.model_copy(update={"host": "127.0.0.1"})
    consents = Consents(settings)
    await permit(here, consents, None, frozenset())
    assert consents.every() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "192.168.1.2", "2130706433"],
)
def test_what_only_looks_like_loopback(host: str) -> None:
    assert not is_loopback(host)


async def test_what_was_allowed_can_be_taken_back(settings: Settings) -> None:
    consents = Consents(settings)
    consents.remember(WISH)
    consents.forget("api.example.com")
    assert not consents.covers(WISH)
    with pytest.raises(UsageError, match=r"api\.example\.com"):
        consents.forget("api.example.com")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2, "providers": []}', '{"schema": 1}'])
async def test_a_damaged_memory_allows_nothing(text: str, settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "providers.json").write_text(text)
    with pytest.raises(StoreError, match=r"providers\.json"):
        await permit(WISH, Consents(settings), Person(True), frozenset())


def test_many_at_once_lose_nothing(settings: Settings) -> None:
    hosts = [f"h{i}.example.com" for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda host: Consents(settings).remember(WISH.model_copy(update={"host": host})),
                hosts,
            )
        )
    assert {c.host for c in Consents(settings).every()} == set(hosts)
    document = json.loads((settings.home / "providers.json").read_text())
    assert document["schema"] == 1
