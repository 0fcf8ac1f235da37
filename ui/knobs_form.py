"""The parameters of a plan as controls that a person turns, each with its range and sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from nicegui import events, ui

from intentos.checks import plain
from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.types import Value

from .page import Page

_PAIRS = ("()", "[]", "{}", "[)", "(]")
"""Intervals may be open at one end."""
WIDE = 1000.0
"""Ratio of a range's ends from which on its slider is not linear."""


class KnobsForm:
    """Holds what has been set, also while it does not fit; draws the controls of one run."""

    def __init__(
        self,
        page: Page,
        run: str,
        parameters: Sequence[Parameter],
        values: Mapping[str, Value],
        changed: Callable[[], None] = lambda: None,
        *,
        live: bool = False,
    ) -> None:
        """``changed`` is called after every change. ``live``: what may change while a step runs is
        marked, and moves a canvas that shows this run."""
        self._page = page
        self._run = run
        self._parameters = {p.name: p for p in parameters}
        self._changed = changed
        self._live = live
        self._initial = {name: values.get(name, p.default) for name, p in self._parameters.items()}
        self._accepted = dict(self._initial)
        self._typed: dict[str, Value] = dict(self._initial)
        self._problems: dict[str, str] = {}
        self._drawn: dict[str, list[ui.element]] = {}

    @property
    def values(self) -> dict[str, Value]:
        """What is set; of a field whose content does not fit, what was there before."""
        return dict(self._accepted)

    @property
    def turned(self) -> dict[str, Value]:
        """Of these, what differs from the beginning."""
        return {n: v for n, v in self._accepted.items() if v != self._initial[n]}

    @property
    def problems(self) -> dict[str, str]:
        """By name, the sentence about what does not fit."""
        return dict(self._problems)

    def set(self, name: str, value: Value) -> None:
        """Take a value as it was typed, and say at the field if it does not fit."""
        parameter = self._parameters[name]
        self._typed[name] = value
        try:
            accepted = parameter.accept(value)
            fault = written_wrong(str(accepted)) if parameter.kind == "expression" else ""
            if fault:
                raise ValueOutOfRange(f"window_plan.{fault}", name=name)
            self._accepted[name] = accepted
            self._problems.pop(name, None)
        except ValueOutOfRange as error:
            told = {**error.arguments, "name": self._label(parameter)}
            self._problems[name] = self._page.say(error.code, **told)
        self._changed()
        for element in self._drawn.get(name, []):
            if not element.is_deleted:
                element.props["setting"] = json.dumps(value)
                element.props["problem"] = self._problems.get(name, "")

    def draw(self, names: Sequence[str] | None = None) -> None:
        """Draw the controls of these parameters, or of all of them, where the caller stands."""
        for name in names if names is not None else list(self._parameters):
            self._control(self._parameters[name])

    def _control(self, parameter: Parameter) -> None:
        name = parameter.name

        def heard(event: events.GenericEventArguments) -> None:
            detail = event.args.get("detail") if isinstance(event.args, dict) else None
            value = detail.get("value") if isinstance(detail, dict) else None
            if isinstance(value, bool | int | float | str):
                self.set(name, value)

        element = ui.element("intentos-knob").mark(f"knob-{name}").on("knob", heard, ["detail"])
        element.props["options"] = json.dumps(self._options(parameter), ensure_ascii=False)
        element.props["setting"] = json.dumps(_json(self._typed[name]))
        element.props["problem"] = self._problems.get(name, "")
        self._drawn.setdefault(name, []).append(element)

    def _options(self, parameter: Parameter) -> dict[str, object]:
        page = self._page
        other = "en" if page.language == "zh" else "zh"
        label, second = self._label(parameter), parameter.label.text(other)
        hint = [second if second != label else "", parameter.name, self._range(parameter)]
        return {
            "run": self._run,
            "name": parameter.name,
            "kind": parameter.kind,
            "label": label,
            "hint": " · ".join(part for part in hint if part),
            "unit": page.unit(parameter.unit),
            "minimum": parameter.minimum,
            "maximum": parameter.maximum,
            "scale": scale_of(parameter),
            "choices": [[c, str(parameter.shown(c, page.language))] for c in parameter.choices],
            "live": self._live and parameter.live,
            "initial": _json(self._initial[parameter.name]),
            "words": {
                "live": page.say("window_plan.live"),
                "live_short": page.say("window_plan.live_short"),
                "reset": page.say("window_plan.reset"),
            },
        }

    def _label(self, parameter: Parameter) -> str:
        return parameter.label.text(self._page.language) or parameter.name.replace("_", " ")

    def _range(self, parameter: Parameter) -> str:
        low, high = parameter.minimum, parameter.maximum
        if low is None and high is None:
            return ""
        ends = ("−∞" if low is None else plain(low), "∞" if high is None else plain(high))
        return f"{ends[0]} … {ends[1]} {self._page.unit(parameter.unit)}".rstrip()


def written_wrong(formula: str) -> str:
    """Return what is wrong with a formula in whatever language its step reads: a bracket, or a
    beginning or end that calls for more; empty: nothing that is seen from here."""
    opened: list[str] = []
    for character in formula:
        if character in "([{":
            opened.append(character)
        elif character in ")]}" and (not opened or opened.pop() + character not in _PAIRS):
            return "bracket_closed"
    if opened:
        return "bracket_open"
    text = formula.strip()
    return "formula_cut" if not text or text[-1] in "+-*/^=(,." or text[0] in "*/^,)" else ""


def scale_of(parameter: Parameter) -> str:
    """Return how a slider spreads the range: ``linear``, ``log``, or ``cubic`` from a wide zero."""
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None or low < 0:
        return "linear"
    if low > 0:
        return "log" if high / low >= WIDE else "linear"
    default = parameter.default
    small = isinstance(default, int | float) and 0 < default < high / 50
    return "cubic" if small else "linear"


def _json(value: Value) -> Value:
    """Return a value as JavaScript holds it exactly: a large whole number as text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value
