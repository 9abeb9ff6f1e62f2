"""`./heyun bench [NAME]`: every figure a ratio inside one run; the scripts are under `bench/`."""

from __future__ import annotations

import importlib
import json
import sys

import click

__all__ = ["bench"]

NAMES = ("intake", "geo", "stream", "memory", "lifecycle", "lists", "matching-speed")


@click.command()
@click.argument("name", required=False, type=click.Choice(NAMES))
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
def bench(name: str | None, as_json: bool) -> None:
    """Measure one thing or all, each against its floor or a rival in the same run."""
    results = {one: importlib.import_module(f"bench.{one.replace('-', '_')}").main() for one in ([name] if name else NAMES)}
    if as_json:
        sys.stdout.write(json.dumps(results[name] if name else results) + "\n")
