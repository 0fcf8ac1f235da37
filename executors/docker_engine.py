"""The Docker engine: found as the ``docker`` command finds it, and why it cannot be used if not.

``DOCKER_HOST`` and its kin come first, then the context that ``docker context use`` chose, then the
usual socket; so Docker Desktop, rootless Docker and an engine elsewhere need no setting of ours.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from intentos.errors import ExecutorUnavailable

OLDEST = "1.41"
"""API of engine 20.10: the first with control groups of version 2."""
PATIENCE = 60
"""Seconds that one answer of the engine may take."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    how: Mapping[str, Any]
    """What the SDK has to be told to reach it."""
    version: str
    """Of its API."""

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yield a ``docker.APIClient``, whose connections are closed after.

        One for each step: the SDK keeps a connection open for every address that it has asked.
        """
        import docker

        api = docker.APIClient(version=self.version, timeout=PATIENCE, **self.how)
        try:
            yield api
        finally:
            api.close()


def connect() -> Engine:
    """Return the engine, if it answers and runs Linux containers.

    Raises:
        ExecutorUnavailable: no SDK, no engine, no right to use it, or one that will not do.
    """
    try:
        import docker
        from docker.context import ContextAPI
        from docker.utils import kwargs_from_env
    except ImportError as error:
        raise ExecutorUnavailable("docker.no_sdk") from error
    where = os.environ.get("DOCKER_HOST", "")
    try:
        # The SDK's own way asks the context alone and never the environment.
        how = kwargs_from_env() if where else ContextAPI.kwargs_from_context()
        where = where or str(how.get("base_url", "unix:///var/run/docker.sock"))
        _knock(where)
        api = docker.APIClient(version="auto", timeout=PATIENCE, **how)
    except Exception as error:  # a damaged context is no kind of its own
        raise _unreachable(where, error) from error
    with closing(api), explained(where):
        system, version = str(api.version()["Os"]), str(api.api_version)
    if docker.utils.version_lt(version, OLDEST):
        raise ExecutorUnavailable("docker.old_engine", version=version, oldest=OLDEST)
    if system != "linux":
        raise ExecutorUnavailable("docker.not_linux", system=system)
    return Engine(how, version)


@contextmanager
def explained(where: str = "") -> Iterator[None]:
    """Turn what the engine refuses inside the block into ExecutorUnavailable."""
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        yield
    except ImageNotFound as error:
        raise ExecutorUnavailable("docker.no_image") from error
    except DockerException as error:
        what = getattr(error, "explanation", None) or str(error)
        raise ExecutorUnavailable("docker.refused", what=str(what)[:500]) from error
    except RequestException as error:
        raise _unreachable(where, error) from error


def did_not_start(said: str) -> ExecutorUnavailable:
    """Return why a container ended before the code began."""
    return ExecutorUnavailable("docker.refused", what=said.strip()[-500:] or "?")


def _knock(where: str) -> None:
    """Raise OSError where nobody is behind a socket; the SDK says it less clearly."""
    if where.startswith("unix://") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PATIENCE)
            door.connect(where.removeprefix("unix://"))


def _unreachable(where: str, error: Exception) -> ExecutorUnavailable:
    if isinstance(error, PermissionError):
        return ExecutorUnavailable("docker.no_permission", where=where)
    return ExecutorUnavailable("docker.no_engine", where=where, what=str(error)[:300])
