"""What a number that a run reports is called: ``mean_speed`` is 平均速度 in a Chinese window.

Only for people: JSON, CSV and certificates keep the identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping

from intentos.messages import LANGUAGES, catalogue
from intentos.plan import Plan
from intentos.program import GpuProgram, Probe
from intentos.types import Json, Words


def quantity_name(name: str, language: str, plan: Plan | None = None) -> str:
    """Return what a number, a series or a column is called in ``language``.

    The plan's own label comes first, then that of its parameter or probe of that name, then what
    numbers are commonly called so; else it is the name itself as words.
    """
    return _known(name, language, plan) or _put_together(name, language, plan) or _readable(name)


def quantity_words(name: str, plan: Plan | None = None) -> Words:
    """Return what a number is called in both languages."""
    return Words(**{language: quantity_name(name, language, plan) for language in LANGUAGES})


def has_name(name: str, plan: Plan | None = None) -> bool:
    """Whether a number is called something in both languages, or is put together of what is."""
    return all(
        _known(name, language, plan) or _put_together(name, language, plan, strictly=True)
        for language in LANGUAGES
    )


def column_name(
    name: str, language: str, plan: Plan | None, probes: Mapping[str, Probe] | None = None
) -> str:
    """Return what a column of a run's table is called.

    ``probes``: what the table's series were read by, as :func:`with_names` calls them. The columns
    of any other table may be those of a person's own data: there only the plan's own labels count.
    """
    if probes is None:
        own = plan.labels.get(name) if plan is not None else None
        return own.text(language) if own is not None else name
    if probe := probes.get(name):
        return Words(en=probe.label_en, zh=probe.label_zh).text(language)
    return quantity_name(name, language, plan)


def with_names(program: GpuProgram, plan: Plan) -> GpuProgram:
    """Return a program whose probes are called as the plan calls them, else as they were; what
    acts stays the same."""
    return program.model_copy(update={"probes": tuple(_named(p, plan) for p in program.probes)})


def _named(probe: Probe, plan: Plan) -> Probe:
    words = quantity_words(probe.name, plan)
    if probe.name in plan.labels:
        return probe.model_copy(update={"label_en": words.en, "label_zh": words.zh})
    return probe.model_copy(
        update={"label_en": probe.label_en or words.en, "label_zh": probe.label_zh or words.zh}
    )


def _known(name: str, language: str, plan: Plan | None) -> str:
    """Return what the plan or the catalogue calls a number, or nothing."""
    if plan is not None:
        if (own := plan.labels.get(name)) is not None and (text := own.text(language)):
            return text
        for parameter in plan.parameters:
            if parameter.name == name and (text := parameter.label.text(language)):
                return text
        for step in plan.steps:
            if text := _of_probe(step.arguments.get("probes"), name, language):
                return text
    return _common(f"quantity.{name}", language)


def _of_probe(probes: Json, name: str, language: str) -> str:
    """Return what a step's own probe is called; its arguments are as somebody wrote them."""
    for probe in probes if isinstance(probes, list | tuple) else ():
        if isinstance(probe, dict) and probe.get("name") == name:
            words = Words(en=str(probe.get("label_en", "")), zh=str(probe.get("label_zh", "")))
            return words.text(language)
    return ""


def _put_together(name: str, language: str, plan: Plan | None, *, strictly: bool = False) -> str:
    """Return ``height_max`` or ``max_height`` as 高度（最大）, or nothing.

    ``strictly``: only where what it is of has a name too; a single letter is its own.
    """
    first, _, behind = name.partition("_")
    before, _, last = name.rpartition("_")
    for part, what in ((last, before), (first, behind)):
        template = _common(f"quantity_of.{part}", language)
        if not (template and what):
            continue
        of = _known(what, language, plan)
        if not of and strictly and len(what) > 1:
            continue
        return template.format(what=of or _readable(what))
    return ""


def _common(code: str, language: str) -> str:
    return catalogue(language if language in LANGUAGES else "en").get(code, "")


def _readable(name: str) -> str:
    return name.replace("_", " ")
