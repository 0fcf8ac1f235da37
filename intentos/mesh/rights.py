"""Who may say what to whom: the rights that the NATS server enforces, as its configuration.

A node may publish and hear its own subjects and nothing else. Nobody but the hub touches JetStream:
who may pull from a stream can forge acknowledgements and have messages put where they may not write
(docs/design/mesh.md), so no node has any subject that begins with ``$``, and none may reply.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

MAX_PAYLOAD = 1024 * 1024
SAID_BY_NODES = ("hb.{id}", "ev.{id}.*", "done.{id}", "ask.{id}")
HEARD_BY_NODES = ("run.{id}", "ctl.{id}", "out.{id}.*")


def permissions(id: str) -> dict[str, object]:
    """Return what the member of that id may do, as NATS writes it."""
    return {
        "publish": {"allow": [subject.format(id=id) for subject in SAID_BY_NODES]},
        "subscribe": {"allow": [subject.format(id=id) for subject in HEARD_BY_NODES]},
    }


def configuration(
    *,
    host: str,
    port: int,
    folder: Path,
    certificate: tuple[Path, Path],
    hub: str,
    members: Collection[str],
    sync: str = "always",
) -> str:
    """Return the server's configuration file, which is JSON.

    ``hub``: the id of the hub's own key, which may do everything; ``members``: ids of all others;
    ``sync``: when what was accepted is forced to the disk.
    """
    users: list[dict[str, object]] = [{"nkey": hub}]
    users += [{"nkey": id, "permissions": permissions(id)} for id in sorted(members)]
    return json.dumps(
        {
            "server_name": "intentos",
            "host": host,
            "port": port,
            "max_payload": MAX_PAYLOAD,
            "max_subscriptions": 64,
            "max_control_line": 4096,
            "write_deadline": "5s",
            "ping_interval": "15s",
            "ping_max": 2,
            "tls": {
                "cert_file": str(certificate[0]),
                "key_file": str(certificate[1]),
                # Before anything is said: else whoever sits between could talk us out of it.
                "handshake_first": True,
                "timeout": 5,
            },
            "jetstream": {
                "store_dir": str(folder / "jetstream"),
                "sync_interval": sync,
                "max_memory_store": 64 * 1024**2,
                "max_file_store": 8 * 1024**3,
            },
            "authorization": {"timeout": 5, "users": users},
        },
        indent=1,
    )
