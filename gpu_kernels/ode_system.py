"""The formulas and methods of the ode kernel: parsed once, compiled to WGSL and to NumPy.

A member's state is a struct ``Y`` of the variables; everything else a formula may know of a member
is in a struct ``Member``. Explicit Runge–Kutta methods come from their tableaus. Sources: Kutta,
"Beitrag zur näherungsweisen Integration totaler Differentialgleichungen" (1901), for ``rk4``;
Dormand and Prince, "A family of embedded Runge-Kutta formulae" (1980), for ``adaptive``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.errors import InvalidProgram

from .expression import Apply, Expression, Node, parse
from .prelude import random

if TYPE_CHECKING:
    from .ode import OdeArguments

OF_A_MEMBER = ("share", "member", "h1", "h2", "h3", "h4")
"""What stays with a member: its place among all in 0..1, its number, and four chances in 0..1."""

Tableau = tuple[tuple[float, ...], ...]

METHODS: dict[str, Tableau] = {
    # One row of weights a stage, the last row being the step's.
    "euler": ((), (1.0,)),
    "midpoint": ((), (1 / 2,), (0.0, 1.0)),
    "rk4": ((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    "adaptive": (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
}
ERROR_WEIGHTS = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Of the difference between Dormand and Prince's two results, seven stages."""
DIRECTIONS = {"down": 1.0, "up": -1.0, "both": 0.0}


class System:
    """All formulas of one set of arguments.

    Raises:
        InvalidProgram: one of them is wrong; names the argument, the column and what was expected.
    """

    def __init__(self, arguments: OdeArguments) -> None:
        self.arguments = a = arguments
        self.variables = list(a.rates)
        own = (*a.parameters, *a.vary)
        of_member = ("t", *OF_A_MEMBER, *dict.fromkeys(own))
        state = (*of_member, *self.variables)
        self.initial: list[Expression] = []
        for place, name in enumerate(self.variables):
            known = (*of_member, *self.variables[:place])
            self.initial.append(_parsed("initial", a.initial.get(name, "0"), known))
        self.rates = [_parsed("rates", text, state) for text in a.rates.values()]
        self.derived: dict[str, Expression] = {}
        for name, text in a.derived.items():
            self.derived[name] = _parsed("derived", text, (*state, *self.derived))
        self.names = (*state, *self.derived)
        self.gates = [_parsed("events", one.when, self.names) for one in a.events]
        self.resets = [
            {name: _parsed("events", text, self.names) for name, text in one.set.items()}
            for one in a.events
        ]
        self.conserved = [self.read("conserved", text) for text in a.conserved.values()]
        self.scales = [_terms(e) for e in self.conserved]
        begun = (*of_member, *(f"{name}_0" for name in self.variables))
        self.exact = {name: _parsed("exact", text, begun) for name, text in a.exact.items()}
        self.curves = [self.read("curves", name) for name in a.shown]
        self.places = [
            tuple(self.read("points" if a.points else "axes", text) for text in place)
            for place in a.places
        ]

    def read(self, argument: str, text: str) -> Expression:
        """Return a formula of the state; ``argument`` is named where it is wrong."""
        return _parsed(argument, text, self.names)

    # WGSL

    @cached_property
    def _words(self) -> dict[str, str]:
        """WGSL by name."""
        a = self.arguments
        words = {name: f"uniforms.{name}" for name in a.parameters}
        words |= {name: f"m.vary_{name}" for name in a.vary}
        words |= {name: f"m.{name}" for name in OF_A_MEMBER}
        words |= {name: f"y.a{k}" for k, name in enumerate(self.variables)}
        return words | {name: f"derived_{k}(y, t, m)" for k, name in enumerate(self.derived)}

    def wgsl_of(self, expression: Expression) -> str:
        """Return the WGSL of a formula where ``y``, ``t`` and ``m`` are known."""
        return expression.wgsl(self._words)

    @cached_property
    def wgsl(self) -> str:
        """Structs, formulas, one step, and all that reads a state."""
        parts = [self._structs(), *self._derived_wgsl(), self._rates_wgsl(), self._step_wgsl()]
        parts += [self._events_wgsl(), self._reading_wgsl()]
        return "\n".join(parts)

    def _structs(self) -> str:
        count = len(self.variables)
        fields = ", ".join(f"a{k}: f32" for k in range(count))
        varied = "".join(f", vary_{name}: f32" for name in self.arguments.vary)
        values = "".join(
            f", mix({low!r}f, {high!r}f, share)" for low, high in self.arguments.vary.values()
        )
        last = max(1, self.arguments.members - 1)
        slots = range(count)
        load = ", ".join(f"state[{k}u * ALL + i]" for k in slots)
        carry = ", ".join(f"state[{count + k}u * ALL + i]" for k in slots)
        origin = ", ".join(f"path[ORIGIN + {k}u * TWINS + i]" for k in slots)
        zeros = ", ".join(["0.0"] * count)
        keep = "\n".join(f"  next[{k}u * ALL + i] = y.a{k};" for k in slots)
        keep_carry = "\n".join(f"  next[{count + k}u * ALL + i] = c.a{k};" for k in slots)
        return f"""
struct Y {{ {fields} }}
struct Member {{ share: f32, member: f32, h1: f32, h2: f32, h3: f32, h4: f32{varied} }}

fn member_of(i: u32) -> Member {{
  let share = f32(i) * {1 / last!r}f;
  return Member(share, f32(i), random(i, 0u, 1u), random(i, 0u, 2u), random(i, 0u, 3u),
    random(i, 0u, 4u){values});
}}

fn load(i: u32) -> Y {{ return Y({load}); }}
fn load_carry(i: u32) -> Y {{ return Y({carry}); }}
fn load_next(i: u32) -> Y {{ return Y({load.replace("state", "next")}); }}
fn load_next_carry(i: u32) -> Y {{ return Y({carry.replace("state", "next")}); }}
fn origin_of(i: u32) -> Y {{ return Y({origin}); }}
fn nothing() -> Y {{ return Y({zeros}); }}
fn keep(i: u32, y: Y, c: Y) {{
{keep}
{keep_carry}
}}
"""

    def _derived_wgsl(self) -> list[str]:
        return [
            f"fn derived_{k}(y: Y, t: f32, m: Member) -> f32 {{ return {self.wgsl_of(e)}; }}"
            for k, e in enumerate(self.derived.values())
        ]

    def _rates_wgsl(self) -> str:
        first = "\n".join(f"  y.a{k} = {self.wgsl_of(e)};" for k, e in enumerate(self.initial))
        rates = ", ".join(self.wgsl_of(e) for e in self.rates)
        nudged = ", ".join(f"y.a{k} + h * f.a{k}" for k in range(len(self.variables)))
        return f"""
fn initial_state(m: Member) -> Y {{
  let t = 0.0;
  var y = nothing();
{first}
  return y;
}}
fn rates_of(y: Y, t: f32, m: Member) -> Y {{ return Y({rates}); }}
fn nudged(y: Y, t: f32, h: f32, m: Member) -> Y {{
  let f = rates_of(y, t, m);
  return Y({nudged});
}}
"""

    def _blend(self, weights: tuple[float, ...], start: str = "") -> str:
        """WGSL of ``start + h * sum of weights * stages``, variable by variable."""
        found = []
        for k in range(len(self.variables)):
            total = " + ".join(f"({w!r}f) * k{s}.a{k}" for s, w in enumerate(weights) if w)
            found.append((f"{start}.a{k} + " if start else "") + f"h * ({total})")
        return f"Y({', '.join(found)})"

    def _step_wgsl(self) -> str:
        tableau = METHODS[self.arguments.method]
        stages = []
        for s, weights in enumerate(tableau[:-1]):
            at = self._blend(weights, "y") if weights else "y"
            stages.append(f"  let k{s} = rates_of({at}, t + {float(sum(weights))!r}f * h, m);")
        lines = "\n".join(stages)
        inc = self._blend(tableau[-1])
        slots = range(len(self.variables))
        take = "\n".join(
            f"  let d{k} = increment.a{k} - c.a{k};\n  let s{k} = y.a{k} + d{k};" for k in slots
        )
        sums = ", ".join(f"s{k}" for k in slots)
        lost = ", ".join(f"(s{k} - y.a{k}) - d{k}" for k in slots)
        step = f"""
struct Moved {{ y: Y, c: Y, error: f32 }}

// y + increment, with what rounding loses carried on. Source: Kahan, "Further remarks on reducing
// truncation errors" (1965).
fn taken(y: Y, c: Y, increment: Y, error: f32) -> Moved {{
{take}
  return Moved(Y({sums}), Y({lost}), error);
}}

fn step_of(y: Y, c: Y, t: f32, h: f32, m: Member) -> Moved {{
{lines}
  let increment = {inc};
"""
        if self.arguments.method != "adaptive":
            return step + "  return taken(y, c, increment, 0.0);\n}\n"
        stage = len(tableau) - 1
        error = self._blend(ERROR_WEIGHTS)
        worst = "\n".join(
            f"  worst = max(worst, abs(off.a{k}) / (LITTLE + max(abs(y.a{k}), abs(z.a{k}))));"
            for k in slots
        )
        ended = ", ".join(f"y.a{k} + increment.a{k}" for k in slots)
        return (
            step
            + f"""  let z = Y({ended});
  let k{stage} = rates_of(z, t + h, m);
  let off = {error};
  var worst = 0.0;
{worst}
  return taken(y, c, increment, worst);
}}
"""
        )

    def _events_wgsl(self) -> str:
        gates, resets = [], []
        for k, (gate, reset) in enumerate(zip(self.gates, self.resets, strict=True)):
            gates.append(f"    case {k}u: {{ return {self.wgsl_of(gate)}; }}")
            lines = [
                f"      z.a{self.variables.index(name)} = {self.wgsl_of(e)};"
                for name, e in reset.items()
            ]
            resets.append("\n".join([f"    case {k}u: {{", *lines, "    }"]))
        events = self.arguments.events
        signs = ", ".join(f"{DIRECTIONS[e.direction]!r}f" for e in events) or "0.0"
        stops = ", ".join(str(e.stop).lower() for e in events) or "false"
        resets_any = ", ".join(str(bool(e.set)).lower() for e in events) or "false"
        count = max(1, len(events))
        return f"""
const EVENTS: u32 = {len(events)}u;
fn gate(k: u32, y: Y, t: f32, m: Member) -> f32 {{
  switch (k) {{
{chr(10).join(gates)}
    default: {{ return 1.0; }}
  }}
}}
fn reset(k: u32, y: Y, t: f32, m: Member) -> Y {{
  var z = y;
  switch (k) {{
{chr(10).join(resets)}
    default: {{ }}
  }}
  return z;
}}
// 1: downwards, -1: upwards, 0: both.
fn direction_of(k: u32) -> f32 {{
  var signs = array<f32, {count}>({signs});
  return signs[k];
}}
fn stops(k: u32) -> bool {{
  var ends = array<bool, {count}>({stops});
  return ends[k];
}}
fn resets(k: u32) -> bool {{
  var any = array<bool, {count}>({resets_any});
  return any[k];
}}
"""

    def _reading_wgsl(self) -> str:
        """What is drawn, kept and watched, as functions of a state."""

        def switch(name: str, found: list[str], also: str = "") -> str:
            cases = "\n".join(f"    case {k}u: {{ return {e}; }}" for k, e in enumerate(found))
            return (
                f"fn {name}(k: u32, y: Y, t: f32, m: Member{also}) -> f32 {{\n"
                f"  switch (k) {{\n{cases}\n    default: {{ return 0.0; }}\n  }}\n}}\n"
            )

        begun = {f"{name}_0": f"o.a{k}" for k, name in enumerate(self.variables)}
        exact = [
            f"abs(y.a{self.variables.index(name)} - ({e.wgsl(self._words | begun)}))"
            for name, e in self.exact.items()
        ]
        state = [f"y.a{k}" for k in range(len(self.variables))]
        flat: list[str] = []
        for place in self.places:
            of = [self.wgsl_of(e) for e in place]
            flat.append(f"vec3f({', '.join([*of, '0.0', '0.0'][:3])})")
        cases = "\n".join(f"    case {k}u: {{ return {e}; }}" for k, e in enumerate(flat))
        return (
            switch("variable", state)
            + switch("curve", [self.wgsl_of(e) for e in self.curves])
            + switch("invariant", [self.wgsl_of(e) for e in self.conserved])
            + switch(
                "invariant_scale",
                [" + ".join(f"abs({self.wgsl_of(e)})" for e in terms) for terms in self.scales],
            )
            + switch("off_exact", exact, ", o: Y")
            + "fn place_of(k: u32, y: Y, t: f32, m: Member) -> vec3f {\n"
            f"  switch (k) {{\n{cases}\n"
            "    default: { return vec3f(0.0); }\n  }\n}\n"
        )

    # NumPy

    def members(self, count: np.ndarray[Any, Any], seed: int) -> dict[str, Any]:
        """Return what stays with the members of these numbers; ``seed`` is folded."""
        a = self.arguments
        zero = np.zeros_like(count, dtype=np.uint32)
        share = count / max(1, a.members - 1)
        found: dict[str, Any] = dict(a.parameters)
        found |= {"share": share, "member": count.astype(float)}
        for k in range(1, 5):
            found[f"h{k}"] = random(count.astype(np.uint32), zero, zero + k, seed).astype(float)
        found |= {name: low + (high - low) * share for name, (low, high) in a.vary.items()}
        return found

    def begin(self, of_member: Mapping[str, Any], seed: int) -> Any:
        """Return the initial state: float64, shape (variables, members)."""
        here = dict(of_member) | {"t": 0.0}
        for name, formula in zip(self.variables, self.initial, strict=True):
            value = formula.numpy(here, seed=seed)
            here[name] = np.broadcast_to(value, np.shape(of_member["share"])).astype(float)
        return np.array([here[name] for name in self.variables])

    def environment(self, y: Any, t: Any, of_member: Mapping[str, Any], seed: int) -> Any:
        """Return every name of a formula of the state, derived ones included."""
        here = dict(of_member) | {"t": t} | dict(zip(self.variables, y, strict=True))
        for name, formula in self.derived.items():
            here[name] = formula.numpy(here, seed=seed)
        return here

    def slope(self, y: Any, t: Any, of_member: Mapping[str, Any], seed: int) -> Any:
        """Twin of ``rates_of``."""
        here = dict(of_member) | {"t": t} | dict(zip(self.variables, y, strict=True))
        shape = y.shape[1:]
        return np.array([np.broadcast_to(e.numpy(here, seed=seed), shape) for e in self.rates])

    def step(self, y: Any, t: Any, h: Any, of_member: Mapping[str, Any], seed: int) -> Any:
        """Twin of ``step_of``: the state after ``h`` and the estimated error of each variable."""
        tableau = METHODS[self.arguments.method]
        stages: list[Any] = []
        for weights in tableau[:-1]:
            at = y + h * sum((w * k for w, k in zip(weights, stages, strict=True)), 0.0)
            stages.append(self.slope(at, t + sum(weights) * h, of_member, seed))
        moved = y + h * sum(w * k for w, k in zip(tableau[-1], stages, strict=True))
        if self.arguments.method != "adaptive":
            return moved, np.zeros_like(y)
        stages.append(self.slope(moved, t + h, of_member, seed))
        off = h * sum(w * k for w, k in zip(ERROR_WEIGHTS, stages, strict=True))
        return moved, off


def _terms(expression: Expression) -> list[Expression]:
    """Return the terms of a sum: their sizes say how large a drift of the sum is."""
    found: list[Node] = []

    def split(node: Node) -> None:
        if isinstance(node, Apply) and node.function.name in ("+", "-", " neg"):
            for each in node.arguments:
                split(each)
        else:
            found.append(node)

    split(expression.root)
    return [Expression(expression.text, node, expression.names) for node in found]


def _parsed(argument: str, text: str, names: tuple[str, ...]) -> Expression:
    try:
        return parse(text, names)
    except InvalidProgram as error:
        raise InvalidProgram(
            "program.argument", kernel="ode", argument=argument, what=str(error)
        ) from error
