"""The built front end: pages by the Vite manifest, hashed files that never change, and a plain page when nothing is built.

Files are listed once at start and served by exact name only, so no path of a request ever reaches the file system. A `.gz`
beside a file is sent to those who take it; nothing is compressed per request.
"""

from __future__ import annotations

import mimetypes
from html import escape
from pathlib import Path

import msgspec

from storage.errors import NotFound
from web.base import ApiHandler
from web.problems import catalogue

__all__ = ["AssetHandler", "PageHandler", "PublicPageHandler", "Site"]

DIST = Path(__file__).parent / "ui" / "dist"
PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
}
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
PUBLIC_HEADERS = PAGE_HEADERS | {
    "Referrer-Policy": "no-referrer",  # the address is a secret: it goes nowhere, not even to ourselves
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
_PAGES = {"/": "desk", "/desk": "desk", "/field": "field", "/public": "public"}


class StaticFile(msgspec.Struct, frozen=True):
    """One file ready to be sent: bytes, the gzipped bytes where there are any, its media type."""

    data: bytes
    gzipped: bytes | None
    content_type: str


class Site:
    """The files of a build, held in memory; `built` tells whether there is one."""

    def __init__(self, dist: Path = DIST) -> None:
        self.files = _read(dist) if (dist / ".vite" / "manifest.json").is_file() else {}
        self.immutable = _hashed(dist) if self.files else frozenset()

    @property
    def built(self) -> bool:
        """Whether the front end was built."""
        return bool(self.files)

    def page(self, path: str) -> StaticFile | None:
        """Return the HTML entry for `/`, `/desk…`, `/field…` or `/public…`."""
        first = "/" + path.strip("/").split("/")[0]
        return self.files.get(f"{_PAGES.get(first, 'desk')}.html")


def _read(dist: Path) -> dict[str, StaticFile]:
    files = {}
    for path in sorted(dist.rglob("*")):
        name = path.relative_to(dist).as_posix()
        if path.is_file() and path.suffix != ".gz" and not name.startswith("."):
            beside = path.with_name(path.name + ".gz")
            files[name] = StaticFile(path.read_bytes(), beside.read_bytes() if beside.is_file() else None, _content_type(path))
    return files


def _content_type(path: Path) -> str:
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{known}; charset=UTF-8" if known.startswith("text/") else known


def _hashed(dist: Path) -> frozenset[str]:
    manifest = msgspec.json.decode((dist / ".vite" / "manifest.json").read_bytes(), type=dict[str, dict[str, object]])
    names: set[str] = set()
    for entry in manifest.values():
        for key in ("file", "css", "assets"):
            value = entry.get(key, [])
            names.update([value] if isinstance(value, str) else value)  # type: ignore[arg-type]
    return frozenset(name for name in names if not name.endswith(".html"))


class _FileHandler(ApiHandler):
    """Sends files of the site with the right caching."""

    body_limit = 0
    default_headers = PAGE_HEADERS

    @property
    def site(self) -> Site:
        """The files of this installation."""
        return self.application.site  # type: ignore[attr-defined,no-any-return]

    def send(self, file: StaticFile, *, immutable: bool) -> None:
        """Send a file, gzipped where it may be."""
        self.set_header("Content-Type", file.content_type)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if immutable else "no-cache")
        if file.gzipped is None:
            self.finish(file.data)
            return
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(file.gzipped)
        else:
            self.finish(file.data)


class AssetHandler(_FileHandler):
    """`/assets/*`, `/sw.js` and the other files of the build."""

    async def get(self, name: str) -> None:
        """Send the file of this exact name, or 404."""
        file = self.site.files.get(name)
        if file is None:
            raise NotFound(code="unknown_address")
        if name == "sw.js":
            self.set_header("Service-Worker-Allowed", "/field")
        self.send(file, immutable=name in self.site.immutable)


class PageHandler(_FileHandler):
    """`/`, `/desk…`, `/field…`: the entry of the front end, which routes by itself from there."""

    async def get(self) -> None:
        """Send the page; when nothing is built, one that says how to build it."""
        page = self.site.page(self.request.path)
        if page is not None:
            self.send(page, immutable=False)
            return
        self.set_status(503 if self.site.built else 200)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(not_built_page(self.language))


class PublicPageHandler(PageHandler):
    """`/public/` and `/public/cases/TOKEN`: the page of those who have no account."""

    default_headers = PUBLIC_HEADERS

    @property
    def logged_path(self) -> str:
        """The address without its token."""
        return "/public/…"


def not_built_page(language: str) -> str:
    """Return the plain page that says in both languages how to build the screens, the asker's language first."""
    order = (language, "en" if language == "zh-CN" else "zh-CN")
    parts = "".join(_not_built(one) for one in order)
    head = f'<meta charset="utf-8"><title>{escape(catalogue(language).pages["not_built_title"])}</title>'
    return f'<!doctype html><html lang="{language}"><head>{head}</head><body>{parts}</body></html>'


def _not_built(language: str) -> str:
    text = {name: escape(value) for name, value in catalogue(language).pages.items()}
    return (
        f'<section lang="{language}"><h1>{text["not_built_title"]}</h1><p>{text["not_built_text"]}</p>'
        "<pre>cd web/ui &amp;&amp; npm ci &amp;&amp; npm run build</pre>"
        f'<p>{text["not_built_then"]} <a href="/api/docs">/api/docs</a></p></section>'
    )
