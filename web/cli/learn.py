"""`./heyun learn`: learn from the city's closed cases, in a process of its own, and show how well that does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import click
from rich.table import Table

from dispatch import city as cities
from storage.errors import HeyunError
from web.cli.city import NoCityLoaded, connected
from web.cli.output import console
from web.cli.session import reachable
from web.learning import COMMAND, ROOT, order_for
from web.settings import load

__all__ = ["learn"]

FIGURES = ("top1", "top3", "auto_precision", "auto_coverage", "calibration_error")


@click.command()
@click.option("--least", type=click.IntRange(20), help="Closed cases that it takes; default: what params.toml says.")
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def learn(least: int | None, as_json: bool) -> None:
    """Make a version of the model from the closed cases. It stays off until a person switches it on (POST /api/v1/models)."""
    version = asyncio.run(_learn(least))
    _show(version)
    if as_json:
        sys.stdout.write(json.dumps(version) + "\n")


async def _learn(least: int | None) -> dict[str, Any]:
    settings = load()
    async with reachable(settings) as found:
        async with connected(found) as database:
            city = await cities.load(database)
        if city is None:
            raise NoCityLoaded("no city is loaded: ./heyun import PACK loads one, ./heyun up the demo city")
        order = order_for(found, found.mongodb_uri or "", least or city.params.learning.least_cases)
        done = await asyncio.to_thread(
            subprocess.run, COMMAND, input=order, stdout=subprocess.PIPE, cwd=ROOT, check=False
        )  # progress goes straight to standard error
    return _answer(done.stdout, done.returncode)


def _answer(output: bytes, status: int) -> dict[str, Any]:
    last = output.decode().strip().rpartition("\n")[2]
    if not last:
        raise HeyunError(f"the program that learns ended with status {status}", code="learning_failed")
    answer: dict[str, Any] = json.loads(last)
    if problem := answer.get("problem"):
        raise HeyunError(problem["message"], code=problem["code"])
    return answer


def _show(version: dict[str, Any]) -> None:
    table = Table("on the same later cases", *FIGURES, title=f"{version['id']} · {version['cases']} cases")
    for name, words in (("rules", "rules alone"), ("model", "model alone"), ("learned", "rules, then model")):
        table.add_row(words, *(f"{version[name][figure]:g}" for figure in FIGURES))
    console.print(table)
