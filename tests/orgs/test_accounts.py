"""Signing in and out over a real database: what holds, what expires, what locks, what nobody learns."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from orgs.accounts import Accounts, SignInFailed, UsernameTaken
from orgs.passwords import PasswordPolicy, Passwords, generate_password, otp_step
from orgs.people import Person
from orgs.store import ACCOUNTS, FAILURES, PEOPLE, SESSIONS, document_of
from orgs.throttle import Throttle
from orgs.units import UnitTree
from storage.client import Database
from storage.errors import Invalid, NotFound, TooMany, Unauthorized
from storage.feed import Feed
from storage.fields import FieldCipher, Keyring
from tests.orgs.parties import units

PASSWORD = "Heyun-2026-Guiyang"
HOME = "10.0.0.7"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def accounts(database: Database, clock: Clock, tmp_path: Path) -> AsyncIterator[Accounts]:
    await database.insert_one(
        PEOPLE, document_of("li", Person(username="li", name="李", role="unit_clerk", unit="D520103", subtree=True))
    )
    tree = UnitTree(units())
    opened = Accounts(
        database, cipher=FieldCipher(Keyring.load_or_create(tmp_path / "keys.json")), units=lambda: tree, clock=clock
    )
    await opened.create_account("li", PASSWORD)
    yield opened
    opened.close()


async def test_sign_in_when_right_then_the_session_carries_the_person(accounts: Accounts) -> None:
    session, csrf = await accounts.sign_in("li", PASSWORD, HOME)
    actor = await accounts.actor_of_session(session.token)
    assert (actor.id, actor.role, actor.unit) == ("li", "unit_clerk", "D520103")
    assert "T520103001" in actor.units and csrf == accounts.csrf_of(session.token) and len(csrf) == 48
    assert not session.password_expired


async def test_tokens_when_stored_then_the_database_holds_no_secret(accounts: Accounts, database: Database) -> None:
    session, csrf = await accounts.sign_in("li", PASSWORD, HOME)
    token = await accounts.issue_token("li", "program", 30)
    held = str(await database.find(SESSIONS, {}) + await database.find(ACCOUNTS, {}))
    assert not any(secret in held for secret in (session.token, csrf, token, PASSWORD)) and "argon2id" in held


@pytest.mark.parametrize(("username", "password"), [("li", "wrong"), ("nobody", PASSWORD), ("", ""), ("li", PASSWORD + " ")])
async def test_sign_in_when_anything_is_wrong_then_the_refusal_is_the_same(
    accounts: Accounts, username: str, password: str
) -> None:
    with pytest.raises(SignInFailed) as refused:
        await accounts.sign_in(username, password, HOME)
    assert (refused.value.code, refused.value.data, refused.value.errors) == ("sign_in_failed", {}, ())


@pytest.mark.parametrize("username", ["li", "nobody"])
async def test_sign_in_when_five_times_wrong_then_the_name_is_locked_for_half_an_hour(
    accounts: Accounts, clock: Clock, database: Database, username: str
) -> None:
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await accounts.sign_in(username, "wrong", HOME)
    with pytest.raises(SignInFailed):
        await accounts.sign_in(username, PASSWORD, HOME)
    (failure,) = await database.find(FAILURES, {})
    assert failure["locked_until"] == clock.now + timedelta(minutes=30) and username not in failure["_id"]
    clock.move(minutes=30)
    if username == "li":
        assert (await accounts.sign_in("li", PASSWORD, HOME))[0].username == "li"
        assert await database.count(FAILURES, {}) == 0


async def test_sign_in_when_many_guess_at_once_then_hardly_more_than_five_are_tried(
    accounts: Accounts, database: Database
) -> None:
    outcomes = await asyncio.gather(*(accounts.sign_in("li", f"wrong{n}", HOME) for n in range(12)), return_exceptions=True)
    assert all(isinstance(outcome, SignInFailed) for outcome in outcomes)
    (failure,) = await database.find(FAILURES, {})
    assert failure["failures"] <= 1 and "locked_until" in failure


async def test_sign_in_when_an_address_fails_too_often_then_it_waits(
    accounts: Accounts, database: Database, clock: Clock
) -> None:
    strict = Accounts(database, clock=clock, throttle=Throttle(limit=3, window_seconds=60))
    for number in range(3):
        with pytest.raises(SignInFailed):
            await strict.sign_in(f"nobody{number}", "wrong", HOME)
    with pytest.raises(TooMany) as refused:
        await strict.sign_in("li", PASSWORD, HOME)
    assert refused.value.data["retry_after"] == 61
    assert (await strict.sign_in("li", PASSWORD, "10.0.0.8"))[0].username == "li"
    clock.move(seconds=61)
    assert (await strict.sign_in("li", PASSWORD, HOME))[0].username == "li"
    strict.close()


async def test_session_when_idle_too_long_then_it_is_no_longer_valid(accounts: Accounts, clock: Clock) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    for _ in range(3):
        clock.move(minutes=14)
        assert (await accounts.actor_of_session(session.token)).id == "li"
    clock.move(minutes=16)
    with pytest.raises(Unauthorized):
        await accounts.actor_of_session(session.token)


async def test_session_when_twelve_hours_old_then_it_ends_however_busy(accounts: Accounts, clock: Clock) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    for _ in range(71):
        clock.move(minutes=10)
        await accounts.actor_of_session(session.token)
    clock.move(minutes=10)
    with pytest.raises(Unauthorized):
        await accounts.actor_of_session(session.token)


async def test_session_when_used_often_then_it_is_touched_at_most_once_a_minute(
    accounts: Accounts, clock: Clock, database: Database
) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    start = clock.now
    for _ in range(8):
        clock.move(seconds=11)
        await accounts.actor_of_session(session.token)
    (document,) = await database.find(SESSIONS, {})
    assert document["touched_at"] == start + timedelta(seconds=66)


async def test_sign_out_when_done_then_the_token_is_worth_nothing_at_once(accounts: Accounts) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    await accounts.actor_of_session(session.token)
    await accounts.sign_out(session.token)
    with pytest.raises(Unauthorized):
        await accounts.actor_of_session(session.token)


async def test_kinds_when_a_session_is_shown_as_a_token_or_reversed_then_neither_is_taken(accounts: Accounts) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    token = await accounts.issue_token("li")
    assert (await accounts.actor_of_token(token)).id == "li"
    assert (await accounts.actor_of_session(session.token)).id == "li"
    for asked in (accounts.actor_of_token(session.token), accounts.actor_of_session(token), accounts.actor_of_token("")):
        with pytest.raises(Unauthorized):
            await asked


async def test_token_when_revoked_by_label_then_only_that_one_ends(accounts: Accounts) -> None:
    first, second = await accounts.issue_token("li", "first"), await accounts.issue_token("li", "second")
    assert await accounts.revoke("li", label="first") == 1
    with pytest.raises(Unauthorized):
        await accounts.actor_of_token(first)
    assert (await accounts.actor_of_token(second)).id == "li"
    with pytest.raises(NotFound):
        await accounts.issue_token("nobody")


async def test_program_when_it_has_a_system_then_its_actor_carries_the_source(accounts: Accounts) -> None:
    await accounts.create_account("cameras", person=Person(username="cameras", role="device", source="cctv"))
    actor = await accounts.actor_of_token(await accounts.issue_token("cameras", "main", 365))
    assert (actor.kind, actor.role, actor.source) == ("device", "device", "cctv")
    with pytest.raises(SignInFailed):
        await accounts.sign_in("cameras", "", HOME)


@pytest.mark.parametrize(
    "person", [Person(username="x", role="system"), Person(username="x", role="partner"), Person(username="x")]
)
async def test_create_when_the_role_is_not_for_accounts_then_it_is_refused(accounts: Accounts, person: Person) -> None:
    with pytest.raises(Invalid):
        await accounts.create_account("x", PASSWORD, person=person)
    with pytest.raises(UsernameTaken):
        await accounts.create_account("li", PASSWORD)


@pytest.mark.parametrize("password", ["Short-1", "alllowercaseletters", "onlylower12345678", PASSWORD])
async def test_set_password_when_weak_or_used_then_it_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(PasswordPolicy):
        await accounts.set_password("li", password)


async def test_set_password_when_new_then_sessions_end_and_the_old_one_no_longer_works(accounts: Accounts) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    new = generate_password()
    await accounts.set_password("li", new)
    with pytest.raises(Unauthorized):
        await accounts.actor_of_session(session.token)
    with pytest.raises(SignInFailed):
        await accounts.sign_in("li", PASSWORD, HOME)
    assert (await accounts.sign_in("li", new, HOME))[0].username == "li"
    with pytest.raises(PasswordPolicy):
        await accounts.set_password("li", PASSWORD)


async def test_sign_in_when_the_password_is_ninety_days_old_then_it_says_so(accounts: Accounts, clock: Clock) -> None:
    clock.move(days=91)
    assert (await accounts.sign_in("li", PASSWORD, HOME))[0].password_expired


async def test_disable_when_done_then_nothing_of_the_account_works(accounts: Accounts) -> None:
    token = await accounts.issue_token("li")
    await accounts.disable("li")
    with pytest.raises(Unauthorized):
        await accounts.actor_of_token(token)
    with pytest.raises(SignInFailed):
        await accounts.sign_in("li", PASSWORD, HOME)


async def test_otp_when_the_account_has_a_secret_then_a_code_is_needed_and_works_once(accounts: Accounts, clock: Clock) -> None:
    secret = await accounts.set_otp("li")
    code = TOTP(base64.b32decode(secret), 6, SHA1(), 30).generate(int(clock.now.timestamp())).decode()
    for wrong in (None, "000000" if code != "000000" else "111111", "12345a"):
        with pytest.raises(SignInFailed):
            await accounts.sign_in("li", PASSWORD, HOME, wrong)
    assert (await accounts.sign_in("li", PASSWORD, HOME, code))[0].username == "li"
    with pytest.raises(SignInFailed):
        await accounts.sign_in("li", PASSWORD, HOME, code)


def test_otp_for_the_vectors_of_the_rfc_then_the_step_is_found() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert otp_step(secret, code, seconds) == seconds // 30
        assert otp_step(secret, code, seconds + 30) == seconds // 30
        assert otp_step(secret, code, seconds + 60) is None


async def test_actor_when_another_process_revokes_then_the_feed_makes_it_known(
    accounts: Accounts, database: Database, clock: Clock
) -> None:
    feed = Feed(database, {SESSIONS: None, ACCOUNTS: None, PEOPLE: None})
    dropped = asyncio.Event()

    def note(change: Any) -> None:
        accounts.on_change(change)
        if change.operation in ("delete", "replace"):
            dropped.set()

    for collection in (SESSIONS, ACCOUNTS, PEOPLE):
        feed.subscribe(collection, note)
    await feed.start()
    try:
        session, _ = await accounts.sign_in("li", PASSWORD, HOME)
        token = await accounts.issue_token("li")
        await accounts.actor_of_token(token)
        moved = document_of("li", Person(username="li", name="李", role="unit_clerk", unit="520103-urban"))
        await database.replace_one(PEOPLE, {"_id": "li"}, moved)
        await asyncio.wait_for(dropped.wait(), 5)
        assert (await accounts.actor_of_token(token)).unit == "520103-urban"
        await accounts.actor_of_session(session.token)
        dropped.clear()
        other = Accounts(database, clock=clock)
        await other.sign_out(session.token)
        other.close()
        await asyncio.wait_for(dropped.wait(), 5)
        with pytest.raises(Unauthorized):
            await accounts.actor_of_session(session.token)
    finally:
        await feed.stop()


@pytest.mark.slow
async def test_actor_when_asked_again_then_it_costs_microseconds(accounts: Accounts) -> None:
    session, _ = await accounts.sign_in("li", PASSWORD, HOME)
    await accounts.actor_of_session(session.token)
    taken = []
    for _ in range(2_000):
        start = time.thread_time()
        await accounts.actor_of_session(session.token)
        taken.append(time.thread_time() - start)
    assert statistics.median(taken) < 5e-6


@pytest.mark.slow
async def test_verify_when_there_is_no_such_account_then_it_takes_as_long() -> None:
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    await passwords.verify(None, "x")
    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(15):
        for known in (True, False):
            start = time.perf_counter()
            assert not await passwords.verify(stored if known else None, "wrong")
            taken[known].append(time.perf_counter() - start)
    passwords.close()
    assert 0.5 < min(taken[True]) / min(taken[False]) < 2


async def test_actor_when_many_ask_at_once_then_the_database_is_asked_once(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await accounts.issue_token("li")
    asked: list[str] = []
    find_one = database.find_one

    async def counted(collection: str, *arguments: Any, **named: Any) -> Any:
        asked.append(collection)
        return await find_one(collection, *arguments, **named)

    monkeypatch.setattr(database, "find_one", counted)
    actors = await asyncio.gather(*(accounts.actor_of_token(token) for _ in range(20)))
    assert {actor.id for actor in actors} == {"li"} and asked.count(SESSIONS) == 1
    refused = await asyncio.gather(*(accounts.actor_of_token("unknown") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(error, Unauthorized) for error in refused) and asked.count(SESSIONS) == 2


async def test_actor_when_revoked_while_others_ask_then_who_asks_later_is_refused(accounts: Accounts) -> None:
    token = await accounts.issue_token("li")
    early = asyncio.create_task(accounts.actor_of_token(token))
    await asyncio.sleep(0)
    await accounts.revoke("li")
    with pytest.raises(Unauthorized):
        await accounts.actor_of_token(token)
    await asyncio.gather(early, return_exceptions=True)
