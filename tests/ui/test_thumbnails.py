"""Every recipe of the house has a true picture, small and with something on it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from intentos import config
from intentos.config import Settings
from intentos.protocols import Recipes
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.types import Intent, Words, now
from intentos.ui import stills, thumbnails
from intentos.ui.collection import SIX
from intentos.ui.families import FAMILIES, OTHER, family_title, pattern
from intentos.ui.thumbnails_route import attach_thumbnails, of_run, thumbnail_url

REMEDY = "run `make thumbnails`, look at what it made, and commit it"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Recipes:
    folder = tmp_path_factory.mktemp("library")
    settings = config.load().model_copy(update={"home": folder})
    return Registry().planner(settings=settings).recipes


# ---- what is shipped --------------------------------------------------------------------------


def test_every_recipe_has_a_picture_of_what_it_does_now(recipes: Recipes) -> None:
    pictured = [info.id for info in recipes.every() if thumbnails.has_own(info)]
    assert len(pictured) > 400
    stale = [id for id in pictured if not thumbnails.is_true(recipes.get(id).plan)]
    assert stale == [], f"{len(stale)} pictures are missing or no longer true: {REMEDY}"
    assert thumbnails.index().keys() == set(pictured), REMEDY


def test_each_is_small_and_shows_something() -> None:
    dull, heavy = [], []
    for id in thumbnails.index():
        data = thumbnails.path(id).read_bytes()
        with Image.open(BytesIO(data), formats=["WEBP"]) as image:
            assert image.size == (stills.WIDTH, stills.HEIGHT)
            if stills.telling(image) < 0.25:
                dull.append(id)
        if len(data) > stills.STILL_BYTES:
            heavy.append(id)
    assert (dull, heavy) == ([], [])


def test_no_file_is_there_for_nothing() -> None:
    wanted = {f"{id}.webp" for id in thumbnails.index()} | {thumbnails.INDEX}
    wanted |= {f"{id}{thumbnails.LIVING}.webp" for id in SIX}
    assert {path.name for path in thumbnails.FOLDER.iterdir()} == wanted


@pytest.mark.parametrize("id", SIX)
def test_six_of_them_move_for_ever(id: str) -> None:
    path = thumbnails.path(f"{id}{thumbnails.LIVING}")
    assert path.stat().st_size <= stills.LIVING_BYTES
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) >= 20
        assert image.info["loop"] == 0
        first = np.asarray(image.convert("RGB"), np.int16)
        image.seek(10)
        assert np.abs(np.asarray(image.convert("RGB"), np.int16) - first).mean() > 0.5


def test_words_leave_a_picture_true_and_what_acts_does_not(recipes: Recipes) -> None:
    plan = recipes.get("thrown_ball").plan
    other = plan.model_copy(update={"title": Words(en="A stone"), "interpretation": Words(en="x")})
    assert thumbnails.key(other) == thumbnails.key(plan)
    knob = plan.parameters[0]
    assert isinstance(knob.default, float | int)
    turned = knob.model_copy(update={"default": knob.default + 1})
    changed = plan.model_copy(update={"parameters": (turned, *plan.parameters[1:])})
    assert thumbnails.key(changed) != thumbnails.key(plan)
    step = plan.steps[0].model_copy(update={"code_hash": "0" * 64})
    recoded = plan.model_copy(update={"steps": (step,)})
    assert thumbnails.key(recoded) != thumbnails.key(plan)


# ---- how a picture is chosen and cut ----------------------------------------------------------


def scene(width: int, height: int) -> Image.Image:
    """Return a picture with something everywhere."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    waves = 127 + 120 * np.sin(across / 5) * np.cos(down / 7)
    return Image.fromarray(np.stack([waves, waves[::-1], 255 - waves], -1).astype(np.uint8))


def test_the_frame_with_most_to_see_is_taken() -> None:
    blank = Image.new("RGB", (64, 48), "black")
    faint = Image.blend(blank, scene(64, 48), 0.1)
    assert stills.most_telling([blank, scene(64, 48), faint, blank]) == 1
    assert stills.telling(blank) == 0


@pytest.mark.parametrize("size", [(640, 200), (200, 640), (320, 240), (7, 5), (1, 1)])
def test_a_picture_of_any_shape_fills_the_card(size: tuple[int, int]) -> None:
    assert stills.fitted(scene(*size)).size == (stills.WIDTH, stills.HEIGHT)


def test_a_plot_keeps_all_of_it_and_its_ground_goes_on() -> None:
    plot = Image.new("RGB", (600, 200), "#fffaf0")
    plot.paste("#aa0000", (5, 90, 595, 110))
    card = stills.fitted(plot)
    assert card.getpixel((3, 3)) == (255, 250, 240)
    red = [
        x for x in range(stills.WIDTH) if cast("tuple[int, ...]", card.getpixel((x, 120)))[1] < 40
    ]
    assert len(red) > 0.9 * stills.WIDTH


def test_a_sky_goes_on_above_unless_the_sides_shall_be_cut() -> None:
    frame = Image.new("RGB", (640, 200), "#2040a0")
    frame.paste(scene(640, 100), (0, 100))
    whole, cut = stills.fitted(frame), stills.fitted(frame, cut=True)
    assert whole.getpixel((160, 100)) == pytest.approx((32, 64, 160), abs=4)
    assert stills.telling(cut) > stills.telling(whole)


def test_a_still_stays_within_its_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    small = stills.still(Image.fromarray(noise), most=9_000)
    plain = stills.still(Image.new("RGB", (320, 240), "navy"))
    assert len(plain) < len(small)
    assert Image.open(BytesIO(small)).size == (320, 240)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        b"BM" + b"\0" * 60,
    ],
)
def test_what_is_no_picture_of_ours_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)
    with pytest.raises(ValueError):  # noqa: PT011 - Pillow has many words for it
        stills.picture_frames(path)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (9_000, 9_000)).save(path)
    with pytest.raises(ValueError, match="9000 × 9000"):
        stills.picture_frames(path)


# ---- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [*FAMILIES, OTHER])
def test_every_subject_has_a_name_and_a_pattern(family: str) -> None:
    assert family_title(family, "en") != family_title(family, "zh")
    drawn = pattern(family, "one")
    assert ElementTree.fromstring(drawn).attrib["viewBox"] == "0 0 320 240"
    assert drawn == pattern(family, "one") != pattern(family, "another")


def test_nothing_that_somebody_wrote_gets_into_a_pattern() -> None:
    hostile = '"><script>alert(1)</script>'
    assert "script" not in pattern(hostile, hostile)


# ---- the route --------------------------------------------------------------------------------


def serving(recipes: Recipes, settings: Settings) -> tuple[TestClient, Store]:
    """Return a browser before a server with the route alone."""
    app, store = FastAPI(), Store(settings)
    desk = SimpleNamespace(recipes=recipes, store=store, settings=settings)
    attach_thumbnails(app, cast(Any, SimpleNamespace(desk=desk)))
    return TestClient(app), store


def test_a_picture_is_served_to_be_looked_at_only(recipes: Recipes, settings: Settings) -> None:
    browser, store = serving(recipes, settings)
    answer = browser.get(thumbnail_url("thrown_ball"))
    assert answer.content == thumbnails.path("thrown_ball").read_bytes()
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    law = browser.get(thumbnail_url("galaxy_mass"))
    assert law.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in law.headers["content-security-policy"]
    assert law.text == pattern("astronomy", "galaxy_mass")
    store.close()


@pytest.mark.parametrize("name", ["nobody", "..%2Findex", "A B", "%00", "x" * 300, "index.json"])
def test_what_is_not_there_is_a_pattern_and_no_file(
    name: str, recipes: Recipes, settings: Settings
) -> None:
    browser, store = serving(recipes, settings)
    answer = browser.get(f"/api/thumbnail/{name}.webp")
    store.close()
    assert answer.status_code == 404 or answer.headers["content-type"] == "image/svg+xml"
    assert "immutable" not in answer.headers.get("cache-control", "")


def drawn(store: Store, data: bytes, media_type: str) -> Run:
    """Return a run that left a picture."""
    artifact = store.put(data, name="picture", media_type=media_type, step_id="draw")
    intent = Intent(text="draw", language="en")
    return Run(
        id="r1",
        intent=intent,
        status=RunStatus.COMPLETED,
        seed=1,
        artifacts=(artifact,),
        created_at=now(),
    )


def test_what_a_person_saved_shows_the_run_it_is_from(settings: Settings) -> None:
    store = Store(settings)
    stream = BytesIO()
    scene(900, 500).save(stream, "PNG")
    run = drawn(store, stream.getvalue(), "image/png")
    data = of_run(run, store, settings)
    assert data is not None
    with Image.open(BytesIO(data), formats=["WEBP"]) as image:
        assert image.size == (stills.WIDTH, stills.HEIGHT)
    store.path(run.artifacts[0].id).unlink()
    assert of_run(run, store, settings) == data  # it is remembered
    store.close()


@pytest.mark.parametrize("kind", ["image/png", "image/gif", "image/svg+xml", "text/html"])
def test_a_hostile_picture_is_shown_to_nobody(kind: str, settings: Settings) -> None:
    store = Store(settings)
    run = drawn(store, b"<svg onload=alert(1)>", kind)
    assert of_run(run, store, settings) is None
    store.close()


def test_the_route_falls_back_to_what_it_was_made_from(
    recipes: Recipes, settings: Settings
) -> None:
    info = next(info for info in recipes.every() if info.id == "thrown_ball")
    mine = type(info)(
        **{**vars(info), "id": "mine", "package": "", "saved": "gone", "base": info.id}
    )
    shelf = SimpleNamespace(every=lambda: [mine])
    browser, store = serving(cast(Recipes, shelf), settings)
    assert browser.get("/api/thumbnail/mine.webp").content == thumbnails.path(info.id).read_bytes()
    store.close()
