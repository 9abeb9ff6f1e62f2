"""From a report at the door to a case that is handed to the database, in stages that reports which came together take together.

Everything that needs the whole case is made before the wait for the database: dozens of cases are under way at a time, and what
is not held while they wait is memory that the next one finds in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from dispatch import intake
from dispatch.abreast import Abreast
from dispatch.actors import Actor
from dispatch.intake import Cipher, Sensed
from dispatch.nearby import Nearby
from dispatch.relay import Announce, Notices, notices_of
from dispatch.reports import NewReport
from dispatch.rules import Rules
from dispatch.situation import Case
from dispatch.store import CaseStore, Inserting
from dispatch.views import CaseView, case_view

__all__ = ["Arrival", "Arriving"]

T = TypeVar("T")


@dataclass(slots=True)
class Arrival(Generic[T]):
    """A report on its way in. What the stages put down is there once they have been gone through: the id and the digest, the
    live part, the answer as `present` makes it, what is to be told, and the write under way."""

    actor: Actor
    report: NewReport
    key: str | None
    case_no: str
    now: datetime
    present: Callable[[CaseView], T]
    identity: str = field(init=False)
    digest: str = field(init=False)
    live: dict[str, Any] = field(init=False)
    notices: Notices = field(init=False)
    answer: T = field(init=False)
    writing: Inserting = field(init=False)
    sensed: Sensed = field(init=False)
    case: Case = field(init=False)
    view: CaseView = field(init=False)


class Arriving:
    """Takes reports in. `announce` tells the change feed of this process what is about to be inserted (`storage.feed`)."""

    def __init__(self, rules: Rules, cipher: Cipher, store: CaseStore, nearby: Nearby, announce: Announce | None) -> None:
        self._rules = rules
        self._cipher = cipher
        self._store = store
        self._nearby = nearby
        self._announce = announce
        self._stages = Abreast[Arrival[Any]](self._check, self._sense, self._build, self._view, self._present, self._write)

    def through(self, arrival: Arrival[T]) -> Awaitable[None]:
        """Take a report through all stages; then its write is under way. When awaited raises what `CaseService.report` says."""
        return self._stages.through(arrival)

    def _check(self, arrival: Arrival[Any]) -> None:
        arrival.identity = intake.case_id(arrival.actor, arrival.key, arrival.report.source_id)
        intake.check_report(arrival.report, arrival.now)
        arrival.digest = intake.report_digest(arrival.report)

    def _sense(self, arrival: Arrival[Any]) -> None:
        arrival.sensed = intake.sense(arrival.report, self._rules, arrival.now)

    def _build(self, arrival: Arrival[Any]) -> None:
        actor, report = arrival.actor, arrival.report
        found = self._near(arrival)
        case = intake.build_case(
            report, arrival.sensed, identity=arrival.identity, case_no=arrival.case_no, digest=arrival.digest, actor=actor,
            now=arrival.now, rules=self._rules, cipher=self._cipher, duplicates=found,
            again=self._nearby.is_told_again(found, actor, has_photos=bool(report.photos)),
        )  # fmt: skip
        if self._announce is not None:
            case["origin"] = self._announce({"live": case["live"], "case_no": arrival.case_no})
        arrival.case, arrival.live, arrival.notices = case, case["live"], notices_of(case, case["outbox"])

    def _view(self, arrival: Arrival[Any]) -> None:
        arrival.view = case_view(arrival.case, arrival.actor, arrival.now, self._rules)

    def _present(self, arrival: Arrival[Any]) -> None:
        arrival.answer = arrival.present(arrival.view)

    def _write(self, arrival: Arrival[Any]) -> None:
        arrival.writing = self._store.insert(arrival.case)
        del arrival.sensed, arrival.case, arrival.view

    def _near(self, arrival: Arrival[Any]) -> list[dict[str, Any]]:
        point, category = arrival.sensed.place.point, arrival.sensed.category
        if point is None or category is None:
            return []
        return self._nearby.near(category.code, point.lon, point.lat, arrival.now, arrival.actor, besides=arrival.identity)
