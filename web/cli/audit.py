"""`./heyun audit verify`: every hash chain from its first entry on. `./heyun audit draws`: every draw of a spot check again."""

from __future__ import annotations

import asyncio
import json
import sys

import click

from dispatch.chain import verify as verify_chain
from dispatch.city import load as load_city
from dispatch.draws import LOOKED_AT, PURPOSE, Sampling, draw_of, is_drawn
from dispatch.store import CASES
from storage.client import Database
from storage.fields import Keyring
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


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def draws(as_json: bool) -> None:
    """Draw every closed case again with the key file; exit status 1 and a line for each that was drawn, or left out, otherwise.

    What was left out is told by the present rates: those that were raised lately tell of cases that were closed before.
    """
    closed, drawn, wrong = asyncio.run(_draws())
    for line in wrong[:200]:
        click.echo(line, err=True)
    if as_json:
        click.echo(json.dumps({"closed": closed, "drawn": drawn, "wrong": len(wrong)}))
    else:
        click.echo(f"{closed} closed cases, {drawn} drawn, {'each as the key says' if not wrong else f'{len(wrong)} otherwise'}")
    sys.exit(1 if wrong else 0)


async def _draws() -> tuple[int, int, list[str]]:
    settings = load()
    async with borrowed(settings) as database:
        city = await load_city(database)
        sampling = Sampling() if city is None else city.params.sampling
        return await draw_all(database, Keyring.load_or_create(settings.keys).secret(PURPOSE), sampling)


async def draw_all(database: Database, secret: bytes, sampling: Sampling) -> tuple[int, int, list[str]]:
    """Return how many closed cases could be drawn, how many were, and a line for each whose draw is not what the key says."""
    closed = drawn = 0
    wrong: list[str] = []
    wanted = {"live.state": {"$in": ["closed", "archived"]}, "outcome": {"$in": list(LOOKED_AT)}, "live.sensitive": False,
              "live.areas.0": {"$exists": True}, "closure": None}  # fmt: skip
    parts = {"case_no": 1, "facts": 1, "closures": 1, "live.category": 1}
    async for case in database.iterate(CASES, wanted, projection=parts):
        closed += 1
        held, draw = case["facts"].get("draw"), draw_of(secret, case)
        rate = sampling.rate(case["live"]["category"], is_self_handled=bool(case["facts"].get("self_handled")))
        if held is not None:
            drawn += 1
            if held["draw"] != draw or not is_drawn(draw, held["rate"]):
                wrong.append(f"{case['case_no']}: drawn by {held['draw']} at {held['rate']}, the key says {draw}")
        elif is_drawn(draw, rate):
            wrong.append(f"{case['case_no']}: left out, the key says {draw} at {rate}")
    return closed, drawn, wrong
