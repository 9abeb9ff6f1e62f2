"""Community groups over HTTP: kept by leads, a post is one case whoever confirms it, the group hears of it in public words."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from dispatch.service import CaseService
from dispatch.store import CASES
from grid.group_store import ANNOUNCEMENTS, GROUP_CHANGES, GROUPS, INDEXES, POSTS
from storage.errors import StorageUnavailable
from tests.service import Running
from tests.small_city import INSIDE, OUTSIDE

GRID = "520102001001001"
HEADER = "code,name,kind,area_code,leaders,size"
TEXT = "三单元门口井盖破了,联系人王小明13800138000,请尽快处理"


async def put(service: Running, code: str, user: str = "lead_a", **changes: Any) -> Any:
    body = {"name": "一号楼群", "kind": "building", "area": GRID, "leaders": ["circle_a"], "size": 80}
    return await service.call("PUT", f"/api/v1/groups/{code}", user=user, body=body | changes)


async def group(service: Running, code: str) -> str:
    assert (await put(service, code)).status == 200
    return code


async def posted(service: Running, code: str, user: str = "circle_a", **changes: Any) -> dict[str, Any]:
    location = {"lon": INSIDE[0], "lat": INSIDE[1], "crs": "WGS-84"}
    body = {"author": "302王小明", "text": TEXT, "location": location}
    answer = await service.post(f"/api/v1/groups/{code}/posts", body | changes, user)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


async def done_by(service: Running, user: str, path: str, case: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await service.post(path, {"rev": case["rev"], **fields}, user)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def jpeg(service: Running, user: str) -> str:
    raw = io.BytesIO()
    Image.new("RGB", (40, 30), (len(user), 80, 120)).save(raw, "JPEG")
    sha256, kind = hashlib.sha256(raw.getvalue()).hexdigest(), {"Content-Type": "image/jpeg"}
    return str((await service.call("PUT", f"/api/v1/media/{sha256}", user=user, raw=raw.getvalue(), headers=kind)).json["id"])


async def confirm(service: Running, post: dict[str, Any], user: str = "circle_a", **choice: Any) -> Any:
    return await service.post(f"/api/v1/posts/{post['id']}:confirm", choice, user)


async def test_group_when_put_then_written_down_and_listed_for_who_looks_after_it(service: Running) -> None:
    first = await put(service, "G-1", rev=0)
    assert first.status == 200 and first.json["rev"] == 1
    assert (await put(service, "G-1")).json == first.json
    assert (await put(service, "G-1", size=90)).json["rev"] == 2
    assert (await put(service, "G-1", size=95, rev=1)).code == "stale_rev"
    changes = await service.services.database.find(GROUP_CHANGES, {"of": "G-1"}, sort=[("at", 1)])
    assert [(one["by"], one["after"]["size"]) for one in changes] == [("lead_a", 80), ("lead_a", 90)]
    for user, listed in (("circle_a", True), ("worker_a", True), ("lead_a", True), ("worker_b", False), ("worker_c", False)):
        found = (await service.get("/api/v1/groups?limit=500", user)).json["items"]
        assert ("G-1" in [one["code"] for one in found]) is listed, user
    assert (await service.call("DELETE", "/api/v1/groups/G-1", user="lead_b")).status == 403
    assert (await service.call("DELETE", "/api/v1/groups/G-1", user="sys_admin")).status == 204
    assert (await service.call("DELETE", "/api/v1/groups/G-1", user="sys_admin")).status == 204
    assert await service.services.database.count(GROUP_CHANGES, {"of": "G-1"}) == 3


async def test_group_when_wrong_or_of_other_grids_then_refused(service: Running) -> None:
    wrong = await put(service, "G-2", area="520102", leaders=["worker_a", "nobody"])
    assert wrong.status == 422 and [error["field"] for error in wrong.json["errors"]] == ["area", "leaders", "leaders"]
    assert (await put(service, "G-2", "lead_b")).status == 403
    assert (await put(service, "G-2", "circle_a")).status == 403
    assert (await put(service, "G-2", kind="club")).json["errors"][0]["field"] == "kind"
    assert await service.services.database.count(GROUPS, {"_id": "G-2"}) == 0


async def test_groups_when_imported_then_looked_at_first_and_rows_that_are_wrong_are_named(service: Running) -> None:
    table = f"{HEADER}\nI-1,一队,household,{GRID},circle_a,18\nI-2,二队,village,{GRID},,30\n"
    looked = await service.post("/api/v1/groups:import", {"csv": table}, "lead_a")
    assert looked.json == {"new": 2, "changed": 0, "same": 0, "dry_run": True}
    done = await service.post("/api/v1/groups:import", {"csv": table, "dry_run": False}, "lead_a")
    again = await service.post("/api/v1/groups:import", {"csv": table.replace(",30", ",31"), "dry_run": False}, "lead_a")
    assert done.json["new"] == 2 and (again.json["changed"], again.json["same"]) == (1, 1)
    bad = f"{HEADER}\nI-3,三队,household,{GRID},nobody,18\nI-4,四队,club,{GRID},,1\nI-5,五队,chat,520103001001003,,1\n"
    answer = await service.post("/api/v1/groups:import", {"csv": bad, "dry_run": False}, "lead_a")
    assert {(error["row"], error["field"]) for error in answer.json["errors"]} == {(2, "leaders"), (3, "kind"), (4, "area_code")}
    assert await service.services.database.count(GROUPS, {"_id": "I-3"}) == 0


async def test_post_when_taken_in_then_masked_and_its_original_sealed(service: Running) -> None:
    post = await posted(service, await group(service, "P-1"))
    assert "13800138000" not in post["text"] and "王小明" not in post["text"] and post["state"] == "open"
    stored = await service.services.database.find_one(POSTS, {"_id": post["id"]})
    assert stored is not None and "13800138000" not in str(stored) and stored["text"] == post["text"]
    waiting = (await service.get("/api/v1/posts", "worker_a")).json["items"]
    assert post["id"] in [one["id"] for one in waiting]
    assert post["id"] in [one["id"] for one in (await service.get("/api/v1/posts", "circle_a")).json["items"]]
    for user in ("worker_b", "lead_b"):
        assert (await service.get(f"/api/v1/posts/{post['id']}", user)).status == 404
        assert (await confirm(service, post, user)).status == 404
    assert (await service.post("/api/v1/groups/P-1/posts", {"author": "a", "text": TEXT}, "worker_b")).status == 404


async def test_post_when_sent_again_under_its_key_then_one_post(service: Running) -> None:
    path = f"/api/v1/groups/{await group(service, 'P-2')}/posts"
    body = {"author": "李姐", "text": "楼道灯坏了三天"}
    first, again = [await service.post(path, body, "circle_a", key="k-1") for _ in range(2)]
    assert (first.status, again.status) == (201, 200) and first.json == again.json
    assert (await service.post(path, body | {"text": "电梯坏了三天"}, "circle_a", key="k-1")).code == "idempotency_mismatch"
    assert (await service.call("POST", path, user="circle_a", body=body)).code == "idempotency_key_required"
    away = body | {"location": {"lon": OUTSIDE[0], "lat": OUTSIDE[1], "crs": "WGS-84"}}
    assert (await service.post(path, away, "circle_a")).code == "out_of_area"
    assert (await service.post(path, body | {"text": "x" * 501}, "circle_a")).json["errors"][0]["field"] == "text"


async def test_post_when_many_confirm_it_at_once_then_one_case(service: Running) -> None:
    post = await posted(service, await group(service, "P-3"))
    people = ("circle_a", "worker_a", "lead_a", "circle_a", "worker_a")
    answers = await asyncio.gather(
        *(confirm(service, post, user, category=category) for user, category in zip(people, ["0201", None] * 3, strict=False))
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["case"] for answer in answers}) == 1 and answers[0].json["state"] == "case"
    assert await service.services.database.count(CASES, {"live.reporter": "group:P-3"}) == 1
    case = (await service.get(f"/api/v1/cases/{answers[0].json['case']}", "operator")).json
    assert case["channel"] == "group" and "13800138000" not in case["description"]
    assert (await confirm(service, post, "lead_a", kind="need")).json == answers[0].json, "it is a case already"


async def test_post_when_a_grid_worker_has_seen_it_then_filed_and_dispatched(service: Running) -> None:
    code = await group(service, "P-4")
    seen = await confirm(service, await posted(service, code), "worker_a", category="0201", seen=True)
    case = (await service.get(f"/api/v1/cases/{seen.json['case']}", "operator")).json
    assert case["state"] == "dispatched" and case["lead"]["code"] == "520102-water"
    told = await confirm(service, await posted(service, code), "circle_a", category="0201", seen=True)
    case = (await service.get(f"/api/v1/cases/{told.json['case']}", "operator")).json
    assert case["state"] == "reported", "a leader's word is looked at before it is filed"


async def test_post_without_a_place_then_its_case_lies_in_the_grid_of_the_group(service: Running) -> None:
    post = await posted(service, await group(service, "P-5"), location=None)
    done = await confirm(service, post, "worker_a", kind="need", category="0701")
    case = (await service.get(f"/api/v1/cases/{done.json['case']}", "operator")).json
    assert case["area_path"][-1]["code"] == GRID and case["location"]["boundary_doubt"]
    assert case["appeal_type"] == "help"


async def test_need_when_a_grid_worker_confirms_it_then_organizations_are_asked_once(service: Running) -> None:
    post = await posted(service, await group(service, "P-13"), text="楼上独居老人要人陪着去医院复查")
    help = {"kind": "VOL", "help": "companionship", "what": "陪老人去医院复查", "places": 2}
    choice = {"kind": "need", "category": "0701", "seen": True, "help": help}
    done = await confirm(service, post, "worker_a", **choice)
    assert done.status == 200 and done.json["need"] is True, done.body
    again = await asyncio.gather(*(confirm(service, post, user, **choice) for user in ("worker_a", "lead_a", "worker_a")))
    assert all(one.json == done.json for one in again)
    case = (await service.get(f"/api/v1/cases/{done.json['case']}", "clerk_town")).json
    assert (case["state"], case["lead"]["code"]) == ("dispatched", "520102001-town"), "the territorial unit leads"
    assert [(need["what"], need["places"], need["state"]) for need in case["needs"]] == [("陪老人去医院复查", 2, "open")]


async def test_need_when_it_cannot_be_asked_for_then_the_case_stays_and_it_can_be_asked_again(service: Running) -> None:
    post = await posted(service, await group(service, "P-14"), text="楼上独居老人要人陪着去医院复查")
    help = {"kind": "VOL", "help": "companionship", "what": "上门执法检查", "places": 2}
    choice = {"kind": "need", "category": "0701", "seen": True}
    refused = await confirm(service, post, "worker_a", **choice, help=help)
    assert refused.status == 422 and refused.json["errors"][0]["field"] == "what"
    assert (await service.get(f"/api/v1/posts/{post['id']}", "worker_a")).json["state"] == "case"
    assert (await confirm(service, post, "circle_a", **choice, help=help)).status == 403
    asked = await confirm(service, post, "worker_a", **choice, help=help | {"what": "陪老人去医院"})
    assert asked.json["need"] is True
    early = await posted(service, "P-14")
    assert (await confirm(service, early, "worker_a", help=help)).status in (403, 409), "no unit has it yet"


async def test_post_when_no_case_can_be_made_then_open_again(service: Running) -> None:
    post = await posted(service, await group(service, "P-6"))
    refused = await confirm(service, post, "worker_a", category="9999")
    assert refused.status == 422 and refused.json["errors"][0]["field"] == "category"
    assert (await service.get(f"/api/v1/posts/{post['id']}", "worker_a")).json == post
    assert (await confirm(service, post, "worker_a", category="0201")).json["state"] == "case"


async def test_post_when_the_one_who_confirms_dies_then_the_next_goes_on_with_their_choice(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = await posted(service, await group(service, "P-7"))
    real = CaseService.report

    async def lost(self: CaseService, **asked: Any) -> Any:
        """The answer of the database is lost on the way."""
        await real(self, **asked)
        raise StorageUnavailable("lost")

    monkeypatch.setattr(CaseService, "report", lost)
    assert (await confirm(service, post, "worker_a", category="0201")).status == 503
    monkeypatch.undo()
    assert (await service.get(f"/api/v1/posts/{post['id']}", "worker_a")).json["state"] == "taken"
    assert (await service.post(f"/api/v1/posts/{post['id']}:decline", {"reason": "不属实"}, "lead_a")).code == "post_decided"
    done = await confirm(service, post, "lead_a", category="0101")
    case = (await service.get(f"/api/v1/cases/{done.json['case']}", "operator")).json
    assert done.json["state"] == "case" and case["category"]["code"] == "0201"
    assert await service.services.database.count(CASES, {"live.reporter": "group:P-7"}) == 1


async def test_post_when_declined_or_answered_then_the_group_reads_why_and_it_stays(service: Running) -> None:
    code = await group(service, "P-8")
    post = await posted(service, code)
    path = f"/api/v1/posts/{post['id']}:decline"
    personal = await service.post(path, {"reason": "请打13800138000"}, "circle_a")
    assert personal.status == 422 and personal.json["errors"][0]["code"] == "personal_data"
    declined = await service.post(path, {"reason": "已经修好"}, "circle_a")
    assert (declined.json["state"], declined.json["reason"]) == ("declined", "已经修好")
    assert (await service.post(path, {"reason": "已经修好"}, "circle_a")).json == declined.json
    assert (await service.post(path, {"reason": "重复"}, "worker_a")).code == "post_decided"
    assert (await confirm(service, post)).code == "post_decided"
    other = await posted(service, code)
    answered = await service.post(f"/api/v1/posts/{other['id']}:decline", {"reason": "咨询", "reply": "周一上门"}, "worker_a")
    assert (answered.json["state"], answered.json["reply"]) == ("answered", "周一上门")
    feed = (await service.get(f"/api/v1/groups/{code}/posts", "circle_a")).json["items"]
    assert [one["state"] for one in feed] == ["answered", "declined"]
    told = (await service.get(f"/api/v1/groups/{code}/notices", "circle_a")).json["items"]
    assert [(one["event"], one["text"]) for one in told] == [("answered", "周一上门"), ("declined", "已经修好")]


async def test_feed_when_a_case_moves_then_the_group_reads_public_words_alone(service: Running) -> None:
    code = await group(service, "P-9")
    done = (await confirm(service, await posted(service, code), "worker_a", category="0203", seen=True)).json
    await service.services.cases.relay.tend()
    told = (await service.get(f"/api/v1/groups/{code}/notices", "circle_a")).json["items"]
    assert [(one["event"], one["case_no"]) for one in told] == [("accepted", done["case_no"])]
    assert all("13800138000" not in one["text"] and "王小明" not in one["text"] for one in told)
    post = (await service.get(f"/api/v1/groups/{code}/posts", "circle_a")).json["items"][0]
    assert post["told"]["case_no"] == done["case_no"] and post["told"]["public_reply"] is None
    case = (await service.get(f"/api/v1/cases/{done['case']}", "clerk_a")).json
    act = f"/api/v1/cases/{done['case']}/actions/"
    case = await done_by(service, "clerk_a", act + "sign_in", case)
    reply = {
        "result": "resolved",
        "handling": "现场关闭阀门,更换破损水管一段,恢复正常供水",
        "public_reply": "您反映的水管已经更换完毕,感谢您的关心和支持。",
    }
    photo = await jpeg(service, "clerk_a")
    await done_by(service, "clerk_a", act + "submit_result", case, photos=[photo], **reply)
    await service.services.cases.relay.tend()
    later = (await service.get(f"/api/v1/groups/{code}/notices", "circle_a")).json["items"]
    assert [one["event"] for one in later] == ["heard_result", "accepted"]
    assert {one["text"] for one in later} == {"供水管爆裂 · 南明区1号网格"}
    assert (await service.get(f"/api/v1/groups/{code}/notices", "worker_b")).status == 404


async def test_feed_when_the_case_is_sensitive_then_it_says_nothing_of_what_it_is(service: Running) -> None:
    code = await group(service, "P-10")
    await confirm(service, await posted(service, code, text="隔壁夜里打骂孩子"), "worker_a", category="0901", seen=True)
    await service.services.cases.relay.tend()
    told = (await service.get(f"/api/v1/groups/{code}/notices", "circle_a")).json["items"]
    assert told and {one["text"] for one in told} == {""}
    assert (await service.get(f"/api/v1/groups/{code}/posts", "circle_a")).json["items"][0]["told"]["line"] == ""


async def test_announcement_when_read_then_counted_once_a_person(service: Running) -> None:
    path = f"/api/v1/groups/{await group(service, 'P-11')}/notices"
    made = await service.post(path, {"text": "周六上午停水,请提前储水"}, "worker_a", key="a-1")
    again = await service.post(path, {"text": "周六上午停水,请提前储水"}, "worker_a", key="a-1")
    assert (made.status, again.status) == (201, 200) and made.json["id"] == again.json["id"]
    assert (await service.post(path, {"text": "周日停水"}, "worker_a", key="a-1")).code == "idempotency_mismatch"
    assert (await service.post(path, {"text": "联系13800138000"}, "worker_a")).json["errors"][0]["code"] == "personal_data"
    read = f"{path}/{made.json['id']}/read"
    for user in ("circle_a", "circle_a", "lead_a"):
        assert (await service.post(read, {}, user)).status == 204
    assert (await service.post(read, {}, "worker_b")).status == 404
    assert (await service.post(f"{path}/none/read", {}, "circle_a")).status == 404
    told = (await service.get(path, "circle_a")).json["items"]
    assert [(one["event"], one["readers"], one["read"]) for one in told] == [("announcement", 2, True)]
    assert (await service.get(path, "worker_a")).json["items"][0]["read"] is False


async def test_posts_when_paged_then_each_once_newest_first(service: Running) -> None:
    code = await group(service, "P-12")
    made = [(await posted(service, code))["id"] for _ in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = (await service.get(f"/api/v1/groups/{code}/posts?limit=2{cursor}", "circle_a")).json
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(found) == sorted(made) and found[0] == made[-1]
    assert (await service.get(f"/api/v1/groups/{code}/posts?cursor=x", "circle_a")).json["errors"][0]["field"] == "cursor"


QUERIES = (
    (GROUPS, {"leaders": "l", "_id": {"$gt": ""}}, [("_id", 1)]),
    (GROUPS, {"codes": {"$in": ["a", "b"]}, "_id": {"$gt": ""}}, [("_id", 1)]),
    (POSTS, {"group": "g"}, [("at", -1), ("_id", -1)]),
    (POSTS, {"group": "g", "decided_at": {"$ne": None}}, [("decided_at", -1), ("_id", -1)]),
    (POSTS, {"codes": {"$in": ["a", "b"]}, "state": "open"}, [("at", 1)]),
    (POSTS, {"group": {"$in": ["a", "b"]}, "state": "open"}, [("at", 1)]),
    (ANNOUNCEMENTS, {"group": "g"}, [("at", -1), ("_id", -1)]),
)


@pytest.mark.parametrize(("collection", "filter", "sort"), QUERIES)
async def test_queries_when_explained_walk_an_index_and_never_sort(
    service: Running, collection: str, filter: dict[str, Any], sort: list[tuple[str, int]]
) -> None:
    plan = str((await service.services.database.explain(collection, filter, sort, 51))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan
    assert collection in INDEXES


async def test_post_when_asked_for_alone_then_with_what_may_be_told_of_its_case(service: Running) -> None:
    post = await posted(service, await group(service, "P-20"))
    assert (await service.get(f"/api/v1/posts/{post['id']}", "circle_a")).json["told"] is None
    done = (await confirm(service, post, "circle_a", category="0201")).json
    told = (await service.get(f"/api/v1/posts/{post['id']}", "circle_a")).json["told"]
    assert (told["case_no"], told["state"]) == (done["case_no"], "reported") and told["actions"] == []
