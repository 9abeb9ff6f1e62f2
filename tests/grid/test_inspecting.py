"""Reading and judging in a process of its own: the same answer as here, refusals with their place, never without end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.boundary_files import geopackage, shapefile_parts, zipped
from dispatch.actors import Actor
from dispatch.packs import PackReport
from dispatch.service import utc_now
from grid import importing, store
from grid.files.limits import MAX_UPLOAD, BadBoundaryFile
from grid.files.reading import ReadOptions, read_boundaries
from grid.inspecting import Inspector, Judged
from grid.inspection import inspect
from grid.inspection_process import inspect_apart
from grid.kept_inspections import KEPT
from storage.client import Database
from storage.errors import Forbidden, NotFound, TooLarge, TooMany
from tests.grid.factories import areas_of, collection, small_city, write_pack

ADMINISTRATOR = Actor(id="admin", role="sys_admin")
OPTIONS = ReadOptions(crs="WGS-84")


def features_of(level: str) -> list[tuple[Any, dict[str, Any]]]:
    return [
        (area.geometry, {"code": area.code, "name": area.name, "parent": area.parent or ""})
        for area in small_city().areas
        if area.level == level
    ]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def load_small_city(database: Database, folder: Path) -> None:
    write_pack(folder, small_city())
    await importing.write(database, importing.read(folder, PackReport()))


async def test_inspect_apart_when_a_file_is_good_then_the_same_as_here() -> None:
    data, present = collection(*features_of("grid")[:5]).encode(), areas_of(small_city())
    apart = await inspect_apart(data, OPTIONS, present)
    assert (apart.levels, apart.file.form) == ({"grid": 5}, "geojson")
    assert apart.inspection == inspect(read_boundaries(data, OPTIONS).boundaries, present)
    assert apart.inspection.counts == {"gap": 1, "left_out": 1}


async def test_inspect_apart_when_a_file_is_refused_then_code_place_and_data_come_back() -> None:
    data = zipped({name: shapefile_parts(features_of("grid")[:2]) for name in ("a", "b")})
    with pytest.raises(BadBoundaryFile) as raised:
        await inspect_apart(data, OPTIONS, [])
    assert (raised.value.code, raised.value.errors[0].field, raised.value.data) == (
        "boundary_layer",
        "layer",
        {"names": "a, b"},
    )


async def test_inspect_apart_when_it_takes_too_long_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grid.inspection_process._PATIENCE_SECONDS", 0.001)
    with pytest.raises(BadBoundaryFile) as raised:
        await inspect_apart(b"{}", OPTIONS, [])
    assert raised.value.code == "boundary_file_heavy"


async def test_inspect_apart_when_the_file_takes_more_memory_than_there_is_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grid.inspection_process._MEMORY", 100 * 1024**2)
    with pytest.raises(BadBoundaryFile) as raised:
        await inspect_apart(b"{" + bytes(32 * 1024**2 - 1), OPTIONS, [])
    assert raised.value.code == "boundary_file_heavy"


@pytest.mark.parametrize("patience", [120.0, 0.4])
async def test_inspect_apart_when_it_ends_then_no_file_of_it_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, patience: float
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("grid.inspection_process._PATIENCE_SECONDS", patience)
    data = geopackage({"wg": features_of("grid")}, system=4326)
    with suppress(BadBoundaryFile):
        await inspect_apart(data, OPTIONS, areas_of(small_city()))
    assert names_in(tmp_path) == []


async def test_inspector_when_asked_then_judges_against_the_database(database: Database, tmp_path: Path) -> None:
    await load_small_city(database, tmp_path)
    before = await store.load_version(database)
    data = geopackage({"wg": features_of("grid")}, system=4326)
    page = await Inspector(database, utc_now).inspect(actor=ADMINISTRATOR, data=data, options=OPTIONS)
    seen = page.seen
    assert (page.version, page.next) == (before, None)
    assert (seen.inspection.findings, seen.inspection.effect.same) == ([], 48)
    assert await store.load_version(database) == before


async def test_inspector_when_a_code_is_void_then_it_is_not_taken_again(database: Database, tmp_path: Path) -> None:
    await load_small_city(database, tmp_path)
    shape, properties = features_of("grid")[0]
    code = f"{properties['parent']}099"
    await database.insert_one(store.VOID, {"_id": code})
    data = collection((shape, properties | {"code": code})).encode()
    page = await Inspector(database, utc_now).inspect(actor=ADMINISTRATOR, data=data, options=OPTIONS, keeps_others=True)
    assert [(one.area, one.reason) for one in page.seen.inspection.findings if one.code == "wrong_code"] == [(code, "void")]


async def test_inspector_when_another_role_or_too_many_bytes_then_refused_unread(database: Database) -> None:
    inspector = Inspector(database, utc_now)
    with pytest.raises(Forbidden):
        await inspector.inspect(actor=Actor(id="x", role="dispatcher"), data=b"", options=OPTIONS)
    with pytest.raises(TooLarge):
        await inspector.inspect(actor=ADMINISTRATOR, data=bytes(MAX_UPLOAD + 1), options=OPTIONS)


async def test_inspector_when_many_come_at_once_then_the_last_are_asked_to_come_again(database: Database) -> None:
    inspector, data = Inspector(database, utc_now), collection(*features_of("district")).encode()
    answers = await asyncio.gather(
        *(inspector.judge(actor=ADMINISTRATOR, data=data, options=OPTIONS, keeps_others=False) for _ in range(5)),
        return_exceptions=True,
    )
    assert [isinstance(answer, TooMany) for answer in answers] == [False] * 3 + [True] * 2
    assert len({msgspec.msgpack.encode(answer.seen) for answer in answers[:3] if isinstance(answer, Judged)}) == 1


async def test_inspection_when_kept_then_its_pages_are_those_of_the_first_answer(database: Database) -> None:
    inspector, now = Inspector(database, utc_now), utc_now()
    data = collection(*((None, properties) for _, properties in features_of("grid"))).encode()
    first = await inspector.inspect(actor=ADMINISTRATOR, data=data, options=OPTIONS, limit=20)
    seen, start = list(first.seen.inspection.findings), first.next
    while start is not None:
        page = await inspector.find(actor=ADMINISTRATOR, id=first.id, start=start, limit=20)
        assert (page.version, page.expires_at, page.seen.levels) == (0, first.expires_at, {"grid": 48})
        seen, start = seen + page.seen.inspection.findings, page.next
    whole = inspect(read_boundaries(data, OPTIONS).boundaries, [])
    assert seen == whole.findings and page.seen.inspection.counts == whole.counts
    assert KEPT <= first.expires_at - now < KEPT + timedelta(minutes=5)
    with pytest.raises(NotFound):
        await inspector.find(actor=ADMINISTRATOR, id="0" * 24, start=0, limit=1)
    with pytest.raises(Forbidden):
        await inspector.find(actor=Actor(id="x", role="dispatcher"), id=first.id, start=0, limit=1)


async def test_inspection_when_its_findings_are_of_absurd_length_then_as_many_are_kept_as_a_document_holds(
    database: Database,
) -> None:
    features = [(None, {"code": f"{number}{'x' * 100_000}", "name": "x", "level": "grid"}) for number in range(60)]
    inspector = Inspector(database, utc_now)
    page = await inspector.inspect(actor=ADMINISTRATOR, data=collection(*features).encode(), options=OPTIONS, limit=1000)
    assert 0 < len(page.seen.inspection.findings) < page.seen.inspection.errors
    assert page.next is None and sum(page.seen.inspection.counts.values()) == page.seen.inspection.errors
