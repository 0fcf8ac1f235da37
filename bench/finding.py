"""Measures search by itself: is the right recipe first, and is it taken without a model?

    intentos bench finding [--fit] [-o results.json]

The wishes in ``intents/finding.yaml`` were written from the list of subjects before anybody looked
at a recipe, and a third of them is for what no recipe holds. ``--fit`` prints the weights of
``planners/likelihood.py`` that explain them best; those that stand there were fitted on these and
on two thousand wishes more, those that no recipe holds counting three times.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from intentos import config
from intentos.documents import read_document
from intentos.planners import likelihood, recall, refusal
from intentos.planners.library import Library
from intentos.planners.search import Index
from intentos.registry import Registry

WISHES = Path(__file__).parent / "intents" / "finding.yaml"
_PENALTY = 0.02
"""Of the weights' squares, so that a clue which is seldom there gets no great weight."""


def measure(fit: bool) -> dict[str, Any]:
    """Return how many wishes found their recipe, and what is taken without a model."""
    settings = config.load()
    library = Library(Registry(), settings)
    index = Index(library.all(), library.prepared)
    cases = read_document(WISHES.read_text("utf-8"), WISHES.name)["cases"]
    result: dict[str, Any] = {"kind": "finding", "wishes": len(cases)}
    counts = dict.fromkeys(
        ("held", "first", "first_three", "taken_right", "taken_wrong", "unheld", "unheld_taken"), 0
    )
    started = time.monotonic()
    rows = []
    for case in cases:
        hits = index.search(case["text"])
        ids = [hit.recipe.id for hit in hits]
        refused = refusal.doubtful(case["text"], hits[0].chance if hits else 0.0)
        got = None if refused else recall.decisive(hits) or recall.without_model(hits)
        wanted = case.get("recipes", [])
        if wanted:
            counts["held"] += 1
            counts["first"] += ids[:1] != [] and ids[0] in wanted
            counts["first_three"] += any(id in wanted for id in ids[:3])
            counts["taken_right"] += got is not None and got.id in wanted
            counts["taken_wrong"] += got is not None and got.id not in wanted
        else:
            counts["unheld"] += 1
            counts["unheld_taken"] += got is not None
        rows.append({"text": case["text"], "wanted": wanted, "got": got.id if got else None})
    result |= counts
    result["milliseconds_each"] = round((time.monotonic() - started) / len(cases) * 1e3, 2)
    result["rows"] = rows
    if fit:
        result["weights"] = _fitted(index, cases)
    return result


def _fitted(index: Index, cases: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the weights of the clues for a recipe and of the doubts, by greatest likelihood."""
    import numpy
    from scipy.optimize import minimize

    seen = []
    for case in cases:
        found = index.candidates(case["text"])
        if not found.clues:
            continue
        wanted = case.get("recipes", [])
        places = [i for i, hit in enumerate(found.hits) if hit.recipe.id in wanted]
        clues = numpy.array(found.clues, dtype=float)
        doubts = numpy.array(found.doubts, dtype=float)
        seen.append((clues, doubts, places or [len(clues)]))
    many = len(likelihood.Clues._fields)

    def cost(weights: Any) -> tuple[float, Any]:
        total, slope = 0.0, numpy.zeros_like(weights)
        for clues, doubts, right in seen:
            odds = numpy.append(clues @ weights[:many], doubts @ weights[many:])
            shares = numpy.exp(odds - odds.max())
            shares /= shares.sum()
            share = shares[right].sum()
            total -= numpy.log(share + 1e-12)
            wrong = shares.copy()
            wrong[right] -= shares[right] / share
            slope[:many] += clues.T @ wrong[:-1]
            slope[many:] += doubts * wrong[-1]
        penalty = _PENALTY * weights @ weights
        return (total + penalty) / len(seen), (slope + 2 * _PENALTY * weights) / len(seen)

    start = numpy.array([*likelihood.FOR, *likelihood.AGAINST])
    best = minimize(cost, start, jac=True, method="L-BFGS-B").x
    rounded = [round(float(weight), 2) for weight in best]
    return {"for": rounded[:many], "against": rounded[many:]}
