"""Small real servers that speak the protocols of the outside, mistakes included: SMTP by aiosmtpd, HTTP by aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

LOOPBACK = "127.0.0.1"


@dataclass
class Mailbox:
    """What an SMTP server took. `refusals` by recipient are answered to RCPT; `answers` one by one to the text of a mail."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    answers: deque[str] = field(default_factory=deque)
    silent: bool = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.silent:
            await asyncio.sleep(3600)
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return self.answers.popleft() if self.answers else f"250 2.0.0 Ok: queued as Q{len(self.mails)}"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.signed_in.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def smtp_server(tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> AsyncIterator[Mailbox]:
    """Serve SMTP: in the clear, with STARTTLS (`tls`), or inside TLS from the first byte (`implicit`)."""
    box = Mailbox()

    def protocol() -> SMTP:
        return SMTP(
            box, hostname="mail.test", enable_SMTPUTF8=True, tls_context=None if implicit else tls,
            authenticator=box.authenticate, auth_require_tls=not implicit, require_starttls=tls is not None and not implicit,
        )  # fmt: skip

    server = await asyncio.get_running_loop().create_server(protocol, LOOPBACK, 0, ssl=tls if implicit else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Reply = Callable[[Asked], Awaitable[web.Response]]


@dataclass
class Site:
    """An HTTP server that remembers what it was asked; `reply` answers."""

    reply: Reply
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), await request.read())
        self.asked.append(asked)
        return await self.reply(asked)


@asynccontextmanager
async def http_server(reply: Reply) -> AsyncIterator[Site]:
    """Serve HTTP on a free port of the loopback."""
    site = Site(reply)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, LOOPBACK, 0)
    await listening.start()
    site.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()


def always(status: int, body: Any = None, **headers: str) -> Reply:
    """Answer everything alike; underscores in header names stand for dashes."""

    async def reply(asked: Asked) -> web.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body if body is not None else {}, status=status, headers=sent)

    return reply


async def never(asked: Asked) -> web.Response:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    raise AssertionError
