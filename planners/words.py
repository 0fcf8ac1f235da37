"""The words of a text that tell what it is about: English stems and Chinese pairs of characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import numbers
from .formulas import Written, written

# Words that carry the sentence and not the wish.
_STOP = frozenset(
    "a an the of to in on at by for from with and or as is are was be been it its this that these "
    "those there here i me my we us our you your he she they them what which who how when where "
    "why do does did can could would should will shall may might must please let lets want like "
    "some any so if then than into onto up out about just also very really much more most s t "
    "now next instead again using use have has had get give need one two see look".split()
)
# Words that say that something shall be shown, whatever it is: they count a little.
WEAK = frozenset(
    "show draw plot make simulate simulation simulated create generate render display animate "
    "animation picture image video film movie watch compute calculate find count number run "
    "visualize visualise visualization model nice beautiful many".split()
)
WEIGHT_OF_WEAK = 0.25
_CHINESE_STOP = re.compile(
    r"帮我|现在|然后|接着|接下来|请问|请|我想要?|想要|想看|想|给我|为我|让我|我|你|能不能|可以|能否|一下|看看|看|多少|什么|怎么样?"
    r"|怎样|如何|模拟|画出|画|绘制|显示|展示|演示|动画|生成|制作|做|计算|求出|求|算出|算|一个|一颗|一只|一条"
    r"|[再的了着吗呢吧啊在是有和与及把被让到用以从每为个颗只辆]"
)
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9]*|[\u3400-\u9fff\uf900-\ufaff]+|\d+[A-Za-z]\w*")
_ARTICLE = re.compile(r"^(?:an?|the)\s+")
_VOWEL = re.compile(r"[aeiouy]")
MATHEMATICAL = re.compile(
    r"[-+*/^=√²³|(]|\b(?:sin|cos|tan|log|ln|exp|sqrt)\b|\d\s*[,，、]\s*\d"
    r"|\d\s+[-−]?\d+(?:\.\d+)?\s+[-−]?\d|(?<![A-Za-z])[xyt]\s*(?:的?(?:平方|立方|绝对值|[二三四五六]次方)|等于|加|减"
    r"|\s(?:squared|cubed|equals|plus|minus)\b)|\babsolute value of\b",
    re.IGNORECASE,
)
"""What a text with a formula or a list holds; it spares most texts the reading of formulas."""
QUOTED = re.compile(r"[\"“「『]([^\"“”「」『』]{1,200})[\"”」』]")


_ROW = re.compile(r"\d\s*[+＋×*]\s*\d[\d+＋×*\s]*[+＋×*]\s*(?:\.{2,}|…|⋯)")
"""1 + 2 + 3 + … + 50."""
_ROMAN = re.compile(
    r"(?<![A-Za-z\d])(?=[IVXLCDM]{4})M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![A-Za-z\d])"
)
_IMAGINARY = re.compile(r"(?<![a-hj-zA-Z])(?:\d|[-+(*])\s*\d*\.?\d*\s*i(?![A-Za-z])")


def mathematics(text: str) -> list[Written]:
    """Return the formulas and lists of numbers in a text; "k = 120 N/m" is none of them."""
    found = written(text) if MATHEMATICAL.search(text) else []
    if any(item.right for item in found):
        quantities = {m.text for m in numbers.read(text) if m.kind == "number" and m.unit}
        found = [item for item in found if item.right not in quantities]
    return found


_DRAWN = re.compile(
    r"(?:\b(?:plot|graph|draw|sketch|curve of|picture of)"
    r"(?:\s+(?:out|me|us|the|a|graph|curve|line|function|formula|equation|expression|of))*"
    r"|[画绘描作](?:出|一下|一个|一条)?(?:函数|曲线|方程|公式)?)[:：]?\s*$",
    re.IGNORECASE,
)
_GRAPHED = re.compile(r"\s*的?(?:函数)?(?:图[像象形]?|曲线|抛物线|双曲线|直线)(?!的)")
_OF_IT = re.compile(r"\s*的")
"""Behind a formula: then something else of it is to be drawn, such as its tangent."""


def _is_graph(text: str, item: Written) -> bool:
    """Whether a formula of x alone is to be drawn: "plot sin(x)/x", 画y=x^2."""
    if item.kind != "formula" or item.left not in ("", "y", "f(x)"):
        return False
    letters = set(re.findall(r"(?<![A-Za-z])[a-z](?![A-Za-z])", item.text))
    drawn = _GRAPHED.match(text, item.end) is not None
    before = _DRAWN.search(text[: item.start]) is not None
    drawn = drawn or (before and not _OF_IT.match(text, item.end))
    return drawn and letters - {"e"} == {"x"}


def signs(text: str) -> list[str]:
    """Return what a text holds beside words, as terms: a formula, a list of numbers, a number of
    hertz."""
    found = [f"·{'equation' if item.right else item.kind}" for item in mathematics(text)]
    found += ["·complex"] * any(_IMAGINARY.search(item.text) for item in mathematics(text))
    found += ["·progression"] * bool(_ROW.search(text))
    alone = len(mathematics(text)) == 1
    found += ["·graph"] * (alone and _is_graph(text, mathematics(text)[0]))
    found += ["·roman"] * bool(_ROMAN.search(text))
    found += ["·quoted"] * bool(QUOTED.search(text))
    return found + [
        f"·{m.unit.dimension}" for m in numbers.read(text) if m.kind == "number" and m.unit
    ]


def alike(text: str) -> str:
    """Return what two texts share that differ in spaces, capitals, article and end of sentence."""
    return "".join(_ARTICLE.sub("", text.strip().lower()).split()).rstrip(".!?。！？")


def characters(text: str) -> list[str]:
    """Return the Chinese characters of a text, marked apart from words of one character."""
    return [f"·{character}" for character in text if "\u3400" <= character <= "\u9fff"]


def without_values(text: str, *, factors: bool = True) -> str:
    """Return the text with numbers and colours blanked: they choose values, not recipes.

    ``factors``: whether "double" and "half" are blanked too; a double pendulum is another thing.
    """
    kept = list(text)
    for mention in numbers.read(text):
        if mention.kind == "factor" and not factors:
            continue
        kept[mention.start : mention.end] = " " * (mention.end - mention.start)
    return "".join(kept)


def without_formulas(text: str) -> str:
    """Return the text with formulas and lists of numbers blanked."""
    for item in written(text) if MATHEMATICAL.search(text) else ():
        text = text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    return text


_LEFT_ASIDE = re.compile(
    r"\b(?:ignor(?:e|es|ing)|neglect(?:s|ing)?|disregard(?:s|ing)?|apart from|leaving aside)\s+"
    r"(?:the\s+|any\s+|all\s+)?"
    r"(?:[a-z]+\s+)?(?:resistance|friction|drag|loss(?:es)?|sound|mass|weight|air|gravity|wind"
    r"|tax(?:es)?|fees|inflation|deaths|births)\b"
    r"|(?:不计|不考虑|忽略|不算)(?:掉)?(?:一切|任何)?[\u3400-\u9fff]{0,3}?"
    r"(?:阻力|摩擦力?|损失|损耗|声音|质量|重力|风|税|手续费|通胀|死亡)",
    re.IGNORECASE,
)


_WHO = (
    r"(?:grand)?(?:daughters?|sons?|kids?|child(?:ren)?|mum|mom|mother|dad|father|ma|pa|parents?)"
    r"|wife|husband|girlfriend|boyfriend|nephews?|nieces?|pupils?|students?|class|teacher|boss"
    r"|little (?:one|ones|boy|girl|brother|sister)|brother|sister|friends?|family"
)
_WISHED = re.compile(
    rf"\b(?:my|our|the) (?:{_WHO})(?: here)? (?:would |really |just |always |also )*"
    r"(?:want(?:s|ed)?|like[sd]?|love[sd]?|ask(?:s|ed)?|wish(?:es)?|beg(?:s|ged)?)(?: me| us)?"
    r"(?: (?:to (?:see|watch|look at|have|get)|for))?\b"
    r"|\b(?:i'd|i would|we'd|we would) (?:really |so |just )*(?:love|like|enjoy|be happy) to"
    r"(?: (?:see|watch|look at|have))?\b"
    r"|\b(?:cheer me up|surprise me|i'm bored|for fun|if you (?:can|could|would))\b"
    r"|(?:我家?|咱家?|俺家?)?(?:孙子|孙女|外孙女?|儿子|女儿|闺女|娃娃?|孩子|宝宝|老伴|老婆|老公|爸爸?|妈妈?|爷爷"
    r"|奶奶|外公|外婆|女朋友|男朋友|同学|学生|妹妹|弟弟|姐姐|哥哥)们?"
    r"(?:一直|特别|非常|很|总|也|今天|就|吵着|闹着|说)*(?:想要?|要|喜欢|爱)(?:看看?|瞧瞧?)(?:一?看)?"
    r"|给(?:大家|孩子们?|同学们?|小朋友们?|宝宝|娃)(?:来|放|看|画|演示)",
    re.IGNORECASE,
)
"""Who wishes it, and that they do, which says nothing of what: "my daughter would love to see"."""


def without_asides(text: str) -> str:
    """Return the text without who wishes it ("my son wants to see") and without what it says shall
    be left out of account: "ignoring friction"; all of it, where nothing else is said."""
    rest = _WISHED.sub(" ", _LEFT_ASIDE.sub(" ", text))
    return rest if terms(rest) else _LEFT_ASIDE.sub(" ", text)


def without_quotes(text: str) -> str:
    """Return the text without what stands in quotation marks, where more than that is said."""
    rest = QUOTED.sub(lambda match: " " * len(match.group()), text)
    return rest if terms(rest) else text


def terms(text: str) -> list[str]:
    """Return the search terms of a text: English stems and Chinese bigrams, without filler."""
    found: list[str] = []
    for match in _TOKEN.finditer(numbers.normal(text).replace("∫", " integral ")):
        token = match.group()
        if token[0] < "\u3400":
            word = token.lower()
            if word not in _STOP:
                found.append(word if word in WEAK else stem(word))
        else:
            found += _bigrams(token)
    return found


def _bigrams(run: str) -> Iterator[str]:
    for part in _CHINESE_STOP.sub(" ", run).split():
        if len(part) == 1:
            yield part
        for i in range(len(part) - 1):
            yield part[i : i + 2]


def stem(word: str) -> str:
    """Return an English word without its ending: cars → car, flies → fly, colliding → collid."""
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        short = word.removesuffix(ending)
        if short != word and len(short) >= 3 and _VOWEL.search(short):
            word = short[:-1] if short[-1] == short[-2] and short[-1] not in "lsz" else short
            break
    if word.endswith(("tion", "sion")) and len(word) > 6:
        word = word[:-3]
    elif word.endswith("er") and len(word) > 5:
        word = word[:-2]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
