"""Body sizes: what is larger than its door takes is answered with a problem document, and the connection stays in order.

The rest of a refused body is read and thrown away (up to `DISCARD_LIMIT`), because a server that closes while the client still
sends destroys the answer on its way. Beyond that limit Tornado closes the connection after the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tornado import httputil
from tornado.web import Application, RequestHandler, _HandlerDelegate

__all__ = ["DISCARD_LIMIT", "JSON_LIMIT", "LimitedApplication"]

JSON_LIMIT = 1024 * 1024
DISCARD_LIMIT = 64 * 1024 * 1024


class _LimitedDelegate(_HandlerDelegate):
    """Collects a body up to the limit of its handler and no further."""

    too_large = False
    chunks: bytearray | None  # type: ignore[assignment]

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        """Look at the announced length; who waits to be asked for the body, or announces far too much, is answered at once."""
        self.limit: int = getattr(self.handler_class, "body_limit", JSON_LIMIT)
        announced = headers.get("Content-Length")
        if announced is not None and announced.isdecimal() and int(announced) > self.limit:
            self.too_large = True
            if int(announced) > DISCARD_LIMIT or "Expect" in headers:
                return self._refuse_now()
        return None

    async def _refuse_now(self) -> None:
        self._refuse()
        while not self.handler._finished:  # noqa: ASYNC110  Tornado must not ask for the body before the answer is out
            await asyncio.sleep(0)

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        """Collect, or throw away what is too much."""
        if self.chunks is None:
            return None
        if self.too_large or len(self.chunks) + len(data) > self.limit:
            self.too_large = True
            self.chunks.clear()
        else:
            self.chunks += data
        return None

    def _refuse(self) -> None:
        self.chunks = None
        self.request.body = b""
        self.request.too_large = True  # type: ignore[attr-defined]
        self.execute()

    def finish(self) -> None:
        """The body is complete: run the handler, unless it has answered already."""
        if self.too_large and self.chunks is not None:
            self._refuse()
        elif self.chunks is not None:
            super().finish()

    def execute(self) -> Awaitable[None] | None:
        """Run the handler; it counts as active until its answer is written."""
        self.application.active += 1  # type: ignore[attr-defined]
        return super().execute()

    def on_connection_close(self) -> None:
        """The client went away before the body was complete."""
        self.chunks = None


class LimitedApplication(Application):
    """An application whose handlers name the largest body they take (`body_limit`, bytes; 1 MB where none is named).

    `active` is the number of requests that are being answered; when `draining` each answer is the last of its connection.
    """

    active = 0
    draining = False

    def log_request(self, handler: RequestHandler) -> None:
        """An answer is written. Nothing is logged per request: defects are logged where they happen."""
        self.active -= 1

    async def drain(self, seconds: float) -> None:
        """Wait until nothing is being answered any more, at most `seconds`."""
        self.draining = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.active > 0 and loop.time() < deadline:  # noqa: ASYNC110  counted on the hot path, awaited once
            await asyncio.sleep(0.01)

    def get_handler_delegate(
        self,
        request: httputil.HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        path_args: list[bytes] | None = None,
        path_kwargs: dict[str, bytes] | None = None,
    ) -> _HandlerDelegate:
        """Give each request a delegate that counts."""
        if self.draining:
            request.connection._disconnect_on_finish = True  # type: ignore[union-attr]
        return _LimitedDelegate(self, request, target_class, target_kwargs, path_args, path_kwargs)
