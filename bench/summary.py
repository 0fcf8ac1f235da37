"""Counts what came out of the cases: rates, badges, languages, tokens, seconds."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .cases import Case
from .oracles import Outcome

if TYPE_CHECKING:
    from rich.console import Console

NO_PLAN = "refused"
"""Origin of a wish for which there was no plan."""
BROKE = "runtime.unexpected"
"""Code of the error that tells of a bug."""
_CAUSE = re.compile(r"(?:\d+ )?(?P<what>\w+):(?P<found>.*)", re.DOTALL)
_CODE = re.compile(r"\b[a-z]+\.[a-z_]+\b")


@dataclass(frozen=True)
class Row:
    """One case, and how it went."""

    name: str
    kind: str
    part: str
    family: str
    language: str
    pair: str
    right: bool
    wrong: tuple[str, ...]
    """What did not hold, with what was found instead."""
    crashed: bool = False
    origin: str = NO_PLAN
    badge: str | None = None
    """Of the last run, where it completed."""
    digest: str | None = None
    answer: str = ""
    tokens: int = 0
    plan_s: tuple[float, ...] = ()
    """Seconds from each sentence to its plan."""
    frame_s: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        case: Case,
        *,
        wrong: Iterable[str],
        outcomes: Sequence[Outcome] = (),
        crashed: bool = False,
    ) -> Row:
        """Return the row of a case from what its sentences led to."""
        wrong = tuple(wrong)
        last = outcomes[-1].report if outcomes else {}
        return cls(
            name=case.name,
            kind=case.kind,
            part=case.part,
            family=case.family,
            language=case.language,
            pair=case.pair,
            right=not wrong,
            wrong=wrong,
            crashed=crashed or (last.get("error") or {}).get("code") == BROKE,
            origin=last.get("origin") or NO_PLAN,
            badge=last.get("badge"),
            digest=last.get("plan"),
            answer=str(last.get("answer") or ""),
            tokens=sum(outcome.tokens for outcome in outcomes),
            plan_s=tuple(o.plan_s for o in outcomes if o.plan_s is not None),
            frame_s=tuple(o.frame_s for o in outcomes if o.frame_s is not None),
        )


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all counts of some rows, as JSON."""
    first = [row.plan_s[0] for row in rows if row.plan_s]
    later = [seconds for row in rows for seconds in row.plan_s[1:]]
    return {
        "total": _rate(rows),
        "held": _rate([row for row in rows if row.kind != "unheld"]),
        "by": {
            key: {name: _rate(group) for name, group in _grouped(rows, key).items()}
            for key in ("kind", "language", "origin", "family")
        },
        "wrong_by_badge": {
            name: {"wrong": sum(not row.right for row in group), "of": len(group)}
            for name, group in _grouped([row for row in rows if row.badge], "badge").items()
        },
        "verified_and_wrong": dict(
            Counter(
                f"{row.kind}: {cause(row)}"
                for row in rows
                if row.badge == "verified" and not row.right
            )
        ),
        "missed": dict(Counter(cause(row) for row in rows if not row.right).most_common()),
        "crashed": sum(row.crashed for row in rows),
        "same_plan": same_plans(rows),
        "tokens": {
            "all": sum(row.tokens for row in rows),
            "median": quantile([row.tokens for row in rows], 0.5),
            "without": sum(row.tokens == 0 for row in rows),
        },
        "seconds": {
            "plan": spread(first),
            "follow_up": spread(later),
            "first_frame": spread([s for row in rows for s in row.frame_s[:1]]),
        },
    }


def cause(row: Row) -> str:
    """Return which requirement a wrong row missed first; where it did not run, with which error."""
    match = _CAUSE.match(row.wrong[0])
    if match is None:
        return "other"
    error = _CODE.search(match["found"])
    if match["what"] != "completed" or error is None:
        return match["what"]
    return f"completed ({error.group()})"


def same_plans(rows: Sequence[Row]) -> dict[str, int]:
    """Return for how many pairs both languages led to one plan, of those asked in both."""
    pairs: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.pair:
            pairs[row.family, row.pair].append(row)
    whole = [pair for pair in pairs.values() if len(pair) == 2]
    same = sum(a.digest == b.digest and a.digest is not None for a, b in whole)
    return {"same": same, "of": len(whole)}


def quantile(numbers: Sequence[float], share: float) -> float | None:
    """Return the smallest number that at least this share of them does not exceed."""
    if not numbers:
        return None
    return sorted(numbers)[max(0, math.ceil(share * len(numbers)) - 1)]


def details(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return every row as JSON."""
    return [asdict(row) for row in rows]


def show(console: Console, result: dict[str, Any]) -> None:
    """Print the tables of a result; of its rows, those that went wrong, if it holds any."""
    for line in _lines(result):
        console.print(line, markup=False, soft_wrap=True)
    _show_rates(console, result)
    for line in _more(result):
        console.print(line, markup=False, soft_wrap=True)


def _lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for row in result.get("rows", ()):
        if not row["right"]:
            lines += [f"✗ [{row['language']}] {row['name']}", *(f"    {w}" for w in row["wrong"])]
    lines += ["", f"{result['device']}, model {result['model']}, {result['part']} cases"]
    if not result["full_size"]:
        lines.append(
            "work that no wish asked for is turned down to the recipes' small test values, except "
            "where numbers are judged (--full-size: never)"
        )
    return lines


def _more(result: dict[str, Any]) -> list[str]:
    badges = ", ".join(
        f"{name} {count['wrong']} of {count['of']}"
        for name, count in result["wrong_by_badge"].items()
    )
    pairs, tokens = result["same_plan"], result["tokens"]
    lines = [
        f"wrong, by badge: {badges or '–'}; crashed: {result['crashed']}",
        f"verified and wrong: {_counted(result['verified_and_wrong'])}",
        f"missed: {_counted(result['missed'])}",
        f"same plan from both languages: {pairs['same']} of {pairs['of']}",
        f"tokens: {tokens['all']}, median {tokens['median']}, none for {tokens['without']}",
    ]
    for start in ("resident", "cold"):
        times = result["seconds"] if start == "resident" else result.get("cold", {})
        lines += [
            f"seconds to {name.replace('_', ' ')}, {start}: {_told(found)}"
            for name, found in times.items()
        ]
    return lines


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items()) or "–"


def spread(numbers: Sequence[float]) -> dict[str, Any]:
    """Return median, 95th percentile and count."""
    return {"median": quantile(numbers, 0.5), "p95": quantile(numbers, 0.95), "of": len(numbers)}


def _show_rates(console: Console, result: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("right", justify="right")
    table.add_column("of", justify="right")
    table.add_column("%", justify="right")
    lines = [("all", result["total"]), ("what recipes are for", result["held"])]
    for key, groups in result["by"].items():
        lines += [(f"{key}: {name}", count) for name, count in groups.items()]
    for label, count in lines:
        share = f"{100 * count['right'] / count['of']:.1f}" if count["of"] else "–"
        table.add_row(label, str(count["right"]), str(count["of"]), share)
    console.print(table)


def _told(found: dict[str, Any]) -> str:
    if not found["of"]:
        return "–"
    return f"median {found['median']:.2f}, p95 {found['p95']:.2f} ({found['of']})"


def _rate(rows: Sequence[Row]) -> dict[str, int]:
    return {"right": sum(row.right for row in rows), "of": len(rows)}


def _grouped(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(getattr(row, key))].append(row)
    return dict(sorted(groups.items()))
