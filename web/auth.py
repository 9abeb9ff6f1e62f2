"""Who asks: the bearer token of a program or the cookie of a browser, with CSRF protection and a Host check.

A browser sends its cookie by itself, so every change made with the cookie must also carry the `X-CSRF-Token` that signing in
returned. A bearer token is never sent by itself and needs none.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Protocol

from tornado.httputil import HTTPServerRequest

from dispatch.actors import Actor
from storage.errors import Forbidden, Invalid, Unauthorized

__all__ = ["COOKIE", "Authenticator", "CsrfMissing", "Hosts", "WrongHost", "is_loopback"]

COOKIE = "heyun_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


class CsrfMissing(Forbidden):
    """A change that came with the cookie alone; raised by `Authenticator.actor_of`."""

    code = "csrf"


class WrongHost(Invalid):
    """The Host header names another site while demo accounts exist; raised by `Hosts.check`."""

    status = 421
    code = "wrong_host"


class Credentials(Protocol):
    """What is asked of `orgs.accounts.Accounts`: both answer from memory for some seconds."""

    async def actor_of_session(self, token: str) -> Actor:
        """Return who holds the session. Raises `Unauthorized`."""

    async def actor_of_token(self, token: str) -> Actor:
        """Return who holds the token. Raises `Unauthorized`."""

    def csrf_of(self, token: str) -> str:
        """Return the CSRF token that belongs to a session."""


def is_loopback(host: str) -> bool:
    """Tell whether an address or name to listen on can be reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Hosts:
    """The Host check: with `loopback_only` a name that is not this machine's is refused (DNS rebinding)."""

    def __init__(self, *, loopback_only: bool) -> None:
        self.loopback_only = loopback_only
        self._good = {"127.0.0.1", "localhost", "::1", "[::1]"}

    def check(self, host: str) -> None:
        """Raise `WrongHost` for a name that this installation does not answer to."""
        if self.loopback_only and host not in self._good and not is_loopback(host):
            raise WrongHost


class Authenticator:
    """Turns a request into its `Actor`."""

    def __init__(self, accounts: Credentials) -> None:
        self._accounts = accounts

    async def actor_of(self, request: HTTPServerRequest) -> Actor:
        """Return who asks. Raises `Unauthorized`, or `CsrfMissing` for a change without the browser's token."""
        header = request.headers.get("Authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise Unauthorized
            return await self._accounts.actor_of_token(token.strip())
        held = session_token(request)
        if held is None:
            raise Unauthorized
        actor = await self._accounts.actor_of_session(held)
        if request.method not in _SAFE:
            self._check_csrf(request, held)
        return actor

    def _check_csrf(self, request: HTTPServerRequest, token: str) -> None:
        shown = request.headers.get("X-CSRF-Token", "")
        if not hmac.compare_digest(shown.encode(), self._accounts.csrf_of(token).encode()):
            raise CsrfMissing


def session_token(request: HTTPServerRequest) -> str | None:
    """Return the session's token of the cookie, or None."""
    morsel = request.cookies.get(COOKIE)
    return morsel.value if morsel is not None and morsel.value else None
