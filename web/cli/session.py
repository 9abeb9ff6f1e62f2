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

__all__ = ["borrowed"]


@asynccontextmanager
async def borrowed(settings: Settings) -> AsyncIterator[Database]:
    """Open the installation's database for one verb, whether the service runs or not."""
    uri = settings.mongodb_uri or (running_uri(settings.data) if running_at(settings) else None)
    if uri:
        async with connected(replace(settings, mongodb_uri=uri)) as database:
            yield database
        return
    with exclusive(settings):
        supervisor = Supervisor(settings)
        try:
            uri = supervisor.start_database()
            async with connected(replace(settings, mongodb_uri=uri)) as database:
                yield database
        finally:
            supervisor.stop()
