"""About the service itself: health, the OpenAPI document and its human page."""

from __future__ import annotations

import msgspec

from web.base import SECURITY_HEADERS, ApiHandler, operation
from web.openapi import VERSION, page

__all__ = ["Docs", "DocsStyle", "Health", "OpenApi"]

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 0; color: #1b211f; background: #f5f4f0 }
main { max-width: 60rem; margin: 0 auto; padding: 24px }
section { background: #fff; border: 1px solid #e0ddd5; border-radius: 8px; padding: 8px 16px; margin: 12px 0 }
h3 { font-size: 15px; margin: 4px 0 }
.verb { display: inline-block; min-width: 4.5em; color: #1b4472 }
table { border-collapse: collapse }
td { padding: 2px 16px 2px 0; vertical-align: top }
a { color: #245a94 }
code { font-family: ui-monospace, monospace }
"""


class HealthAnswer(msgspec.Struct):
    """`ok` when the database answers; versions of the snapshots that answer now."""

    status: str
    version: str
    city: str
    territory: str
    directory: str


class Health(ApiHandler):
    """GET /api/v1/health."""

    @operation("Whether the service and its database answer", permission=None, result=HealthAnswer)
    async def get(self) -> None:
        """Ask the database for its time. 503 when it does not answer."""
        await self.services.database.server_time()
        services = self.services
        self.answer(
            HealthAnswer("ok", VERSION, services.city.code, str(services.territory.version), str(services.parties.version))
        )


class OpenApi(ApiHandler):
    """GET /api/v1/openapi.json."""

    @operation("This description, OpenAPI 3.1", permission=None)
    async def get(self) -> None:
        """Send the document."""
        self.answer(self.application.openapi)  # type: ignore[attr-defined]


class Docs(ApiHandler):
    """GET /api/docs."""

    default_headers = SECURITY_HEADERS | {
        "Content-Type": "text/html; charset=UTF-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
        "Cache-Control": "no-cache",
    }

    @operation("The API for people", permission=None, media="text/html")
    async def get(self) -> None:
        """Send the page, in the language of the asker."""
        self.finish(page(self.application.openapi, self.language))  # type: ignore[attr-defined]


class DocsStyle(ApiHandler):
    """GET /api/docs.css."""

    default_headers = SECURITY_HEADERS | {"Content-Type": "text/css; charset=UTF-8", "Cache-Control": "no-cache"}

    @operation("The style of the page", permission=None, media="text/css")
    async def get(self) -> None:
        """Send the style sheet."""
        self.finish(_STYLE)
