"""Who stands behind an address: open accounts only, by the same addresses as their inbox, as things are now."""

from __future__ import annotations

from orgs.accounts import Accounts
from orgs.people import Person
from orgs.recipients import PeopleBehind
from orgs.store import PEOPLE, document_of
from orgs.units import Unit, UnitTree
from storage.client import Database

TREE = UnitTree(
    (
        Unit(code="govt", name="区政府", type="govt", level="district"),
        Unit(code="water", name="水务局", type="water", level="district", parent="govt"),
        Unit(code="urban", name="城管局", type="urban", level="district", parent="govt"),
    )
)
STAFF = (
    Person(username="clerk", role="unit_clerk", unit="water"),
    Person(username="head", role="unit_leader", unit="water"),
    Person(username="post", role="unit_clerk", unit="govt", subtree=True),
    Person(username="walker", role="grid_worker", area_codes=("520102",)),
    Person(username="desk", role="dispatcher"),
    Person(username="nobody", role="dispatcher"),
)


async def prepared(database: Database) -> tuple[Accounts, PeopleBehind]:
    await database.insert_many(PEOPLE, [document_of(person.username, person) for person in STAFF])
    accounts = Accounts(database)
    for person in STAFF[:-1]:
        await accounts.create_account(person.username)
    await accounts.create_account("robot", person=Person(username="robot", role="robot", source="up"))
    return accounts, PeopleBehind(database, lambda: TREE)


async def test_behind_when_asked_gives_open_accounts_by_their_addresses(database: Database) -> None:
    accounts, behind = await prepared(database)
    assert await behind.behind(["u:water"]) == {"clerk", "head"}
    assert await behind.behind(["head:water"]) == {"head"}
    assert await behind.behind(["u:*"]) == {"post"}
    assert await behind.behind(["dispatcher:*", "dispatcher:520102"]) == {"desk"}  # nobody has no account
    assert await behind.behind(["grid_worker:520102", "p:robot"]) == {"walker", "robot"}
    assert await behind.behind([]) == await behind.behind(["u:unheard"]) == frozenset()
    accounts.close()


async def test_behind_when_told_to_forget_sees_who_has_left(database: Database) -> None:
    accounts, behind = await prepared(database)
    assert "clerk" in await behind.behind(["u:water"])
    await accounts.disable("clerk")
    assert "clerk" in await behind.behind(["u:water"])  # what was read holds until it is told
    behind.forget()
    assert await behind.behind(["u:water"]) == {"head"}
    accounts.close()
