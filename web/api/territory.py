"""Files of boundaries: judged before anything is taken from them, and put in force."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from dispatch.errors import IdempotencyKeyRequired
from grid.borders import Change
from grid.file_imports import BoundariesRefused
from grid.files.limits import MAX_UPLOAD
from grid.files.properties import parse_field_map
from grid.files.reading import ReadOptions
from web.api.boundaries import Moment, Reason
from web.base import ApiHandler, operation
from web.findings import InspectionAnswer, inspection_answer, refusal

__all__ = ["InspectionHandler", "TerritoryImport", "TerritoryInspect"]

Findings = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class FileQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read a file. `crs` is what its coordinates really are, whatever it says itself; `layer` which, of several.

    `level` and `kind` are for features that say none; `field_map` like `code:BM,name:MC` says which property holds which part
    (code, name, level, kind, parent, name_en, valid_from, valid_to). `ignore_file_crs`: what the file says of its coordinates
    does not count.
    """

    crs: Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"]
    layer: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    level: Literal["city", "district", "township", "community", "grid"] | None = None
    kind: Literal["unit", "duty", "manage", "eval", "special", "extension"] = "duty"
    field_map: Annotated[str, msgspec.Meta(max_length=500)] = ""
    ignore_file_crs: bool = False

    def options(self, zone: str) -> ReadOptions:
        """Return it as the readers take it; days in the file are days of `zone`. Raises `Invalid` for a wrong field map."""
        return ReadOptions(
            crs=self.crs, layer=self.layer, level=self.level or "", kind=self.kind, zone=zone,
            field_map=parse_field_map(self.field_map), ignore_file_crs=self.ignore_file_crs,
        )  # fmt: skip


class InspectQuery(FileQuery, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read the file, and what becomes of areas that it leaves out: with `keeps_others` they stay, else they would be void.

    The answer holds the findings from the `cursor`-th on; the following pages are read by the inspection's id.
    """

    keeps_others: bool = False
    limit: Findings = 100
    cursor: Annotated[int, msgspec.Meta(ge=0)] = 0


class PageQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cursor` is the `next` of the page before."""

    limit: Findings = 100
    cursor: Annotated[int, msgspec.Meta(ge=0)] = 0


class TerritoryInspect(ApiHandler):
    """POST /api/v1/territory:inspect."""

    body_limit = MAX_UPLOAD

    @operation(
        "Judge a file of boundaries and take nothing: GeoJSON (also gzipped), zipped Shapefile, GeoPackage; at most 32 MB",
        permission="territory.edit", query=InspectQuery, takes="application/octet-stream", result=InspectionAnswer,
    )  # fmt: skip
    async def post(self, query: InspectQuery) -> None:
        """Send what the file holds and a page of what is wrong with it; what was found is kept for a week."""
        page = await self.services.inspector.inspect(
            actor=self.actor, data=self.request.body, options=query.options(self.services.city.timezone),
            keeps_others=query.keeps_others, start=query.cursor, limit=query.limit,
        )  # fmt: skip
        self.answer(inspection_answer(page, self.language))


class InspectionHandler(ApiHandler):
    """GET /api/v1/territory/inspections/{id}."""

    @operation("A file of boundaries that was judged", permission="territory.edit", query=PageQuery, result=InspectionAnswer)
    async def get(self, query: PageQuery, id: str) -> None:
        """Send what the file held and a page of what was wrong with it; 404 when that is longer ago than a week."""
        page = await self.services.inspector.find(actor=self.actor, id=id, start=query.cursor, limit=query.limit)
        self.answer(inspection_answer(page, self.language))


class ImportQuery(FileQuery, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read the file, the `version` of the territory that it was inspected against, why it is put in force (`reason`), and
    from when on (`effective_at`; now when it is not given).

    What the file lacks stays. With `complete` the file is all that there shall be of its levels and kinds below the parents that
    it names: what it lacks there is void. What the file says of days (valid_from, valid_to) does not count.
    """

    version: int
    reason: Reason
    effective_at: Moment | None = None
    complete: bool = False


class TerritoryImport(ApiHandler):
    """POST /api/v1/territory:import."""

    body_limit = MAX_UPLOAD

    @operation(
        "Put a file of boundaries in force as one change: files as for territory:inspect, the same is judged before",
        permission="territory.edit", query=ImportQuery, takes="application/octet-stream", result=Change, status=201,
        idempotent=True,
    )  # fmt: skip
    async def post(self, query: ImportQuery) -> None:
        """Send the change; what speaks against it is a problem with the first 100 findings, and nothing is taken."""
        if self.idempotency_key is None:
            raise IdempotencyKeyRequired
        try:
            change, is_new = await self.services.file_imports.take(
                actor=self.actor, data=self.request.body, options=query.options(self.services.city.timezone),
                complete=query.complete, version=query.version, effective_at=query.effective_at, reason=query.reason,
                key=self.idempotency_key,
            )  # fmt: skip
        except BoundariesRefused as error:
            raise refusal(error, self.language) from None
        self.answer(change, status=201 if is_new else 200)
