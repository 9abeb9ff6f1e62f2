"""Pictures over HTTP: who may send and read them, and that a refusal leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os

import pytest
from PIL import Image

from tests.service import Answer, Running, event
from tests.small_city import OTHER_DISTRICT


def _picture(seed: int, size: tuple[int, int] = (80, 60)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (seed % 256, seed // 256 % 256, 90)).save(out, "JPEG")
    return out.getvalue()


async def _put(service: Running, raw: bytes, user: str | None = "grid_worker", name: str | None = None) -> Answer:
    sha256 = name or hashlib.sha256(raw).hexdigest()
    return await service.call("PUT", f"/api/v1/media/{sha256}", user=user, raw=raw, headers={"Content-Type": "image/jpeg"})


async def test_picture_when_sent_then_readable_by_its_uploader_alone(service: Running) -> None:
    answer = await _put(service, _picture(1))
    assert answer.status == 201
    path = f"/api/v1/media/{answer.json['id']}"
    mine = await service.get(path, "grid_worker")
    assert (
        mine.status == 200 and mine.headers["Content-Type"] == "image/jpeg" and Image.open(io.BytesIO(mine.body)).size == (80, 60)
    )
    assert mine.headers["X-Content-Type-Options"] == "nosniff"
    assert (await service.get(path, "dispatcher")).status == 404
    assert (await service.get(path)).status == 401


async def test_picture_when_sent_again_then_same_id_and_stored_once(service: Running) -> None:
    first = await _put(service, _picture(2))
    before = await service.counts()
    again = await _put(service, _picture(2))
    assert (first.status, again.status) == (201, 200) and first.json == again.json
    assert await service.counts() == before


async def test_picture_when_attached_then_readable_by_the_scope_of_the_case(service: Running) -> None:
    media = (await _put(service, _picture(3, (900, 700)))).json["id"]
    case = await service.report(photos=[media])
    assert case["photos"] == [media]
    for user, status in (("dispatcher", 200), ("clerk_a", 200), ("clerk_b", 404), ("sys_admin", 404)):
        assert (await service.get(f"/api/v1/media/{media}", user)).status == status, user
    thumb = await service.get(f"/api/v1/media/{media}?size=thumb", "clerk_a")
    assert max(Image.open(io.BytesIO(thumb.body)).size) == 320


async def test_picture_when_anothers_then_it_cannot_be_attached(service: Running) -> None:
    media = (await _put(service, _picture(4))).json["id"]
    before = await service.counts()
    lon, lat = OTHER_DISTRICT
    body = event(photos=[media], location={"lon": lon, "lat": lat, "crs": "WGS-84"})
    answer = await service.post("/api/v1/events", body, "worker_b")
    assert answer.status == 422 and answer.json["errors"][0]["code"] == "unknown_photo"
    assert await service.counts() == before and (await service.get(f"/api/v1/media/{media}", "worker_b")).status == 404


async def test_picture_when_added_by_an_action_then_readable_with_the_case(service: Running) -> None:
    case = await service.report()
    media = (await _put(service, _picture(5), "grid_worker")).json["id"]
    path = f"/api/v1/cases/{case['id']}/actions/supplement"
    answer = await service.post(path, {"text": "再补一张照片", "photos": [media]}, "grid_worker")
    assert answer.status == 200, answer.body
    assert (await service.get(f"/api/v1/media/{media}", "clerk_a")).status == 200


@pytest.mark.parametrize(
    ("raw", "name", "code"),
    [
        (b"<html><script>alert(1)</script></html>", None, "not_a_picture"),
        (b"\xff\xd8\xff\xe0" + b"0" * 500, None, "not_a_picture"),
        (b"GIF89a" + b"0" * 100, None, "not_a_picture"),
        (b"", None, "not_a_picture"),
        (_picture(6), "0" * 64, "hash_mismatch"),
        (_picture(7), "nothash", "invalid"),
        (_picture(8), "A" * 64, "invalid"),
    ],
)
async def test_picture_when_not_acceptable_then_422_and_nothing_left(
    service: Running, raw: bytes, name: str | None, code: str
) -> None:
    before = await service.counts()
    answer = await _put(service, raw, name=name)
    assert (answer.status, answer.code) == (422, code), answer.body
    assert await service.counts() == before


async def test_picture_when_12_mb_then_413_answered_in_order_and_nothing_left(service: Running) -> None:
    before = await service.counts()
    raw = _picture(9) + os.urandom(12 * 1024 * 1024)
    answer = await _put(service, raw)
    assert (answer.status, answer.code) == (413, "too_large")
    assert await service.counts() == before


@pytest.mark.parametrize("chunked", [False, True])
async def test_connection_when_a_body_was_too_large_then_goes_on_with_the_next_request(service: Running, chunked: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    token = service.tokens["grid_worker"]
    head = f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: big\r\n"
    body = b"x" * 3_000_000
    if chunked:
        writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 100_000):
            writer.write(b"%x\r\n" % 100_000 + body[start : start + 100_000] + b"\r\n")
        writer.write(b"0\r\n\r\n")
    else:
        writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert (await _answer(reader)) == (413, "too_large")
    writer.write(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await _answer(reader))[0] == 200
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str | None]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    size = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
    return int(head.split()[1]), json.loads(await reader.readexactly(size)).get("code")


async def test_picture_when_nobody_is_signed_in_then_401_and_nothing_left(service: Running) -> None:
    before = await service.counts()
    assert (await _put(service, _picture(10), user=None)).status == 401
    assert await service.counts() == before


async def test_body_when_announced_far_too_large_then_answered_before_it_is_sent(service: Running) -> None:
    token = service.tokens["grid_worker"]
    for extra in ("Content-Length: 12000000\r\nExpect: 100-continue", f"Content-Length: {1 << 40}"):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            f"PUT /api/v1/media/x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{extra}\r\n\r\n".encode()
        )
        try:
            assert (await _answer(reader)) == (413, "too_large")
        finally:
            writer.close()
            await writer.wait_closed()
