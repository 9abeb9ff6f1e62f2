"""WeCom (企业微信): the robot of a group, and an application that writes to single people.

Names and codes are those of WeCom's server API. Only codes that say something about this recipient or this text are final; what
an administrator can mend (secret, allowed addresses, limits) is worth another try.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dispatch.outside.messages import Message, SendFailed, SendRefused, reason_of
from dispatch.outside.posting import Answer, Poster
from dispatch.outside.settings import RobotSettings, WecomSettings

__all__ = ["RobotChannel", "WecomChannel", "clipped"]

DUPLICATE_SECONDS = 1800  # WeCom drops what says the same to the same person again within this time
SPARE_SECONDS = 300  # a token is renewed so long before its end
TEXT_BYTES, MARKDOWN_BYTES = 2048, 4096
_RATE = frozenset({45009, 45033})  # called too often, too many calls at once
RATE_SECONDS = 60.0
_STALE_TOKEN = frozenset({40014, 41001, 42001})  # invalid, missing, expired
# no such user, text empty or too long or not taken, the user is not to be found, nobody of them may be reached, robot removed
_FINAL = frozenset({40003, 40008, 44004, 45002, 60111, 81013, 93000})
_UNSEEN = ("invaliduser", "unlicenseduser")


class RobotChannel:
    """Writes into the group of one robot. WeCom gives no id back and cannot tell a repeated message."""

    def __init__(self, settings: RobotSettings, poster: Poster) -> None:
        self._settings = settings
        self._poster = poster

    async def send(self, message: Message) -> str:
        """Post the message into the group; returns nothing, since there is no id."""
        url = f"{self._settings.api}/cgi-bin/webhook/send"
        _check(_said(await self._poster.post(url, self._body(message), query={"key": self._settings.key})))
        return ""

    def _body(self, message: Message) -> bytes:
        if self._settings.style == "text":
            content = {"msgtype": "text", "text": {"content": clipped(message.text, TEXT_BYTES)}}
        else:
            text = f"**{message.title}**\n{message.text}"
            content = {"msgtype": "markdown", "markdown": {"content": clipped(text, MARKDOWN_BYTES)}}
        return msgspec.json.encode(content)


class WecomChannel:
    """Writes to people by an application. The access token is kept until shortly before its end, and renewed once when WeCom
    does not take it any more."""

    def __init__(self, settings: WecomSettings, poster: Poster, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._poster = poster
        self._clock = clock
        self._token, self._until = "", 0.0
        self._renewing = asyncio.Lock()

    async def send(self, message: Message) -> str:
        """Write to one person; returns WeCom's `msgid`."""
        token = await self._current()
        said = await self._write(message, token)
        if said["errcode"] in _STALE_TOKEN:
            said = await self._write(message, await self._current(instead_of=token))
        _check(said)
        if any(said.get(name) for name in _UNSEEN):  # WeCom says ok, and reaches nobody
            raise SendRefused("wecom_invaliduser")
        return str(said.get("msgid", ""))

    async def _write(self, message: Message, token: str) -> Mapping[str, Any]:
        body = {
            "touser": message.address,
            "msgtype": "text",
            "agentid": self._settings.agentid,
            "text": {"content": clipped(message.text, TEXT_BYTES)},
            "safe": 0,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": DUPLICATE_SECONDS,
        }
        url = f"{self._settings.api}/cgi-bin/message/send"
        return _said(await self._poster.post(url, msgspec.json.encode(body), query={"access_token": token}))

    async def _current(self, *, instead_of: str | None = None) -> str:
        """Return a token that should be good; a new one when the present one is the one that was refused."""
        async with self._renewing:  # many messages wait for one new token: WeCom limits how often one may be asked for
            if not self._token or self._clock() >= self._until or self._token == instead_of:
                self._token, self._until = await self._renewed()
            return self._token

    async def _renewed(self) -> tuple[str, float]:
        asked_at = self._clock()
        query = {"corpid": self._settings.corpid, "corpsecret": self._settings.corpsecret}
        said = _said(await self._poster.get(f"{self._settings.api}/cgi-bin/gettoken", query))
        if said["errcode"] != 0:  # ours to mend: never the fault of the message
            raise SendFailed(reason_of("wecom_gettoken", said["errcode"]))
        lasts = float(said.get("expires_in", 7200))
        return str(said["access_token"]), asked_at + max(lasts - SPARE_SECONDS, lasts / 2)


def _said(answer: Answer) -> Mapping[str, Any]:
    """Return WeCom's answer, which always has an `errcode`."""
    answer.check()
    said = answer.values()
    if not isinstance(said.get("errcode"), int):
        raise SendFailed("wecom_unknown")
    return said


def _check(said: Mapping[str, Any]) -> None:
    code = said["errcode"]
    if code == 0:
        return
    reason = reason_of("wecom", code)
    if code in _FINAL:
        raise SendRefused(reason)
    raise SendFailed(reason, retry_after=RATE_SECONDS if code in _RATE else 0.0)


def clipped(text: str, most: int) -> str:
    """Return the text cut to so many bytes of UTF-8, never in the middle of a character.

    >>> clipped("案件一二三", 10)
    '案件…'
    """
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode(errors="ignore") + "…"
