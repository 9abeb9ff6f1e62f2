"""Who acts and what they may see: roles, the `Actor` of an action and the `Scope` of every read.

Roles are those of the domain (§2.2). A `Scope` is one value made from role × areas × units × sensitivity; each store turns
it into its own filter by one function `visible_to(scope)`.
"""

from __future__ import annotations

import msgspec

__all__ = ["PERMISSIONS", "ROLES", "SYSTEM", "Actor", "Scope", "agency_unit", "permission"]

ROLES = (
    "citizen", "group_leader", "grid_worker", "grid_lead", "operator", "dispatcher", "unit_clerk", "unit_leader",
    "org_coordinator", "supervisor", "leader", "assessor", "discipline", "knowledge_editor", "sys_admin", "sec_admin",
    "audit_admin", "robot", "device", "partner", "link", "system",
)  # fmt: skip

# What a handler may ask for. A name that is not here fails at import (see `permission`).
PERMISSIONS: dict[str, frozenset[str]] = {
    "event.report": frozenset({"citizen", "group_leader", "grid_worker", "grid_lead", "operator", "device", "partner"}),
    "ticket.create": frozenset({"operator", "partner"}),
    "media.upload": frozenset(ROLES) - {"system", "link"},
    "case.read": frozenset(ROLES) - {"system", "sys_admin", "sec_admin", "audit_admin"},
    "case.act": frozenset(ROLES) - {"system", "sys_admin", "sec_admin", "audit_admin", "assessor", "discipline"},
    "case.reveal": frozenset({"operator", "dispatcher", "unit_clerk", "supervisor", "org_coordinator"}),
    "needs.read": frozenset({"org_coordinator"}),
    "needs.claim": frozenset({"org_coordinator"}),
    "callers.read": frozenset({"operator"}),
    "match.ask": frozenset(
        {"operator", "dispatcher", "supervisor", "grid_worker", "grid_lead", "unit_clerk", "unit_leader", "partner"}
    ),
    "directory.read": frozenset(ROLES) - {"system", "link"},
    "rules.edit": frozenset({"sys_admin", "dispatcher"}),
    "learning.read": frozenset({"dispatcher", "supervisor", "leader", "assessor", "discipline", "sys_admin", "audit_admin"}),
    "learning.switch": frozenset({"supervisor", "sys_admin"}),
    "units.edit": frozenset({"sys_admin"}),
    "units.duty": frozenset(
        {
            "operator",
            "dispatcher",
            "supervisor",
            "leader",
            "grid_lead",
            "unit_clerk",
            "unit_leader",
            "org_coordinator",
            "sys_admin",
        }
    ),
    "rules.decide": frozenset({"dispatcher", "supervisor"}),
    "stream.listen": frozenset(ROLES) - {"system", "link", "citizen"},
    "audit.read": frozenset({"audit_admin", "discipline", "supervisor"}),
    "accounts.manage": frozenset({"sys_admin"}),
    "outside.manage": frozenset({"sys_admin"}),
    "calendar.edit": frozenset({"sys_admin"}),
    "duty.read": frozenset(ROLES) - {"citizen", "robot", "device", "partner", "link", "system"},
    "patrol.read": frozenset({"grid_worker", "grid_lead", "supervisor", "assessor"}),
    "patrol.plan": frozenset({"grid_lead"}),
    "patrol.walk": frozenset({"grid_worker", "grid_lead"}),
    "group.edit": frozenset({"grid_lead", "sys_admin"}),
    "group.read": frozenset({"group_leader", "grid_worker", "grid_lead", "sys_admin"}),
    "group.tend": frozenset({"group_leader", "grid_worker", "grid_lead"}),
    "visit.make": frozenset({"grid_worker", "grid_lead"}),
    "visit.plan": frozenset({"grid_lead"}),
    "roster.edit": frozenset({"grid_lead", "sys_admin"}),
    "territory.edit": frozenset({"sys_admin"}),
    "organizations.read": frozenset({"sys_admin", "dispatcher", "supervisor", "leader", "assessor", "org_coordinator"}),
    "organizations.edit": frozenset({"sys_admin", "org_coordinator"}),
    "organizations.keep": frozenset({"sys_admin"}),
    "organizations.reveal": frozenset({"sys_admin", "dispatcher", "supervisor", "org_coordinator"}),
    "organizations.evaluate": frozenset({"sys_admin", "supervisor", "assessor", "leader"}),
    "offers.edit": frozenset({"sys_admin", "org_coordinator"}),
    "offers.claim": frozenset({"org_coordinator"}),
    "self": frozenset(ROLES) - {"system"},
}


def permission(name: str) -> frozenset[str]:
    """Return the roles that hold the permission; an unknown name is a `KeyError` at import of the handler that asks for it."""
    return PERMISSIONS[name]


def agency_unit(agency: str) -> str:
    """Return the code by which an agency outside stands among the units of the cases that it has been given, and no others."""
    return f"agency:{agency}"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an actor may see. A case is visible when any of the clauses holds and its sensitivity is allowed.

    `city` everything; `areas` cases whose area path holds one of these codes; `units` cases in which one of these units
    takes part; `organizations` likewise; `reporter` cases reported by this id. `sensitive` False hides S cases from the
    `city` and `areas` clauses (never from units that handle them or from the reporter). `"*"` in `organizations` stands for
    every organization (a city-wide coordinating post); a person whose units are the whole tree has `city` and `sensitive`.
    """

    city: bool = False
    areas: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    reporter: str | None = None
    sensitive: bool = False


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something: an account (`person`), or one of the actors that are not people.

    `source` names the credential's system and enters derived ids; it never comes from a request's body. `units` are all units
    that the person may act for (own unit and, where the account says so, its subtree). `organization` is `"*"` for a person who
    may act for any organization. `scope` is what they may see. `case` is the one case whose reporter a link speaks for: it does
    and sees nothing with any other.
    """

    id: str
    kind: str = "person"  # person, robot, device, partner, link, system
    role: str = ""
    name: str = ""
    unit: str | None = None
    units: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    organization: str | None = None
    source: str = ""
    scope: Scope = Scope()
    case: str | None = None
    session: str | None = None

    def may(self, roles: frozenset[str]) -> bool:
        """Tell whether the actor's role is one of `roles`."""
        return self.role in roles

    def serves(self, organization: str) -> bool:
        """Tell whether the actor may act for the organization with this code."""
        return self.organization in ("*", organization)


# Timers and automatic steps. No request can carry it: sessions and tokens are only ever made for the other roles.
SYSTEM = Actor(id="system", kind="system", role="system", name="系统", source="system", scope=Scope(city=True, sensitive=True))
