"""Versions of what was learned from closed cases: listed, compared, switched on and off by a person."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.learning.versions import Comparison, ModelView, Versions
from dispatch.service import utc_now
from web.base import ApiHandler, operation
from web.bodies import Body
from web.shapes import Items

__all__ = ["ModelActivate", "ModelDeactivate", "ModelHandler", "ModelList"]

Reason = Annotated[str, msgspec.Meta(min_length=2, max_length=500)]


class ModelsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many, newest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50


class ModelQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"other": "with"}):
    """`with` names another version to compare with."""

    other: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None


class ActivateBody(Body, frozen=True, kw_only=True):
    """`force` switches on what does worse than the rules; it needs a reason."""

    reason: Reason | None = None
    force: bool = False


class DeactivateBody(Body, frozen=True, kw_only=True):
    """Why the rules alone answer from now on."""

    reason: Reason


class _Handler(ApiHandler):
    """What all doors to versions have in common."""

    @property
    def versions(self) -> Versions:
        """The use cases."""
        return Versions(self.services.database)


class ModelList(_Handler):
    """GET /api/v1/models."""

    @operation("What was learned, newest first", permission="learning.read", query=ModelsQuery, result=Items[ModelView])
    async def get(self, query: ModelsQuery) -> None:
        """Send the versions with how well they do."""
        self.answer(Items(await self.versions.list(query.limit)))


class ModelHandler(_Handler):
    """GET /api/v1/models/{id}."""

    @operation("One version, or it beside another one", permission="learning.read", query=ModelQuery, result=Comparison)
    async def get(self, query: ModelQuery, model: str) -> None:
        """Send the version; with `with` also that one and what this one gains over it."""
        self.answer(await self.versions.compare(model, query.other))


class ModelActivate(_Handler):
    """POST /api/v1/models/{id}:activate."""

    @operation("Let a version order what the rules leave open", permission="learning.switch", body=ActivateBody,
               result=ModelView, idempotent=True)  # fmt: skip
    async def post(self, body: ActivateBody, model: str) -> None:
        """Switch it on in all processes; the version before goes off."""
        self.answer(await self.versions.activate(self.actor, model, now=utc_now(), reason=body.reason or "", force=body.force))


class ModelDeactivate(_Handler):
    """POST /api/v1/models/{id}:deactivate."""

    @operation("Let the rules alone answer", permission="learning.switch", body=DeactivateBody, result=ModelView,
               idempotent=True)  # fmt: skip
    async def post(self, body: DeactivateBody, model: str) -> None:
        """Switch it off in all processes."""
        self.answer(await self.versions.deactivate(self.actor, model, now=utc_now(), reason=body.reason))
