"""The model writes a program; it is tried in the real sandbox, and repaired once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intentos.plan import Step
from intentos.planners.generate import Draft, assemble, generate, given_up, grammar, system
from intentos.planners.model import Model, Prompt
from intentos.protocols import PlanningContext, StepContext
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Intent, Limits, Value, language_of, sha256


def wish(text: str) -> Intent:
    """Return a typed intent."""
    return Intent(text=text, language=language_of(text))


def draft(code: str, task: str = "Do it.", answer: str = "It is {total}.") -> Draft:
    """Return what a model might have written."""
    return Draft(task=task, answer=answer, code=code, tokens=1)


def test_numbers_that_the_program_names_become_parameters() -> None:
    code = 'limit = 1_000_000\nreport("total", sum(range(limit + 1)))\n'
    plan = assemble(
        draft(code, "Add 1 to 1,000,000.", "The sum up to 1000000 is {total}."),
        wish("add the numbers up to one million"),
        "m",
    )
    assert plan.origin == "generated"
    assert plan.model == "m"
    assert plan.defaults == {"limit": 1_000_000}
    assert 'limit = parameters["limit"]' in plan.steps[0].code
    assert plan.interpretation.text("en", {"limit": 5000}) == "Add 1 to 5,000."
    assert plan.answer.text("en", {"limit": 5000, "total": 7}) == "The sum up to 5,000 is 7."
    assert plan.assumptions == ()


def test_a_number_that_the_program_ignores_is_named() -> None:
    plan = assemble(draft('report("total", 3)\n'), wish("add 17 zebras to 3 lions"), "m")
    assert [a.text.en for a in plan.assumptions] == ["The number 17 in your sentence was not used."]


@pytest.mark.parametrize("answer", ["It is large.", "It is {sum}.", "It is {", "{0.__class__}"])
def test_a_sentence_without_the_results_is_replaced(answer: str) -> None:
    plan = assemble(draft('report("total", 3)\n', answer=answer), wish("总和是多少"), "m")
    assert "3" in plan.answer.text("zh", {"total": 3})


@pytest.mark.parametrize(
    ("text", "asked_for"),
    [("how many days has a leap year?", "用中文回答。"), ("闰年有多少天？", "Answer in English.")],
)
async def test_the_sentences_speak_the_language_of_the_wish(
    model: Model, text: str, asked_for: str
) -> None:
    language = language_of(text)
    prompt = Prompt(system=system(), user=f"Wish: {text} {asked_for}")
    done = await model.complete(prompt, grammar=grammar(language), max_tokens=50)
    task, answer = done.text.split("\n")[:2]
    for sentence in (task.removeprefix("Task: "), answer.removeprefix("Answer: ")):
        assert language_of(sentence) == language


def test_giving_up_names_the_last_line_and_what_is_near() -> None:
    traceback = (
        "Traceback (most recent call last):\n  File …\nNameError: name 'cat' is not defined\n"
    )
    error = given_up(traceback, ["A rotating heart", "A rainbow"])
    assert "NameError: name 'cat' is not defined" in error.text("en")
    assert "Traceback" not in error.text("en")
    assert "Closest in the library: A rotating heart, A rainbow." in error.text("en")
    assert "库里最接近的是：爱心。" in given_up("ValueError: x.", ["爱心"]).text("zh")
    assert "Closest" not in given_up("", []).text("en")
    assert "too long" in given_up(None, []).text("en")
    assert "太长" in given_up(None, ["爱心"]).text("zh")


async def test_generates_tries_and_answers(
    model: Model, registry: Registry, tmp_path: Path
) -> None:
    tried: list[StepResult] = []

    async def trial(step: Step, values: Mapping[str, Value]) -> StepResult:
        executor = registry.executor("sandbox")
        folder = tmp_path / str(len(tried))
        folder.mkdir()

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            raw = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
            return Artifact(
                id=sha256(raw), name=name, media_type=media_type, size=len(raw), step_id=step.id
            )

        context = StepContext(
            values=values, live=frozenset(), seed=1, inputs={}, workdir=folder,
            limits=Limits(wall_time=20), emit=lambda event: None, save=save,
        )  # fmt: skip
        tried.append(await executor.execute(step, context))
        return tried[-1]

    written: list[str] = []
    context = PlanningContext(trial=trial, emit=lambda event: None)
    intent = wish("前100个自然数的和是多少？")
    proposal = await generate(intent, model, context, written.append)
    assert tried[-1].status is StepStatus.OK
    assert tried[-1].started_at < datetime.now(UTC)
    names = {**proposal.values, **{k: q.value for k, q in tried[-1].values.items()}}
    assert "5050" in proposal.plan.answer.text("zh", names).replace(",", "")
    assert proposal.tokens > 0
    assert "".join(written).startswith("Task: ")
