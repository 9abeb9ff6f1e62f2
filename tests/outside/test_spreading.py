"""From a case to the outside: the real relay, the real jobs, a real mail server and receiver; nothing lost, nothing doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.calendar import WorkCalendar
from dispatch.jobs import Jobs
from dispatch.outside.choices import Choice, Way
from dispatch.outside.service import INDEXES, Outside, view
from dispatch.outside.settings import MailSettings, OutsideSettings, WebhookSettings
from dispatch.outside.spreading import MARKS
from dispatch.outside.store import DELIVERIES
from dispatch.relay import MARKS as RELAYS
from dispatch.relay import TELLINGS
from dispatch.service import CaseService
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from storage.indexes import ensure
from tests.dispatch.town import WALKER, Clock, event, new_key, open_service, whole
from tests.outside.servers import LOOPBACK, Mailbox, Site, always, http_server, smtp_server

CIPHER = FieldCipher(Keyring.generate())


class Town:
    """Knows one clerk of the water office, until the clerk leaves."""

    def __init__(self) -> None:
        self.left = False

    async def behind(self, keys: Sequence[str]) -> frozenset[str]:
        return frozenset({"clerk"}) if "u:water1" in keys and not self.left else frozenset()


def settings_for(box: Mailbox | None = None, site: Site | None = None) -> OutsideSettings:
    email = MailSettings(host=LOOPBACK, port=box.port, security="none", sender="heyun@city.test") if box else None
    hook = WebhookSettings(name="upstream", url=f"{site.url}/", secret="s" * 16, keys=("*",)) if site else None
    return OutsideSettings(
        base_url="https://heyun.city.test", private_networks=("127.0.0.0/8",), email=email, webhooks=(hook,) if hook else ()
    )


def opened(settings: OutsideSettings, database: Database, clock: Clock, town: Town | None = None, **options: Any) -> Outside:
    return Outside(
        settings, database, CIPHER, town or Town(), calendar=WorkCalendar, city=lambda: "小城", folder=Path(), clock=clock,
        **options,
    )  # fmt: skip


async def choose(outside: Outside) -> None:
    await outside.choices.put("clerk", Choice(email=Way(address="clerk@unit.gov.cn"), quiet_hours=False), kinds=())
    assert await outside.choices.confirm("clerk", "email", "clerk@unit.gov.cn")


async def report(service: CaseService) -> str:
    return (await service.report(actor=WALKER, present=whole, report=event(), key=new_key())).case.case_no


async def now_due(database: Database) -> None:
    """The clock of the town is ahead of the database's."""
    await database.update_many(DELIVERIES, {"state": "waiting"}, [{"$set": {"next_at": "$$NOW"}}])


async def test_notice_when_told_reaches_mail_and_receiver_under_one_event(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    async with smtp_server() as box, http_server(always(204)) as site:
        outside = opened(settings_for(box, site), database, clock)
        await ensure(database, INDEXES)
        await choose(outside)
        assert await outside.spread() == 0  # from now on
        case_no = await report(service)
        await service.relay.sweep()
        assert await outside.spread() == 2 and await outside.spread() == 0
        await now_due(database)
        assert await outside.sweep() == 2
        await outside.close()
    (mail,) = box.mails
    assert mail["To"] == "clerk@unit.gov.cn" and mail["Subject"] == f"【小城】已派遣，请及时签收（{case_no}）"
    text = mail.get_content()  # type: ignore[attr-defined]
    assert "11-23 10:00" in text and "https://heyun.city.test" in text and "井盖" not in text
    assert json.loads(site.asked[0].body)["case_no"] == case_no
    sent = [view(one) for one in await outside.store.newest("sent", limit=9)]
    assert {one.recipient for one in sent} == {"clerk", "upstream"} and len({one.notice for one in sent}) == 1


async def test_notices_when_told_before_it_was_switched_on_are_not_sent(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    await report(service)
    await service.relay.sweep()
    clock.forward(minutes=5)
    async with http_server(always(204)) as site:
        outside = opened(settings_for(site=site), database, clock)
        assert await outside.spread() == 0 and await outside.spread() == 0
        await outside.close()


async def test_notices_when_another_process_takes_over_become_no_second_delivery(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    async with http_server(always(204)) as site:
        one, other = (opened(settings_for(site=site), database, clock) for _ in range(2))
        await one.spread()
        for _ in range(3):
            await report(service)
        await service.relay.sweep()
        assert (await one.spread(), await other.spread()) == (3, 0)
        await report(service)
        await service.relay.sweep()
        clock.forward(seconds=70)
        assert (await other.spread(), await one.spread()) == (1, 0)
        await one.close()
        await other.close()


async def test_notices_when_a_process_died_before_it_told_are_carried_out(database: Database) -> None:
    clock = Clock()
    service, other = await open_service(database, clock), await open_service(database, clock)
    async with http_server(always(204)) as site:
        outside = opened(settings_for(site=site), database, clock)
        await outside.spread()
        await report(service)
        await service.relay.tend()
        await database.delete_many(TELLINGS, {})  # killed between inbox and telling
        assert await outside.spread() == 0
        ago = [{"$set": {"renewed_at": {"$subtract": ["$$NOW", 60_000]}}}]
        await database.update_one(RELAYS, {"_id": service.relay.process}, ago)
        assert await other.relay.sweep() == 0  # nothing was missing in the inboxes
        assert await outside.spread() == 1
        await outside.close()


async def test_notices_after_a_long_pause_are_read_from_their_cases(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock, indexed=True)
    async with http_server(always(204)) as site:
        outside = opened(settings_for(site=site), database, clock)
        await outside.spread()
        clock.forward(minutes=2)
        await report(service)
        await service.relay.sweep()
        await database.delete_many(TELLINGS, {})  # the database removes them after an hour
        clock.forward(hours=3)
        assert await outside.spread() == 1
        mark = await database.find_one(MARKS, {})
        assert mark is not None and clock.now - mark["since"] == timedelta(minutes=1)
        await outside.close()


async def test_delivery_when_the_case_leads_this_person_elsewhere_holds_that_address(database: Database) -> None:
    clock = Clock()
    service = await open_service(database, clock)

    async def own_path(case: str, person: str) -> str | None:
        return "/public/cases/TOKEN" if person == "clerk" else None

    async with smtp_server() as box, http_server(always(204)) as site:
        outside = opened(settings_for(box, site), database, clock, own_path=own_path)
        await choose(outside)
        await outside.spread()
        await report(service)
        await service.relay.sweep()
        await outside.spread()
        await now_due(database)
        assert await outside.sweep() == 2
        await outside.close()
    assert "https://heyun.city.test/public/cases/TOKEN" in box.mails[0].get_content()  # type: ignore[attr-defined]
    assert b"TOKEN" not in site.asked[0].body
    assert "TOKEN" not in str(await database.find(DELIVERIES, {}))


async def test_delivery_when_the_person_has_left_or_chosen_otherwise_is_not_sent(database: Database) -> None:
    clock, town = Clock(), Town()
    service = await open_service(database, clock)
    async with smtp_server() as box:
        outside = opened(settings_for(box), database, clock, town)
        await choose(outside)
        await outside.spread()
        for reason in ("no_address", "recipient_gone"):
            await report(service)
            await service.relay.sweep()
            assert await outside.spread() == 1
            if reason == "no_address":
                await outside.choices.put("clerk", Choice(), kinds=())
            else:
                town.left = True
            await now_due(database)
            assert await outside.sweep() == 0
            await choose(outside)
        await outside.close()
    assert box.mails == []
    assert sorted(one.error for one in await outside.store.newest("dead", limit=9)) == ["no_address", "recipient_gone"]


async def test_outside_without_channels_asks_nothing_and_has_no_jobs(database: Database) -> None:
    class NoDatabase:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    nothing: Any = NoDatabase()
    outside = opened(OutsideSettings(), nothing, Clock())
    assert (await outside.spread(), await outside.sweep(), outside.is_on) == (0, 0, False)
    service = await open_service(database)
    without = len(Jobs(database, service, outside, holder="one").scheduled())
    async with http_server(always(204)) as site:
        on = opened(settings_for(site=site), database, Clock())
        assert len(Jobs(database, service, on, holder="one").scheduled()) == without + 2


def test_service_when_imported_leaves_the_clients_out() -> None:
    program = "import sys, web.services; print([name for name in ('aiohttp', 'aiosmtplib') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


async def test_jobs_when_they_tick_carry_a_notice_outside(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    service = await open_service(database, clock)
    async with http_server(always(204)) as site:
        outside = opened(settings_for(site=site), database, clock)
        jobs = Jobs(database, service, outside, holder="one")
        await outside.spread()
        await report(service)
        await service.relay.sweep()
        assert await jobs.hold()
        assert await jobs.run("outside", outside.spread) == 1
        await now_due(database)
        assert await jobs.run("deliveries", outside.sweep) == 1
        jobs.start()
        await jobs.stop()
        await outside.close()
    assert len(site.asked) == 1
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
