"""Hub and nodes on hosts of their own: a cable is pulled in mid-step, and the work is done once."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intentos.bench.mesh_chaos import counted

from .hosts import Hosts, HostsRefused, hosts
from .machines import Machines, heard

SENDER = """
import asyncio, json, sys
from intentos import config
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line, read_membership
from intentos.mesh.places import Places
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Job
from intentos.plan import Step
from intentos.types import Limits, new_id

async def main():
    places = Places(config.load())
    async with Line(Identity.kept(places.key), read_membership(places.membership)) as line:
        step = Step(id="s", language="python", code=sys.argv[1])
        asked = Job(key=new_id(), step=step, seed=1, limits=Limits(wall_time=600), verify="none",
                    reply=line.reply)
        print((await outcome_of(line, asked)).model_dump_json())

asyncio.run(main())
"""


@pytest.fixture
def three() -> Iterator[Hosts]:
    """Give hosts ann, bo and cy on one bridge."""
    try:
        with hosts() as made:
            for number, name in enumerate(("ann", "bo", "cy")):
                made.add(name, f"192.168.1.{5 + number}")
            yield made
    except HostsRefused as refused:
        pytest.skip(str(refused))


def until(true: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait for something to be so."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.1)


def test_a_cable_is_pulled_in_mid_step_and_plugged_in_again(three: Hosts, tmp_path: Path) -> None:
    machines = Machines(tmp_path, three)

    def send(code: str) -> dict[str, object]:
        code_, out, said = machines.python("ann", "-c", SENDER, code)
        assert code_ == 0, said
        found: dict[str, object] = json.loads(out)
        return found

    def busy(name: str) -> bool:
        folder = tmp_path / name / "mesh" / "workspace"
        return folder.exists() and any(folder.iterdir())

    def state(name: str) -> str:
        _, out, _ = machines.run("ann", "peers", "--json")
        states = {peer["name"]: peer["state"] for peer in json.loads(out)}
        return str(states.get(name, ""))

    try:
        hub = machines.start("ann", "hub", "--listen", "0.0.0.0", "--owner", "ann")
        heard(hub, "192.168.1.5:7420")
        heard(hub, "intentos invite")
        nodes = []
        for name in ("bo", "cy"):
            _, link, _ = machines.run("ann", "invite", "--owner", name, "--no-qr")
            assert link.startswith("https://192.168.1.5:7420/join#")
            asked = ("--name", name, "--battery", "--slots", "1", "--no-gpu")
            nodes.append(machines.start(name, "node", link, *asked))
        for node in nodes:
            heard(node, "intentos node pause")
        with ThreadPoolExecutor() as threads:
            work = threads.submit(send, "import time; time.sleep(3)\nreport('n', 7)")
            until(lambda: busy("bo") or busy("cy"))
            cut, other = ("bo", "cy") if busy("bo") else ("cy", "bo")
            three.cable(cut, plugged=False)
            outcome = work.result(120)
        assert (outcome["node_name"], outcome["attempts"]) == (other, 2)
        assert outcome["result"]["values"]["n"]["value"] == 7  # type: ignore[index]
        until(lambda: state(cut) == "gone")
        until(lambda: not busy(cut))  # it has finished, and cannot say so

        three.cable(cut, plugged=True)
        until(lambda: state(cut) == "free")
        book = tmp_path / "ann" / "mesh" / "hub" / "book.db"
        assert list(counted(book).values()) == [1]  # what it says now is not counted again
        machines.run(other, "node", "pause")
        until(lambda: state(other) == "paused")
        outcome = send("report('n', 8)")
        assert (outcome["node_name"], outcome["attempts"]) == (cut, 1)
        assert list(counted(book).values()) == [1, 1]
        assert hub.poll() is None
    finally:
        machines.stop()
    assert not subprocess.run(
        ["ip", "netns", "pids", three.space("ann")], capture_output=True
    ).stdout
