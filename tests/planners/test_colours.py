"""Colours as people say them: one by one, and the two of a pattern."""

from __future__ import annotations

import pytest

from intentos.planners.colours import read_colours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red ball on a white floor", ["red", "white"]),
        ("红白相间的桌布", ["红", "白"]),
        ("黑白棋盘", ["黑", "白"]),
        ("由绿逐渐变成紫", ["绿", "紫"]),
        ("蓝色和白色条纹", ["蓝色", "白色"]),
        ("黑白照片，红黑树，红楼梦", []),
    ],
)
def test_colours_are_read_in_their_order(text: str, expected: list[str]) -> None:
    assert [mention.text for mention in read_colours(text)] == expected
