"""What stands open near a place and may be the same matter, as far as the asker may see it (domain.md §2.7). In memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.board import Board
from dispatch.duplicates import RecentCases
from dispatch.keys import sees
from dispatch.situation import Case

__all__ = ["Duplicates", "Nearby"]

Duplicates = list[dict[str, Any]]
SHOWN = 5  # possible duplicates of a case


class Nearby:
    """The possible duplicates among the open cases of a `board`, looked up in `recent`."""

    def __init__(self, board: Board, recent: RecentCases) -> None:
        self._board = board
        self._recent = recent

    def near(self, category: str, lon: float, lat: float, now: datetime, actor: Actor, *, besides: str = "") -> Duplicates:
        """Return the nearest open cases of the category so near and so young that they may be the same matter (WGS-84), among
        those that the actor may see."""
        scope = actor.scope
        found = self._recent.near(category, lon, lat, now, limit=SHOWN, exclude=besides, shown=lambda case: sees(scope, case))
        return [msgspec.to_builtins(item) for item in found]

    def hidden_from_reporter(self, case: Case, actor: Actor, now: datetime) -> Duplicates:
        """Return earlier cases near by that the desk may see and whoever reported could not be shown."""
        live, known = case["live"], {one["id"] for one in case["duplicates"]}
        if live["lon"] is None or live["category"] is None:
            return []
        scope, since = actor.scope, live["reported_at"]
        found = self._recent.near(
            live["category"], live["lon"], live["lat"], now, limit=max(0, SHOWN - len(known)),
            shown=lambda one: one.reported_at < since and one.id not in known and sees(scope, one),
        )  # fmt: skip
        return [msgspec.to_builtins(one) for one in found]

    def is_told_again(self, duplicates: Sequence[dict[str, Any]], actor: Actor, *, has_photos: bool) -> bool:
        """Tell whether a new report may only repeat one of these: the same account sent it, with a picture, or is a device.
        Whether it does is looked up later (`chapters.joining.same_matter`)."""
        if not duplicates or not (has_photos or actor.role == "device"):
            return False
        known = (self._board.get(item["id"]) for item in duplicates)
        return any(one is not None and one.reporter == actor.id for one in known)
