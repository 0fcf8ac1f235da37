"""The jury of neighbours: several machines' small models propose a plan for the same wish.

This machine's own plan is one vote, every neighbour's another, one for each owner. What comes from
elsewhere is data: it is bounded, validated, pinned to the kernels of this machine and statically
checked before it counts. Plans with the same work and the same values are the same; the most votes
win, and ties go to this machine's own. A recipe that wins is taken from this machine's library, so
that nothing of it but its id and values is a neighbour's. Code of a neighbour's only stands where
this machine has no recipe itself, and is approved and walled in like any other.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import SystemRandom
from typing import TYPE_CHECKING

from pydantic import ValidationError

from intentos.config import Settings
from intentos.errors import IntentOSError, NotApproved
from intentos.plan import RUN, Assumption, Plan
from intentos.policy import WITHIN_SANDBOX
from intentos.protocols import PlanningContext, Proposal, Recipes, StepContext
from intentos.registry import Registry
from intentos.scratch import scratch_folder
from intentos.types import Artifact, Intent, Value, Words, new_id, sha256

from . import static
from .generate import LIMITS

if TYPE_CHECKING:
    from intentos.mesh.line import Line
    from intentos.mesh.wire import Peer

SEATS = 4
"""Neighbours that are asked at most."""
LANGUAGES = frozenset({"kernel", "python"})
Own = Callable[[], Awaitable[Proposal]]


class Refused(ValueError):
    """A plan of a neighbour's that does not count; says why in a word of :data:`REASONS`."""


REASONS: dict[str, Words] = {
    "none": Words(en="no plan", zh="没有计划"),
    "broken": Words(en="no readable plan", zh="计划无法读取"),
    "beyond": Words(en="a plan that reaches too far", zh="计划越界"),
    "bad_code": Words(en="code that is not allowed", zh="代码不被允许"),
}


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """One machine's vote; without a proposal it has none."""

    who: str
    """Empty: this machine."""
    proposal: Proposal | None
    why: str = ""
    recipe: bool = False
    """Whether it is a recipe of this machine's library."""


async def voted(
    intent: Intent,
    context: PlanningContext,
    own: Own,
    *,
    recipes: Recipes,
    registry: Registry,
    settings: Settings,
) -> Proposal:
    """Return the plan that most machines propose; ``own``: plans on this one.

    Where this machine has joined no mesh, or nobody there lends its planner, it is its own.

    Raises:
        IntentOSError: no machine has a plan; says why this one has none.
    """
    from intentos.errors import ExecutorUnavailable
    from intentos.mesh.identity import Identity
    from intentos.mesh.line import Line, read_membership, require
    from intentos.mesh.places import Places

    places = Places(settings)
    try:
        require()
        membership = read_membership(places.membership)
    except ExecutorUnavailable:
        return await own()
    note: Words | None = None
    try:
        async with Line(Identity.kept(places.key), membership) as line:
            asked = jurors((await line.ask(what="peers")).peers, line.identity.id)
            names = [f"{shown(peer.owner)} ({shown(peer.name)})" for peer in asked]
            if asked and context.disclose is not None:
                try:
                    await context.disclose(", ".join([*names, membership.host]), "")
                except NotApproved:
                    note = NOT_ASKED
                else:
                    mine, why, answers = await _both(line, asked, intent, own)
                    others = [
                        ballot(name, data, recipes, registry)
                        for name, data in zip(names, answers, strict=True)
                    ]
                    return _decided(mine, why, others, recipes)
    except ExecutorUnavailable as error:
        note = _cut_off(error)
    proposal = await own()
    return proposal if note is None else _noted(proposal, note)


async def _both(
    line: Line, asked: Sequence[Peer], intent: Intent, own: Own
) -> tuple[Proposal | None, IntentOSError | None, list[bytes]]:
    """Return what this machine proposes or why it does not, and what the neighbours answer."""
    others = [asyncio.create_task(_ask(line, peer, intent)) for peer in asked]
    try:
        mine, why = await _own(own)
        return mine, why, await asyncio.gather(*others)
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _decided(
    mine: Proposal | None, why: IntentOSError | None, others: Sequence[Ballot], recipes: Recipes
) -> Proposal:
    own = Ballot(who="", proposal=mine, recipe=mine is not None and _known(mine, recipes))
    ballots = [own, *others]
    winners = counted(ballots)
    if not winners:
        assert why is not None
        raise why
    chosen = winners[0].proposal
    assert chosen is not None
    if mine is not None and winners[0].who:
        chosen = replace(chosen, tokens=mine.tokens, models=mine.models)
    return _noted(chosen, told(ballots, winners))


def jurors(peers: Sequence[Peer], self_id: str) -> list[Peer]:
    """Return whom to ask, drawn by chance: nodes that lend their planner, one of each owner."""
    from intentos.mesh.proposing import LANGUAGE

    drawn = SystemRandom().sample(list(peers), len(peers))
    by_owner: dict[str, Peer] = {}
    for peer in drawn:
        able = peer.offer is not None and LANGUAGE in peer.offer.languages
        if able and peer.id != self_id and peer.state in ("free", "busy"):
            by_owner.setdefault(peer.owner, peer)
    return list(by_owner.values())[:SEATS]


async def _own(own: Own) -> tuple[Proposal | None, IntentOSError | None]:
    try:
        return await own(), None
    except NotApproved:
        raise
    except IntentOSError as error:
        return None, error  # the others may have one


async def _ask(line: Line, peer: Peer, intent: Intent) -> bytes:
    """Return what a node answers; empty: no plan."""
    from intentos.mesh import proposing
    from intentos.mesh.visitor import errand

    step, values = proposing.request(intent.text)
    answer: dict[str, bytes] = {}

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
        answer[name] = content
        return Artifact(
            id=sha256(content),
            name=name,
            media_type=media_type,
            size=len(content),
            step_id=step.id,
        )

    with scratch_folder() as folder, suppress(IntentOSError):  # then it has no vote
        context = StepContext(
            values=values,
            live=frozenset(),
            seed=0,
            inputs={},
            workdir=folder,
            limits=step.limits,
            emit=lambda event: None,
            save=save,
            language=intent.language,
        )
        # Bound to that node: nobody else may see the words, whatever becomes of it.
        await errand(line, step, context, verify="none", node=peer.id)
    return answer.get(proposing.FILE, b"")


def ballot(who: str, data: bytes, recipes: Recipes, registry: Registry) -> Ballot:
    """Return a neighbour's vote, if what it sent may count."""
    try:
        if not data:
            raise Refused("none")
        proposal, recipe = judged(data, recipes, registry)
    except Refused as refused:
        return Ballot(who=who, proposal=None, why=str(refused))
    return Ballot(who=who, proposal=proposal, recipe=recipe)


def judged(data: bytes, recipes: Recipes, registry: Registry) -> tuple[Proposal, bool]:
    """Return what a neighbour proposes, and whether it is a recipe of this machine's library.

    Raises:
        Refused: it is no plan, reaches beyond the sandbox, or holds code that is not allowed.
    """
    from intentos.mesh.proposing import MOST_BYTES, Offered

    if len(data) > MOST_BYTES:
        raise Refused("broken")
    try:
        offered = Offered.model_validate_json(data)
        plan = registry.pin(offered.plan)
        values = plan.accept(offered.values)
    except (ValidationError, RecursionError, IntentOSError) as error:
        raise Refused("broken") from error
    if any(not slot.optional for slot in plan.attachments):
        raise Refused("beyond")
    if plan.recipe is not None and recipes.vouches(plan.recipe, plan.digest):
        # Of the same work, but in this machine's words.
        return Proposal(plan=recipes.get(plan.recipe).plan, values=values), True
    if plan.attachments or plan.needs - WITHIN_SANDBOX:
        raise Refused("beyond")
    for step in plan.steps:
        reads = any(source.startswith(RUN) for source in step.inputs.values())
        if step.language not in LANGUAGES or step.executor is not None or reads:
            raise Refused("beyond")
        if step.language == "python" and static.complaint(step.code) is not None:
            raise Refused("bad_code")
    steps = tuple(s.model_copy(update={"limits": s.limits.at_most(LIMITS)}) for s in plan.steps)
    foreign = {"steps": steps, "origin": "generated", "recipe": None, "parent": None}
    named = {"id": new_id(), "planner": "neighbour", "model": shown(offered.model) or None}
    return Proposal(plan=plan.model_copy(update=foreign | named), values=values), False


def counted(ballots: Sequence[Ballot]) -> list[Ballot]:
    """Return the votes for the plan that has most of them, the one to take first; this machine's
    own comes first in ``ballots``, and where it is a recipe no neighbour's code stands against it.
    """
    groups: list[list[Ballot]] = []
    for one in ballots:
        if one.proposal is None:
            continue
        for group in groups:
            if _same(group[0], one):
                group.append(one)
                break
        else:
            groups.append([one])
    if any(not one.who and one.recipe for one in ballots):
        groups = [group for group in groups if group[0].recipe or not group[0].who]
    # Of as many votes: this machine's own, then a recipe before code.
    groups.sort(key=lambda group: (-len(group), bool(group[0].who), not group[0].recipe))
    return groups[0] if groups else []


def told(ballots: Sequence[Ballot], winners: Sequence[Ballot]) -> Words:
    """Return how they voted, for the card."""
    for_it = [one.who for one in ballots if any(one is other for other in winners)]
    against = [one for one in ballots if one.who not in for_it]
    en = [f"{len(for_it)} of {len(ballots)} machines propose this plan: {_names(for_it).en}."]
    zh = [f"{len(ballots)} 台机器中有 {len(for_it)} 台提出这个计划：{_names(for_it).zh}。"]
    for one in against:
        name, what = _names([one.who]), _what(one)
        en.append(f"{_capital(name.en)}: {what.en}.")
        zh.append(f"{name.zh}：{what.zh}。")
    others = [one.who for one in ballots if one.who]
    en.append(f"Your words were shown to {', '.join(others)} and to their hub.")
    zh.append(f"您的话给 {'、'.join(others)} 以及他们的中心看过。")
    return Words(en=" ".join(en), zh="".join(zh))


NOT_ASKED = Words(
    en="No neighbour was asked: your words may not go to them (--send neighbours allows it).",
    zh="没有问任何邻居：您的话不可以给他们（--send neighbours 可以允许）。",
)


def shown(text: str) -> str:
    """Return a name that somebody else chose, fit to stand in a sentence."""
    return re.sub(r"[^\w .·/@:-]", "", text)[:40].strip()


def _what(one: Ballot) -> Words:
    if one.proposal is None:
        return REASONS[one.why or "none"]
    if one.recipe:
        title = one.proposal.plan.title
        return Words(
            en=f"another plan ({title.text('en')})", zh=f"另一个计划（{title.text('zh')}）"
        )
    return Words(en="another plan (its own code)", zh="另一个计划（它自己的代码）")


def _names(who: Sequence[str]) -> Words:
    return Words(
        en=", ".join(name or "this one" for name in who),
        zh="、".join(name or "这一台" for name in who),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _known(proposal: Proposal, recipes: Recipes) -> bool:
    recipe = proposal.plan.recipe
    return recipe is not None and recipes.holds(recipe, proposal.plan.digest)


def _same(one: Ballot, other: Ballot) -> bool:
    from intentos.mesh.votes import ROUNDING, same

    first, second = one.proposal, other.proposal
    if first is None or second is None or first.plan.digest != second.plan.digest:
        return False
    left, right = _values(first), _values(second)
    return left.keys() == right.keys() and all(
        same(left[name], right[name], ROUNDING) for name in left
    )


def _values(proposal: Proposal) -> dict[str, Value]:
    return {**proposal.plan.defaults, **proposal.values}


def _noted(proposal: Proposal, text: Words) -> Proposal:
    """Return the proposal with an assumption that says how they voted."""
    told = (*proposal.plan.assumptions, Assumption(text=text))
    plan: Plan = proposal.plan.model_copy(update={"assumptions": told})
    return replace(proposal, plan=plan)


def _cut_off(error: IntentOSError) -> Words:
    return Words(
        en=f"No neighbour was asked: {error.text('en')}",
        zh=f"没有问任何邻居：{error.text('zh')}",
    )
