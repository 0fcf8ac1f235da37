"""A day's cap on what other people's models cost, held across processes and crashes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from intentos.config import Settings
from intentos.errors import NotApproved, StoreError
from intentos.spending import Spending, count, counting


def test_a_question_holds_back_its_most_and_settles_what_it_took(settings: Settings) -> None:
    spending = Spending(settings)
    with spending.question("openai/big", 0.40) as bill:
        assert Spending(settings).today() == (0.40, 0)
        bill.settle(0.03, 500)
    assert Spending(settings).today() == (0.03, 0)


def test_over_the_cap_nothing_is_asked(settings: Settings) -> None:
    spending = Spending(settings)
    with spending.question("openai/big", 0.9) as bill:
        bill.settle(0.9, 1000)
    with pytest.raises(NotApproved) as caught, spending.question("openai/big", 0.2):
        raise AssertionError("it was asked")
    assert caught.value.code == "spending.cap"
    assert caught.value.exit_code == 3
    assert "0.9" in caught.value.text("en")
    assert spending.today() == (0.9, 0)
    with spending.question("openai/small", 0.05) as bill:  # a cheaper one still may
        bill.settle(0.05, 10)


def test_an_answer_that_nobody_waited_for_counts_at_its_most(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt), Spending(settings).question("openai/big", 0.3):
        raise KeyboardInterrupt
    assert Spending(settings).today() == (0.3, 0)


def test_an_unknown_price_counts_tokens(settings: Settings) -> None:
    with Spending(settings).question("openai/odd", None) as bill:
        bill.settle(None, 700)
    assert Spending(settings).today() == (0.0, 700)


def test_a_free_question_leaves_no_trace(settings: Settings) -> None:
    with Spending(settings).question("openai/local", 0.0) as bill:
        bill.settle(0.0, 700)
    assert Spending(settings).today() == (0.0, 0)


def test_a_cap_of_nothing_lets_only_free_models_through(settings: Settings) -> None:
    strict = settings.model_copy(update={"spend_per_day": 0.0})
    with pytest.raises(NotApproved), Spending(strict).question("openai/big", 0.001):
        pass


def test_many_at_once_never_pass_the_cap(settings: Settings) -> None:
    def ask(_: int) -> bool:
        try:
            with Spending(settings).question("openai/big", 0.3) as bill:
                bill.settle(0.3, 1)
        except NotApproved:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(12))) == 3
    assert Spending(settings).today()[0] == pytest.approx(0.9)


def test_another_process_sees_what_was_spent(settings: Settings) -> None:
    code = (
        "from intentos import config\n"
        "from intentos.spending import Spending\n"
        "with Spending(config.load()).question('openai/big', 0.25):\n"
        "    import os; os._exit(0)\n"  # it dies in the middle of a question
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Spending(settings).today() == (0.25, 0)


@pytest.mark.parametrize("text", ["", "{", '{"schema": 9, "days": {}}', '{"schema": 1, "days": 3}'])
def test_a_damaged_file_does_not_lift_the_cap(text: str, settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "spending.json").write_text(text)
    with (
        pytest.raises(StoreError, match=r"spending\.json"),
        Spending(settings).question("openai/big", 0.1),
    ):
        raise AssertionError("it was asked")


def test_uses_are_counted_by_model_and_an_unknown_price_stays_unknown() -> None:
    with counting() as uses:
        count("embedded", "", 100, 0.0)
        count("openai/big", "h", 10, 0.01)
        count("openai/big", "h", 10, 0.02)
        count("openai/odd", "h", 10, None)
        count("openai/odd", "h", 10, 0.02)
    assert [(use.name, use.tokens) for use in uses] == [
        ("embedded", 100), ("openai/big", 20), ("openai/odd", 20),
    ]  # fmt: skip
    assert uses[1].cost == pytest.approx(0.03)
    assert uses[2].cost is None
    count("embedded", "", 1, 0.0)  # nobody counts: nothing happens
    assert uses[0].tokens == 100
