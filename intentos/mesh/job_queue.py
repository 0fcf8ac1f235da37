"""The JetStream work queue in which jobs wait; only the hub touches it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

MOST_BYTES = 4 * 1024**3


class JobQueue:
    """What is delivered is delivered again until it is acknowledged."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats

    async def open(
        self, delivered: Callable[[Msg], Awaitable[None]], *, lease: float, most: int
    ) -> None:
        """Have jobs delivered, each again after ``lease`` seconds, and ``most`` at a time."""
        from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
        from nats.js.errors import NotFoundError

        js = self._nats.jetstream(timeout=5)
        stream = StreamConfig(
            name="JOBS",
            subjects=["jobs.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            duplicate_window=120,
            max_bytes=MOST_BYTES,
        )
        try:
            await js.stream_info("JOBS")
        except NotFoundError:
            await js.add_stream(stream)
        # A new consumer has everything delivered at once that the last hub had in its hands.
        with suppress(NotFoundError):
            await js.delete_consumer("JOBS", "hub")
        await self._nats.subscribe("deliver.jobs", cb=delivered)
        await js.add_consumer(
            "JOBS",
            ConsumerConfig(
                durable_name="hub",
                deliver_subject="deliver.jobs",
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=lease,
                max_ack_pending=most,
            ),
        )

    async def over(self, ack: str) -> None:
        """Take a job out: it is in the book."""
        await self._nats.publish(ack, b"+ACK")

    async def refuse(self, ack: str) -> None:
        """Take out what is no job."""
        await self._nats.publish(ack, b"+TERM")

    async def renew(self, ack: str) -> None:
        """Say that a job is being worked on."""
        await self._nats.publish(ack, b"+WPI")
