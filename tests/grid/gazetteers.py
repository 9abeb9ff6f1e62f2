"""A gazetteer for tests: areas without polygons, entries, and a plane of a few districts that says where a point is."""

from __future__ import annotations

from collections.abc import Sequence

from grid.areas import Area, Entry
from grid.gazetteer import Gazetteer
from grid.gazetteer_building import build_tables, entries_of_areas
from grid.gazetteer_index import GazetteerIndex
from grid.hierarchy import AreaTree

__all__ = ["AREAS", "EAST_OF", "gazetteer", "index_of"]

AREAS = [
    Area(code="520100", name="贵阳市", level="city", name_en="Guiyang"),
    Area(code="520103", name="云岩区", level="district", parent="520100", name_en="Yunyan"),
    Area(code="520112", name="乌当区", level="district", parent="520100"),
    Area(code="520111", name="花溪区", level="district", parent="520100"),
    Area(code="520103001", name="中华路街道", level="township", parent="520103"),
    Area(code="520112001", name="新添寨街道", level="township", parent="520112"),
    Area(code="520112100", name="东风镇", level="township", parent="520112"),
    Area(code="520103001001", name="友谊社区", level="community", parent="520103001"),
    Area(code="520103001002", name="黔灵东路社区居委会", level="community", parent="520103001"),
    Area(code="520112001200", name="大寨村", level="community", parent="520112001"),
    Area(code="520112100200", name="大寨村", level="community", parent="520112100"),
    Area(code="520111001200", name="大寨村", level="community", parent="520111"),
    Area(code="520103001001001", name="友谊社区第1网格", level="grid", parent="520103001001"),
]
EAST_OF = 106.75  # of this line lies Wudang, of it to the west Yunyan


def _where(lon: float, lat: float) -> str | None:
    if not 106.5 < lon < 107.0:
        return None
    return "520112" if lon > EAST_OF else "520103001001"


def index_of(entries: Sequence[Entry], areas: Sequence[Area] = AREAS) -> GazetteerIndex:
    """Return the index of these entries and areas."""
    return GazetteerIndex(build_tables([*entries_of_areas(areas), *entries]))


def gazetteer(entries: Sequence[Entry] = ()) -> Gazetteer:
    """Return the gazetteer of the areas above and these entries."""
    return Gazetteer(index_of(entries), AreaTree.of(AREAS), _where)
