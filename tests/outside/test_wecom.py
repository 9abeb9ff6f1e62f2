"""WeCom against a server that speaks its API: tokens that end, limits, people who do not exist, robots that were removed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from dispatch.outside.messages import SendFailed, SendRefused
from dispatch.outside.posting import Poster
from dispatch.outside.settings import RobotSettings, WecomSettings
from dispatch.outside.wecom import MARKDOWN_BYTES, RobotChannel, WecomChannel
from tests.outside.samples import message
from tests.outside.servers import Asked, Site, always, http_server, never

MESSAGE = message(address="zhangsan")


class Wecom:
    """Hands out numbered tokens of which only the last is good, and takes messages to those it knows."""

    def __init__(self, expires_in: int = 7200) -> None:
        self.tokens = 0
        self.expires_in = expires_in
        self.stale = 42001
        self.written: list[dict[str, Any]] = []

    async def __call__(self, asked: Asked) -> web.Response:
        handler = {"/cgi-bin/gettoken": self._gettoken, "/cgi-bin/message/send": self._send}[asked.path]
        return web.json_response(handler(asked))

    def _gettoken(self, asked: Asked) -> dict[str, Any]:
        if asked.query != {"corpid": "ww1", "corpsecret": "right"}:
            return {"errcode": 40001, "errmsg": "invalid credential, hint: [170]"}
        self.tokens += 1
        return {"errcode": 0, "errmsg": "ok", "access_token": f"token{self.tokens}", "expires_in": self.expires_in}

    def _send(self, asked: Asked) -> dict[str, Any]:
        if asked.query["access_token"] != f"token{self.tokens}":
            return {"errcode": self.stale, "errmsg": "access_token expired"}
        body = json.loads(asked.body)
        if body["touser"] == "nobody":
            return {"errcode": 81013, "errmsg": "user & party & tag all invalid"}
        if body["touser"] == "limited":
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        if body["touser"] == "unlicensed":
            return {"errcode": 0, "errmsg": "ok", "unlicenseduser": "unlicensed", "msgid": "m"}
        self.written.append(body)
        return {"errcode": 0, "errmsg": "ok", "invaliduser": "", "msgid": f"m{len(self.written)}"}


def channel(site: Site, poster: Poster, secret: str = "right", clock: Any = None) -> WecomChannel:
    settings = WecomSettings(corpid="ww1", corpsecret=secret, agentid=1000002, api=site.url)
    return WecomChannel(settings, poster, clock) if clock else WecomChannel(settings, poster)


async def test_wecom_when_written_carries_the_documented_fields(poster: Poster) -> None:
    wecom = Wecom()
    async with http_server(wecom) as site:
        assert await channel(site, poster).send(MESSAGE) == "m1"
    assert wecom.written == [
        {
            "touser": "zhangsan", "msgtype": "text", "agentid": 1000002, "text": {"content": MESSAGE.text}, "safe": 0,
            "enable_duplicate_check": 1, "duplicate_check_interval": 1800,
        }
    ]  # fmt: skip


async def test_wecom_when_many_write_at_once_asks_for_one_token(poster: Poster) -> None:
    wecom = Wecom()
    async with http_server(wecom) as site:
        one = channel(site, poster)
        await asyncio.gather(*(one.send(MESSAGE) for _ in range(8)))
    assert (wecom.tokens, len(wecom.written)) == (1, 8)


@pytest.mark.parametrize("code", [40014, 42001])
async def test_wecom_when_the_token_is_not_taken_any_more_renews_it_once(poster: Poster, code: int) -> None:
    wecom = Wecom()
    wecom.stale = code
    async with http_server(wecom) as site:
        one = channel(site, poster)
        await one.send(MESSAGE)
        wecom.tokens += 1  # somebody else asked for one: ours has ended
        await asyncio.gather(*(one.send(MESSAGE) for _ in range(4)))
        assert wecom.tokens == 3
        wecom.tokens = 99
    assert len(wecom.written) == 5


async def test_wecom_when_no_token_is_ever_taken_fails_for_now(poster: Poster) -> None:
    async def refuse(asked: Asked) -> web.Response:
        taken = {"errcode": 0, "access_token": "t", "expires_in": 7200}
        return web.json_response(taken if asked.path.endswith("gettoken") else {"errcode": 42001})

    async with http_server(refuse) as site:
        with pytest.raises(SendFailed, match="wecom_42001"):
            await channel(site, poster).send(MESSAGE)
    assert len(site.asked) == 4


async def test_wecom_when_the_token_nears_its_end_asks_for_another_before(poster: Poster) -> None:
    wecom, now = Wecom(), [0.0]
    async with http_server(wecom) as site:
        one = channel(site, poster, clock=lambda: now[0])
        for now[0] in (0.0, 6899.0, 6901.0):
            await one.send(MESSAGE)
    assert wecom.tokens == 2


async def test_wecom_when_the_secret_is_wrong_fails_for_now(poster: Poster) -> None:
    async with http_server(Wecom()) as site:
        with pytest.raises(SendFailed, match="wecom_gettoken_40001"):
            await channel(site, poster, secret="wrong").send(MESSAGE)


@pytest.mark.parametrize(
    ("user", "error", "reason"),
    [
        ("nobody", SendRefused, "wecom_81013"),
        ("unlicensed", SendRefused, "wecom_invaliduser"),
        ("limited", SendFailed, "wecom_45009"),
    ],
)
async def test_wecom_when_a_message_is_not_taken_says_for_now_or_for_ever(
    poster: Poster, user: str, error: type[Exception], reason: str
) -> None:
    async with http_server(Wecom()) as site:
        with pytest.raises(error, match=reason) as raised:
            await channel(site, poster).send(message(address=user))
    if isinstance(raised.value, SendFailed):
        assert raised.value.retry_after == 60


async def test_wecom_when_the_server_is_down_or_silent_fails_for_now(poster: Poster) -> None:
    async with http_server(always(503)) as site:
        with pytest.raises(SendFailed, match="http_503"):
            await channel(site, poster).send(MESSAGE)
    async with http_server(never) as site:
        with pytest.raises(SendFailed, match="timeout"):
            await channel(site, poster).send(MESSAGE)
    async with http_server(always(200, {"hello": "proxy"})) as site:
        with pytest.raises(SendFailed, match="wecom_unknown"):
            await channel(site, poster).send(MESSAGE)


def robot(site: Site, poster: Poster, **values: Any) -> RobotChannel:
    return RobotChannel(RobotSettings(name="ops", keys=("*",), key="693a91f6", api=site.url, **values), poster)


async def test_robot_when_it_writes_sends_markdown_or_text(poster: Poster) -> None:
    async with http_server(always(200, {"errcode": 0, "errmsg": "ok"})) as site:
        assert await robot(site, poster).send(MESSAGE) == ""
        await robot(site, poster, style="text").send(MESSAGE)
    marked, plain = site.asked
    assert (marked.path, marked.query) == ("/cgi-bin/webhook/send", {"key": "693a91f6"})
    assert json.loads(marked.body) == {"msgtype": "markdown", "markdown": {"content": f"**{MESSAGE.title}**\n{MESSAGE.text}"}}
    assert json.loads(plain.body) == {"msgtype": "text", "text": {"content": MESSAGE.text}}


async def test_robot_when_the_text_is_long_cuts_it_between_characters(poster: Poster) -> None:
    async with http_server(always(200, {"errcode": 0, "errmsg": "ok"})) as site:
        await robot(site, poster).send(message(text="长" * 5000))
    content = json.loads(site.asked[0].body)["markdown"]["content"]
    assert MARKDOWN_BYTES - 3 <= len(content.encode()) <= MARKDOWN_BYTES and content.endswith("长…")


@pytest.mark.parametrize(("code", "error"), [(93000, SendRefused), (45009, SendFailed), (-1, SendFailed)])
async def test_robot_when_it_is_refused_says_for_now_or_for_ever(poster: Poster, code: int, error: type[Exception]) -> None:
    async with http_server(always(200, {"errcode": code, "errmsg": "no"})) as site:
        with pytest.raises(error, match=f"wecom_{code}"):
            await robot(site, poster).send(MESSAGE)
