"""Loads city packs: finds or builds the pack, reads all of it, tells every error, and only then writes."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

import dispatch.importing
import grid.importing
import orgs.importing
from dispatch import city as cities
from dispatch import joint_importing
from dispatch.importing import CorePack
from dispatch.joint import JointTemplate
from dispatch.pack_taking import TableOutcome, Taking
from dispatch.packs import PackReport
from grid.coordinates import to_wgs84
from grid.group_service import read_groups, write_groups
from grid.groups import Group
from grid.importing import TerritoryPack
from orgs.demo import create_demo_accounts
from orgs.importing import Parsed
from storage.client import Database
from storage.errors import HeyunError
from storage.fields import FieldCipher, Keyring
from web.cli.output import step
from web.settings import Settings

__all__ = ["NoCityLoaded", "connected", "import_folder", "pack_folder", "prepare"]

CITIES = Path(__file__).resolve().parents[2] / "cities"


class NoCityLoaded(HeyunError):
    """Raised by a verb that needs a loaded city when the database holds none."""

    code = "no_city"


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Database]:
    """Open the configured database for one verb."""
    if not settings.mongodb_uri:
        raise HeyunError("no database", code="no_database")
    database = await Database.connect(settings.mongodb_uri, settings.database, driver=settings.driver)
    try:
        yield database
    finally:
        await database.close()


async def prepare(settings: Settings, *, load_city: bool, demo_only: bool, console: Console) -> None:
    """Have a city in the database; an import that was cut off is done again, since the city's own document comes last."""
    async with connected(settings) as database:
        city = await cities.load(database)
        if city is None:
            if not load_city:
                raise NoCityLoaded("no city is loaded: ./heyun import PACK loads one, ./heyun up the demo city")
            folder = pack_folder(settings.pack, settings.data, console)
            await import_folder(database, folder, console, cipher=FieldCipher(Keyring.load_or_create(settings.keys)))
            city = await cities.load(database)
        accounts = settings.data / "demo-accounts.json"
        if demo_only and not (city and city.demo):
            raise HeyunError("the database holds a real city: a day is only played on a demo", code="not_a_demo")
        if city and city.demo and not accounts.exists():
            with step("demo accounts", console):
                await create_demo_accounts(database, accounts)


def pack_folder(pack: str, data: Path, console: Console) -> Path:
    """Return the folder of a pack: one given by path, one of `cities/`, or one that `cities/NAME/build.py` makes now."""
    given = Path(pack)
    if (given / "areas.geojson").exists() or (given / "areas.geojson.gz").exists():
        return given
    made = data / "packs" / pack
    if not (CITIES / pack / "build.py").exists():
        if made.exists():
            return made
        known = sorted(path.parent.name for path in CITIES.glob("*/build.py"))
        raise HeyunError(f"no city pack {pack}: a folder with areas.geojson, or one of {', '.join(known)}", code="no_pack")
    stamp, wanted = made / ".complete", _digest(CITIES / pack)
    if not (stamp.exists() and stamp.read_text() == wanted):
        with step(f"city {pack}: drawing areas, units, organizations, people", console):
            importlib.import_module(f"cities.{pack}.build").build(made)
        stamp.write_text(wanted)
    return made


def _digest(folder: Path) -> str:
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


async def import_folder(
    database: Database,
    folder: Path,
    console: Console,
    *,
    dry_run: bool = False,
    cipher: FieldCipher | None = None,
    take_pack: Collection[str] = (),
) -> tuple[PackReport, dict[str, TableOutcome]]:
    """Read the whole pack, raise with every error there is, then take it over; the city's document last. Returns what there is to
    say of the pack, and of each table that people write as well what became of its rows.

    `cipher` seals what of it is personal; a pack that names persons is not taken over without. `take_pack` names the tables (or
    `all`) in which the pack goes before what people have changed otherwise.
    """
    report = PackReport()
    with step("city: reading and checking", console):
        pack = _read(folder, report)
        report.raise_if_errors()
    taking = Taking(database, await database.server_time(), dry_run=dry_run, take_pack=take_pack)
    with step("city: comparing" if dry_run else "city: writing", console):
        await grid.importing.write(database, pack.territory, taking)
        await orgs.importing.write(database, pack.parties, cipher=cipher, taking=taking)
        await write_groups(database, pack.groups, taking)
        if pack.templates is not None and not dry_run:
            await joint_importing.write(database, pack.templates)
        await dispatch.importing.write(database, pack.core, taking)
    return report, taking.outcomes


class _Pack(NamedTuple):
    """All parts of a pack, read."""

    core: CorePack
    territory: TerritoryPack
    parties: Parsed
    templates: list[JointTemplate] | None
    groups: list[Group]


def _read(folder: Path, report: PackReport) -> _Pack:
    """Each part is checked against those before it."""
    core = dispatch.importing.read(folder, report)
    territory = grid.importing.read(folder, report, categories=core.category_codes)
    parties = orgs.importing.read(
        folder,
        report,
        areas=territory.codes | territory.management.keys(),
        managing=territory.management,
        zones=territory.zone_codes,
        categories=core.category_codes,
        timezone=core.city.timezone if core.city else "Asia/Shanghai",
        to_wgs84=to_wgs84,
    )
    templates = joint_importing.read(folder, report, categories=core.category_codes, units=parties.unit_names)
    leaders = frozenset(person.username for person in parties.people if person.role == "group_leader")
    groups = read_groups(folder, report, areas=territory.areas, leaders=leaders)
    return _Pack(core, territory, parties, templates, groups)
