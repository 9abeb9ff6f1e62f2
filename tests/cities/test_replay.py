"""Recorded requests through the real service, and what the rows of each kind of record mean."""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from rich.console import Console

from cities.nyc import build as nyc
from cities.pingshan import build as pingshan
from cities.records import Known, NewYork, Pingshan, Truth, UnknownRecords, records_for
from cities.replay import replay
from orgs.accounts import Accounts
from orgs.people import Person
from storage.client import Database
from tests.service import Running, serving
from web.cli.city import import_folder
from web.settings import Settings

SAMPLE = nyc.SAMPLE / "nyc311_sample.csv"
KNOWN = Known(
    city="NYC",
    categories={"elevator": "0701", "elevator | maintenance": "1501", "5/1/2": "0101"},
    units={"城市管理局": "PS-9"},
    areas={"Bronx": "2", "和平社区": "440310001004", "坪山街道": "440310001"},
)
ROW = {
    "unique_key": "1", "complaint_type": "ELEVATOR", "descriptor": "MAINTENANCE", "agency": "HPD", "borough": "BRONX",
    "latitude": "40.8", "longitude": "-73.9", "community_board": "11 BROOKLYN",
}  # fmt: skip
EVENT = {
    "REC_ID": "7", "EVENT_TYPE_ID": "5", "MAIN_TYPE_ID": "1", "SUB_TYPE_ID": "2", "EVENT_TYPE_NAME": "市容环卫",
    "MAIN_TYPE_NAME": "市容城管", "SUB_TYPE_NAME": "乱摆卖", "EVENT_PROPERTY_NAME": "投诉", "EVENT_SRC_NAME": "12345",
    "COMMUNITY_NAME": "和平社区", "STREET_NAME": "坪山街道", "DISPOSE_UNIT_NAME": "城市管理局",
}  # fmt: skip


def test_new_york_when_a_descriptor_decides_then_its_category() -> None:
    ticket = NewYork().ticket(ROW, KNOWN)
    assert (ticket["category"], ticket["location"]["crs"]) == ("1501", "WGS-84")
    assert NewYork().ticket(ROW | {"descriptor": "Accident"}, KNOWN)["category"] == "0701"


def test_new_york_when_there_is_no_point_then_the_borough() -> None:
    row = ROW | {"latitude": "", "longitude": ""}
    assert NewYork().ticket(row, KNOWN)["area_code"] == "2"
    assert NewYork().ticket(row | {"borough": "Unspecified"}, KNOWN)["area_code"] == "NYC"
    assert NewYork().truth(row, KNOWN) == Truth("HPD", None)


@pytest.mark.parametrize(
    ("board", "grid"),
    [
        ("11 BROOKLYN", "311"),
        ("01 MANHATTAN", "101"),
        ("64 MANHATTAN", "164"),
        ("0 Unspecified", None),
        ("Unspecified BRONX", None),
    ],
)
def test_new_york_when_a_board_is_recorded_then_its_district(board: str, grid: str | None) -> None:
    assert NewYork().truth(ROW | {"community_board": board}, KNOWN).grid == grid


def test_pingshan_when_the_community_is_missing_then_the_street_then_the_district() -> None:
    assert Pingshan().ticket(EVENT, KNOWN)["area_code"] == "440310001004"
    assert Pingshan().ticket(EVENT | {"COMMUNITY_NAME": "-"}, KNOWN)["area_code"] == "440310001"
    assert Pingshan().ticket(EVENT | {"COMMUNITY_NAME": "-", "STREET_NAME": "-"}, KNOWN)["area_code"] == "440310"
    assert Pingshan().ticket(EVENT, KNOWN)["appeal_type"] == "complaint"
    assert Pingshan().truth(EVENT, KNOWN) == Truth("PS-9", None)


def test_records_for_when_columns_are_unknown_then_refused() -> None:
    assert isinstance(records_for(list(ROW)), NewYork)
    assert isinstance(records_for(list(EVENT)), Pingshan)
    with pytest.raises(UnknownRecords):
        records_for(["a", "b"])


@asynccontextmanager
async def serving_pack(uri: str, pack: Path, folder: Path) -> AsyncIterator[Running]:
    """Serve a pack from a database of its own, with a program that may create tickets."""
    name = f"heyun_test_{secrets.token_hex(6)}"
    database = await Database.connect(uri, name)
    try:
        await import_folder(database, pack, Console(file=io.StringIO()))
        accounts = Accounts(database)
        person = Person(username="partner", name="partner", role="partner", source="test-partner")
        await accounts.create_account("partner", None, person=person)
        token = await accounts.issue_token("partner", "test")
        accounts.close()
        async with serving(Settings(mongodb_uri=uri, database=name, data=folder), {"partner": token}) as running:
            yield running
    finally:
        await database.drop_database()
        await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new_york(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The service over the pack of the sample, for both tests that need no more."""
    folder = tmp_path_factory.mktemp("replay")
    nyc.build(folder / "nyc", data=nyc.SAMPLE)
    async with serving_pack(mongodb_uri, folder / "nyc", folder) as service:
        yield service


@pytest.mark.asyncio(loop_scope="module")
async def test_replay_when_the_sample_is_sent_then_agency_and_district_agree(new_york: Running) -> None:
    told: list[tuple[int, int]] = []
    url, token = new_york.url, new_york.tokens["partner"]
    first = await replay(SAMPLE, "nyc", url, token, progress=lambda done, total: told.append((done, total)))
    again = await replay(SAMPLE, "nyc", url, token, limit=40)
    stored = await new_york.services.database.count("cases", {})
    assert (first.rows, first.accepted, stored) == (300, 300, 300)
    assert first.unit_agreement is not None and first.unit_agreement >= 0.99
    assert first.grid_agreement is not None and first.grid_agreement >= 0.99
    assert first.auto_dispatched >= 270
    assert (again.rows, again.accepted) == (40, 40)
    assert told[-1] == (300, 300)


@pytest.mark.asyncio(loop_scope="module")
async def test_replay_when_the_service_holds_another_city_then_refused(new_york: Running, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(",".join(EVENT) + "\n" + ",".join(EVENT.values()) + "\n", encoding="utf-8")
    with pytest.raises(UnknownRecords, match="holds NYC"):
        await replay(other, "nyc", new_york.url, new_york.tokens["partner"])


@pytest.mark.shared_data
@pytest.mark.slow
async def test_replay_when_elevator_rows_are_sent_then_as_recorded(mongodb_uri: str, shared_data: Path, tmp_path: Path) -> None:
    nyc.build(tmp_path / "nyc", data=shared_data)
    file = shared_data / "nyc311" / "nyc311_elevator_2024.csv.gz"
    async with serving_pack(mongodb_uri, tmp_path / "nyc", tmp_path) as service:
        result = await replay(file, "nyc", service.url, service.tokens["partner"], limit=2_000)
    assert result.accepted == 2_000
    assert result.unit_agreement is not None and result.unit_agreement >= 0.99
    assert result.grid_agreement is not None and result.grid_agreement >= 0.998


@pytest.mark.shared_data
@pytest.mark.slow
async def test_replay_when_pingshan_rows_are_sent_then_taken_in_by_area(
    mongodb_uri: str, shared_data: Path, tmp_path: Path
) -> None:
    pingshan.build(tmp_path / "pingshan", data=shared_data)
    file = shared_data / "pingshan_events" / "pingshan_events_2018.csv.gz"
    async with serving_pack(mongodb_uri, tmp_path / "pingshan", tmp_path) as service:
        result = await replay(file, "pingshan", service.url, service.tokens["partner"], limit=1_000)
    assert (result.rows, result.accepted, result.grid_agreement) == (1_000, 1_000, None)
    assert result.unit_agreement is not None and result.unit_agreement >= 0.7
