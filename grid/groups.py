"""Community groups (社群通): neighbours of a grid with their leaders, what they post, what becomes of it (domain.md §2.2). Pure.

A group belongs to one grid. What a member posts is looked at by a leader of the group (十户长) or a grid worker of the grid: it
becomes a case, is answered, or is declined with a reason. The members have no accounts; a post names its author as the group
calls them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from dispatch.actors import Actor, Scope
from storage.errors import FieldError

__all__ = [
    "AREA_ROLES",
    "KINDS",
    "Announcement",
    "Choice",
    "Group",
    "GroupKind",
    "Help",
    "Post",
    "errors_in",
    "group_actor",
    "tends",
]

GroupKind = Literal["household", "building", "village", "shops", "owners", "volunteers", "chat"]
KINDS = ("household", "building", "village", "shops", "owners", "volunteers", "chat")
PostState = Literal["open", "taken", "case", "answered", "declined"]
AREA_ROLES = frozenset({"grid_worker", "grid_lead"})


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group: its code and name, what kind, the grid that it belongs to, who leads it (user names), about how many it has.

    `codes` are the grid and all areas above it.
    """

    code: str
    name: str
    kind: GroupKind
    area: str
    codes: tuple[str, ...] = ()
    leaders: tuple[str, ...] = ()
    size: int = 0
    active: bool = True


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever confirms a post says about it: a problem or a need, of which category, how urgent, whether they have seen it
    for themselves (then it is filed at once)."""

    kind: Literal["problem", "need"] = "problem"
    category: str | None = None
    urgency: str | None = None
    seen: bool = False


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has posted, personal data masked; `place` is a WGS-84 point, None for the group's grid.

    `taken` while it is being made a case of, by the `choice` of whoever confirmed first.
    """

    id: str
    group: str
    at: datetime
    author: str
    text: str
    photos: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    state: PostState = "open"
    choice: Choice | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    reply: str = ""
    case: str = ""
    case_no: str = ""
    need: bool = False


class Help(msgspec.Struct, frozen=True, kw_only=True):
    """What a group needs of organizations: which kind of them, what sort of help, what in words, how many."""

    kind: str
    help: str
    what: str
    places: int = 1


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What a group is told; `read_by` are those with an account who have read it."""

    id: str
    group: str
    at: datetime
    by: str
    text: str
    read_by: tuple[str, ...] = ()


def errors_in(group: Group, levels: dict[str, str], leaders: Collection[str]) -> Iterator[FieldError]:
    """Give what is wrong with a group: `levels` are those of the areas by code, `leaders` all people who may lead one.

    >>> [error.field for error in errors_in(Group(code="G", name="g", kind="chat", area="1", leaders=("li",)), {"1": "city"}, {})]
    ['area', 'leaders']
    """
    if levels.get(group.area) != "grid":
        yield FieldError("area", "unknown_area", "the code of a grid")
    for name in group.leaders:
        if name not in leaders:
            yield FieldError("leaders", "unknown_code", f"user names of group leaders, not {name}")


def tends(actor: Actor, group: Group) -> bool:
    """Tell whether the group is the actor's to look after: its leader, or a grid worker or lead of its grid."""
    if actor.id in group.leaders:
        return True
    return actor.role in AREA_ROLES and not actor.scope.areas.isdisjoint(group.codes)


def group_actor(group: Group) -> Actor:
    """Return the actor that reports what a group has posted: one for all who confirm, so that a post is one case whoever does."""
    name = f"group:{group.code}"
    scope = Scope(reporter=name)
    return Actor(id=name, kind="person", role="group_leader", name=group.name, source="group", scope=scope)
