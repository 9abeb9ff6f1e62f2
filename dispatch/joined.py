"""Those whose cases were joined to a main one (`followers`): who they are, how each is told, what each has said. Pure.

Of each the main case keeps the case with its number and line, who `reporter` is, what `kind` of reporter, `who` speaks (so that
one person is counted and told once), `at` when it was reported, the entry `since` which it is joined, and how to `tell` them:
`p:ID` an account, `c:CASE` whoever called about that case; None where nobody can be reached. Once they were asked, also their
`answer` and `rating`. Each is told of the common matter by their own case, the only one that they may open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dispatch.actors import Scope
from dispatch.keys import sees
from dispatch.masking import mask_text
from dispatch.situation import FOR_CALLERS, Case, Situation, may_be_texted

__all__ = [
    "CONTENT", "HEARD", "JOINED", "REPLIED", "UNKNOWN", "Voice", "address_of", "asked", "followers_of", "matter_of", "of_main",
    "own_part", "own_voice", "speaker_of", "tally", "to_joined", "to_reporter", "told_kinds", "told_to_each", "told_to_reporter",
    "who_speaks",
]  # fmt: skip

Voice = tuple[str, datetime]

JOINED = "joined"  # stands among the addresses of a notice until it is composed
HEARD = "heard"  # so does this, for whoever reported the case itself
UNKNOWN = "unknown"  # calls without a number: nobody can tell them apart
_KINDS = {
    "dispatch": "joined_dispatched", "dispatch_joint": "joined_dispatched", "auto_dispatch": "joined_dispatched",
    "decide_coordination": "joined_dispatched", "contact": "joined_contacted", "submit_result": "joined_result",
    "check_pass": "joined_closed", "visit_ok": "joined_closed", "close": "joined_closed", "close_explained": "joined_closed",
    "special_close": "joined_closed", "decide": "joined_decided",
}  # fmt: skip
_OWN_KINDS = {
    "dispatch": "heard_dispatched", "dispatch_joint": "heard_dispatched", "auto_dispatch": "heard_dispatched",
    "decide_coordination": "heard_dispatched", "contact": "heard_contacted", "submit_result": "heard_result",
    "file": "heard_filed",
}  # fmt: skip
REPLIED = ("visiting", "closed", "archived", "answered")  # the states in which the unit's words to the public were reviewed
CONTENT = ("very_satisfied", "satisfied", "basically_satisfied")  # domain.md §2.10
_OF_CITIZENS = frozenset({"ask_reporter"})


def own_voice(case: Case) -> Voice:
    """Who speaks and when: whoever calls is known by the blind index of the phone, the others by their account. Of whom another
    reported without any number nobody knows who they are."""
    caller, live = case.get("caller"), case["live"]
    if caller is None:
        is_for_another = case["reporter"]["kind"] == "citizen" and case["reporter"]["role"] in FOR_CALLERS
        return UNKNOWN if is_for_another else live["reporter"], live["reported_at"]
    return caller.get("phone_index") or UNKNOWN, live["reported_at"]


def followers_of(case: Case) -> list[dict[str, Any]]:
    """Return what a main case keeps of one that is joined to it, and of all that had been joined to that one before."""
    live = case["live"]
    who, at = own_voice(case)
    own = {
        "case": case["_id"], "case_no": case["case_no"], "line": live["line"], "reporter": live["reporter"],
        "kind": case["reporter"]["kind"], "who": who, "at": at, "tell": address_of(case),
    }  # fmt: skip
    return [own, *(case.get("followers") or ())]


def address_of(case: Case) -> str | None:
    """Return how whoever reported the case is told of it: `p:ID` an account, `c:CASE` the telephone of whoever called; None where
    nobody can be reached."""
    caller = case.get("caller")
    if caller is None or case["reporter"]["role"] not in FOR_CALLERS:
        return f"p:{case['live']['reporter']}"
    return f"c:{case['_id']}" if may_be_texted(case) else None


def who_speaks(follower: dict[str, Any]) -> str:
    """Return whose voice it is."""
    return str(follower.get("who") or follower["reporter"])


def speaker_of(case: Case, by: str) -> str:
    """Return whose voice comes by a case: this one, or one that was joined to it. Calls without a number cannot be told apart:
    each case is a voice of its own."""
    part = _part(case, by)
    who = own_voice(case)[0] if by == case["_id"] else UNKNOWN if part is None else who_speaks(part)
    return by if who == UNKNOWN else who


def asked(case: Case) -> list[dict[str, Any]]:
    """Return the joined citizens: they are asked before the matter is closed, and may rate it."""
    return [one for one in case.get("followers") or () if one["kind"] == "citizen"]


def tally(case: Case) -> dict[str, int] | None:
    """Return how many joined citizens were asked, have answered, were spoken with, find it solved, are content; None where
    nobody was asked."""
    citizens = asked(case)
    if not citizens:
        return None
    answers = [one["answer"] for one in citizens if one.get("answer")]
    return {
        "asked": len(citizens),
        "answered": len(answers),
        "contacted": sum(answer["contacted"] for answer in answers),
        "solved": sum(answer["solved"] for answer in answers),
        "satisfied": sum(answer["satisfaction"] in CONTENT for answer in answers),
    }


def of_main(at: Situation) -> Situation | None:
    """Return the same question about the case that this one was joined to, where that was read with it (`CaseStore.find`)."""
    main = at.case.get("main")
    return None if main is None else Situation(main, at.actor, at.now, at.rules)


def matter_of(case: Case, scope: Scope) -> dict[str, Any] | None:
    """Return how the matter stands that a joined case follows, as its own reporter may know it: how far the main case is, who has
    it, what was answered to the public or why it was refused; never who else reported it. The `id` stands only where the scope
    may open it."""
    main = case.get("main")
    if main is None:
        return None
    live, result = main["live"], main.get("result") or {}
    return {
        "id": main["_id"] if sees(scope, live) else None,
        "case_no": main["case_no"],
        "state": live["state"],
        "outcome": main["outcome"],
        "lead": main["lead"]["name"] if main["lead"] else None,
        "due_at": live["due_at"],
        "closed_at": main["closed_at"],
        "public_reply": mask_text(result["public_reply"]) if live["state"] in REPLIED and "public_reply" in result else None,
        "refusal": main.get("refusal"),
        "steps": [{"action": action, "at": at} for action, at in _steps(main) if at is not None],
    }


def _steps(main: Case) -> list[tuple[str, datetime | None]]:
    leads = [task for task in main["tasks"] if task["kind"] == "lead"]
    return [
        ("dispatch", main["facts"]["dispatched_at"]),
        ("sign_in", leads[-1]["signed_at"] if leads else None),
        ("submit_result", (main.get("result") or {}).get("at") if leads else None),
        ("close", main["closed_at"] if main["live"]["state"] in ("closed", "archived", "answered") else None),
    ]


def own_part(at: Situation) -> dict[str, Any] | None:
    """Return what the main case keeps of this one; None for a case that is joined to none."""
    return _part(at.case.get("main") or {}, at.case["_id"])


def _part(main: Case, case_id: str) -> dict[str, Any] | None:
    return next((one for one in main.get("followers") or () if one["case"] == case_id), None)


def to_joined(action: str, seq: int, cases: Sequence[str] = ()) -> dict[str, Any]:
    """Return what an item of the outbox keeps so that those who had joined before this entry are told of it: what each hears
    (the `kind`), the entry, whether citizens alone are meant, and the `cases` whose reporters alone are, where not all."""
    told = {"kind": _KINDS.get(action, action), "seq": seq, "citizens": action in _OF_CITIZENS}
    return {**told, "cases": list(cases)} if cases else told


def to_reporter(case: Case, action: str) -> dict[str, Any]:
    """Return what an item of the outbox keeps so that whoever reported the case hears of this entry in words of their own."""
    return {"kind": _OWN_KINDS[action], "key": address_of(case)}


def told_kinds() -> frozenset[str]:
    """Return the kinds of notices that reporters alone get."""
    return frozenset((*_KINDS.values(), *_OWN_KINDS.values()))


def told_to_reporter(case: Case, item: dict[str, Any]) -> dict[str, Any]:
    """Return the notice for whoever reported the case, made from an item of its outbox. Its id follows from the item's."""
    live, told = case["live"], item["heard"]
    return {
        "_id": f"{item['id']}.r", "kind": told["kind"], "keys": [told["key"]], "at": item["at"], "by": item["by"],
        "case": case["_id"], "case_no": case["case_no"], "line": live["line"], "urgency": live["urgency"], "read_by": [],
    }  # fmt: skip


def told_to_each(case: Case, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a notice for each joined reporter who is meant, made from an item of the main case's outbox: about their own case. Its
    id is the item's with the case behind it, so that it is always the same."""
    told = item["joined"]
    for one in _listeners(case, told):
        yield {
            "_id": f"{item['id']}.{one['case']}", "kind": told["kind"], "keys": [_address(one)], "at": item["at"],
            "by": item["by"], "case": one["case"], "case_no": one["case_no"], "line": one.get("line", ""),
            "urgency": case["live"]["urgency"], "read_by": [],
        }  # fmt: skip


def _address(follower: dict[str, Any]) -> str | None:
    key: str | None = follower.get("tell", "p:" + follower["reporter"])
    return key


def _listeners(case: Case, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Who had joined before and can be reached: those of certain cases, else all, once for each person."""
    there = [one for one in case.get("followers") or () if one.get("since", 0) < told["seq"] and _address(one) is not None]
    if "cases" in told:
        yield from (one for one in there if one["case"] in told["cases"])
        return
    heard = {own_voice(case)[0]}
    for one in there:
        who = who_speaks(one)
        if (told["citizens"] and one["kind"] != "citizen") or (who in heard and who != UNKNOWN):
            continue
        heard.add(who)
        yield one
