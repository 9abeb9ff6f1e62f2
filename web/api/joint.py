"""The templates of 一件事: which units do what, at once or in order."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.joint import JointTemplate
from web.base import ApiHandler, operation
from web.shapes import Items

__all__ = ["JointTemplateList"]


class TemplatesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Only the templates for a category."""

    category: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class JointTemplateList(ApiHandler):
    """GET /api/v1/joint-templates."""

    @operation("Templates by which one matter is dispatched to several units, with their steps", permission="directory.read",
               query=TemplatesQuery, result=Items[JointTemplate])  # fmt: skip
    async def get(self, query: TemplatesQuery) -> None:
        """Send the templates, by code; a step names its unit by code or as `type@level`."""
        templates = self.services.core.joint_templates
        found = templates.all() if query.category is None else templates.fitting(query.category)
        self.answer(Items(list(found)))
