"""Server-sent events: what changes, to everybody who may see it, in the moment it is committed.

`Hub` follows the change feed, judges each event once per listener by scope, and encodes it once for all. A frame is framed
for chunked transfer before it is sent, so that a listener costs one write to its socket. Events carry the change's id;
`Last-Event-ID` (or `?last=`) resumes from the feed's ring, an older id gets `reset` and the page asks anew. A listener that
does not keep up is skipped and gets `reset` when its buffer is empty again.

Events: `case.created`, `case.changed` (id, rev, state, light, urgency, category, areas, line…), `case.gone` (id alone: the
case has left what the listener may see, who saw it before), `notice`, `reset`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError

from dispatch.actors import Actor
from dispatch.board import Board, OpenCase
from dispatch.keys import sees
from dispatch.notices import actor_addresses
from storage.errors import StorageUnavailable, TooMany, Unauthorized
from storage.feed import GAP, Change, Feed
from web.base import ApiHandler, encode, operation
from web.shapes import moment

if TYPE_CHECKING:
    from web.auth import Authenticator

__all__ = ["Hub", "StreamHandler", "frame"]

log = logging.getLogger("heyun.stream")
PING_SECONDS = 15.0
RETRY_MILLISECONDS = 2_000
SLOW_BYTES = 256 * 1024
MAX_LISTENERS = 5_000
CHECK_EVERY_PINGS = 4
REMEMBERED_CASES = 100_000
_SHOWN = ("rev", "state", "light", "urgency", "category", "areas", "line", "lon", "lat", "sensitive", "reported_at", "due_at")
_NOTICE_SHOWN = ("kind", "case", "case_no", "line", "at")


def frame(name: str, data: bytes, event_id: str | None = None) -> bytes:
    """Return one event as a chunk of HTTP/1.1 chunked transfer.

    >>> frame("reset", b"{}")
    b'1a\\r\\nevent: reset\\ndata: {}\\n\\n\\r\\n'
    """
    head = f"id: {event_id}\n" if event_id else ""
    return chunk(f"{head}event: {name}\ndata: ".encode() + data + b"\n\n")


def chunk(payload: bytes) -> bytes:
    """Return bytes framed as one chunk of HTTP/1.1 chunked transfer."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


Seen = dict[str, Any] | OpenCase  # how a case was: what `dispatch.keys.sees` reads

_PING = chunk(b": ping\n\n")
_RESET = frame("reset", b"{}")


class _Message:
    """One change on its way: what it says, encoded when the first listener needs it."""

    __slots__ = ("_frame", "_gone", "change", "live", "previous")

    def __init__(self, change: Change, live: dict[str, Any], previous: Seen | None) -> None:
        self.change, self.live, self.previous = change, live, previous
        self._frame: bytes | None = None
        self._gone: bytes | None = None

    def frame_for(self, actor: Actor) -> bytes | None:
        """Return what this listener gets, or None when it is not for them."""
        if sees(actor.scope, self.live):
            if self._frame is None:
                self._frame = self._encode()
            return self._frame
        if self.previous is not None and sees(actor.scope, self.previous):
            if self._gone is None:
                self._gone = frame("case.gone", encode({"id": self.change.key}), self.change.id)
            return self._gone
        return None

    def _encode(self) -> bytes:
        name = "case.created" if self.change.operation == "insert" else "case.changed"
        return frame(name, encode(_plain(self.change.key, self.live, _SHOWN)), self.change.id)


def _plain(key: str, document: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    shown = {name: document[name] for name in names if name in document}
    return {"id": key} | {name: moment(value) if isinstance(value, datetime) else value for name, value in shown.items()}


def payload(framed: bytes) -> bytes:
    """Return what is inside one chunk, for a proxy that speaks HTTP/1.0 and knows no chunks."""
    return framed[framed.index(b"\r\n") + 2 : -2]


class Listener:
    """One open stream; `request` is kept to ask now and then whether its sign-in still holds."""

    def __init__(self, actor: Actor, stream: IOStream, request: HTTPServerRequest) -> None:
        self.stream = stream
        self.request = request
        self.become(actor)
        self.lagging = False
        self._chunked = request.version != "HTTP/1.0"

    def become(self, actor: Actor) -> None:
        """Take over what the actor may see now, and the addresses of their notices."""
        self.actor = actor
        self.addresses = frozenset(actor_addresses(actor))

    def send(self, data: bytes) -> None:
        """Write a frame, unless the listener is behind; then it gets `reset` once it has taken what waits for it."""
        if self.stream.closed():
            return
        waiting = len(self.stream._write_buffer)
        if self.lagging:
            if waiting:
                return
            self.lagging = False
            self._write(_RESET)
        elif waiting > SLOW_BYTES:
            self.lagging = True
            return
        self._write(data)

    def _write(self, data: bytes) -> None:
        self.stream.write(data if self._chunked else payload(data)).add_done_callback(_ignore_closed)


def _ignore_closed(future: asyncio.Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) and not isinstance(error, StreamClosedError):
        log.error("a stream could not be written", exc_info=error)


class Hub:
    """All open streams of this process; `start` follows the feed, `close` ends every stream."""

    def __init__(self, feed: Feed, auth: Authenticator, board: Board) -> None:
        self._feed = feed
        self._auth = auth
        self._board = board
        self._listeners: set[Listener] = set()
        self._known: OrderedDict[str, OpenCase] = OrderedDict()
        self._ping: asyncio.Task[None] | None = None
        self._unsubscribe: list[Any] = []

    def start(self) -> None:
        """Follow cases and notices."""
        self._unsubscribe = [
            self._feed.subscribe("cases", self._on_case),
            self._feed.subscribe("tellings", self._on_telling),
        ]
        self._ping = asyncio.get_running_loop().create_task(self._ping_forever())

    def know(self, cases: Iterable[OpenCase]) -> None:
        """Take in how open cases are now, so that whoever sees them is told when they leave what they may see."""
        for case in cases:
            self._remember(case)

    def close(self) -> None:
        """End all streams; browsers come back to another process by themselves."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._ping is not None:
            self._ping.cancel()
        for listener in list(self._listeners):
            listener.stream.close()
        self._listeners.clear()

    def __len__(self) -> int:
        return len(self._listeners)

    def check_room(self) -> None:
        """Raise `TooMany` when this process holds as many streams as it can."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooMany(code="too_many_streams", retry_after=30)

    def add(self, listener: Listener, last: str | None) -> None:
        """Take a listener in; first it gets what happened since `last`, or `reset` when that is not known any more."""
        if last is not None:
            missed = self._feed.since(last)
            if missed is None:
                listener.send(_RESET)
            else:
                self._replay(listener, missed)
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    def _replay(self, listener: Listener, changes: list[Change]) -> None:
        earlier: dict[str, Seen] = {}
        for change in changes:
            if change.operation == GAP:
                missed = [_RESET]
            elif change.collection == "cases" and (live := _live(change)) is not None:
                data = _Message(change, live, earlier.get(change.key)).frame_for(listener.actor)
                earlier[change.key] = live
                missed = [] if data is None else [data]
            else:
                missed = _notice_frames(change, listener) if change.collection == "tellings" else []
            for data in missed:
                listener.send(data)

    def _on_case(self, change: Change) -> None:
        if change.operation == GAP:
            self._send_all(_RESET)
            return
        live, previous = _live(change), self._known.get(change.key)
        if live is None or change.document is None:
            return
        now = self._board.compact(change.key, live, change.document.get("case_no", ""))
        if previous is not None and (now is previous or now == previous):
            return  # nothing that a list shows has changed
        self._remember(now)
        if not self._listeners:
            return
        message = _Message(change, live, previous)
        for listener in self._listeners:
            data = message.frame_for(listener.actor)
            if data is not None:
                listener.send(data)

    def _remember(self, case: OpenCase) -> None:
        self._known[case.id] = case
        self._known.move_to_end(case.id)
        if len(self._known) > REMEMBERED_CASES:
            self._known.popitem(last=False)

    def _on_telling(self, change: Change) -> None:
        for listener in self._listeners:
            for data in _notice_frames(change, listener):
                listener.send(data)

    def _send_all(self, data: bytes) -> None:
        for listener in self._listeners:
            listener.send(data)

    async def _ping_forever(self) -> None:
        for turn in itertools.count(1):
            await asyncio.sleep(PING_SECONDS)
            self._send_all(_PING)
            if turn % CHECK_EVERY_PINGS == 0:
                await self._check_all()

    async def _check_all(self) -> None:
        """End the streams of those who have signed out, and take over changed scopes."""
        for listener in list(self._listeners):
            try:
                listener.become(await self._auth.actor_of(listener.request))
            except Unauthorized:
                listener.stream.close()
            except StorageUnavailable:
                return


def _live(change: Change) -> dict[str, Any] | None:
    return None if change.document is None else change.document.get("live")


def _notice_frames(change: Change, listener: Listener) -> list[bytes]:
    """Return the notices of a telling that are for this listener. Only the last carries the id: whoever breaks off before it
    gets all of them again."""
    if change.document is None or change.operation != "insert":
        return []
    own = [item for item in change.document["items"] if not listener.addresses.isdisjoint(item["keys"])]
    return [
        frame("notice", encode(_plain(item["_id"], item, _NOTICE_SHOWN)), change.id if item is own[-1] else None) for item in own
    ]


class StreamQuery(msgspec.Struct, kw_only=True, frozen=True):
    """`last`: the id after which to go on, for a fresh EventSource that has no Last-Event-ID."""

    last: str | None = None


class StreamHandler(ApiHandler):
    """GET /api/v1/stream."""

    default_headers = {
        **ApiHandler.default_headers,
        "Content-Type": "text/event-stream; charset=UTF-8",
        "X-Accel-Buffering": "no",
    }
    _listener: Listener | None = None

    @operation(
        "Live events: case.created, case.changed, case.gone, notice, reset; resumable by Last-Event-ID",
        permission="stream.listen", query=StreamQuery, media="text/event-stream",
    )  # fmt: skip
    async def get(self, query: StreamQuery) -> None:
        """Open a stream that stays open until either side ends it."""
        self._auto_finish = False
        last = self.request.headers.get("Last-Event-ID") or query.last
        connection: Any = self.request.connection
        hub = self.services.hub
        hub.check_room()
        self.write(f"retry: {RETRY_MILLISECONDS}\n\n")
        await self.flush()
        self.application.active -= 1  # type: ignore[attr-defined]  # an open stream does not hold up the end of the service
        self._listener = Listener(self.actor, connection.stream, self.request)
        hub.add(self._listener, last)

    def on_connection_close(self) -> None:
        """Forget the listener that went away."""
        if self._listener is not None:
            self.services.hub.remove(self._listener)
