"""What a run leaves: what the stage offers of it, and how its files become tables and charts."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from nicegui import ui
from nicegui.testing import User

from intentos.plan import Step
from intentos.store import Store
from intentos.types import Quantity, Words
from intentos.ui.desk import Desk
from intentos.ui.outputs import film_of, outputs, still_of
from intentos.ui.tables import (
    LINE,
    ROWS,
    Arrays,
    Field,
    Table,
    Unreadable,
    chart_of,
    of_one_scale,
    read_array,
    read_csv,
)

from .records import TALK, plan_of, png, record


@pytest.fixture
def store(settings: object) -> Store:
    return Store(settings)  # type: ignore[arg-type]


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


# ---- what is offered --------------------------------------------------------------------------


def test_a_python_run_offers_its_pictures_first_and_no_file_twice(store: Store) -> None:
    run = record(
        store,
        plan=plan_of(),
        files={
            "table.csv": (b"a,b\n1,2\n", "text/csv"),
            "plot.png": (png(), "image/png"),
            "film.mp4": (b"film", "video/mp4"),
            "film.gif": (b"gif", "image/gif"),
            "values.json": (b"{}", "application/json"),
            "odd.svg": (b"<svg/>", "image/svg+xml"),
        },
        numbers={"mean": Quantity(value=3.5)},
    )
    found = [(output.kind, output.key) for output in outputs(run)]
    assert found == [
        ("film", "film.mp4"),
        ("picture", "plot.png"),
        ("table", "table.csv"),
        ("numbers", "numbers"),
        ("file", "odd.svg"),
    ]


def test_a_run_that_draws_is_seen_alive_and_its_film_only_where_that_cannot_be(
    store: Store,
) -> None:
    plan = plan_of(language="kernel", code="field")
    files = {"film.mp4": (b"film", "video/mp4"), "film.gif": (b"gif", "image/gif")}
    run = record(store, plan=plan, files=files)
    assert [output.kind for output in outputs(run)] == ["live"]
    film = film_of(run, "work")
    assert film is not None
    assert film.name == "film.mp4"


def test_what_was_cleaned_away_does_not_stand_for_its_run(store: Store) -> None:
    files = {"a.png": (png(), "image/png"), "film.mp4": (b"film", "video/mp4")}
    whole = record(store, plan=plan_of(), files=files)
    cleaned = record(store, plan=plan_of(), files=files, removed=["film.mp4"])
    assert (whole_still := still_of(whole))
    assert whole_still.name == "film.mp4"
    assert (still := still_of(cleaned))
    assert still.name == "a.png"


# ---- tables -----------------------------------------------------------------------------------


def test_a_table_is_read_with_its_numbers_as_numbers(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path / "a.csv", "\ufefftime;speed;name\n0;1,5;a\n1;;b\n2;7;c\n"))
    assert table.columns == ("time", "speed", "name")
    assert table.numeric == (0,)
    assert table.rows[0] == [0, "1,5", "a"]
    assert table.total == 3


def test_a_table_without_a_head_loses_no_row(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path / "a.csv", "1,2\n3,4\n"))
    assert (table.columns, table.rows, table.total) == (("1", "2"), [[1, 2], [3, 4]], 2)


def test_a_long_table_is_cut_and_counted(tmp_path: Path) -> None:
    lines = "\n".join(f"{i},{i * i}" for i in range(ROWS + 500))
    table = read_csv(written(tmp_path / "a.csv", f"n,square\n{lines}\n"))
    assert (len(table.rows), table.total) == (ROWS, ROWS + 500)


def test_what_is_no_number_is_text_and_hurts_nobody(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path / "a.csv", "x,:eval\n1,<img src=x onerror=a()>\nnan,1_0\n"))
    assert table.columns == ("x", ":eval")
    assert table.rows == [[1, "<img src=x onerror=a()>"], ["nan", "1_0"]]  # JSON has no NaN
    assert read_csv(written(tmp_path / "b.csv", "")).columns == ()
    with pytest.raises(Unreadable):
        read_csv(written(tmp_path / "c.csv", "a\n" + "x" * 200_000 + "\n"))
    with pytest.raises(Unreadable, match="a line of more than"):
        read_csv(written(tmp_path / "d.csv", "a\n" + "x" * LINE + "\n"))


def test_arrays_become_tables_or_fields(tmp_path: Path) -> None:
    line = read_array(saved(tmp_path / "a.npy", np.arange(5) * 0.5))
    assert isinstance(line, Table)
    assert line.rows[-1] == [2.0]
    pairs = read_array(saved(tmp_path / "b.npy", np.ones((4, 3))))
    assert isinstance(pairs, Table)
    assert len(pairs.columns) == 3
    field = read_array(saved(tmp_path / "c.npy", np.outer(np.arange(300), np.ones(400))))
    assert isinstance(field, Field)
    assert field.shape == (300, 400)
    assert len(field.cells) == 128
    assert field.high == 299.0
    assert isinstance(read_array(saved(tmp_path / "f.npy", np.ones((1, 40, 40)))), Field)
    solid = read_array(saved(tmp_path / "d.npy", np.zeros((3, 4, 5))))
    assert isinstance(solid, Arrays)
    assert solid.members == (("", (3, 4, 5), "float64"),)
    np.savez(tmp_path / "e.npz", heat=np.zeros((2, 2)), names=np.array(["a"]))
    many = read_array(tmp_path / "e.npz")
    assert isinstance(many, Arrays)
    assert many.members[0] == ("heat", (2, 2), "float64")


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(Unreadable):
        read_array(tmp_path / "a.npy")
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Trap()))  # which NumPy would read as well
    with pytest.raises(Unreadable):
        read_array(tmp_path / "p.npy")
    assert not (tmp_path / "sprung").exists()
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'sha")
    with pytest.raises(Unreadable):
        read_array(tmp_path / "b.npy")


# ---- charts -----------------------------------------------------------------------------------


def test_numbers_are_drawn_over_the_column_that_grows(tmp_path: Path) -> None:
    text = "frame,energy,drift,constant\n0,5,0.001,2\n1,6,0.002,2\n2,7,0.001,2\n"
    chart = chart_of(read_csv(written(tmp_path / "a.csv", text)))
    assert chart is not None
    assert (chart.x_name, chart.x) == ("frame", [0, 1, 2])
    assert [name for name, _ in chart.lines] == ["energy", "drift"]
    assert not of_one_scale(chart)  # each in a frame of its own
    back = chart_of(read_csv(written(tmp_path / "b.csv", "x,y\n3,1\n1,2\n2,3\n")))
    assert back is not None
    assert (back.x_name, back.x) == ("", [1, 2, 3])  # a column that goes back is no axis


def test_names_with_numbers_are_bars_and_words_alone_are_a_table(tmp_path: Path) -> None:
    bars = chart_of(read_csv(written(tmp_path / "a.csv", "city,people\nA,3\nB,4\n")))
    assert bars is not None
    assert bars.bars
    assert bars.x == ["A", "B"]
    assert chart_of(read_csv(written(tmp_path / "b.csv", "a,b\nx,y\nz,w\n"))) is None


# ---- on the stage -----------------------------------------------------------------------------


async def test_a_table_of_hostile_names_is_drawn_as_text(user: User, desk: Desk) -> None:
    head = "frame,:click,<b>x</b>"
    rows = "\n".join(f"{i},{i},{i * 2}" for i in range(30))
    record(desk.store, plan=plan_of(), files={"t.csv": (f"{head}\n{rows}".encode(), "text/csv")})
    await user.open(f"/c/{TALK}")
    await user.should_see(marker="chart", retries=50)
    (chart,) = user.find(marker="chart").elements
    assert isinstance(chart, ui.echart)
    keys = set(keys_of(chart.options))
    assert {key for key in keys if key.startswith(":")} <= {
        ":fontFamily", ":color", ":backgroundColor", ":borderColor",
    }  # fmt: skip
    user.find(marker="as-table").click()
    await user.should_see(marker="grid")
    (grid,) = user.find(marker="grid").elements
    assert isinstance(grid, ui.aggrid)
    columns = grid.options["columnDefs"]
    assert [c["headerName"] for c in columns] == head.split(",")
    assert [c["field"] for c in columns] == ["c0", "c1", "c2"]
    assert not grid.props["html-columns"]


def keys_of(value: object) -> list[str]:
    """Return all keys in a tree of options."""
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in keys_of(item))]
    if isinstance(value, list):
        return [key for item in value for key in keys_of(item)]
    return []


async def test_columns_are_called_in_the_persons_language(user: User, desk: Desk) -> None:
    step = Step(id="work", language="kernel", code="traffic", arguments={"frames": 4})
    own = {"stopped": Words(en="Standing still", zh="停着的车")}
    plan = desk.registry.pin(plan_of().model_copy(update={"steps": (step,), "labels": own}))
    files = {
        "series.csv": (b"frame,mean_speed,stopped\n0,1.0,0.5\n1,2.0,0.4\n", "text/csv"),
        "own.csv": (b"energy,stopped\n1,2\n2,1\n", "text/csv"),
    }
    record(desk.store, plan=plan, files=files)
    user.http_client.headers["accept-language"] = "zh"
    await user.open(f"/c/{TALK}")
    for name, heads in {
        "series.csv": ["画面", "平均车速", "停着的车"],
        "own.csv": ["energy", "停着的车"],
    }.items():
        user.find(marker=f"tab-{name}").click()
        await user.should_see(marker="chart", retries=30)
        user.find(marker="as-table").click()
        await user.should_see(marker="grid", retries=30)
        (grid,) = user.find(marker="grid").elements
        assert isinstance(grid, ui.aggrid)
        assert [c["headerName"] for c in grid.options["columnDefs"]] == heads


async def test_every_kind_has_its_place_on_the_stage(user: User, desk: Desk) -> None:
    array = io.BytesIO()
    np.save(array, np.random.default_rng(1).random((40, 40)))
    record(
        desk.store,
        plan=plan_of(),
        files={
            "plot.png": (png(), "image/png"),
            "tone.wav": (b"RIFF", "audio/wav"),
            "tree.json": (json.dumps({"a": [1, {"b": "<i>"}]}).encode(), "application/json"),
            "note.txt": (b"<script>no()</script>", "text/plain"),
            "heat.npy": (array.getvalue(), "application/x-npy"),
            "broken.npy": (b"not an array", "application/x-npy"),
            "odd.bin": (b"\0", "application/octet-stream"),
        },
        numbers={"mean": Quantity(value=1234.5678, unit="m")},
        answer="The mean is 1,234.57 m.",
    )
    await user.open(f"/c/{TALK}")
    for tab, seen in {
        "plot.png": "picture",
        "tone.wav": "sound",
        "tree.json": "tree",
        "note.txt": "text",
        "heat.npy": "field",
        "broken.npy": "unreadable",
        "odd.bin": "download",
        "numbers": "numbers",
    }.items():
        user.find(marker=f"tab-{tab}").click()
        await user.should_see(marker=seen, retries=30)
    await user.should_see("1,234.57")
    user.find(marker="tab-note.txt").click()
    await user.should_see("<script>no()</script>", retries=30)
