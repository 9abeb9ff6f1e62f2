"""What people and programs see of a case (api.md "The case"): typed shapes, personal data masked, actions that are open now.

Times are texts in RFC 3339, UTC, milliseconds. Who reported a 举报 or asked for confidence is shown to no unit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from dispatch import engine
from dispatch.actors import Actor
from dispatch.appeals import own_appeal, voice_of, voices_of
from dispatch.because import assisting_units, lead_because
from dispatch.joined import matter_of
from dispatch.rules import Rules
from dispatch.situation import Case, Situation
from dispatch.tasks import awaited_by
from dispatch.wanted import shown_need
from storage.shared import Shared

__all__ = ["CaseView", "ClockView", "EntryView", "LocationView", "case_view", "entry_view", "hides_reporter", "moment", "packed"]

_UNIT_ROLES = frozenset({"unit_clerk", "unit_leader", "org_coordinator"})
_OUTSIDE = frozenset({"citizen", "link", "group_leader", "org_coordinator", "partner"})
_TASK_RECORDS = ("result", "service", "confirmation")  # parts of a task with times of their own
_TASK_OUTSIDE = ("id", "kind", "unit", "organization", "state", "dispatched_at", "signed_at", "submitted_at", "actions")
_CALLER_ROLES = frozenset({"operator", "dispatcher", "supervisor", "unit_clerk", "unit_leader"})
_DESK_ROLES = frozenset({"operator", "dispatcher", "supervisor"})
FLAGS = ("group_attention", "recurrence", "self_handled", "sampled")  # facts that a case is marked with where it is shown
Items = list[dict[str, Any]]

# What few cases have when they are reported, as it is shown of a case that has nothing of it.
_NOTHING_LATER: dict[str, Any] = {
    "recurrence": None, "result": None, "visit": None, "visit_answer": None, "rating": None, "supervisions": [],
    "rectification": None, "spot_check": None, "todo": None, "special_close": None, "closures": [], "refusal": None,
    "verification": None, "site_check": None, "transfer": None, "hand_overs": [], "scene": None, "merged_into": None,
    "matter": None, "followers": [], "special_group": None, "on_behalf": None, "needs": [],
    "contact_shared": None,
}  # fmt: skip
_LATER = frozenset(_NOTHING_LATER) | {"main"}  # the parts of a stored case from which it comes


class LocationView(msgspec.Struct, kw_only=True):
    """Where the case is, WGS-84; `management` is the management area (a development zone) that holds it."""

    lon: float | None
    lat: float | None
    crs: str
    accuracy_m: float | None
    address: str | None
    boundary_doubt: bool
    doubt: list[str]
    management: dict[str, str] | None = None


class ClockView(msgspec.Struct, kw_only=True):
    """One clock: what it counts, since when, until when, and the light it shows.

    A paused one stands still since `paused_at` and has `left_seconds` of counted time left.
    """

    kind: str
    limit: str
    started_at: str
    due_at: str
    done_at: str | None
    light: str
    paused_at: str | None = None
    left_seconds: int | None = None


class CaseView(msgspec.Struct, kw_only=True):
    """A case as the asker may see it, with the actions open to them."""

    id: str
    case_no: str
    rev: int
    state: str
    outcome: str | None
    light: str
    category: dict[str, str] | None
    appeal_type: str
    urgency: str
    title: str
    line: str
    description: str
    channel: str
    sensitive: bool
    location: LocationView
    area_path: Items
    lead: dict[str, str] | None
    lead_because: dict[str, Any] | None
    assists: Items
    organizations: Items
    reported_at: str
    due_at: str | None
    closed_at: str | None
    clocks: list[ClockView]
    tasks: Items
    requests: Items
    match: dict[str, Any]
    photos: list[str]
    reporter: dict[str, Any] | None
    caller: dict[str, Any] | None
    emergency_words: list[str]
    proposals: Items
    duplicates: Items
    recurrence: dict[str, Any] | None
    result: dict[str, Any] | None
    visit: dict[str, Any] | None
    visit_answer: dict[str, Any] | None
    rating: dict[str, Any] | None
    supervisions: Items
    rectification: dict[str, Any] | None
    spot_check: dict[str, Any] | None
    todo: dict[str, Any] | None
    special_close: dict[str, Any] | None
    closures: Items
    refusal: dict[str, str] | None
    verification: dict[str, Any] | None
    site_check: dict[str, Any] | None
    transfer: dict[str, Any] | None
    hand_overs: Items
    scene: dict[str, Any] | None
    merged_into: str | None
    matter: dict[str, Any] | None
    followers: Items
    special_group: str | None
    on_behalf: dict[str, Any] | None
    needs: Items
    contact_shared: dict[str, Any] | None
    flags: list[str]
    actions: Items
    query_code: str | msgspec.UnsetType = msgspec.UNSET  # said once, in the answer to the report


class EntryView(msgspec.Struct, kw_only=True, rename={"from_state": "from", "to_state": "to"}):
    """One entry of the timeline."""

    seq: int
    id: str
    at: str
    actor: dict[str, Any]
    action: str
    from_state: str | None
    to_state: str | None
    note: str | None
    data: dict[str, Any]
    texts: dict[str, str | None]
    public: bool
    hash: str
    prev_hash: str


@lru_cache(maxsize=4096)
def moment(value: datetime) -> str:
    """Return a time as the API writes it.

    >>> moment(datetime(2026, 11, 21, 8, 30, tzinfo=UTC))
    '2026-11-21T08:30:00.000Z'
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _maybe(value: datetime | None) -> str | None:
    return None if value is None else moment(value)


def hides_reporter(case: Case, actor: Actor) -> bool:
    """Tell whether this actor must not learn who reported."""
    if actor.id == case["live"]["reporter"]:
        return False
    confidential = case["appeal_type"] == "report" or bool(case.get("caller") and case["caller"]["confidential"])
    return confidential and (actor.role in _UNIT_ROLES or actor.role not in _CALLER_ROLES)


def case_view(case: Case, actor: Actor, now: datetime, rules: Rules) -> CaseView:
    """Return the case for this actor. One call with every field of the shape, so longer than most."""
    live, facts, at = case["live"], case["facts"], Situation(case, actor, now, rules)
    return CaseView(
        id=case["_id"],
        case_no=case["case_no"],
        rev=live["rev"],
        state=live["state"],
        outcome=case["outcome"],
        light=live["light"],
        category=case["category"],
        appeal_type=case["appeal_type"],
        urgency=live["urgency"],
        title=case["title"],
        line=live["line"],
        description=case["description"],
        channel=case["channel"],
        sensitive=live["sensitive"],
        location=_location(case["place"]),
        area_path=case["place"]["path"],
        lead=case["lead"],
        lead_because=lead_because(case),
        assists=assisting_units(case),
        organizations=case["organizations"],
        reported_at=moment(live["reported_at"]),
        due_at=_maybe(live["due_at"]),
        closed_at=_maybe(case["closed_at"]),
        clocks=[_clock(clock) for clock in case["clocks"]],
        tasks=[_task(task, at) for task in case["tasks"]],
        requests=[_request(request, at) for request in case["requests"] if _shows(request, at)],
        match=_match(case["match"]),
        photos=case["photos"],
        reporter=_reporter(case, actor),
        caller=_caller(case, actor),
        emergency_words=case["words"],
        proposals=case["proposals"],
        duplicates=case["duplicates"],
        **(_NOTHING_LATER if _LATER.isdisjoint(case) else _later(case, at)),
        flags=[flag for flag in FLAGS if facts.get(flag)],
        actions=engine.offer(at),
    )


def _later(case: Case, at: Situation) -> dict[str, Any]:
    """What comes to a case after its report, or with few reports only."""
    actor = at.actor
    return {
        "recurrence": None if actor.role in _OUTSIDE else _plain(case.get("recurrence")),
        "result": _plain(case.get("result")),
        "visit": _plain(case.get("visit")),
        "visit_answer": _plain(case.get("visit_answer")),
        "rating": _plain(case.get("rating")),
        "supervisions": _within(case.get("supervisions"), actor),
        "rectification": _plain(case.get("rectification")),
        "spot_check": _inside(case.get("spot_check"), actor),
        "todo": _inside(case.get("todo"), actor),
        "special_close": _inside(case.get("special_close"), actor),
        "closures": _within(case.get("closures"), actor),
        "refusal": case.get("refusal"),
        "verification": _plain(case.get("verification")),
        "site_check": _inside(case.get("site_check"), actor),
        "transfer": _plain(case.get("transfer")),
        "hand_overs": [_plain(item) or {} for item in case.get("hand_overs") or ()],
        "scene": _scene(case, actor),
        "merged_into": case.get("merged_into"),
        "matter": _matter(case, actor),
        "followers": _followers(case, actor),
        "special_group": None if hides_reporter(case, actor) else (case.get("special_group") or {}).get("group"),
        "on_behalf": _on_behalf(case, actor),
        "needs": _needs(at),
        "contact_shared": _contact_shared(case, actor),
    }


def packed(view: CaseView) -> CaseView:
    """Return a view that is only going to be encoded, with the ready-made JSON of what many cases have in common."""
    match: dict[str, Any] = view.match
    view.category, view.lead, view.lead_because = _ready(view.category), _ready(view.lead), _ready(view.lead_because)
    view.area_path, view.actions = _all_ready(view.area_path), [_ready_action(action) for action in view.actions]
    match["candidates"], match["assists"] = _all_ready(match["candidates"]), _all_ready(match["assists"])
    return view


def _ready(value: Any) -> Any:
    return value.json if type(value) is Shared else value


def _ready_action(action: dict[str, Any]) -> Any:
    return action.json if type(action) is Shared else {**action, "fields": _all_ready(action["fields"])}


def _all_ready(values: list[Any]) -> list[Any]:
    return [value.json if type(value) is Shared else value for value in values]


def _location(place: dict[str, Any]) -> LocationView:
    return LocationView(
        lon=place["lon"],
        lat=place["lat"],
        crs="WGS-84",
        accuracy_m=place["accuracy_m"],
        address=place["address"],
        boundary_doubt=place["boundary_doubt"],
        doubt=place["doubt"],
        management=place.get("management"),
    )


def _clock(clock: dict[str, Any]) -> ClockView:
    return ClockView(
        kind=clock["kind"],
        limit=clock["limit"],
        started_at=moment(clock["started_at"]),
        due_at=moment(clock["due_at"]),
        done_at=_maybe(clock["done_at"]),
        light=clock["light"],
        paused_at=_maybe(clock.get("paused_at")),
        left_seconds=clock.get("left_seconds"),
    )


def _match(match: dict[str, Any]) -> dict[str, Any]:
    found = {name: match[name] for name in ("decided", "doubt", "candidates", "assists", "version")}
    if (learned := match.get("learned")) is not None:
        found["learned"] = learned
    return found


def _item(item: dict[str, Any], at: Situation, subject: str) -> dict[str, Any]:
    """A task or request with the actions open on it."""
    return {**(_plain(item) or {}), "actions": _offered(item, at, subject)}


def _offered(item: dict[str, Any], at: Situation, subject: str) -> Items:
    return engine.offer(Situation(at.case, at.actor, at.now, at.rules, item), subject)


def _needs(at: Situation) -> Items:
    """What is asked of organizations; an organization is not shown what only others were invited to."""
    case, actor = at.case, at.actor
    mine = {task.get("need") for task in case["tasks"] if task["kind"] == "org" and actor.serves(task["organization"]["code"])}
    own = actor.role == "org_coordinator"
    needs = [one for one in case.get("needs") or () if not own or one["visibility"] == "open" or one["id"] in mine]
    return [{**(_plain(shown_need(case, need)) or {}), "actions": _offered(need, at, "need")} for need in needs]


def _shows(request: dict[str, Any], at: Situation) -> bool:
    """What units and officials ask of each other, or others appeal, is not shown to who reported; their own appeal is."""
    if at.actor.role not in _OUTSIDE:
        return True
    return request["kind"] == "appeal" and voice_of(at.case, request, at.case["_id"]) is not None


def _request(request: dict[str, Any], at: Situation) -> dict[str, Any]:
    """A request; of an appeal what all have said who made it, to who reported only their own."""
    shown = _item(request, at, "request")
    if request["kind"] != "appeal":
        return shown
    own = voice_of(at.case, request, at.case["_id"])
    voices = [own] if own is not None and at.actor.role in _OUTSIDE else voices_of(at.case, request)
    said = [{"at": moment(voice["at"]), "reason": voice["reason"], **_by_which(voice, at)} for voice in voices]
    return {**shown, "at": said[0]["at"], "reason": said[0]["reason"], "voices": said}


def _by_which(voice: dict[str, Any], at: Situation) -> dict[str, Any]:
    """By which joined case somebody spoke: the desk knows alone."""
    if at.actor.role not in _DESK_ROLES or voice["case"] == at.case["_id"]:
        return {}
    numbers = {one["case"]: one["case_no"] for one in at.case.get("followers") or ()}
    return {"case": voice["case"], "case_no": numbers.get(voice["case"])}


def _task(task: dict[str, Any], at: Situation) -> dict[str, Any]:
    """A task; from outside only one's own is seen with what was written on it."""
    shown, actor = _item(task, at, "task"), at.actor
    shown |= {name: _plain(task[name]) for name in _TASK_RECORDS if name in task}
    if "opinions" in task:
        shown["opinions"] = {side: _plain(opinion) for side, opinion in task["opinions"].items()}
    if task["state"] == "waiting":
        shown["waits_for"] = [other["unit"] for other in awaited_by(at.case, task)]
    if actor.role not in _OUTSIDE or (task["kind"] == "org" and actor.serves(task["organization"]["code"])):
        return shown
    return {name: shown[name] for name in _TASK_OUTSIDE if name in shown}


def _within(items: Items | None, actor: Actor) -> Items:
    """What officials put down about a case is not shown to who reported it."""
    if not items or actor.role in _OUTSIDE:
        return []
    return [
        {name: _plain(part) if isinstance(part, dict) else part for name, part in (_plain(item) or {}).items()} for item in items
    ]


def _inside(record: dict[str, Any] | None, actor: Actor) -> dict[str, Any] | None:
    """What officials do about a case among themselves."""
    return None if record is None or actor.role in _OUTSIDE else _plain(record)


def _plain(value: dict[str, Any] | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {name: moment(part) if isinstance(part, datetime) else part for name, part in value.items()}


def _scene(case: Case, actor: Actor) -> dict[str, Any] | None:
    """What has happened on the scene; from outside one sees when somebody came, not who."""
    scene = _plain(case.get("scene"))
    if scene is not None:
        names = ("unit", "at") if actor.role in _OUTSIDE else ("by", "role", "unit", "at")
        scene["arrivals"] = [_plain({name: one[name] for name in names}) for one in scene["arrivals"]]
    return scene


def _matter(case: Case, actor: Actor) -> dict[str, Any] | None:
    """How the matter stands that a joined case follows, and what became of its reporter's own appeal against that."""
    matter = matter_of(case, actor.scope)
    if matter is None:
        return None
    appeal = own_appeal(case["main"], case["_id"])
    shown = None if appeal is None else _plain({name: appeal[name] for name in ("state", "decided_at", "opinion")})
    return {**(_plain(matter) or {}), "steps": [_plain(step) for step in matter["steps"]], "appeal": shown}


def _followers(case: Case, actor: Actor) -> Items:
    """The cases that were joined to this one, for those who ask their reporters afterwards: never who reported."""
    if actor.role not in _DESK_ROLES:
        return []
    return [
        {"id": one["case"], "case_no": one["case_no"], "kind": one["kind"]}
        | {name: _plain(one.get(name)) for name in ("answer", "rating")}
        for one in case.get("followers") or ()
    ]


def _reporter(case: Case, actor: Actor) -> dict[str, Any] | None:
    if hides_reporter(case, actor):
        return None
    reporter = case["reporter"]
    own = actor.id == case["live"]["reporter"]
    return {"kind": reporter["kind"], "role": reporter["role"], "anonymous": reporter["anonymous"], "own": own}


def _on_behalf(case: Case, actor: Actor) -> dict[str, Any] | None:
    """That a grid worker reported it for the resident; how that was agreed is for the desk and the two of them."""
    behalf = case.get("on_behalf")
    if behalf is None or hides_reporter(case, actor):
        return None
    if actor.role in _DESK_ROLES or actor.id == behalf["by"]:
        return _plain(behalf)
    return {"consent": behalf["consent"]}


def _contact_shared(case: Case, actor: Actor) -> dict[str, Any] | None:
    """That organizations which help may call who reported, and how they agreed."""
    shared = case.get("contact_shared")
    if not shared or hides_reporter(case, actor):
        return None
    return {"consent": shared["consent"], "at": moment(shared["at"])}


def _caller(case: Case, actor: Actor) -> dict[str, Any] | None:
    caller = case.get("caller")
    if caller is None or hides_reporter(case, actor):
        return None
    if actor.role not in _CALLER_ROLES and actor.id != case["live"]["reporter"]:
        return None
    return {
        "name": caller.get("name_masked"),
        "phone": caller.get("phone_masked"),
        "anonymous": caller["anonymous"],
        "confidential": caller["confidential"],
    }


def entry_view(entry: dict[str, Any], case: Case, actor: Actor) -> EntryView:
    """Return a timeline entry for this actor; a hidden reporter's account is left out."""
    who = entry["actor"]
    if who["id"] == case["live"]["reporter"] and hides_reporter(case, actor):
        who = {"role": who["role"]}
    texts = {name: text.get("value") for name, text in entry.get("texts", {}).items()}
    return EntryView(
        seq=entry["seq"],
        id=entry["id"],
        at=moment(entry["at"]),
        actor={name: who.get(name) for name in ("id", "role", "unit", "organization")},
        action=entry["action"],
        from_state=entry.get("from"),
        to_state=entry["to"],
        note=next((text for text in texts.values() if text), None),
        data=_plain(entry.get("data")) or {},
        texts=texts,
        public=entry["public"],
        hash=entry["hash"],
        prev_hash=entry["prev_hash"],
    )
