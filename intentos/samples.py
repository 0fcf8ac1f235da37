"""Small steps of one language, by which an executor is tried out: see ``intentos.contract``.

A package names its samples in ``[project.entry-points."intentos.samples"]`` under the executor's
name, so that ``intentos executors check NAME`` can try what is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from intentos.plan import Step

Sample = str | Step
"""Code as text, or a whole step."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Steps for the contract to run. One that a language cannot express stays None, and what it
    would have shown is skipped; "shows" means: prints, reports as a value, or saves as a file."""

    language: str
    hello: Sample
    """Ends well; prints ``stdout``."""
    stdout: str = "hello"
    """What ``hello`` prints, among other things; empty where the language prints nothing."""
    fails: Sample | None = None
    complaint: str = ""
    """What a person must be told when ``fails`` has run, in the error or on stderr."""
    sleeps: Sample | None = None
    """Never ends, and starts child processes if it can."""
    starts: float = 1.5
    """Seconds after which ``sleeps`` surely runs."""
    makes_file: Sample | None = None
    """Leaves at least one artifact."""
    floods: Sample | None = None
    """Prints more than 100,000 bytes and ends well."""
    meets: Sample | None = None
    """Leaves traces wherever it can write, waits a second, and fails if it sees another's."""
    draws: Sample | None = None
    """Shows random numbers that come from the seed."""
    echoes: Sample | None = None
    """Shows the text parameter ``words`` as it is."""
    reads_input: Sample | None = None
    """Shows ``shown`` out of the input ``given``."""
    given: bytes = b"number,word\n12,heron\n34,otter\n"
    """The input file; it has no ending in its name."""
    shown: str = "heron"
    takes_memory: Sample | None = None
    """Fills more than 1 GiB of memory."""
    fills_disk: Sample | None = None
    """Leaves more than 10 MB of artifacts."""
    reads_file: Callable[[Path], Sample] | None = None
    """Shows the content of a file of the host, or fails."""
    connects: Callable[[int], Sample] | None = None
    """Connects to a TCP port of the host's 127.0.0.1, or fails."""
