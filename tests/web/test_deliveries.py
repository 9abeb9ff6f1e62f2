"""The outside over HTTP: who may look at deliveries and send them again, one's own choice, previews."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dispatch.outside.store import Delivery, delivery_id
from storage.errors import Invalid
from tests.outside.servers import always, http_server, smtp_server
from tests.service import Running, serving

LIST, MINE, PREVIEW = "/api/v1/deliveries", "/api/v1/me/channels", "/api/v1/templates:preview"
SMS = {"address": "138 1234 1234", "kinds": ["light"]}
CHOICE = {"quiet_hours": False, "email": {"address": "clerk@unit.gov.cn"}, "sms": SMS}


async def dead(service: Running) -> Delivery:
    now, notice = datetime.now(UTC).replace(microsecond=0), secrets.token_hex(6)
    made = Delivery(
        id=delivery_id(notice, "clerk_a", "email"), notice=notice, kind="dispatch", keys=("p:clerk_a",), at=now, case="c",
        case_no="XG20261122-000001", urgency="normal", recipient="clerk_a", channel="email", created_at=now, state="dead",
        attempts=6, error="smtp_451",
    )  # fmt: skip
    await service.services.outside.store.add([made])
    return made


async def test_deliveries_when_dead_are_listed_and_sent_again(service: Running) -> None:
    made = [await dead(service) for _ in range(3)]
    seen: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await service.get(f"{LIST}?state=dead&limit=2{after}", "sys_admin")).json
        seen += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert {one.id for one in made} <= {one["id"] for one in seen} and len({one["id"] for one in seen}) == len(seen)
    assert all(one["state"] == "dead" and "address" not in one for one in seen)
    again = await service.post(f"{LIST}/{made[0].id}:resend", {}, "sys_admin")
    assert (again.status, again.json["state"], again.json["attempts"]) == (200, "waiting", 0)
    assert (await service.post(f"{LIST}/d0:resend", {}, "sys_admin")).status == 404
    waiting = (await service.get(f"{LIST}?state=waiting", "sys_admin")).json["items"]
    assert made[0].id in {one["id"] for one in waiting}
    assert await service.services.outside.store.claim(made[0].id) is not None
    assert (await service.post(f"{LIST}/{made[0].id}:resend", {}, "sys_admin")).code == "delivery_claimed"


async def test_deliveries_when_asked_by_others_are_forbidden(service: Running) -> None:
    for user in ("dispatcher", "clerk_a"):
        assert (await service.get(LIST, user)).status == 403
        assert (await service.post(f"{LIST}/d0:resend", {}, user)).status == 403
        assert (await service.post("/api/v1/webhooks/x:replay", {"event": "n"}, user)).status == 403
        assert (await service.post(PREVIEW, {"kind": "dispatch"}, user)).status == 403
    assert (await service.get(LIST)).status == 401
    assert (await service.get(f"{LIST}?state=lost", "sys_admin")).status == 422


async def test_choice_when_put_is_ones_own(service: Running) -> None:
    empty = (await service.get(MINE, "clerk_a")).json
    assert (empty["email"], empty["quiet_hours"], empty["available"]) == (None, True, []) and "light" in empty["all_kinds"]
    put = await service.call("PUT", MINE, user="clerk_a", body=CHOICE)
    assert put.status == 200 and put.json["sms"] == {"address": "13812341234", "kinds": ["light"], "confirmed": False}
    assert (await service.get(MINE, "clerk_a")).json == put.json
    assert (await service.get(MINE, "clerk_b")).json == empty
    assert (await service.call("PUT", MINE, user="clerk_a", body={})).json["email"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": {"address": "nobody"}}, "email.address"),
        ({"wecom": {"address": "u", "kinds": ["party"]}}, "wecom.kinds[0]"),
        ({"language": "fr"}, "language"),
        ({"fax": {"address": "1"}}, "fax"),
    ],
)
async def test_choice_when_wrong_is_refused_by_name(service: Running, body: dict[str, Any], field: str) -> None:
    answer = await service.call("PUT", MINE, user="clerk_a", body=body, headers={"Accept-Language": "zh-CN"})
    assert answer.status == 422 and [one["field"] for one in answer.json["errors"]] == [field]


async def test_preview_when_asked_shows_title_and_text(service: Running) -> None:
    shown = await service.post(PREVIEW, {"kind": "light", "language": "en", "values": {"case_no": "XG1"}}, "sys_admin")
    assert shown.status == 200 and "XG1" in shown.json["title"] and "overdue" in shown.json["text"]
    refused = await service.post(PREVIEW, {"kind": "nothing"}, "sys_admin")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "kind")


async def test_webhook_when_configured_is_told_and_sent_again_what_it_missed(service: Running, tmp_path: Path) -> None:
    async with http_server(always(503)) as site:
        hook = {"name": "upstream", "url": site.url + "/", "secret": "s" * 16, "keys": ["*"]}
        lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in hook.items())
        channels = tmp_path / "channels.toml"
        channels.write_text(f'private_networks = ["127.0.0.0/8"]\n[[webhooks]]\n{lines}\n')
        channels.chmod(0o600)
        async with serving(replace(service.services.settings, channels=channels), service.tokens) as other:
            outside = other.services.outside
            await outside.spread()
            case = await other.report()
            await other.services.cases.relay.sweep()
            await outside.spread()
            await outside.sweep()
            events = [asked.headers["X-Heyun-Event"] for asked in site.asked if case["case_no"].encode() in asked.body]
            assert len(events) >= 1
            site.reply = always(204)
            told = len(site.asked)
            replay = "/api/v1/webhooks/upstream:replay"
            answer = await other.post(replay, {"event": events[0]}, "sys_admin")
            assert answer.status == 200 and answer.json["count"] >= 1
            await outside.sweep()
            assert events[0] in {asked.headers["X-Heyun-Event"] for asked in site.asked[told:]}
            assert (await other.post(replay, {"event": "n0"}, "sys_admin")).status == 404
            assert (await other.post("/api/v1/webhooks/other:replay", {"event": "n0"}, "sys_admin")).status == 404


async def test_service_when_the_channels_are_wrong_does_not_start(service: Running, tmp_path: Path) -> None:
    channels = tmp_path / "channels.toml"
    channels.write_text("[email]\nhost = 5\n")
    channels.chmod(0o600)
    with pytest.raises(Invalid, match=r"email\.host"):
        async with serving(replace(service.services.settings, channels=channels), service.tokens):
            raise AssertionError


async def test_channel_when_confirmed_over_http_then_ones_own_alone(service: Running, tmp_path: Path) -> None:
    async with smtp_server() as box:
        channels = tmp_path / "channels.toml"
        channels.write_text(f'[email]\nhost = "127.0.0.1"\nport = {box.port}\nsecurity = "none"\nsender = "heyun@city.test"\n')
        channels.chmod(0o600)
        async with serving(replace(service.services.settings, channels=channels), service.tokens) as other:
            assert (await other.post(f"{MINE}/email:code", {}, "clerk_b")).status == 404, "nothing chosen"
            put = await other.call("PUT", MINE, user="clerk_b", body={"email": {"address": "b@unit.gov.cn"}})
            assert (put.json["available"], put.json["email"]["confirmed"]) == (["email"], False)
            assert (await other.post(f"{MINE}/email:code", {}, "clerk_b")).status == 200
            again = await other.post(f"{MINE}/email:code", {}, "clerk_b")
            assert again.status == 429 and int(again.headers["Retry-After"]) > 0
            code = str(box.mails[-1]["Subject"]).split()[-1]
            assert (await other.post(f"{MINE}/email:confirm", {"code": code}, "clerk_a")).status == 404
            assert (await other.post(f"{MINE}/email:confirm", {"code": "12"}, "clerk_b")).status == 422
            done = await other.post(f"{MINE}/email:confirm", {"code": code}, "clerk_b")
            assert done.status == 200 and done.json["email"]["confirmed"]
            assert (await other.post(f"{MINE}/email:confirm", {"code": code}, "clerk_b")).code == "code_gone"
            assert (await other.call("PUT", MINE, user="clerk_b", body={})).status == 200


async def test_sample_when_asked_by_anybody_is_about_an_invented_case(service: Running) -> None:
    texts = [
        (await service.get(f"{MINE}/sample?kind=dispatch&language={one}", "clerk_a")).json["text"] for one in ("zh-CN", "en")
    ]
    assert "请及时签收" in texts[0] and "please sign for it" in texts[1]
    assert (await service.get(f"{MINE}/sample?kind=nothing", "clerk_a")).status == 422
