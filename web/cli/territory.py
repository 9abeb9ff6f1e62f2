"""`./heyun territory inspect` and `import`: judge a file of boundaries on the machine itself, and put it in force."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.table import Table

from dispatch import city as cities
from dispatch.actors import Actor
from dispatch.model import CRS_NAMES, LEVELS
from dispatch.service import utc_now
from grid.areas import GRID_KINDS
from grid.borders import Borders, Change
from grid.file_imports import BoundariesRefused, FileImports
from grid.files.properties import parse_field_map
from grid.files.reading import ReadOptions
from grid.inspecting import Inspector
from grid.kept_inspections import InspectionPage
from storage.client import Database
from web.cli.output import console
from web.cli.session import borrowed
from web.findings import InspectionAnswer, finding_words, inspection_answer
from web.problems import LANGUAGES
from web.settings import load

__all__ = ["territory"]

_CONSOLE = Actor(id="console", role="sys_admin")


def _reading(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the file and how to read it."""
    for option in (
        click.option("--ignore-file-crs", is_flag=True, help="What the file says of its coordinates does not count."),
        click.option("--field-map", default="", help="Which property holds which part, like code:BM,name:MC."),
        click.option("--kind", default="duty", show_default=True, type=click.Choice(GRID_KINDS), help="Of grids that say none."),
        click.option("--level", default="", type=click.Choice(("", *LEVELS)), help="Of features that say none."),
        click.option("--layer", help="Which layer, of a file with several."),
        click.option("--crs", required=True, type=click.Choice(CRS_NAMES), help="What the coordinates really are."),
        click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ):
        verb = option(verb)
    return verb


@click.group()
def territory() -> None:
    """Judge files of boundaries, and put them in force."""


@territory.command()
@_reading
@click.option("--keeps-others", is_flag=True, help="Areas that the file leaves out stay as they are.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1), help="How many findings are shown.")
@click.option("--language", default="zh-CN", show_default=True, type=click.Choice(LANGUAGES))
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def inspect(file: Path, keeps_others: bool, limit: int, language: str, as_json: bool, **reading: Any) -> None:
    """Say what is wrong with FILE against the territory that is loaded; exit status 1 when something must be mended."""
    page = asyncio.run(_inspect(file.read_bytes(), reading, keeps_others, limit))
    answer = inspection_answer(page, language)
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        _show(answer)
    sys.exit(0 if answer.possible else 1)


@territory.command(name="import")
@_reading
@click.option("--complete", is_flag=True, help="What the file lacks below the parents that it names is void.")
@click.option("--version", required=True, type=int, help="Of the territory that FILE was inspected against.")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="From when on, in the city's time; now when it is not given.")
@click.option("--language", default="zh-CN", show_default=True, type=click.Choice(LANGUAGES))
def import_(
    file: Path, complete: bool, version: int, reason: str, at: datetime | None, language: str, **reading: Any
) -> None:  # fmt: skip
    """Put FILE in force as one change of the territory; when something speaks against it, nothing of it is taken."""
    try:
        change = asyncio.run(_import(file.read_bytes(), reading, complete, version, reason, at))
    except BoundariesRefused as error:
        for one in error.inspection.findings:
            if one.severity == "error":
                console.print(f"{one.feature or '-'} {one.area}: {finding_words(one, language)}")
        sys.exit(1)
    click.echo(f"{change.id} {change.state}: {change.counts.touched} areas, {change.counts.gone} void")


async def _inspect(data: bytes, reading: dict[str, Any], keeps_others: bool, limit: int) -> InspectionPage:
    async with borrowed(load()) as database:
        options = _options(reading, await _zone(database))
        return await Inspector(database, utc_now).inspect(
            actor=_CONSOLE, data=data, options=options, keeps_others=keeps_others, limit=limit
        )  # fmt: skip


async def _import(
    data: bytes, reading: dict[str, Any], complete: bool, version: int, reason: str, at: datetime | None
) -> Change:  # fmt: skip
    async with borrowed(load()) as database:
        zone = await _zone(database)
        imports = FileImports(Inspector(database, utc_now), Borders(database, (), utc_now))
        effective_at = at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if at else None
        change, _ = await imports.take(
            actor=_CONSOLE, data=data, options=_options(reading, zone), complete=complete, version=version,
            effective_at=effective_at, reason=reason, key=secrets.token_hex(12),
        )  # fmt: skip
        return change


async def _zone(database: Database) -> str:
    city = await cities.load(database)
    return city.timezone if city else "Asia/Shanghai"


def _options(reading: dict[str, Any], zone: str) -> ReadOptions:
    return ReadOptions(**reading | {"field_map": parse_field_map(reading["field_map"]), "zone": zone})


def _show(answer: InspectionAnswer) -> None:
    table = Table("", "code", "feature", "area", "what", "where")
    for one in answer.findings:
        feature = "" if one.feature is None else str(one.feature)
        where = "" if one.lon is None else f"{one.lon:.6f} {one.lat:.6f}"
        table.add_row(one.severity, one.code, feature, one.area, one.message, where)
    if answer.findings:
        console.print(table)
    levels = ", ".join(f"{count} {level or '?'}" for level, count in answer.levels.items())
    effect = ", ".join(f"{count} {name}" for name, count in msgspec.structs.asdict(answer.effect).items())
    console.print(f"{answer.format} {answer.layer}: {levels}; {effect}; {answer.errors} errors, {answer.warnings} warnings")
    console.print(f"against version {answer.version} of the territory; kept as {answer.id}")
