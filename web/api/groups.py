"""Community groups: the register, what is posted, what becomes of it, what the group is told. Retries are harmless."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from dispatch.plain import PublicCase
from dispatch.reports import Location
from grid.group_service import KeptGroup
from grid.groups import Choice, Group, GroupKind, Help, Post
from grid.posting import NewPost, Told
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.cursors import behind, cursor_of
from web.shapes import Items, moment
from web.tables import TableAnswer, TableBody, table_answer

__all__ = [
    "GroupHandler", "GroupImport", "GroupList", "GroupNoticeRead", "GroupNotices", "GroupPosts", "PostConfirm", "PostDecline",
    "PostHandler", "PostList",
]  # fmt: skip

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Page = Annotated[int, msgspec.Meta(ge=1, le=200)]
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class GroupsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Groups by code, of an area when it is given."""

    area: Code | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Code | None = None


class GroupBody(Body, frozen=True, kw_only=True):
    """A group: the grid that it belongs to, the user names of who leads it, about how many it has. `rev` as in rosters."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    kind: GroupKind
    area: Code
    leaders: Annotated[tuple[Code, ...], msgspec.Meta(max_length=20)] = ()
    size: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    active: bool = True
    rev: int | None = None


class GroupView(msgspec.Struct, kw_only=True):
    """A group of the register."""

    code: str
    rev: int
    name: str
    kind: str
    area: str
    leaders: tuple[str, ...]
    size: int
    active: bool


class PostsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Newest first; `cursor` is the `next` of the page before."""

    limit: Page = 20
    cursor: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class WaitingQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Oldest first."""

    limit: Page = 50


class PostBody(Body, frozen=True, kw_only=True):
    """What a member has posted: who they are as the group calls them, what, with photos (media ids), where (else the grid)."""

    author: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    text: Annotated[str, msgspec.Meta(min_length=5, max_length=500)]
    photos: Annotated[tuple[Code, ...], msgspec.Meta(max_length=9)] = ()
    location: Location | None = None


class HelpBody(Body, frozen=True, kw_only=True):
    """What is asked of organizations, as `open_need` takes it."""

    kind: Code
    help: Code
    what: Annotated[str, msgspec.Meta(min_length=4, max_length=200)]
    places: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1


class PostConfirmBody(Body, frozen=True, kw_only=True):
    """As what: a problem, or a need. `seen` files it at once, where a category is given; `help` asks organizations for it, once
    a unit has the case."""

    kind: Literal["problem", "need"] = "problem"
    category: Code | None = None
    urgency: Code | None = None
    seen: bool = False
    help: HelpBody | None = None


class PostDeclineBody(Body, frozen=True, kw_only=True):
    """Why nothing more is made of it; with a `reply` it counts as answered. The group may read both."""

    reason: Annotated[str, msgspec.Meta(min_length=2, max_length=200)]
    reply: Annotated[str, msgspec.Meta(max_length=500)] = ""


class PostView(msgspec.Struct, kw_only=True):
    """A post, personal data masked, and what became of it; `told` is what may be said of the case (null: there is none)."""

    id: str
    group: str
    at: str
    author: str
    text: str
    photos: tuple[str, ...]
    lon: float | None
    lat: float | None
    state: str
    decided_by: str | None
    decided_at: str | None
    reason: str | None
    reply: str | None
    case: str | None
    case_no: str | None
    need: bool
    told: PublicCase | None = None


class AnnounceBody(Body, frozen=True, kw_only=True):
    """What the group is told."""

    text: Annotated[str, msgspec.Meta(min_length=2, max_length=500)]


class GroupNoticesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Newest first; `before` goes on behind the last one of an earlier page (its `at`)."""

    limit: Page = 20
    before: Instant | None = None


class ToldView(msgspec.Struct, kw_only=True):
    """One line: an `announcement` with how many have read it (`readers`), or what happened to a case made of a post (`event`)."""

    id: str
    at: str
    event: str
    text: str
    case_no: str | None
    read: bool
    readers: int | None


def _group_view(kept: KeptGroup) -> GroupView:
    group = kept.group
    return GroupView(
        code=group.code, rev=kept.rev, name=group.name, kind=group.kind, area=group.area, leaders=group.leaders,
        size=group.size, active=group.active,
    )  # fmt: skip


def _post_view(post: Post, told: PublicCase | None = None) -> PostView:
    return PostView(
        id=post.id, group=post.group, at=moment(post.at), author=post.author, text=post.text, photos=post.photos, lon=post.lon,
        lat=post.lat, state=post.state, decided_by=post.decided_by or None,
        decided_at=None if post.decided_at is None else moment(post.decided_at), reason=post.reason or None,
        reply=post.reply or None, case=post.case or None, case_no=post.case_no or None, need=post.need, told=told,
    )  # fmt: skip


def _told_view(told: Told) -> ToldView:
    return ToldView(
        id=told.id, at=moment(told.at), event=told.event, text=told.text, case_no=told.case_no or None, read=told.read,
        readers=told.readers,
    )  # fmt: skip


class GroupList(ApiHandler):
    """GET /api/v1/groups."""

    @operation("The groups that I look after", permission="group.read", query=GroupsQuery, result=Items[GroupView])
    async def get(self, query: GroupsQuery) -> None:
        """Send one page, by code."""
        found = await self.services.field.groups.of(self.actor, area=query.area, after=query.cursor or "", limit=query.limit)
        self.answer(Items([_group_view(one) for one in found], found[-1].group.code if len(found) == query.limit else None))


class GroupHandler(ApiHandler):
    """PUT, DELETE /api/v1/groups/{id}."""

    @operation("Put a group into the register", permission="group.edit", body=GroupBody, result=GroupView)
    async def put(self, body: GroupBody, code: str) -> None:
        """Make the group hold exactly this."""
        if not _ID.fullmatch(code):
            raise field_error("id", "pattern")
        fields = msgspec.structs.asdict(body)
        rev = fields.pop("rev")
        kept = await self.services.field.groups.put(self.actor, Group(code=code, **fields), self.services.clock(), rev=rev)
        self.answer(_group_view(kept))

    @operation("Take a group out of the register", permission="group.edit", status=204)
    async def delete(self, code: str) -> None:
        """Take it out; one that is not there is out already."""
        await self.services.field.groups.remove(self.actor, code, self.services.clock())
        self.set_status(204)


class GroupImport(ApiHandler):
    """POST /api/v1/groups:import."""

    @operation("Import groups (columns of groups.csv)", permission="group.edit", body=TableBody, result=TableAnswer)
    async def post(self, body: TableBody) -> None:
        """Say what the table (columns of `groups.csv`) would do, or take it over as a whole; a row that is wrong is named and
        nothing is written."""
        groups, now = self.services.field.groups, self.services.clock()
        done = await groups.take_over(self.actor, body.csv, now, dry_run=body.dry_run)
        self.answer(table_answer(done, body))


class GroupPosts(ApiHandler):
    """GET, POST /api/v1/groups/{id}/posts."""

    @operation("Posts of a group", permission="group.tend", query=PostsQuery, result=Items[PostView])
    async def get(self, query: PostsQuery, code: str) -> None:
        """Send one page, newest first, each with what may be told of the case made of it."""
        posts, told = await self.services.field.posts.of_group(self.actor, code, before=behind(query.cursor), limit=query.limit)
        views = [_post_view(post, told.get(post.id)) for post in posts]
        self.answer(Items(views, cursor_of(posts[-1].at, posts[-1].id) if len(posts) == query.limit else None))

    @operation("Post for a member", permission="group.tend", body=PostBody, result=PostView, status=201, idempotent=True)
    async def post(self, body: PostBody, code: str) -> None:
        """Answer 201 with the post, 200 when the key is known."""
        await self.services.pictures.check(self.actor, body.photos)
        new = NewPost(author=body.author, text=body.text, photos=body.photos, location=body.location)
        post, created = await self.services.field.posts.add(self.actor, code, new, key=self.idempotency_key)
        await self.services.pictures.attach(body.photos, f"post:{post.id}")
        self.answer(_post_view(post), status=201 if created else 200)


class PostList(ApiHandler):
    """GET /api/v1/posts."""

    @operation("Posts that wait for me", permission="group.tend", query=WaitingQuery, result=Items[PostView])
    async def get(self, query: WaitingQuery) -> None:
        """Send those of all groups that I look after."""
        found = await self.services.field.posts.waiting(self.actor, query.limit)
        self.answer(Items([_post_view(post) for post in found]))


class PostHandler(ApiHandler):
    """GET /api/v1/posts/{id}."""

    @operation("A post", permission="group.tend", result=PostView)
    async def get(self, id: str) -> None:
        """Send it, with what may be told of the case made of it."""
        self.answer(_post_view(*await self.services.field.posts.with_fate(self.actor, id)))


class PostConfirm(ApiHandler):
    """POST /api/v1/posts/{id}:confirm."""

    @operation("Make a case of a post", permission="group.tend", body=PostConfirmBody, result=PostView)
    async def post(self, body: PostConfirmBody, id: str) -> None:
        """One case, however often and by however many it is confirmed."""
        choice = Choice(kind=body.kind, category=body.category, urgency=body.urgency, seen=body.seen)
        post = await self.services.field.posts.confirm(self.actor, id, choice)
        await self.services.pictures.attach(post.photos, post.case)
        if body.help is not None:
            wanted = Help(**msgspec.structs.asdict(body.help))
            post = await self.services.field.posts.ask_for_help(self.actor, post, wanted)
        self.answer(_post_view(post))


class PostDecline(ApiHandler):
    """POST /api/v1/posts/{id}:decline."""

    @operation("Answer a post, or decline it", permission="group.tend", body=PostDeclineBody, result=PostView)
    async def post(self, body: PostDeclineBody, id: str) -> None:
        """Put down why; again the same changes nothing."""
        self.answer(_post_view(await self.services.field.posts.decline(self.actor, id, body.reason, body.reply)))


class GroupNotices(ApiHandler):
    """GET, POST /api/v1/groups/{id}/notices."""

    @operation("What a group was told", permission="group.tend", query=GroupNoticesQuery, result=Items[ToldView])
    async def get(self, query: GroupNoticesQuery, code: str) -> None:
        """Send announcements, and how the cases made of posts have moved, newest first."""
        found = await self.services.field.posts.told(self.actor, code, before=query.before, limit=query.limit)
        self.answer(Items([_told_view(one) for one in found], moment(found[-1].at) if len(found) == query.limit else None))

    @operation("Tell a group", permission="group.tend", body=AnnounceBody, result=ToldView, status=201, idempotent=True)
    async def post(self, body: AnnounceBody, code: str) -> None:
        """Answer 201 with the announcement, 200 when the key is known."""
        made, created = await self.services.field.posts.announce(self.actor, code, body.text, key=self.idempotency_key)
        told = Told(id=made.id, at=made.at, text=made.text, event="announcement", readers=len(made.read_by))
        self.answer(_told_view(told), status=201 if created else 200)


class GroupNoticeRead(ApiHandler):
    """POST /api/v1/groups/{id}/notices/{notice}/read."""

    @operation("I have read it", permission="group.tend", status=204)
    async def post(self, code: str, notice: str) -> None:
        """Remember it; again changes nothing."""
        await self.services.field.posts.mark_read(self.actor, code, notice)
        self.set_status(204)
