"""A load generator on raw sockets: N connections, each sends its next request when the last one was answered.

Runs in a process of its own: `python -m bench.load < job.json`, prints one JSON object. Light enough (about 40 µs a request)
that two cores can hold it, the service and the database together.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import uvloop

from bench.bodies import event_bodies

__all__ = ["Job", "Outcome", "run"]

READY_EACH = 400  # requests of a connection
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class Job(msgspec.Struct, kw_only=True):
    """What to send: where, how many connections, for how many seconds, from which places and categories, with which seed.

    With `given` these requests (path, idempotency key, body) are sent instead, each connection its own share in their order.
    """

    host: str
    port: int
    path: str
    token: str
    connections: int
    seconds: float
    warmup_seconds: float = 0.5
    points: list[tuple[float, float]] = []
    categories: list[str] = []
    seed: int = 0
    given: list[tuple[str, str, str]] = []


class Outcome(msgspec.Struct, kw_only=True):
    """What came back: answers per second, latencies in milliseconds, statuses, one sample body."""

    per_second: float
    p50_ms: float
    p99_ms: float
    count: int
    statuses: dict[str, int]
    sample: str = ""


class Connection(asyncio.Protocol):
    """One keep-alive connection that works through its share of the requests."""

    def __init__(
        self, requests: Iterator[bytes], until: float, record: list[tuple[float, float]], statuses: Counter[str]
    ) -> None:
        self.requests, self.until, self.record, self.statuses = requests, until, record, statuses
        self.done = asyncio.get_running_loop().create_future()
        self.buffer, self.sent_at, self.sample = b"", 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._send()

    def _send(self) -> None:
        request = next(self.requests, None)
        self.sent_at = time.perf_counter()
        if request is None or self.sent_at >= self.until:
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        if len(rest) < int(_LENGTH.search(head)[1]):  # type: ignore[index]
            return
        now = time.perf_counter()
        self.record.append((now, now - self.sent_at))
        self.statuses[head[9:12].decode()] += 1
        self.sample, self.buffer = rest, b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def requests_of(job: Job, share: int) -> Iterator[bytes]:
    """Yield ready-made HTTP requests, every one with its own place, category, text and key."""
    head = (
        f"POST {{path}} HTTP/1.1\r\nHost: {job.host}:{job.port}\r\nAuthorization: Bearer {job.token}\r\n"
        "Content-Type: application/json\r\nAccept-Language: zh-CN\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
    )
    if job.given:
        for path, key, text in job.given[share :: job.connections]:
            yield head.format(path=path, key=key, length=len(text.encode())).encode() + text.encode()
        return
    for key, body in event_bodies(job.points, job.categories, seed=job.seed * 1000 + share):
        yield head.format(path=job.path, key=key, length=len(body)).encode() + body


def _made(requests: Iterator[bytes]) -> Iterator[bytes]:
    """Make most of the requests before the clock runs, so that making them takes nothing from whom is measured."""
    return itertools.chain(list(itertools.islice(requests, READY_EACH)), requests)


async def run(job: Job) -> Outcome:
    """Send for the given time and return what came back after the warm-up."""
    loop = asyncio.get_running_loop()
    ready = [_made(requests_of(job, share)) for share in range(job.connections)]
    started = time.perf_counter()
    until = started + job.warmup_seconds + job.seconds
    record: list[tuple[float, float]] = []
    statuses: Counter[str] = Counter()
    opened = [
        await loop.create_connection(partial(Connection, requests, until, record, statuses), job.host, job.port)
        for requests in ready
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))
    counted = sorted(latency for at, latency in record if at >= started + job.warmup_seconds)
    return Outcome(
        per_second=len(counted) / job.seconds,
        p50_ms=1000 * counted[len(counted) // 2],
        p99_ms=1000 * counted[int(len(counted) * 0.99)],
        count=len(counted),
        statuses=dict(statuses),
        sample=opened[0][1].sample.decode(errors="replace"),
    )


def main() -> None:
    """Read the job from standard input, print the outcome."""
    uvloop.install()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    print(json.dumps(msgspec.to_builtins(asyncio.run(run(job)))))


if __name__ == "__main__":
    main()
