"""What no program can know or do is refused before any code, with what can be done instead."""

from __future__ import annotations

import pytest

from intentos.errors import PlanningError
from intentos.planners import refusal
from intentos.planners.model import Model
from intentos.types import Intent, language_of

from .recorded import Recorded


def wish(text: str) -> Intent:
    """Return a typed intent."""
    return Intent(text=text, language=language_of(text))


async def test_the_real_model_tells_what_can_be_computed(model: Model) -> None:
    for text in (
        "what is the angle between the hands of a clock when they meet?",
        "正方形的对角线是边长的多少倍",
    ):
        assert await refusal.refuse(wish(text), model) > 0
    for text in ("how does a sad violin make you feel?", "外婆家的猫今天开心吗"):
        with pytest.raises(PlanningError):
            await refusal.refuse(wish(text), model)


@pytest.mark.parametrize("kind", refusal.KINDS)
async def test_every_kind_says_why_and_what_else_there_is(kind: str) -> None:
    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(wish("…"), Recorded(chooses=kind))
    assert caught.value.code == f"refused.{kind}"
    assert len(caught.value.text("en")) > 80
    assert language_of(caught.value.text("zh")) == "zh"


async def test_where_the_reason_is_unsure_a_general_one_is_told() -> None:
    class Unsure(Recorded):
        async def choose(self, prompt, names):  # type: ignore[no-untyped-def]
            choice = await super().choose(prompt, names)
            return type(choice)(
                name="weather", odds=dict(choice.odds) | {"weather": -0.5, "news": -0.9}, tokens=1
            )

    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(wish("does it feel warm in there?"), Unsure(chooses="weather"))
    assert caught.value.code == "refused.unknowable"


@pytest.mark.parametrize(
    "text",
    [
        "which numbers will win next week's lottery?", "写一封情书给我的女朋友", "今天有什么新闻",
        "今天晚上吃什么", "book a train to Paris", "隔壁老王是哪天生的", "translate this",
        "what is tomorrow's weather",
    ],
)  # fmt: skip
def test_what_a_program_mostly_cannot_know_is_asked_about_first(text: str) -> None:
    assert refusal.doubtful(text)


@pytest.mark.parametrize(
    "text",
    [
        "how likely is it to win the lottery", "draw a rotating heart", "画一颗会跳动的心",
        "月光下的城市", "what if the town has 5,000 people?", "今年一共有多少天",
        "how many letters are in this sentence", "三个骰子的点数之和", "10年后的存款是多少",
        "will the forest fire reach the other side",
    ],
)  # fmt: skip
def test_what_can_be_computed_is_not(text: str) -> None:
    assert not refusal.doubtful(text)


@pytest.mark.parametrize(
    "text", ["which horse will win the derby tomorrow", "预测下一期彩票号码", "谁会赢明年的世界杯"]
)
async def test_outcomes_of_the_future_are_refused_without_a_model(text: str) -> None:
    intent = Intent(text=text, language=language_of(text))
    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(intent, Recorded())
    assert caught.value.code == "refused.fortune"


@pytest.mark.parametrize(
    "text", ["which numbers will win next week's lottery?", "谁会赢下一届世界杯"]
)
def test_an_outcome_of_the_future_is_no_recipes_however_likely(text: str) -> None:
    assert refusal.doubtful(text, chance=0.99)
    assert not refusal.doubtful("how likely is it to win the lottery", chance=0.99)


async def test_where_there_is_something_to_compute_with_a_verdict_must_be_clear() -> None:
    class Leaning(Recorded):
        lead = 0.0

        async def choose(self, prompt, names):  # type: ignore[no-untyped-def]
            choice = await super().choose(prompt, names)
            odds = dict(choice.odds) | {"weather": -0.5, "compute": -0.5 - self.lead}
            return type(choice)(name="weather", odds=odds, tokens=1)

    leaning = Leaning(chooses="weather")
    for text, lead, refused in (
        ("In which season does 29 February 2096 lie?", 0.5, False),
        ("In which season does 29 February 2096 lie?", 5.0, True),
        ("Which season comes next?", 0.5, True),
        ("will it be above 20 degrees tomorrow?", 0.5, True),
    ):
        leaning.lead = lead
        if refused:
            with pytest.raises(PlanningError):
                await refusal.refuse(wish(text), leaning)
        else:
            assert await refusal.refuse(wish(text), leaning) == 1


@pytest.mark.parametrize("text", ["今天晚上吃什么", "明天穿啥好呢？", "what should I cook tonight"])
def test_tastes_are_doubted_whatever_recipe_is_near(text: str) -> None:
    assert refusal.doubtful(text, 0.95)
    assert not refusal.doubtful("今天晚上的月亮是什么样", 0.95)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("is it going to rain on Sunday", "weather"), ("后天出门要带伞吗", "weather"),
        ("what does milk cost at the moment", "prices"), ("比特币下个月会涨吗", "prices"),
        ("who composed the Moonlight Sonata", "facts"), ("圆周率是谁提出的", "facts"),
        ("draft an e-mail to my landlord", "writing"), ("写一篇800字的作文", "writing"),
        ("put this into Italian for me", "translation"), ("“再见”用日语怎么说", "translation"),
        ("order two pizzas for 8 o'clock", "action"), ("帮我订两张去西安的机票", "action"),
        ("should I call my ex again", "advice"), ("女朋友生气了怎么办", "advice"),
        ("how old is my dentist", "unknowable"), ("你猜我同桌叫什么", "unknowable"),
        ("what happened in Berlin last night", "news"), ("昨天比赛几比几", "news"),
        ("will I ever be rich", "fortune"), ("我下半年财运咋样", "fortune"),
    ],
)  # fmt: skip
async def test_what_plainly_nobody_can_know_is_refused_without_asking(text: str, kind: str) -> None:
    assert refusal.plainly(text) == kind
    with pytest.raises(PlanningError) as caught:
        await refusal.refuse(wish(text), Recorded(chooses=refusal.COMPUTE))
    assert caught.value.code == f"refused.{kind}"


@pytest.mark.parametrize(
    "text",
    [
        "it rains 5 mm an hour on a roof of 40 m²: how many litres is that by tomorrow",
        "明天下雨的概率是40%，后天是50%，两天都不下的概率多大",
        "a share of 20 euros rises by 3 % today and falls by 3 % tomorrow, what is it worth then",
        "现在油价8块一升，加45升多少钱",
        "how old is my aunt if she is 4 times as old as my son of 9",
        "draw the weather map of a storm", "模拟明天的雨", "how many letters does 'weather' have",
        "reflect a triangle with corners (1,0), (3,0), (2,2) and then translate it by (4,1)",
    ],
)  # fmt: skip
async def test_what_brings_its_numbers_along_is_refused_by_nobody(text: str) -> None:
    assert refusal.plainly(text) is None
    assert not refusal.doubtful(text)
    assert await refusal.refuse(wish(text), Recorded(chooses="weather")) == 0


@pytest.mark.parametrize(
    ("text", "lead", "refused"),
    [
        ("does the moss in your garden grow well?", 0.5, True),
        ("does the moss in your garden grow well?", 1.5, False),
        ("moss that grows over a stone", 0.5, False),
        ("moss that grows over a stone", -0.5, True),
    ],
)
async def test_a_plain_question_must_be_clearly_computable(
    text: str, lead: float, refused: bool
) -> None:
    class Leading(Recorded):
        async def choose(self, prompt, names):  # type: ignore[no-untyped-def]
            choice = await super().choose(prompt, names)
            return type(choice)(
                name="compute", odds=dict(choice.odds) | {"weather": -lead}, tokens=1
            )

    model = Leading(chooses="compute")
    if refused:
        with pytest.raises(PlanningError):
            await refusal.refuse(wish(text), model)
    else:
        assert await refusal.refuse(wish(text), model) == 1
