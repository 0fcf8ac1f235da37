"""What a person's file says, in letters: its encoding, and names that are safe to show.

Part of what runs inside the sandbox (see ``intake_step.py``), so it imports nothing of ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

NAME_LENGTH = 60
# Marks that a model, a shell or a template might take for more than a name; look-alikes stay
# readable and are what the plain file says as well.
_MARKS = str.maketrans('<>|`"{}\\', "‹›¦''()/")
_INSTRUCTION_TAG = re.compile(r"\[(/?)(INST|SYS\w*)\]", re.IGNORECASE)


class Refused(Exception):
    """The file cannot be used: a code, and what belongs into its sentence."""

    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.code, self.arguments = code, arguments


class Found:
    """What came of a file: its profile and how to save it."""

    def __init__(self, kind: str, media_type: str, plain: str, data: Any, **profile: Any) -> None:
        self.plain, self.data = plain, data
        self.notes: list[str] = list(profile.pop("notes", ()))
        self.profile = {"kind": kind, "media_type": media_type, **profile}


def decoded(data: bytes) -> tuple[str, str]:
    """Return the text and its encoding: by mark, then UTF-8, then what its bytes look like."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding.removesuffix("-sig")
    start = data[:4096]
    if start.count(0):
        low, high = start[::2], start[1::2]
        for encoding, zeros, others in (("utf-16-le", high, low), ("utf-16-be", low, high)):
            if zeros.count(0) > 0.3 * len(zeros) and not others.count(0):
                return data.decode(encoding, "replace"), encoding
        raise Refused("binary")
    try:
        text, encoding = data.decode(), "utf-8"
    except UnicodeDecodeError as error:
        if error.end >= len(data) - 3 and error.start > 0.9 * len(data):  # cut off in a character
            return data[: error.start].decode(), "utf-8"
        text, encoding = _old_encoding(data)
    odd = sum(unicodedata.category(c) == "Cc" and c not in "\t\n\r\f" for c in text[:4096])
    if odd > 0.02 * min(len(text), 4096):
        raise Refused("binary")
    return text, encoding


def _old_encoding(data: bytes) -> tuple[str, str]:
    # In Chinese text of GB 2312 both bytes of a character are high; in Western text they are rare.
    sample = data[:100_000]
    pairs = re.findall(rb"[\x81-\xfe][\x40-\xfe]", sample)
    high = sum(pair[1] >= 0xA1 for pair in pairs)
    if pairs and high >= 0.7 * len(pairs):
        return data.decode("gb18030", "replace"), "gb18030"
    return data.decode("cp1252", "replace"), "cp1252"


def clean_name(text: str) -> str:
    """Return a name of one line without control characters or marks of instructions."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:500])
    kept = _INSTRUCTION_TAG.sub(r"(\1\2)", kept).translate(_MARKS)
    return " ".join(kept.split())[:NAME_LENGTH].strip()


def names_of(cells: Sequence[str], word: str = "column") -> list[str]:
    found: list[str] = []
    used: set[str] = set()
    for number, cell in enumerate(cells, 1):
        name = clean_name(cell) or f"{word} {number}"
        stem, again = name, 1
        while name in used:
            again += 1
            end = f" ({again})"
            name = stem[: NAME_LENGTH - len(end)] + end
        used.add(name)
        found.append(name)
    return found
