"""From Python's syntax tree to the expression language's, refusing everything that is not listed.

Kinds are inferred on the way: every node of the result knows what it gives, and what joins two
kinds (a boolean as a number, a number as a vector) is a node of its own.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from keyword import iskeyword
from typing import Any, NoReturn

import numpy as np

from intentos.errors import InvalidProgram

from .expression_tree import Apply, Name, Node, Number, Vector, to_numpy
from .functions import CONSTANTS, FUNCTIONS, SIZES, Function, Kind, component, named_palette
from .functions import widened as widening
from .prelude import PALETTES

MAX_NODES = 500
MAX_DEPTH = 40
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.And: "and", ast.Or: "or", ast.BitAnd: "and", ast.BitOr: "or",
}  # fmt: skip


class Parser:
    """Parses one text; afterwards ``used`` holds the variables that it mentions."""

    def __init__(
        self,
        text: str,
        names: Mapping[str, Kind],
        functions: Mapping[str, Function],
        fields: Collection[str],
    ) -> None:
        self.text = text
        self.names = names
        self.functions = functions
        self.fields = fields
        self.used: set[str] = set()
        self._nodes = 0

    def parse(self, gives: Kind | str) -> Node:
        """Return the tree of the whole text, converted to what is wanted."""
        if not self.text:
            self._fail("empty", 1)
        if "\0" in self.text:  # versions of Python complain about it in different ways
            self._fail("syntax", self.text.find("\0") + 1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "1if x" makes the tokenizer complain
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            self._fail("syntax", max(1, min(error.offset or 1, len(self.text) + 1)))
        except (RecursionError, MemoryError):  # nesting beyond the parser's stack
            self._fail("too_deep", 1, limit=MAX_DEPTH)
        root = self._node(tree.body, 1)
        if gives == "any":
            return root
        if gives == "boolean" and root.kind not in SIZES:
            return _as_boolean(root)
        if gives in SIZES and root.kind in ("number", "boolean"):
            return self._widened(_as_number(root), gives, tree.body)
        if gives == "number":
            root = _as_number(root)
        if root.kind != gives:
            self._fail(f"gives_{gives}", tree.body, got=root.kind)
        return root

    def _node(self, node: ast.expr, depth: int) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH:
            self._fail("too_deep", node, limit=MAX_DEPTH)
        if self._nodes > MAX_NODES:
            self._fail("too_large", node, limit=MAX_NODES)
        below = depth + 1
        match node:
            case ast.Constant(value=bool(value)):
                return Number(float(value), "boolean")
            case ast.Constant(value=int() | float() as value):
                return Number(self._constant(value, node))
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.Attribute(value=inner, attr=letters):
                return self._component(self._node(inner, below), letters, node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return _as_number(self._node(operand, below))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply(" neg", [operand], node, below)
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return self._apply("not", [operand], node, below)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._apply(_OPERATORS[type(op)], [left, right], node, below)
            case ast.BoolOp(op=op, values=values):
                operator = _OPERATORS[type(op)]
                return self._balanced(operator, [self._node(v, below) for v in values], node)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._comparison([left, *comparators], ops, node, below)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._apply("where", [test, body, orelse], node, below)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args, node, below)
        self._fail("not_allowed", node)

    def _apply(self, name: str, args: Sequence[ast.expr], node: ast.expr, depth: int) -> Node:
        return self._applied(name, [self._node(arg, depth) for arg in args], node, args)

    def _balanced(self, operator: str, nodes: list[Node], node: ast.expr) -> Node:
        # An associative operator on many arguments: shallow, because browsers limit nesting.
        while len(nodes) > 1:
            pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
            nodes = [self._applied(operator, p, node) if len(p) == 2 else p[0] for p in pairs]
        return nodes[0]

    def _comparison(
        self, terms: list[ast.expr], ops: list[ast.cmpop], node: ast.expr, depth: int
    ) -> Node:
        nodes = [self._node(term, depth) for term in terms]
        found: list[Node] = []
        for i, op in enumerate(ops):
            if type(op) not in _OPERATORS:
                self._fail("not_allowed", node)
            found.append(
                self._applied(_OPERATORS[type(op)], nodes[i : i + 2], node, terms[i : i + 2])
            )
        return self._balanced("and", found, node)

    def _call(self, name: str, args: list[ast.expr], node: ast.expr, depth: int) -> Node:
        if name == "palette" and name not in self.functions:
            return self._palette(args, node, depth)
        function = self.functions.get(name)
        if function is None:
            words = (n for n in self.functions if n.isidentifier() and not iskeyword(n))
            known = ", ".join(sorted({*words, "palette"}))
            self._fail("unknown_function", node, name=name[:80], known=known)
        if function.takes == ("field",):
            return self._field_call(function, args, node)
        nodes = [self._node(arg, depth) for arg in args]
        if name in ("min", "max") and len(nodes) > 2:
            return self._balanced(name, nodes, node)
        return self._applied(name, nodes, node, args)

    def _palette(self, args: list[ast.expr], node: ast.expr, depth: int) -> Node:
        match args:
            case [ast.Constant(value=str(name)), at] if name in PALETTES:
                position = self._node(at, depth)
                return self._folded(self._fit(named_palette(name), [position], node, [at]), node)
        self._fail("wants_palette", node, known=", ".join(PALETTES))

    def _field_call(self, function: Function, args: list[ast.expr], node: ast.expr) -> Node:
        match args:
            case [ast.Name(id=name)] if name in self.fields:
                self.used.add(name)
                return Apply(function, (Name(name, "field"),))
        known = ", ".join(self.fields)
        self._fail("wants_field", node, name=function.name, known=known)

    def _name(self, name: str, node: ast.expr) -> Node:
        if name in self.names:
            self.used.add(name)
            return Name(name, self.names[name])
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        known = ", ".join(sorted({*self.names, "pi"}))
        self._fail("unknown_name", node, name=name[:80], known=known)

    def _component(self, vector: Node, letters: str, node: ast.Attribute) -> Node:
        size = SIZES.get(vector.kind, 0)
        known = re.fullmatch("[xyz]{1,3}|[rgb]{1,3}", letters) is not None
        if not known and not size:
            self._fail("not_allowed", node)
        column = self._column(node, end=True) - len(letters)
        if not size:
            self._fail("no_components", column, name=letters, got=vector.kind)
        if not known or (size == 2 and any(c in "zb" for c in letters)):
            allowed = "x, y" if size == 2 else "x, y, z"
            self._fail("unknown_component", column, name=letters[:80], known=allowed)
        return self._folded(self._fit(component(letters), [vector], node), node)

    def _applied(
        self,
        name: str,
        nodes: list[Node],
        node: ast.expr,
        places: Sequence[ast.expr] = (),
    ) -> Node:
        """Apply a function or operator; ``places`` are where the arguments stand."""
        function = self._chosen(name, nodes, node)
        if name == "**":
            function, nodes = _integer_power(function, nodes)
        return self._folded(self._fit(function, nodes, node, places), node)

    def _chosen(self, name: str, nodes: list[Node], node: ast.expr) -> Function:
        """Return the function of that name for so many arguments of such kinds."""
        function = self.functions[name]
        every = (*function.others, function)
        counts = {n for f in every for n in range(len(f.takes) - f.optional, len(f.takes) + 1)}
        if len(nodes) not in counts:
            wanted = "/".join(map(str, sorted(counts)))
            self._fail("wrong_count", node, name=name, count=len(nodes), wanted=wanted)
        possible = [f for f in every if len(f.takes) - f.optional <= len(nodes) <= len(f.takes)]
        kinds = [n.kind for n in nodes]
        return next((f for f in possible if _fits(f, kinds)), possible[-1])

    def _fit(
        self,
        function: Function,
        nodes: list[Node],
        node: ast.expr,
        places: Sequence[ast.expr] = (),
    ) -> Apply:
        """Return the function on its arguments, each converted to what the function takes."""
        name = function.name.strip().replace("neg", "-")
        vectors = [n.kind for n, k in zip(nodes, function.takes, strict=False)
                   if k in ("same", "vector") and n.kind in SIZES]  # fmt: skip
        if len(set(vectors)) > 1:
            self._fail("mixed_vectors", node, name=name)
        joint: Kind = vectors[0] if vectors else "number"
        converted: list[Node] = []
        for number, (argument, takes) in enumerate(zip(nodes, function.takes, strict=False)):
            wanted = joint if takes == "same" else takes
            found = argument if wanted == "boolean" else _as_number(argument)
            if takes == "same" and found.kind == "number":
                found = self._widened(found, joint, node)
            if found.kind != wanted and not (wanted == "vector" and found.kind in SIZES):
                at = places[number] if number < len(places) else node
                self._fail(f"wants_{wanted}", at, name=name, got=found.kind)
            converted.append(found)
        converted += [Number(0.0)] * (len(function.takes) - len(converted))
        gives = joint if function.gives in ("same", "vector") else function.gives
        suffix = f"_{SIZES[joint]}" if joint in SIZES else ""
        return Apply(
            replace(function, gives=gives, wgsl=function.wgsl.replace("@", suffix), others=()),
            tuple(converted),
        )

    def _widened(self, found: Node, kind: Kind | str, node: ast.expr) -> Node:
        if kind == "number":
            return found
        return self._folded(Apply(widening("vec2" if kind == "vec2" else "vec3"), (found,)), node)

    def _folded(self, apply: Apply, node: ast.expr) -> Node:
        constant = all(isinstance(a, Number | Vector) for a in apply.arguments)
        if apply.function.seeded or not constant:
            return apply
        with np.errstate(all="ignore"):
            value = to_numpy(apply, {}, 0)
        if apply.kind in SIZES:
            return Vector(tuple(self._constant(v, node) for v in value))
        return Number(self._constant(value, node), apply.kind)

    def _constant(self, value: Any, node: ast.expr) -> float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not abs(number) <= LARGEST:
            self._fail("not_finite", node)
        return number if abs(number) >= SMALLEST else 0.0

    def _fail(self, code: str, at: ast.expr | int, **arguments: object) -> NoReturn:
        column = at if isinstance(at, int) else self._column(at)
        raise InvalidProgram(
            f"expression.{code}", text=_excerpt(self.text), column=column, **arguments
        )

    def _column(self, node: ast.expr, *, end: bool = False) -> int:
        # Python counts bytes, people count characters.
        offset = (node.end_col_offset or 0) if end else node.col_offset
        return len(self.text.encode()[:offset].decode(errors="ignore")) + 1


def _fits(function: Function, kinds: Sequence[Kind]) -> bool:
    """Return whether the function takes arguments of these kinds as they are."""
    pairs = list(zip(kinds, function.takes, strict=False))
    if len({kind for kind, wanted in pairs if wanted in ("same", "vector") and kind in SIZES}) > 1:
        return False
    for kind, wanted in pairs:
        if wanted == "vector" and kind not in SIZES:
            return False
        alike = kind == wanted or (wanted == "number" and kind == "boolean")
        if wanted not in ("same", "vector") and not alike:
            return False
    return True


def _integer_power(function: Function, arguments: list[Node]) -> tuple[Function, list[Node]]:
    """Turn x ** n into multiplications: WGSL's ``pow`` is undefined for a negative x."""
    base, exponent = arguments
    if not isinstance(exponent, Number) or exponent.value != round(exponent.value):
        return function, arguments
    n = round(exponent.value)
    if not -64 <= n <= 64:
        return function, arguments
    by_count = {2: "square", 3: "cube"}
    if n in by_count:
        return FUNCTIONS[f" {by_count[n]}"], [base]
    whole = FUNCTIONS[" integer_power"]
    return replace(whole, wgsl=whole.wgsl.replace("N", f"{n}i")), [base, exponent]


def _as_number(node: Node) -> Node:
    """Return a boolean as 0 or 1, and anything else as it is."""
    if node.kind != "boolean":
        return node
    if isinstance(node, Number):
        return Number(node.value)
    return Apply(FUNCTIONS[" number"], (node,))


def _as_boolean(node: Node) -> Node:
    if node.kind == "boolean":
        return node
    if isinstance(node, Number):
        return Number(float(node.value != 0), "boolean")
    return Apply(FUNCTIONS["!="], (node, Number(0.0)))


def _excerpt(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "…"
