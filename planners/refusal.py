"""Says no before any code is written, where no program can know or do what is wished.

The model scores the names of a few kinds of things that no program can know; code would invent an
answer. A wish is refused where one of them is likelier than something to compute.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from intentos.errors import PlanningError
from intentos.types import Intent

from . import numbers, unknowable
from .model import Model, Prompt
from .recall import CERTAIN, LIKELY

COMPUTE = "compute"
KINDS = (
    "weather", "news", "prices", "facts", "writing", "translation", "advice", "action", "fortune",
)  # fmt: skip
CLEAR = 0.7
"""Log-odds between the two likeliest reasons from which the first is told and not a general one."""
FAR = 2.5
"""Log-odds of a reason against something to compute from which a wish with numbers is refused."""
LEAD = 1.0
"""By how much something to compute must be likelier than any reason in a plain question."""
_ASKS = re.compile(
    r"[?？]|[吗呢]|谁|哪|什么|怎么|咋|多少|^\W*(?:what|which|who|whose|when|where|how|why|does|do|did"
    r"|is|are|was|were|can|could|will|would|has|have|should)\b",
    re.IGNORECASE,
)


_PERHAPS = re.compile(
    r"\b(?:tomorrow|yesterday|tonight|right now|this morning|news|headlines?|translate"
    r"|next (?:week|month|year)'?s?|who (?:won|wins|will|is|was)|will .{0,30}\bwin"
    r"|\w+'s birthday|current price|what should i|summari[sz]e (?:this|the|my)"
    r"|what year (?:did|was)|when (?:did|was|were) (?:the |it )?\w+(?: \w+)? "
    r"(?:sink|born|built|die|invented|founded|discovered|written))\b"
    r"|明天|后天|昨天|今晚|今天(?:晚上|早上)?(?:吃|有什么|会)|下(?:周|期|个月|星期)|开奖|新闻|翻译|天气预报"
    r"|谁(?:赢|是|会)|哪[天年](?:生|出生|发明|建成)|现在.{0,12}(?:汇率|股价|多少钱|换多少)",
    re.IGNORECASE,
)
"""What programs mostly cannot know, but a recipe may: "is the moon full tonight"."""
_PLAINLY = re.compile(
    r"\b(?:remind me|who (?:wrote|invented|discovered|are you)|how are you|set an alarm"
    r"|(?:write|compose|draft) (?:me |us )?(?:an? |the )?(?:\w+ ){0,2}"
    r"(?:letter|poem|haiku|story|essay|song|email|joke|speech)|tell (?:me|us) (?:a |another )?"
    r"(?:joke|story)|recommend (?:me )?(?:an? )?(?:good )?\w+"
    r"|book (?:me )?an? (?:train|flight|plane|hotel|room|table|seat|ticket|taxi)|order me an?"
    r"|order an? (?:pizza|taxi|cab|meal|drink)|price of (?:gold|oil|bitcoin|\w+ today)"
    r"|which (?:\w+ )?(?:stocks?|shares?|books?|films?|movies?|phones?|jobs?) should i"
    r"|(?:the )?capital of (?-i:[A-Z])\w+|weather (?:in|for|today|forecast) (?-i:[A-Z])\w+"
    r"|(?:logo|website|slides|presentation|power ?point) (?:for|about)|meaning of life)\b"
    r"|写一?[封首篇段个](?:情书|信|诗|作文|文章|邮件|故事|歌)|写[^，。]{0,8}(?:的诗|邮件|作文|情书|请假条|演讲稿)"
    r"|[讲说]个?(?:笑话|故事)|提醒我|闹钟|订(?:一张|票|餐|房)|谁(?:发明|发现|写)|你是谁|推荐|该不该"
    r"|怎么(?:减肥|追|安装|学好)|[给跟][^，。]{0,4}打(?:个|一个)?电话|发(?:一?[条个封])?(?:短信|微信|邮件)"
    r"|天气怎么样|做一?个网页",
    re.IGNORECASE,
)


_TASTE = re.compile(
    r"\bwhat (?:should|shall|can|do) (?:i|we) (?:eat|cook|wear|buy)\b"
    r"|(?:吃|穿|买|送)(?:点儿?|些)?(?:什么|啥)[好呢呀啊]*[？?。!！]?$|吃什么药",
    re.IGNORECASE,
)
"""What is a matter of taste, whatever recipe speaks of such an evening."""


_FUTURE = re.compile(
    r"\b(?:which|what) (?:\w+ )?(?:numbers?|team|horse|party|stocks?|side|player) will "
    r"(?:win|rise|come|be drawn)\b|\bpredict (?:the )?(?:lottery|winning)\b|\bwho will win\b"
    r"|(?:下一?期|下次|明天|今晚)[^。？?]{0,10}(?:中奖|开奖|号码|开什么|出什么号)|哪[个只支]?(?:股票|球队|马)(?:会|能)(?:涨|赢)"
    r"|预测[^。？?]{0,6}(?:彩票|号码|比赛结果)"
    r"|谁会赢(?=[^。？?]*(?:杯|赛|选|冠军))|(?:杯|赛|选)[^。？?]{0,12}谁会赢",
    re.IGNORECASE,
)


def doubtful(text: str, chance: float = 0.0) -> bool:
    """Whether a text speaks of what programs mostly cannot know: then that is asked first.

    ``chance``: how likely it is that a recipe is meant; its own words are no reason for doubt,
    except where an outcome is asked for: odds can be computed, outcomes cannot.
    """
    if plainly(text, chance) is not None:
        return True
    if chance >= CERTAIN or unknowable.computable(text):
        return False
    return _PLAINLY.search(text) is not None or (
        chance < LIKELY and _PERHAPS.search(text) is not None
    )


def plainly(text: str, chance: float = 0.0) -> str | None:
    """Return the kind of thing that no program can know or do, where rules alone are sure of it.

    ``chance``: how likely it is that a recipe is meant.
    """
    if foretells(text):
        return "fortune"
    if chance < 1 and _TASTE.search(text.strip()):
        return "advice"
    return unknowable.kind(text) if chance < CERTAIN else None


def foretells(text: str) -> bool:
    """Whether a text asks which numbers, team or share will win; no recipe can know."""
    return _FUTURE.search(text) is not None


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/refuse.md").read_text("utf-8")


async def refuse(intent: Intent, model: Model) -> int:
    """Return the tokens that it took to see that a program may answer the wish.

    Raises:
        PlanningError: no program can; the message says why, and what can be done instead.
        ModelUnavailable: the model cannot be used.
    """
    if intent.attachments:  # then there is something to compute on
        return 0
    text = " ".join(intent.text.split())[:600]
    if plain := plainly(text):
        raise PlanningError(f"refused.{plain}")
    if unknowable.computable(text):
        return 0
    prompt = Prompt(system=system(), user=f"Wish: {text}", prefill='{"kind": "')
    choice = await model.choose(prompt, [COMPUTE, *KINDS])
    against = {name: odds for name, odds in choice.odds.items() if name != COMPUTE}
    reason, *others = sorted(against, key=lambda name: -against[name])
    if against[reason] - choice.odds[COMPUTE] <= _needed(text):
        return choice.tokens
    clear = against[reason] - against[others[0]] > CLEAR
    raise PlanningError(f"refused.{reason if clear else 'unknowable'}")


def _needed(text: str) -> float:
    """Return by how much a reason must be likelier than something to compute.

    Far more where there is a date to compute with and no word raises a doubt: "in which season does
    29 February 2096 lie?". Less for a question without any number: most of those ask for what only
    the world knows, where few scenes to be drawn do.
    """
    if any(m.kind == "number" and not m.weak for m in numbers.read(text)) and not doubtful(text):
        return FAR
    return -LEAD if _ASKS.search(text) else 0.0
