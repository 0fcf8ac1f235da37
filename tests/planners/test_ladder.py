"""The ladder and the way to it: a larger model only where the smaller one fails, and never unasked.

The larger model is a server on the loopback that answers in the real wire format; what a real large
model would say is not measured here.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from intentos import config
from intentos.errors import ModelUnavailable, NotApproved, PlanningError
from intentos.events import LiveEvent, ProgressMade
from intentos.plan import Plan
from intentos.planners.ladder import climb, rungs
from intentos.protocols import Proposal
from intentos.spending import count
from tests.test_terminal import person

from .chat_server import ChatServer, by_schema, serving

CANARY = "sk-canary-91c2e4b07d"
WISH = "quokka tally, 3 through 17, please"
"""Words that stand in no recipe, so that no rule and no search decides."""
PROGRAM = """Task: Add the squares of the whole numbers from 3 to 17.
Answer: The sum is {total}.
```python
first = 3
last = 17
report("total", sum(n * n for n in range(first, last + 1)))
```"""
SUM = sum(n * n for n in range(3, 18))


def plan() -> Plan:
    return Plan.model_validate(
        {
            "title": {"en": "t"},
            "interpretation": {"en": "i"},
            "steps": [
                {"id": "s", "title": {"en": "s"}, "language": "python", "code": "report('x', 1)"}
            ],
            "origin": "generated",
            "planner": "default",
        }
    )


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("embedded", ["embedded"]),
        ("embedded, openai/gpt-4o", ["embedded", "openai/gpt-4o"]),
        ("none,none,", ["none"]),
        (",", ["embedded"]),
    ],
)
def test_the_rungs_of_a_setting(setting: str, names: list[str]) -> None:
    assert rungs(setting) == names


def test_a_list_in_the_settings_file_is_a_ladder(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "config.toml").write_text(
        'model = ["embedded", "openai/gpt-4o"]\nspend_per_day = 0.5\n'
    )
    settings = config.load()
    assert rungs(settings.model) == ["embedded", "openai/gpt-4o"]
    assert settings.spend_per_day == 0.5


async def test_the_second_is_asked_only_where_the_first_fails_and_says_why() -> None:
    asked: list[str] = []
    told: list[LiveEvent] = []

    async def attempt(name: str) -> Proposal:
        asked.append(name)
        count(name, "" if name == "small" else "h", 100, 0.0 if name == "small" else 0.02)
        if name == "small":
            raise PlanningError("planning.nothing_near", text="x")
        return Proposal(plan=plan(), tokens=100)

    proposal = await climb(["small", "large", "larger"], attempt, told.append)
    assert asked == ["small", "large"]
    first, second = proposal.models
    assert (first.name, first.why, first.cost) == ("small", None, 0.0)
    assert second.why
    assert second.why.code == "planning.nothing_near"
    assert (second.host, second.cost) == ("h", 0.02)
    assert proposal.tokens == 200
    assert told == [ProgressMade(stage="stage.climbing")]


@pytest.mark.parametrize(
    ("error", "climbs"),
    [
        (PlanningError("planning.program_fails", what="x"), True),
        (ModelUnavailable("model.no_llama", remedy="x"), True),
        (PlanningError("planning.empty"), False),
        (NotApproved("consent.refused", host="h", model="m"), False),
    ],
)
async def test_only_what_another_model_may_mend_climbs(error: Exception, climbs: bool) -> None:
    asked: list[str] = []

    async def attempt(name: str) -> Proposal:
        asked.append(name)
        raise error

    with pytest.raises(type(error)):
        await climb(["small", "large"], attempt, lambda event: None)
    assert asked == (["small", "large"] if climbs else ["small"])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "intentos", *arguments]


async def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command(*arguments), capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def kept(home: Path) -> str:
    """Return all that lies in the state folder."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def elsewhere(server: ChatServer) -> str:
    """Return an address of the server that is not of the loopback, though it leads there."""
    return server.base.replace("127.0.0.1", "0.0.0.0")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("INTENTOS_MODEL_SECONDS", "600")


@pytest.mark.usefixtures("key")
async def test_the_command_line_climbs_tells_why_and_what_it_cost(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    answer = by_schema(["compute", "program", "calculation", "none"], PROGRAM)
    async with serving(answer) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        done = await called("ask", WISH, "--model", "none,openai/gpt-4o-mini", "--yes", "--json")
    told = json.loads(done.stdout)
    assert told["status"] == "completed", done.stderr
    assert str(SUM) in told["answer"].replace(",", "")
    [use] = told["models"]
    assert (use["name"], use["host"]) == ("openai/gpt-4o-mini", "127.0.0.1")
    assert use["why"]
    # By litellm's own list of prices; 120 tokens a question, by the server's word.
    assert 0 < told["timings"]["cost"] < 0.01
    assert use["tokens"] == told["timings"]["tokens"] == 120 * len(server.questions)
    assert all(h["authorization"] == f"Bearer {CANARY}" for h in server.headers)
    assert "gpt-4o-mini" in done.stderr
    assert "gpt-4o-mini" in kept(home)
    assert CANARY not in kept(home) + done.stdout + done.stderr
    spent = json.loads((await called("models", "providers", "--json")).stdout)["today"]
    assert spent["dollars"] == pytest.approx(told["timings"]["cost"])


@pytest.mark.usefixtures("key")
async def test_without_consent_nothing_is_sent_and_the_exit_is_3(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(by_schema(["compute", "program", "none"], PROGRAM)) as server:
        monkeypatch.setenv("OPENAI_API_BASE", elsewhere(server))
        done = await called("ask", WISH, "--model", "openai/gpt-4o-mini", "--yes", "--json")
        assert done.returncode == 3
        error = json.loads(done.stdout)["error"]
        assert error["code"] == "consent.nobody_asked"
        assert "0.0.0.0" in error["message"]
        assert server.questions == []
        allowed = await called("plan", WISH, "--model", "openai/gpt-4o-mini", "--send", "wish")
        assert allowed.returncode == 0, allowed.stderr
        assert "range(first, last + 1)" in allowed.stdout
        assert server.questions
        wrong = await called("plan", WISH, "--send", "everything")
        assert wrong.returncode == 2


@pytest.mark.usefixtures("key")
async def test_a_person_at_a_terminal_is_told_who_gets_what_and_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(by_schema(["compute", "program", "none"], PROGRAM)) as server:
        monkeypatch.setenv("OPENAI_API_BASE", elsewhere(server))

        def talk(reply: str) -> int:
            with person("plan", WISH, "--model", "openai/gpt-4o-mini") as someone:
                assert someone.sees("Send it?", 120)
                for part in ("0.0.0.0", "openai/gpt-4o-mini", "what you say", "models forget"):
                    assert part in someone.seen, part
                assert not server.questions
                someone.types(reply)
                return someone.leaves()

        assert await asyncio.to_thread(talk, "n\n") == 3
        assert not server.questions
        assert await asyncio.to_thread(talk, "y\n") == 0
        assert server.questions
        again = await called("plan", WISH, "--model", "openai/gpt-4o-mini")
        assert again.returncode == 0, again.stderr  # it is remembered, also without a terminal
        listed = await called("models", "providers")
        assert "0.0.0.0" in listed.stdout
        assert (await called("models", "forget", "0.0.0.0")).returncode == 0
        assert (await called("plan", WISH, "--model", "openai/gpt-4o-mini")).returncode == 3
