"""`./heyun import` and `./heyun replay`: city packs, and recorded requests through the intake API."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cities.replay import replay as replay_file
from dispatch.packs import str_error
from storage.fields import FieldCipher, Keyring
from web.cli.city import connected, import_folder, pack_folder, prepare
from web.cli.outcomes import TABLES, tell
from web.cli.output import console
from web.cli.supervise import Supervisor, exclusive
from web.settings import Settings, load

__all__ = ["import_pack", "replay"]


@click.command("import")
@click.argument("pack")
@click.option("--dry-run", is_flag=True, help="Read, check and compare everything, write nothing.")
@click.option(
    "--take-pack", multiple=True, type=click.Choice(TABLES), metavar="TABLE",
    help=f"In this table the pack wins what people and the pack have both changed since: {', '.join(TABLES)}.",
)  # fmt: skip
def import_pack(pack: str, dry_run: bool, take_pack: tuple[str, ...]) -> None:
    """Load a city pack: a folder, or the name of one under cities/. What people have changed since the last import stays."""
    settings = load()
    with exclusive(settings):
        supervisor = Supervisor(settings)
        try:
            uri = supervisor.start_database()
            asyncio.run(_import(replace(settings, mongodb_uri=uri), pack, dry_run, take_pack))
        finally:
            supervisor.stop()


async def _import(settings: Settings, pack: str, dry_run: bool, take_pack: tuple[str, ...]) -> None:
    folder = pack_folder(pack, settings.data, console)
    async with connected(settings) as database:
        cipher = FieldCipher(Keyring.load_or_create(settings.keys)) if settings.keys.exists() or not dry_run else None
        report, outcomes = await import_folder(database, folder, console, dry_run=dry_run, cipher=cipher, take_pack=take_pack)
    for warning in report.warnings[:40]:
        console.print(f"  warning: {str_error(warning)}")
    tell(outcomes, console)
    console.print(f"{folder}: {'no errors, nothing written' if dry_run else 'loaded'}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pack", required=True, help="The city pack that the rows belong to: a folder, or a name under cities/.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many rows.")
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def replay(file: Path, pack: str, limit: int | None, as_json: bool) -> None:
    """Send recorded requests through the intake API and compare with what was recorded.

    Runs beside everything else: its own data folder (under the installation's), its own database and port.
    """
    base = load()
    data = base.data / "replay" / Path(pack).name
    settings = replace(base, data=data, pack=pack, port=_free_port(), database=f"heyun_replay_{Path(pack).name}")
    shown = Console(stderr=True, highlight=False) if as_json else console
    with exclusive(settings):
        supervisor = Supervisor(settings)
        try:
            uri = supervisor.start_database()
            asyncio.run(prepare(replace(settings, mongodb_uri=uri), load_city=True, demo_only=True, console=shown))
            supervisor.start_services()
            result = asyncio.run(_replay(supervisor.url, settings, file, limit, shown))
        finally:
            supervisor.stop()
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    table = Table(show_header=False)
    for name, value in result.items():
        table.add_row(name, "–" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value))
    shown.print(table)


async def _replay(url: str, settings: Settings, file: Path, limit: int | None, shown: Console) -> dict[str, object]:
    token = json.loads((settings.data / "demo-accounts.json").read_text())["partner"]["token"]
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=shown) as bar:
        task = bar.add_task("", total=None)
        done = await replay_file(
            file,
            settings.pack,
            url,
            token,
            limit=limit,
            progress=lambda count, total: bar.update(task, completed=count, total=total),
        )
    return asdict(done)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
