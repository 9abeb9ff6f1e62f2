"""Posts of community groups: taken in, confirmed as a case, answered or declined; and what a group is told (domain.md §4 社群通).

A post is one case however often and by however many it is confirmed: it is taken by a conditional update that fixes the choice,
and the case's id comes from the group and the post. Whoever asks again goes on where a process that died has stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec

from dispatch.actors import Actor
from dispatch.errors import IdempotencyKeyRequired, IdempotencyMismatch
from dispatch.intake import case_id
from dispatch.masking import holds_personal_data, mask_text
from dispatch.plain import PublicCase, plain_case
from dispatch.relay import NoticeView
from dispatch.reports import Location, NewReport
from dispatch.service import CaseService
from grid.coordinates import to_wgs84
from grid.errors import PostDecided
from grid.group_service import Groups
from grid.group_store import GroupStore
from grid.groups import AREA_ROLES, Announcement, Choice, Group, Help, Post, group_actor
from storage.errors import FieldError, Forbidden, Invalid, NotFound

__all__ = ["NewPost", "Posts", "Told"]


class NewPost(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has posted: who they are as the group calls them, what, with which photos (media ids), where."""

    author: str
    text: str
    photos: tuple[str, ...] = ()
    location: Location | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a group was told: an announcement, what became of a post (`accepted`, `answered`, `declined`), or that the
    case made of it has moved (`event` is what happened)."""

    id: str
    at: datetime
    text: str
    event: str
    case_no: str = ""
    read: bool = False
    readers: int | None = None


class Posts:
    """What groups post and are told."""

    def __init__(self, groups: Groups, store: GroupStore, cases: CaseService, clock: Callable[[], datetime]) -> None:
        self._groups = groups
        self._store = store
        self._cases = cases
        self._clock = clock

    async def add(self, actor: Actor, code: str, new: NewPost, *, key: str | None) -> tuple[Post, bool]:
        """Take in a post, once for its key; returns it and whether it is new.

        Raises `NotFound` for a group of others, `OutOfArea`, `UnknownCrs`, `IdempotencyKeyRequired`, `IdempotencyMismatch`.
        """
        group = await self._groups.tended(actor, code)
        if not key:
            raise IdempotencyKeyRequired
        id = _derived("heyun-post", group.code, actor, key)
        request = blake2b(msgspec.json.encode(new), digest_size=12).hexdigest()
        lon, lat = self._point(new.location)
        post = Post(
            id=id, group=group.code, at=self._clock(), author=mask_text(new.author), text=mask_text(new.text),
            photos=new.photos, lon=lon, lat=lat,
        )  # fmt: skip
        if await self._store.add_post(post, group.codes, new.author, new.text, request):
            return post, True
        if await self._store.request_of(id) != request:
            raise IdempotencyMismatch("this key came with another post before")
        return await self._there(id), False

    async def of_group(
        self, actor: Actor, code: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Sequence[Post], dict[str, PublicCase]]:
        """Return posts of a group, newest first, and by id what may be told of the cases made of them. Raises `NotFound`."""
        await self._groups.tended(actor, code)
        posts = await self._store.posts(code, before=before, limit=limit)
        return posts, await self._public(posts)

    async def waiting(self, actor: Actor, limit: int) -> Sequence[Post]:
        """Return the posts of all groups that the actor looks after which wait for somebody, oldest first."""
        if actor.role != "group_leader":
            return await self._store.waiting({"codes": {"$in": sorted(actor.scope.areas)}}, limit)
        own = [kept.group.code for kept in await self._groups.of(actor, area=None, limit=0)]
        return await self._store.waiting({"group": {"$in": own}}, limit)

    async def get(self, actor: Actor, id: str) -> Post:
        """Return a post of a group that the actor looks after. Raises `NotFound`."""
        return (await self._tended(actor, id))[0]

    async def with_fate(self, actor: Actor, id: str) -> tuple[Post, PublicCase | None]:
        """Return a post and what may be told of the case made of it. Raises `NotFound`."""
        post = await self.get(actor, id)
        return post, (await self._public([post])).get(id)

    async def shows(self, actor: Actor, id: str) -> object:
        """Return a post for whoever may see its photos. Raises `NotFound`."""
        return await self.get(actor, id)

    # -- what becomes of a post

    async def confirm(self, actor: Actor, id: str, choice: Choice) -> Post:
        """Make a case of a post; one that is a case stays it. Whoever comes second goes on with the choice of the first.

        Raises `NotFound`, `PostDecided` for one that was answered or declined, `Invalid` when no case can be made of it: it is
        open again then.
        """
        post, group = await self._tended(actor, id)
        if actor.role not in AREA_ROLES:  # what is filed at once a grid worker must have seen
            choice = msgspec.structs.replace(choice, seen=False)
        if post.state == "open":
            await self._store.claim(id, choice, actor.id, self._clock())
            post = await self._there(id)
        if post.state == "case":
            return post
        if post.state != "taken" or post.choice is None:
            raise PostDecided("something else was decided", state=post.state)
        case, case_no = await self._file(post, group, post.choice)
        done = await self._store.settle(id, "taken", {"state": "case", "case": case, "case_no": case_no})
        return done or await self._there(id)

    async def ask_for_help(self, actor: Actor, post: Post, wanted: Help) -> Post:
        """Ask organizations for what a group needs, once, by the case that was made of its post. Raises `Forbidden` for all but
        grid workers and leads, `NotAllowed` while no unit has the case, `Invalid` for what is not asked of organizations."""
        if actor.role not in AREA_ROLES:
            raise Forbidden("grid workers ask for help")
        if post.need or not post.case:
            return post
        case = await self._cases.get(actor=actor, case_id=post.case)
        fields = msgspec.structs.asdict(wanted)
        key = f"post:{post.id}"
        await self._cases.act(actor=actor, case_id=post.case, action="open_need", rev=case.rev, fields=fields, key=key)
        return await self._store.settle(post.id, "case", {"need": True}) or post

    async def decline(self, actor: Actor, id: str, reason: str, reply: str) -> Post:
        """Answer a post, or decline it with a reason; both may be read by the group. Raises `NotFound`, `PostDecided`, `Invalid`
        for words that hold personal data."""
        await self._tended(actor, id)
        for field, words in (("reason", reason), ("reply", reply)):
            _check_public(field, words)
        state = "answered" if reply else "declined"
        fields = {"state": state, "reason": reason, "reply": reply, "decided_by": actor.id, "decided_at": self._clock()}
        done = await self._store.settle(id, "open", fields)
        if done is not None:
            return done
        there = await self._there(id)
        if (there.state, there.reason, there.reply) != (state, reason, reply):
            raise PostDecided("something else was decided", state=there.state)
        return there

    async def _file(self, post: Post, group: Group, choice: Choice) -> tuple[str, str]:
        """Return id and number of the case that is made of a post, or was before whoever made it had time to say so."""
        report = NewReport(
            description=await self._store.original_of(post.id), category=choice.category, urgency=choice.urgency,
            location=None if post.lon is None or post.lat is None else Location(lon=post.lon, lat=post.lat, crs="WGS-84"),
            area_code=group.area if post.lon is None else None, photos=post.photos, channel="group",
            appeal_type="help" if choice.kind == "need" else "none", file=choice.seen and choice.category is not None,
        )  # fmt: skip
        actor, key = group_actor(group), f"post:{post.id}"
        try:
            filed = await self._cases.report(actor=actor, report=report, present=lambda view: view.case_no, key=key)
        except Invalid:
            case = await self._cases.store.find(case_id(actor, key, None))
            if case is None:  # nothing was made of it
                await self._store.release(post.id, choice)
                raise
            return case["_id"], case["case_no"]
        return filed.id, filed.case

    # -- what a group is told

    async def announce(self, actor: Actor, code: str, text: str, *, key: str | None) -> tuple[Announcement, bool]:
        """Tell a group something, once for its key; returns it and whether it is new. Raises `NotFound`, `Invalid` for words that
        hold personal data, `IdempotencyKeyRequired`, `IdempotencyMismatch`."""
        group = await self._groups.tended(actor, code)
        if not key:
            raise IdempotencyKeyRequired
        _check_public("text", text)
        made = Announcement(
            id=_derived("heyun-told", group.code, actor, key), group=code, at=self._clock(), by=actor.id, text=text
        )
        if await self._store.announce(made):
            return made, True
        there = await self._store.announcement(made.id)
        if there is None or there.text != text:
            raise IdempotencyMismatch("this key came with other words before")
        return there, False

    async def told(self, actor: Actor, code: str, *, before: datetime | None, limit: int) -> list[Told]:
        """Return what a group was told, newest first: announcements, what became of its posts, how their cases have moved."""
        group = await self._groups.tended(actor, code)
        announced = await self._store.announcements(code, before=before, limit=limit)
        decided = await self._store.decided(code, before=before, limit=limit)
        moved = await self._cases.relay.inbox(group_actor(group), limit=limit, before=before)
        lines = await self._lines({*(notice.case for notice in moved), *(post.case for post in decided)} - {""})
        found = [_announced(one, actor) for one in announced]
        found += [_decided(post, lines.get(post.case, "")) for post in decided if post.state != "taken"]
        found += [_moved(one, lines.get(one.case, "")) for one in moved]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]

    async def mark_read(self, actor: Actor, code: str, id: str) -> None:
        """Remember that the actor has read an announcement; again changes nothing. Raises `NotFound`."""
        await self._groups.tended(actor, code)
        if not await self._store.mark_read(code, id, actor.id):
            raise NotFound("announcement")

    async def _public(self, posts: Sequence[Post]) -> dict[str, PublicCase]:
        cases = await self._cases.store.find_several([post.case for post in posts if post.case])
        found = {case["_id"]: await self._cases.store.with_main(case) for case in cases}
        return {post.id: plain_case(case) for post in posts if (case := found.get(post.case)) is not None}

    async def _lines(self, identities: set[str]) -> dict[str, str]:
        cases = await self._cases.store.find_several(sorted(identities))
        return {case["_id"]: plain_case(case).line for case in cases if case["live"]["state"] != "merged"}

    def _point(self, location: Location | None) -> tuple[float, float] | tuple[None, None]:
        if location is None:
            return None, None
        self._cases.rules.locator.locate(location.lon, location.lat, location.crs)
        lon, lat = to_wgs84(location.lon, location.lat, location.crs)
        return lon, lat

    async def _tended(self, actor: Actor, id: str) -> tuple[Post, Group]:
        post = await self._store.post(id)
        if post is None:
            raise NotFound("post")
        return post, await self._groups.tended(actor, post.group)

    async def _there(self, id: str) -> Post:
        post = await self._store.post(id)
        if post is None:
            raise NotFound("post")
        return post


def _derived(purpose: str, code: str, actor: Actor, key: str) -> str:
    name = "\0".join((code, actor.source, actor.id, key))
    return blake2b(name.encode(), digest_size=16, person=purpose.encode()).hexdigest()


def _check_public(field: str, words: str) -> None:
    if holds_personal_data(words):
        raise Invalid(errors=[FieldError(field, "personal_data")])


def _announced(one: Announcement, actor: Actor) -> Told:
    read = actor.id in one.read_by
    return Told(id=one.id, at=one.at, text=one.text, event="announcement", read=read, readers=len(one.read_by))


def _decided(post: Post, line: str) -> Told:
    """A group reads that its post was accepted, or why it was not."""
    assert post.decided_at is not None  # noqa: S101  # it was decided
    event, text = ("accepted", line) if post.state == "case" else (post.state, post.reply or post.reason)
    return Told(id=post.id, at=post.decided_at, text=text, event=event, case_no=post.case_no)


def _moved(notice: NoticeView, line: str) -> Told:
    return Told(id=notice.id, at=datetime.fromisoformat(notice.at), text=line, event=notice.kind, case_no=notice.case_no)
