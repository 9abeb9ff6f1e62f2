"""Cases: one, lists, the map, counts, the timeline, and everything that is done to them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from dispatch.service import Page
from dispatch.spans import Arithmetic
from dispatch.states import photo_fields
from dispatch.store import CaseQuery
from dispatch.views import CaseView, EntryView, moment, packed
from web.base import ApiHandler, field_error, operation
from web.bodies import Body, check_keys
from web.shapes import Items

__all__ = [
    "ActionHandler",
    "CaseAction",
    "CaseHandler",
    "CaseList",
    "CaseMap",
    "Due",
    "Fields",
    "RequestAction",
    "Reveal",
    "Summary",
    "TaskAction",
    "Timeline",
]

Word = Annotated[str, msgspec.Meta(max_length=200)]


class ListQuery(CaseQuery, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Filters of a list; several values of one filter are separated by commas."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=400)] | None = None


class MapQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The window `west,south,east,north` in WGS-84 degrees, and the zoom of the map."""

    bbox: Word
    zoom: Annotated[float, msgspec.Meta(ge=0, le=24)] = 12.0


class SummaryQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`ended` also counts the cases that have ended, which costs a question to the database."""

    ended: bool = False


class CaseCounts(msgspec.Struct, kw_only=True):
    """Open cases by state and by light; by the kind of request that waits for a decision; `ended` up to 1,000 when asked."""

    states: dict[str, int]
    lights: dict[str, int]
    requests: dict[str, int]
    ended: int | None = None


class DueQuery(msgspec.Struct, kw_only=True, frozen=True):
    """The kind of clock to explain."""

    clock: Word = "case"


class RevealBody(Body, frozen=True, kw_only=True):
    """Why the caller's name and number are needed; it is logged."""

    reason: Annotated[str, msgspec.Meta(min_length=2, max_length=500)]


class Revealed(msgspec.Struct):
    """The caller in clear."""

    name: str | None
    phone: str | None


class SpanView(msgspec.Struct):
    """A stretch of time and whether it counted, with the reason; `seconds` or `days` is what it added.

    `added` is empty inside the limit itself; behind it the extension that it belongs to (`2wd`), or `returned`.
    """

    start: str
    end: str
    counted: bool
    reason: str
    name: str
    seconds: int
    days: int
    added: str


class RecomputedView(msgspec.Struct):
    """When a change of the calendar was applied to a clock, and when it was due before."""

    at: str
    before: str


class DueAnswer(msgspec.Struct):
    """How a due time came about: spans without gap from start to due.

    `source` says what gave the limit (`override`, `special_group`, `campaign` with the name of its `zone`, `category`,
    `appeal_type`, `urgency`, `law`; `rework`, `redo`, `reopen`, `repair` where work began anew; empty for limits of steps),
    `hours` are the unit's own working hours (empty: the city's). While a clock is paused the spans end at `paused_at`; it has
    `left_seconds` of counted time left.
    """

    started_at: str
    due_at: str
    limit: str
    spans: list[SpanView]
    warning: str | None
    hours: str
    source: str
    zone: str
    extensions: list[str]
    paused_at: str | None
    left_seconds: int | None
    recomputed: RecomputedView | None


Fields = dict[str, Any]


def due_answer(counted: Arithmetic) -> DueAnswer:
    """Return the API's shape of a counted due time."""
    spans = [
        SpanView(moment(one.start), moment(one.end), one.counted, one.reason, one.name, one.seconds, one.days, one.added)
        for one in counted.spans
    ]
    paused_at = moment(counted.paused_at) if counted.paused_at else None
    moved = counted.recomputed
    again = RecomputedView(moment(moved.at), moment(moved.before)) if moved is not None else None
    return DueAnswer(
        moment(counted.start), moment(counted.due), counted.limit, spans, counted.warning, counted.hours, counted.source,
        counted.zone, list(counted.extensions), paused_at, counted.left_seconds, again,
    )  # fmt: skip


class _OneCase(ApiHandler):
    """What answers with one case have in common."""

    def answer_case(self, case: CaseView) -> None:
        """Send the case as it is now; its ETag is the rev."""
        self.put_header("Etag", f'"{case.rev}"')
        self.answer(packed(case))


class CaseHandler(_OneCase):
    """GET /api/v1/cases/{id}."""

    @operation("One case with what may be done to it", permission="case.read", result=CaseView)
    async def get(self, case_id: str) -> None:
        """Send the case."""
        case = await self.services.cases.get(actor=self.actor, case_id=case_id)
        self.answer_case(case)


class CaseList(ApiHandler):
    """GET /api/v1/cases."""

    @operation("Cases that the asker may see", permission="case.read", query=ListQuery, result=Page)
    async def get(self, query: ListQuery) -> None:
        """Send one page."""
        page = await self.services.cases.list(actor=self.actor, query=query)
        self.answer(Page([packed(view) for view in page.items], page.next))


class CaseMap(ApiHandler):
    """GET /api/v1/cases/map."""

    @operation("Cases on the map: single points, or clusters with their worst light", permission="case.read", query=MapQuery)
    async def get(self, query: MapQuery) -> None:
        """Send what lies in the window."""
        self.answer(await self.services.cases.map_points(actor=self.actor, bbox=bbox_of(query.bbox), zoom=int(query.zoom)))


class Summary(ApiHandler):
    """GET /api/v1/cases/summary."""

    @operation("Counts by state, light and pending request", permission="case.read", query=SummaryQuery, result=CaseCounts)
    async def get(self, query: SummaryQuery) -> None:
        """Send the counts of what the asker may see."""
        counts = await self.services.cases.summary(actor=self.actor)
        self.answer(CaseCounts(**counts, ended=await self.services.cases.ended(actor=self.actor) if query.ended else None))


class Timeline(ApiHandler):
    """GET /api/v1/cases/{id}/timeline."""

    @operation("What happened to a case", permission="case.read", result=Items[EntryView])
    async def get(self, case_id: str) -> None:
        """Send the hash-chained entries."""
        self.answer(Items(await self.services.cases.timeline(actor=self.actor, case_id=case_id)))


class Due(ApiHandler):
    """GET /api/v1/cases/{id}/due."""

    @operation("How a due time was counted", permission="case.read", query=DueQuery, result=DueAnswer)
    async def get(self, query: DueQuery, case_id: str) -> None:
        """Send the arithmetic."""
        self.answer(due_answer(await self.services.cases.due(actor=self.actor, case_id=case_id, clock=query.clock)))


class Reveal(ApiHandler):
    """POST /api/v1/cases/{id}/reveal."""

    @operation("The caller's name and number, with a reason", permission="case.reveal", body=RevealBody, result=Revealed)
    async def post(self, body: RevealBody, case_id: str) -> None:
        """Send them; that they were asked for is logged."""
        self.answer(await self.services.cases.reveal(actor=self.actor, case_id=case_id, reason=body.reason))


class ActionHandler(_OneCase):
    """What actions on cases, requests, tasks and needs have in common."""

    def split(self, sent: Fields) -> tuple[int | None, Fields]:
        """Return the rev that the asker saw, and the fields. Raises `Invalid` for a rev that is no whole number."""
        check_keys(sent)
        fields = dict(sent)
        rev = fields.pop("rev", None)
        if rev is not None and (isinstance(rev, bool) or not isinstance(rev, int)):
            raise field_error("rev", "type")
        return rev, fields

    async def photos(self, subject: str, action: str, fields: Fields, case_id: str) -> list[str]:
        """Return the pictures among the fields, after making sure that they are there and the actor's own."""
        found: list[str] = []
        for name in photo_fields(subject, action):
            sent = fields.get(name)
            wanted = [one for one in sent if isinstance(one, str)] if isinstance(sent, list) else []
            await self.services.pictures.check(self.actor, wanted, case_id=case_id, field=name)
            found += wanted
        return found


class CaseAction(ActionHandler):
    """POST /api/v1/cases/{id}/actions/{action}."""

    @operation(
        "Do something to a case: the action's fields, and `rev` where it decides",
        permission="case.act",
        body=Fields,
        result=CaseView,
        idempotent=True,
    )
    async def post(self, sent: Fields, case_id: str, action: str) -> None:
        """Take the action and send the case as it is then."""
        rev, fields = self.split(sent)
        photos = await self.photos("case", action, fields, case_id)
        case = await self.services.cases.act(
            actor=self.actor, case_id=case_id, action=action, rev=rev, fields=fields, key=self.idempotency_key
        )
        await self.services.pictures.attach(photos, case_id)
        self.answer_case(case)


class RequestAction(ActionHandler):
    """POST /api/v1/cases/{id}/requests/{rid}/actions/{action}."""

    @operation("Decide or withdraw a request", permission="case.act", body=Fields, result=CaseView, idempotent=True)
    async def post(self, sent: Fields, case_id: str, request_id: str, action: str) -> None:
        """Take the action and send the case as it is then."""
        rev, fields = self.split(sent)
        photos = await self.photos("request", action, fields, case_id)
        case = await self.services.cases.act_on_request(
            actor=self.actor,
            case_id=case_id,
            request_id=request_id,
            action=action,
            rev=rev,
            fields=fields,
            key=self.idempotency_key,
        )
        await self.services.pictures.attach(photos, case_id)
        self.answer_case(case)


class TaskAction(ActionHandler):
    """POST /api/v1/cases/{id}/tasks/{tid}/actions/{action}."""

    @operation("Do something to a task of a unit or an organization", permission="case.act", body=Fields, result=CaseView,
               idempotent=True)  # fmt: skip
    async def post(self, sent: Fields, case_id: str, task_id: str, action: str) -> None:
        """Take the action and send the case as it is then."""
        rev, fields = self.split(sent)
        photos = await self.photos("task", action, fields, case_id)
        case = await self.services.cases.act_on_task(
            actor=self.actor, case_id=case_id, task_id=task_id, action=action, rev=rev, fields=fields, key=self.idempotency_key
        )
        await self.services.pictures.attach(photos, case_id)
        self.answer_case(case)


def bbox_of(text: str) -> tuple[float, float, float, float]:
    """Return west, south, east, north. Raises `Invalid` for anything but four numbers in order."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise field_error("bbox", "type") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise field_error("bbox", "range")
    return west, south, east, north
