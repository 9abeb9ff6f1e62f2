"""`./heyun doctor`: what this installation has, what it lacks, and the remedy, one line each."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from storage.errors import MongodNotFound
from storage.mongod import find_mongod
from web.cli.supervise import running_at
from web.settings import load

__all__ = ["doctor"]

Finding = tuple[bool, str, str]


@click.command()
def doctor() -> None:
    """Say what is there and what is missing; exit status 1 when something needed is missing."""
    bad = 0
    for good, title, text in _findings():
        bad += not good
        click.echo(f"{'ok     ' if good else 'MISSING'}  {title:<10} {text}")
    sys.exit(1 if bad else 0)


def _findings() -> Iterator[Finding]:
    settings = load()
    yield sys.version_info >= (3, 11), "python", platform.python_version()
    yield _database(settings.mongodb_uri, settings.mongod)
    built = Path(__file__).resolve().parents[1] / "ui" / "dist" / ".heyun-complete"
    yield built.exists(), "pages", "built" if built.exists() else "not built: ./heyun up builds them where node or npm can be had"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    yield True, "chromium", chromium or "none: browser tests are skipped (as root: apt-get install chromium fonts-wqy-microhei)"
    yield True, "data", f"{settings.data.absolute()} ({'there' if settings.data.exists() else 'made by ./heyun up'})"
    free = shutil.disk_usage(settings.data if settings.data.exists() else Path.cwd()).free
    yield free > 2e9, "disk", f"{free / 1e9:.0f} GB free" + ("" if free > 2e9 else ": 2 GB are needed")
    yield True, "service", running_at(settings) or "not running"
    yield True, "cores", str(os.cpu_count())


def _database(uri: str | None, mongod: str | None) -> Finding:
    if uri:
        return True, "database", "the configured replica set (HEYUN_MONGODB_URI)"
    try:
        program = find_mongod(mongod)
    except MongodNotFound as missing:
        return False, "database", str(missing)
    return True, "database", f"private mongod {program.version}: {program.path}"
