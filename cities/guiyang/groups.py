"""The community groups of the demo city: two for each township, in grids of two of its communities. All invented."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cities.guiyang.randomness import generator
from cities.guiyang.territory import Area, Place

__all__ = ["COLUMNS", "Group", "build_groups"]

COLUMNS = ("code", "name", "kind", "area_code", "leaders", "size")
NAMED_LEADER = "group_leader"  # the named account looks after those of the first township
OF_TOWNSHIP = 2
KINDS = (("household", "十联户群", 18), ("building", "楼栋群", 140), ("owners", "业主群", 260), ("shops", "沿街商户群", 60))


class Group(msgspec.Struct, frozen=True):
    """One row of `groups.csv`."""

    code: str
    name: str
    kind: str
    area_code: str
    leaders: str
    size: int

    def row(self) -> tuple[object, ...]:
        """Return the cells in the order of `COLUMNS`."""
        return (self.code, self.name, self.kind, self.area_code, self.leaders, self.size)


def build_groups(areas: Iterable[Area], townships: Sequence[Place], communities: Sequence[Place], seed: int) -> list[Group]:
    """Return the groups; the leader of a township's groups is the group leader of the township."""
    chance = generator(seed, "groups")
    grids: dict[str, str] = {}
    for area in areas:
        if area.level == "grid" and area.kind != "special":
            grids[area.parent] = min(area.code, grids.get(area.parent, area.code))
    found: list[Group] = []
    for number, town in enumerate(townships):
        homes = [place for place in communities if place.parent == town.code and place.code in grids][:OF_TOWNSHIP]
        for home in homes:
            kind, name, size = chance.choice(KINDS)
            leaders = f"hl.{town.code}" + (f";{NAMED_LEADER}" if number == 0 else "")
            found.append(
                Group(f"SQ-{home.code}", f"{home.name}{name}", kind, grids[home.code], leaders, size + chance.randrange(20))
            )
    return found
