"""`./heyun deliveries`: what became of the notices that went outside, and sending them again, on the machine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, get_args

import click
from rich.table import Table

from dispatch.outside.store import DeliveryStore, State
from web.cli.output import console
from web.cli.session import borrowed
from web.settings import load

__all__ = ["deliveries"]

T = TypeVar("T")


@click.group()
def deliveries() -> None:
    """Look at notices on their way outside; send them again."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(get_args(State)), default="dead", show_default=True, help="Which ones.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
def list_deliveries(state: State, limit: int) -> None:
    """Show the newest of a state; never where they go."""
    table = Table("id", "event", "kind", "case", "recipient", "channel", "tries", "error")
    for one in _run(lambda store: store.newest(state, limit=limit)):
        table.add_row(one.id, one.notice, one.kind, one.case_no, one.recipient, one.channel, str(one.attempts), one.error)
    console.print(table)


@deliveries.command()
@click.argument("ids", nargs=-1, required=True)
def resend(ids: tuple[str, ...]) -> None:
    """Have deliveries sent once more, at once and under their ids."""

    async def work(store: DeliveryStore) -> None:
        for one in ids:
            await store.again(one)

    _run(work)
    click.echo(f"{len(ids)} are sent again")


@deliveries.command()
@click.argument("webhook")
@click.argument("event")
def replay(webhook: str, event: str) -> None:
    """Send the receiver WEBHOOK again what it missed, from EVENT (its X-Heyun-Event) on."""
    click.echo(f"{_run(lambda store: store.replay(f'webhook:{webhook}', event))} are sent again")


def _run(work: Callable[[DeliveryStore], Awaitable[T]]) -> T:
    async def run() -> T:
        async with borrowed(load()) as database:
            return await work(DeliveryStore(database))

    return asyncio.run(run())
