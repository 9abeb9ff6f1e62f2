"""The rulebook as a table: what is exported comes back as it was, wrong rows are named, formulas stay text."""

from __future__ import annotations

import csv
import io
from typing import Any

from orgs.store import load_rules
from tests.service import Answer, Running

COLUMNS = "id,category,area_code,zone,hours,lead,assists,priority,basis,valid_from,valid_to"
ROW = "T-1,0401,520103001001002,,22:00-06:00,520103-urban,520103-water;520103-govt,3,=1+1,2026-12-01,2026-12-31T12:00:00Z"


async def version_of(service: Running) -> int:
    return (await load_rules(service.services.database))[0]


async def send(service: Running, text: str, user: str = "dispatcher", *, key: str | None = None, **fields: Any) -> Answer:
    body = {"csv": text, "version": await version_of(service), "reason": "年度修订"} | fields
    return await service.post("/api/v1/rules:import", body, user, key=key)


async def exported(service: Running) -> str:
    answer = await service.get("/api/v1/rules:export", "dispatcher")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/csv; charset=UTF-8"
    return answer.body.decode()


async def test_table_when_exported_and_sent_back_changes_nothing(service: Running) -> None:
    table = await exported(service)
    looked = await send(service, table, whole=True)
    assert looked.status == 200, looked.body
    assert (looked.json["added"], looked.json["changed"], looked.json["ended"]) == (0, 0, 0) and looked.json["same"] > 10
    assert (await send(service, table, whole=True, dry_run=False)).code == "no_change"


async def test_table_when_taken_over_is_one_version_and_comes_back_as_it_was(service: Running) -> None:
    before = await version_of(service)
    looked = await send(service, f"{COLUMNS}\n{ROW}\n")
    assert (looked.json["added"], looked.json["version"]) == (1, None) and await version_of(service) == before
    done = [await send(service, f"{COLUMNS}\n{ROW}\n", dry_run=False, version=before, key="table1") for _ in range(2)]
    assert [one.json["version"]["version"] for one in done] == [before + 1] * 2 and done[0].json["version"]["source"] == "table"
    (rule,) = [one for one in (await load_rules(service.services.database))[1] if one.id == "T-1"]
    assert (rule.basis, rule.assists, rule.priority, rule.hours) == ("=1+1", ("520103-water", "520103-govt"), 3, "22:00-06:00")
    table = await exported(service)
    (line,) = [row for row in csv.reader(io.StringIO(table)) if row[0] == "T-1"]
    assert line[8:] == ["'=1+1", "2026-12-01", "2026-12-31T12:00:00.000Z"], "no spreadsheet runs it"
    assert (await send(service, table)).json["changed"] == 0
    without = "".join(row for row in table.splitlines(keepends=True) if not row.startswith("T-1,"))
    ended = await send(service, without, whole=True, dry_run=False)
    assert (ended.json["ended"], ended.json["added"], ended.json["changed"]) == (1, 0, 0)
    undo = {"version": before + 2, "reason": "收尾", "force": True}
    for number in (before + 2, before + 1):
        assert (await service.post(f"/api/v1/rules/versions/{number}:undo", undo, "dispatcher")).status == 200
        undo["version"] = await version_of(service)


async def test_table_when_rows_are_wrong_then_each_is_named_and_nothing_is_done(service: Running) -> None:
    before = await version_of(service)
    rows = ("A,4242,,,,nobody,,,,,", "B,0401,999,,9-17,520103-urban,,x,,,", "C,0401,,,,520103-urban,,,,tomorrow,",
            "D,0401,,,,520103-urban,,,,2026-12-02,2026-12-01", "D,0401,,,,520103-urban,,,,,")  # fmt: skip
    refused = await send(service, "\n".join((COLUMNS, *rows)), dry_run=False)
    found = {(one["row"], one["field"]) for one in refused.json["errors"]}
    assert found == {(2, "category"), (2, "lead"), (3, "priority"), (4, "valid_from"), (5, "valid_to"), (6, "id")}
    assert (await send(service, "id,colour\n")).status == 422
    stale = await send(service, f"{COLUMNS}\n{ROW}\n", version=before - 1)
    assert stale.code == "stale_rulebook" and await version_of(service) == before
    assert (await send(service, ROW, "supervisor")).status == 403 == (await service.get("/api/v1/rules:export", "clerk_a")).status
