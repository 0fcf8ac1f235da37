"""Steps, contexts and a look at processes, shared by the tests of the executors that draw."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intentos.events import LiveEvent
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.types import Artifact, Limits, Value, sha256

MOVING = """
@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let on = id.x == uniforms.frame;
  let level = u32(uniforms.level);
  pixels[id.y * uniforms.width + id.x] = select(0xff000000u, 0xff000000u | level, on);
  if (id.x == 0u && id.y == 0u) { sum[0] = f32(uniforms.frame) * 2.0; }
}
"""

ENDLESS = """
@compute @workgroup_size(64) fn spin(@builtin(global_invocation_id) id: vec3u) {
  loop {
    if (atomicAdd(&counter[id.x % 4u], 1u) == 4294967295u && atomicLoad(&counter[5]) == 1u) {
      break;
    }
  }
}
"""


def moving(frames: int = 40, **changes: Any) -> Step:
    """A bright column that walks to the right."""
    arguments: dict[str, Any] = {
        "uniforms": [{"name": "level", "value": "$level"}],
        "buffers": [
            {"name": "pixels", "type": "u32", "length": 64 * 48},
            {"name": "sum", "type": "f32", "length": 1},
        ],
        "draw": [{"entry": "draw", "dispatch": [8, 6, 1]}],
        "outputs": [{"buffer": "sum", "name": "total", "dtype": "float32", "shape": [1]}],
        "probes": [{"buffer": "sum", "name": "double", "unit": "px", "every": 3}],
        "width": 64,
        "height": 48,
        "frames": frames,
    }
    code = changes.pop("code", MOVING)
    return Step(id="move", language="wgsl", code=code, arguments=arguments | changes, needs={"gpu"})


def endless() -> Step:
    """A program whose only dispatch never ends."""
    return Step(
        id="spin",
        language="wgsl",
        code=ENDLESS,
        arguments={
            "buffers": [{"name": "counter", "type": "atomic<u32>", "length": 8}],
            "step": [{"entry": "spin", "dispatch": [64, 1, 1]}],
            "width": 1,
            "height": 1,
            "frames": 2,
        },
        needs={"gpu"},
    )


@dataclass
class Desk:
    """Where a step works, and what it told and left."""

    folder: Path
    events: list[LiveEvent] = field(default_factory=list)
    saved: dict[str, bytes] = field(default_factory=dict)
    media: dict[str, str] = field(default_factory=dict)

    def context(
        self,
        values: Mapping[str, Value] | None = None,
        *,
        seed: int = 1,
        inputs: Mapping[str, Path] | None = None,
        **limits: Any,
    ) -> StepContext:
        workdir = self.folder / "work"
        shutil.rmtree(workdir, ignore_errors=True)
        workdir.mkdir()
        return StepContext(
            values={"level": 200} if values is None else values,
            live=frozenset(),
            seed=seed,
            inputs=inputs or {},
            workdir=workdir,
            limits=Limits(**limits),
            emit=self.events.append,
            save=self._save,
        )

    async def _save(self, name: str, data: bytes | Path, media_type: str) -> Artifact:
        content = _read(data) if isinstance(data, Path) else data
        self.saved[name] = content
        self.media[name] = media_type
        return Artifact(
            id=sha256(content), name=name, media_type=media_type, size=len(content), step_id="s"
        )


def _read(path: Path) -> bytes:
    return path.read_bytes()


def processes(mention: str) -> list[str]:
    """The running processes whose command line or folder mentions a text, such as a workdir."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            folder = str((entry / "cwd").readlink())
        except (OSError, UnicodeDecodeError):
            continue  # it ended meanwhile, or is not ours
        if mention in command or mention in folder:
            found.append(f"{entry.name} {command}")
    return found


def descendants(of: int) -> list[str]:
    """Process ids below a process."""
    command = ["ps", "--ppid", str(of), "-o", "pid="]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return listed + [pid for each in listed for pid in descendants(int(each))]
