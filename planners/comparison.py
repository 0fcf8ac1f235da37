"""What is said about earlier runs: "go back", and "compare both"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from intentos.errors import PlanningError
from intentos.plan import RUN, Plan, Step
from intentos.protocols import Proposal, Table
from intentos.quantity_names import quantity_words
from intentos.types import Json, Language, Value, Words, language_of

_BACK = re.compile(
    r"\b(?:go|going|take me|switch|change(?: it)?|put it|revert) back\b|\bundo\b|\brevert\b"
    r"|\bas it was(?: before)?\b|\bback to (?:the )?(?:previous|first|last|original|earlier|old)\b"
    r"|\b(?:the )?previous (?:one|version)\b|\b(?:back|return|go) to (?:what|how"
    r"|where) (?:it was|we had|we were|i had)\b"
    r"|\bback to (?:the )?(?:very )?(?:first|previous|start|beginning|one before)\b"
    r"|\bbring (?:it|that) back\b|\bbring back (?:the )?(?:first|last|old|previous|original"
    r"|earlier|other)\b|\bi (?:liked|prefer(?:red)?) (?:it |the one )?before\b"
    r"|\b(?:that|it) was better before\b|\b(?:the )?(?:first|last|earlier|old) (?:one"
    r"|version) (?:was|is|looked) (?:better|nicer)\b"
    r"|撤销|撤回|退回|(?:回到?|退到?|倒回到?|返回到?|切回|跳回)(?:去)?(?:上一?|之前|前一?|前面"
    r"|刚才|原来|先前|最初|第一|一开始|最开始|起初|开头)|返回(?:上一|之前)|改回(?:去|来|原)"
    r"|变回|换回"
    r"|还原|(?:退|倒|改|变|换|调)回(?:去|来)?|(?:刚才|之前|上一?|原来|前面"
    r"|第一)[^。,，]{0,6}(?:更?好|好看|满意)|不改了|取消(?:刚才|上一|这)|恢复(?:原|到|成)"
    r"|还是(?:原来|刚才|之前|上一)(?!.*(?:快|慢|大|小|多|少)一?点)",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\b(?:very )?first\b|\boriginal(?:ly)?\b|\bbeginning\b|最初|最开始|第一[个次版]|一开始",
    re.IGNORECASE,
)
_COMPARE = re.compile(
    r"\bcompare\s+(?:both|them|the two|these two|those two|the results?|the last two|it|with)\b"
    r"|\bcompare\s*[.!?]*$|\bside by side\b|\bwhat(?:'s| is) the difference\b"
    r"|\bhow do they differ\b|\bnext to (?:each other|one another)\b|\bcompar(?:e"
    r"|ison)\b[^.]{0,30}\b(?:runs?|results?|versions?|both|before|previous)\b"
    r"|\b(?:against|versus|vs\.?) (?:the )?(?:previous|last|first|old|earlier|before)\b"
    r"|(?:两[个次者种张]|一下|前后|它们)[^。]{0,8}(?:对比|比较|比一比|比一下)|对比"
    r"|比较一下|比一比|比一下|比比|(?:和|跟|与)(?:上一?[次个]|之前|刚才|前一?[次个]"
    r"|原来)[^。]{0,6}(?:比|差)|放(?:到|在)?一?(?:起|块儿?)(?:看|比)|(?<!归)并排"
    r"|有什么(?:不同|区别|差别)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\w+")
_CODE = """
import numpy as np
from PIL import Image, ImageSequence, ImageDraw, ImageFont
import matplotlib.font_manager as fonts

sides = parameters["sides"]
for name, pair in parameters["numbers"].items():
    report(name + "_before", pair[0], pair[2])
    report(name + "_now", pair[1], pair[2])

def frames(path):
    with Image.open(path) as image:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]

def fitted(image, side=400):
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (side, side), (16, 18, 26))
    small = image.resize(size, Image.Resampling.LANCZOS)
    canvas.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return canvas

films = [frames(inputs[key]) for key in ("before", "now") if key in inputs]
if len(films) == 2:
    found = fonts.findfont(fonts.FontProperties(family=["Noto Sans CJK SC", "DejaVu Sans"]))
    font = ImageFont.truetype(found, 17)
    most = max(map(len, films))
    count = min(most, 96)
    joined = []
    for k in range(count):
        page = Image.new("RGB", (816, 448), (16, 18, 26))
        for place, film in enumerate(films):
            page.paste(fitted(film[int(k * len(film) / count)]), (place * 416, 48))
            draw = ImageDraw.Draw(page)
            text = sides[place]
            while draw.textlength(text, font=font) > 392 and len(text) > 4:
                text = text[:-2].rstrip("… ") + "…"
            draw.text((place * 416 + 8, 14), text, font=font, fill=(236, 238, 245))
        joined.append(np.asarray(page))
        progress((k + 1) / count)
    if count > 1:
        save("comparison", np.stack(joined), fps=20)
    else:
        save("comparison", Image.fromarray(joined[0]))
"""


def back(text: str, table: Table) -> Proposal | None:
    """Return what lay on the table before, where a text asks for it.

    Raises:
        PlanningError: nothing lay there before.
    """
    if _BACK.search(text) is None:
        return None
    earlier = table.earlier
    if earlier is None:
        raise PlanningError("planning.nothing_before")
    while _FIRST.search(text) and earlier.earlier is not None:
        earlier = earlier.earlier
    return Proposal(plan=earlier.plan, values=dict(earlier.values), accounted=True)


def compare(text: str, table: Table) -> Proposal | None:
    """Return a plan that shows the last two results side by side, where a text asks for it.

    Raises:
        PlanningError: there is only one result.
    """
    if _COMPARE.search(text) is None:
        return None
    before = table.earlier
    if before is None:
        raise PlanningError("planning.nothing_before")
    inputs = {}
    for key, side in (("before", before), ("now", table)):
        if (picture := _picture(side)) is not None:
            inputs[key] = f"{RUN}{side.run}/{picture}"
    both = _numbers(before, table)
    step = Step(
        id="compare",
        title=Words(en="Put them side by side", zh="并排对照"),
        language="python",
        code=_CODE.lstrip(),
        arguments={
            "sides": _sides(before, table, language_of(text)),
            "numbers": both,
        },
        inputs=inputs if len(inputs) == 2 else {},
    )
    braces = str.maketrans("{}", "()")
    before_en, now_en = (side.translate(braces) for side in _sides(before, table, "en"))
    before_zh, now_zh = (side.translate(braces) for side in _sides(before, table, "zh"))
    told = {k: _safe(side.answer) for k, side in (("before", before), ("now", table))}
    plan = Plan(
        title=Words(en="Both results side by side", zh="两次结果对照"),
        interpretation=Words(
            en=f"Compare the last two results: {before_en} with {now_en}.",
            zh=f"对照最近两次结果：{before_zh} 与 {now_zh}。",
        ),
        steps=(step,),
        answer=Words(
            en=f"Before ({before_en}): {told['before']} Now ({now_en}): {told['now']}",
            zh=f"之前（{before_zh}）：{told['before']}现在（{now_zh}）：{told['now']}",
        ),
        labels=_labels(both, table.plan),
        origin="composed",
        planner="default",
        parent=table.plan.id,
    )
    return Proposal(plan=plan, accounted=True)


def _picture(side: Table) -> str | None:
    """Return the name of the artifact that shows a side best."""
    for kind in ("image/gif", "image/png"):
        for artifact in side.artifacts:
            if artifact.media_type == kind:
                return artifact.name
    return None


def _sides(before: Table, now: Table, language: Language) -> list[str]:
    """Return what tells the two apart: the values that differ, else the titles."""
    differ = [
        name
        for name, value in now.values.items()
        if name in before.values and before.values[name] != value
    ]
    if before.plan.digest != now.plan.digest or not differ:
        return [side.plan.title.text(language, side.values) for side in (before, now)]
    knobs = [now.plan.parameter(name) for name in differ[:3]]
    return [
        ", ".join(
            f"{p.label.text(language)} {_plain(side.values[p.name])} {p.unit}".strip()
            for p in knobs
        )
        for side in (before, now)
    ]


def _numbers(before: Table, now: Table) -> dict[str, Json]:
    """Return name → both values and the unit, of the numbers that both have."""
    found: dict[str, Json] = {}
    for name, quantity in now.quantities.items():
        other = before.quantities.get(name)
        pair = (other.value if other else None, quantity.value)
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in pair):
            found[name[:50]] = [*pair, quantity.unit]
    return dict(list(found.items())[:24])


def _labels(names: Iterable[str], plan: Plan) -> dict[str, Words]:
    """Return what the numbers of both runs are called, as the code names them."""
    found: dict[str, Words] = {}
    for name in filter(_PLAIN.fullmatch, names):
        words = quantity_words(name, plan)
        found[f"{name}_before"] = Words(en=f"{words.en} (before)", zh=f"{words.zh}（之前）")
        found[f"{name}_now"] = Words(en=f"{words.en} (now)", zh=f"{words.zh}（现在）")
    return found


def _plain(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _safe(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
