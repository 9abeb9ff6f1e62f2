"""The real service with what a measurement needs beside it: a floor that only parses, and a way to write without groups.

`python -m bench.service [--alone]` reads the same environment as `web.server`. `/bench/parse` decodes the same body with the
same decoder in the same process and answers a few bytes: the floor. With `--alone` each report is one insert of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from typing import Any

import msgspec
import tornado.web
from tornado.netutil import bind_sockets

from storage.client import Database
from web.api.intake import EventBody
from web.app import make_app, make_server
from web.server import run
from web.services import build
from web.settings import load

__all__ = ["AloneInserter", "ParseOnly"]

DECODER = msgspec.json.Decoder(EventBody)


class ParseOnly(tornado.web.RequestHandler):
    """The floor: the same JSON into the same struct, and an answer."""

    def post(self) -> None:
        body = DECODER.decode(self.request.body)
        self.set_status(201)
        self.set_header("Content-Type", "application/json")
        self.finish(b'{"category":"%s"}' % (body.category or "").encode())

    def compute_etag(self) -> None:
        return None


class AloneInserter:
    """Writes every document with an insert of its own: what the group commit is compared with."""

    def __init__(self, database: Database, collection: str) -> None:
        self.database, self.collection = database, collection

    async def insert(self, document: dict[str, Any]) -> bool:
        return await self.database.insert_one(self.collection, document)

    async def drain(self) -> None:
        """Nothing is under way but what its own request waits for."""


async def main(alone: bool) -> None:
    """Serve until the process is ended."""
    settings = load()
    services = await build(settings)
    if alone:
        services.cases.store.inserter = AloneInserter(services.database, "cases")
    app = make_app(services)
    find = app.find_handler

    def find_with_floor(request: Any, **kwargs: Any) -> Any:
        if request.path == "/bench/parse":
            return app.get_handler_delegate(request, ParseOnly)
        return find(request, **kwargs)

    app.find_handler = find_with_floor  # type: ignore[method-assign]
    server = make_server(app)
    server.add_sockets(bind_sockets(settings.port, settings.host, reuse_port=settings.processes > 1))
    print("ready", os.getpid(), flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.stop()
    await services.close()  # in order, so that nothing is left for the next process to make up


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    parser = argparse.ArgumentParser()
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    run(lambda: main(given.alone))
