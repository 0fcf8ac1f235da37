"""A phone's page in a real browser: headless Chromium with WebGPU on SwiftShader."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from intentos.bindings import fold_seed
from intentos.config import Settings
from intentos.errors import ExecutorError
from intentos.events import RunFinished, StepFinished
from intentos.executors.peer import PeerExecutor
from intentos.gpu_kernels.kernel import KernelBase
from intentos.mesh import pin
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line
from intentos.mesh.phone_drawing import PhoneDrawing
from intentos.mesh.phone_words import challenge, said
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Job, Outcome
from intentos.plan import Step
from intentos.registry import Registry
from intentos.run import RunStatus
from intentos.store import Store
from intentos.types import DEFAULT_SEED, Limits, new_id
from tests.chromium import FLAGS, find_chromium
from tests.parts import plan_of

from .runs import OwnRegistry, ran
from .village import Village, until

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SMALL = {"width": 64, "height": 64}
BATTERY = """
const battery = new EventTarget();
Object.assign(battery, { level: 0.8, charging: false });
window.battery = battery;
navigator.getBattery = async () => battery;
"""
"""Stands in for the browser's own, which always says that a machine without battery charges."""
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def kernels() -> Registry:
    return Registry(plugins=False)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Give a browser that takes the hub's certificate as one who pressed "go on" does."""
    executable = find_chromium()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield made
        finally:
            await made.close()


async def phone(browser: Browser, **options: Any) -> Page:
    """Return a page as large as a phone's."""
    context = await browser.new_context(
        ignore_https_errors=True,
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        **options,
    )
    return await context.new_page()


async def let_in(page: Page, village: Village, owner: str = "ann") -> str:
    """Join by an invite's link, and return the phone's id."""
    before = {member.id for member in village.hub.book.members()}
    await page.goto(str(village.link(owner, "node")))
    await page.click("#go:enabled")
    await until(lambda: len(village.hub.book.members()) > len(before), 10)
    (member,) = [m for m in village.hub.book.members() if m.id not in before]
    await until(lambda: (n := village.hub.roster.get(member.id)) and n.there and not n.paused)
    return member.id


async def so(page: Page, expression: str, seconds: float = 30.0) -> None:
    """Wait for something to be so on the page, whose rules let nobody evaluate texts inside."""
    began = time.monotonic()
    while not await page.evaluate(expression):
        assert time.monotonic() - began < seconds, expression
        await asyncio.sleep(0.02)


def kernel_job(line: Line, kernels: Registry, name: str, arguments: dict[str, Any]) -> Job:
    """Return a job for a kernel."""
    return Job(
        key=new_id(),
        step=Step(
            id="k",
            language="kernel",
            code=name,
            arguments=arguments,
            code_hash=kernels.kernel(name).code_hash,
        ),
        seed=DEFAULT_SEED,
        limits=Limits(wall_time=60),
        verify="spot",
        reply=line.reply,
    )


async def brought_home(line: Line, outcome: Outcome, folder: Path) -> dict[str, Path]:
    """Fetch what a job has left."""
    from intentos.mesh.wire import Blob

    assert outcome.result is not None, outcome.why
    home = {}
    for artifact in outcome.result.artifacts:
        blob = Blob(sha256=artifact.id, size=artifact.size)
        answer = await line.ask(what="download", blob=blob)
        home[artifact.name] = folder / artifact.name
        await line.fetch(blob, answer.grant, home[artifact.name])
    return home


async def test_a_phone_joins_by_the_link_and_computes_what_the_twin_computes(
    village: Village, kernels: Registry, tmp_path: Path
) -> None:
    person = await village.join("bo")
    async with browser() as made, person.line() as line:
        page = await phone(made)
        id = await let_in(page, village)
        member = next(m for m in village.hub.book.members() if m.id == id)
        assert (member.owner, member.role) == ("ann", "node")

        # Whole numbers: the very picture. Fractions: within the kernel's tolerance.
        wanted = [
            ("automaton", {"rule": "life", "columns": 64, "frames": 1, **SMALL}),
            ("linear", {"operation": "matmul", "size": 24, "frames": 2, **SMALL}),
        ]
        for name, arguments in wanted:
            asked = kernel_job(line, kernels, name, arguments)
            outcome = await outcome_of(line, asked)
            assert outcome.result is not None, outcome.why
            assert (outcome.node, outcome.owner) == (id, "ann")
            assert outcome.result.status == "ok", outcome.result.error
            home = await brought_home(line, outcome, tmp_path)
            kernel = kernels.kernel(name)
            assert isinstance(kernel, KernelBase)
            *_, last = kernel.reference(arguments, seed=fold_seed(DEFAULT_SEED))
            for output, array in last.buffers.items():
                assert kernel.compare.agree(np.load(home[f"{output}.npy"]), array), output
            if name == "automaton":
                with Image.open(home["picture.png"]) as picture:
                    assert np.array_equal(np.asarray(picture.convert("RGBA")), last.pixels)
        await so(page, "document.getElementById('served').textContent === '2'")
        assert await page.evaluate("document.documentElement.scrollWidth") == 390

        began = time.monotonic()
        await village.hub.revoke(id, "test")
        await so(page, "document.getElementById('dot').className === 'dot off'")
        assert time.monotonic() - began < 10
        await page.click("#language")
        await so(page, "document.getElementById('state').textContent.includes('移出')")
        again = await phone(made)  # the invite was that phone's
        await again.goto(page.url)
        await so(again, "document.getElementById('trouble').textContent !== ''")


async def test_what_a_phone_computed_is_judged_once_more_and_believed_at_home(
    joined: Village, settings: Settings, store: Store
) -> None:
    arguments = {"rule": "life", "columns": 64, "frames": 3, **SMALL}
    code_hash = Registry(plugins=False).kernel("automaton").code_hash
    step = Step(
        id="k", language="kernel", code="automaton", arguments=arguments, code_hash=code_hash
    )
    async with browser() as made:
        page = await phone(made)
        await let_in(page, joined)
        registry = OwnRegistry(PeerExecutor(verify="none"))  # no one else is there to do it again
        events = await ran(settings, store, registry, plan_of(steps=(step,)), "peer")
    (finished,) = [event for event in events if isinstance(event, RunFinished)]
    assert finished.status is RunStatus.COMPLETED, finished.error
    (result,) = [event.result for event in events if isinstance(event, StepFinished)]
    assert result.note is not None
    assert result.note.code.startswith("mesh.ran_"), result.note
    assert {"film.mp4", "series.csv"} <= {artifact.name for artifact in result.artifacts}


@asynccontextmanager
async def proxy(folder: Path, port: int) -> AsyncIterator[int]:
    """Stand before a hub's door with a certificate of one's own, handing on what comes as it is."""
    reading: set[asyncio.Task[None]] = set()
    behind = ssl.create_default_context()
    behind.check_hostname, behind.verify_mode = False, ssl.CERT_NONE

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port, ssl=behind)
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(pipe(*pair))
            reading.add(task)
            task.add_done_callback(reading.discard)

    own = pin.serving(*pin.certificate(folder, ["localhost"]))
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=own)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in [*reading]:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def test_a_phone_computes_through_a_proxy_with_a_certificate_of_its_own(
    village: Village, kernels: Registry, tmp_path: Path
) -> None:
    """As ``intentos invite --page`` says: the page may stand under another name than the hub."""
    person = await village.join("bo")
    link = village.link("ann", "node")
    async with (
        proxy(tmp_path / "proxy", village.hub.port) as port,
        browser() as made,
        person.line() as line,
    ):
        page = await phone(made)
        await page.goto(str(link._replace(host="localhost", port=port)))
        await page.click("#go:enabled")
        await until(lambda: any(node.there for node in village.hub.roster.every()))
        arguments = {"rule": "life", "columns": 64, "frames": 1, **SMALL}
        outcome = await outcome_of(line, kernel_job(line, kernels, "automaton", arguments))
        assert outcome.result is not None, outcome.why
        assert (outcome.owner, outcome.result.status) == ("ann", "ok")


async def test_a_phone_hands_back_at_once_what_its_owner_or_battery_forbids(
    village: Village, kernels: Registry
) -> None:
    person = await village.join("bo")
    async with browser() as made, person.line() as line:
        page = await phone(made)
        await page.add_init_script(BATTERY)
        id = await let_in(page, village)
        long = {"rule": "life", "columns": 64, "frames": 4000, **SMALL}
        work = asyncio.create_task(outcome_of(line, kernel_job(line, kernels, "automaton", long)))

        def node() -> Any:
            return village.hub.roster.get(id)

        forbids = [
            ("owner", "document.getElementById('go').click()"),
            ("hidden", "Object.defineProperty(document, 'hidden', { value: true, writable: true }),"
             "document.dispatchEvent(new Event('visibilitychange'))"),
            ("battery", "battery.level = 0.69, battery.dispatchEvent(new Event('levelchange'))"),
        ]  # fmt: skip
        allows = [
            "document.getElementById('go').click()",
            "document.hidden = false, document.dispatchEvent(new Event('visibilitychange'))",
            "battery.charging = true, battery.dispatchEvent(new Event('chargingchange'))",
        ]
        for (why, forbid), allow in zip(forbids, allows, strict=True):
            await so(page, "/[0-9]/.test(document.getElementById('detail').textContent)")
            assert node().running
            await page.evaluate(f"void ({forbid})")
            await until(lambda: not node().running)
            assert node().paused == why
            await page.evaluate(f"void ({allow})")
            await until(lambda: node().running)
        # What the phone gave back was not lost: the job waits for it, or for anybody.
        assert not work.done()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

        hot = await page.evaluate(
            """async () => {
              const { Heat, drained } = await import("/page/phone_rules.js");
              const heat = new Heat(), told = [];
              for (const ms of [10, 9, 30, 30, 12, 30, 30, 30]) told.push(heat.add(ms));
              const at = (facts) => drained({ share: 0.1, level: 0.5, charging: false, began: 0.55,
                ...facts });
              return [told, [at({}), at({ share: 0 }), at({ level: 0.45 }), at({ level: 0.14,
                began: 0.14 }), at({ level: 0.01, charging: true })]];
            }"""
        )
        assert hot == [[False] * 7 + [True], [False, True, True, True, False]]


async def test_the_door_hears_only_a_page_of_its_own_and_a_members_key(village: Village) -> None:
    member = await village.join("bo", role="node")
    stranger = Identity.new()
    base = f"https://127.0.0.1:{village.hub.port}"
    pinned = aiohttp.Fingerprint(bytes.fromhex(village.hub.fingerprint))
    async with aiohttp.ClientSession() as session:
        for origin in (None, "https://evil.example", f"http://127.0.0.1:{village.hub.port}"):
            headers = {"Origin": origin} if origin else {}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{base}/phone", ssl=pinned, headers=headers)
            assert refused.value.status == 403

        async def proven(key: Identity, *, nonce: str = "", id: str = "") -> Any:
            socket = await session.ws_connect(f"{base}/phone", ssl=pinned, headers={"Origin": base})
            asked = nonce or (await socket.receive_json())["nonce"]
            proof = key.sign(challenge(village.hub.fingerprint, asked))
            text = base64.urlsafe_b64encode(proof).decode().rstrip("=")
            await socket.send_json(
                {"kind": "proof", "id": id or key.id, "signature": text, "name": "x"}
            )
            if nonce:
                await socket.receive()
            return socket, await socket.receive()

        assert (await proven(stranger))[1].data == 4403
        assert (await proven(stranger, id=member.identity.id))[1].data == 4401
        assert (await proven(member.identity, nonce="0" * 32))[1].data == 4401  # an old one
        socket, first = await proven(member.identity)
        assert first.json()["kind"] == "welcome"
        await socket.send_bytes(b"nobody announced this")
        assert (await socket.receive()).data == 4400
        socket, first = await proven(member.identity)
        await socket.send_json({"kind": "state", "paused": ""})
        await until(lambda: (n := village.hub.roster.get(member.identity.id)) and n.there)
        await village.hub.revoke(member.identity.id, "test")
        async with asyncio.timeout(20):
            assert (await socket.receive()).data == 4403
        assert (await proven(member.identity))[1].data == 4403


async def test_the_page_is_only_of_the_hubs_own_and_as_the_window_looks(village: Village) -> None:
    base = f"https://127.0.0.1:{village.hub.port}"
    pinned = aiohttp.Fingerprint(bytes.fromhex(village.hub.fingerprint))
    async with aiohttp.ClientSession() as session:

        async def get(path: str, accept: str = "*/*") -> tuple[int, str, Any]:
            headers = {"Accept": accept}
            async with session.get(base + path, ssl=pinned, headers=headers) as answer:
                return answer.status, await answer.text(), answer.headers

        status, text, headers = await get("/join", "text/html")
        assert status == 200
        assert village.hub.fingerprint in text
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "intentos node" in (await get("/join"))[1]
        assert (await get("/certificate"))[1] == village.hub.certificate
        for path in ("/page/..%2fdoor.py", "/page/%2fetc%2fpasswd", "/page/phone.html", "/page/x"):
            assert (await get(path))[0] == 404
        words = json.loads((await get("/page/words.json"))[1])
        scripts = (await get("/page/phone.js"))[1]
        for key in re.findall(r'data-say="(\w+)"', text) + re.findall(r'say\("(\w+)"[,)]', scripts):
            assert {key} <= words["en"].keys() & words["zh"].keys()

    def colours(path: Path) -> dict[str, list[str]]:
        """Return each variable's colours, light and dark."""
        found: dict[str, list[str]] = {}
        for name, colour in re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", path.read_text("utf-8")):
            found.setdefault(name, []).append(colour)
        return found

    window = colours(ROOT / "ui/static/theme.css")
    own = colours(ROOT / "intentos/mesh/page/phone.css")
    assert len(own) > 10
    assert own == {name: window[name] for name in own}


async def test_what_a_phone_sends_counts_only_if_it_is_what_the_program_makes(
    kernels: Registry, tmp_path: Path
) -> None:
    program = kernels.kernel("automaton").build(
        {"rule": "life", "columns": 64, "frames": 2, **SMALL}
    )
    frame, nonce = bytes(64 * 64 * 4), "0" * 32
    output = program.outputs[0]
    size = 4 * int(np.prod(output.shape))

    async def drawn(*heard: tuple[dict[str, Any], bytes]) -> str:
        """Return what comes of it: the last kind, or why it is refused."""

        async def nothing(_: object) -> None: ...

        drawing = PhoneDrawing(nonce, nothing, nothing)
        drawing.heard = asyncio.Queue()
        files = {o.name: str(tmp_path / f"{o.name}.npy") for o in program.outputs}
        (tmp_path / "raw").unlink(missing_ok=True)
        job = {"program": program.model_dump(mode="json"), "values": {}, "seed": 1, "arrays": {}}
        await drawing.send({**job, "frames": str(tmp_path / "raw"), "outputs": files})
        for message, data in heard:
            drawing.heard.put_nowait((said.validate_python({**message, "nonce": nonce}), data))
        drawing.heard.put_nowait(None)
        try:
            while (await drawing.read(1))["kind"] != "done":
                pass
        except ExecutorError as error:
            return str(error.arguments["what"])
        return "done"

    def made(index: int, data: bytes = frame) -> tuple[dict[str, Any], bytes]:
        return {"kind": "frame", "index": index, "bytes": len(data)}, data

    def left(name: str = output.name, count: int = size) -> tuple[dict[str, Any], bytes]:
        return {"kind": "output", "name": name, "bytes": count}, bytes(count)

    rest = [left(o.name, 4 * int(np.prod(o.shape))) for o in program.outputs]
    end = {"kind": "done"}, b""
    assert await drawn(made(0), made(1), *rest, end) == "done"
    assert (tmp_path / "raw").stat().st_size == 2 * len(frame)
    assert "incomplete" in await drawn(made(0), *rest, end)
    assert "incomplete" in await drawn(made(0), made(1), end)
    assert "frame 1" in await drawn(made(1))
    assert "frame 2" in await drawn(made(0), made(1), made(2))
    assert "16385 bytes" in await drawn(made(0, frame + b"x"))
    assert "output ../x" in await drawn(made(0), made(1), left("../x"))
    assert "reshape" in await drawn(made(0), made(1), left(count=size + 4))
    assert "gone" in await drawn(made(0))
