"""Changing the territory, and reading what held when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import shapely

from dispatch.errors import IdempotencyKeyRequired
from grid.borders import Change, Counts, Form, Gone, Look, Mentions, State
from grid.boundaries import Finding, Severity
from grid.metric import square_metres
from grid.orders import Order
from grid.succeeding import Following
from orgs.naming import all_named, namers
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.cursors import behind, cursor_of
from web.problems import catalogue
from web.shapes import Items

__all__ = ["AreaVersions", "ChangeFollow", "ChangeList", "ChangeWithdraw", "Moment", "Orphans", "Reason", "form_item"]

Reason = Annotated[str, msgspec.Meta(min_length=2, max_length=500)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Code = Annotated[str, msgspec.Meta(max_length=100)]


class ChangeBody(Body, frozen=True, kw_only=True):
    """What is wanted; made only with `dry_run` false, an Idempotency-Key, the `version` that was looked at and a reason.

    `effective_at` is when it begins to hold; now when it is not given.
    """

    order: Order
    dry_run: bool = True
    version: int | None = None
    effective_at: Moment | None = None
    reason: Reason | None = None


class WithdrawBody(Body, frozen=True, kw_only=True):
    """Why the change is taken back."""

    reason: Reason


class FollowBody(Body, frozen=True, kw_only=True):
    """Only said, or done when `dry_run` is false."""

    dry_run: bool = True


class ChangesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Changes of a state, of an area; `cursor` is the `next` of the page before."""

    state: State | None = None
    area: Code | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class VersionsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Whether the shapes are wanted, too."""

    geometry: bool = False


class FormItem(msgspec.Struct, kw_only=True):
    """An area as it held from `valid_from` until before `valid_to` (null: it holds), with the territory version that brought it.

    `reason` is what ended it (`split`, `merge`, …; `changed` or `removed` by a pack) and `change` the change that did. Where the
    code is void, `heirs` came after it. `area_m2` is measured on the ellipsoid; `geometry` is GeoJSON in WGS-84.
    """

    code: str
    name: str
    name_en: str
    level: str
    kind: str
    parent: str | None
    version: int
    valid_from: datetime | None
    valid_to: datetime | None
    reason: str
    change: str | None
    void: bool
    heirs: tuple[str, ...]
    area_m2: float | None
    geometry: msgspec.Raw | None


class FindingItem(msgspec.Struct, kw_only=True):
    """One thing that is wrong (`error`: the change is not made) or doubtful (`warning`), where and by how much."""

    code: str
    severity: Severity
    area: str
    other: str
    figures: dict[str, float]
    at: tuple[float, float] | None
    message: str


class LookAnswer(msgspec.Struct, kw_only=True):
    """What the order would do to the territory of `version`: areas as they would be, codes that would be void, what is found, and
    what names the areas concerned (first items of each kind; all are counted). What names a void code leads to its `heirs`. Of
    areas and codes the first 2,000 are listed, all are in `counts`."""

    version: int
    possible: bool
    counts: Counts
    now: list[FormItem]
    gone: list[Gone]
    findings: list[FindingItem]
    mentions: list[Mentions]


class ChangeAnswer(msgspec.Struct, kw_only=True):
    """A dry run's `look`, or the `change` that was made."""

    dry_run: bool
    look: LookAnswer | None = None
    change: Change | None = None


class ChangeList(ApiHandler):
    """GET, POST /api/v1/territory/changes."""

    body_limit = 8 * 1024 * 1024  # a level of some thousand areas

    @operation("Changes of the territory, the last made first", permission="territory.edit", query=ChangesQuery,
               result=Items[Change])  # fmt: skip
    async def get(self, query: ChangesQuery) -> None:
        """Send a page."""
        found = await self.services.borders.changes(
            state=query.state, area=query.area, limit=query.limit + 1, before=behind(query.cursor)
        )  # fmt: skip
        page = found[: query.limit]
        self.answer(Items(page, cursor_of(page[-1].made_at, page[-1].id) if len(found) > query.limit else None))

    @operation("Look at a change of the territory, or make it", permission="territory.edit", body=ChangeBody,
               result=ChangeAnswer, idempotent=True)  # fmt: skip
    async def post(self, body: ChangeBody) -> None:
        """Send what the order would do, or do it and send the change."""
        if body.dry_run:
            look = await self.services.borders.look(body.order)
            self.answer(ChangeAnswer(dry_run=True, look=look_answer(look, self.language)))
            return
        version, reason = _what_it_takes(body)
        if self.idempotency_key is None:
            raise IdempotencyKeyRequired
        change, is_new = await self.services.borders.make(
            actor=self.actor, order=body.order, version=version, effective_at=body.effective_at, reason=reason,
            key=self.idempotency_key,
        )  # fmt: skip
        self.answer(ChangeAnswer(dry_run=False, change=change), status=201 if is_new else 200)


def _what_it_takes(body: ChangeBody) -> tuple[int, str]:
    if body.version is None:
        raise field_error("version", "required")
    if body.reason is None:
        raise field_error("reason", "required")
    return body.version, body.reason


class ChangeWithdraw(ApiHandler):
    """POST /api/v1/territory/changes/{id}:withdraw."""

    @operation("Take back a change that does not hold yet", permission="territory.edit", body=WithdrawBody, result=Change)
    async def post(self, body: WithdrawBody, id: str) -> None:
        """Withdraw it and send it as it is then."""
        self.answer(await self.services.borders.withdraw(actor=self.actor, id=id, reason=body.reason))


class ChangeFollow(ApiHandler):
    """POST /api/v1/territory/changes/{id}:follow."""

    @operation("Move patrol plans, groups and places of void grids to the one grid that came after", permission="territory.edit",
               body=FollowBody, result=Following)  # fmt: skip
    async def post(self, body: FollowBody, id: str) -> None:
        """Send what was moved, or would be, and what waits for somebody to choose; again, nothing is left to move."""
        self.answer(await self.services.followers.follow(actor=self.actor, change=id, dry_run=body.dry_run))


class Orphans(ApiHandler):
    """GET /api/v1/territory/orphans."""

    @operation("What names an area that is void and that none came after", permission="territory.edit", result=Items[Mentions])
    async def get(self) -> None:
        """Send rules, duties, people, units and organizations that lead nowhere until somebody mends them."""
        territory, after = self.services.territory, self.services.parties.snapshot.after
        named = await all_named(self.services.database)
        lost = [
            code
            for code in named - territory.snapshot.management_codes
            if territory.area(code) is None and not any(territory.area(heir) for heir in after.heirs(code))
        ]
        found = await namers(self.services.database, lost) if lost else []
        self.answer(Items(found))


class AreaVersions(ApiHandler):
    """GET /api/v1/areas/{code}/versions."""

    @operation("Every form that an area has had, latest first", permission="directory.read", query=VersionsQuery,
               result=Items[FormItem])  # fmt: skip
    async def get(self, query: VersionsQuery, code: str) -> None:
        """Send them; a void code has no form without `valid_to`."""
        forms = await self.services.borders.versions(code)
        self.answer(Items([form_item(form, geometry=query.geometry) for form in forms]))


def look_answer(look: Look, language: str) -> LookAnswer:
    """Return the API's shape of a dry run, its words in a language of the catalogues."""
    return LookAnswer(
        version=look.version,
        possible=not look.errors,
        counts=look.counts,
        now=[form_item(form, geometry=True) for form in look.now],
        gone=look.gone,
        findings=[_finding(finding, language) for finding in look.findings],
        mentions=look.mentions,
    )


def form_item(form: Form, *, geometry: bool = False) -> FormItem:
    """Return the API's shape of a form of an area, with its shape where that is wanted and known."""
    shape = shapely.from_wkb(form.wkb) if form.wkb else None
    fields: dict[str, Any] = {name: getattr(form, name) for name in Form.__struct_fields__ if name != "wkb"}
    return FormItem(
        **fields,
        area_m2=None if shape is None else round(float(square_metres(shape)), 1),
        geometry=msgspec.Raw(shapely.to_geojson(shape).encode()) if geometry and shape is not None else None,
    )


def _finding(finding: Finding, language: str) -> FindingItem:
    words = catalogue(language).fields[f"finding.{finding.code}"]
    return FindingItem(
        code=finding.code, severity=finding.severity, area=finding.area, other=finding.other, figures=finding.figures,
        at=finding.at, message=words.format(other=finding.other, **finding.figures),
    )  # fmt: skip
