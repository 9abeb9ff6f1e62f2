"""One service process: `python -m web.server` reads its options from the environment, serves, and ends in order.

SIGTERM or SIGINT: take no new connection, let what is being answered end (at most `GRACE_SECONDS`), end the streams, close the
database. Several processes share the port by SO_REUSEPORT; each is started by the launcher.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from storage.errors import HeyunError
from web.app import HeyunApplication, make_app, make_server
from web.auth import is_loopback
from web.services import build
from web.settings import Settings, load

__all__ = ["main", "run", "serve"]

log = logging.getLogger("heyun.server")
GRACE_SECONDS = 8.0
OPEN_FILES = 16_384


class NotLoopback(HeyunError):
    """Demo accounts exist and the address to listen on can be reached from outside; raised by `serve`."""

    code = "not_loopback"


async def serve(settings: Settings, *, ready: Callable[[int], None] | None = None, stop: asyncio.Event | None = None) -> None:
    """Serve until `stop` is set (or a signal asks); `ready` is called with the port when connections are taken."""
    stop = stop or asyncio.Event()
    services = await build(settings)
    try:
        if services.demo and not is_loopback(settings.host):
            raise NotLoopback(
                f"demo accounts exist: listen on 127.0.0.1 only, not on {settings.host} (HEYUN_HOST), or remove them"
            )
        app = make_app(services)
        server = make_server(app)
        sockets = bind_sockets(settings.port, settings.host, reuse_port=settings.processes > 1)
        server.add_sockets(sockets)
        with _signals(stop):
            if ready is not None:
                ready(sockets[0].getsockname()[1])
            await stop.wait()
        await _end(server, app)
    finally:
        await services.close()


async def _end(server: HTTPServer, app: HeyunApplication) -> None:
    server.stop()
    app.services.hub.close()
    await app.drain(GRACE_SECONDS)
    await server.close_all_connections()


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def raise_file_limit(wanted: int = OPEN_FILES) -> int:
    """Raise the limit of open files (one per stream) as far as the system lets us; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < goal:
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
        return goal
    return soft


def run(main_task: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(_awaited(main_task))
    else:
        uvloop.run(_awaited(main_task))


async def _awaited(main_task: Callable[[], Awaitable[None]]) -> None:
    await main_task()


def main() -> int:
    """Run one service process with the options of the environment; returns the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # a line for each tick of each job says nothing
    raise_file_limit()
    try:
        settings = load()
        run(lambda: serve(settings, ready=lambda port: log.info("serving on %s:%s", settings.host, port)))
    except HeyunError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
