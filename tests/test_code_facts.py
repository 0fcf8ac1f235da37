"""What a program's text shows, and what it cannot hide."""

from __future__ import annotations

import pytest

from intentos.code_facts import facts_of


def test_imports_are_found_wherever_they_are() -> None:
    code = "import numpy as np\ndef f():\n from scipy.integrate import quad\n import math, os.path"
    facts = facts_of(code)
    assert facts.imports == {"numpy", "scipy.integrate", "math", "os.path"}
    assert facts.reaching == {"os.path"}
    assert facts.opaque == facts.unusual == frozenset()
    assert facts_of("from . import x\nimport numba, foo").unusual == {".", "foo"}


@pytest.mark.parametrize(
    "code",
    [
        "exec('import os')",
        "e = eval\ne('1')",
        "__import__('os')",
        "globals()['x']",
        "().__class__.__base__.__subclasses__()",
        "import numpy as np\nnp.ctypeslib.load_library('x', '.')",
        "from numpy import ctypeslib",
        "import numpy.ctypeslib",
        "import numpy.f2py",
        "import io\nio.os.system('x')",
        "getattr(x, 'ev' + 'al')",
        "getattr(x, '__globals__')",
        "g = getattr\ng(x, name)",
        "import numpy as np\nnp.load('a.npy', allow_pickle=True)",
        "import numpy as np\nnp.load('a.npy', allow_pickle=yes)",
        "def f(): pass\nf.__code__",
        "try:\n    1/0\nexcept Exception as e:\n    e.__traceback__.tb_frame",
        "__builtins__['open']",
        "(lambda: 0).__globals__",
    ],
)
def test_a_way_around_is_called_one(code: str) -> None:
    assert facts_of(code).opaque


@pytest.mark.parametrize(
    "code",
    [
        "getattr(x, 'real', 0)",
        "import numpy as np\nnp.load('a.npy', allow_pickle=False)",
        "class A:\n    def __init__(self): self.evaluate = 1",
        "import sympy\nx = sympy.symbols('x')\nprint(x.evalf(), 'exec')",
        "import re\nre.compile('a')",
    ],
)
def test_plain_code_is_not_suspected(code: str) -> None:
    facts = facts_of(code)
    assert facts.opaque == frozenset()
    assert facts.reaching == frozenset()


@pytest.mark.parametrize(
    "code", ["def", "x = \0", "(" * 5000 + ")" * 5000, "\ud800", "-" * 100_000]
)
def test_a_text_that_cannot_be_read_is_told_and_breaks_nothing(code: str) -> None:
    assert not facts_of(code).readable


def test_the_text_of_a_megabyte_is_read() -> None:
    assert facts_of("x = 1\n" * 160_000 + "import socket").reaching == {"socket"}
