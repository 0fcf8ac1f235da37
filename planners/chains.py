"""Chains of amounts: so many of these, so much for each of them, so often a day, how long in all.

Where exactly one product of all numbers of a text, or of their inverses, has the unit that is asked
for, that is the answer: dimensional analysis with everyday nouns as units (`counting.py` reads
them). Whatever is not surely read gives no plan at all, and no number is left out.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.types import Words

from . import numbers
from .conversion import labels
from .counting import Amount, Asked, Nouns, amounts, asked, in_question
from .law import Extra, Law, Measure
from .library import Recipe

_FEWEST, _MOST = 2, 6
"""Numbers in a chain; of one there is nothing to multiply, and of many nobody keeps track."""
_MORE = re.compile(
    r"\b(?:instead|than|saves?d?|another|others?|again|more|less|fewer|left|remain\w*|both|meets?"
    r"|apart|except|without|at (?:least|most)|chance|probability|average|ways|loses?|lost|leak\w*"
    r")\b"
    r"|比|再|剩|还(?!有)|又|两端|两头|一圈|相遇|追|除了|至[少多]|概率|可能性|平均|种[^树花菜]{0,2}法|漏|坏",
    re.IGNORECASE,
)
"""Words of sums, differences and chances: of what is more than a product."""
_NOUN = "#"
"""Begins the name of a dimension that is no physical one."""


@dataclass(frozen=True)
class Chain:
    """The product that has the unit which is asked for."""

    amounts: tuple[Amount, ...]
    signs: tuple[int, ...]
    """1: multiplied, -1: divided by."""
    factor: float
    """Between the units that were said and the one that is asked for."""
    asked: Asked

    @property
    def result(self) -> float:
        """What the product comes to, in the unit that is asked for."""
        pairs = zip(self.amounts, self.signs, strict=True)
        return self.factor * math.prod(amount.mention.number**sign for amount, sign in pairs)


def chain(text: str, registry: Registry, *, fewest: int = _FEWEST) -> Proposal | None:
    """Return the plan of a chain of so many amounts or more; None where it is not surely one."""
    read = chain_of(text)
    if read is None or len(read.amounts) < fewest:
        return None
    recipe = Recipe.model_validate({**_law(read, text).recipe(), "interpretation": _told(read)})
    plan = recipe.plan(registry).model_copy(update={"origin": "composed", "recipe": None})
    return Proposal(plan=plan, values=plan.defaults, accounted=False)


def chain_of(text: str) -> Chain | None:
    """Return the only product of all numbers that is what the text asks for."""
    plain = numbers.normal(text)
    if _MORE.search(plain) is not None:
        return None
    said = amounts(plain)
    if said is None or not _FEWEST <= len(said) <= _MOST:
        return None
    if (wish := asked(plain, said)) is None or (vectors := _vectors(said, wish)) is None:
        return None
    *of_each, wanted = vectors
    ways = [(1, -1) if powers else (1,) for powers in of_each]  # "8 hours a day" is a number
    fitting = [signs for signs in itertools.product(*ways) if _total(of_each, signs) == wanted]
    if len(fitting) > 1:
        # "6 beers cost 4.50, how much for 24": more of it costs more, and 5 kg last longer.
        named = [place for place, one in enumerate(said) if in_question(plain, one)]
        if any(_may_be_inverse(of_each, place, wanted) for place in named):
            return None  # twice as many workers need half the time
        fitting = [s for s in fitting if named and all(s[place] > 0 for place in named)]
    if len(fitting) != 1 or max(fitting[0]) < 0:
        return None
    factor = math.prod(one.scale**sign for one, sign in zip(said, fitting[0], strict=True))
    factor /= wish.unit.scale if wish.unit is not None else 1.0
    factor *= wish.per.scale if wish.per is not None else 1.0
    return Chain(tuple(said), fitting[0], float(f"{factor:.14g}"), wish)


def _may_be_inverse(vectors: Sequence[Counter[str]], place: int, wanted: Counter[str]) -> bool:
    """Return whether more of an amount may make less of what is asked: time, and what takes it."""
    named = vectors[place]
    again = vectors.count(named) > 1
    return again and ("time" in named or "time" in wanted)


# Solving ------------------------------------------------------------------------------------------


def _vectors(said: Sequence[Amount], wish: Asked) -> list[Counter[str]] | None:
    """Return the powers of every amount and of what is asked, with nouns as dimensions; None where
    something is counted by what nothing counts, or a number is left without any dimension."""
    groups = _groups([n for a in said for n in (a.of, *a.per, *a.maybe)] + [wish.of])
    every: list[Counter[str]] = []
    for amount in said:
        powers = Counter({name: n for name, n in amount.powers.items() if n})
        if amount.of:
            powers[groups[amount.of]] += 1
        for noun in amount.per:
            powers[groups[noun]] -= 1
        for noun in amount.maybe:
            if groups[noun] not in powers:
                powers[groups[noun]] -= 1
        every.append(powers)
    wanted = Counter({groups[wish.of]: 1}) if wish.of else Counter()
    if wish.unit is not None:
        wanted[wish.unit.dimension] += 1
    if wish.per is not None:
        wanted["time"] -= 1
    every.append(wanted)
    shared = Counter(name for powers in every for name, n in powers.items() if n)
    needed = {groups[noun] for amount in said for noun in amount.per}
    # Of nouns some are only there to tell the story; of grams and minutes none is.
    needed |= {name for powers in every for name, n in powers.items() if n and name[0] != _NOUN}
    if any(shared[name] < 2 for name in needed | set(wanted)):
        return None
    kept = [
        Counter({name: n for name, n in powers.items() if n and shared[name] > 1})
        for powers in every
    ]
    bare = (
        not powers and amount.mention.unit is None
        for powers, amount in zip(kept, said, strict=False)
    )
    return None if any(bare) or not kept[-1] else kept


def _groups(nouns: Iterable[Nouns]) -> Mapping[Nouns, str]:
    """Return one name for each set, the same where two share a name, directly or by a third."""
    bags: list[tuple[set[str], list[Nouns]]] = []
    for noun in dict.fromkeys(n for n in nouns if n):
        touching = [bag for bag in bags if bag[0] & noun]
        bags = [bag for bag in bags if not bag[0] & noun]
        words = set(noun).union(*(bag[0] for bag in touching))
        bags.append((words, [noun, *(n for bag in touching for n in bag[1])]))
    return {noun: _NOUN + min(words) for words, members in bags for noun in members}


def _total(vectors: list[Counter[str]], signs: Iterable[int]) -> Counter[str]:
    total: Counter[str] = Counter()
    for powers, sign in zip(vectors, signs, strict=True):
        for name, power in powers.items():
            total[name] += sign * power
    return Counter({name: power for name, power in total.items() if power})


# The plan -----------------------------------------------------------------------------------------


def _law(read: Chain, text: str) -> Law:
    names = _names(read)
    wish = read.asked
    whole = wish.per is None and wish.counted and not read.result.is_integer()
    up = Extra(
        name="whole", label=Words(en="so in whole ones", zh="取整"), by="ceil(wanted - 1e-9)"
    )
    return Law(
        id="chain_of_amounts",
        title=Words(en="So many times so much", zh="逐项乘除"),
        description=Words(en="A product of amounts.", zh="各个量相乘或相除。"),
        formula=_drawn(read),
        asks="wanted",
        quantities=(
            Measure(
                name="wanted", symbol="x", label=_wanted(wish), by=_product(read, names),
                unit=wish.unit.symbol if wish.unit is not None and wish.per is None else "",
                aliases=("result", "how many", "how much", "how long", "结果", "多少", "几"),
            ),
            *(
                Measure(
                    name=name, symbol=f"a_{place}", label=Words(en=one.label, zh=one.label),
                    unit=one.unit, example=one.mention.number, by=_solved(read, place - 1, names),
                )
                for place, (name, one) in enumerate(zip(names, read.amounts, strict=True), 1)
            ),
        ),
        also=(up,) if whole else (),
        phrasings={"en": (text[:200],), "zh": (text[:200],)},
    )  # fmt: skip


def _names(read: Chain) -> list[str]:
    return [f"amount_{place}" for place in range(1, len(read.amounts) + 1)]


def _parted(read: Chain, what: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what is multiplied and what it is divided by."""
    pairs = list(zip(what, read.signs, strict=True))
    return [one for one, sign in pairs if sign > 0], [one for one, sign in pairs if sign < 0]


def _product(read: Chain, names: Sequence[str]) -> str:
    over, under = _parted(read, names)
    factor = [] if read.factor == 1 else [repr(read.factor)]
    return " * ".join([*factor, *over]) + (f" / ({' * '.join(under)})" if under else "")


def _solved(read: Chain, place: int, names: Sequence[str]) -> str:
    """Return the formula of one amount from the others and the result."""
    over, under = _parted(read, names)
    own = names[place]
    factor = repr(read.factor)
    if read.signs[place] > 0:
        rest = [factor, *(name for name in over if name != own)]
        return f"{' * '.join(['wanted', *under])} / ({' * '.join(rest)})"
    rest = ["wanted", *(name for name in under if name != own)]
    return f"{' * '.join([factor, *over])} / ({' * '.join(rest)})"


def _drawn(read: Chain) -> str:
    over, under = _parted(read, [f"a_{place}" for place in range(1, len(read.amounts) + 1)])
    top, bottom = r"\,".join(over), r"\,".join(under)
    return rf"x = \frac{{{top}}}{{{bottom}}}" if under else f"x = {top}"


def _told(read: Chain) -> dict[str, str]:
    """Return the interpretation: "Take 5 kg ÷ (3 cats × 70 g per cat × 2 per day)."."""
    terms = [
        one.told(f"{{{name}:g}}") for name, one in zip(_names(read), read.amounts, strict=True)
    ]
    over, under = _parted(read, terms)
    below = f" ÷ ({' × '.join(under)})" if len(under) > 1 else f" ÷ {' '.join(under)}"
    formula = " × ".join(over) + (below if under else "")
    return {"en": f"Take {formula}.", "zh": f"算 {formula}。"}


def _wanted(wish: Asked) -> Words:
    what = labels(wish.unit) if wish.unit is not None else None
    if wish.per is None:
        counted = wish.counted.capitalize()
        return Words(en=counted or "That makes", zh=counted or "得")
    named = labels(wish.per)
    counted = wish.counted
    return Words(
        en=f"{what.en if what else counted.capitalize()} per {wish.per.symbol}",
        zh=f"每{named.zh}{what.zh if what else counted}",
    )
