"""Times of day: how long between two, when it ends, when to begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.schedule import schedule


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("how many hours of sleep if I go to bed at 23:40 and get up at 6:15?", (23, 40), (6, 15)),
        ("晚上11点半睡，早上7点10分起，睡了多久", (23, 30), (7, 10)),
        ("从9点到下午5点半上班，一共几个小时", (9, 0), (17, 30)),
        ("12点到1点是多久", (12, 0), (13, 0)),
    ],
)
def test_the_time_between_two_times_of_day(
    text: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    values = schedule(text)
    assert values is not None
    assert (values["start_hour"], values["start_minute"]) == start
    assert (values["end_hour"], values["end_minute"]) == end
    assert values["find"] == "span"


@pytest.mark.parametrize(
    ("text", "find", "minutes"),
    [
        ("a film starts at 19:45 and lasts 2 h 10 min, when does it end?", "end", 130),
        ("飞机14:35起飞，飞2小时40分钟，几点落地", "end", 160),
        ("I must be at the airport at 6:30 and it takes 50 minutes, when to leave", "start", 50),
        ("骑车每小时18公里，上班路12公里，8点半要到，几点出发", "start", 40),
        ("上午9点上课，路上25分钟，吃早饭20分钟，几点起床", "start", 45),
    ],
)
def test_when_it_ends_and_when_to_begin(text: str, find: str, minutes: float) -> None:
    values = schedule(text)
    assert values is not None
    assert values["find"] == find
    assert values["span"] == minutes
    known = "end" if find == "start" else "start"
    assert f"{known}_hour" in values
    assert f"{find}_hour" not in values


@pytest.mark.parametrize(
    "text",
    [
        "a clock at 10:10",
        "how long until 5 pm",
        "城市交通，早上8点，500辆车，平均多快",
        "what is the temperature at 15:00",
        "the angle of the hands at 3:40",
        "why is the sky blue",
        "a red heart at 9:30, turning for 5 seconds",
        "画一颗红色的爱心",
        "at 8:00 there are 100 bacteria and they double every 20 minutes, when are there 1000",
    ],
)
def test_other_wishes_with_a_time_of_day_are_left_alone(text: str) -> None:
    assert schedule(text) is None


@given(st.integers(0, 23), st.integers(0, 59), st.integers(1, 1439))
def test_an_end_follows_from_any_start(hour: int, minute: int, span: int) -> None:
    values = schedule(
        f"it begins at {hour:02d}:{minute:02d} and takes {span} minutes, when is it over?"
    )
    assert values == {"start_hour": hour, "start_minute": minute, "span": span, "find": "end"}
