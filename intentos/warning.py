"""Warnings about other people's packages, as sentences in both languages."""

from __future__ import annotations

import warnings

from intentos.messages import message


class PluginWarning(UserWarning):
    """Something is wrong with a plugin; everything else goes on."""

    def __init__(self, code: str, /, **arguments: object) -> None:
        super().__init__(code, arguments)
        self._code = code
        self._arguments = arguments

    def __str__(self) -> str:
        return self.text("en")

    def text(self, language: str) -> str:
        """Return the sentence for a person, in ``zh`` or ``en``."""
        return message(self._code, language, **self._arguments)


def warn(code: str, /, **arguments: object) -> None:
    """Warn about a plugin; the command line shows it on stderr."""
    warnings.warn(PluginWarning(code, **arguments), stacklevel=3)
