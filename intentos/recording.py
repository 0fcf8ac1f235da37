"""A recording of somebody who speaks: the bytes of a WAV file in, 16 kHz mono samples out."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from intentos.errors import UsageError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

RATE = 16_000
"""Samples a second that speech is understood from."""
MOST_SECONDS = 60
MOST_BYTES = 24_000_000
"""Of a file: a minute in stereo at 48 kHz and 32 bits."""
_RATES = range(4_000, 192_001)
_CHANNELS = range(1, 9)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Sound as the speech model takes it."""

    samples: bytes
    """16-bit little-endian, mono, :data:`RATE` a second."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / 2 / RATE


def read_recording(data: bytes) -> Recording:
    """Return the sound of a WAV file: PCM of 8 to 32 bits, at any usual rate; channels are mixed.

    A file that ends early counts as far as it goes.

    Raises:
        UsageError: it is no such file, holds no sound, or is too long.
    """
    if len(data) > MOST_BYTES:
        raise UsageError("speech.too_large", size=len(data), limit=MOST_BYTES)
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(len(data))
    except (wave.Error, EOFError, ValueError, ArithmeticError, RuntimeError) as error:
        what = " ".join(str(error).split()) or "it ends in the middle"
        raise UsageError("speech.not_wav", what=what) from None
    if rate not in _RATES or channels not in _CHANNELS or width not in (1, 2, 3, 4):
        what = f"{rate} Hz, {channels} channels, {8 * width} bits"
        raise UsageError("speech.not_wav", what=what)
    count = len(frames) // (channels * width)
    if count == 0:
        raise UsageError("speech.no_sound")
    if count > MOST_SECONDS * rate:
        raise UsageError("speech.too_long", seconds=round(count / rate), limit=MOST_SECONDS)
    return Recording(samples=_converted(frames[: count * channels * width], channels, width, rate))


def _converted(frames: bytes, channels: int, width: int, rate: int) -> bytes:
    import numpy as np

    if (channels, width, rate) == (1, 2, RATE):
        return frames
    sound = _numbers(frames, width).reshape(-1, channels).mean(axis=1)
    if rate != RATE:
        from scipy.signal import resample_poly

        common = math.gcd(RATE, rate)
        sound = resample_poly(sound, RATE // common, rate // common)
    loud = np.clip(np.rint(sound * 32768), -32768, 32767)
    return bytes(loud.astype("<i2").tobytes())


def _numbers(frames: bytes, width: int) -> NDArray[numpy.float64]:
    """Return samples between -1 and 1."""
    import numpy as np

    if width == 1:  # the only one without a sign
        return (np.frombuffer(frames, np.uint8) - 128.0) / 128
    if width == 3:
        bytes_: Any = np.frombuffer(frames, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(bytes_), 4), np.uint8)
        whole[:, 1:] = bytes_
        return whole.view("<i4")[:, 0] / float(1 << 31)
    return np.frombuffer(frames, f"<i{width}") / float(1 << (8 * width - 1))
