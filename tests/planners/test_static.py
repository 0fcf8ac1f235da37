"""Generated code is looked over before it runs."""

from __future__ import annotations

import pytest

from intentos.planners import static


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
    changed = static.with_parameters(code, {"limit"})
    assert changed.splitlines()[0] == 'limit = parameters["limit"]'
    assert changed.splitlines()[1:] == code.splitlines()[1:]
    assert static.reported(code) == ["a"]
