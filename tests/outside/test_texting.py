"""Messages to callers without an account: the link at the visit and after closure; the number opened on record, kept nowhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dispatch.calendar import WorkCalendar
from dispatch.links import INDEXES as LINK_INDEXES
from dispatch.links import Links
from dispatch.outside.service import INDEXES, Outside
from dispatch.outside.settings import OutsideSettings, SmsSettings
from dispatch.outside.store import DELIVERIES
from dispatch.reports import Caller
from dispatch.texting import Texting
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from storage.indexes import ensure
from tests.dispatch.test_links import BAD, GOOD, SECRET, Town
from tests.dispatch.test_oversight import reported
from tests.dispatch.town import CITIZEN, CLERK, DISPATCHER, LEADER, OPERATOR, Clock, Player, open_service, ticket
from tests.outside.servers import Site, always, http_server
from tests.outside.test_spreading import now_due

PHONE = "13812341234"
TAKEN = {"code": "0"}


class NoPeople:
    """Nobody has an account."""

    async def behind(self, keys: Any) -> frozenset[str]:
        return frozenset()


class Street(Town):
    """A town with an SMS gateway."""

    def __init__(self, town: Town, outside: Outside, site: Site) -> None:
        super().__init__(town.service, town.links, town.clock)
        self.outside, self.site = outside, site

    async def sent(self) -> list[dict[str, str]]:
        """Send what is to be sent by now and return what the gateway was asked since the last time."""
        before = len(self.site.asked)
        await self.service.relay.sweep()
        await self.outside.spread()
        await now_due(self.service.store.database)
        await self.outside.sweep()
        return [json.loads(asked.body) for asked in self.site.asked[before:]]

    async def texted(self, player: Player) -> list[str]:
        """Return for which kinds of messages the number was opened, as the timeline says."""
        whole = await self.service.store.find_whole(player.id)
        assert whole is not None
        return [entry["data"]["kind"] for entry in whole["timeline"] if entry["action"] == "text_caller"]


def settings_for(site: Site, base_url: str = "https://heyun.city.test") -> OutsideSettings:
    sms = SmsSettings(url=f"{site.url}/", secret="s" * 16, fields={"mobile": "{phone}", "text": "{text}"})
    return OutsideSettings(base_url=base_url, private_networks=("127.0.0.0/8",), sms=sms)


async def opened(database: Database, site: Site, **options: Any) -> Street:
    clock = Clock()
    service = await open_service(database, clock)
    await ensure(database, INDEXES | LINK_INDEXES)
    links = Links(service, database, SECRET, clock)
    outside = Outside(
        settings_for(site, **options), database, FieldCipher(Keyring.generate()), NoPeople(), calendar=WorkCalendar,
        city=lambda: "小城", folder=Path(), clock=clock, callers=Texting(service, links),
    )  # fmt: skip
    await outside.spread()  # from now on
    return Street(Town(service, links, clock), outside, site)


def token_in(message: dict[str, str]) -> str:
    found = re.search(r"https://heyun\.city\.test/public/cases/([A-Za-z0-9_-]{43})$", message["text"])
    assert found is not None, message
    return found[1]


async def test_caller_when_the_visit_begins_gets_the_link_and_answers_by_it(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        player = await street.visiting()
        (message,) = await street.sent()
        assert message["mobile"] == PHONE and "请告诉我们结果是否满意" in message["text"] and "路灯" not in message["text"]
        assert await street.texted(player) == ["ask_reporter"]
        stored = str(await database.find(DELIVERIES, {})) + str(await database.find("notices", {}))
        assert (
            PHONE not in stored
            and token_in(message) not in stored
            and PHONE not in str(await street.service.store.find(player.id))
        )
        assert (await street.links.visit(token_in(message), GOOD)).state == "closed"
        assert await street.sent() == []  # the page asks for the rating at once
        await street.outside.close()


async def test_caller_when_the_desk_closes_is_asked_to_rate(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        player = await street.visiting()
        await street.sent()
        await player.do(OPERATOR, "visit_ok", **GOOD)
        (message,) = await street.sent()
        shown = await street.links.show(token_in(message))
        assert shown.purpose == "rate" and [one["name"] for one in shown.actions] == ["rate", "appeal"]
        assert await street.texted(player) == ["ask_reporter", "ask_rating"]
        await street.outside.close()


@pytest.mark.parametrize(
    ("caller", "values"),
    [
        (Caller(name="张三丰", phone=PHONE, confidential=True), {}),
        (Caller(name="张三丰", phone=PHONE, no_messages=True), {}),
        (Caller(anonymous=True), {}),
        (Caller(name="张三丰", phone=PHONE), {"appeal_type": "report"}),
    ],
)
async def test_caller_when_hidden_unnamed_or_unwilling_is_never_written_to(
    database: Database, caller: Caller, values: dict[str, Any]
) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        player = await reported(street.service, OPERATOR, ticket(caller=caller, **values))
        await player.do(CLERK, "sign_in")
        await player.do(CLERK, "contact")
        await player.do(LEADER if values else CLERK, "submit_result")
        await player.do(DISPATCHER, "to_visit")
        await player.do(OPERATOR, "visit_ok", **GOOD)
        assert await street.sent() == [] and await street.texted(player) == []
        assert await database.find(DELIVERIES, {}) == []
        await street.outside.close()


async def test_caller_when_the_number_rings_on_a_desk_is_not_written_to(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        await street.visiting(caller=Caller(name="张三丰", phone="085185801234"))
        assert await street.sent() == []
        assert [one.error for one in await street.outside.store.newest("dead", limit=9)] == ["caller_not_reached"]
        await street.outside.close()


async def test_caller_when_they_answered_before_it_is_sent_is_not_written_to_and_the_number_stays_sealed(
    database: Database,
) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        player = await street.visiting()
        await street.links.visit((await street.given(player)).token, BAD)
        assert await street.sent() == [] and await street.texted(player) == []
        await street.outside.close()


async def test_message_when_the_gateway_fails_is_tried_again_and_put_on_record_once(database: Database) -> None:
    async with http_server(always(503)) as site:
        street = await opened(database, site)
        player = await street.visiting()
        assert len(await street.sent()) == 1
        site.reply = always(200, TAKEN)
        await database.update_many(DELIVERIES, {}, [{"$set": {"next_at": "$$NOW"}}])
        (message,) = await street.sent()
        assert message["mobile"] == PHONE and await street.texted(player) == ["ask_reporter"]
        await street.outside.close()


async def test_message_when_nobody_knows_where_the_page_is_is_not_planned(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site, base_url="")
        await street.visiting()
        assert await street.sent() == [] and await database.find(DELIVERIES, {}) == []
        await street.outside.close()


async def test_message_when_it_is_night_waits_for_the_day_whatever_the_urgency(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        player = await street.visiting(category="0203")
        assert (await street.service.get(actor=DISPATCHER, case_id=player.id)).urgency == "urgent"
        street.clock.forward(hours=12)
        await street.service.relay.sweep()
        await street.outside.spread()
        (delivery,) = await street.outside.store.newest("waiting", limit=9)
        assert delivery.quiet and delivery.next_at == WorkCalendar().next_working(street.clock.now) > street.clock.now
        assert delivery.recipient == f"c:{player.id}"
        await street.outside.close()


async def test_citizen_with_an_account_is_not_texted_besides(database: Database) -> None:
    async with http_server(always(200, TAKEN)) as site:
        street = await opened(database, site)
        await street.visiting(CITIZEN, channel="app", caller=None, file=False)
        assert await street.sent() == []
        await street.outside.close()
