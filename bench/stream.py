"""Stream: from the answer of a write to its event at a listener, and from the sending of the write."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from bench.bodies import event_bodies
from bench.installation import Installation, console, free_port, installation

__all__ = ["main"]

EVENTS = 300
LISTENERS = 20


def main() -> dict[str, float]:
    """Measure, print and return the figures in milliseconds."""
    with installation() as place:
        port = free_port()
        with place.process(["web.server"], port=port):
            figures = asyncio.run(_measure(place, f"http://127.0.0.1:{port}"))
    console.print(f"{EVENTS} events to {LISTENERS} listeners: {figures} (commit_to_event_p95_ms ≤ 50)")
    return figures


async def _measure(place: Installation, url: str) -> dict[str, float]:
    http = AsyncHTTPClient(max_clients=LISTENERS + 8)
    seen: list[dict[str, float]] = [{} for _ in range(LISTENERS)]
    listeners = [asyncio.ensure_future(_listen(http, url, place.tokens["dispatcher"], one)) for one in seen]
    await asyncio.sleep(1.0)
    acknowledged: dict[str, float] = {}
    sent: dict[str, float] = {}
    for key, body in _some_bodies(place):
        started = time.perf_counter()
        headers = {"Authorization": f"Bearer {place.tokens['grid_worker']}", "Idempotency-Key": key}
        answer = await http.fetch(HTTPRequest(f"{url}/api/v1/events", method="POST", headers=headers, body=body))
        case = json.loads(answer.body)["id"]
        acknowledged[case], sent[case] = time.perf_counter(), started
    await asyncio.sleep(1.0)
    for listener in listeners:
        listener.cancel()
    missing = sum(len(acknowledged.keys() - one.keys()) for one in seen)
    lags = [1000 * max(0.0, one[case] - at) for one in seen for case, at in acknowledged.items() if case in one]
    whole = [1000 * (one[case] - at) for one in seen for case, at in sent.items() if case in one]
    return {
        "commit_to_event_p95_ms": round(statistics.quantiles(lags, n=20)[-1], 2),
        "commit_to_event_p50_ms": round(statistics.median(lags), 2),
        "send_to_event_p95_ms": round(statistics.quantiles(whole, n=20)[-1], 2),
        "missing": missing,
    }


def _some_bodies(place: Installation) -> list[tuple[str, bytes]]:
    bodies = event_bodies(place.points(300), ["0104", "0302", "0305"], seed=3)
    return [next(bodies) for _ in range(EVENTS)]


async def _listen(http: AsyncHTTPClient, url: str, token: str, seen: dict[str, float]) -> None:
    rest = b""

    def take(chunk: bytes) -> None:
        nonlocal rest
        now = time.perf_counter()
        *whole, rest = (rest + chunk).split(b"\n\n")
        for event in whole:
            lines = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
            if lines.get(b"event") == b"case.created":
                seen.setdefault(json.loads(lines[b"data"])["id"], now)

    request = HTTPRequest(
        f"{url}/api/v1/stream", headers={"Authorization": f"Bearer {token}"}, streaming_callback=take, request_timeout=0
    )
    await http.fetch(request)


if __name__ == "__main__":
    print(json.dumps(main()))
