"""The words of the stage, which its scripts are handed by the page that mounts it."""

from __future__ import annotations

from intentos.messages import catalogue, message

SECTION = "window_stage"


def stage_words(language: str) -> dict[str, str]:
    """Return the sentences that ``mountStage`` takes as ``words``; ``{placeholders}`` are open."""
    keys = [code.partition(".")[2] for code in catalogue("en") if code.startswith(f"{SECTION}.")]
    return {key: message(f"window_stage.{key}", language) for key in keys}
