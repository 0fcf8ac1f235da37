"""Somebody else's model, behind real HTTP on the loopback: typed answers, and clear errors."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from intentos import config
from intentos.config import Settings
from intentos.errors import ModelUnavailable
from intentos.planners import recall
from intentos.planners.library import Library
from intentos.planners.model import Prompt
from intentos.planners.model_file import DEFAULT
from intentos.planners.models import open_model
from intentos.planners.provider import provider_of
from intentos.planners.remote import RemoteModel
from intentos.planners.wire import ready
from intentos.registry import Registry

from .chat_server import (
    Answer,
    close,
    completion,
    raw,
    recording,
    serving,
    stall,
    status,
    trickle,
)

CHOOSE = Prompt(system="Answer with JSON.", user="a: x\nb: y\nWish: x", prefill='{"program": "')
CANARY = "sk-canary-5d1f0a77e2"


class Light(BaseModel):
    colour: Literal["red", "green"]
    seconds: int


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the machine's own addresses and keys."""
    for name in ("API_KEY", "API_BASE", "BASE_URL"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)


def opened(base: str, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> RemoteModel:
    monkeypatch.setenv("OPENAI_API_BASE", base)
    model = open_model("openai/local", settings)
    assert isinstance(model, RemoteModel)
    return model


async def test_a_name_is_chosen_by_a_typed_answer(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(completion('{"program": "b"}')) as server:
        model = opened(server.base, monkeypatch, settings)
        choice = await model.choose(CHOOSE, ["a", "b"])
    assert choice.name == "b"
    assert choice.odds["b"] > -1 > -10 > choice.odds["a"]
    assert choice.tokens == 120
    [question] = server.questions
    assert question["model"] == "local"
    assert question["messages"][0] == {"role": "system", "content": CHOOSE.system} or (
        question["messages"][0]["content"].startswith(CHOOSE.system)
    )
    assert "Wish: x" in question["messages"][-1]["content"]


async def test_an_answer_that_breaks_the_type_is_asked_again_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    wrong, right = '{"colour": "blue", "seconds": 3}', '{"colour": "red", "seconds": 3}'
    async with serving(completion(wrong), completion(f"Sure! {right}")) as server:
        model = opened(server.base, monkeypatch, settings)
        answer = await model.typed(CHOOSE, Light, grammar="")
    assert answer.value == Light(colour="red", seconds=3)
    assert answer.tokens == 240
    told = server.questions[1]["messages"]
    assert "blue" in told[-2]["content"]
    assert "red" in told[-1]["content"]


async def test_nonsense_for_ever_ends_after_bounded_retries(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(completion("I like trains.")) as server:
        model = opened(server.base, monkeypatch, settings)
        with pytest.raises(ModelUnavailable) as caught:
            await model.choose(CHOOSE, ["a", "b"])
    assert caught.value.code == "remote.useless"
    assert len(server.questions) == 3


async def test_an_answer_that_was_cut_off_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(completion('{"program": ', finish="length")) as server:
        model = opened(server.base, monkeypatch, settings)
        with pytest.raises(ModelUnavailable) as caught:
            await model.choose(CHOOSE, ["a", "b"])
    assert caught.value.code == "remote.unfinished"


@pytest.mark.parametrize("thoughts", ["<think>a? no, b…</think>\n\n", "a? no, b.\n</think>\n"])
async def test_thoughts_are_no_part_of_the_answer(
    thoughts: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(completion(thoughts + "```json\n" + '{"program": "b"}\n```')) as server:
        model = opened(server.base, monkeypatch, settings)
        assert (await model.choose(CHOOSE, ["a", "b"])).name == "b"


async def test_a_text_is_cut_to_its_shape(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    shape = re.compile(r"Task: .*\nAnswer: \d+")
    good = "Here you are:\nTask: add\nAnswer: 7\nAnything else?"
    heard: list[str] = []
    async with serving(completion("7"), completion(good)) as server:
        model = opened(server.base, monkeypatch, settings)
        done = await model.complete(CHOOSE, grammar="", shape=shape, on_text=heard.append)
    assert done.text == "Task: add\nAnswer: 7" == "".join(heard)
    assert done.tokens == 240
    with pytest.raises(ValueError, match="shape"):
        await model.complete(CHOOSE, grammar="")


async def test_a_server_without_schemas_is_asked_by_words(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:1/v1")
    refusal = status(400, {"error": {"message": "response_format is not supported"}})
    error = status(500, {"error": {"message": "response_format: input should be 'text'"}})
    async with serving(refusal, error, completion('{"program": "a"}')) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        model = RemoteModel("openai/gpt-4o-like", settings)
        assert (await model.choose(CHOOSE, ["a", "b"])).name == "a"
        assert (await model.choose(CHOOSE, ["a", "b"])).name == "a"
    by_schema, as_json, by_words, again = server.questions
    schema = by_schema["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["program"]["enum"] == ["a", "b"]
    assert as_json["response_format"]["type"] == "json_object"
    assert '"program"' in by_words["messages"][0]["content"]
    assert "response_format" not in by_words
    assert "response_format" not in again  # what the server takes is remembered


GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n\x00\xff<html>!"


@pytest.mark.parametrize(
    ("answer", "code", "times"),
    [
        (close, "remote.closed", 3),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), "remote.closed", 3),
        (raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n"), "remote.closed", 3),
        (raw(GARBAGE), "remote.nonsense", 3),
        (status(200, {"choices": []}), "remote.nonsense", 3),
        (status(200, ["no", "object"]), "remote.nonsense", 3),
        (status(401, {"error": {"message": f"Incorrect API key: {CANARY}"}}), "remote.key", 1),
        (status(403), "remote.key", 1),
        (status(404, {"error": {"message": "no such model"}}), "remote.not_there", 1),
        (status(429, Retry_After="0.01"), "remote.busy", 3),
        (status(500), "remote.broken", 3),
        (status(503), "remote.broken", 3),
        (status(400, {"error": {"message": f"bad {CANARY} wish"}}), "remote.refused", 2),
        (status(307, Location="http://127.0.0.1:9/elsewhere"), "remote.redirect", 1),
    ],
)
async def test_a_server_that_misbehaves_is_a_sentence_after_bounded_tries(
    answer: Answer,
    code: str,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    async with serving(answer) as server:
        model = opened(server.base, monkeypatch, settings)
        await ready()
        started = time.monotonic()
        with pytest.raises(ModelUnavailable) as caught:
            await model.choose(CHOOSE, ["a", "b"])
    assert caught.value.code == code
    assert len(server.questions) == times
    assert time.monotonic() - started < 60
    assert server.headers[0]["authorization"] == f"Bearer {CANARY}"
    seen = caught.value.text("en") + caught.value.text("zh") + str(caught.value.problem())
    seen += "".join(capfd.readouterr())
    assert CANARY not in seen
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "127.0.0.1" in caught.value.text("zh")


@pytest.mark.parametrize("answer", [stall, trickle])
async def test_a_server_that_stalls_is_given_up_in_time(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(answer) as server:
        hasty = settings.model_copy(update={"model_seconds": 0.5})
        model = opened(server.base, monkeypatch, hasty)
        await ready()
        started = time.monotonic()
        with pytest.raises(ModelUnavailable) as caught:
            await model.choose(CHOOSE, ["a", "b"])
    assert caught.value.code in ("remote.slow", "remote.silent")
    assert time.monotonic() - started < 30


async def test_nothing_listens_there(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    async with serving(close) as server:
        pass
    model = opened(server.base, monkeypatch, settings)
    with pytest.raises(ModelUnavailable) as caught:
        await model.choose(CHOOSE, ["a", "b"])
    assert caught.value.code == "remote.unreachable"
    assert caught.value.exit_code == 4


async def test_stop_closes_the_connection_at_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    async with serving(stall) as server:
        model = opened(server.base, monkeypatch, settings)
        asking = asyncio.create_task(model.choose(CHOOSE, ["a", "b"]))
        await server.asked.wait()
        asking.cancel()
        stopped = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server.hung_up.wait(), 10)
        assert time.monotonic() - stopped < 10


async def test_a_provider_that_nobody_knows(settings: Settings) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await RemoteModel("nobody/nothing", settings).choose(CHOOSE, ["a", "b"])
    assert caught.value.code == "remote.unknown_provider"


@pytest.mark.parametrize(
    ("environment", "model", "host", "here"),
    [
        ({}, "openai/gpt-4o", "api.openai.com", False),
        ({}, "anthropic/claude-sonnet-4-5", "api.anthropic.com", False),
        ({}, "ollama/qwen3", "localhost", True),
        ({}, "strange/one", "strange", False),
        ({"OPENAI_API_BASE": "http://127.0.0.1:1/v1"}, "openai/local", "127.0.0.1", True),
        ({"OPENAI_BASE_URL": "http://[::1]:1/v1"}, "openai/local", "::1", True),
        ({"OPENAI_API_BASE": "http://127.0.0.1@evil.example"}, "openai/x", "evil.example", False),
        ({"OPENAI_API_BASE": "http://localhost.evil.example"}, "openai/x", None, False),
        ({"OPENAI_API_BASE": "http://127.0.0.1.nip.io/v1"}, "openai/x", None, False),
        ({"OLLAMA_API_BASE": "http://gpu.lan:11434"}, "ollama_chat/q", "gpu.lan", False),
    ],
)
def test_where_a_name_leads(
    environment: dict[str, str],
    model: str,
    host: str | None,
    here: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = provider_of(model)
    assert found.here is here
    assert host is None or found.host == host


@pytest.mark.parametrize("address", ["127.0.0.1:8000/v1", "file:///etc", "http://", "http://h:x"])
def test_an_address_that_is_none_names_its_variable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", address)
    with pytest.raises(ModelUnavailable, match="OPENAI_API_BASE"):
        provider_of("openai/local")


@pytest.fixture(scope="session")
def real_server() -> Iterator[str]:
    """Return the address of llama-cpp-python's own server with the 1.5B model."""
    here = config.load()
    if not DEFAULT.present(here):
        pytest.skip(f"the model is not at {DEFAULT.path(here)}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = Path(__file__).with_name("llama_server.py")
    command = [sys.executable, str(script), str(DEFAULT.path(here)), str(port)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"OMP_WAIT_POLICY": "passive"} | os.environ,  # spinning threads starve beside others
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


async def test_a_real_server_chooses_and_fills_under_a_type(
    real_server: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    patient = settings.model_copy(update={"model_seconds": 600})
    model = opened(real_server, monkeypatch, patient)
    prompt = Prompt(
        system="Answer with JSON: the name of the program that is meant.",
        user="heart: draws a heart\ntraffic: simulates cars on roads\nWish: 城市交通流量",
        prefill='{"program": "',
    )
    choice = await model.choose(prompt, ["heart", "traffic"])
    assert choice.name == "traffic"
    assert choice.tokens > 40
    asked = Prompt(system="You read lights.", user="The light is green for 25 seconds.")
    answer = await model.typed(asked, Light, grammar="")
    assert answer.value == Light(colour="green", seconds=25)


def test_the_command_line_plans_with_a_real_server(
    real_server: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", real_server)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("INTENTOS_MODEL_SECONDS", "600")
    command = [sys.executable, "-m", "intentos", "ask", "a lamp on a chain of 2 metres, to and fro"]
    done = subprocess.run(
        [*command, "--model", "openai/local", "--yes", "--json"], capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    assert told["status"] == "completed", done.stderr
    assert told["plan"]
    [use] = told["models"]
    assert (use["name"], use["host"], use["cost"]) == ("openai/local", "127.0.0.1", 0.0)
    assert use["tokens"] > 100
    seen = [done.stdout, done.stderr]
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert kept
    assert not any(CANARY in text for text in seen)
    assert not any(CANARY.encode() in data for data in kept)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude_tool", "openai/claude-sonnet-4-5"),
        ("deepseek_thinks", "openai/deepseek-reasoner"),
        ("retry_after_busy", "openai/gpt-4o-mini"),
    ],
)
async def test_recorded_answers_of_larger_models_are_understood(
    name: str, model: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    # Not measured with a real one: the recordings are made by hand in the real wire format.
    async with serving(*recording(name)) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        answer = await RemoteModel(model, settings).typed(CHOOSE, Light, grammar="")
    assert answer.value == Light(colour="red", seconds=40)
    if name == "claude_tool":
        assert "temperature" not in server.questions[0]


async def test_a_recorded_program_is_cut_out_of_its_chatter(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    shape = re.compile(r"Task: .*\nAnswer: .*\n```python\n.*?```", re.DOTALL)
    async with serving(*recording("qwen_python")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        model = RemoteModel("openai/qwen3-32b", settings)
        done = await model.complete(CHOOSE, grammar="", shape=shape)
    assert done.text.startswith("Task: Add")
    assert done.text.endswith("```")
    assert server.questions[0]["messages"][-1]["content"].endswith("/no_think")


async def test_a_large_model_fills_every_parameter_in_one_typed_call(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, registry: Registry
) -> None:
    recipe = Library(registry, settings).get("pendulum")
    names = [parameter.name for parameter in recipe.parameters]
    given = dict.fromkeys(names, None) | {"length": 2.5, "gravity": 1.62}
    async with serving(completion(json.dumps(given))) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        model = RemoteModel("openai/gpt-4o", settings)
        text = "a pendulum on the moon, its rope two and a half metres long"
        proposal = await recall.fill(text, recipe, registry, model)
    [question] = server.questions
    schema = question["response_format"]["json_schema"]["schema"]
    assert set(schema["properties"]) == set(names)
    assert proposal.values["length"] == 2.5
    assert proposal.values["gravity"] == pytest.approx(1.62)
    # "On the moon" is no number: it is told that this one was guessed.
    assert any(a.parameter == "gravity" for a in proposal.plan.assumptions)
    assert not proposal.accounted


async def test_a_number_that_the_person_did_not_say_does_not_overrule_one_that_they_did(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, registry: Registry
) -> None:
    recipe = Library(registry, settings).get("pendulum")
    given: dict[str, object] = {p.name: None for p in recipe.parameters} | {"length": 7.0}
    async with serving(completion(json.dumps(given))) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base)
        model = RemoteModel("openai/gpt-4o", settings)
        proposal = await recall.fill("a pendulum 3 m long", recipe, registry, model)
    assert proposal.values["length"] == 3.0
