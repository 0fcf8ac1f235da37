"""Measures the window as a person feels it: how soon it is there, and how soon it answers.

The server runs in a process of its own, as `intentos` starts it, and headless Chromium stands for
the person. Figures are milliseconds unless a name says otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from intentos import config
from intentos.contract import descendants
from intentos.events import (
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from intentos.plan import Approval, Plan, Step
from intentos.run import RunStatus, StepResult, StepStatus
from intentos.store import Store
from intentos.types import Intent, Words, new_id, now

from . import window_stage, window_stream
from .browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TURNS = 200
WINDOWS = 10
KEYS = 40
WAIT_MS = 60_000
TARGETS = {
    "server_up": 3000.0,
    "interactive": 1500.0,
    "key_echo": 50.0,
    "long_conversation_key": 100.0,
    "long_conversation_fold": 100.0,
    "ten_windows_key": 100.0,
}
IDLE_TARGET = 2.0
"""Gigabytes."""
GROWTH_TARGET = 16.0
"""Megabytes over all runs: allocators keep some."""
# From the key's own time, which the browser stamps, to the frame after the text is there.
ECHO = """() => new Promise((done) => {
  const field = document.querySelector(".composer textarea");
  field.focus();
  field.addEventListener("keydown", (event) => {
    const began = event.timeStamp;
    field.addEventListener("input", () => requestAnimationFrame(() =>
      setTimeout(() => { window.echoes.push(performance.now() - began); })), { once: true });
  });
  window.echoes = [];
  done();
})"""
FOLD = """() => {
  const closed = "[aria-expanded=false], details:not([open]) > summary";
  const line = [...document.querySelectorAll(closed)]
    .filter((one) => one.closest(".talk") && one.getClientRects().length).at(-1);
  if (!line) return null;
  return new Promise((done) => {
    const began = performance.now();
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }).observe(line.closest(".turn"), { subtree: true, childList: true, attributes: true });
    line.click();
  });
}"""


def measure(tell: Callable[[str], None], *, runs: int = 500, stream: bool = True) -> dict[str, Any]:
    """Return the figures of the window on this machine; ``runs``: for the growth of memory.

    Raises:
        RuntimeError: there is no Chromium here, or Playwright is not installed.
    """
    result: dict[str, Any] = {"kind": "window"}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        talk = long_conversation(home)
        tell("the window")
        with _server(home) as (address, up, pid), chromium() as browser:
            result["server_up"] = round(1000 * up)
            result |= _felt(browser, address, talk, tell)
            tell("memory while idle")
            time.sleep(5)
            result["idle_gigabytes"] = round(_memory(pid) / 1e9, 2)
    if runs:
        tell(f"{runs} runs")
        result["growth"] = growth(runs)
    if stream:
        tell("the live canvas")
        result["stage"] = window_stage.measure()
        tell("frames from the server")
        result["stream"] = window_stream.measure()
    return result


def missed(result: Mapping[str, Any]) -> list[str]:
    """Return what is too slow or too large, in words."""
    lines = [
        f"{name}: {result[name]:g} ms, wanted {target:g}"
        for name, target in TARGETS.items()
        if result.get(name, 0) > target
    ]
    if result["idle_gigabytes"] > IDLE_TARGET:
        lines.append(f"idle: {result['idle_gigabytes']} GB, wanted {IDLE_TARGET:g}")
    if result.get("growth", {}).get("megabytes", 0) > GROWTH_TARGET:
        lines.append(f"growth: {result['growth']['megabytes']} MB, wanted {GROWTH_TARGET:g}")
    for name, target in result.get("stage", {}).get("targets", {}).items():
        found = result["stage"][name]
        slow = found is None or (found > target if name == "knob_ms" else found < target)
        if slow:
            lines.append(f"stage: {name} {found}, wanted {target:g}")
    return lines + (window_stream.missed(result["stream"]) if "stream" in result else [])


def _felt(
    browser: Browser, address: str, talk: str, tell: Callable[[str], None]
) -> dict[str, float]:
    found: dict[str, float] = {}
    times = []
    for _ in range(3):
        page = browser.new_page()
        began = time.monotonic()
        page.goto(address, timeout=WAIT_MS)
        page.wait_for_selector(".composer textarea", timeout=WAIT_MS)
        times.append(1000 * (time.monotonic() - began))
        page.close()
    found["interactive"] = round(median(times))
    page = browser.new_page()
    page.goto(address, timeout=WAIT_MS)
    found["key_echo"] = _echo(page)
    page.close()
    tell(f"a conversation of {TURNS} turns")
    page = browser.new_page()
    page.goto(f"{address}c/{talk}", timeout=WAIT_MS)
    page.wait_for_selector(".wish-text", timeout=WAIT_MS)
    while page.locator("[data-action=earlier]").count():
        page.locator("[data-action=earlier]").click()
        page.wait_for_timeout(500)
    found["turns_shown"] = page.locator(".wish-text").count()
    found["long_conversation_key"] = _echo(page)
    folds = [took for _ in range(5) if (took := page.evaluate(FOLD)) is not None]
    found["long_conversation_fold"] = round(median(folds), 1) if folds else float("nan")
    page.close()
    tell(f"{WINDOWS} windows")
    pages = [browser.new_page() for _ in range(WINDOWS)]
    for each in pages:
        each.goto(address, timeout=WAIT_MS)
        each.wait_for_selector(".composer textarea", timeout=WAIT_MS)
        each.evaluate(ECHO)
    for number in range(KEYS):
        for each in pages:
            each.keyboard.press("abcdefgh"[number % 8])
    echoes = [echo for each in pages for echo in each.evaluate("window.echoes")]
    found["ten_windows_key"] = _worst(echoes)
    for each in pages:
        each.close()
    return found


def _echo(page: Page) -> float:
    page.wait_for_selector(".composer textarea", timeout=WAIT_MS)
    page.wait_for_timeout(1000)
    page.evaluate(ECHO)
    for number in range(KEYS):
        page.keyboard.press("abcdefgh"[number % 8])
        page.wait_for_timeout(30)
    page.wait_for_timeout(300)
    return _worst(page.evaluate("window.echoes"))


def _worst(times: list[float]) -> float:
    """Return the 95th percentile."""
    return round(quantiles(times, n=20)[-1], 1)


@contextmanager
def _server(home: Path) -> Iterator[tuple[str, float, int]]:
    """Open a window; yield its address, the seconds until it answered, and its process."""
    environment = {**os.environ, "INTENTOS_HOME": str(home), "INTENTOS_LANGUAGE": "en"}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "intentos", "--no-browser", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stderr is not None
        while not (found := re.search(r"http://\S+", process.stderr.readline())):
            if process.poll() is not None:
                raise RuntimeError("the window did not open")
        yield found[0], time.monotonic() - began, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _memory(pid: int) -> int:
    """Return the bytes of a process and its descendants, those that they share counted once."""
    total = 0
    for process in {pid, *descendants(pid)}:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
        except OSError:
            continue
        total += 1024 * int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
    return total


def growth(runs: int) -> dict[str, float]:
    """Return by how many megabytes the window's process grew over runs, after a fifth of them."""
    code = f"from intentos.bench.window_runs import main; main({runs})"
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "INTENTOS_HOME": home, "INTENTOS_MODEL": "none"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    first, last = (float(number) for number in done.stdout.split()[-2:])
    return {"runs": runs, "megabytes": round(last - first, 1)}


def long_conversation(home: Path) -> str:
    """Write a conversation of many turns with long programs; return its id."""
    store = Store(config.load().model_copy(update={"home": home}))
    talk = new_id()
    code = "\n".join(f"line_{n} = [number * {n} for number in range({n})]" for n in range(300))
    for number in range(TURNS):
        words = Words(en=f"Turn {number}", zh=f"第 {number} 轮")
        step = Step(id="work", title=words, language="python", code=f"{code}\nprint({number})")
        plan = Plan(title=words, interpretation=words, steps=(step,), origin="generated")
        run = new_id()
        intent = Intent(text=f"wish number {number}", language="en", conversation=talk)
        approval = Approval(plan_digest=plan.digest, decision="approve", by="window")
        result = StepResult(
            step_id="work",
            executor="sandbox",
            status=StepStatus.OK,
            stdout="line\n" * 200,
            started_at=now(),
            finished_at=now(),
        )
        for event in (
            RunStarted(run_id=run, intent=intent, seed=1),
            PlanProposed(run_id=run, plan=plan, values={}),
            PlanApproved(run_id=run, approval=approval),
            StepStarted(run_id=run, step_id="work", executor="sandbox", isolation="sandbox"),
            StepFinished(run_id=run, result=result),
            RunFinished(
                run_id=run, status=RunStatus.COMPLETED, badge="unchecked", answer=f"{number}"
            ),
        ):
            store.append(event)
    store.close()
    return talk
