"""The doors for events and tickets over HTTP: what is taken in, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.service import PASSWORD, Running, event
from tests.small_city import INSIDE, OUTSIDE


def _ticket(**changes: Any) -> dict[str, Any]:
    caller = {"name": "张三丰", "phone": "13800138000", "anonymous": False, "confidential": False}
    return event(appeal_type="help", channel="phone", caller=caller, file=True) | changes


async def test_event_when_clear_then_201_dispatched_with_location_header(service: Running) -> None:
    answer = await service.post("/api/v1/events", event(), "grid_worker")
    case = answer.json
    assert (
        answer.status == 201
        and answer.headers["Location"] == f"/api/v1/cases/{case['id']}"
        and answer.headers["Etag"] == f'"{case["rev"]}"'
    )
    assert (
        case["state"] == "dispatched"
        and case["lead"]["code"] == "520102-water"
        and case["area_path"][-1]["code"] == "520102001001001"
    )
    shown = await service.get(answer.headers["Location"], "grid_worker")
    assert shown.json["id"] == case["id"]


async def test_event_when_sent_again_with_its_key_then_200_and_one_case(service: Running) -> None:
    first = await service.post("/api/v1/events", event(), "grid_worker", key="again-1")
    before = await service.counts()
    again = await service.post("/api/v1/events", event(), "grid_worker", key="again-1")
    assert (first.status, again.status) == (201, 200) and again.json["id"] == first.json["id"]
    assert (await service.counts())["cases"] == before["cases"]


async def test_event_when_key_comes_with_another_body_then_422_mismatch(service: Running) -> None:
    await service.post("/api/v1/events", event(), "grid_worker", key="other-1")
    answer = await service.post("/api/v1/events", event(description="另一件事,不是同一个"), "grid_worker", key="other-1")
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")


async def test_event_when_another_person_uses_the_same_key_then_another_case(service: Running) -> None:
    first = await service.post("/api/v1/events", event(), "grid_worker", key="shared")
    second = await service.post("/api/v1/events", event(), "worker_a", key="shared")
    assert (first.status, second.status) == (201, 201) and first.json["id"] != second.json["id"]


async def test_event_when_key_is_missing_then_400(service: Running) -> None:
    answer = await service.call("POST", "/api/v1/events", user="grid_worker", body=event())
    assert (answer.status, answer.code) == (400, "idempotency_key_required")
    ticket = await service.call("POST", "/api/v1/tickets", user="operator", body=_ticket())
    assert (ticket.status, ticket.code) == (400, "idempotency_key_required")


async def test_event_when_gcj02_then_lands_in_the_right_grid(service: Running) -> None:
    case = await service.report(location={"lon": 106.6085684 - 0.0003, "lat": 26.6163304, "crs": "GCJ-02"})
    assert case["area_path"][-1]["code"] == "520102001001001"
    assert abs(case["location"]["lon"] - INSIDE[0]) < 0.001 and case["location"]["crs"] == "WGS-84"


async def test_event_when_category_is_null_then_proposed_from_the_text(service: Running) -> None:
    case = await service.report(category=None)
    assert case["category"]["code"] == "0201" or case["proposals"][0]["code"] == "0201"


@pytest.mark.parametrize("door", ["events", "tickets"])
async def test_event_when_words_tell_of_danger_then_emergency_at_both_doors(service: Running, door: str) -> None:
    body = (
        event(description="井盖缺失,有人掉下去受伤昏迷了")
        if door == "events"
        else _ticket(description="井盖缺失,有人掉下去受伤昏迷了")
    )
    answer = await service.post(f"/api/v1/{door}", body, "grid_worker" if door == "events" else "operator")
    assert answer.status == 201 and answer.json["urgency"] == "emergency"


async def test_event_when_same_matter_is_open_nearby_then_shown(service: Running) -> None:
    first = await service.report()
    second = await service.report()
    assert first["id"] in [one["id"] for one in second["duplicates"]] or len(second["duplicates"]) == 5


async def test_ticket_when_taken_then_caller_is_masked_and_stored_sealed(service: Running) -> None:
    answer = await service.post("/api/v1/tickets", _ticket(description="井盖丢了,请联系13800138000张先生"), "operator")
    assert answer.status == 201 and answer.json["state"] == "dispatched"
    assert "13800138000" not in answer.body.decode() and answer.json["caller"]["phone"].startswith("138")
    stored = await service.services.database.find_one("cases", {"_id": answer.json["id"]})
    assert "13800138000" not in repr(stored) and "张三丰" not in repr(stored)


async def test_ticket_when_area_code_alone_then_boundary_doubt(service: Running) -> None:
    body = _ticket(location=None, area_code="520102001001")
    answer = await service.post("/api/v1/tickets", body, "operator")
    assert answer.status == 201 and answer.json["location"]["boundary_doubt"] is True


async def test_ticket_when_address_alone_then_taken_in(service: Running) -> None:
    answer = await service.post("/api/v1/tickets", _ticket(location=None, address="南明区一社区门口"), "operator")
    assert answer.status == 201 and answer.json["location"]["address"]


REFUSED: list[tuple[str, Any, int, str, str | None]] = [
    ("out of area", event(location={"lon": OUTSIDE[0], "lat": OUTSIDE[1], "crs": "WGS-84"}), 422, "out_of_area", None),
    ("unknown category", event(category="9999"), 422, "invalid", "category"),
    ("no crs", event(location={"lon": INSIDE[0], "lat": INSIDE[1]}), 422, "invalid", "location.crs"),
    ("unknown crs", event(location={"lon": INSIDE[0], "lat": INSIDE[1], "crs": "WGS84-ish"}), 422, "unknown_crs", None),
    ("no place", event(location=None), 422, "invalid", "location"),
    ("lon is text", event(location={"lon": "106.6", "lat": 26.62, "crs": "WGS-84"}), 422, "invalid", "location.lon"),
    ("empty text", event(description=""), 422, "invalid", "description"),
    ("text is a number", event(description=5), 422, "invalid", "description"),
    ("unknown urgency", event(urgency="very"), 422, "invalid", "urgency"),
    ("dollar key", event() | {"$where": "1"}, 422, "invalid", "$where"),
    ("dollar key inside", event(location={"lon": 1, "lat": 1, "crs": "WGS-84", "$gt": 1}), 422, "invalid", "location.$gt"),
    ("unknown area", event(location=None, area_code="999999"), 422, "unknown_area", None),
    ("unknown photo", event(photos=["nothing"]), 422, "invalid", "photos[0]"),
    ("too many photos", event(photos=[f"p{n}" for n in range(10)]), 422, "invalid", "photos"),
    ("array", [event()], 422, "invalid", None),
    ("contradiction of point and area", event(area_code="520103"), 422, "invalid", "area_code"),
    ("future", event(occurred_at="2099-01-01T00:00:00.000Z"), 422, "invalid", "occurred_at"),
    ("time without zone", event(occurred_at="2026-11-21 08:00"), 422, "invalid", "occurred_at"),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_event_when_not_acceptable_then_problem_and_nothing_left(
    service: Running, body: Any, status: int, code: str, field: str | None
) -> None:
    before = await service.counts()
    answer = await service.post("/api/v1/events", body, "grid_worker")
    assert (answer.status, answer.code) == (status, code), answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert set(answer.json) >= {"type", "title", "status", "code", "detail"}
    if field is not None:
        assert field in [error["field"] for error in answer.json["errors"]]
        assert all(error["message"] for error in answer.json["errors"])
    assert await service.counts() == before


RESIDENT = {"name": "王桂英", "phone": "138 1234 0876", "consent": "oral", "note": "当面同意，女儿在场"}


async def test_event_when_for_a_resident_then_theirs_with_a_code_to_ask_by(service: Running) -> None:
    answer = await service.post("/api/v1/events", event(on_behalf=RESIDENT), "grid_worker")
    assert answer.status == 201, answer.body
    case = answer.json
    assert case["reporter"]["kind"] == "citizen" and case["reporter"]["own"] and case["appeal_type"] == "help"
    assert case["on_behalf"]["consent"] == "oral" and case["caller"]["phone"] == "138****0876" and case["query_code"]
    assert "13812340876" not in answer.body.decode()
    mine = await service.get("/api/v1/cases?mine=true&sort=reported_at", "grid_worker")
    assert case["id"] in [one["id"] for one in mine.json["items"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone": ""}, "on_behalf.phone"), ({"phone": "no number"}, "on_behalf.phone"), ({"name": " "}, "on_behalf.name"),
        ({"consent": "none"}, "on_behalf.consent"), ({"note": ""}, "on_behalf.note"), ({"consent": "written"}, "on_behalf.photo"),
        ({"consent": "written", "photo": "nothing"}, "on_behalf.photo[0]"), ({"appeal_type": "x"}, "appeal_type"),
    ],
)  # fmt: skip
async def test_event_when_for_a_resident_without_all_then_422_and_nothing_left(
    service: Running, change: dict[str, str], field: str
) -> None:
    before = await service.counts()
    answer = await service.post("/api/v1/events", event(on_behalf=RESIDENT | change), "grid_worker")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field), answer.body
    assert await service.counts() == before


async def test_event_when_for_a_resident_by_the_desk_then_403(service: Running) -> None:
    assert (await service.post("/api/v1/events", event(on_behalf=RESIDENT), "operator")).status == 403


async def test_ticket_when_it_contradicts_itself_then_422_and_nothing_left(service: Running) -> None:
    before = await service.counts()
    both = {"name": "王五", "phone": "13700137000", "anonymous": True, "confidential": False}
    for body, field in ((_ticket(caller=both), "caller.anonymous"), (_ticket(area_code="520103"), "area_code")):
        answer = await service.post("/api/v1/tickets", body, "operator")
        assert (answer.status, answer.code) == (422, "invalid") and answer.json["errors"][0]["field"] == field
        assert "13700137000" not in answer.body.decode()
    assert await service.counts() == before


RAW: list[tuple[str, bytes, int, str]] = [
    ("not json", b"{", 400, "malformed"),
    ("empty", b"", 400, "malformed"),
    ("invalid utf-8", json.dumps(event()).encode().replace(b"WGS", b"\xff\xfe"), 400, "malformed"),
    ("NaN", json.dumps(event(location={"lon": float("nan"), "lat": 1, "crs": "WGS-84"})).encode(), 400, "malformed"),
    ("Infinity", json.dumps(event(location={"lon": float("inf"), "lat": 1, "crs": "WGS-84"})).encode(), 400, "malformed"),
    ("2 MB", json.dumps(event(description="井" * 700_000), ensure_ascii=False).encode(), 413, "too_large"),
    ("deep", b'{"description":' + b"[" * 50_000, 422, "invalid"),
]


@pytest.mark.parametrize(("raw", "status", "code"), [row[1:] for row in RAW], ids=[row[0] for row in RAW])
async def test_event_when_bytes_are_not_acceptable_then_problem_and_nothing_left(
    service: Running, raw: bytes, status: int, code: str
) -> None:
    before = await service.counts()
    headers = {"Content-Type": "application/json"}
    answer = await service.call("POST", "/api/v1/events", user="grid_worker", raw=raw, key="raw", headers=headers)
    assert (answer.status, answer.code) == (status, code), answer.body
    assert await service.counts() == before


async def test_event_when_role_may_not_report_then_403(service: Running) -> None:
    answer = await service.post("/api/v1/events", event(), "clerk_a")
    assert (answer.status, answer.code) == (403, "forbidden")
    assert (await service.post("/api/v1/tickets", _ticket(), "grid_worker")).status == 403


async def test_problem_when_english_is_preferred_then_english(service: Running) -> None:
    chinese = await service.post("/api/v1/events", event(category="9999"), "grid_worker")
    english = await service.post("/api/v1/events", event(category="9999"), "grid_worker", headers={"Accept-Language": "en"})
    assert english.json["title"].isascii() and not chinese.json["title"].isascii()
    assert english.headers["Content-Language"] == "en"


async def test_batch_when_one_item_is_bad_then_the_others_are_taken_in_order(service: Running) -> None:
    items = [event(key="b1"), event(key="b2", category="9999"), {"nonsense": 1}, event(), 5, event(key="b3"), event(key="b1")]
    answer = await service.post("/api/v1/events:batch", {"items": items}, "grid_worker")
    assert answer.status == 200
    assert [one["status"] for one in answer.json["results"]] == [201, 422, 422, 400, 422, 201, 200]
    assert answer.json["results"][3]["problem"]["code"] == "idempotency_key_required"
    assert answer.json["results"][0]["case"]["id"] == answer.json["results"][6]["case"]["id"]


async def test_batch_when_too_many_items_then_422_and_nothing_left(service: Running) -> None:
    before = await service.counts()
    answer = await service.post("/api/v1/events:batch", {"items": [{}] * 501}, "grid_worker")
    assert answer.status == 422 and answer.json["errors"][0]["code"] == "too_many"
    assert await service.counts() == before


async def test_source_id_when_person_sends_it_with_a_session_then_a_key_is_still_needed(service: Running) -> None:
    cookie, csrf = await _signed_in(service)
    headers = {"Cookie": cookie, "X-CSRF-Token": csrf}
    answer = await service.call("POST", "/api/v1/events", body=event(source_id="abc"), headers=headers)
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


async def _signed_in(service: Running) -> tuple[str, str]:
    answer = await service.call("POST", "/api/v1/sessions", body={"username": "operator", "password": PASSWORD})
    assert answer.status == 200, answer.body
    return answer.headers["Set-Cookie"].split(";")[0], answer.json["csrf"]
