"""The command line as a contract: real processes, real results, the right exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CITY = ("ask", "simulate the traffic of a city with 60 cars", "--model", "none")
SMALL = ("--set", "frames=12", "--set", "streets=4")
PRIMES = ("ask", "how many primes are there below 1000?", "--model", "none")


def intentos(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "intentos", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, **options
    )


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one JSON object on stdout."""
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture
def primes() -> dict[str, Any]:
    """Return a completed run."""
    done = intentos(*PRIMES, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    return one_object(done)


def test_ask_runs_and_leaves_exactly_the_runs_files(tmp_path: Path) -> None:
    out = tmp_path / "o"
    done = intentos(*CITY, *SMALL, "--yes", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    found = one_object(done)
    assert found["status"] == "completed"
    assert found["origin"] == "recipe"
    assert found["parameters"]["cars"] == 60
    assert "km/h" in found["answer"]
    assert {check["status"] for check in found["checks"]} == {"passed"}
    assert {"film.mp4", "film.gif", "values.json"} <= {p.name for p in out.iterdir()}
    assert {p.name for p in out.iterdir()} == {a["name"] for a in found["artifacts"]}
    assert found["timings"]["tokens"] == 0
    assert 0 < found["timings"]["first_frame_s"] <= found["timings"]["run_s"]
    assert json.loads((out / "values.json").read_text())["cars_end"]["value"] == 60


def test_rerun_uses_the_approval_and_no_model(primes: dict[str, Any]) -> None:
    done = intentos("rerun", primes["run"][-10:], "--set", "limit=100", "--json")
    assert done.returncode == 0, done.stderr
    found = one_object(done)
    assert found["values"]["primes"]["value"] == 25
    assert found["parent_run"] == primes["run"]
    assert found["plan"] == primes["plan"]
    assert found["timings"]["tokens"] == 0


def test_without_a_yes_the_plan_is_printed_and_nothing_runs() -> None:
    done = intentos(*PRIMES)
    assert done.returncode == 3
    assert "Sieve of Eratosthenes" in done.stdout
    as_json = intentos(*PRIMES, "--json")
    assert as_json.returncode == 3
    assert one_object(as_json)["status"] == "rejected"


def test_a_plan_can_be_written_edited_and_run(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    assert intentos("plan", PRIMES[1], "--model", "none", "-o", str(path)).returncode == 0
    assert intentos("run", str(path), "--json").returncode == 3
    assert intentos("run", str(path), "--yes", "--json").returncode == 0
    assert intentos("run", str(path), "--json").returncode == 0  # approved within its ranges

    text = path.read_text("utf-8")
    path.write_text(text.replace("maximum: 50000000", "maximum: 60000000"), "utf-8")
    asked = intentos("run", str(path), "--json")
    assert asked.returncode == 3
    assert "fingerprint" in asked.stderr
    assert one_object(asked)["origin"] == "edited"

    forged = "\n".join(line for line in text.splitlines() if not line.startswith("digest:"))
    path.write_text(forged.replace("import math", "import math  # mine"), "utf-8")
    assert one_object(intentos("run", str(path), "--yes", "--json"))["origin"] == "edited"

    path.write_text(text.replace("steps:", "steps: [", 1), "utf-8")
    broken = intentos("run", str(path))
    assert broken.returncode == 2
    assert "line" in broken.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("ask", ""), 2, "Nothing was said"),
        (("ask", "   "), 2, "Nothing was said"),
        (("ask", "x" * 100_000), 2, "100000 characters"),
        ((*PRIMES, "--yes", "--follow", "a\x01b"), 2, "U+0001"),
        ((*PRIMES, "--yes", "--set", "limit=5"), 2, "10 to 50000000"),
        ((*PRIMES, "--yes", "--set", "limit"), 2, "name=value"),
        ((*PRIMES, "--yes", "--set", "wheels=4"), 2, "limit"),
        ((*PRIMES, "--allow", "everything"), 2, "everything"),
        (("ask", "hello", "--model", "/nowhere/model.gguf", "--yes"), 4, "model.gguf"),
        (("rerun", "nosuchrun"), 2, "nosuchrun"),
        (("run", "/nowhere.yaml"), 2, "/nowhere.yaml"),
        (("run", "/"), 2, "cannot be read"),
        (("ask", "今天晚上吃什么", "--model", "none", "--yes"), 1, ""),
    ],
)
def test_bad_input_gets_a_sentence_and_the_right_code(
    arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = intentos(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_refused() -> None:
    command = [sys.executable.encode(), b"-m", b"intentos", b"ask", b"\xff\xfe\x80 heart"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr


def test_errors_before_a_run_are_one_object_too() -> None:
    found = one_object(intentos("ask", "", "--json"))
    assert found["run"] is None
    assert found["error"]["code"] == "intent.empty"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = intentos(*PRIMES, "--yes", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "thesis.txt" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_runs_folder_is_replaced(tmp_path: Path) -> None:
    out = str(tmp_path / "o")
    assert intentos(*PRIMES, "--yes", "--out", out).returncode == 0
    done = intentos(*PRIMES, "--yes", "--set", "limit=50", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "o" / "values.json").read_text())
    assert numbers["primes"]["value"] == 15


def test_the_persons_language_is_spoken() -> None:
    done = intentos("ask", "", env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
    assert "你还没有说任何内容" in done.stderr or "Nothing" in done.stderr
    chinese = intentos("ask", "一千以内有多少个素数", "--model", "none", "--yes", "--json")
    assert chinese.returncode == 0, chinese.stderr
    assert "素数共有 168 个" in one_object(chinese)["answer"]


def test_looking_commands(primes: dict[str, Any]) -> None:
    runs = json.loads(intentos("runs", "--json").stdout)
    assert [run["run"] for run in runs] == [primes["run"]]
    shown = one_object(intentos("show", "last", "--json"))
    assert shown["answer"] == primes["answer"]
    assert Path(shown["artifacts"][0]["path"]).is_file()
    assert "prime_count" in intentos("recipes", "search", "素数").stdout
    names = {row["name"] for row in json.loads(intentos("executors", "--json").stdout)}
    assert names >= {"webgpu", "numpy", "sandbox"}


def test_a_killed_run_is_marked_and_a_living_one_is_not(tmp_path: Path) -> None:
    frames = ("--set", "frames=1500", "--set", "cars=500")
    command = [sys.executable, "-m", "intentos", *CITY, *frames, "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert wait_for(lambda: statuses() == ["running"]), statuses()
        workers = children(process.pid)
        assert workers
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert wait_for(lambda: statuses() == ["interrupted"]), statuses()
    assert wait_for(lambda: not any(alive(pid) for pid in workers))


def test_ctrl_c_cancels_and_leaves_nothing_running() -> None:
    frames = ("--set", "frames=1500", "--set", "cars=500")
    command = [sys.executable, "-m", "intentos", *CITY, *frames, "--yes", "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert wait_for(lambda: statuses() == ["running"]), statuses()
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert json.loads(stdout)["status"] == "canceled"
    assert not any(alive(pid) for pid in workers)


def statuses() -> list[str]:
    """Return the statuses of all runs, newest first."""
    return [run["status"] for run in json.loads(intentos("runs", "--json").stdout)]


def children(pid: int) -> list[int]:
    """Return all processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Any, seconds: float = 60) -> bool:
    """Return whether a condition came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_a_closed_stdin_is_nobody_to_ask() -> None:
    command = [sys.executable, "-m", "intentos", *PRIMES]
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=300)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr


def test_an_encoding_without_our_marks_still_shows_the_answer(primes: dict[str, Any]) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = intentos("show", primes["run"], env=environment)
    assert done.returncode == 0, done.stderr
    assert "168" in done.stdout
