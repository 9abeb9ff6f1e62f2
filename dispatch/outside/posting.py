"""The one HTTP client towards the outside: bounded in time and size, follows nothing, reaches private networks only if told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from dispatch.outside.messages import SendFailed, SendRefused
from dispatch.outside.networks import Network, is_reachable, literal

__all__ = ["Answer", "Poster"]

TIMEOUT_SECONDS = 10.0
MOST_BYTES = 64 * 1024
_LATER = frozenset({408, 425, 429})


class Answer(msgspec.Struct, frozen=True):
    """What came back: the status, how long to wait if it says so, and at most 64 KiB of the body."""

    status: int
    body: bytes
    retry_after: float = 0.0

    def check(self) -> None:
        """Raise `SendFailed` for what may pass (5xx, 408, 425, 429), `SendRefused` for every other status but 2xx."""
        if 200 <= self.status < 300:
            return
        if self.status >= 500 or self.status in _LATER:
            raise SendFailed(f"http_{self.status}", retry_after=self.retry_after)
        raise SendRefused(f"http_{self.status}")

    def values(self) -> dict[str, object]:
        """Return the JSON object that it holds. Raises `SendFailed` when it is none: somebody else has answered."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SendFailed("not_json") from None


class Poster:
    """Sends requests; one for all channels of a process. `close` it at the end."""

    def __init__(self, networks: Sequence[Network] = (), *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._networks = tuple(networks)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None, *, query: Mapping[str, str] | None = None
    ) -> Answer:
        """Send JSON and return the answer, whatever its status. Raises `SendFailed` when there is none."""
        sent = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        return await self._ask("POST", URL(url).update_query(query or {}), body, sent)

    async def get(self, url: str, query: Mapping[str, str]) -> Answer:
        """Ask and return the answer, whatever its status. Raises `SendFailed` when there is none."""
        return await self._ask("GET", URL(url).update_query(query), None, {})

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        self._check_literal(url)
        try:
            async with self._opened().request(method, url, data=body, headers=headers, allow_redirects=False) as response:
                return Answer(response.status, await _bounded(response), _seconds(response.headers.get("Retry-After")))
        except TimeoutError:
            raise SendFailed("timeout") from None
        except (aiohttp.ClientError, OSError) as error:  # their texts hold the address, which may hold a key
            raise SendFailed("unreachable") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=_Guarded(self._networks), limit_per_host=8)
            headers = {"User-Agent": "heyun"}
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _check_literal(self, url: URL) -> None:
        """Names are looked at when they are resolved, addresses here: for them nothing is resolved."""
        address = literal(url.host or "")
        if address is not None and not is_reachable(address, self._networks):
            raise SendFailed("private_address")


class _Guarded(AbstractResolver):
    """Resolves names, and shows only those of their addresses that may be reached."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        reachable = [one for one in found if is_reachable(ip_address(one["host"].partition("%")[0]), self._networks)]
        if found and not reachable:
            raise SendFailed("private_address")
        return reachable

    async def close(self) -> None:
        await self._inner.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readexactly(MOST_BYTES)
    except asyncio.IncompleteReadError as error:
        return error.partial


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0
