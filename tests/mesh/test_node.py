"""A node: strangers' steps run behind its own walls, see nothing of it and leave nothing."""

from __future__ import annotations

import asyncio
import io
import json
import pickle
from collections.abc import AsyncIterator
from pathlib import Path

import numpy
import pytest

from intentos.errors import ExecutorUnavailable, StoreError, UsageError
from intentos.events import LiveEvent, OutputWritten
from intentos.mesh import dispatch, lending
from intentos.mesh.lending import Lending
from intentos.mesh.line import Line
from intentos.mesh.visitor import errand
from intentos.mesh.wire import Outcome
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Isolation, Limits, Value, now, sha256
from tests.parts import HandRegistry, InstantExecutor

from .village import Person, Village, until


class Sender:
    """Somebody whose steps run on a neighbour's real executors."""

    def __init__(self, line: Line, folder: Path) -> None:
        self._line = line
        self._folder = folder
        self.saved: dict[str, bytes] = {}
        self.events: list[LiveEvent] = []

    async def run(
        self,
        code: str,
        *,
        language: str = "python",
        inputs: dict[str, bytes] | None = None,
        values: dict[str, Value] | None = None,
        limits: Limits | None = None,
    ) -> tuple[StepResult, Outcome]:
        """Run code there and keep what it saved."""
        given = {}
        for name, data in (inputs or {}).items():
            given[name] = self._folder / f"given-{name}"
            given[name].write_bytes(data)

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
            self.saved[name] = content
            return Artifact(
                id=sha256(content),
                name=name,
                media_type=media_type,
                size=len(content),
                step_id="s",
            )

        workdir = self._folder / "work"
        workdir.mkdir(exist_ok=True)
        context = StepContext(
            values=values or {},
            live=frozenset(),
            seed=5,
            inputs=given,
            workdir=workdir,
            limits=limits or Limits(wall_time=30),
            emit=self.events.append,
            save=save,
        )
        step = Step(id="s", language=language, code=code, inputs=dict.fromkeys(given, "e/x"))
        return (await errand(self._line, step, context, verify="none"))[:2]


@pytest.fixture(scope="module")
def installed() -> Registry:
    """Return what is installed: one sandbox for all tests here."""
    return Registry()


@pytest.fixture
async def bo(village: Village) -> Person:
    return await village.join("bo")


@pytest.fixture
async def sender(
    village: Village, bo: Person, installed: Registry, tmp_path: Path
) -> AsyncIterator[Sender]:
    try:
        installed.executor("sandbox").check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    only = HandRegistry(installed.executor("sandbox"))
    await village.lend(bo, only, memory_bytes=512 * 1024**2)
    ann = await village.join("ann")
    async with ann.line() as line:
        yield Sender(line, tmp_path)


async def test_a_step_runs_there_and_what_it_left_comes_home(sender: Sender, bo: Person) -> None:
    numbers = numpy.arange(6.0)
    given = io.BytesIO()
    numpy.save(given, numbers)
    result, outcome = await sender.run(
        "import numpy\n"
        "n = numpy.load(inputs['n'])\n"
        "print('there')\n"
        "report('sum', float(n.sum()) * parameters['times'], 'm')\n"
        "save('twice.npy', 2 * n)\n",
        inputs={"n": given.getvalue()},
        values={"times": 3.0},
    )
    assert result.status is StepStatus.OK, result.stderr
    assert (result.values["sum"].value, result.values["sum"].unit) == (45.0, "m")
    assert (result.node, result.executor, outcome.owner) == ("bo", "sandbox", "bo")
    (artifact,) = result.artifacts
    assert artifact.id == sha256(sender.saved["twice.npy"])
    assert (numpy.load(io.BytesIO(sender.saved["twice.npy"])) == 2 * numbers).all()
    assert any(isinstance(e, OutputWritten) and "there" in e.text for e in sender.events)
    assert list(bo.places.workspace.iterdir()) == []


HUNTER = """
import os
seen = []
for root in ('/', '/proc/1/root', '/proc/self/cwd', '/proc/self/root/..'):
    for folder, folders, files in os.walk(root):
        if folder.startswith(('/usr', '/sys', '/lib', '/intentos/python')) or folder.count('/') > 8:
            folders.clear()
            continue
        if root == '/' and folder.startswith('/proc'):
            folders.clear()
        for name in files:
            path = os.path.join(folder, name)
            if 'canary-61' in path:
                seen.append(path)
            try:
                if os.path.isfile(path) and b'TWEET' in open(path, 'rb').read(100000):
                    seen.append(path)
            except OSError:
                pass
for path in [PATHS]:
    try:
        seen.append(os.listdir(path) if path.endswith('private') else open(path).read())
    except OSError:
        pass
report('found', len(seen))
print(seen)
"""


async def test_a_job_that_hunts_for_the_private_folder_finds_nothing(
    sender: Sender, bo: Person
) -> None:
    canary = bo.places.private / "canary-61.txt"
    canary.write_text("TWEET")
    paths = [canary, bo.places.key, bo.places.membership, bo.places.private]
    listed = ", ".join(repr(str(path)) for path in paths)
    result, _ = await sender.run(HUNTER.replace("PATHS", listed))
    assert result.status is StepStatus.OK, result.stderr
    assert result.values["found"].value == 0, result.stdout


class Bomb:
    """Executes when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('the bomb went off')",))


async def test_a_pickle_bomb_goes_off_nowhere(sender: Sender) -> None:
    bomb = pickle.dumps(Bomb())
    result, _ = await sender.run(
        "data = open(inputs['bomb'], 'rb').read()\n"
        "report('bytes', len(data))\n"
        "save('bomb.pkl', data)\n"
        "save('bomb.npy', data)\n",
        inputs={"bomb": bomb},
    )
    assert result.status is StepStatus.OK, result.stderr
    assert sender.saved == {"bomb.pkl": bomb, "bomb.npy": bomb}
    result, _ = await sender.run(bomb.decode("latin-1").replace("\x00", "0"))
    assert result.status is StepStatus.FAILED


async def test_the_owners_limit_stands_over_the_steps(
    sender: Sender, village: Village, installed: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that wants more than one owner lends is somebody else's, and no failure of its own."""
    monkeypatch.setattr(dispatch, "PATIENCE", 0.2)
    large = "import numpy\nx = numpy.ones(90_000_000)\nreport('n', float(x.sum()))\n"
    with pytest.raises(ExecutorUnavailable, match="512 MB"):
        await sender.run(large, limits=Limits(wall_time=60))
    result, _ = await sender.run(large, limits=Limits(memory_bytes=256 * 1024**2, wall_time=60))
    assert result.status is StepStatus.FAILED  # by its own limit

    only = HandRegistry(installed.executor("sandbox"))
    await village.lend(await village.join("cy"), only, memory_bytes=2 * 1024**3)
    result, outcome = await sender.run(large, limits=Limits(wall_time=60))
    assert (result.values["n"].value, outcome.owner) == (90_000_000, "cy")
    result, _ = await sender.run("while True: pass", limits=Limits(wall_time=1))
    assert result.status is StepStatus.TIMED_OUT


async def test_everything_that_ran_is_written_down(sender: Sender, bo: Person) -> None:
    await sender.run("report('x', 1)")
    (line,) = [json.loads(text) for text in bo.places.ran.read_text().splitlines()]
    assert (line["for"], line["outcome"], line["status"]) == ("ann", "result", "ok")
    assert line["code_hash"] == sha256(b"report('x', 1)")


# ---- without a sandbox ----------------------------------------------------------------------


async def test_what_has_no_walls_is_not_offered(village: Village, bo: Person) -> None:
    class Bare(InstantExecutor):
        languages = frozenset({"python", "wgsl"})
        isolation: Isolation = "none"

    with pytest.raises(ExecutorUnavailable) as error:
        await village.lend(bo, HandRegistry(Bare()))
    assert error.value.code == "mesh.nothing_to_offer"


async def test_a_killed_nodes_leftovers_are_swept(village: Village, bo: Person) -> None:
    left = bo.places.workspace / "dead" / "work"
    left.mkdir(parents=True)
    (left / "half.npy").write_bytes(b"x")
    await village.lend(bo)
    assert list(bo.places.workspace.iterdir()) == []


async def test_one_machine_serves_once(village: Village, bo: Person) -> None:
    await village.lend(bo)
    with pytest.raises(UsageError) as error:
        await village.lend(bo)
    assert error.value.code == "mesh.node_runs"


async def test_who_is_put_out_serves_no_more(village: Village, bo: Person) -> None:
    _, task = await village.lend(bo)
    await village.hub.revoke(bo.identity.id, "test")
    await until(task.done)
    assert isinstance(task.exception(), ExecutorUnavailable)
    assert village.hub.roster.every() == []


def test_hours_are_kept() -> None:
    night = Lending(hours="22-7", on_battery=True)
    at = now().replace(hour=23)
    assert night.closed(at) == ""
    assert night.closed(at.replace(hour=6)) == ""
    assert night.closed(at.replace(hour=7)) == "hours"
    assert Lending(hours="9-17", on_battery=True).closed(at) == "hours"
    assert Lending(hours="0-24", on_battery=True).closed(at) == ""
    assert lending.hours("22-7") == "22-7"
    for wrong in ("25-3", "x", "1-2-3"):
        with pytest.raises(UsageError):
            lending.hours(wrong)


def test_a_battery_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "status").write_text("Discharging\n")
    monkeypatch.setattr(lending, "BATTERY", tmp_path)
    assert Lending().closed(now()) == "battery"
    assert Lending(on_battery=True).closed(now()) == ""
    (tmp_path / "BAT0" / "status").write_text("Charging\n")
    assert Lending().closed(now()) == ""


def test_amounts_are_read() -> None:
    assert lending.memory("4G") == 4 * 1024**3
    assert lending.memory("512 MiB") == 512 * 1024**2
    for wrong in ("4", "1M", "-4G", "much"):
        with pytest.raises(UsageError):
            lending.memory(wrong)


def test_the_owners_limits_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "mesh" / "lending.json"
    assert lending.read(path) == Lending()
    lending.write(path, Lending(slots=3, owners=("zoe",)))
    assert lending.read(path) == Lending(slots=3, owners=("zoe",))
    path.write_text('{"slots": 0}')
    with pytest.raises(StoreError):
        lending.read(path)
