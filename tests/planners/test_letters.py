"""Words and letters that are spoken of themselves."""

from string import ascii_lowercase

import pytest

from intentos.parameters import Parameter
from intentos.planners.linking import link
from intentos.types import Words

COUNTING = (
    Parameter(name="text", label=Words(en="Text", zh="文字"), kind="text", default="to be or not"),
    Parameter(
        name="letter", label=Words(en="Letter", zh="字母"), kind="choice", default="all",
        choices=("all", *ascii_lowercase), aliases=("letter", "字母"),
    ),
)  # fmt: skip
CIPHER = (
    COUNTING[0],
    Parameter(
        name="shift", label=Words(en="Shift", zh="移位"), kind="integer", default=3, minimum=0,
        maximum=25, aliases=("shift", "rot", "移"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("where does the letter s stand in 'bassoon'", {"text": "bassoon", "letter": "s"}),
        ("bookkeeper 里面有几个 o", {"text": "bookkeeper", "letter": "o"}),
        ("how many t's are in attempt?", {"text": "attempt", "letter": "t"}),
        ("which letters are common", {}),
        ("这段话里每个字母出现几次", {}),
    ],
)
def test_a_letter_and_the_word_it_is_counted_in(text: str, values: dict[str, object]) -> None:
    assert link(text, COUNTING).values == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("encrypt GOOD LUCK with shift 4", {"text": "GOOD LUCK", "shift": 4}),
        ("encrypt my message with shift 4", {"shift": 4}),
        ("把 sunrise 加密，移7位", {"text": "sunrise", "shift": 7}),
        ("encode banana, ROT13", {"text": "banana", "shift": 13}),
        ("用ROT13给 sunrise 加密", {"text": "sunrise", "shift": 13}),
    ],
)
def test_the_word_to_encrypt_needs_no_marks(text: str, values: dict[str, object]) -> None:
    assert link(text, CIPHER).values == values
