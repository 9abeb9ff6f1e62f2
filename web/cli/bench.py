"""`./heyun bench [NAME]`: every figure a ratio inside one run; the scripts are under `bench/`."""

from __future__ import annotations

import importlib
import json
import sys

import click

from storage.errors import HeyunError

__all__ = ["bench"]

NO_RECORDS = "no_records"  # as `bench.matching` says it, which is not imported for that: it would bring in all that learns

NAMES = (
    "intake",
    "geo",
    "stream",
    "memory",
    "lifecycle",
    "lists",
    "boundaries",
    "boundary-imports",
    "claims",
    "matching-speed",
    "matching",
    "gazetteer",
)


@click.command()
@click.argument("name", required=False, type=click.Choice(NAMES))
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is one JSON object.")
@click.option("--train", type=click.Path(exists=True, dir_okay=False), help="With matching: the recorded requests to learn from.")
@click.option("--test", type=click.Path(exists=True, dir_okay=False), help="With matching: those that are then asked for.")
def bench(name: str | None, as_json: bool, train: str | None, test: str | None) -> None:
    """Measure one thing or all, each against its floor or a rival in the same run."""
    if (train is None) != (test is None) or (train and name != "matching"):
        raise click.UsageError("--train FILE and --test FILE go together, with matching")
    options = {"train": train, "test": test} if train else {}
    asked = [name] if name else NAMES
    results = {}
    for one in asked:
        try:
            results[one] = importlib.import_module(f"bench.{one.replace('-', '_')}").main(**options)
        except HeyunError as error:
            if name or error.code != NO_RECORDS:
                raise
            click.echo(f"{one} is left out: {error}", err=True)  # the records of other cities are not on every machine
    if as_json:
        sys.stdout.write(json.dumps(results[name] if name else results) + "\n")
