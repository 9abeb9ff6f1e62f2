"""Choices of people: kept whole, addresses sealed, wrong ones named; and what planning makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.calendar import WorkCalendar
from dispatch.outside.choices import CHOICES, Choice, Choices, Way, Wish
from dispatch.outside.planning import Plan
from dispatch.outside.settings import RobotSettings
from storage.client import Database
from storage.errors import Invalid
from storage.fields import FieldCipher, Keyring, SealBroken
from tests.outside.samples import BORN

NIGHT = datetime(2025, 11, 24, 15, 0, tzinfo=UTC)  # Monday 23:00 in Guiyang
KINDS = frozenset({"dispatch", "light"})
ALL = Choice(
    email=Way(address="clerk@unit.gov.cn"),
    sms=Way(address=" +86 138-1234-1234 ", kinds=("light",)),
    wecom=Way(address="zhang.san", kinds=("dispatch", "light")),
)


@pytest.fixture
def choices(database: Database) -> Choices:
    return Choices(database, FieldCipher(Keyring.generate()), lambda: BORN)


async def test_choice_when_put_is_kept_in_its_normal_form(choices: Choices) -> None:
    kept = await choices.put("clerk", ALL, kinds=KINDS)
    assert kept.sms == Way(address="+8613812341234", kinds=("light",))
    assert await choices.of("clerk") == kept and await choices.of("other") == Choice()
    await choices.put("clerk", Choice(language="en", quiet_hours=False), kinds=KINDS)
    assert await choices.of("clerk") == Choice(language="en", quiet_hours=False)


async def test_choice_when_stored_shows_no_address(database: Database, choices: Choices) -> None:
    await choices.put("clerk", ALL, kinds=KINDS)
    stored = await database.find_one(CHOICES, {"_id": "clerk"})
    assert not any(text in str(stored) for text in ("unit.gov.cn", "13812341234", "zhang"))
    assert "address" not in str(await choices.wishes())
    await database.insert_one(CHOICES, {**(stored or {}), "_id": "thief"})  # moved to somebody else it does not open
    with pytest.raises(SealBroken):
        await choices.of("thief")


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        (Choice(email=Way(address="clerk")), ["email.address"]),
        (Choice(email=Way(address="a@b.cn\nBcc: c@d.cn")), ["email.address"]),
        (Choice(sms=Way(address="call me")), ["sms.address"]),
        (Choice(wecom=Way(address="@all")), ["wecom.address"]),
        (Choice(wecom=Way(address="a|b")), ["wecom.address"]),
        (Choice(email=Way(address="a@b.cn", kinds=("light", "party"))), ["email.kinds[1]"]),
    ],
)
async def test_choice_when_something_is_wrong_is_refused_by_name(
    database: Database, choices: Choices, choice: Choice, fields: list[str]
) -> None:
    with pytest.raises(Invalid) as raised:
        await choices.put("clerk", choice, kinds=KINDS)
    assert [error.field for error in raised.value.errors] == fields
    assert await database.count(CHOICES, {}) == 0


def notice(**values: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "_id": "n1", "kind": "dispatch", "keys": ["u:water1", "u:*"], "at": BORN, "by": "dispatcher", "case": "c1",
        "case_no": "GY20251124-000001", "urgency": "normal", "line": "张三 电话", "read_by": [],
    }  # fmt: skip
    return defaults | values


def plan(now: datetime = BORN, **values: Any) -> Plan:
    wish = Wish(True, {"email": frozenset("*"), "sms": frozenset({"light"})})
    defaults: dict[str, Any] = {
        "wishes": {"clerk": wish, "dispatcher": wish, "owl": Wish(False, {"email": frozenset("*")})}, "targets": {},
        "channels": ("email", "sms"), "calendar": WorkCalendar(), "now": now,
    }  # fmt: skip
    return Plan(**(defaults | values))


def test_plan_when_people_have_chosen_then_only_their_kinds_and_channels() -> None:
    made = plan().deliveries(notice(), {"clerk", "nobody"})
    assert [(one.recipient, one.channel) for one in made] == [("clerk", "email")]
    made = plan().deliveries(notice(kind="light"), {"clerk"})
    assert [(one.recipient, one.channel) for one in made] == [("clerk", "email"), ("clerk", "sms")]
    assert plan(channels=()).deliveries(notice(kind="light"), {"clerk"}) == []


def test_plan_when_somebody_did_it_themself_then_is_not_told() -> None:
    assert [one.recipient for one in plan().deliveries(notice(), {"clerk", "dispatcher"})] == ["clerk"]


def test_plan_when_it_is_night_then_only_what_is_urgent_goes_at_once() -> None:
    (waiting,) = plan(NIGHT).deliveries(notice(), {"clerk"})
    assert waiting.quiet and waiting.next_at == datetime(2025, 11, 25, 1, 0, tzinfo=UTC)  # Tuesday 09:00
    (urgent,) = plan(NIGHT).deliveries(notice(urgency="emergency"), {"clerk"})
    (owl,) = plan(NIGHT).deliveries(notice(), {"owl"})
    assert (urgent.next_at, urgent.quiet, owl.next_at, owl.quiet) == (NIGHT, False, NIGHT, False)


def test_plan_when_targets_are_configured_then_by_address_and_kind() -> None:
    def told(**values: Any) -> bool:
        robot = RobotSettings(name="duty", key="k", **{"keys": ("u:water1",), **values})
        return bool(plan(targets={"robot:duty": robot}).deliveries(notice(), set()))

    assert told() and told(keys=("*",)) and told(kinds=("dispatch",))
    assert not told(keys=("u:water2",)) and not told(kinds=("light",))


def test_plan_when_made_again_then_the_same_ids_and_nothing_personal() -> None:
    (first,), (second,) = (plan(now).deliveries(notice(), {"clerk"}) for now in (BORN, BORN + timedelta(hours=1)))
    assert first.id == second.id and "张三" not in str(first)
