"""Live events over HTTP, from a real change stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from dispatch.board import Board
from storage.feed import GAP, Change
from tests.service import Running, event
from tests.small_city import OTHER_DISTRICT
from web.stream import Hub, Listener, frame, payload


class Events:
    """An open stream read as a browser reads it: events in order, comments left out."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = b""
        self.passed: list[dict] = []

    async def next(self) -> dict:
        """Return the next event with `event`, `id`, `data`."""
        return await asyncio.wait_for(self._next(), 5)

    async def about(self, case_id: str, *, name: str | None = None, rev: int | None = None) -> dict:
        """Return the next event about a case; events about others are kept in `passed`."""
        while True:
            got = await self.next()
            wanted = got["data"].get("id") == case_id and name in (None, got["event"]) and rev in (None, got["data"].get("rev"))
            if wanted:
                return got
            self.passed.append(got)

    async def _next(self) -> dict:
        while True:
            while b"\n\n" in self._buffer:
                block, _, self._buffer = self._buffer.partition(b"\n\n")
                fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
                if "event" in fields:
                    return fields | {"data": json.loads(fields["data"])}
            size = int(await self._reader.readline(), 16)
            self._buffer += await self._reader.readexactly(size)
            await self._reader.readexactly(2)


@asynccontextmanager
async def stream(service: Running, user: str, *, last: str | None = None, version: str = "1.1") -> AsyncIterator[Events]:
    """Open GET /stream as somebody."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    resume = f"Last-Event-ID: {last}\r\n" if last else ""
    token = f"Authorization: Bearer {service.tokens[user]}\r\n"
    writer.write(f"GET /api/v1/stream HTTP/{version}\r\nHost: 127.0.0.1\r\n{token}{resume}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert " 200 " in head and "text/event-stream" in head and "x-accel-buffering: no" in head, head
    await reader.readuntil(b"retry: 2000\n\n\r\n")
    yield Events(reader)
    writer.close()
    await writer.wait_closed()


async def test_stream_when_case_is_reported_then_created_with_id_and_line(service: Running) -> None:
    async with stream(service, "dispatcher") as events:
        case = await service.report()
        got = await events.about(case["id"])
    assert got["event"] == "case.created" and got["id"].count(".") == 2
    assert got["data"]["rev"] == 1 and "520102001001001" in got["data"]["areas"] and got["data"]["line"]
    assert got["data"]["due_at"] == case["due_at"]


async def test_stream_when_case_is_acted_on_then_changed(service: Running) -> None:
    case = await service.report()
    async with stream(service, "clerk_a") as events:
        answer = await service.post(f"/api/v1/cases/{case['id']}/actions/sign_in", {"rev": case["rev"]}, "clerk_a")
        assert answer.status == 200, answer.body
        got = await events.about(case["id"], name="case.changed", rev=answer.json["rev"])
    assert got["data"]["state"] == "handling"


async def test_stream_when_unit_is_told_then_notice_for_it_alone(service: Running) -> None:
    async with stream(service, "clerk_a") as events, stream(service, "clerk_b") as others:
        case = await service.report()
        got = await events.next()
        while got["event"] != "notice" or got["data"]["case"] != case["id"]:
            got = await events.next()
        lon, lat = OTHER_DISTRICT
        theirs = await service.report(location={"lon": lon, "lat": lat, "crs": "WGS-84"})
        await others.about(theirs["id"])
    assert got["data"]["kind"] == "auto_dispatch" and case["id"] not in json.dumps(others.passed)


async def test_stream_when_case_lies_outside_the_scope_then_nothing_of_it(service: Running) -> None:
    lon, lat = OTHER_DISTRICT
    async with stream(service, "worker_a") as events:
        other = await service.report("worker_b", location={"lon": lon, "lat": lat, "crs": "WGS-84"})
        mine = await service.report("worker_a")
        await events.about(mine["id"])
    assert other["id"] not in json.dumps(events.passed)


async def test_stream_when_case_leaves_the_scope_then_gone_without_content(service: Running) -> None:
    lon, lat = OTHER_DISTRICT
    case = await service.report()
    other = {"lon": lon, "lat": lat, "crs": "WGS-84"}
    async with stream(service, "worker_a") as events, stream(service, "dispatcher") as all_events:
        path = f"/api/v1/cases/{case['id']}/actions/correct_location"
        moved = await service.post(path, {"rev": case["rev"], "location": other}, "grid_worker")
        assert moved.status == 200, moved.body
        await all_events.about(case["id"], rev=moved.json["rev"])
        after = await service.report("worker_a")
        await events.about(after["id"])
    about = [one for one in events.passed if one["data"].get("id") == case["id"]]
    assert [one["data"] for one in about if one["event"] == "case.gone"] == [{"id": case["id"]}]
    assert not any(one["data"].get("rev") == moved.json["rev"] for one in about)


async def test_stream_when_resumed_then_what_was_missed_comes_once(service: Running) -> None:
    async with stream(service, "dispatcher") as events:
        first = await events.about((await service.report())["id"])
    missed = await service.report()
    async with stream(service, "dispatcher", last=first["id"]) as events:
        await events.about(missed["id"])
        later = await service.report()
        await events.about(later["id"])
    created = [one["data"]["id"] for one in events.passed if one["event"] == "case.created"]
    assert missed["id"] not in created and first["data"]["id"] not in created


async def test_stream_when_id_is_too_old_or_unknown_then_reset(service: Running) -> None:
    for last in ("1.1.1", "nonsense"):
        async with stream(service, "dispatcher", last=last) as events:
            assert (await events.next())["event"] == "reset"


async def test_stream_when_nobody_is_signed_in_then_401(service: Running) -> None:
    assert (await service.get("/api/v1/stream")).status == 401


async def test_stream_when_sensitive_then_only_for_who_may_see_it(service: Running) -> None:
    async with stream(service, "worker_a") as events, stream(service, "supervisor") as all_events:
        hidden = await service.post(
            "/api/v1/tickets", event(category="0901", channel="phone", appeal_type="help", file=True), "operator"
        )
        assert hidden.status == 201, hidden.body
        shown = await service.report("worker_a")
        await events.about(shown["id"])
        await all_events.about(hidden.json["id"])
    assert hidden.json["id"] not in json.dumps(events.passed)


def test_payload_when_proxy_knows_no_chunks_then_unframed() -> None:
    assert payload(frame("reset", b"{}")) == b"event: reset\ndata: {}\n\n"


async def test_listener_when_it_does_not_keep_up_then_skipped_and_reset(service: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1024)
    writer.write(
        f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {service.tokens['dispatcher']}\r\n\r\n".encode()
    )
    await reader.readuntil(b"retry: 2000\n\n\r\n")
    port = writer.get_extra_info("sockname")[1]
    listeners: list[Listener] = list(service.services.hub._listeners)
    listener = next(one for one in listeners if one.stream.socket.getpeername()[1] == port)
    big = frame("case.changed", b'{"x":"' + b"x" * 100_000 + b'"}')
    for _ in range(200):
        listener.send(big)
    assert listener.lagging
    received = 0
    while listener.lagging:
        received += len(await asyncio.wait_for(reader.read(1 << 16), 5))
        listener.send(frame("case.changed", b"{}"))
    rest = b""
    while b"event: reset" not in rest:
        rest = rest[-64:] + await asyncio.wait_for(reader.read(1 << 16), 5)
    assert received < 200 * len(big)
    writer.close()


def test_hub_when_resumed_across_a_gap_then_reset() -> None:
    sent: list[bytes] = []
    gap, told = Change((1, 2, 1), "cases", GAP, "", None), Change((1, 3, 1), "cases", "delete", "a", None)
    feed: Any = SimpleNamespace(since=lambda last: [gap, told])

    class Heard:
        send = staticmethod(sent.append)

    Hub(feed, cast(Any, None), Board()).add(cast(Any, Heard()), "1.1.1")
    assert sent == [frame("reset", b"{}")]
