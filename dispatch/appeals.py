"""Appeals among the requests of a case, and whose they are (domain.md T06, T46). Pure; `dispatch.chapters.appeals` makes them.

One appeal keeps the `voices` of all who made it: each the `case` by which somebody spoke (the case itself, or one that was joined
to it), `at` when, and the `reason`. The first asks, whoever appeals while that waits joins in, and all hear the one decision.
"""

from __future__ import annotations

from typing import Any

from dispatch.joined import speaker_of
from dispatch.situation import Case

__all__ = ["has_appealed", "own_appeal", "voice_of", "voices_of"]

Request = dict[str, Any]
Voice = dict[str, Any]


def voices_of(case: Case, request: Request) -> list[Voice]:
    """Return who appealed by which case, when and why, first one first. Those from before voices were kept are the reporter's."""
    voices: list[Voice] | None = request.get("voices")
    return voices or [{"case": case["_id"], "at": request["at"], "reason": request["reason"]}]


def voice_of(case: Case, request: Request, by: str) -> Voice | None:
    """Return what the person who speaks by a case (this one, or one that was joined to it) has said in an appeal."""
    who = speaker_of(case, by)
    return next((voice for voice in voices_of(case, request) if speaker_of(case, voice["case"]) == who), None)


def own_appeal(case: Case, by: str) -> Request | None:
    """Return that person's newest appeal against how the case stands ended now."""
    made = (item for item in reversed(case["requests"]) if item["kind"] == "appeal" and item["of"] == case["live"]["state"])
    return next((item for item in made if voice_of(case, item, by) is not None), None)


def has_appealed(case: Case, by: str) -> bool:
    """Tell whether that person has appealed: each may once. Who took it back has not been answered."""
    found = own_appeal(case, by)
    return found is not None and found["state"] != "withdrawn"
