"""Files of boundaries: judged before anything is taken from them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from grid.files.limits import MAX_UPLOAD
from grid.files.properties import parse_field_map
from grid.files.reading import ReadOptions
from web.base import ApiHandler, operation
from web.findings import InspectionAnswer, inspection_answer

__all__ = ["TerritoryInspect"]


class InspectQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read the file. `crs` is what its coordinates really are, whatever it says itself; `layer` which, of several.

    `level` and `kind` are for features that say none; `field_map` like `code:BM,name:MC` says which property holds which part
    (code, name, level, kind, parent, name_en, valid_from, valid_to). `keeps_others`: areas that the file leaves out stay.
    `ignore_file_crs`: what the file says of its coordinates does not count. `cursor` is the `next` of the page before.
    """

    crs: Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"]
    layer: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    level: Literal["city", "district", "township", "community", "grid"] | None = None
    kind: Literal["unit", "duty", "manage", "eval", "special", "extension"] = "duty"
    field_map: Annotated[str, msgspec.Meta(max_length=500)] = ""
    keeps_others: bool = False
    ignore_file_crs: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    cursor: Annotated[int, msgspec.Meta(ge=0)] = 0


class TerritoryInspect(ApiHandler):
    """POST /api/v1/territory:inspect."""

    body_limit = MAX_UPLOAD

    @operation(
        "Judge a file of boundaries and take nothing: GeoJSON (also gzipped), zipped Shapefile, GeoPackage; at most 32 MB",
        permission="territory.edit", query=InspectQuery, takes="application/octet-stream", result=InspectionAnswer,
    )  # fmt: skip
    async def post(self, query: InspectQuery) -> None:
        """Send what the file holds and a page of what is wrong with it; for the next page the file is sent again."""
        options = ReadOptions(
            crs=query.crs, layer=query.layer, level=query.level or "", kind=query.kind, zone=self.services.city.timezone,
            field_map=parse_field_map(query.field_map), ignore_file_crs=query.ignore_file_crs,
        )  # fmt: skip
        seen = await self.services.inspector.inspect(
            actor=self.actor, data=self.request.body, options=options, keeps_others=query.keeps_others
        )
        self.answer(inspection_answer(seen, self.language, limit=query.limit, cursor=query.cursor))
