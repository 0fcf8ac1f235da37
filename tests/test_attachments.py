"""Files on the command line, from --attach to the rerun on other data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .test_cli import intentos, one_object

SALES = "月份;销量\n2024-01;10\n2024-02;30\n2024-03;20\n"


def asked(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Return what a call said, as an object."""
    done = intentos(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return one_object(done)


def test_a_table_is_summarised_and_the_same_plan_serves_another(tmp_path: Path) -> None:
    first, second = tmp_path / "销量.csv", tmp_path / "b.tsv"
    first.write_bytes(SALES.encode("gbk"))
    second.write_text("weight\theight\n1\t5\n3\t7\n")
    ask = ("ask", "概括一下这个表格", "--model", "none", "--yes")
    one = asked(*ask, "--attach", str(first), "--out", str(tmp_path / "o"))
    assert one["values"]["mean"]["value"] == 20
    assert one["parameters"]["column"] == "销量"
    assert "销量" in one["answer"]
    assert one["badge"] == "verified"
    assert (tmp_path / "o" / "summary.png").stat().st_size > 1000
    again = asked("rerun", "last", "--set", "bins=3", "--yes")  # the file comes along
    assert again["values"]["mean"]["value"] == 20
    # Approved for the work, and not for one file: no --yes is needed.
    other = asked("rerun", "last", "--attach", str(second), "--set", "column=height")
    assert other["values"]["mean"]["value"] == 6
    wrong = asked("rerun", "last", "--set", "column=depth", code=2)
    assert "weight, height" in wrong["error"]["message"]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.xlsx", b"PK\x03\x04" + bytes(40), "damaged"),
        ("a.csv", b"\x7fELF" + bytes(200), "neither text nor"),
        (None, b"", "There is no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_wrong_usage(
    tmp_path: Path, name: str | None, data: bytes, what: str
) -> None:
    path = tmp_path / (name or "gone.csv")
    if name:
        path.write_bytes(data)
    done = intentos("ask", "summarise this table", "--attach", str(path), "--yes", "--json")
    assert done.returncode == 2
    assert what in json.loads(done.stdout)["error"]["message"]


def test_a_wish_for_a_table_without_one_says_so() -> None:
    done = intentos("ask", "概括一下这个表格", "--model", "none", "--yes")
    assert done.returncode == 1
    assert "--attach" in done.stderr
    assert "表格" in done.stderr
