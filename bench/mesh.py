"""How quick the mesh is: empty jobs one after the other and many at once, through a real hub.

Hub and nodes are processes of their own. Every message is signed and travels under TLS, and an
outcome counts when it is in the book; only what a step itself costs is left out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.mesh import invite, lending
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line, Membership, join, write_membership
from intentos.mesh.places import Places
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Blob, Job, Verify
from intentos.plan import Step
from intentos.protocols import Executor, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Estimate, Isolation, Limits, Quantity, Value, new_id, now, sha256

from . import mesh_rivals

RECORD = 40
"""Confirmed answers after which a node is no stranger any more: one in forty is done again."""


class NothingExecutor:
    """Does nothing, or sleeps as long as a step would compute: ``code`` is the seconds."""

    name = "nothing"
    languages = frozenset({"nothing"})
    isolation: Isolation = "sandbox"
    substitute = False

    def check(self) -> None:
        """Works everywhere."""

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Know nothing."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Sleep."""
        started = now()
        if float(step.code):
            await asyncio.sleep(float(step.code))
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=StepStatus.OK,
            values={"seed": Quantity(value=context.seed)},
            started_at=started,
            finished_at=now(),
        )


class NothingRegistry(Registry):
    """Holds only that executor."""

    def names(self, kind: str) -> dict[str, str]:
        """Return its name."""
        return {"nothing": OWN_DISTRIBUTION} if kind == "executors" else {}

    def executors(self) -> dict[str, Executor]:
        """Return it."""
        return {"nothing": NothingExecutor()}


HUB = """
import asyncio, sys
from pathlib import Path
from intentos.mesh.hub import Hub
async def main():
    hub = Hub(Path(sys.argv[1]), port=int(sys.argv[2]), sync=sys.argv[3])
    await hub.start()
    print(hub.fingerprint, flush=True)
    await hub.serve()
asyncio.run(main())
"""
NODE = """
import asyncio, sys
from pathlib import Path
from intentos.bench.mesh import serve
asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
"""


async def serve(home: Path, slots: int) -> None:
    """Be a node that does nothing."""
    from intentos.mesh.line import read_membership
    from intentos.mesh.node import Node

    places = Places(Settings(home=home, cache=home))
    node = Node(
        identity=Identity.kept(places.key),
        membership=read_membership(places.membership),
        places=places,
        registry=NothingRegistry(plugins=False),
        limits=lending.Lending(slots=slots, on_battery=True),
        name=home.name,
    )
    ready = asyncio.Event()
    serving = asyncio.create_task(node.run(ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    print("ready", flush=True)
    await serving


class Mesh:
    """A hub and nodes in processes of their own, in one folder."""

    def __init__(self, folder: Path, *, sync: str = "always") -> None:
        self.folder = folder
        self.port = free_port()
        self._sync = sync
        self.fingerprint = ""
        self.hub: asyncio.subprocess.Process | None = None
        self.nodes: list[asyncio.subprocess.Process] = []

    async def start_hub(self) -> None:
        """Start the hub, or start it again."""
        arguments = (str(self.folder / "hub"), str(self.port), self._sync)
        self.hub, told = await _spawn(HUB, *arguments)
        self.fingerprint = told

    async def member(self, name: str, owner: str) -> tuple[Identity, Membership, float]:
        """Let somebody in by an invite; returns how long that took as well."""
        from intentos.mesh.book import Book

        book = Book(self.folder / "hub" / "book.db")
        link = invite.make(
            book,
            host="127.0.0.1",
            port=self.port,
            fingerprint=self.fingerprint,
            owner=owner,
            role="member",
        )
        book.close()
        places = Places(Settings(home=self.folder / name, cache=self.folder))
        identity = Identity.kept(places.key)
        began = time.perf_counter()
        membership = await join(link, identity, name)
        took = time.perf_counter() - began
        write_membership(places.membership, membership)
        return identity, membership, took

    async def start_node(self, name: str, slots: int) -> asyncio.subprocess.Process:
        """Start a node that has joined."""
        process, _ = await _spawn(NODE, str(self.folder / name), str(slots))
        self.nodes.append(process)
        return process

    async def stop(self) -> None:
        """End every process."""
        for process in [*self.nodes, *([self.hub] if self.hub else [])]:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


@asynccontextmanager
async def mesh(
    nodes: int, slots: int = 64, sync: str = "always"
) -> AsyncIterator[tuple[Mesh, Line]]:
    """Give a running mesh and a member's line to its hub."""
    with tempfile.TemporaryDirectory(prefix="intentos-mesh-", ignore_cleanup_errors=True) as name:
        made = Mesh(Path(name), sync=sync)
        try:
            await made.start_hub()
            for number in range(nodes):
                await made.member(f"node{number}", f"owner{number}")
                await made.start_node(f"node{number}", slots)
            identity, membership, _ = await made.member("person", "person")
            async with Line(identity, membership) as line:
                yield made, line
        finally:
            await made.stop()


def job(line: Line, seconds: float = 0.0, verify: Verify = "none", seed: int = 0) -> Job:
    """Return a job that takes so long."""
    return Job(
        key=new_id(),
        step=Step(id="empty", language="nothing", code=str(seconds)),
        seed=seed,
        limits=Limits(wall_time=60),
        verify=verify,
        reply=line.reply,
    )


async def measure(tell: Callable[[str], None], *, one_by_one: int, many: int) -> dict[str, Any]:
    """Return the figures: milliseconds, jobs a second, MB/s, times."""
    result: dict[str, Any] = {"kind": "mesh"}
    for name, sync in (("as_shipped", "always"), ("default_sync", "2m")):
        tell(f"empty jobs, {name}")
        async with mesh(2, sync=sync) as (made, line):
            for figure, value in (await _empty_jobs(line, one_by_one, many)).items():
                result[f"{name}_{figure}"] = value
            if name == "as_shipped":
                result["join_s"] = round((await made.member("late", "late"))[2], 3)
                tell("64 MB there and back")
                result["put_mb_per_s"], result["get_mb_per_s"] = await _transfer(line, made.folder)
    steps, seconds = 32, 0.25
    alone = 0.0
    for nodes in (1, 2, 4):
        tell(f"{steps} steps of {seconds} s on {nodes} nodes, as strangers and then as known ones")
        async with mesh(nodes, slots=1) as (_, line):
            await outcome_of(line, job(line))
            strangers = await _sweep(line, steps, seconds)
            await _known(line, nodes)
            took = await _sweep(line, steps, seconds)
        alone = alone or took  # of one machine: there is nobody else to do anything again
        result[f"strangers_times_on_{nodes}"] = round(alone / strangers, 2)
        result[f"times_on_{nodes}"] = round(alone / took, 2)
    result |= await mesh_rivals.measure(
        tell, one_by_one=one_by_one, many=many, steps=steps, seconds=seconds
    )
    tell("a phone's page, from its link to a verified job")
    phone = await phone_seconds()
    if phone is not None:
        result["phone_s"] = phone
    tell("a node killed in mid-step")
    result["recovery_s"] = await _recovery()
    result["load"] = round(os.getloadavg()[0], 1)
    return result


async def _sweep(line: Line, steps: int, seconds: float) -> float:
    """Return the seconds that so many steps took, each checked as often as is usual."""
    began = time.perf_counter()
    await asyncio.gather(
        *(outcome_of(line, job(line, seconds, verify="spot")) for _ in range(steps))
    )
    return time.perf_counter() - began


async def _known(line: Line, nodes: int) -> None:
    """Have every node answer until enough of it was confirmed, as after its first evening."""
    while nodes > 1:  # of one alone nothing is ever confirmed
        peers = (await line.ask(what="peers")).peers
        if min(peer.verified for peer in peers) >= RECORD:
            return
        await asyncio.gather(*(outcome_of(line, job(line, verify="spot")) for _ in range(RECORD)))


async def _empty_jobs(line: Line, one_by_one: int, many: int) -> dict[str, Any]:
    for _ in range(50):
        await outcome_of(line, job(line))
    times = []
    for _ in range(one_by_one):
        began = time.perf_counter()
        outcome = await outcome_of(line, job(line))
        times.append(1000 * (time.perf_counter() - began))
        assert outcome.result is not None
    turn = asyncio.Semaphore(256)

    async def one() -> None:
        async with turn:
            outcome = await outcome_of(line, job(line))
            assert outcome.result is not None, outcome.why

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(many)))
    return {
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(statistics.quantiles(times, n=100)[98], 2),
        "jobs_per_s": round(many / (time.perf_counter() - began)),
    }


async def _transfer(line: Line, folder: Path) -> tuple[int, int]:
    """Return MB/s up and down of 64 MB, hashing and TLS included."""
    path = folder / "large"
    data = os.urandom(64_000_000)
    await asyncio.to_thread(path.write_bytes, data)
    blob = Blob(sha256=sha256(data), size=len(data))
    grant = (await line.ask(what="upload", bytes=blob.size)).grant
    began = time.perf_counter()
    await line.put(path, blob, grant)
    up = time.perf_counter() - began
    grant = (await line.ask(what="download", blob=blob)).grant
    began = time.perf_counter()
    await line.fetch(blob, grant, folder / "back")
    return round(64 / up), round(64 / (time.perf_counter() - began))


async def phone_seconds() -> float | None:
    """Return the seconds from opening an invite's link in Chromium until a kernel's result that
    came from there was compared with the NumPy twin's; None: there is no browser.

    Raises:
        RuntimeError: it is not what the twin says.
    """
    import shutil
    from importlib.util import find_spec

    import numpy as np

    from intentos.bindings import fold_seed
    from intentos.gpu_kernels.kernel import KernelBase
    from intentos.mesh.book import Book

    from .browser import FLAGS

    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None or find_spec("playwright") is None:
        return None
    from playwright.async_api import async_playwright

    kernel = Registry(plugins=False).kernel("automaton")
    arguments = {"rule": "life", "columns": 64, "width": 64, "height": 64, "frames": 4}
    assert isinstance(kernel, KernelBase)
    seed = 7
    *_, wanted = kernel.reference(arguments, seed=fold_seed(seed))
    async with mesh(0) as (made, line), async_playwright() as playwright:
        book = Book(made.folder / "hub" / "book.db")
        link = invite.make(
            book,
            host="127.0.0.1",
            port=made.port,
            fingerprint=made.fingerprint,
            owner="phone",
            role="node",
        )
        book.close()
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        page = await browser.new_page(ignore_https_errors=True)
        began = time.perf_counter()
        await page.goto(str(link))
        await page.click("#go:enabled")
        step = Step(
            id="life",
            language="kernel",
            code="automaton",
            arguments=dict(arguments),
            code_hash=kernel.code_hash,
        )
        asked = job(line).model_copy(update={"step": step, "seed": seed})
        outcome = await outcome_of(line, asked)
        if outcome.result is None or outcome.result.status is not StepStatus.OK:
            raise RuntimeError(f"the phone did not do it: {outcome.why or outcome.result}")
        compared = 0
        for artifact in outcome.result.artifacts:
            if artifact.name.removesuffix(".npy") not in wanted.buffers:
                continue
            blob = Blob(sha256=artifact.id, size=artifact.size)
            path = made.folder / artifact.name
            await line.fetch(blob, (await line.ask(what="download", blob=blob)).grant, path)
            if not kernel.compare.agree(
                np.load(path), wanted.buffers[artifact.name.removesuffix(".npy")]
            ):
                raise RuntimeError(f"{artifact.name} is not what the twin says")
            compared += 1
        if compared != len(wanted.buffers):
            raise RuntimeError(f"{compared} of {len(wanted.buffers)} arrays came back")
        took = time.perf_counter() - began
        await browser.close()
        return round(took, 2)


async def _recovery() -> float:
    """Return the seconds between a node's kill -9 and another's taking its step up."""
    async with mesh(2, slots=1) as (made, line):
        seconds = 1.0
        await outcome_of(line, job(line))
        work = [asyncio.create_task(outcome_of(line, job(line, seconds))) for _ in range(2)]
        await asyncio.sleep(0.3)
        made.nodes[0].kill()
        await made.nodes[0].wait()
        killed = time.perf_counter()
        await asyncio.gather(*work)
        return round(time.perf_counter() - killed - seconds, 2)


def missed(result: dict[str, Any]) -> list[str]:
    """Return the targets that were not reached."""
    targets: dict[str, tuple[str, float]] = {
        "as_shipped_p50_ms": ("≤", 8),
        "as_shipped_p99_ms": ("≤", 25),
        "as_shipped_jobs_per_s": ("≥", 600),
        "default_sync_p50_ms": ("≤", 2),
        "default_sync_p99_ms": ("≤", 5),
        "default_sync_jobs_per_s": ("≥", 2000),
        "join_s": ("≤", 1),
        "put_mb_per_s": ("≥", 105),
        "get_mb_per_s": ("≥", 105),
        "times_on_2": ("≥", 1.8),
        "times_on_4": ("≥", 3.2),
        "recovery_s": ("≤", 2),
        "phone_s": ("≤", 10),
    }
    lines = []
    for name, (how, target) in targets.items():
        if name not in result:
            lines.append(f"{name} was not measured: no Chromium here")
            continue
        figure = result[name]
        if figure > target if how == "≤" else figure < target:
            lines.append(f"{name} {figure}, target {how} {target:g}")
    return lines


def free_port() -> int:
    """Return a port of which the next one is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


async def _spawn(script: str, *arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of the mesh ended with {await process.wait()}")
    return process, line.decode().strip()
