"""An address is shown to be one's own by a code: until then nothing else goes there; codes cannot be guessed or poured out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.calendar import WorkCalendar
from dispatch.outside.choices import CHANGES, Choice, Way
from dispatch.outside.confirming import CODES, PER_HOUR, TRIES, CodeGone
from dispatch.outside.service import CodeNotSent, Outside
from dispatch.outside.settings import MailSettings, OutsideSettings
from storage.client import Database
from storage.errors import Invalid, NotFound, TooMany
from storage.fields import FieldCipher, Keyring
from tests.outside.samples import BORN
from tests.outside.servers import LOOPBACK, Mailbox, smtp_server

ADDRESS = "clerk@unit.gov.cn"


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = BORN

    def __call__(self) -> datetime:
        return self.now

    def on(self, **time: int) -> None:
        self.now += timedelta(**time)


class Nobody:
    async def behind(self, keys: object) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with smtp_server() as found:
        yield found


@pytest.fixture
async def outside(database: Database, hands: Hands, box: Mailbox) -> AsyncIterator[Outside]:
    settings = OutsideSettings(email=MailSettings(host=LOOPBACK, port=box.port, security="none", sender="heyun@city.test"))
    cipher = FieldCipher(Keyring.generate())
    made = Outside(settings, database, cipher, Nobody(), calendar=WorkCalendar, city=lambda: "小城", folder=Path(), clock=hands)
    await choose(made, ADDRESS)
    yield made
    await made.close()


async def choose(outside: Outside, address: str, *kinds: str) -> None:
    await outside.choices.put("clerk", Choice(email=Way(address=address, kinds=kinds or ("*",))), kinds=("light",))


def code_in(box: Mailbox) -> str:
    found = re.search(r"\d{6}", str(box.mails[-1]["Subject"]))
    assert found is not None
    return found[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def is_confirmed(outside: Outside) -> bool:
    way = (await outside.choices.of("clerk")).email
    assert way is not None
    return way.confirmed


async def test_code_when_typed_in_time_then_notices_go_there(
    database: Database, outside: Outside, hands: Hands, box: Mailbox
) -> None:
    assert (await outside.choices.wishes())["clerk"].kinds == {}, "nothing before"
    assert await outside.send_code("clerk", "email") == hands.now + timedelta(minutes=10)
    assert box.mails[-1]["To"] == ADDRESS
    code = code_in(box)
    assert code not in str(await database.find_one(CODES, {})), "only its hash is kept"
    await outside.confirm("clerk", "email", code)
    assert await is_confirmed(outside) and "email" in (await outside.choices.wishes())["clerk"].kinds
    await choose(outside, ADDRESS, "light")
    assert await is_confirmed(outside), "it stays with the address"
    with pytest.raises(CodeGone):
        await outside.confirm("clerk", "email", code)
    changes = await database.find(CHANGES, {"by": "clerk"}, sort=[("at", 1)])
    assert sorted(one["what"] for one in changes) == ["chosen", "chosen", "code_sent", "confirmed"]
    assert ADDRESS not in str(changes)


async def test_code_when_the_address_changes_then_is_void(outside: Outside, hands: Hands, box: Mailbox) -> None:
    await outside.send_code("clerk", "email")
    await outside.confirm("clerk", "email", code_in(box))
    hands.on(minutes=2)
    await outside.send_code("clerk", "email")
    await choose(outside, "other@unit.gov.cn")
    assert not await is_confirmed(outside)
    with pytest.raises(Invalid):
        await outside.confirm("clerk", "email", code_in(box))
    assert not await outside.choices.confirm("clerk", "email", ADDRESS)


async def test_code_when_guessed_then_gone_after_the_last_try(database: Database, outside: Outside, box: Mailbox) -> None:
    await outside.send_code("clerk", "email")
    code = code_in(box)
    for left in reversed(range(TRIES)):
        with pytest.raises(Invalid) as raised:
            await outside.confirm("clerk", "email", wrong(code))
        assert raised.value.errors[0].message == f"{left} tries left"
    with pytest.raises(CodeGone):
        await outside.confirm("clerk", "email", code)
    assert len(await database.find(CHANGES, {"what": "wrong_code"})) == TRIES


async def test_code_when_ten_minutes_have_passed_then_gone(outside: Outside, hands: Hands, box: Mailbox) -> None:
    await outside.send_code("clerk", "email")
    hands.on(minutes=10)
    with pytest.raises(CodeGone):
        await outside.confirm("clerk", "email", code_in(box))


async def test_code_when_asked_for_too_often_then_refused(outside: Outside, hands: Hands, box: Mailbox) -> None:
    await outside.send_code("clerk", "email")
    with pytest.raises(TooMany) as raised:
        await outside.send_code("clerk", "email")
    assert raised.value.data["retry_after"] == 61
    first = code_in(box)
    for _ in range(PER_HOUR - 1):
        hands.on(minutes=1)
        await outside.send_code("clerk", "email")
    if first != code_in(box):
        with pytest.raises(Invalid):
            await outside.confirm("clerk", "email", first)
    hands.on(minutes=5)
    with pytest.raises(TooMany):
        await outside.send_code("clerk", "email")
    assert len(box.mails) == PER_HOUR
    hands.on(minutes=55)
    await outside.send_code("clerk", "email")


async def test_code_when_it_cannot_be_sent_then_said_so(outside: Outside, hands: Hands, box: Mailbox) -> None:
    with pytest.raises(NotFound):
        await outside.send_code("clerk", "sms")
    with pytest.raises(NotFound):
        await outside.confirm("nobody", "email", "000000")
    box.refusals[ADDRESS] = "550 no such user"
    with pytest.raises(Invalid) as raised:
        await outside.send_code("clerk", "email")
    assert (raised.value.errors[0].field, raised.value.errors[0].message) == ("email.address", "smtp_550")
    hands.on(minutes=1)
    box.refusals[ADDRESS] = "451 later"
    with pytest.raises(CodeNotSent):
        await outside.send_code("clerk", "email")
