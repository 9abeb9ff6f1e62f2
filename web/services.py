"""Wires a process together: the database, the snapshots behind the ports, the core, the feed, the stream.

`build` returns everything that handlers use; `close` ends it in the opposite order. What changes in any process reaches this
one by the change feed: snapshots are swapped whole, accounts are forgotten, open cases and streams follow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dispatch.learning.versions
import dispatch.links
import dispatch.outside.service
import dispatch.outside.settings
import dispatch.pack_taking
import dispatch.recomputing
import dispatch.relay
import dispatch.reveals
import dispatch.store
import grid.change_store
import grid.entries
import grid.kept_inspections
import grid.store
import hotline.drafts
import orgs.rehearsal
import orgs.store
from dispatch import city as cities
from dispatch import snapshots
from dispatch.actors import SYSTEM
from dispatch.city import City
from dispatch.claims import Claims
from dispatch.draws import PURPOSE
from dispatch.helped import Helped
from dispatch.jobs import Jobs
from dispatch.links import Links
from dispatch.outside.service import Outside
from dispatch.queries import Queries
from dispatch.service import CaseService, utc_now
from dispatch.texting import Texting
from grid.address_search import AddressSearch
from grid.borders import Borders
from grid.coordinates import to_wgs84
from grid.entries import Entries
from grid.file_imports import FileImports
from grid.inspecting import Inspector
from grid.naming import NamedByFieldWork
from grid.service import Territory
from grid.succeeding import Followers
from hotline.drafts import Drafts
from orgs.accounts import Accounts
from orgs.certificates import Certificates
from orgs.ledger import Ledger
from orgs.offering import Offers
from orgs.recipients import PeopleBehind
from orgs.registry import Registry
from orgs.registry_table import RegistryTable
from orgs.rehearsal import Rehearsals
from orgs.rostering import Rosters
from orgs.rule_audit import RuleAudit
from orgs.rule_editor import RuleEditor
from orgs.rule_table import RuleTable
from orgs.rulebook import RuleBook
from orgs.service import Parties
from orgs.throttle import Throttle
from orgs.unit_register import UnitRegister
from storage import indexes
from storage.client import Database
from storage.errors import StorageFailure
from storage.feed import Feed
from storage.fields import FieldCipher, Keyring
from web.auth import Authenticator, Hosts
from web.core import Core, NoCity
from web.fieldwork import FIELD_INDEXES, FieldWork, build_fieldwork
from web.geocoding import open_geocoders
from web.holders import Holders
from web.learning import Learning
from web.naming import NamedByCases, NamedByParties
from web.pictures import Pictures
from web.settings import Settings
from web.stream import Hub
from web.tending import Tending
from web.tiles import Tiles

__all__ = ["Services", "build"]

BORDERS_SECONDS = 3  # well within the time by which a change is written before it holds
LEDGER_SECONDS = 30
WATCHED: Mapping[str, Sequence[str] | None] = {
    "cases": ("live", "case_no"),
    "tellings": ("items",),
    "versions": None,
    "accounts": None,
    "people": None,
    "sessions": None,
}
INDEXES = (
    dispatch.store.INDEXES, dispatch.relay.INDEXES, dispatch.reveals.INDEXES, dispatch.links.INDEXES,
    dispatch.pack_taking.INDEXES, dispatch.recomputing.INDEXES, dispatch.learning.versions.INDEXES,
    dispatch.outside.service.INDEXES, grid.store.INDEXES,
    grid.entries.INDEXES, grid.change_store.INDEXES, grid.kept_inspections.INDEXES, hotline.drafts.INDEXES,
    orgs.rehearsal.INDEXES, orgs.store.INDEXES, Pictures.INDEXES,
    *FIELD_INDEXES,
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Services:
    """What handlers use. One per process; made by `build`."""

    settings: Settings
    database: Database
    territory: Territory
    inspector: Inspector
    file_imports: FileImports
    followers: Followers
    parties: Parties
    core: Core
    accounts: Accounts
    auth: Authenticator
    hosts: Hosts
    feed: Feed
    hub: Hub
    pictures: Pictures
    tiles: Tiles
    outside: Outside
    links: Links
    drafts: Drafts
    rosters: Rosters
    entries: Entries
    borders: Borders
    addresses: AddressSearch
    rules: RuleEditor
    rehearsals: Rehearsals
    rule_audit: RuleAudit
    rule_table: RuleTable
    field: FieldWork
    units: UnitRegister
    queries: Queries
    claims: Claims
    offers: Offers
    ledger: Ledger
    certificates: Certificates
    tending: Tending
    registry: Registry
    registry_table: RegistryTable
    guesses: Throttle
    number_guesses: Throttle
    demo: bool
    clock: Callable[[], datetime]
    closing: contextlib.AsyncExitStack

    @property
    def cases(self) -> CaseService:
        """The one writer of cases."""
        return self.core.cases

    @property
    def city(self) -> City:
        """The city as it is now."""
        return self.core.city

    async def close(self) -> None:
        """End everything, last made first."""
        await self.closing.aclose()


async def build(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Services:
    """Connect, load all snapshots, follow the feed. `clock` is the time by which cases are dated and fall due.

    Raises `NoCity`, `StorageUnavailable`, `StandaloneError`.
    """
    closing = contextlib.AsyncExitStack()
    try:
        return await _build(settings, closing, clock)
    except BaseException:
        await closing.aclose()
        raise


async def _build(settings: Settings, closing: contextlib.AsyncExitStack, clock: Callable[[], datetime]) -> Services:
    database = await _connect(settings, closing)
    feed = Feed(database, WATCHED)
    await feed.start()  # before anything is loaded, so that nothing that changes meanwhile is missed
    closing.push_async_callback(feed.stop)
    keyring = Keyring.load_or_create(settings.keys)
    cipher = FieldCipher(keyring)
    territory, parties, core = await _snapshots(database, cipher, feed, closing, clock)
    core.rules.draw_secret = keyring.secret(PURPOSE)
    accounts = _accounts(database, cipher, parties, feed, closing, clock)
    auth = Authenticator(accounts)
    offers, ledger = Offers(database, clock), Ledger(database, Helped(database), lambda: core.city.params.points, clock)
    tending = await _tend(Tending(database, parties, offers, ledger, clock), offers, feed, closing)
    hub = Hub(feed, auth, core.cases.board)
    tiles = Tiles(lambda: territory.snapshot)
    closing.callback(tiles.close)
    hub.know(core.cases.board.visible(SYSTEM.scope))
    hub.start()
    closing.callback(hub.close)
    await core.cases.relay.tend()  # its mark is there before the first write is
    links = Links(core.cases, database, keyring.secret("case-links"), clock)
    outside = _outside(settings, database, cipher, parties, core, feed, clock, links)
    closing.push_async_callback(outside.close)
    field = build_fieldwork(database, territory, parties, core, cipher, clock)
    pictures = Pictures(database, Holders(core.cases, field.holders))
    closing.callback(pictures.close)
    borders = Borders(database, (NamedByParties(database), NamedByCases(database), NamedByFieldWork(database)), clock)
    inspector = Inspector(database, clock)
    learning = Learning(settings, database, core.cases, lambda: core.city, clock)
    doors = (
        *field.jobs, *learning.doors, (BORDERS_SECONDS, "borders", borders.put_due_in_force),
        (LEDGER_SECONDS, "ledger", ledger.gather),
    )  # fmt: skip
    jobs = Jobs(database, core.cases, outside, holder=f"{socket.gethostname()}:{os.getpid()}", doors=doors)
    jobs.start()
    closing.push_async_callback(jobs.stop)
    closing.callback(learning.close)  # before that: what is being learned is not waited for
    demo = await accounts.has_demo_accounts()
    rules = RuleEditor(RuleBook(database), parties, zones := lambda: territory.snapshot.special_codes)
    return Services(
        settings=settings, database=database, territory=territory, parties=parties, core=core, accounts=accounts, auth=auth,
        inspector=inspector, file_imports=FileImports(inspector, borders),
        followers=Followers(database, territory, clock), hosts=Hosts(loopback_only=demo), feed=feed, hub=hub,
        pictures=pictures, tiles=tiles,
        outside=outside, links=links,
        drafts=Drafts(database, cipher, lambda: core.rules, clock),
        rules=rules, rehearsals=Rehearsals(database, parties, territory, rules, clock),
        units=UnitRegister(database, parties), rule_table=RuleTable(database, rules.book, parties),
        rule_audit=RuleAudit(database, parties, territory, zones, clock),
        entries=Entries(database, lambda code: territory.area(code) is not None),
        offers=offers, ledger=ledger, tending=tending,
        certificates=Certificates(database, ledger, keyring.secret("certificates"), clock),
        registry=Registry(database, cipher, clock), borders=borders,
        addresses=AddressSearch(lambda: territory.snapshot, open_geocoders(outside.settings, closing)),
        registry_table=RegistryTable(database, cipher, to_wgs84),
        rosters=Rosters(database, lambda: parties.snapshot.people, territory), field=field,
        queries=Queries(core.cases, links, keyring.secret("case-queries")),
        claims=Claims(core.cases, database, parties, clock), guesses=Throttle(),
        number_guesses=Throttle(limit=10, window_seconds=900), demo=demo, clock=clock, closing=closing,
    )  # fmt: skip


async def _tend(tending: Tending, offers: Offers, feed: Feed, closing: contextlib.AsyncExitStack) -> Tending:
    await offers.complete()
    closing.callback(feed.subscribe("cases", tending.on_change))
    await tending.load()
    tending.start()
    closing.push_async_callback(tending.close)
    return tending


async def _connect(settings: Settings, closing: contextlib.AsyncExitStack) -> Database:
    if not settings.mongodb_uri:
        raise StorageFailure("no database: set HEYUN_MONGODB_URI, or start the service with ./heyun up")
    database = await Database.connect(settings.mongodb_uri, settings.database, driver=settings.driver)
    closing.push_async_callback(database.close)
    for wanted in INDEXES:
        await indexes.ensure(database, wanted)
    await indexes.ensure(database, Pictures.blob_indexes(database))
    return database


async def _snapshots(
    database: Database, cipher: FieldCipher, feed: Feed, closing: contextlib.AsyncExitStack, clock: Callable[[], datetime]
) -> tuple[Territory, Parties, Core]:
    begin = feed.last_id
    city = await cities.load(database)
    if city is None:
        raise NoCity("no city is loaded: ./heyun import PACK loads one, ./heyun up the demo city")
    catalogue = await snapshots.load_catalogue(database)
    held: list[Core] = []
    territory, parties = await asyncio.gather(  # the territory's index is built by another process meanwhile
        Territory.load(database, clock=clock),
        Parties.load(
            database,
            categories=lambda: held[-1].catalogue.all() if held else catalogue.all(),
            timezone=city.timezone,
            threshold=city.params.dispatch.auto_score,
            clock=clock,
        ),
    )
    core = await Core.load(database, territory, parties, catalogue, city, cipher, announce=feed.announce, clock=clock)
    held.append(core)
    territory.renew_with(parties.renewed)
    core.follow(feed)
    closing.callback(core.close)
    for renewed in (territory, parties):
        closing.push_async_callback(renewed.close)
        closing.callback(renewed.follow(feed))  # at the end: first nothing new is begun, then what is under way ends
    await core.load_open()
    if any(change.collection == "versions" for change in feed.since(begin) or ()):  # imported while we were loading
        await territory.reload()
        await core.reload()
        await parties.reload()
    return territory, parties, core


def _accounts(
    database: Database, cipher: FieldCipher, parties: Parties, feed: Feed, closing: contextlib.AsyncExitStack,
    clock: Callable[[], datetime],
) -> Accounts:  # fmt: skip
    def lent(username: str) -> tuple[str, ...]:
        return parties.roster.lent_areas(username, clock())

    accounts = Accounts(
        database,
        cipher=cipher,
        units=lambda: parties.units,
        lent=lent,
        follow=parties.follow_areas,
    )
    closing.callback(accounts.close)
    for collection in ("accounts", "people", "sessions"):
        feed.subscribe(collection, accounts.on_change)
    parties.on_renewed(accounts.invalidate)
    return accounts


def _outside(
    settings: Settings, database: Database, cipher: FieldCipher, parties: Parties, core: Core, feed: Feed,
    clock: Callable[[], datetime], links: Links,
) -> Outside:  # fmt: skip
    people = PeopleBehind(database, lambda: parties.units, parties.follow_areas)
    for collection in ("accounts", "people"):
        feed.subscribe(collection, people.forget)
    parties.on_renewed(people.forget)
    path = settings.channels_file
    return Outside(
        dispatch.outside.settings.load(path, required=settings.channels is not None), database, cipher, people,
        calendar=lambda: core.calendar, city=lambda: core.city.name, folder=path.parent, clock=clock,
        own_path=links.path_for, callers=Texting(core.cases, links),
    )  # fmt: skip
