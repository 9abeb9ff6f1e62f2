"""The calendar over HTTP: read by all, kept by administrators, written down, counted by at once; nothing under way is moved."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dispatch.snapshots import load_calendar, load_version
from dispatch.workdays import CHANGES, read_rows
from storage.errors import Invalid
from tests.service import Running

HEADER = "date,kind,name,source"


async def changes_of(service: Running, day: str) -> list[dict[str, Any]]:
    return await service.services.database.find(CHANGES, {"days.date": day}, sort=[("at", 1)])


async def put(service: Running, day: str, user: str = "sys_admin", **body: Any) -> Any:
    return await service.call("PUT", f"/api/v1/calendar/{day}", user=user, body={"kind": "holiday"} | body)


async def remove(service: Running, day: str, user: str = "sys_admin") -> Any:
    return await service.call("DELETE", f"/api/v1/calendar/{day}", user=user)


async def test_calendar_when_a_day_is_listed_then_written_down_and_counted_by(service: Running) -> None:
    case, version = await service.report(), await load_version(service.services.database, "calendar")
    answer = await put(service, "2031-05-02", name="劳动节", source="通知")
    assert answer.status == 200
    assert answer.json["days"] == [{"date": "2031-05-02", "kind": "holiday", "name": "劳动节", "source": "通知"}]
    assert (await put(service, "2031-05-02", kind="workday")).status == 200
    changes = await changes_of(service, "2031-05-02")
    assert [(one["by"], one["days"][0]["before"] and one["days"][0]["before"]["kind"]) for one in changes] == [
        ("sys_admin", None), ("sys_admin", "holiday"),
    ]  # fmt: skip
    assert int(await load_version(service.services.database, "calendar")) == int(version or 0) + 2, "all processes hear of it"
    assert (await load_calendar(service.services.database, service.services.city)).kind(date(2031, 5, 2)) == "workday"
    assert (await service.get(f"/api/v1/cases/{case['id']}", "dispatcher")).json["due_at"] == case["due_at"], "never silently"


async def test_calendar_when_a_day_is_taken_off_then_written_down_and_its_weekday_counts(service: Running) -> None:
    await put(service, "2032-05-03", name="劳动节", source="通知")
    await put(service, "2032-05-04")
    version = await load_version(service.services.database, "calendar")
    answer = await remove(service, "2032-05-03")
    assert answer.status == 200 and [day["date"] for day in answer.json["days"]] == ["2032-05-04"]
    assert answer.json == (await service.get("/api/v1/calendar?year=2032", "sys_admin")).json
    newest = (await changes_of(service, "2032-05-03"))[-1]
    assert (newest["by"], newest["role"]) == ("sys_admin", "sys_admin")
    before = {"kind": "holiday", "name": "劳动节", "source": "通知"}
    assert newest["days"] == [{"date": "2032-05-03", "before": before, "after": None}]
    assert int(await load_version(service.services.database, "calendar")) == int(version) + 1, "all processes hear of it"
    assert (await load_calendar(service.services.database, service.services.city)).kind(date(2032, 5, 3)) == "workday"


async def test_calendar_when_a_day_that_is_not_listed_is_taken_off_then_as_before(service: Running) -> None:
    await put(service, "2036-05-02")
    answer = await remove(service, "2036-05-03")
    assert answer.status == 200 and [day["date"] for day in answer.json["days"]] == ["2036-05-02"]
    assert await changes_of(service, "2036-05-03") == []


async def test_calendar_when_a_list_is_imported_then_in_place_of_its_year(service: Running) -> None:
    await put(service, "2033-05-02")
    await put(service, "2034-05-02")
    table = f"{HEADER}\n2033-01-01,holiday,元旦,通知\n2033-01-04,workday,调休,通知\n"
    answer = await service.post("/api/v1/calendar:import", {"csv": table}, "sys_admin")
    assert [(day["date"], day["kind"]) for day in answer.json["days"]] == [("2033-01-01", "holiday"), ("2033-01-04", "workday")]
    assert len((await service.get("/api/v1/calendar?year=2034", "clerk_a")).json["days"]) == 1
    newest = (await changes_of(service, "2033-01-04"))[-1]
    assert [(day["date"], day["after"] is None) for day in newest["days"]] == [
        ("2033-01-01", False), ("2033-01-04", False), ("2033-05-02", True),
    ]  # fmt: skip


async def test_calendar_when_changed_by_others_is_forbidden(service: Running) -> None:
    assert (await service.get("/api/v1/calendar?year=2035", "grid_worker")).status == 200
    for user in ("dispatcher", "supervisor", "clerk_a"):
        assert (await put(service, "2035-05-02", user)).status == 403
        assert (await remove(service, "2035-05-02", user)).status == 403
        assert (await service.post("/api/v1/calendar:import", {"csv": HEADER}, user)).status == 403
    assert (await service.get("/api/v1/calendar?year=2035", "grid_worker")).json["days"] == []


@pytest.mark.parametrize("day", ["2031-02-30", "tomorrow", "1999-01-01"])
async def test_calendar_when_the_date_is_wrong_is_refused(service: Running, day: str) -> None:
    refused = await put(service, day)
    assert refused.status == 422
    assert (await remove(service, day)).json["errors"] == refused.json["errors"]
    assert (await put(service, "2031-05-02", kind="feast")).status == 422


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", ["csv[1]"]),
        ("day,kind\n2031-01-01,holiday\n", ["csv[1]"]),
        (f"{HEADER}\n", ["csv"]),
        (f"{HEADER}\n2031-01-01,feast,,\n2031-13-01,holiday,,\n", ["csv[2]", "csv[3]"]),
        (f"{HEADER}\n2031-01-01,holiday,,\n2031-01-01,workday,,\n", ["csv[3]"]),
        (f"{HEADER}\n2031-01-01,holiday,,,more\n", ["csv[2]"]),
        (f"{HEADER}\n2031-01-01\n", ["csv[2]"]),
    ],
)
def test_rows_when_wrong_then_every_line_is_named(text: str, fields: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read_rows(text)
    assert [error.field for error in caught.value.errors] == fields


def test_rows_when_saved_by_a_spreadsheet_then_read() -> None:
    assert [day.name for day in read_rows(f"\ufeff{HEADER}\r\n2031-01-01,holiday,元旦,\r\n")] == ["元旦"]
