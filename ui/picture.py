"""A frame as it travels to a browser: sixteen bytes that tell what it is, and a JPEG."""

from __future__ import annotations

import io
import struct

HEADER = struct.Struct("<IIHHB3x")
"""Index and rounds, width and height, format; little-endian."""
JPEG = 1
QUALITY = 88


def packed(pixels: bytes, *, index: int, rounds: int, width: int, height: int) -> bytes:
    """Return RGBA8 pixels, top-left first, as header and picture; ``rounds`` 0: not known.

    JPEG without thinned-out colours, as thin coloured lines matter: it takes a millisecond for 512²
    here, WebP four to sixteen (see docs/design/live.md).
    """
    from PIL import Image

    # RGBX and not RGBA: the encoder leaves the fourth byte out by itself, without a copy.
    picture = Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)
    file = io.BytesIO()
    file.write(HEADER.pack(index & 0xFFFF_FFFF, rounds & 0xFFFF_FFFF, width, height, JPEG))
    picture.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()
