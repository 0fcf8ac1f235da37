"""Runs steps on a person's own machines, through a Dask scheduler that they set up themselves.

Whoever reaches a Dask scheduler can run any code on all of its workers, and whoever is a worker can
answer anything: it is for machines that trust each other, never between neighbours, for whom there
is the mesh. Each step runs on its worker as that machine would run its own, within its walls.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from intentos import config
from intentos.errors import ExecutorError, ExecutorUnavailable
from intentos.events import FrameDrawn
from intentos.mesh.pictures import Pictures
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import Artifact, Estimate, Isolation, Value, sha256

from . import dask_worker

if TYPE_CHECKING:
    from distributed import Client

HEAR_SECONDS = 0.3
EMPTY_SECONDS = 10.0
"""For which a cluster may be without any worker."""
CONNECT_SECONDS = 5
SILENCE = 20.0


class DaskExecutor:
    """Runs steps on the workers of the scheduler whose address is the setting ``cluster``.

    Args:
        address: of a scheduler, such as ``tcp://10.0.0.5:8786``; None: what the settings say.
        silence: seconds after which a worker gives up a step that nobody asks about any more.
    """

    name = "dask"
    languages = frozenset({"kernel", "python", "wgsl"})
    isolation: Isolation = "remote"
    substitute = False
    own_machines = True

    def __init__(self, address: str | None = None, *, silence: float = SILENCE) -> None:
        self._address = address
        self._silence = silence
        self._client: Client | None = None
        self._users = 0
        self._opening = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Return if a cluster is set up; whether it answers shows when it is asked.

        Raises:
            ExecutorUnavailable: packages are missing, or no scheduler was named.
        """
        if find_spec("distributed") is None:
            raise ExecutorUnavailable("dask.no_package")
        self._scheduler()

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known: it depends on whose turn it is."""
        return Estimate(where="cluster")

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step on some worker, and bring home what it left.

        Raises:
            ExecutorUnavailable: the scheduler does not answer, has no workers, or none could do it.
            ExecutorError: the worker's executor broke, or left more than it may.
            StoreError: the disk is full, or cannot be written.
        """
        self.check()
        nonce = secrets.token_hex(16)
        errand = dask_worker.Errand(
            nonce=nonce,
            step=step,
            values=dict(context.values),
            live=context.live,
            seed=context.seed,
            limits=context.limits,
            language=context.language,
            silence=self._silence,
        )
        inputs = {
            name: await asyncio.to_thread(path.read_bytes) for name, path in context.inputs.items()
        }
        async with self._connected() as client:
            text, files, node = await self._sent(client, errand, inputs, context)
        returned = dask_worker.Returned.model_validate_json(text)
        if returned.result is None:
            problem = returned.problem
            if problem is None:
                raise ExecutorUnavailable("dask.lost", what=returned.kind)
            kind = ExecutorUnavailable if returned.kind == "unavailable" else ExecutorError
            raise kind(problem.code, **problem.arguments)
        return await self._taken_home(returned.result, files, node, step, context)

    async def _sent(
        self,
        client: Client,
        errand: dask_worker.Errand,
        inputs: Mapping[str, bytes],
        context: StepContext,
    ) -> tuple[str, dict[str, bytes], str]:
        """Return what came back, and whose worker it was."""
        waiting: list[asyncio.Task[Any]] = []
        future: Any = None
        over = False
        try:
            # By themselves and not among the arguments, which go through the scheduler.
            data = await client.scatter(dict(inputs), hash=False) if inputs else {}
            future = client.submit(
                dask_worker.serve,
                errand.model_dump_json(),
                data,
                key=f"intentos-{errand.nonce}",
                pure=False,
            )
            coming = asyncio.create_task(_result(future))
            listening = asyncio.create_task(_listened(client, errand, context))
            waiting = [coming, listening]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                listening.result()  # it ends by itself only with what went wrong
            over = True
            text, files = coming.result()
            return text, files, await _name(client, future)
        except (ExecutorUnavailable, asyncio.CancelledError):
            raise
        except Exception as error:  # of the cluster: the step itself fails in its result
            what = f"{type(error).__name__}: {error}"[:500]
            raise ExecutorUnavailable("dask.lost", what=what) from error
        finally:
            for task in waiting:
                task.cancel()
            if future is not None and not over:
                await self._through(_stopped(client, future, errand.nonce))

    async def _taken_home(
        self,
        result: StepResult,
        files: Mapping[str, bytes],
        node: str,
        step: Step,
        context: StepContext,
    ) -> StepResult:
        if sum(map(len, files.values())) > context.limits.artifact_bytes:
            raise ExecutorError("mesh.too_large", name=step.id)
        artifacts: list[Artifact] = []
        for told in result.artifacts:
            content = files.get(told.name, b"")
            if sha256(content) != told.id:
                raise ExecutorError("dask.other_bytes", name=told.name)
            path = context.workdir / f"home-{len(artifacts)}"
            await asyncio.to_thread(path.write_bytes, content)
            artifacts.append(await context.save(told.name, path, told.media_type))
            path.unlink(missing_ok=True)
        return result.model_copy(
            update={
                "step_id": step.id,
                "executor": self.name,
                "artifacts": tuple(artifacts),
                "node": node,
            }
        )

    # ---- the line to the scheduler ----------------------------------------------------------

    def _scheduler(self) -> str:
        address = config.load().cluster if self._address is None else self._address
        if not address:
            raise ExecutorUnavailable("dask.no_scheduler")
        return address

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """Share one line among the steps that run at a time."""
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
            self._users += 1
            client = self._client
        try:
            yield client
        finally:
            self._users -= 1
            if not self._users:
                self._client = None
                await self._through(client.close())

    async def _open(self) -> Client:
        from distributed import Client

        address = self._scheduler()
        client = Client(
            address,
            asynchronous=True,
            set_as_default=False,
            timeout=CONNECT_SECONDS,
            name="intentos",
        )
        try:
            return await client
        except BaseException as error:
            await self._through(client.close())
            if isinstance(error, OSError | TimeoutError | ValueError):
                what = str(error) or type(error).__name__
                raise ExecutorUnavailable(
                    "dask.unreachable", address=address, what=what[:300]
                ) from error
            raise

    async def _through(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to its end, however often whoever waits for it is canceled."""
        before = tuple(self._ending)

        async def after() -> None:
            # A step is stopped before its line is closed.
            await asyncio.gather(*before, return_exceptions=True)
            await work

        task = asyncio.create_task(after())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)


async def _result(future: Any) -> tuple[str, dict[str, bytes]]:
    text, files = await future
    return text, files


async def _listened(client: Client, errand: dask_worker.Errand, context: StepContext) -> str:
    """Tell live events until canceled.

    Raises:
        ExecutorUnavailable: the cluster has no workers.
    """
    pictures = Pictures(context.workdir, errand.step.id)
    there: list[str] | None = None
    since = time.monotonic()
    while True:
        told: Mapping[str, Any] = {}
        with suppress(OSError, KeyError, ValueError):  # that worker is gone, or its line is
            told = await client.run(
                dask_worker.hear, errand.nonce, workers=there, on_error="ignore"
            )
        if told:
            since = time.monotonic()
        elif time.monotonic() - since > EMPTY_SECONDS:
            raise ExecutorUnavailable("dask.no_workers")
        there = None
        for worker, events in told.items():
            if events is None:
                continue
            there = [worker]
            for text in events:
                heard = dask_worker.Heard.model_validate_json(text)
                event = heard.event
                if isinstance(event, FrameDrawn):
                    shown = await asyncio.to_thread(pictures.put, event, heard.picture)
                    if shown is not None:
                        context.emit(shown)
                else:
                    context.emit(event)
        await asyncio.sleep(HEAR_SECONDS)


async def _stopped(client: Client, future: Any, nonce: str) -> None:
    # Where it waits it goes first, lest it begin between the two.
    with suppress(Exception):  # the line is cut: nobody asks any more, and so it ends
        await future.cancel(force=True)
        await client.run(dask_worker.stop, nonce, on_error="ignore")


async def _name(client: Client, future: Any) -> str:
    """Return the name of the worker that has a result; its address is one too."""
    found = await client.who_has([future])
    addresses = next(iter(found.values()), ())
    return str(addresses[0]) if addresses else "?"
