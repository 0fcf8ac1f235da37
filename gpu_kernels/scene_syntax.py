"""Reads the part of WGSL in which the scene is written into a tree of tuples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Node = tuple[Any, ...]

TOKENS = re.compile(
    r"(?P<number>0x[0-9a-fA-F]+u?|\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+|\d+(?:[eE][-+]?\d+)?u?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>->|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|[-+*/%<>=!&|^~()\[\]{},;:.@])"
)
LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"),
    ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
GENERIC = ("array", "bitcast", "vec2", "vec3", "vec4", "atomic", "ptr")


@dataclass
class Function:
    """A function: names of its parameters, their built-in values if any, and its statements."""

    name: str
    parameters: list[str]
    builtins: list[str | None]
    body: list[Node]
    workgroup: tuple[int, int, int] | None = None


@dataclass
class Module:
    """What a source declares."""

    functions: dict[str, Function] = field(default_factory=dict)
    constants: dict[str, Node] = field(default_factory=dict)


def parse(source: str) -> Module:
    """Return the declarations of a source that a GPU's compiler has accepted."""
    return _Parser(source).module()


class _Parser:
    def __init__(self, source: str) -> None:
        text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)
        self.tokens = [m[0] for m in TOKENS.finditer(text)]
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if wanted and token != wanted:
            raise SyntaxError(
                f"{wanted!r} expected, not {token!r} after {self.tokens[self.at - 8 : self.at]}"
            )
        self.at += 1
        return token

    def accept(self, wanted: str) -> bool:
        if self.peek() == wanted:
            self.at += 1
            return True
        return False

    def module(self) -> Module:
        found = Module()
        while self.peek():
            size = None
            while self.accept("@"):
                if self.take() == "workgroup_size":
                    parts = [*(int(n.rstrip("u")) for n in self._bracket() if n != ","), 1, 1]
                    size = (parts[0], parts[1], parts[2])
            if self.accept("const"):
                name = self.take()
                if self.accept(":"):
                    self._type()
                self.take("=")
                found.constants[name] = self.expression()
                self.take(";")
            else:
                self.take("fn")
                one = self._function(size)
                found.functions[one.name] = one
        return found

    def _bracket(self) -> list[str]:
        self.take("(")
        inside = []
        while not self.accept(")"):
            inside.append(self.take())
        return inside

    def _type(self) -> None:
        self.take()
        if self.accept("<"):
            depth = 1
            while depth:
                depth += {"<": 1, ">": -1}.get(self.take(), 0)

    def _function(self, workgroup: tuple[int, int, int] | None) -> Function:
        name = self.take()
        self.take("(")
        names, builtins = [], []
        while not self.accept(")"):
            builtin = None
            if self.accept("@"):
                self.take("builtin")
                builtin = self._bracket()[0]
            names.append(self.take())
            builtins.append(builtin)
            self.take(":")
            self._type()
            self.accept(",")
        if self.accept("->"):
            self._type()
        return Function(name, names, builtins, self.block(), workgroup)

    def block(self) -> list[Node]:
        self.take("{")
        body = []
        while not self.accept("}"):
            body.append(self.statement())
        return body

    def statement(self) -> Node:
        word = self.peek()
        if word in ("return", "break", "continue"):
            self.take()
            value = None if word != "return" or self.peek() == ";" else self.expression()
            self.take(";")
            return (word, value)
        if word == "if":
            return self._if()
        if word == "for":
            self.take()
            self.take("(")
            first = None if self.peek() == ";" else self._simple()
            self.take(";")
            test = None if self.peek() == ";" else self.expression()
            self.take(";")
            then = None if self.peek() == ")" else self._simple()
            self.take(")")
            return ("for", first, test, then, self.block())
        one = self._simple()
        self.take(";")
        return one

    def _if(self) -> Node:
        self.take("if")
        test = self.expression()
        then = self.block()
        other: list[Node] = []
        if self.accept("else"):
            other = [self._if()] if self.peek() == "if" else self.block()
        return ("if", test, then, other)

    def _simple(self) -> Node:
        if self.peek() in ("let", "var", "const"):
            self.take()
            name = self.take()
            if self.accept(":"):
                self._type()
            return ("new", name, self.expression() if self.accept("=") else ("number", 0.0))
        target = self.expression()
        sign = self.peek()
        if sign in ("++", "--"):
            self.take()
            return ("set", target, ("binary", sign[0], target, ("number", 1)))
        if sign == "=":
            self.take()
            return ("set", target, self.expression())
        if sign.endswith("=") and sign[0] in "+-*/%&|^":
            self.take()
            return ("set", target, ("binary", sign[0], target, self.expression()))
        return ("call", target)

    def expression(self, level: int = 0) -> Node:
        if level == len(LEVELS):
            return self._unary()
        left = self.expression(level + 1)
        while self.peek() in LEVELS[level]:
            sign = self.take()
            left = ("binary", sign, left, self.expression(level + 1))
        return left

    def _unary(self) -> Node:
        if self.peek() in ("-", "!", "~", "&"):
            sign = self.take()
            return ("unary", sign, self._unary())
        return self._postfix()

    def _postfix(self) -> Node:
        token = self.take()
        node: Node
        if token == "(":
            node = self.expression()
            self.take(")")
        elif token[0].isdigit() or token[0] == ".":
            node = ("number", number(token))
        else:
            kind = ""
            if token in GENERIC and self.peek() == "<":
                kind = self.peek(1)
                self.at -= 1
                self._type()
            node = ("name", token)
            if self.accept("("):
                given = []
                while not self.accept(")"):
                    given.append(self.expression())
                    self.accept(",")
                node = ("apply", token, given, kind)
        while self.peek() in (".", "["):
            if self.take() == ".":
                node = ("member", node, self.take())
            else:
                node = ("index", node, self.expression())
                self.take("]")
        return node


def number(token: str) -> Any:
    """Return a literal: an unsigned one as NumPy's, others as Python's, which take any type."""
    import numpy as np

    if token.startswith("0x") or token.endswith("u"):
        return np.uint32(int(token.rstrip("u"), 0))
    return float(token) if re.search(r"[.eE]", token) else int(token)
