"""The reading keys of a case: one array by which every list, count and search finds the cases that someone may see.

`a:CODE` an area of the path, `a:*` the whole city; for sensitive cases `s:` in place of `a:`. `u:` a unit that takes part,
`o:` an organization, `r:` the reporter. A sensitive case that awaits somebody on site has the `a:` keys of its areas too (never
`a:*`): the grid workers of the place see it so long. A `Scope` turns into the keys that it may read, so that visibility is one
`$in` on an indexed field, and the same rule decides in memory.
"""

from __future__ import annotations

from typing import Any, Protocol

from dispatch.actors import Actor, Scope

__all__ = ["EVERYWHERE", "case_keys", "live_keys", "scope_keys", "sees", "shows"]

EVERYWHERE = "*"
CHECKED_IN = ("verifying", "checking")  # the states in which a sensitive case is shown to the grid workers of its areas


def live_keys(live: dict[str, Any]) -> list[str]:
    """Return the reading keys of the live part of a case."""
    area = "s:" if live["sensitive"] else "a:"
    keys = [area + EVERYWHERE]
    keys.extend([area + code for code in live["areas"]])
    if live["sensitive"] and live["state"] in CHECKED_IN:
        keys.extend(["a:" + code for code in live["areas"]])
    keys.extend(["u:" + code for code in live["units"]])
    if live["orgs"]:
        keys.append("o:" + EVERYWHERE)
        keys.extend(["o:" + code for code in live["orgs"]])
    if live["reporter"]:
        keys.append("r:" + live["reporter"])
    return keys


def case_keys(case: dict[str, Any]) -> list[str]:
    """Return the reading keys of a stored case."""
    return live_keys(case["live"])


def scope_keys(scope: Scope) -> list[str]:
    """Return the keys that a scope may read, fewest first: the whole city makes single areas needless."""
    areas = [EVERYWHERE] if scope.city else sorted(scope.areas)
    keys = ["a:" + code for code in areas]
    if scope.sensitive:
        keys += ["s:" + code for code in areas]
    if not (scope.city and scope.sensitive):
        keys += ["u:" + code for code in sorted(scope.units)]
        keys += ["o:" + code for code in sorted(scope.organizations)]
        if scope.reporter:
            keys.append("r:" + scope.reporter)
    return keys


class Live(Protocol):
    """What tells who may see a case: its `live` part, or what memory keeps of it."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a field of `live`."""


def sees(scope: Scope, live: Live) -> bool:
    """Tell whether a scope may see the case with this live part; the same rule as the filter of the store."""
    if scope.city and (scope.sensitive or not live["sensitive"]):
        return True
    if not scope.areas.isdisjoint(live["areas"]) and (scope.sensitive or not live["sensitive"] or live["state"] in CHECKED_IN):
        return True
    if not scope.units.isdisjoint(live["units"]) or not scope.organizations.isdisjoint(live["orgs"]):
        return True
    if EVERYWHERE in scope.organizations and live["orgs"]:
        return True
    return scope.reporter is not None and scope.reporter == live["reporter"]


def shows(actor: Actor, case: dict[str, Any]) -> bool:
    """Tell whether the actor may read a stored case; a link reads its own alone."""
    return sees(actor.scope, case["live"]) and actor.case in (None, case["_id"])
