"""What a Python step names, read from its text without running it: imports, and ways around them.

This tells a person, and rules, what code means to use. It is no boundary: the sandbox is. So it
errs to one side only: code that could reach more than it names is called opaque.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

NUMERICAL = frozenset(
    "math cmath numpy scipy sympy mpmath matplotlib mpl_toolkits pandas networkx PIL itertools "
    "functools collections fractions decimal statistics random datetime calendar re string "
    "operator time heapq bisect textwrap json csv wave unicodedata colorsys dataclasses typing "
    "enum abc copy zlib base64 hashlib array numbers io __future__".split()
)
"""Top modules that compute, draw and format, and do nothing else by themselves."""
REACHING = frozenset(
    "os sys subprocess socket ctypes _ctypes cffi mmap signal multiprocessing threading _thread "
    "asyncio concurrent select selectors http urllib ftplib smtplib ssl requests httpx aiohttp "
    "shutil pathlib glob tempfile pickle _pickle marshal shelve dill cloudpickle joblib importlib "
    "imp inspect gc resource fcntl termios pty builtins code codeop runpy site sysconfig pkgutil "
    "posix nt platform getpass pwd webbrowser sqlite3 numba torch".split()
)
"""Top modules that reach processes, files, the network, memory or the interpreter itself."""
_WAYS_AROUND = frozenset(
    "exec eval compile __import__ globals vars locals breakpoint __builtins__ __loader__ "
    "__spec__".split()
)
_INNER = frozenset(
    "__subclasses__ __globals__ __builtins__ __bases__ __base__ __mro__ __code__ __closure__ "
    "__import__ __loader__ __spec__ __getattribute__ __reduce__ __reduce_ex__ __dict__ mro "
    "f_globals f_locals f_builtins f_back tb_frame gi_frame cr_frame gi_code "
    "ctypeslib f2py LowLevelCallable ctypes _ctypes _os sys os builtins".split()
)
"""Attributes that lead from a harmless object to the interpreter, or from a module to another."""


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """What the text of a Python program shows."""

    imports: frozenset[str] = frozenset()
    """Dotted names of modules, wherever they are imported; relative ones begin with dots."""
    opaque: frozenset[str] = frozenset()
    """Ways by which it could reach more than it imports, such as ``eval``."""
    readable: bool = True
    """Whether it could be parsed; else nothing is known of it."""

    @property
    def reaching(self) -> frozenset[str]:
        """The imports that reach beyond computing."""
        return frozenset(name for name in self.imports if _top(name) in REACHING)

    @property
    def unusual(self) -> frozenset[str]:
        """The imports that are neither known to compute only nor known to reach further."""
        return frozenset(n for n in self.imports if _top(n) not in REACHING | NUMERICAL)


def facts_of(code: str) -> CodeFacts:
    """Return what a program's text shows; any text at all is accepted."""
    try:
        tree = ast.parse(code)
    # A text can be too deep for the parser, or hold what no program may.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return CodeFacts(readable=False)
    imports: set[str] = set()
    opaque: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                imports |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                module = "." * node.level + (node.module or "")
                imports.add(module)
                # ``from numpy import ctypeslib`` names a module as much as ``import`` does.
                opaque |= {alias.name for alias in node.names} & _INNER
                if module.split(".")[-1] in _INNER:
                    opaque.add(module)
            case ast.Name() if node.id in _WAYS_AROUND:
                opaque.add(node.id)
            case ast.Attribute() if node.attr in _INNER:
                opaque.add(f".{node.attr}")
            case ast.Call(func=ast.Name(id="getattr" | "setattr" | "delattr")) if not _plain(node):
                opaque.add("getattr(…)")
            case ast.keyword(arg="allow_pickle") if not _is_false(node.value):
                opaque.add("allow_pickle")
            case _:
                pass
    for name in ("getattr", "setattr", "delattr"):
        if _passed_on(tree, name):
            opaque.add(name)
    dotted = {name for name in imports if set(name.split(".")[1:]) & _INNER}
    return CodeFacts(imports=frozenset(imports), opaque=frozenset(opaque | dotted))


def _top(name: str) -> str:
    return name.split(".")[0]


def _plain(call: ast.Call) -> bool:
    """Whether an attribute is named by a text that can be read, and is none of the inner ones."""
    if len(call.args) < 2 or not isinstance(call.args[1], ast.Constant):
        return False
    name = call.args[1].value
    return isinstance(name, str) and name not in _INNER and not name.startswith("__")


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _passed_on(tree: ast.Module, name: str) -> bool:
    """Whether a function is used other than by calling it, and so under another name perhaps."""
    called = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return any(
        isinstance(node, ast.Name) and node.id == name and id(node) not in called
        for node in ast.walk(tree)
    )
