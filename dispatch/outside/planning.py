"""Who is told what by which channel, and when: deliveries for notices. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.outside.choices import ANY_KIND, Wish
from dispatch.outside.recipients import CALLER
from dispatch.outside.settings import Target
from dispatch.outside.store import Delivery, delivery_id

__all__ = ["URGENT", "Plan", "is_urgent"]

URGENT = frozenset({"urgent", "emergency"})
ANYBODY = "*"


def is_urgent(notice: Mapping[str, Any]) -> bool:
    """Tell whether a notice (as it stands in the inboxes) goes out at any hour."""
    return notice["urgency"] in URGENT


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What planning knows: the choices of people by user name, the configured targets by channel (`webhook:NAME`,
    `robot:NAME`), the channels that lead to people, whether callers without an account are written
    to, the working calendar and the time."""

    wishes: Mapping[str, Wish]
    targets: Mapping[str, Target]
    channels: Collection[str]
    callers: bool = False
    calendar: WorkCalendar
    now: datetime

    def deliveries(self, notice: Mapping[str, Any], people: Collection[str]) -> list[Delivery]:
        """Return the deliveries of a notice that these people stand behind. Nobody is told of their own doing."""
        can_wait = not is_urgent(notice)
        found = [
            self._delivery(notice, name, channel, quiet and can_wait) for name, channel, quiet in self._people(notice, people)
        ]
        found += [
            self._delivery(notice, target.name, channel, target.quiet_hours and can_wait)
            for channel, target in self.targets.items()
            if _wants(target, notice["kind"], notice["keys"])
        ]
        if self.callers:  # at home, and never at night
            found += [self._delivery(notice, key, "sms", True) for key in notice["keys"] if key.startswith(CALLER)]
        return found

    def _people(self, notice: Mapping[str, Any], people: Collection[str]) -> Iterator[tuple[str, str, bool]]:
        for name in sorted(people):
            wish = self.wishes.get(name)
            if wish is not None and name != notice["by"]:
                for channel in wish.channels(notice["kind"]):
                    if channel in self.channels:
                        yield name, channel, wish.quiet_hours

    def _delivery(self, notice: Mapping[str, Any], recipient: str, channel: str, quiet: bool) -> Delivery:
        return Delivery(
            id=delivery_id(notice["_id"], recipient, channel), notice=notice["_id"], kind=notice["kind"],
            keys=tuple(notice["keys"]), at=notice["at"], case=notice["case"], case_no=notice["case_no"],
            urgency=notice["urgency"], recipient=recipient, channel=channel, created_at=self.now, quiet=quiet,
            next_at=self.calendar.next_working(self.now) if quiet else self.now,
        )  # fmt: skip


def _wants(target: Target, kind: str, keys: Sequence[str]) -> bool:
    is_addressed = ANYBODY in target.keys or not set(target.keys).isdisjoint(keys)
    return is_addressed and (ANY_KIND in target.kinds or kind in target.kinds)
