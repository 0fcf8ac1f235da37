"""The message catalogue: every sentence the program says, in Chinese and in English.

``en.toml`` and ``zh.toml`` hold the same keys with the same placeholders; a test compares them.
"""

from __future__ import annotations

import re
import string
import tomllib
from functools import cache
from importlib import resources

LANGUAGES = ("en", "zh")


def message(code: str, language: str = "en", /, **arguments: object) -> str:
    """Return the sentence ``code`` in ``language`` with its placeholders filled.

    A code that no catalogue holds is returned with its arguments, so that a plugin's own errors
    still reach the person; a placeholder without an argument stays visible.
    """
    template = catalogue(language if language in LANGUAGES else "en").get(code)
    if template is None:
        details = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        return f"{code}: {details}" if details else code
    return _Lenient().vformat(template, (), arguments)


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all sentences of one language by their dotted code."""
    text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
    flat: dict[str, str] = {}
    for section, entries in tomllib.loads(text).items():
        for key, sentence in entries.items():
            flat[f"{section}.{key}"] = sentence
    return flat


class _Lenient(string.Formatter):
    """Formats names only: no attributes, no indices, and no failure for a missing name."""

    def get_field(self, field_name: str, args: object, kwargs: object) -> tuple[object, str]:
        assert isinstance(kwargs, dict)
        return kwargs.get(field_name, "{" + field_name + "}"), field_name

    def format_field(self, value: object, format_spec: str) -> str:
        if re.search(r"\d{3}", format_spec):  # a width of millions would fill the memory
            return str(value)
        try:
            return format(value, format_spec)
        except (TypeError, ValueError):
            return str(value)


def fill(template: str, values: dict[str, object]) -> str:
    """Put values into a template such as ``"{cars} cars, {speed:.1f} km/h"``; names only.

    A text whose braces do not match is no template and is returned as it is.
    """
    try:
        return _Lenient().vformat(template, (), values)
    except ValueError:
        return template


def placeholders(template: str) -> set[str]:
    """Return the names in a template; raises ValueError where its braces do not match."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}
