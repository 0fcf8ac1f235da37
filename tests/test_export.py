"""A run becomes one file: of each kind, whole or not at all, and a plan that nobody trusts yet."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intentos.certificate import certificate
from intentos.config import Settings
from intentos.errors import InvalidPlan, Missing, StoreError, UsageError
from intentos.executors.film import encode_film
from intentos.export import Stopped, Work, export, file_name, offered
from intentos.export_plan import share
from intentos.export_zip import safe_names
from intentos.film_length import frames_in
from intentos.plan import Approval, Plan, Step
from intentos.plan_file import open_plan_file
from intentos.plan_opening import open_shared
from intentos.registry import Registry
from intentos.run import RunStatus
from intentos.store import Store
from intentos.trust import handed_over
from intentos.types import Quantity, Words

from .exported import PLAN, run_with, work_on
from .parts import plan_of
from .test_cli import intentos, one_object


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
def work(store: Store, registry: Registry) -> Callable[..., Work]:
    """Make the work of exporting a run that left files and numbers."""

    def make(files: dict[str, bytes], **changes: object) -> Work:
        return work_on(run_with(store, files, **changes), store, registry)  # type: ignore[arg-type]

    return make


def picture(*colours: str, form: str = "PNG", size: tuple[int, int] = (32, 24)) -> bytes:
    """Return a picture, or a GIF of several."""
    images = [Image.new("RGB", size, colour) for colour in colours]
    stream = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:], "duration": 50} if images[1:] else {}
    images[0].save(stream, form, **more)
    return stream.getvalue()


def array(*numbers: float) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(numbers))
    return stream.getvalue()


async def film(folder: Path, *colours: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """Return an mp4 and a GIF of one frame a colour, as executors make them."""
    raw = folder / "frames.rgba"
    raw.write_bytes(b"".join(bytes((*colour, 255)) * 64 * 48 for colour in colours))
    mp4, gif = await encode_film(
        raw, width=64, height=48, count=len(colours), frames_per_second=10, folder=folder
    )
    return mp4.read_bytes(), gif.read_bytes()


RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


async def test_a_film_is_handed_on_as_it_is_and_its_last_frame_is_its_picture(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    mp4, gif = await film(tmp_path, *[RED] * 6, *[GREEN] * 6, BLUE)
    job = work({"film.mp4": mp4, "film.gif": gif})
    assert offered(job) == ["html", "mp4", "gif", "png", "yaml", "prov", "zip"]
    assert export(job, "mp4", tmp_path / "a.mp4").read_bytes() == mp4
    assert export(job, "gif", tmp_path).read_bytes() == gif
    with Image.open(export(job, "png", tmp_path / "a.png")) as image:
        assert image.size == (64, 48)
        red, green, blue = image.convert("RGB").getpixel((30, 20))  # type: ignore[misc]
        assert blue > 150 > 60 > max(red, green)


async def test_what_is_missing_is_made(work: Callable[..., Work], tmp_path: Path) -> None:
    mp4, _ = await film(tmp_path, *[RED] * 8, *[GREEN] * 8)
    with Image.open(export(work({"stopped.mp4": mp4}), "gif", tmp_path / "b.gif")) as image:
        assert image.format == "GIF"
        assert image.n_frames > 5  # type: ignore[attr-defined]
    job = work({"only.gif": picture("red", "green", "blue", form="GIF")})
    assert frames_in(export(job, "mp4", tmp_path / "b.mp4")) == 3
    with Image.open(export(job, "png", tmp_path / "b.png")) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
    job = work({"photo.jpg": picture("red", form="JPEG")})
    with Image.open(export(job, "png", tmp_path / "c.png")) as image:
        assert image.format == "PNG"


def test_a_film_that_code_has_written_is_never_decoded(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    python = plan_of(steps=(Step(id="s1", language="python", code="save('x.mp4', data)"),))
    job = work({"x.mp4": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"}, plan=python)
    assert "gif" not in offered(job)
    assert "png" not in offered(job)
    with pytest.raises(UsageError, match="no picture"):
        export(job, "png", tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.png", b"not a picture"),
        ("x.jpg", b"<svg onload='alert(1)'/>"),
        ("x.gif", picture("red", "blue", form="GIF")[:60]),
        ("x.jpg", picture("red", form="JPEG")[:200]),
    ],
)
def test_a_broken_picture_is_told_and_leaves_nothing(
    work: Callable[..., Work], tmp_path: Path, name: str, data: bytes
) -> None:
    to = "mp4" if name.endswith("gif") else "png"
    job = work({name: data})
    if name == "x.png":  # is handed on as it is: nothing has to be made
        assert export(job, to, tmp_path / "out.png").read_bytes() == data
        return
    with pytest.raises(UsageError, match="can be opened"):
        export(job, to, tmp_path / "sub" / f"out.{to}")
    assert list((tmp_path / "sub").iterdir()) == []


def test_numbers_become_a_table_with_units_in_its_header(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    numbers = {
        "speed": Quantity(value=3.5, unit="m/s"),
        "name": Quantity(value="=HYPERLINK(1)"),
        "温度": Quantity(value=[1, -2], unit="°C"),
    }
    path = export(work({}, numbers=numbers), "csv", tmp_path)
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert rows[0] == ["speed [m/s]", "name", "温度 [°C]"]
    assert rows[1] == ["3.5", "'=HYPERLINK(1)", "1"]  # no spreadsheet computes it
    assert rows[2] == ["", "", "-2"]


def test_what_probes_saw_gets_their_units(
    work: Callable[..., Work], registry: Registry, tmp_path: Path
) -> None:
    step = Step(id="s1", language="kernel", code="traffic", arguments={"frames": 4})
    plan = registry.pin(plan_of(steps=(step,)))
    yes = Approval(plan_digest=plan.digest, decision="approve", by="test")
    series = b"frame,time,cars,mean_speed\n0,0,60.0,0.0\n"
    job = work({"series.csv": series}, plan=plan, approval=yes)
    path = export(job, "csv", tmp_path)
    assert path.read_text("utf-8-sig") == series.decode().replace("speed", "speed [km/h]")
    # A person's own table of that name stays what it is.
    path = export(work({"series.csv": series}), "csv", tmp_path)
    assert path.read_bytes() == series


def test_a_page_calls_numbers_and_columns_in_both_languages(
    work: Callable[..., Work], registry: Registry, tmp_path: Path
) -> None:
    step = Step(id="s1", language="kernel", code="traffic", arguments={"frames": 4})
    own = {"cars": Words(en="Cars now", zh="现有车辆")}
    plan = registry.pin(plan_of(steps=(step,))).model_copy(update={"labels": own})
    yes = Approval(plan_digest=plan.digest, decision="approve", by="test")
    files = {"series.csv": b"frame,cars,mean_speed\n0,60.0,0.0\n", "own.csv": b"energy\n1\n"}
    numbers = {"mean_speed": Quantity(value=3.5, unit="km/h"), "cars": Quantity(value=60)}
    job = work(files, plan=plan, approval=yes, numbers=numbers)
    page = export(job, "html", tmp_path).read_text("utf-8")
    for en, zh in (("Mean speed", "平均速度"), ("Cars now", "现有车辆")):
        assert f'<dt><span lang="en">{en}</span><span lang="zh-Hans">{zh}</span></dt>' in page
    heads = re.findall(r"<th [^>]*scope='col'>(.*?)</th>", page)
    assert heads == [
        '<span lang="en">Frame</span><span lang="zh-Hans">画面</span>',
        '<span lang="en">Cars now</span><span lang="zh-Hans">现有车辆</span>',
        '<span lang="en">mean speed [km/h]</span><span lang="zh-Hans">平均车速 [km/h]</span>',
        "<span>energy</span>",  # a table that only happens to have such a column
    ]


def test_arrays_become_one_archive(work: Callable[..., Work], tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, inner=np.arange(3))
    files = {"a.npy": array(1, 2), "b.npy": array(3), "more.npz": stream.getvalue()}
    with np.load(export(work(files), "npz", tmp_path)) as found:
        assert {name: list(found[name]) for name in found} == {
            "a": [1, 2], "b": [3], "more_inner": [0, 1, 2],
        }  # fmt: skip


def test_everything_is_in_the_zip(work: Callable[..., Work], tmp_path: Path) -> None:
    files = {"a.png": picture("red"), "A.PNG": picture("blue"), "..": b"x", "数据.csv": b"a\n1\n"}
    job = work(files, numbers={"n": Quantity(value=2, unit="m")})
    with zipfile.ZipFile(export(job, "zip", tmp_path)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {"run.json", "plan.yaml", "certificate.json", "README.txt"} <= set(names)
        assert {"artifacts/a.png", "artifacts/A 2.PNG", "artifacts/数据.csv"} <= set(names)
        assert not any(part in ("", "..") for name in names for part in name.split("/"))
        proof = certificate(job.run)
        assert proof is not None
        assert json.loads(archive.read("certificate.json")) == json.loads(
            json.dumps(proof.document())
        )
        told = json.loads(archive.read("run.json"))
        assert told["values"] == {"n": {"value": 2, "unit": "m"}}
        assert {a["path"] for a in told["artifacts"]} <= set(names)
        assert "It is so." in archive.read("README.txt").decode()
        assert open_plan_file(archive.read("plan.yaml"), "p").plan.digest == PLAN.digest


@pytest.mark.parametrize("name", ["..", ".", "con.txt", "a:b", "x. ", " ", "a\tb", "NUL"])
def test_a_name_in_the_zip_is_one_that_any_system_can_unpack(name: str) -> None:
    (safe,) = safe_names([name]).values()
    assert safe.strip(". ") != ""
    assert not set(safe) & set('<>:"|?*\t')
    assert safe[-1] not in ". "
    assert safe.split(".")[0].lower() not in ("con", "nul")


def test_what_was_cleaned_away_is_said(
    work: Callable[..., Work], store: Store, tmp_path: Path
) -> None:
    job = work({"a.png": picture("red"), "b.csv": b"a\n"})
    store.path(job.run.artifacts[0].id).unlink()
    with pytest.raises(Missing, match="intentos rerun"):
        export(job, "png", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()
    with zipfile.ZipFile(export(job, "zip", tmp_path / "out.zip")) as archive:
        assert "artifacts/a.png" not in archive.namelist()
        assert "a.png" in archive.read("README.txt").decode()


def test_what_a_run_cannot_become_is_told_with_what_it_can(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    job = work({"b.csv": b"a\n"})
    for to in ("mp4", "gif", "png", "npz"):
        with pytest.raises(UsageError, match="html, csv, yaml, prov, zip"):
            export(job, to, tmp_path)
    with pytest.raises(UsageError, match="not there yet"):
        export(job, "ipynb", tmp_path)
    with pytest.raises(UsageError, match="no format"):
        export(job, "docx", tmp_path)
    running = work({"b.csv": b"a\n"}, status=RunStatus.RUNNING)
    assert offered(running) == []
    with pytest.raises(UsageError, match="not ended"):
        export(running, "csv", tmp_path)
    assert list(tmp_path.glob("*.*")) == []


def test_stop_leaves_nothing(work: Callable[..., Work], store: Store, tmp_path: Path) -> None:
    """Another thread stops a zip of many chunks on its way."""
    stop, seen = threading.Event(), []

    def progress(fraction: float) -> None:
        seen.append(fraction)
        if fraction > 0.3:
            stop.set()

    run = run_with(store, {f"{i}.csv": bytes([i]) * 100_000 for i in range(20)})
    job = Work(run=run, store=store, registry=Registry(), language="en", progress=progress,
               stop=stop)  # fmt: skip
    target = tmp_path / "out" / "all.zip"
    with pytest.raises(Stopped):
        export(job, "zip", target)
    assert list(target.parent.iterdir()) == []
    assert 0 < max(seen) < 0.9


def test_a_full_disk_and_a_place_that_cannot_be_are_told(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    job = work({"b.csv": b"a\n" * 100})
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="file"):
        export(job, "csv", tmp_path / "file" / "out.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", _no_space)
        with pytest.raises(StoreError, match="space"):
            export(job, "csv", tmp_path / "out.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "home"]


def _no_space(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_is_named_after_what_it_shows(store: Store) -> None:
    plan = PLAN.model_copy(update={"title": Words(en='a/b: "c" <d>\n' + "x" * 80)})
    name = file_name(run_with(store, {}, plan=plan), ".zip")
    assert name.startswith("a-b-c-d-xxx")
    assert name.endswith("-57ce74cd"[-6:] + ".zip")
    assert len(name) < 60


# A plan to hand on.


def test_a_shared_plan_is_read_back_with_its_values(store: Store) -> None:
    run = run_with(store, {})
    name, data = share(run)
    assert name.endswith(".yaml")
    assert data.startswith(b"# A plan of IntentOS")
    found = open_plan_file(data, name)
    assert (found.plan, dict(found.values)) == (PLAN, run.values)
    assert not found.edited


def test_a_plan_that_lives_off_this_machine_is_not_shared(store: Store) -> None:
    step = PLAN.steps[0].model_copy(update={"inputs": {"a": f"run:{'0' * 26}/field.npy"}})
    with pytest.raises(UsageError, match=r"field\.npy"):
        share(run_with(store, {}, plan=plan_of(steps=(step,))))
    with pytest.raises(UsageError, match="no plan"):
        share(run_with(store, {}, status=RunStatus.FAILED).model_copy(update={"plan": None}))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (BOMB.encode(), "anchors"),
        (b"\x00\x01\x02\xff\xfe", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "cannot be read"),
        (b"x: " + b"y" * 5_000_000, "too large"),
        (b"[" * 100_000, "deep|line"),
        (b"", "mapping"),
        (b"- 1\n- 2\n", "mapping"),
        (b"a: !!python/object/apply:os.system ['true']\n", "tag"),
        (b"schema: 99\ntitle: {en: x}\n", "format 99"),
        (b"schema: 1\nsurprise: 1\n", "surprise"),
        ("schema: 1\ntitle: {en: \ud800}\n".encode("utf-8", "surrogatepass"), "cannot be read"),
        (b"a: 1\na: 2\n", "twice"),
        (b"schema: true\n", "schema|steps|title"),
        (b"steps: " + b"9" * 5000 + b"\n", "allowed|title|steps|digits"),
    ],
)
def test_a_hostile_plan_file_is_refused_with_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(InvalidPlan, match=says) as error:
        open_plan_file(data, "theirs.yaml")
    assert "theirs.yaml" in error.value.text("zh")


@pytest.mark.parametrize("origin", ["recipe", "composed", "generated"])
def test_what_a_file_says_of_its_origin_counts_for_nothing(origin: str) -> None:
    plan = PLAN.model_copy(update={"origin": origin, "recipe": "primes"})

    def opened(*, library: str = "", known: Plan | None = None) -> str:
        return handed_over(
            plan, pin=lambda p: p, holds=lambda id, digest: digest == library, known=known
        ).origin

    assert opened() == "edited"
    assert opened(library="other") == "edited"
    assert opened(known=plan_of("other", origin=origin)) == "edited"
    made_here = plan.digest if origin == "recipe" else ""
    assert opened(library=made_here, known=plan) == origin


@pytest.mark.parametrize("origin", ["recipe", "composed", "generated", "edited"])
def test_a_plan_from_elsewhere_is_an_edited_one_here(
    store: Store, registry: Registry, settings: Settings, origin: str
) -> None:
    step = Step(id="s1", language="python", code="report('n', 1)")
    theirs = plan_of(steps=(step,), origin=origin, recipe="prime_count")
    name, data = share(run_with(store, {}, plan=theirs))
    found = open_shared(data, name, store=store, registry=registry, settings=settings)
    assert (found.plan.origin, found.plan.recipe) == ("edited", None)
    assert found.plan.digest == theirs.digest
    assert store.approval(found.plan.digest) is None


def test_whoever_opens_an_exported_plan_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one home to another, with the real command."""
    asked = intentos("ask", "how many primes are there below 1000?", "--model", "none", "--yes",
                     "--json")  # fmt: skip
    run = one_object(asked)["run"]
    out = tmp_path / "p.yaml"
    done = intentos("export", run, "--to", "yaml", "-o", str(out))
    assert (done.returncode, done.stdout.strip()) == (0, str(out))
    monkeypatch.setenv("INTENTOS_HOME", str(tmp_path / "elsewhere"))
    refused = intentos("run", str(out), "--json")
    assert refused.returncode == 3
    assert one_object(refused)["origin"] == "recipe"  # the library there holds the same
    text = out.read_text("utf-8")
    forged = tmp_path / "forged.yaml"
    forged.write_text(text.replace("origin: recipe", "origin: generated"), "utf-8")
    assert one_object(intentos("run", str(forged), "--json"))["origin"] == "edited"
