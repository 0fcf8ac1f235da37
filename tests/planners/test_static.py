"""Generated code is looked over before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos.plan import Step
from intentos.planners import static
from intentos.registry import Registry
from intentos.run import StepStatus

from .trials import Trials


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("x = (1,\n", "SyntaxError"),
        ("import os\nreport('a', 1)", "module os"),
        ("from requests import get", "module requests"),
        ("from . import x", "module"),
        ("report('a', open('x').read())", "open"),
        ("report('a', ().__class__)", "__class__"),
        ("def report(x, y): pass\nreport(1, 2)", "already there"),
        ("print(2)", "call report"),
        ("x = " + "(" * 5000, "SyntaxError"),
    ],
)
def test_complains_in_words_for_the_model(code: str, what: str) -> None:
    assert what in (static.complaint(code) or "")


def test_named_numbers_become_parameters() -> None:
    code = "limit = 10**6  # top\nn = 2; m = 3\nstep = -1\ni = 0\ni += 1\nreport('a', limit)\n"
    assert static.complaint(code) is None
    assert static.constants(code) == {"limit": 10**6, "step": -1}
    changed = static.with_parameters(code, {"limit": "limit"})
    assert changed.splitlines()[0] == 'limit = parameters["limit"]'
    assert changed.splitlines()[1:] == code.splitlines()[1:]
    assert static.reported(code) == ["a"]


@pytest.mark.parametrize(
    ("code", "method"),
    [
        ("n = 5\nreport('a', n * (n + 1) // 2)", "formula"),
        ("report('a', sum(k for k in range(9)))", "enumeration"),
        ("t = 0\nwhile t < 9:\n    t += 1\nreport('a', t)", "enumeration"),
        ("import itertools\nreport('a', len(list(itertools.permutations('abc'))))", "enumeration"),
        ("import sympy\nreport('a', sympy.integrate('x', ('x', 0, 1)))", "algebra"),
        ("import random\nreport('a', random.random())", "sampling"),
        ("import numpy as np\nr = np.random.default_rng(1)\nreport('a', r.normal())", "sampling"),
    ],
)
def test_the_code_tells_its_method(code: str, method: str) -> None:
    assert static.method(code) == method


def test_reports_can_be_renamed() -> None:
    code = "x = 1; report('总和', x); report(\"b\", '总和')\nreport('总和', 2)\n"
    assert static.renamed(code, {"总和": "total"}) == (
        'x = 1; report("total", x); report("b", \'总和\')\nreport("total", 2)\n'
    )


def test_files_may_be_opened_where_there_are_some() -> None:
    code = "import json\nreport('a', len(json.load(open(inputs['x']))))"
    assert "no files" in (static.complaint(code) or "")
    assert static.complaint(code, files=True) is None


async def test_every_module_that_may_be_imported_is_in_the_sandbox(
    registry: Registry, tmp_path: Path
) -> None:
    code = "".join(f"import {name}\n" for name in sorted(static.MODULES)) + "report('a', 1)\n"
    assert static.complaint(code) is None
    result = await Trials(registry, tmp_path)(Step(id="a", language="python", code=code), {})
    assert result.stderr == ""
    assert result.status is StepStatus.OK


@pytest.mark.parametrize(
    ("code", "imports"),
    [
        ("report('a', math.pi * np.sqrt(2))", ["import math", "import numpy as np"]),
        ("report('a', Counter('abc').total())", ["from collections import Counter"]),
        ("report('a', scipy.special.gamma(3))", ["import scipy.special"]),
        ("import math\nreport('a', math.pi)", []),
        ("date = 3\nreport('a', date)", []),
        ("def pi(sqrt): return sqrt\nreport('a', pi(1))", []),
        ("report('a', nothing.known)", []),
        ("report('a', np.", []),
    ],
)
def test_a_program_gets_the_imports_that_it_needs(code: str, imports: list[str]) -> None:
    changed = static.with_imports(code)
    assert changed.endswith(code)
    assert changed.removesuffix(code).split("\n") == [*imports, "", ""] if imports else True
    assert imports or changed == code


def test_imports_that_come_back_by_themselves_are_not_shown() -> None:
    code = "import numpy as np\nimport scipy.special\n\nlimit = 3\nreport('a', np.pi * limit)\n"
    assert static.without_imports(code) == "limit = 3\nreport('a', np.pi * limit)\n"
    other = "import wave as w\nreport('a', 1)\n"
    assert static.without_imports(other) == other


def test_a_name_in_another_case_is_the_one_that_is_bound() -> None:
    code = "reynolds = 5\nReport = 1\nreport('re', Reynolds * math.pi + len('x') + other)\n"
    assert static.respelled(code) == code.replace("Reynolds", "reynolds")
    two = "a_b = 1\nab = 2\nreport('x', A_B)\n"
    assert static.respelled(two) == two
    assert static.respelled("x = (") == "x = ("


@pytest.mark.parametrize(
    ("code", "does"),
    [
        ("people = 3\nreport('people', people)\n", False),  # out of thin air
        ("report('year', str(1969))\n", False),
        ("one = 10\nother = 8\nreport('cleverer', abs(one - other))\n", False),
        ("word = 'abc'\nreport('length', len(word))\n", True),
        ("total = 0\nfor n in (1, 2):\n    total = n\nreport('total', total)\n", True),
        ("report('mean', np.linspace(0, 1).mean())\n", True),
        ("last = 100\nreport('sum', last * (last + 1) // 2)\n", True),
    ],
)
def test_a_program_of_numbers_that_are_written_down_computes_nothing(code: str, does: bool) -> None:
    assert static.computes(code) is does
