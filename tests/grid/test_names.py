"""What an address names, and what stays open."""

from __future__ import annotations

import pytest

from grid.areas import Area, Entry
from grid.hierarchy import AreaTree
from grid.names import Found, NameIndex

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
ENTRIES = [Entry(name="黔灵山公园", aliases=("黔灵公园",), area_code="520103001002"), Entry(name="喷水池", lon=106.71, lat=26.58)]
NAMES = NameIndex(AREAS, AreaTree(AREAS), ENTRIES)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("贵阳市云岩区中华路街道友谊社区3号楼", "520103001001"),
        ("友谊社区3号楼", "520103001001"),
        ("云岩区某处", "520103"),
        ("云岩的某处", "520103"),
        ("新添寨那边", "520112001"),
        ("黔灵东路12号", "520103001002"),
        ("乌当区新添寨街道大寨村", "520112001200"),
        ("东风镇大寨村村口", "520112100200"),
        ("花溪区大寨村", "520111001200"),
        ("乌当区大寨村", "520112"),  # two of them there: the district is all that is sure
        ("乌当区花溪大道", "520112"),  # a full name beats a name without its suffix
    ],
)
def test_find_when_address_names_areas_then_narrowest_sure_one(address: str, code: str) -> None:
    assert NAMES.find(address) == Found(code)


@pytest.mark.parametrize("address", ["", "大寨村", "不知道的地方", "云岩区和乌当区之间"])
def test_find_when_repeated_unknown_or_contradictory_then_nothing(address: str) -> None:
    assert NAMES.find(address) is None


def test_find_when_gazetteer_knows_the_place_then_entry() -> None:
    assert NAMES.find("黔灵公园北门") == Found("520103001002", ENTRIES[0])
    assert NAMES.find("云岩区喷水池") == Found("520103", ENTRIES[1])


def test_search_when_part_of_a_name_then_wide_ones_first() -> None:
    assert [found.area for found in NAMES.search("友谊")] == ["520103001001", "520103001001001"]
    assert [found.area for found in NAMES.search("yunyan")] == ["520103"]
    assert [found.area for found in NAMES.search("大寨", 2)] == ["520112001200", "520112100200"]
    assert NAMES.search("  ") == []


def test_search_when_whole_address_then_what_it_names_first() -> None:
    assert NAMES.search("云岩区黔灵公园")[0] == Found("520103001002", ENTRIES[0])
