"""The command line of the mesh, word for word, in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.bench.mesh import free_port

from .machines import Machines, heard


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.stop()


PLAN = """
schema: 1
title: {en: Square}
interpretation: {en: The square of x.}
origin: generated
parameters:
  - {name: x, label: {en: x}, kind: number, default: 3, minimum: 0, maximum: 9}
steps:
  - id: square
    language: python
    code: |
      report('square', parameters['x'] ** 2)
      save('note.txt', b'from afar')
"""


def test_hub_invite_node_and_a_plan_on_the_neighbours_machine(
    machines: Machines, tmp_path: Path
) -> None:
    hub = machines.start("ann", "hub", "--port", str(free_port()), "--owner", "ann")
    heard(hub, "intentos invite")
    code, link, _ = machines.run("ann", "invite", "--owner", "bo", "--no-qr")
    assert code == 0
    node = machines.start("bo", "node", link, "--name", "attic", "--battery", "--slots", "1")
    heard(node, "intentos node pause")

    (tmp_path / "plan.yaml").write_text(PLAN)
    out = tmp_path / "out"
    code, text, said = machines.run(
        "ann", "run", str(tmp_path / "plan.yaml"), "--yes", "--where", "peer", "--json",
        "--out", str(out),
    )  # fmt: skip
    assert code == 0, said
    told = json.loads(text)
    # One step in ten is a sample, which is done again here, as there is no second neighbour.
    assert told["where"] in ("attic", "here")
    assert told["values"]["square"]["value"] == 9
    (ran,) = (tmp_path / "bo" / "mesh" / "ran.jsonl").read_text().splitlines()
    assert (json.loads(ran)["for"], json.loads(ran)["status"]) == ("ann", "ok")
    assert (out / "note.txt").read_bytes() == b"from afar"

    code, text, _ = machines.run("ann", "peers", "--json")
    (peer,) = json.loads(text)
    assert (peer["name"], peer["owner"], peer["state"]) == ("attic", "bo", "free")
    code, text, _ = machines.run("bo", "peers", "audit", "--json")
    audit = json.loads(text)
    assert (code, audit["verdict"], audit["heads"] > 0) == (0, "whole", True)

    code, text, said = machines.run("bo", "peers", "points", "--json")
    told = json.loads(text)
    assert (code, told["verdict"], told["hub"]["on"]) == (0, "same", False), said
    assert {a["owner"]: a["lent_ms"] > 0 for a in told["hub"]["accounts"]}["bo"]

    code, _, said = machines.run("eve", "node", link)
    assert code == 2
    assert "used by another machine" in said
    code, _, said = machines.run("ann", "peers", "readmit", peer["id"][:12])
    assert code == 2
    assert "attic was not found to lie" in said
    code, _, said = machines.run("ann", "peers", "readmit", "nobody")
    assert code == 2
    assert "nobody" in said
    assert machines.run("ann", "peers", "revoke", peer["id"])[0] == 0
    assert node.wait(5) == 4  # put out
    assert hub.poll() is None


def test_what_is_missing_is_told_with_its_remedy(machines: Machines) -> None:
    code, _, said = machines.run("ann", "invite")
    assert code == 2
    assert "intentos hub" in said
    code, _, said = machines.run("ann", "peers")
    assert code == 4
    assert "intentos node LINK" in said
