"""Deliveries: sent at least once under one id, tried again ever later, given up at last, whoever sweeps and whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.calendar import WorkCalendar
from dispatch.outside.deliveries import AT_ONCE, Deliveries
from dispatch.outside.mail import MailChannel
from dispatch.outside.messages import Channel, Message, SendFailed, SendRefused
from dispatch.outside.schedule import PAUSES
from dispatch.outside.settings import MailSettings
from dispatch.outside.store import CLAIM_SECONDS, DELIVERIES, Delivery, DeliveryStore
from storage.client import Database
from storage.errors import Conflict, NotFound
from tests.outside.samples import BORN, SOON_AGO, delivery, message
from tests.outside.servers import LOOPBACK, Mailbox, smtp_server


async def compose(delivery: Delivery) -> Message:
    if delivery.recipient == "gone":
        raise SendRefused("recipient_gone")
    return message(id=delivery.id, event=delivery.notice, address=f"{delivery.recipient}@unit.test")


def sweeper(store: DeliveryStore, channels: Mapping[str, Channel], **values: float) -> Deliveries:
    return Deliveries(store, channels, compose, WorkCalendar, **values)


def mail(box: Mailbox) -> MailChannel:
    return MailChannel(MailSettings(host=LOOPBACK, port=box.port, security="none", sender="heyun@city.test"))


async def make_due(database: Database) -> None:
    """Put all that is claimed or waits so far back as if the time had passed."""
    filter = {"next_at": {"$exists": True}}
    await database.update_many(DELIVERIES, filter, {"$set": {"next_at": BORN - timedelta(days=1)}})
    await database.update_many(DELIVERIES, {"claimed_until": {"$exists": True}}, {"$set": {"claimed_until": BORN}})


async def test_sweep_when_due_sends_once_and_remembers_the_provider(store: DeliveryStore) -> None:
    async with smtp_server() as box:
        assert await store.add([delivery()]) == 1 and await store.add([delivery()]) == 0
        sweeps = sweeper(store, {"email": mail(box)})
        assert await sweeps.sweep() == 1 and await sweeps.sweep() == 0
    found = await store.find(delivery().id)
    assert found is not None
    assert (found.state, found.attempts, found.provider_id, found.next_at) == ("sent", 1, "Q1", None)
    assert found.sent_at is not None and box.mails[0]["Message-ID"] == f"<{found.id}@city.test>"


async def test_sweep_when_many_processes_sweep_sends_each_once(store: DeliveryStore) -> None:
    await store.add([delivery(f"n{number}") for number in range(30)])
    async with smtp_server() as box:
        counts = await asyncio.gather(*(sweeper(store, {"email": mail(box)}).sweep() for _ in range(4)))
    assert sum(counts) == 30
    assert len({mail["Message-ID"] for mail in box.mails}) == len(box.mails) == 30


async def test_sweep_when_killed_in_the_middle_sends_again_under_the_same_id(database: Database, store: DeliveryStore) -> None:
    await store.add([delivery()])
    taken = asyncio.Event()

    class Dying:
        """Hands the message over and never comes back."""

        def __init__(self, inner: Channel) -> None:
            self.inner = inner

        async def send(self, message: Message) -> str:
            await self.inner.send(message)
            taken.set()
            await asyncio.sleep(3600)
            return ""

    async with smtp_server() as box:
        dying = asyncio.create_task(sweeper(store, {"email": Dying(mail(box))}).sweep())
        await taken.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        other = sweeper(store, {"email": mail(box)})
        assert await other.sweep() == 0  # the claim holds
        await make_due(database)
        assert await other.sweep() == 1
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert [found.attempts for found in await store.newest("sent", limit=5)] == [2]


class Scripted:
    """A channel that does as it is told."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[str] = []
        self.asked = 0

    async def send(self, message: Message) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(message.id)
        return "p"


async def test_sweep_when_it_fails_tries_later_and_later_and_gives_up(database: Database, store: DeliveryStore) -> None:
    await store.add([delivery()])
    channel = Scripted(*[SendFailed("http_503")] * 9)
    sweeps = sweeper(store, {"email": channel})
    for attempt, pause in enumerate(PAUSES, start=1):
        before = await store.now()
        await sweeps.sweep()
        found = await store.find(delivery().id)
        assert found is not None and found.next_at is not None
        assert (found.state, found.attempts, found.error) == ("failed", attempt, "http_503")
        assert timedelta() <= found.next_at - before - pause < timedelta(seconds=5)
        assert await sweeps.sweep() == 0 and channel.asked == attempt
        await make_due(database)
    await sweeps.sweep()
    (dead,) = await store.newest("dead", limit=5)
    assert (dead.attempts, dead.error, dead.next_at) == (6, "http_503", None)
    await sweeps.sweep()
    assert channel.asked == 6


async def test_sweep_when_the_other_side_asks_for_time_waits_so_long(store: DeliveryStore) -> None:
    await store.add([delivery()])
    before = await store.now()
    await sweeper(store, {"email": Scripted(SendFailed("http_429", retry_after=600))}).sweep()
    found = await store.find(delivery().id)
    assert found is not None and found.next_at is not None and found.next_at - before >= timedelta(minutes=10)


async def test_sweep_when_refused_or_without_recipient_gives_up_at_once(store: DeliveryStore) -> None:
    await store.add([delivery("n1"), delivery("n2", "gone")])
    await sweeper(store, {"email": Scripted(SendRefused("smtp_550"))}).sweep()
    assert sorted(found.error for found in await store.newest("dead", limit=5)) == ["recipient_gone", "smtp_550"]


async def test_sweep_when_a_channel_is_down_rests_and_leaves_the_others_alone(store: DeliveryStore) -> None:
    waiting = [delivery(f"n{number}") for number in range(3 * AT_ONCE)]
    await store.add([*waiting, *(delivery(f"n{number}", channel="sms") for number in range(3 * AT_ONCE))])
    down, up = Scripted(*[SendFailed("timeout")] * 99), Scripted()
    await sweeper(store, {"email": down, "sms": up}).sweep()
    assert down.asked == AT_ONCE and len(up.sent) == 3 * AT_ONCE
    assert len(await store.newest("waiting", limit=99)) == 2 * AT_ONCE


async def test_sweep_when_one_delivery_hits_a_defect_sends_the_rest(
    store: DeliveryStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.add([delivery("n1", at=BORN), delivery("n2"), delivery("n3")])
    channel = Scripted(ZeroDivisionError("defect"))
    assert await sweeper(store, {"email": channel}).sweep() == 2
    (failed,) = await store.newest("failed", limit=5)
    assert failed.error == "internal" and "could not be sent" in caplog.text


async def test_sweep_when_a_channel_hangs_ends_the_attempt(store: DeliveryStore) -> None:
    await store.add([delivery()])

    class Hanging:
        async def send(self, message: Message) -> str:
            await asyncio.sleep(3600)
            return ""

    await sweeper(store, {"email": Hanging()}, send_seconds=0.05).sweep()
    assert [found.error for found in await store.newest("failed", limit=5)] == ["timeout"]


async def test_sweep_when_every_attempt_ended_with_its_process_gives_up(store: DeliveryStore) -> None:
    await store.add([delivery(attempts=6)])
    channel = Scripted()
    await sweeper(store, {"email": channel}).sweep()
    assert channel.asked == 0 and [found.error for found in await store.newest("dead", limit=5)] == ["never_ended"]


async def test_sweep_when_it_may_wait_for_working_hours_is_tried_in_them(store: DeliveryStore) -> None:
    await store.add([delivery(quiet=True)])
    await sweeper(store, {"email": Scripted(SendFailed("timeout"))}).sweep()
    found = await store.find(delivery().id)
    assert found is not None and found.next_at is not None and WorkCalendar().is_working(found.next_at)


async def test_sweep_without_channels_asks_the_database_nothing() -> None:
    class NoDatabase:
        def __getattr__(self, name: str) -> None:
            raise AssertionError(name)

    assert await sweeper(DeliveryStore(NoDatabase()), {}).sweep() == 0  # type: ignore[arg-type]


async def test_failed_when_the_claim_was_taken_over_changes_nothing(database: Database, store: DeliveryStore) -> None:
    await store.add([delivery()])
    mine = await store.claim(delivery().id)
    assert mine is not None and await store.claim(mine.id) is None
    await make_due(database)
    other = await store.claim(mine.id)
    assert other is not None and other.attempts == 2
    await store.failed(mine, "timeout", BORN)
    await store.buried(mine, "timeout")
    assert await store.find(mine.id) == other
    assert other.claimed_until is not None
    assert timedelta() < other.claimed_until - datetime.now(UTC) <= timedelta(seconds=CLAIM_SECONDS + 5)


async def test_again_when_dead_is_sent_under_the_same_id(store: DeliveryStore) -> None:
    await store.add([delivery()])
    channel = Scripted(SendRefused("smtp_550"))
    sweeps = sweeper(store, {"email": channel})
    await sweeps.sweep()
    again = await store.again(delivery().id)
    assert (again.state, again.attempts) == ("waiting", 0)
    assert await sweeps.sweep() == 1 and channel.sent == [delivery().id]
    await store.again(delivery().id)
    await store.claim(delivery().id)
    with pytest.raises(Conflict):
        await store.again(delivery().id)
    with pytest.raises(NotFound):
        await store.again("d0")


async def test_replay_when_asked_from_an_event_sends_it_and_all_later_ones(store: DeliveryStore) -> None:
    hook = "webhook:upstream"
    events = [delivery(f"n{number}", "upstream", hook, at=BORN + timedelta(minutes=number)) for number in range(5)]
    await store.add([*events, delivery("n4", "clerk")])
    channel = Scripted()
    sweeps = sweeper(store, {hook: channel})
    await sweeps.sweep()
    assert await store.replay(hook, "n3") == 2
    assert await sweeps.sweep() == 2 and sorted(channel.sent[5:]) == sorted(event.id for event in events[3:])
    with pytest.raises(NotFound):
        await store.replay(hook, "n9")


async def test_newest_when_paged_gives_each_once(store: DeliveryStore) -> None:
    made = [delivery(f"n{number}", state="dead", created_at=SOON_AGO + timedelta(minutes=number // 3)) for number in range(10)]
    await store.add(made)
    seen: list[Delivery] = []
    while page := await store.newest("dead", limit=3, after=seen[-1].id if seen else None):
        seen += page
    assert [found.id for found in seen] == [
        found.id for found in sorted(made, key=lambda found: (found.created_at, found.id), reverse=True)
    ]


async def test_queries_when_explained_walk_an_index(database: Database, store: DeliveryStore) -> None:
    await store.add([delivery(f"n{number}") for number in range(5)])
    due = {"channel": "email", "next_at": {"$lte": BORN, "$type": "date"}}
    listed = {"state": "dead", "created_at": {"$lte": BORN}, "$or": [{"created_at": {"$lt": BORN}}, {"_id": {"$lt": "d1"}}]}
    for filter, sort in ((due, [("next_at", 1)]), (listed, [("created_at", -1), ("_id", -1)])):
        plan = str((await database.explain(DELIVERIES, filter, sort, 50))["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan
    plan = str((await database.explain(DELIVERIES, {"channel": "email", "at": {"$gte": BORN}}))["queryPlanner"]["winningPlan"])
    assert "channel_1_at_1" in plan
