"""The Tornado application: one table of addresses, from which routing and the OpenAPI document are both made."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any

from tornado import httputil
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from web import openapi
from web.api import ROUTES
from web.base import UnknownAddress
from web.limits import DISCARD_LIMIT, LimitedApplication
from web.static import AssetHandler, PageHandler, PublicPageHandler, Site

if TYPE_CHECKING:
    from web.services import Services

__all__ = ["HeyunApplication", "keep_what_is_loaded", "make_app", "make_server", "openapi_document"]

COLLECT_AFTER = (50_000, 10, 10)  # new objects, young collections, middle collections
_PART = re.compile(r"\\\{[a-z_0-9]+\\\}")


class HeyunApplication(LimitedApplication):
    """Routes fixed addresses by one look-up in a table, the others by pattern, in order."""

    def __init__(self, services: Services, site: Site) -> None:
        super().__init__(
            [*_patterns(), *_pages()],
            default_handler_class=UnknownAddress,
        )
        self.services = services
        self.site = site
        self.openapi = openapi_document()
        self._fixed = {path: handler for path, handler in ROUTES if "{" not in path}

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        """Return what answers the request."""
        handler = self._fixed.get(request.path)
        if handler is not None:
            return self.get_handler_delegate(request, handler)
        return super().find_handler(request, **kwargs)


def _patterns() -> list[Any]:
    return [(pattern(path), handler) for path, handler in ROUTES if "{" in path]


def pattern(path: str) -> str:
    """Return the regular expression of an address like `/api/v1/cases/{id}`.

    >>> pattern("/api/v1/cases/{id}")
    '/api/v1/cases/([^/]+)'
    """
    return _PART.sub("([^/]+)", re.escape(path)).replace(r"\-", "-")


def _pages() -> list[Any]:
    return [
        (r"/(?:desk(?:/.*)?|field(?:/.*)?)?", PageHandler),
        (r"/public(?:/.*)?", PublicPageHandler),
        (
            r"/(assets/.+|sw\.js|favicon\.svg|favicon\.ico|manifest\.webmanifest|[a-z0-9-]+\.(?:png|svg|webmanifest))",
            AssetHandler,
        ),
    ]


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all addresses."""
    return openapi.build(ROUTES)


def make_app(services: Services, site: Site | None = None) -> HeyunApplication:
    """Return the application over what `web.services.build` has wired."""
    return HeyunApplication(services, site or Site())


class _Server(HTTPServer):
    """Sends small answers at once on every connection, instead of switching that on and off for each answer."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Take a new connection."""
        stream.set_nodelay(True)
        stream.set_nodelay = _leave  # type: ignore[method-assign]
        super().handle_stream(stream, address)


def _leave(value: bool) -> None:
    """Stay as it is."""


def keep_what_is_loaded() -> None:
    """Say that what was loaded until now lives as long as the process: the collector of cycles does not look at it again.

    Requests leave no cycles behind, but 64 of them under way hold more objects than the collector's usual 700: it would walk
    through all of them at nearly every request (a sixth of the service's time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def make_server(app: HeyunApplication) -> HTTPServer:
    """Return the HTTP server with limits for headers, bodies and idle connections (bytes, seconds)."""
    keep_what_is_loaded()
    return _Server(
        app,
        max_body_size=DISCARD_LIMIT,
        max_buffer_size=DISCARD_LIMIT + 1024 * 1024,
        max_header_size=32 * 1024,
        idle_connection_timeout=300,
        body_timeout=120,
        xheaders=False,
    )
