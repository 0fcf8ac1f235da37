"""Made-up files look like the real ones to code, and hold nothing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos.intake_step import read
from intentos.stand_ins import stand_in
from intentos.types import Attachment, Column, Profile


def made(profile: Profile, folder: Path) -> Path:
    """Return a stand-in for a file with this profile."""
    attachment = Attachment(
        id="1" * 64, plain="2" * 64, name="f", media_type="x/y", size=1, key="f", profile=profile
    )
    return stand_in(attachment, folder)


def test_a_table_has_the_columns_types_and_gaps(tmp_path: Path) -> None:
    columns = (
        Column(name="day", type="date", minimum="2024-01-01", maximum="2024-03-01"),
        Column(name="a, b", type="integer", minimum=3, maximum=9, missing=2),
        Column(name="气温", type="number", minimum=-2.5, maximum=4.5),
        Column(name="place", type="text", distinct=2),
        Column(name="none", type="empty", missing=99),
    )
    path = made(Profile(kind="table", media_type="text/csv", rows=99, columns=columns), tmp_path)
    found = read(str(path), "f.csv").profile["columns"]
    assert [(c["name"], c["type"]) for c in found] == [(c.name, c.type) for c in columns]
    assert found[1]["missing"] == 1
    assert found[0]["minimum"] >= "2024-01-01"
    assert found[2]["minimum"] >= -2.5
    assert found[2]["maximum"] <= 4.5
    assert found[3]["distinct"] == 2


@pytest.mark.parametrize(
    "profile",
    [
        Profile(kind="image", media_type="image/png", width=4000, height=3),
        Profile(kind="sound", media_type="audio/wav", rate=8000, channels=2, seconds=60),
        Profile(kind="array", media_type="x/npy", shape=(5, 1000), dtype="float32", maximum=1),
        Profile(kind="document", media_type="x/json", columns=(Column(name="k", type="text"),)),
    ],
)  # fmt: skip
def test_other_files_have_the_kind_and_shape(profile: Profile, tmp_path: Path) -> None:
    found = read(str(made(profile, tmp_path)), "f").profile
    if profile.kind == "document":
        assert found["kind"] == "table" or found["columns"][0]["name"] == "k"
        return
    assert found["kind"] == profile.kind
    if profile.kind == "image":
        assert (found["width"], found["height"]) == (64, 3)
    if profile.kind == "sound":
        assert (found["rate"], found["channels"]) == (8000, 2)
    if profile.kind == "array":
        assert found["dtype"] == profile.dtype
        assert len(found["shape"]) == len(profile.shape)
