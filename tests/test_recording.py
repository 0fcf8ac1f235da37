"""WAV files of every usual kind become the same sound; all others are refused in words."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.errors import UsageError
from intentos.recording import MOST_BYTES, MOST_SECONDS, RATE, read_recording

from .speaking import wav

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def sound_of(data: bytes) -> np.ndarray:
    return np.frombuffer(read_recording(data).samples, "<i2") / 32768


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_every_width_are_read(width: int, channels: int) -> None:
    heard = sound_of(wav(TONE, width=width, channels=channels))
    assert len(heard) == RATE
    assert np.abs(heard - TONE).max() < (0.01 if width == 1 else 1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_every_rate_becomes_the_same_sound(rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    heard = sound_of(wav(tone, rate=rate))
    assert abs(len(heard) - RATE) <= 1
    middle = slice(1000, 15_000)
    assert np.abs(heard[: RATE - 1][middle] - TONE[: RATE - 1][middle]).max() < 0.01


def test_a_high_tone_does_not_fold_down() -> None:
    rate = 48_000
    whistle = 0.5 * np.sin(2 * np.pi * 12_000 * np.arange(rate) / rate)
    assert np.abs(sound_of(wav(whistle, rate=rate))[1000:-1000]).max() < 0.01


def test_a_file_that_ends_early_counts_as_far_as_it_goes() -> None:
    data = wav(TONE)
    assert read_recording(data[: len(data) // 2]).seconds == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "speech.not_wav", id="nothing"),
        pytest.param(b"RIFF", "speech.not_wav", id="four bytes"),
        pytest.param(b"OggS" + bytes(100), "speech.not_wav", id="ogg"),
        pytest.param(wav(TONE, kind=3), "speech.not_wav", id="floating point"),
        pytest.param(wav(TONE, rate=1), "speech.not_wav", id="slow"),
        pytest.param(wav(TONE, rate=9**9), "speech.not_wav", id="fast"),
        pytest.param(wav(TONE[:160], channels=200), "speech.not_wav", id="many channels"),
        pytest.param(wav(TONE[:0]), "speech.no_sound", id="no samples"),
        pytest.param(wav(np.zeros(MOST_SECONDS * RATE + 1)), "speech.too_long", id="long"),
        pytest.param(bytes(MOST_BYTES + 1), "speech.too_large", id="large"),
    ],
)
def test_what_is_no_recording_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_recording(data)
    assert caught.value.code == code
    assert caught.value.exit_code == 2


@given(st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    file = bytearray(wav(TONE[:200], channels=2))
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, 59))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(file)))
    with suppress(UsageError):
        assert read_recording(bytes(file[:cut])).seconds <= MOST_SECONDS
