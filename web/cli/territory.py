"""`./heyun territory inspect`: judges a file of boundaries on the machine itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table

from dispatch import city as cities
from dispatch.actors import Actor
from dispatch.model import CRS_NAMES, LEVELS
from grid.areas import GRID_KINDS
from grid.file_orders import orders_of
from grid.files.properties import parse_field_map
from grid.files.reading import ReadOptions
from grid.inspecting import Inspector
from grid.inspection_process import Inspected
from web.cli.output import console
from web.cli.session import borrowed
from web.findings import InspectionAnswer, inspection_answer
from web.problems import LANGUAGES
from web.settings import load

__all__ = ["territory"]

_CONSOLE = Actor(id="console", role="sys_admin")


@click.group()
def territory() -> None:
    """Look at files of boundaries before anything is taken from them."""


@territory.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--crs", required=True, type=click.Choice(CRS_NAMES), help="What the coordinates really are.")
@click.option("--layer", help="Which layer, of a file with several.")
@click.option("--level", default="", type=click.Choice(("", *LEVELS)), help="Of features that say none.")
@click.option("--kind", default="duty", show_default=True, type=click.Choice(GRID_KINDS), help="Of grids that say none.")
@click.option("--field-map", default="", help="Which property holds which part, like code:BM,name:MC.")
@click.option("--keeps-others", is_flag=True, help="Areas that the file leaves out stay as they are.")
@click.option("--ignore-file-crs", is_flag=True, help="What the file says of its coordinates does not count.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1), help="How many findings are shown.")
@click.option("--language", default="zh-CN", show_default=True, type=click.Choice(LANGUAGES))
@click.option("--orders", type=click.Path(file_okay=False, path_type=Path), help="Where to write what puts the file in force.")
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def inspect(
    file: Path, crs: str, layer: str | None, level: str, kind: str, field_map: str, keeps_others: bool, ignore_file_crs: bool,
    limit: int, language: str, orders: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what is wrong with FILE against the territory that is loaded; exit status 1 when something must be mended.

    With --orders, and when nothing must be mended, a body for POST /api/v1/territory/changes is written for each parent.
    """
    if orders is not None and keeps_others:
        raise click.UsageError("an order replaces all areas of a parent: --orders and --keeps-others do not go together")
    options = ReadOptions(
        crs=crs, layer=layer, level=level, kind=kind, field_map=parse_field_map(field_map), ignore_file_crs=ignore_file_crs
    )
    seen = asyncio.run(_inspect(file.read_bytes(), options, keeps_others))
    answer = inspection_answer(seen, language, limit=limit)
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        _show(answer)
    if orders is not None and answer.possible:
        _write_orders(seen, orders)
    sys.exit(0 if answer.possible else 1)


async def _inspect(data: bytes, options: ReadOptions, keeps_others: bool) -> Inspected:
    async with borrowed(load()) as database:
        city = await cities.load(database)
        options = msgspec.structs.replace(options, zone=city.timezone) if city else options
        return await Inspector(database).inspect(actor=_CONSOLE, data=data, options=options, keeps_others=keeps_others)


def _write_orders(seen: Inspected, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, order in enumerate(orders_of(seen.boundaries), start=1):
        name = f"{number:04}-{order.level}-{order.parent}{f'-{order.area_kind}' if order.area_kind else ''}.json"
        (folder / name).write_bytes(msgspec.json.encode({"order": order}))


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
