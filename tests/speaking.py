"""Somebody who speaks: English sentences as WAV files, by the system's speech synthesiser."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from intentos.config import Settings
from intentos.recording import RATE, read_recording
from intentos.registry import Registry
from intentos.speech import MODEL, installed

GALAXIES = "Simulate two galaxies colliding with 20,000 stars."


def spoken(text: str, folder: Path) -> Path:
    """Return a WAV file, 16 kHz mono, in which the text is said."""
    if shutil.which("flite") is None:
        _missing("no flite on the PATH: install the package 'flite' to test speech")
    path = folder / "spoken.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    return path


def samples(file: bytes) -> NDArray[np.float64]:
    """Return the samples of a recording, between -1 and 1."""
    return np.frombuffer(read_recording(file).samples, "<i2") / 32768


def wav(
    sound: NDArray[np.float64],
    *,
    rate: int = RATE,
    channels: int = 1,
    width: int = 2,
    kind: int = 1,
) -> bytes:
    """Return a WAV file of sound between -1 and 1, the same on each channel."""
    whole = np.rint(np.clip(np.repeat(sound, channels), -1, 1) * (2 ** (8 * width - 1) - 1))
    if width == 1:
        data: bytes = (whole + 128).astype(np.uint8).tobytes()
    else:
        wide = whole.astype("<i8").view(np.uint8).reshape(-1, 8)
        data = wide[:, :width].tobytes()
    step = channels * width
    head = struct.pack(
        "<8sIHHIIHH4sI",
        *(b"WAVEfmt ", 16, kind, channels, rate, rate * step, step, 8 * width),
        *(b"data", len(data)),
    )
    return b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data


def need_speech(settings: Settings) -> None:
    """Skip the test where the library or its model is not here; fail it where CI=true."""
    if not installed():
        _missing("faster-whisper is not installed: pip install 'intentos-runtime[voice]'")
    models = Registry(plugins=False).planner(settings=settings).models
    if not next(model.present for model in models.every() if model.name == MODEL):
        _missing(f"the speech model is not here; fetch it with: intentos models pull {MODEL}")


def _missing(reason: str) -> None:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)
