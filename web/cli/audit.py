"""`./heyun audit verify`: every hash chain from its first entry on."""

from __future__ import annotations

import asyncio
import json
import sys

import click

from dispatch.chain import verify as verify_chain
from dispatch.store import CASES
from storage.client import Database
from web.cli.session import borrowed
from web.settings import load

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Check what cannot have been changed."""


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def verify(as_json: bool) -> None:
    """Recompute the hash chain of every case; exit status 1 and a line for each problem when one is broken."""
    cases, entries, broken = asyncio.run(_verify())
    for line in broken[:200]:
        click.echo(line, err=True)
    if as_json:
        click.echo(json.dumps({"cases": cases, "entries": entries, "broken": len(broken)}))
    else:
        click.echo(f"{cases} cases, {entries} entries, {'every chain is whole' if not broken else f'{len(broken)} problems'}")
    sys.exit(1 if broken else 0)


async def _verify() -> tuple[int, int, list[str]]:
    async with borrowed(load()) as database:
        return await verify_all(database)


async def verify_all(database: Database) -> tuple[int, int, list[str]]:
    """Return how many cases and entries were read, and a line for each problem."""
    cases = entries = 0
    broken: list[str] = []
    async for case in database.iterate(CASES, {}, projection={"timeline": 1, "head": 1, "case_no": 1}):
        cases += 1
        entries += len(case["timeline"])
        problems = verify_chain(case["timeline"], case["_id"], head=case["head"]["hash"])
        broken += [f"{case['case_no']} entry {one.position}: {one.code}: {one.detail}" for one in problems]
    return cases, entries, broken
