"""Signed webhooks against a receiver that verifies, and the HTTP client against servers that misbehave."""

from __future__ import annotations

import json
import time

import pytest
from aiohttp import web

from dispatch.outside.messages import SendFailed, SendRefused
from dispatch.outside.networks import parse_networks
from dispatch.outside.posting import MOST_BYTES, Poster
from dispatch.outside.settings import WebhookSettings
from dispatch.outside.signing import is_signed
from dispatch.outside.webhook import WebhookChannel
from tests.outside.samples import message
from tests.outside.servers import Asked, Site, always, http_server, never

SECRET = "s" * 16


def channel(site: Site, poster: Poster, secret: str = SECRET, **values: float) -> WebhookChannel:
    settings = WebhookSettings(name="upstream", url=f"{site.url}/hook", secret=secret, keys=("*",))
    return WebhookChannel(settings, poster, lambda: values.get("now", time.time()))


async def verify(asked: Asked) -> web.Response:
    """Do what a receiver does: 401 for what is not signed by us, or too long ago."""
    headers = asked.headers
    signature = headers["X-Heyun-Signature"].removeprefix("sha256=")
    right = is_signed(SECRET, int(headers["X-Heyun-Timestamp"]), asked.body, signature, now=time.time())
    return web.Response(status=204 if right else 401)


async def test_webhook_when_sent_is_signed_and_names_its_event(poster: Poster) -> None:
    async with http_server(verify) as site:
        assert await channel(site, poster).send(message()) == "n1"
    (asked,) = site.asked
    assert (asked.method, asked.path) == ("POST", "/hook")
    assert (asked.headers["X-Heyun-Event"], asked.headers["X-Heyun-Delivery"]) == ("n1", "d0123")
    body = json.loads(asked.body)
    assert (body["event"], body["kind"], body["at"]) == ("n1", "dispatch", "2025-11-24T02:00:00.000Z")
    assert "address" not in body


async def test_webhook_when_the_signature_is_wrong_or_old_is_refused_for_ever(poster: Poster) -> None:
    async with http_server(verify) as site:
        with pytest.raises(SendRefused, match="http_401"):
            await channel(site, poster, secret="t" * 16).send(message())
        with pytest.raises(SendRefused, match="http_401"):
            await channel(site, poster, now=time.time() - 3600).send(message())


@pytest.mark.parametrize(("status", "error"), [(500, SendFailed), (503, SendFailed), (408, SendFailed), (404, SendRefused)])
async def test_webhook_when_the_receiver_errs_says_for_now_or_for_ever(
    poster: Poster, status: int, error: type[Exception]
) -> None:
    async with http_server(always(status)) as site:
        with pytest.raises(error, match=f"http_{status}"):
            await channel(site, poster).send(message())


async def test_webhook_when_the_receiver_limits_the_rate_waits_as_long_as_asked(poster: Poster) -> None:
    async with http_server(always(429, Retry_After="120")) as site:
        with pytest.raises(SendFailed) as raised:
            await channel(site, poster).send(message())
    assert raised.value.retry_after == 120


async def test_webhook_when_the_receiver_points_elsewhere_does_not_follow(poster: Poster) -> None:
    async with http_server(always(204)) as other, http_server(always(302, Location=other.url)) as site:
        with pytest.raises(SendRefused, match="http_302"):
            await channel(site, poster).send(message())
    assert other.asked == []


async def test_webhook_when_the_receiver_is_silent_or_gone_fails_for_now(poster: Poster) -> None:
    async with http_server(never) as site:
        with pytest.raises(SendFailed, match="timeout"):
            await channel(site, poster).send(message())
    with pytest.raises(SendFailed, match="unreachable"):
        await channel(site, poster).send(message())


async def test_poster_when_the_answer_is_endless_reads_the_beginning(poster: Poster) -> None:
    async with http_server(always(200, "x" * (3 * MOST_BYTES))) as site:
        answer = await poster.post(site.url, b"{}")
    assert len(answer.body) == MOST_BYTES


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_poster_when_no_private_network_is_named_reaches_none(host: str) -> None:
    closed = Poster(parse_networks(["10.0.0.0/8"]))
    async with http_server(always(200)) as site:
        with pytest.raises(SendFailed, match="private_address"):
            await closed.post(site.url.replace("127.0.0.1", host), b"{}")
    await closed.close()
    assert site.asked == []


async def test_poster_when_a_name_leads_to_a_named_network_reaches_it(poster: Poster) -> None:
    async with http_server(always(200, {"a": 1})) as site:
        answer = await poster.post(site.url.replace("127.0.0.1", "localhost"), b"{}")
        assert answer.values() == {"a": 1}
