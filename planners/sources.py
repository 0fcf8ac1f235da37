"""Where on the web the bytes of a model file lie, in the order in which they are tried."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from .model_file import ModelFile

MODELSCOPE = "https://www.modelscope.cn"
HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One address of a file."""

    name: str
    """What a person is told: host and repository, without anything secret of the address."""
    url: str


def on_the_web(file: ModelFile) -> list[Source]:
    """Return a mirror that ``HF_ENDPOINT`` names, then ModelScope, then the hub itself.

    A mirror that a person has set comes first; ModelScope is reached where the hub often is not,
    and costs a few seconds at most where it is not reached itself.
    """
    path = f"{file.hub}/resolve/{{branch}}/{file.remote}"
    found = {
        f"{base.rstrip('/')}/{prefix}{path.format(branch=branch)}": None
        for base, prefix, branch in (
            (os.environ.get("HF_ENDPOINT", ""), "", "main"),
            (MODELSCOPE, "models/", "master"),
            (HUB, "", "main"),
        )
        if base
    }
    return [Source(name=f"{_host(url)}/{file.hub}/{file.remote}", url=url) for url in found]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"
