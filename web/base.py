"""What every handler of the API has: who asks, what may be sent, how answers and errors look.

A handler's method is declared by `operation(...)`: permission (a name that does not exist fails at import), the struct of the
body or of the query, what it answers. The same declaration makes the OpenAPI document, so that both cannot differ.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import msgspec
from tornado import httputil
from tornado.web import Application, HTTPError, OutputTransform, RequestHandler

from dispatch.actors import Actor, permission
from dispatch.spreadsheets import written
from storage.errors import (
    FieldError,
    Forbidden,
    HeyunError,
    Invalid,
    Malformed,
    NotFound,
    StorageUnavailable,
    TooLarge,
    Unauthorized,
)
from web.bodies import decode, query_values
from web.limits import JSON_LIMIT
from web.problems import content_language, document

if TYPE_CHECKING:
    from web.services import Services

__all__ = ["ApiHandler", "MethodNotAllowed", "Operation", "encode", "operation"]

log = logging.getLogger("heyun.web")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_API_HEADERS = {"Content-Type": "application/json; charset=UTF-8", "Cache-Control": "no-store", **SECURITY_HEADERS}


def _refuse_unknown(value: Any) -> Any:
    raise NotImplementedError(f"{type(value).__name__} cannot be sent")


_ENCODER = msgspec.json.Encoder(enc_hook=_refuse_unknown)
encode = _ENCODER.encode


class MethodNotAllowed(HeyunError):
    """The address exists, the verb does not; raised by `ApiHandler`."""

    status = 405
    code = "method_not_allowed"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What one method of one address asks and answers; read by the wrapper and by the OpenAPI generator."""

    summary: str
    permission: str | None
    body: Any = None
    query: Any = None
    result: Any = None
    status: int = 200
    idempotent: bool = False
    media: str = "application/json"
    takes: str | None = None


Method = Callable[..., Awaitable[None]]


def operation(
    summary: str,
    *,
    permission: str | None,
    body: Any = None,
    query: Any = None,
    result: Any = None,
    status: int = 200,
    idempotent: bool = False,
    media: str = "application/json",
    takes: str | None = None,
) -> Callable[[Method], Method]:
    """Declare a handler's method: it is called with the decoded body or query first, then the parts of the path.

    `permission=None` is for what needs no sign-in; then `self.actor` must not be used. `takes` is the media type of a body that
    is not JSON; the method reads it itself.
    """
    declared = Operation(
        summary=summary,
        permission=permission,
        body=body,
        query=query,
        result=result,
        status=status,
        idempotent=idempotent,
        media=media,
        takes=takes,
    )
    roles = _roles(permission)
    decoder: msgspec.json.Decoder[Any] | None = msgspec.json.Decoder(body) if body is not None else None

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        async def call(self: ApiHandler, *path: str) -> None:
            if roles is not None:
                self.actor = await self.services.auth.actor_of(self.request)
                if self.actor.role not in roles:
                    raise Forbidden(permission=permission)
            if decoder is not None:
                await method(self, decode(decoder, self.request.body), *path)
            elif query is not None:
                await method(self, query_values(self.request.query_arguments, query), *path)
            else:
                await method(self, *path)

        call.operation = declared  # type: ignore[attr-defined]
        return call

    return wrap


def _roles(name: str | None) -> frozenset[str] | None:
    return None if name is None else permission(name)


class _Date:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self.second, self.text = 0, ""

    def now(self) -> str:
        second = int(time.time())
        if second != self.second:
            self.second, self.text = second, formatdate(second, usegmt=True)
        return self.text


_date = _Date()


class ApiHandler(RequestHandler):
    """Base of the API's handlers: JSON in, JSON or a problem document out.

    `__init__` and `_execute` do what Tornado's do, without templates, forms and XSRF cookies, which these handlers never use.
    """

    actor: Actor
    body_limit = JSON_LIMIT
    default_headers: Mapping[str, str] = _API_HEADERS
    ui: Any = None

    def __init__(self, application: Application, request: httputil.HTTPServerRequest) -> None:
        self.application = application
        self.request = request
        self._headers_written = False
        self._finished = False
        self._auto_finish = True
        self._prepared_future = None
        self.clear()
        request.connection.set_close_callback(self.on_connection_close)  # type: ignore[union-attr]

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Answer the request; whatever is raised becomes a problem document."""
        self._transforms = transforms
        self.path_args = []
        try:
            verb = self.request.method or ""
            if verb not in self.SUPPORTED_METHODS:
                raise HTTPError(405)
            self.path_args = [self.decode_argument(arg) for arg in args]
            self.prepare()
            await getattr(self, verb.lower())(*self.path_args)
            if self._auto_finish and not self._finished:
                self.finish()
        except HeyunError as error:
            if error.status >= 500:
                self.log_exception(type(error), error, error.__traceback__)
            self._refuse(error)
        except Exception as error:  # the outermost loop of a request
            self._handle_request_exception(error)

    def _refuse(self, error: HeyunError) -> None:
        if not self._finished and not self._headers_written:
            self.problem(error)
        elif not self._finished:
            self.finish()

    @property
    def services(self) -> Services:
        """Everything that the process was wired with."""
        return self.application.services  # type: ignore[attr-defined,no-any-return]

    @property
    def logged_path(self) -> str:
        """The address as it may stand in a log."""
        return self.request.path

    @property
    def language(self) -> str:
        """The language that the asker prefers."""
        return content_language(self.request.headers.get("Accept-Language", ""))

    @property
    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header, or None. Raises `Malformed` when it is longer than 200 characters."""
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not 1 <= len(key) <= 200:
            raise Malformed(code="idempotency_key_required")
        return key

    def clear(self) -> None:
        """Start an answer with the headers of this kind of handler; they are our own constants and need no checking."""
        headers = httputil.HTTPHeaders()
        headers._as_list = {name: [value] for name, value in self.default_headers.items()}
        headers._as_list["Date"] = [_date.now()]
        self._headers = headers
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"

    def prepare(self) -> None:
        """Refuse a foreign Host while demo accounts exist, and bodies that are larger than this door takes."""
        self.services.hosts.check(self.request.host_name)
        if getattr(self.request, "too_large", False):
            raise TooLarge(limit=self.body_limit)

    def compute_etag(self) -> str | None:
        """No hash over answers: what has a version sets its own ETag."""
        return None

    def put_header(self, name: str, value: str) -> None:
        """Set a header of this exact name to text of our own making (never of a request), without Tornado's checks."""
        self._headers._as_list[name] = [value]

    def answer(self, value: Any, *, status: int = 200) -> None:
        """Send a value as JSON."""
        self.answer_encoded(encode(value), status=status)

    def answer_encoded(self, body: bytes, *, status: int = 200) -> None:
        """Send what is JSON already."""
        if status != 200:
            self.set_status(status)
        self.put_header("Content-Length", str(len(body)))
        self.finish(body)

    def answer_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Send a table as a CSV file of this name (of our own making), in which nothing can be run as a formula."""
        self.put_header("Content-Type", "text/csv; charset=UTF-8")
        self.put_header("Content-Disposition", f'attachment; filename="{name}"')
        self.answer_encoded(written(columns, rows).encode())

    def answer_versioned(self, value: Any, tag: str) -> None:
        """Send a value with its ETag; 304 when the asker holds this version already."""
        self.set_header("ETag", f'"{tag}"')
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.answer(value)

    def problem(self, error: HeyunError) -> None:
        """Send an error as a problem document."""
        self.clear()
        self.set_status(error.status)
        language = self.language
        self.set_header("Content-Type", "application/problem+json; charset=UTF-8")
        self.set_header("Content-Language", language)
        if "retry_after" in error.data:
            self.set_header("Retry-After", str(error.data["retry_after"]))
        if error.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if error.status == 405:
            self.set_header("Allow", ", ".join(self.methods()))
        self.finish(encode(document(error, language)))

    @classmethod
    def methods(cls) -> list[str]:
        """The verbs that this address knows."""
        return [name for name in ("GET", "POST", "PUT", "DELETE") if hasattr(getattr(cls, name.lower()), "operation")]

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Render whatever was raised as a problem document; a defect of ours shows nothing of itself."""
        if self._headers_written:
            super().send_error(status_code, **kwargs)
            return
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.problem(_as_problem(error, status_code))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log defects with their trace, a database that is away in one line, and nothing of what the asker did wrong."""
        if isinstance(value, HeyunError) and value.status < 500:
            return
        if isinstance(value, HTTPError) and value.status_code < 500:
            return
        if isinstance(value, StorageUnavailable):
            log.warning("%s %s: %s", self.request.method, self.logged_path, value)
            return
        log.error("%s %s failed", self.request.method, self.logged_path, exc_info=(typ, value, tb))


def _as_problem(error: BaseException | None, status: int) -> HeyunError:
    if isinstance(error, HeyunError):
        return error
    if isinstance(error, HTTPError):
        status = error.status_code
    known = {404: NotFound, 405: MethodNotAllowed, 401: Unauthorized, 403: Forbidden, 400: Malformed, 413: TooLarge}
    return known.get(status, HeyunError)()


class UnknownAddress(ApiHandler):
    """Any address under /api that does not exist."""

    async def _not_found(self, *path: str) -> None:
        raise NotFound(code="unknown_address")

    get = post = put = delete = _not_found


def field_error(field: str, code: str) -> Invalid:
    """Return the error of one field that is wrong."""
    return Invalid(errors=[FieldError(field=field, code=code)])
