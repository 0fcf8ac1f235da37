"""Makes the docker executor's image, from the Dockerfile or from this machine's own files.

The Dockerfile is the usual way; it needs a registry, Debian's mirror and PyPI. Where they cannot be
reached, and the engine runs on a machine like this one, the interpreter and the libraries that are
installed here go into an image as they are. Either way the name of the image is made from what is
installed, so that it is built anew when that changes, and nothing is fetched but by `build`.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Literal

from intentos.errors import ExecutorUnavailable
from intentos.messages import message
from intentos.types import Words

from . import bubblewrap, docker_files
from .docker_engine import explained

REPOSITORY = "intentos-sandbox"
LABEL = "intentos.image"
PYTHON_LABEL = "intentos.python"
BUILD_SECONDS = 1800
"""The longest that one step of building may be silent."""
_COMMAND = [f"{bubblewrap.PYTHON}/bin/python"]
_FLAGS = ["-S", "-s", "-P", "-B", f"{bubblewrap.INSIDE}/harness_container.py"]
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "AMD64": "amd64"}

Source = Literal["dockerfile", "system"]
Progress = Callable[[Words], None]


def name() -> str:
    """Return the name that the image has when it is built."""
    return f"{REPOSITORY}:{docker_files.tag()}"


def python_version(api: Any) -> str:
    """Return the version of Python in the image.

    Raises:
        ExecutorUnavailable: the image is not there, or the engine does not answer.
    """
    with explained():
        image = api.inspect_image(name())
    settings = image["Config"]
    given = dict(pair.partition("=")[::2] for pair in settings.get("Env") or ())
    return str((settings.get("Labels") or {}).get(PYTHON_LABEL) or given.get("PYTHON_VERSION", "?"))


def build(api: Any, source: Source | None, progress: Progress) -> Source:
    """Build the image, tell what is going on line by line, and return how it was made.

    Without a ``source`` the Dockerfile is tried and then, on Linux, this machine's own files.

    Raises:
        ExecutorUnavailable: it cannot be built; says what the engine or the build said.
    """
    if source == "system":
        _from_system(api, progress)
        return "system"
    try:
        _from_dockerfile(api, progress)
        return "dockerfile"
    except ExecutorUnavailable as error:
        if source == "dockerfile" or not _runs_here(api):
            raise
        progress(Words(en=error.text("en"), zh=error.text("zh")))
    _from_system(api, progress)
    return "system"


def forget_older(api: Any) -> None:
    """Remove images of earlier versions that no container uses."""
    from docker.errors import APIError

    for image in api.images(filters={"label": f"{LABEL}={REPOSITORY}"}):
        if name() not in (image.get("RepoTags") or ()):
            with suppress(APIError):  # in use, or the parent of another
                api.remove_image(image["Id"])


def _from_dockerfile(api: Any, progress: Progress) -> None:
    with explained():
        lines = api.build(
            fileobj=docker_files.context_archive(),
            custom_context=True,
            tag=name(),
            rm=True,
            forcerm=True,
            decode=True,
            timeout=BUILD_SECONDS,
            labels={LABEL: REPOSITORY},
            buildargs={"PYTHON": ".".join(map(str, sys.version_info[:2]))},
        )
        for line in lines:
            if "error" in line:
                raise ExecutorUnavailable("docker.build_failed", what=str(line["error"])[:500])
            for text in str(line.get("stream") or line.get("status") or "").splitlines():
                if text.strip():
                    progress(Words(en=text[:10_000]))


def _from_system(api: Any, progress: Progress) -> None:
    if not _runs_here(api):
        raise ExecutorUnavailable("docker.other_system", system=platform.platform())
    raw = _imported(api, progress)
    made = None
    try:
        with explained():
            progress(
                Words(en=message("docker.preparing", "en"), zh=message("docker.preparing", "zh"))
            )
            made = api.create_container(
                raw,
                [*_COMMAND, "-s", f"{bubblewrap.INSIDE}/prepare.py"],
                environment={"LD_LIBRARY_PATH": f"{bubblewrap.PYTHON}/lib", "HOME": "/tmp"},
                host_config=api.create_host_config(network_mode="none", cap_drop=["ALL"]),
            )["Id"]
            api.start(made)
            status = api.wait(made, timeout=BUILD_SECONDS)["StatusCode"]
            if status != 0:
                said = api.logs(made).decode("utf-8", "replace")[-500:]
                raise ExecutorUnavailable("docker.build_failed", what=said)
            repository, _, tag = name().partition(":")
            api.commit(made, repository=repository, tag=tag, conf=_settings())
    finally:
        with explained():
            if made is not None:
                api.remove_container(made, force=True, v=True)


def _imported(api: Any, progress: Progress) -> str:
    def told() -> Iterator[bytes]:
        sent, due = 0, 0
        for piece in docker_files.root_archive():
            yield piece
            sent += len(piece)
            if sent >= due:
                size = sent // 10**6
                progress(
                    Words(
                        en=message("docker.sending", "en", size=size),
                        zh=message("docker.sending", "zh", size=size),
                    )
                )
                due = sent + 50 * 10**6

    with explained():
        answer = api.import_image_from_data(told(), changes=[f"LABEL {LABEL}={REPOSITORY}"])
    # The answer is lines of JSON; the last one names the image.
    found = [word for word in answer.replace('"', " ").split() if word.startswith("sha256:")]
    if not found:
        raise ExecutorUnavailable("docker.build_failed", what=answer[-500:])
    return str(found[-1])


def _settings() -> dict[str, object]:
    return {
        "Entrypoint": [*_COMMAND, *_FLAGS],
        "Cmd": None,
        "Env": [f"LD_LIBRARY_PATH={bubblewrap.PYTHON}/lib"],
        "WorkingDir": bubblewrap.WORK,
        "User": "65534:65534",
        "Labels": {LABEL: REPOSITORY, PYTHON_LABEL: platform.python_version()},
    }


def _runs_here(api: Any) -> bool:
    """Return whether programs of this machine run in the engine."""
    if sys.platform != "linux":
        return False
    with explained():
        return bool(api.version()["Arch"] == _MACHINES.get(platform.machine()))
