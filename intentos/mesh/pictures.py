"""Frames of a step that runs elsewhere, small, while it runs: to be looked at, never the result.

They travel as plain RGB in the live messages, so that nothing is unpacked on the way or at home.
What is kept of a run is the film that comes home whole when the step has ended.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from pathlib import Path

from intentos.events import FrameDrawn

SIDE = 320
"""Pixels that a picture may have each way."""
A_SECOND = 6.0
MOST_TEXT = 4 * SIDE * SIDE
"""Of base64, three bytes a pixel."""
MOST_FILE = 4 * 1024**3


class Pace:
    """Lets so many pictures a second through, and one at a time."""

    def __init__(self) -> None:
        self._last = -math.inf
        self._going = False

    def take(self) -> bool:
        """Return whether the next picture may be made now; then :meth:`done` must follow."""
        now = time.monotonic()
        if self._going or now - self._last < 1 / A_SECOND:
            return False
        self._going, self._last = True, now
        return True

    def done(self) -> None:
        """The last one is on its way."""
        self._going = False


def small(event: FrameDrawn) -> tuple[FrameDrawn, str] | None:
    """Return a frame made small, and its RGB bytes as base64; None: it is gone already."""
    import numpy as np
    from PIL import Image

    size = event.width * event.height * 4
    try:
        with open(event.reference, "rb") as file:
            file.seek(event.index * size)
            data = file.read(size)
    except OSError:
        return None
    if len(data) != size:
        return None
    frame = np.frombuffer(data, np.uint8).reshape(event.height, event.width, 4)[:, :, :3]
    picture = Image.fromarray(np.ascontiguousarray(frame))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    told = event.model_copy(
        update={"width": picture.width, "height": picture.height, "reference": ""}
    )
    return told, base64.b64encode(picture.tobytes()).decode()


class Pictures:
    """The sender's side: a file that is read as if the step ran here."""

    def __init__(self, folder: Path, step_id: str) -> None:
        self._path = folder / "seen.rgba"
        self._step_id = step_id
        self._size: tuple[int, int] | None = None
        self._next = 0

    def put(self, event: FrameDrawn, picture: str) -> FrameDrawn | None:
        """Keep a picture, and return its frame as an event of here; None: it is not one."""
        import numpy as np

        size = (event.width, event.height)
        fits = 0 < event.width <= SIDE and 0 < event.height <= SIDE
        if event.step_id != self._step_id or not fits or size != (self._size or size):
            return None
        room = MOST_FILE // (event.width * event.height * 4)
        if not self._next <= event.index < min(event.count, room):
            return None
        try:
            data = base64.b64decode(picture, validate=True)
            rgb = np.frombuffer(data, np.uint8).reshape(event.height, event.width, 3)
        except (ValueError, binascii.Error):
            return None
        pixels = np.full((event.height, event.width, 4), 255, np.uint8)
        pixels[:, :, :3] = rgb
        try:
            with open(self._path, "r+b" if self._size else "wb") as file:
                file.seek(event.index * pixels.nbytes)
                file.write(pixels.tobytes())
        except OSError:
            return None  # a full disk: there is nothing to see, and the step goes on
        self._size, self._next = size, event.index + 1
        return event.model_copy(update={"reference": str(self._path)})
