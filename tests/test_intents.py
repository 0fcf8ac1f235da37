"""The cases of ``bench intents``: they are fair to the library, and they can be failed."""

from __future__ import annotations

import io
import json
import re
import unicodedata
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.sparse import csr_array
from typer.testing import CliRunner

from intentos import config
from intentos.bench import cases, cold, command, looking, oracles, summary, wishes
from intentos.bench.cases import Case, Oracle
from intentos.bench.looking import Look, look
from intentos.bench.oracles import Outcome, judge, numbers_in
from intentos.documents import read_document
from intentos.errors import InvalidPlan
from intentos.parameters import Parameter
from intentos.plan import Approval, Plan, Step
from intentos.planners.law import laws_folder
from intentos.planners.library import Library, builtin_folder
from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.types import Language, Words

ALIKE = 0.8
"""Share of common pieces from which two sentences count as one."""

# The cases ---------------------------------------------------------------------------------------


def test_there_are_enough_cases_in_both_languages_and_both_parts() -> None:
    every = [case for case in cases.every() if case.part != "rehearsed"]
    kinds = Counter(case.kind for case in every)
    assert kinds["wish"] >= 210
    assert kinds["conversation"] >= 30
    assert kinds["unheld"] >= 20
    assert len({case.name for case in every}) == len(every)
    for kind in kinds:
        languages = Counter(case.language for case in every if case.kind == kind)
        assert abs(languages["zh"] - languages["en"]) <= 0.1 * kinds[kind], (kind, languages)
        parts = Counter(case.part for case in every if case.kind == kind)
        assert 0.27 <= parts["untouched"] / kinds[kind] <= 0.4, (kind, parts)


def test_every_family_is_in_both_parts_and_none_is_much_larger() -> None:
    wished = [c for c in cases.every() if c.kind == "wish" and c.part != "rehearsed"]
    families = Counter(case.family for case in wished)
    assert len(families) >= 25
    assert max(families.values()) <= 2 * min(families.values()), families
    for family in families:
        assert {c.part for c in wished if c.family == family} == {"tuned", "untouched"}, family


def test_many_wishes_are_said_in_both_languages_and_pairs_stay_in_one_part() -> None:
    pairs: dict[tuple[str, str, bool], list[Case]] = {}
    for case in cases.every():
        if case.pair:
            key = case.family, case.pair, case.part == "rehearsed"
            pairs.setdefault(key, []).append(case)
    assert len(pairs) >= 90
    for pair in pairs.values():
        assert [case.language for case in pair] == ["zh", "en"]
        assert len({case.part for case in pair}) == 1


def test_every_case_can_be_failed_by_a_program_that_answers_anything() -> None:
    for case in cases.every():
        asked = case.oracles[-1].model_fields_set - {"tolerance", "about"}
        assert asked or case.oracles[-1].about, case.name
        for oracle in case.oracles:
            for pattern in (oracle.about, oracle.new, oracle.answers):
                assert not pattern or not re.search(pattern, "", re.IGNORECASE), pattern


def test_no_case_stands_in_a_recipe_nor_nearly_so() -> None:
    documents = [
        read_document(path.read_text("utf-8"), path.name)
        for folder in (builtin_folder(), laws_folder())
        for path in sorted(folder.glob("*.yaml"))
    ]
    held: list[Any] = [one for document in documents for one in document.get("laws", [document])]
    phrasings = [phrase for one in held for phrase in _strings(one["phrasings"])]
    assert len(phrasings) > 500
    said = cases.every()
    for language, size in (("zh", 2), ("en", 3)):
        ours = [case.says[0] for case in said if case.language == language]
        shares = _alike(ours, phrasings, size)
        found = [
            f"{ours[i]!r} and the recipes' {phrasings[j]!r}: {shares[i, j]:.2f}"
            for i, j in zip(*np.nonzero(shares >= ALIKE), strict=True)
        ]
        assert not found, "\n".join(found)


def test_likeness_sees_other_marks_and_capitals_but_not_other_wishes() -> None:
    said, held = ["Draw a heart!"], ["draw a heart", "count the primes"]
    same, other = _alike(said, held, 3)[0]
    assert same == 1
    assert other < 0.2
    assert _alike(["画一颗红心"], ["画一颗红心吧"], 2)[0, 0] >= ALIKE
    assert _alike(["haha", "ha"], ["hahaha"], 2)[:, 0] == pytest.approx([2 * 3 / 8, 2 * 1 / 6])


@pytest.mark.parametrize(
    "entry",
    [
        "{part: tuned, family: x, zh: 一, en: one}",  # two languages without a name
        "{part: tuned, family: x, pair: p, en: one}",
        "{part: tuned, family: x}",
        "{part: tuned, family: x, en: [one, two]}",  # nothing for the second sentence
        "{part: tuned, family: x, en: one, number: [1]}",
        "{part: other, family: x, en: one}",
    ],
)
def test_a_case_that_is_not_well_formed_is_refused(tmp_path: Path, entry: str) -> None:
    for file in cases.FILES:
        (tmp_path / f"{file}.yaml").write_text(f"schema: 1\ncases:\n  - {entry}\n", "utf-8")
    with pytest.raises(InvalidPlan):
        cases.every(tmp_path)


def test_cases_are_chosen_by_part_family_and_words() -> None:
    every = cases.every()
    untouched = cases.choose(every, part="untouched")
    assert {case.part for case in untouched} == {"untouched"}
    rehearsed = cases.choose(every, part="rehearsed")
    assert {case.part for case in rehearsed} == {"rehearsed"}
    assert len(untouched) + len(cases.choose(every, part="tuned")) + len(rehearsed) == len(every)
    chosen = cases.choose(every, part=None, family="Finance", match="MORTGAGE|房贷|loan")
    assert {case.pair for case in chosen} == {"mortgage"}


def test_cold_starts_are_spread_over_wishes_with_pictures() -> None:
    chosen = cold.pick(cases.every(), 10)
    assert len({case.name for case in chosen}) == 10
    assert all(case.kind == "wish" for case in chosen)


# Oracles -----------------------------------------------------------------------------------------


def outcome(answer: str = "It is done.", **fields: Any) -> Outcome:
    """Return what a run led to, with only what a test speaks of."""
    report: dict[str, Any] = {
        "status": "completed",
        "badge": "plausible",
        "plan": "one",
        "answer": answer,
        "values": {},
        "parameters": {},
        "checks": [],
        "error": None,
    }
    words, seen = fields.pop("words", ""), fields.pop("look", Look())
    return Outcome(report={**report, **fields}, words=words, look=seen)


def holds(oracle: Oracle, *outcomes: Outcome, language: Language = "en") -> bool:
    """Return whether everything that is asked holds of the last outcome."""
    return all(finding.right for finding in judge(oracle, outcomes, language).values())


def quantity(value: object) -> dict[str, Any]:
    """Return one reported value."""
    return {"x": {"value": value, "unit": ""}}


def parameters(plan: str = "one", **values: object) -> Outcome:
    """Return an outcome of which only plan and parameters matter."""
    return outcome(plan=plan, parameters=values)


RIGHT_AND_WRONG: list[tuple[Oracle, list[Outcome], list[Outcome]]] = [
    (
        Oracle(numbers=(40.77, (2.5, 2500.0)), tolerance=0.01),
        [outcome("It lands 40.8 m away after 2,500 ms.")],
        [outcome("It lands 40.8 m away after 2.6 s.")],
    ),
    (Oracle(numbers=(7.0,)), [outcome(values=quantity([1, 7.0]))], [outcome(values=quantity(8))]),
    (Oracle(contains="DWW DFN"), [outcome("Out: dww dfn.")], [outcome("Out: attack.")]),
    (Oracle(answers="speed|速"), [outcome("The mean speed is 3.")], [outcome("There are 3.")]),
    (
        Oracle(holds=((0.3, 30.0), 500.0)),
        [parameters(share=30.0, birds=500)],
        [parameters(share=30.0, birds=200)],
    ),
    (Oracle(holds=(1.0,)), [parameters(n=1)], [parameters(on=True)]),
    (
        Oracle(about="torus|环面"),
        [outcome(words="A blue Torus, 环面")],
        [outcome(words="A blue sphere")],
    ),
    (Oracle(picture=True), [outcome(look=Look(pictures=1))], [outcome()]),
    (Oracle(moves=True), [outcome(look=Look(moved=0.01))], [outcome(look=Look(pictures=1))]),
    (Oracle(sound=True), [outcome(look=Look(sounds=1))], [outcome()]),
    (Oracle(colour="red"), [outcome(look=Look(hue=355.0))], [outcome(look=Look(hue=125.0))]),
    (Oracle(colour="blue"), [outcome(look=Look(hue=225.0))], [outcome(look=Look(hue=None))]),
    (
        Oracle(symmetric="left-right"),
        [outcome(look=Look(left_right=0.95))],
        [outcome(look=Look(left_right=0.4, top_bottom=0.95))],
    ),
    (
        Oracle(refused=True),
        [outcome("", status="failed", badge=None, error={"code": "planning.nothing_near",
                                                       "message": "Nothing is near."})],
        [outcome("It will rain tomorrow.")],
    ),
    (
        Oracle(refused=True),
        [outcome("", status="failed", badge=None, error={"code": "refused.weather",
                                                       "message": "No program can know it."})],
        [outcome("", status="failed", badge=None, error={"code": "value.range",
                                                       "message": "Out of range."})],
    ),
    (
        Oracle(refused=True),
        [outcome("I cannot know this.")],
        [outcome("I cannot know this.", values=quantity(12))],
    ),
    (
        Oracle(refused=True),
        [outcome("没有办法知道，无法计算。")],
        [outcome("", status="failed", badge=None, error={"code": "runtime.unexpected",
                                                       "message": "It broke."})],
    ),
    (
        Oracle(becomes=(5.0, 0.05), same_plan=True),
        [parameters(rate=0.04, years=20), parameters(rate=0.05, years=20)],
        [parameters(rate=0.04, years=20), parameters(rate=0.05, years=5)],
    ),
    (
        Oracle(becomes=(120.0,)),
        [parameters(cars=60), parameters(cars=120)],
        [parameters(cars=120), parameters(cars=120)],
    ),
    (
        Oracle(ratio=2.0),
        [parameters(length=2.0, g=9.8), parameters(length=4.0, g=9.8)],
        [parameters(length=2.0, g=9.8), parameters(length=4.0, g=19.6)],
    ),
    (
        Oracle(same_plan=True),
        [parameters(a=1), parameters(a=2)],
        [parameters(a=1), parameters("two", a=2)],
    ),
    (
        Oracle(back=True),
        [parameters(a=1), parameters(a=2), parameters(a=1)],
        [parameters(a=1), parameters(a=2), parameters(a=2)],
    ),
    (
        Oracle(compare=True),
        [outcome("You pay 3029.9."), outcome("You pay 3299.8."), outcome("3029.9 and 3299.8")],
        [outcome("You pay 3029.9."), outcome("You pay 3299.8."), outcome("You pay 3299.8.")],
    ),
    (
        Oracle(new="mandel"),
        [outcome(words="fire"), outcome(plan="two", words="The Mandelbrot set")],
        [outcome(words="mandel"), outcome(words="The Mandelbrot set")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("oracle", "right", "wrong"), RIGHT_AND_WRONG)
def test_an_oracle_tells_right_from_wrong(
    oracle: Oracle, right: list[Outcome], wrong: list[Outcome]
) -> None:
    assert holds(oracle, *right)
    assert not holds(oracle, *wrong)


def test_every_kind_of_oracle_is_shown_above() -> None:
    shown = {field for oracle, _, _ in RIGHT_AND_WRONG for field in oracle.model_fields_set}
    assert shown == Oracle.model_fields.keys()


def test_a_run_that_fails_or_fails_a_check_is_wrong_whatever_it_answers() -> None:
    oracle = Oracle(numbers=(7.0,))
    assert holds(oracle, outcome("It is 7."))
    assert not holds(oracle, outcome("It is 7.", badge="failed"))
    assert not holds(oracle, outcome("It is 7.", status="failed"))


def test_the_answer_is_in_the_language_of_the_question() -> None:
    oracle = Oracle(numbers=(7.0,))
    assert holds(oracle, outcome("一共有 7 个。"), language="zh")
    assert not holds(oracle, outcome("There are 7."), language="zh")
    assert not holds(oracle, outcome("一共有 7 个。"), language="en")
    assert not holds(Oracle(), outcome(""), language="en")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("about 4,890.17 a month", 4890.17),
        ("概率约66.7%", 0.667),
        ("概率是百分之25", 0.25),
        ("the odds are 5/36", 5 / 36),
        ("共53.74 万元", 537_400),
        ("6.02×10⁻²⁰ J", 6.02e-20),
        ("6.02e-20 J", 6.02e-20),
        ("3.97 x 10^-19 J", 3.97e-19),
        ("the slope is −1.884", -1.884),
        ("a year has 1.2 million", 1.2e6),
        ("12586269025", 12586269025),
    ],
)
def test_numbers_are_read_however_they_are_written(text: str, told: float) -> None:
    assert any(abs(number - told) <= 1e-9 * abs(told) for number in numbers_in(text))


def test_what_is_no_number_of_its_own_is_not_read() -> None:
    assert numbers_in("H2O and x3, v1.2b") == []
    assert 5.0 not in numbers_in("12.5")
    assert -4.0 not in numbers_in("from 3-4")


@given(st.floats(min_value=-1e12, max_value=1e12, allow_nan=False))
def test_any_number_printed_in_a_sentence_is_read_again(number: float) -> None:
    assert number in numbers_in(f"得数是{number!r}。")
    assert any(abs(n - round(number, 2)) < 1e-9 for n in numbers_in(f"It is {number:,.2f} m."))


# Pictures and sounds -----------------------------------------------------------------------------


def disc(x: int, colour: tuple[int, int, int] = (220, 30, 40)) -> np.ndarray[Any, Any]:
    """Return a disc on a dark ground, 96 × 128."""
    rows, columns = np.mgrid[:96, :128]
    picture = np.full((96, 128, 3), 12, np.uint8)
    picture[(rows - 48) ** 2 + (columns - x) ** 2 < 400] = colour
    return picture


def test_a_film_in_which_something_moves_is_told_from_one_that_stands(tmp_path: Path) -> None:
    moving, standing = tmp_path / "moving.mp4", tmp_path / "standing.mp4"
    iio.imwrite(moving, np.stack([disc(30 + 3 * n) for n in range(20)]), fps=10)
    iio.imwrite(standing, np.stack([disc(64)] * 20), fps=10)
    assert look({moving: "video/mp4"}).moved > looking.MOVED
    assert 8 <= len(looking._frames(moving)) <= 24
    seen = look({standing: "video/mp4"})
    assert (seen.pictures, seen.moved) == (1, 0.0)


def test_a_thin_hand_that_turns_is_seen() -> None:
    frames = [disc(64), disc(64)]
    frames[1][20:40, 64] = 255
    assert looking.moved(frames) > looking.MOVED


@pytest.mark.parametrize(
    ("colour", "name"),
    [((220, 30, 40), "red"), ((30, 200, 60), "green"), ((40, 70, 230), "blue"),
     ((240, 210, 40), "yellow"), ((150, 50, 220), "purple")],
)  # fmt: skip
def test_the_hue_of_what_is_drawn_is_measured(colour: tuple[int, int, int], name: Any) -> None:
    hue = looking.hue(disc(40, colour))
    for other in oracles.HUES:
        there = holds(Oracle(colour=other), outcome(look=Look(hue=hue)))
        assert there or other != name
    assert looking.hue(disc(40, (200, 200, 200))) is None


def test_a_mirror_image_is_found_about_the_line_that_suits_it() -> None:
    assert looking.mirrored(disc(58), axis=1) > 0.95
    lopsided = disc(64)
    lopsided[30:90, 64:120] = 200
    assert looking.mirrored(lopsided, axis=1) < oracles.MIRRORED


def test_blank_broken_and_silent_files_show_nothing(tmp_path: Path) -> None:
    blank, broken, silent = tmp_path / "a.png", tmp_path / "b.mp4", tmp_path / "c.wav"
    iio.imwrite(blank, np.full((20, 20, 3), 200, np.uint8))
    broken.write_bytes(b"no film")
    _write_wav(silent, np.zeros(800))
    assert look({blank: "image/png", broken: "video/mp4", silent: "audio/wav"}) == Look()
    tone = tmp_path / "d.wav"
    _write_wav(tone, np.sin(np.arange(800) / 3))
    assert look({tone: "audio/wav"}).sounds == 1


def test_a_still_picture_is_one_and_does_not_move(tmp_path: Path) -> None:
    still, grey = tmp_path / "still.png", tmp_path / "grey.png"
    iio.imwrite(still, disc(64))
    iio.imwrite(grey, disc(64)[..., 0])
    seen = look({still: "image/png", grey: "image/png"})
    assert (seen.pictures, seen.moved) == (2, 0.0)


# The bench ---------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The library as it is, and no recipes of one's own."""
    return Library(Registry(), config.load().model_copy(update={"home": tmp_path}))


async def test_work_that_nobody_asked_for_is_turned_down(library: Library) -> None:
    name, plan = _recipe_with_work(library)
    parameter = plan.parameter(name)
    usual = plan.defaults

    async def decided(examiner: wishes.Examiner, said: str) -> object:
        examiner.hear(said)
        return await examiner.approve(plan, usual, run="r", why="")

    small = await decided(wishes.Examiner(library, full_size=False), "show me")
    assert isinstance(small, Proposal)
    assert small.values[name] != usual[name]
    said = await decided(
        wishes.Examiner(library, full_size=False), f"show me {parameter.default!r}"
    )
    assert not isinstance(said, Proposal) or said.values[name] == usual[name]
    assert isinstance(await decided(wishes.Examiner(library, full_size=True), ""), Approval)
    judged = wishes.Examiner(library, full_size=False)
    judged.in_full = True
    assert isinstance(await decided(judged, ""), Approval)


async def test_a_smaller_plan_is_approved_once_and_a_follow_up_left_as_it_is(
    library: Library,
) -> None:
    _, plan = _recipe_with_work(library)
    examiner = wishes.Examiner(library, full_size=False)
    small = await examiner.approve(plan, plan.defaults, run="r", why="")
    assert isinstance(small, Proposal)
    approval = await examiner.approve(plan, small.values, run="r", why="")
    assert isinstance(approval, Approval)
    assert approval.plan_digest == plan.digest
    assert approval.scope == "once", "a later case must ask again"
    assert isinstance(await examiner.approve(plan, plan.defaults, run="s", why=""), Approval)
    examiner.forget()
    assert isinstance(await examiner.approve(plan, plan.defaults, run="t", why=""), Proposal)


def case(**fields: Any) -> Case:
    """Return one case."""
    usual = {
        "kind": "wish", "part": "tuned", "family": "x", "pair": "", "language": "en",
        "says": ("one",), "oracles": (Oracle(picture=True),),
    }  # fmt: skip
    return Case.model_validate(usual | fields)


def test_rates_badges_pairs_and_seconds_are_counted() -> None:
    verified = outcome(badge="verified", origin="recipe")
    rows = [
        summary.Row.of(case(pair="p", language="zh"), wrong=[], outcomes=[verified]),
        summary.Row.of(case(pair="p"), wrong=["numbers: 3"], outcomes=[verified]),
        summary.Row.of(case(pair="q", language="zh"), wrong=[], outcomes=[outcome(plan="a")]),
        summary.Row.of(case(pair="q"), wrong=[], outcomes=[outcome(plan="b")]),
        summary.Row.of(case(), wrong=["2 completed: failed, value.range: too far"]),
        summary.Row.of(case(kind="unheld", family="odd"), wrong=["crashed"], crashed=True),
    ]
    found = summary.summarise(rows)
    assert found["total"] == {"right": 3, "of": 6}
    assert found["held"] == {"right": 3, "of": 5}
    assert found["missed"] == {"numbers": 1, "completed (value.range)": 1, "other": 1}
    assert found["by"]["language"] == {
        "en": {"right": 1, "of": 4}, "zh": {"right": 2, "of": 2}
    }  # fmt: skip
    assert found["by"]["origin"]["recipe"] == {"right": 1, "of": 2}
    assert found["wrong_by_badge"]["verified"] == {"wrong": 1, "of": 2}
    assert list(found["verified_and_wrong"].values()) == [1]
    assert found["same_plan"] == {"same": 1, "of": 2}
    assert found["crashed"] == 1
    assert [summary.quantile([4, 1, 3, 2], share) for share in (0.5, 0.95)] == [2, 4]
    assert summary.quantile([], 0.5) is None


async def test_a_case_that_crashes_is_wrong_and_the_others_go_on() -> None:
    from pydantic_evals import Case as EvalCase
    from pydantic_evals import Dataset

    both = [case(says=("breaks",)), case(says=("works",))]

    async def ask(one: Case) -> list[Outcome]:
        if one.name == "breaks":
            raise RuntimeError("it broke")
        return [outcome(look=Look(pictures=1))]

    dataset: Dataset[Case, list[Outcome], None] = Dataset(
        name="two",
        cases=[EvalCase(name=f"{n}", inputs=one) for n, one in enumerate(both)],
        evaluators=[wishes.Oracles()],
    )
    found = wishes.rows(both, await dataset.evaluate(ask, max_concurrency=1, progress=False))
    assert [(row.right, row.crashed) for row in found] == [(False, True), (True, False)]
    assert "it broke" in found[0].wrong[0]


def test_a_conversation_that_ends_early_is_wrong_where_it_ended() -> None:
    from pydantic_evals.evaluators import EvaluatorContext

    two = case(kind="conversation", says=("one", "two"), oracles=(Oracle(), Oracle(same_plan=True)))
    context = EvaluatorContext(
        name="0", inputs=two, metadata=None, expected_output=None, duration=0.0,
        output=[outcome(status="failed")], _span_tree=None,  # type: ignore[arg-type]
        attributes={}, metrics={},
    )  # fmt: skip
    found = wishes.Oracles().evaluate(context)
    assert not found["1 completed"].value
    assert not found["2 reached"].value


def test_a_plan_is_known_by_its_words_in_both_languages_and_by_its_choices() -> None:
    step = Step(id="s", language="python", code="pass", arguments={"shape": "$shape"})
    shape = Parameter(
        name="shape", label=Words(en="shape"), kind="choice", default="klein", choices=("klein",)
    )
    plan = Plan(
        title=Words(en="A surface", zh="曲面"),
        interpretation=Words(en="Turn it {turns} times."),
        parameters=(
            shape,
            Parameter(name="turns", label=Words(en="turns"), kind="integer", default=2),
        ),
        steps=(step,),
        origin="generated",
    )
    found = wishes.words(plan, plan.accept({"turns": 3}))
    for word in ("A surface", "曲面", "3 times", "klein"):
        assert word in found


async def test_a_wish_is_asked_for_real_and_judged() -> None:
    said = "what is the monthly payment of a loan of 200,000 at 6 % over 15 years"
    asked = case(says=(said,), oracles=(Oracle(numbers=(1687.71,)),))
    name, (row,) = await wishes.measure([asked], "none")
    assert name == "none"
    assert row.right, row.wrong
    assert (row.origin, row.tokens) == ("recipe", 0)
    assert 0 < row.plan_s[0] < 60


def test_only_tuned_cases_are_told_with_their_words() -> None:
    row = summary.Row.of(case(says=("draw a heart",)), wrong=["moves: 0 %"], outcomes=[outcome()])
    result = {"device": "here", "model": "none", "part": "tuned", "full_size": False}
    result |= summary.summarise([row])

    def shown(**more: Any) -> str:
        text = io.StringIO()
        summary.show(Console(file=text, width=200), {**result, **more})
        return text.getvalue()

    assert "draw a heart" in shown(rows=summary.details([row]))
    assert "moves: 0 %" in shown(rows=summary.details([row]))
    assert "draw a heart" not in shown()
    assert "wrong, by badge: plausible 1 of 1" in shown()


def test_the_command_prints_totals_of_the_untouched_and_keeps_them(tmp_path: Path) -> None:
    asked = next(
        c for c in cases.every() if c.part == "untouched" and c.family.startswith("economics")
    )
    out = tmp_path / "results.json"
    options = ["--untouched", "--model", "none", "--match", re.escape(asked.name), "-o", str(out)]
    ended = CliRunner().invoke(command.app, ["intents", *options])
    assert ended.exit_code == 0, ended.output
    assert "origin: " in ended.stdout
    assert "untouched cases" in ended.stdout
    kept = json.loads(out.read_text("utf-8"))["measured"][0]
    assert kept["total"]["of"] == 1
    assert asked.name not in ended.output + out.read_text("utf-8")


@pytest.mark.parametrize(
    "options", [["--tuned", "--untouched"], ["--match", "no such wish at all"]]
)
def test_an_impossible_choice_of_cases_is_refused(options: list[str]) -> None:
    assert CliRunner().invoke(command.app, ["intents", *options]).exit_code == 2


def _recipe_with_work(library: Library) -> tuple[str, Plan]:
    """Return a parameter and a plan whose only work for a test is that parameter."""
    for recipe in library.all():
        plan = recipe.plan(Registry())
        for p in plan.parameters:
            numeric = isinstance(p.default, int | float) and p.default > 3
            if p.work and numeric and recipe.test.get(p.name, p.default) != p.default:
                return p.name, plan
    raise AssertionError("no recipe turns its work down for its test")


def _strings(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    items = found.values() if isinstance(found, dict) else found
    return [text for item in items for text in _strings(item)]


def _alike(ours: list[str], theirs: list[str], size: int) -> np.ndarray[Any, Any]:
    """Return how much of the pieces of each two sentences is common (Dice), rows for ``ours``."""
    places: dict[tuple[str, int], int] = {}

    def rows(texts: list[str]) -> csr_array:
        columns = [
            [places.setdefault(piece, len(places)) for piece in _pieces(text, size)]
            for text in texts
        ]
        ends = np.cumsum([0, *map(len, columns)])
        flat = np.array([column for row in columns for column in row], int)
        return csr_array((np.ones(len(flat), np.float32), flat, ends), (len(texts), 10**6))

    one, other = rows(ours), rows(theirs)
    assert len(places) <= 10**6
    totals = one.sum(1)[:, None] + other.sum(1)[None, :]
    shares: np.ndarray[Any, Any] = 2 * (one @ other.T).toarray() / totals
    return shares


def _pieces(text: str, size: int) -> list[tuple[str, int]]:
    """Return each piece with which one of its kind it is."""
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
    pieces = [plain[n : n + size] for n in range(max(1, len(plain) - size + 1))]
    seen = Counter[str]()
    found = []
    for piece in pieces:
        found.append((piece, seen[piece]))
        seen[piece] += 1
    return found


def _write_wav(path: Path, samples: np.ndarray[Any, Any]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((samples * 20_000).astype("<i2").tobytes())
