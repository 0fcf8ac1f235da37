"""What a node is handed: the job, grants for its files, and nothing that says how it is watched."""

from __future__ import annotations

import secrets
import time

from .blobs import Blobs, Grant
from .open_job import Open
from .roster import Node
from .wire import Task

UNTIL_SECONDS = 600.0
"""Beyond a step's own time that its grants are good."""


def task_for(found: Open, node: Node, nonce: str, blobs: Blobs, *, head: str) -> Task:
    """Return a job as a node gets it, under a nonce of this attempt."""
    job, owner = found.job, found.submitter.owner
    until = time.time() + job.limits.wall_time + UNTIL_SECONDS
    downloads = {
        name: blobs.grant(
            Grant(do="get", by=node.member.id, owner=owner, until=until, sha256=blob.sha256)
        )
        for name, blob in job.inputs.items()
    }
    upload = Grant(
        do="put",
        by=node.member.id,
        owner=owner,
        until=until,
        bytes=max(job.limits.artifact_bytes, 4 * job.limits.output_bytes),
    )
    # How it is verified, who waits where and whether it is only for this node are not for it.
    shown = job.model_copy(update={"reply": secrets.token_hex(8), "verify": "spot", "node": None})
    return Task(
        job=shown,
        submitter=found.submitter.id,
        owner=owner,
        nonce=nonce,
        downloads=downloads,
        upload=blobs.grant(upload),
        head=head,
        commit=found.commits,
    )
