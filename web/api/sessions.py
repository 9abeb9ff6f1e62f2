"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from tornado.httputil import HTTPServerRequest

from dispatch.actors import PERMISSIONS, Actor
from dispatch.model import AreaRef
from storage.errors import Unauthorized
from web.auth import COOKIE, CsrfMissing, session_token
from web.base import ApiHandler, operation
from web.bodies import Body
from web.services import Services
from web.shapes import Ref

__all__ = ["CurrentSession", "Sessions"]

Secret = Annotated[str, msgspec.Meta(max_length=1024)]


class SignIn(Body, frozen=True, kw_only=True):
    """User name and password; `otp` where the account asks for one."""

    username: Annotated[str, msgspec.Meta(max_length=100)]
    password: Secret
    otp: Secret | None = None


class User(msgspec.Struct, kw_only=True):
    """Who is signed in, and what the screens need to know."""

    username: str
    name: str
    role: str
    unit: Ref | None
    areas: list[AreaRef]
    organization: Ref | None
    permissions: list[str]


class Signed(msgspec.Struct):
    """The user and the token that a browser sends as `X-CSRF-Token` with every change."""

    user: User
    csrf: str


def user_of(actor: Actor, services: Services) -> User:
    """Return how an actor is shown to themselves."""
    unit = services.parties.unit(actor.unit) if actor.unit else None
    territory = services.territory
    areas = [area for code in sorted(actor.areas) if (area := territory.area(code))]
    if not areas and actor.scope.city:
        areas = list(territory.snapshot.roots())
    return User(
        username=actor.id,
        name=actor.name,
        role=actor.role,
        unit=Ref(unit.code, unit.name) if unit else None,
        areas=areas,
        organization=_organization(actor, services),
        permissions=sorted(name for name, roles in PERMISSIONS.items() if actor.role in roles),
    )


def _organization(actor: Actor, services: Services) -> Ref | None:
    if actor.organization is None or actor.organization == "*":
        return Ref("*", "") if actor.organization else None
    known = services.parties.organization(actor.organization)
    return Ref(actor.organization, known.name if known else "")


def check_origin(request: HTTPServerRequest) -> None:
    """Refuse a sign-in that another site's page sends. Raises `CsrfMissing`."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise CsrfMissing


class Sessions(ApiHandler):
    """POST /api/v1/sessions."""

    @operation("Sign in; sets the session's cookie", permission=None, body=SignIn, result=Signed)
    async def post(self, body: SignIn) -> None:
        """Open a session."""
        check_origin(self.request)
        address = self.request.remote_ip or ""
        session, csrf = await self.services.accounts.sign_in(body.username, body.password, address, body.otp)
        actor = await self.services.accounts.actor_of_session(session.token)
        secure = self.request.protocol == "https"
        self.set_cookie(COOKIE, session.token, httponly=True, samesite="Lax", path="/", secure=secure)
        self.answer(Signed(user_of(actor, self.services), csrf))


class CurrentSession(ApiHandler):
    """/api/v1/sessions/current."""

    @operation("Who is signed in", permission="self", result=Signed)
    async def get(self) -> None:
        """Show the present user; `csrf` is empty for a bearer token, which needs none."""
        token = session_token(self.request)
        csrf = self.services.accounts.csrf_of(token) if token and "Authorization" not in self.request.headers else ""
        self.answer(Signed(user_of(self.actor, self.services), csrf))

    @operation("Sign out", permission="self", status=204)
    async def delete(self) -> None:
        """End the session of the cookie."""
        token = session_token(self.request)
        if token is None:
            raise Unauthorized
        await self.services.accounts.sign_out(token)
        self.clear_cookie(COOKIE, path="/")
        self.set_status(204)
        self.finish()
