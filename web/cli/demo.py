"""`./heyun demo`: the demo city served, then a day of events and tickets played through its HTTP API."""

from __future__ import annotations

import asyncio
import json
import statistics
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cities.day import Result, play
from storage.errors import HeyunError
from web.cli.output import console
from web.cli.serving import serve_while
from web.cli.supervise import Supervisor, running_at
from web.settings import load

__all__ = ["demo"]


@click.command()
@click.option("--cases", default=240, show_default=True, type=click.IntRange(1, 100_000), help="How many events and tickets.")
@click.option("--seed", default=1, show_default=True, help="The same seed draws the same day.")
@click.option("--leave-every", default=6, show_default=True, help="Leave each n-th case where the evening finds it (0: none).")
@click.option("--stop", is_flag=True, help="End the service after the table instead of leaving it running.")
def demo(cases: int, seed: int, leave_every: int, stop: bool) -> None:
    """Serve the demo city and play a day: report, dispatch, handle, check, visit, rate."""
    settings = load()
    if url := running_at(settings):
        _play(url, settings.data, cases, seed, leave_every)
        return

    def work(supervisor: Supervisor) -> None:
        _play(supervisor.url, settings.data, cases, seed, leave_every)
        if not stop:
            console.print(f"Look around at [bold]{supervisor.url}[/]; Ctrl-C ends the service.")
            supervisor.watch()

    serve_while(settings, work, load_city=True, demo_only=True)


def _play(url: str, data: Path, cases: int, seed: int, leave_every: int) -> None:
    result = asyncio.run(_with_progress(url, _tokens(data), cases, seed, leave_every))
    _print(result)
    if result.refused:
        for text, count in result.refused.most_common(5):
            console.print(f"  refused {count} ×  {text}")
        raise HeyunError(f"{sum(result.refused.values())} of {cases} cases were stopped by a refusal", code="demo_stopped")


def _tokens(data: Path) -> dict[str, str]:
    path = data / "demo-accounts.json"
    if not path.exists():
        raise HeyunError(f"{path} is missing: this is not a demo, and a day is only played on a demo", code="not_a_demo")
    accounts = json.loads(path.read_text())
    return {role: account["token"] for role, account in accounts.items() if account.get("token")}


async def _with_progress(url: str, tokens: dict[str, str], cases: int, seed: int, leave_every: int) -> Result:
    columns = (
        TextColumn("a day of Guiyang"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=cases)

        def progress(text: str) -> None:
            bar.update(task, advance=1, description=text)

        return await play(url, tokens, cases=cases, seed=seed, progress=progress, leave_every=leave_every)


def _print(result: Result) -> None:
    totals = Table(title="The day", show_header=False)
    share = 100 * result.auto_dispatched / max(1, result.taken_in)
    totals.add_row("taken in", str(result.taken_in))
    totals.add_row("auto-dispatched", f"{result.auto_dispatched} ({share:.0f} %)")
    totals.add_row("returned", str(result.returned))
    totals.add_row("closed", str(result.closed))
    totals.add_row("answered at once", str(result.answered))
    totals.add_row("on time", f"{result.on_time} of {result.closed}")
    totals.add_row("still open", str(result.open))
    totals.add_row("seconds", f"{result.seconds:.1f}")
    steps = Table("step", "times", "p50 ms", "p95 ms", title="Each step")
    for name, took in sorted(result.steps.items(), key=lambda item: -len(item[1])):
        p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
        steps.add_row(name, str(len(took)), f"{statistics.median(took):.1f}", f"{p95:.1f}")
    console.print(totals, steps)
