"""A database for one verb: the configured one, that of the service running on the same data folder, or started for the while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from storage.client import Database
from storage.embedded import running_uri
from web.cli.city import connected
from web.cli.supervise import Supervisor, exclusive, running_at
from web.settings import Settings

__all__ = ["borrowed", "reachable"]


@asynccontextmanager
async def borrowed(settings: Settings) -> AsyncIterator[Database]:
    """Open the installation's database for one verb, whether the service runs or not."""
    async with reachable(settings) as found, connected(found) as database:
        yield database


@asynccontextmanager
async def reachable(settings: Settings) -> AsyncIterator[Settings]:
    """Give the settings with the address of the installation's database, which runs meanwhile."""
    uri = settings.mongodb_uri or (running_uri(settings.data) if running_at(settings) else None)
    if uri:
        yield replace(settings, mongodb_uri=uri)
        return
    with exclusive(settings):
        supervisor = Supervisor(settings)
        try:
            yield replace(settings, mongodb_uri=supervisor.start_database())
        finally:
            supervisor.stop()
