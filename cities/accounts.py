"""The named accounts of every demo pack: one for each role, each for the whole city.

With just these a program can carry any case from report to closure: the worker has all grids, the clerk all units, the
coordinator all organizations. Programs (partner, device) are no people: their accounts are made with the demo accounts.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["ANY_ORGANIZATION", "NAMED", "PEOPLE_COLUMNS", "Person", "named_people"]

ANY_ORGANIZATION = "*"  # may act for every organization
PEOPLE_COLUMNS = ("username", "name", "role", "unit", "area_codes", "organization", "subtree")

# username and role → (name in Chinese, name in English, unit: the root of the tree, the desk that dispatches, or none)
NAMED: dict[str, tuple[str, str, str]] = {
    "citizen": ("示例市民", "Sample citizen", ""),
    "group_leader": ("示例十户长", "Sample group leader", ""),
    "grid_worker": ("机动网格员", "Mobile grid worker", ""),
    "grid_lead": ("机动网格长", "Mobile grid lead", ""),
    "operator": ("示例坐席", "Sample operator", "desk"),
    "dispatcher": ("示例派遣员", "Sample dispatcher", "desk"),
    "unit_clerk": ("代办专岗经办人", "Clerk for all units", "root"),
    "unit_leader": ("代办专岗负责人", "Leader for all units", "root"),
    "org_coordinator": ("示例社会组织协调员", "Sample coordinator", ""),
    "supervisor": ("示例督办员", "Sample supervisor", "desk"),
    "leader": ("示例市领导", "Sample leader", "root"),
    "assessor": ("示例考核员", "Sample assessor", "desk"),
    "discipline": ("示例监督员", "Sample inspector", "root"),
    "knowledge_editor": ("示例知识库管理员", "Sample editor", "desk"),
    "sys_admin": ("示例系统管理员", "Sample system administrator", "desk"),
    "sec_admin": ("示例安全管理员", "Sample security administrator", "desk"),
    "audit_admin": ("示例审计管理员", "Sample audit administrator", "desk"),
}


class Person(msgspec.Struct, frozen=True):
    """One row of `people.csv`."""

    username: str
    name: str
    role: str
    unit: str = ""
    area_codes: str = ""
    organization: str = ""
    subtree: bool = False

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `PEOPLE_COLUMNS`."""
        cells = (self.username, self.name, self.role, self.unit, self.area_codes, self.organization)
        return (*cells, "true" if self.subtree else "false")


def named_people(city: str, *, root: str, desk: str, english: bool = False) -> Iterator[Person]:
    """Yield one person for each role; `city` is the code of the widest area, `root` and `desk` are codes of units."""
    units = {"root": root, "desk": desk, "": ""}
    for role, (chinese, name_en, unit) in NAMED.items():
        yield Person(
            username=role,
            name=name_en if english else chinese,
            role=role,
            unit=units[unit],
            area_codes="" if role == "citizen" else city,
            organization=ANY_ORGANIZATION if role == "org_coordinator" else "",
            subtree=role in ("unit_clerk", "unit_leader"),
        )
