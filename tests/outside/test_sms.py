"""SMS against a gateway that checks signatures and answers with codes of its own."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from aiohttp import web

from dispatch.outside.messages import SendFailed, SendRefused
from dispatch.outside.posting import Poster
from dispatch.outside.settings import SmsSettings
from dispatch.outside.signing import is_signed
from dispatch.outside.sms import SmsChannel
from tests.outside.samples import message
from tests.outside.servers import Asked, Site, always, http_server, never

SECRET = "k" * 16
SETTINGS = {
    "secret": SECRET, "signature_header": "X-Sms-Sign", "timestamp_header": "X-Sms-Time", "headers": {"X-App": "heyun"},
    "fields": {
        "mobile": "{phone}", "sign": "和云", "requestId": "{id}", "retries": 0,
        "template": {"code": "T1", "params": ["{case_no}", "{text}"]},
    },
    "answer": {"code": "status.code", "id": "data.msgid", "ok": ["OK", "0"], "refused": ["BAD_PHONE", "BLACKLISTED"]},
}  # fmt: skip
MESSAGE = message(address="13812341234")


def channel(site: Site, poster: Poster, **values: Any) -> SmsChannel:
    return SmsChannel(msgspec.convert({"url": f"{site.url}/send", **SETTINGS, **values}, SmsSettings), poster)


async def gateway(asked: Asked) -> web.Response:
    """Take what is signed; a number that ends in 0 is none."""
    right = is_signed(SECRET, int(asked.headers["X-Sms-Time"]), asked.body, asked.headers["X-Sms-Sign"], now=time.time())
    sent = json.loads(asked.body)
    code = "BAD_SIGN" if not right else "BAD_PHONE" if sent["mobile"].endswith("0") else "OK"
    return web.json_response({"status": {"code": code}, "data": {"msgid": "m-" + sent["requestId"]}})


async def test_sms_when_sent_fills_the_gateways_fields_and_is_signed(poster: Poster) -> None:
    async with http_server(gateway) as site:
        assert await channel(site, poster).send(MESSAGE) == "m-d0123"
    (asked,) = site.asked
    assert json.loads(asked.body) == {
        "mobile": "13812341234", "sign": "和云", "requestId": "d0123", "retries": 0,
        "template": {"code": "T1", "params": ["GY20251124-000001", MESSAGE.text]},
    }  # fmt: skip
    assert asked.headers["X-App"] == "heyun"


async def test_sms_when_a_text_holds_braces_leaves_them_alone(poster: Poster) -> None:
    async with http_server(gateway) as site:
        await channel(site, poster).send(message(address="13812341234", text="{phone} {0.__class__}"))
    assert json.loads(site.asked[0].body)["template"]["params"][1] == "{phone} {0.__class__}"


async def test_sms_when_the_gateway_errs_says_by_its_code_for_now_or_for_ever(poster: Poster) -> None:
    async with http_server(gateway) as site:
        with pytest.raises(SendRefused, match="sms_BAD_PHONE"):
            await channel(site, poster).send(message(address="13800000000"))
        with pytest.raises(SendFailed, match="sms_BAD_SIGN"):  # a wrong secret is ours to mend
            await channel(site, poster, secret="x" * 16).send(MESSAGE)


@pytest.mark.parametrize("said", [{}, {"status": "broken"}, {"status": {"code": "13812341234 is busy"}}])
async def test_sms_when_the_code_is_none_fails_for_now_and_keeps_nothing_of_it(poster: Poster, said: Any) -> None:
    async with http_server(always(200, said)) as site:
        with pytest.raises(SendFailed) as raised:
            await channel(site, poster).send(MESSAGE)
    assert str(raised.value) == "sms_unknown"


async def test_sms_when_the_gateway_is_no_gateway_fails_for_now(poster: Poster) -> None:
    async with http_server(always(200, ["no object"])) as site:
        with pytest.raises(SendFailed, match="not_json"):
            await channel(site, poster).send(MESSAGE)
    async with http_server(always(502)) as site:
        with pytest.raises(SendFailed, match="http_502"):
            await channel(site, poster).send(MESSAGE)
    async with http_server(never) as site:
        with pytest.raises(SendFailed, match="timeout"):
            await channel(site, poster).send(MESSAGE)
