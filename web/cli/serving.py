"""`./heyun up` and `./heyun serve`: a city that is loaded and served, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace

import click
from rich.table import Table

from dispatch.outside import settings as outside
from web.cli.city import prepare
from web.cli.output import console, step
from web.cli.supervise import AlreadyRunning, Supervisor, exclusive
from web.settings import Settings, load

__all__ = ["serve", "serve_while", "up"]


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (HEYUN_PORT, 8888).")
@click.option("--host", help="Address to listen on (HEYUN_HOST, 127.0.0.1).")
def up(port: int | None, host: str | None) -> None:
    """Set up everything and serve the demo city."""
    settings = _with(load(), port=port, host=host)
    try:
        serve_while(settings, lambda supervisor: supervisor.watch(), load_city=True)
    except AlreadyRunning as running:
        console.print(f"Already running at [bold]{running.data['url']}[/].")


@click.command()
@click.option("--processes", type=click.IntRange(1, 64), help="Service processes that share the port.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--host", help="Address to listen on.")
def serve(processes: int | None, port: int | None, host: str | None) -> None:
    """Serve with what is set up."""
    settings = _with(load(), processes=processes, port=port, host=host)
    serve_while(settings, lambda supervisor: supervisor.watch(), load_city=False)


def _with(settings: Settings, **given: object) -> Settings:
    return replace(settings, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def serve_while(settings: Settings, work: Callable[[Supervisor], None], *, load_city: bool, demo_only: bool = False) -> None:
    """Start the parts, do `work`, end the parts; `load_city` fills an empty database with the configured pack first,
    `demo_only` refuses a database that is not marked as a demo."""
    outside.load(settings.channels_file, required=settings.channels is not None)  # refused before anything is started
    with exclusive(settings):
        supervisor = Supervisor(settings)
        try:
            with step("database"):
                uri = supervisor.start_database()
            asyncio.run(prepare(replace(settings, mongodb_uri=uri), load_city=load_city, demo_only=demo_only, console=console))
            with step("service"):
                supervisor.start_services()
            _welcome(settings, supervisor.url)
            work(supervisor)
        except KeyboardInterrupt:
            console.print()
        finally:
            console.print("Stopping the service, then the database …")
            supervisor.stop()


def _welcome(settings: Settings, url: str) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("Open", f"[bold]{url}[/]")
    accounts = settings.data / "demo-accounts.json"
    if accounts.exists():
        table.add_row("Sign in", f"demo accounts and their passwords: {accounts}")
        table.add_row("", "grid_worker (phone), operator, unit_clerk, dispatcher (live board)")
    table.add_row("API", f"{url}/api/docs")
    table.add_row("Logs", str(settings.data / "logs" / "service.log"))
    table.add_row("Stop", "Ctrl-C")
    if started := os.environ.get("HEYUN_STARTED_AT"):
        table.add_row("", f"[dim]ready after {time.time() - float(started):.1f} s[/]")
    console.print(table)
