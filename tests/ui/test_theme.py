"""The theme: whatever is read stands out enough from its ground, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "ui" / "static"
ENOUGH = 4.5
"""WCAG 2.2 AA for text."""
PAIRS = [
    *((text, ground) for text in ("text", "muted") for ground in
      ("bg", "surface", "raised", "sunken")),
    *(("accent", ground) for ground in ("bg", "surface", "raised", "accent-soft")),
    ("text", "accent-soft"),
    ("accent-text", "accent"),
    *((tone, ground) for tone in ("good", "warn", "bad") for ground in
      (f"{tone}-soft", "surface", "bg")),
]  # fmt: skip


def variables(theme: str) -> dict[str, str]:
    """Return the colours of a theme as they are written."""
    text = (STATIC / "theme.css").read_text("utf-8")
    light, dark = re.findall(
        r"(?:^|\n)(?::root|html\[data-theme=dark\][^{]*) \{(.*?)\n\}", text, re.S
    )
    colours = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
    found = dict(colours.findall(light))
    return found | dict(colours.findall(dark)) if theme == "dark" else found


def luminance(colour: str) -> float:
    """Return how bright a colour is, from 0 to 1, as WCAG reckons it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(theme: str, text: str, ground: str) -> None:
    colours = variables(theme)
    assert contrast(colours[text], colours[ground]) >= ENOUGH


def test_contrast_is_reckoned_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("file", sorted(p.name for p in STATIC.glob("*.css")))
def test_only_the_theme_knows_colours(file: str) -> None:
    if file == "theme.css":
        return
    text = re.sub(r"/\*.*?\*/", "", (STATIC / file).read_text("utf-8"), flags=re.S)
    used = set(re.findall(r"var\(--([a-z0-9-]+)", text))
    known = set(re.findall(r"--([a-z0-9-]+):", (STATIC / "theme.css").read_text("utf-8")))
    own = set(re.findall(r"--([a-z0-9-]+):", text))
    scripts = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    set_by_scripts = set(re.findall(r"--([a-z0-9-]+)", scripts))
    assert used <= known | own | set_by_scripts


def test_who_wants_no_motion_gets_none() -> None:
    text = (STATIC / "theme.css").read_text("utf-8")
    assert "prefers-reduced-motion: reduce" in text
