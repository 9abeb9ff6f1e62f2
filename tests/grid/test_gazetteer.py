"""What an address names, how sure that is, and what stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.areas import Entry, Part
from grid.calibration import Curve, chance
from grid.doors import metres_between
from grid.weighing import LEAST_SURE, Candidate
from tests.grid.gazetteers import EAST_OF, gazetteer

WEST = 106.70
ROAD = tuple((WEST + 0.0005 * step, 26.60) for step in range(9))  # 400 m from west to east
ENTRIES = [
    Entry(name="黔灵山公园", aliases=("黔灵公园",), area_code="520103001002"),
    Entry(name="喷水池", lon=106.71, lat=26.58),
    Entry(name="金阳南路", kind="road", lon=WEST + 0.002, lat=26.60, line=ROAD),
    Entry(name="宝山北路", kind="road", lon=WEST + 0.001, lat=26.60, line=((WEST + 0.001, 26.59), (WEST + 0.001, 26.61))),
    Entry(name="世纪城龙福苑", aliases=("龙福苑",), kind="estate", lon=WEST + 0.001, lat=26.601),
    Entry(name="人民广场", kind="landmark", lon=EAST_OF - 0.05, lat=26.65),
    Entry(name="人民广场", kind="landmark", lon=EAST_OF + 0.05, lat=26.65),
    *(Entry(name=f"金阳南路{number}号", kind="door", lon=WEST + 0.0001 * number, lat=26.6001) for number in (2, 8, 16, 17, 29)),
    Entry(name="重庆路", kind="road", lon=WEST, lat=26.58),
    Entry(name="世纪城龙福苑3栋", kind="building", lon=WEST + 0.0012, lat=26.6011),
    Entry(name="Ｈ座二十一号公馆", kind="building", lon=WEST, lat=26.6),
]
NAMES = gazetteer(ENTRIES)


def best(address: str) -> Candidate:
    return NAMES.ask(address).candidates[0]


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
        ("烏當區新添寨街道", "520112001"),
        ("乌当区新天寨街道", "520112001"),  # heard, not read
    ],
)
def test_find_when_address_names_areas_then_narrowest_sure_one(address: str, code: str) -> None:
    found = NAMES.find(address)
    assert found is not None and (found.area, found.lon) == (code, None)


@pytest.mark.parametrize("address", ["", "大寨村", "不知道的地方", "云岩区和乌当区之间", "，。", "8号", "号", "𠮷𠮷𠮷"])
def test_find_when_repeated_unknown_or_contradictory_then_nothing(address: str) -> None:
    assert NAMES.find(address) is None


def test_find_when_gazetteer_knows_the_place_then_entry() -> None:
    park = NAMES.find("黔灵公园北门")
    assert park is not None and (park.name, park.area, park.lon) == ("黔灵山公园", "520103001002", None)
    pool = NAMES.find("云岩区喷水池")
    assert pool is not None and (pool.name, pool.lon, pool.lat) == ("喷水池", 106.71, 26.58)


def test_ask_when_whole_address_then_door_with_its_parts_and_small_doubt() -> None:
    answer = NAMES.ask("云岩区金阳南路8号世纪城龙福苑旁")
    first = answer.candidates[0]
    assert (first.name, first.kind) == ("金阳南路8号", "door")
    assert first.confidence > 0.95 and first.radius_m is not None and first.radius_m <= 200 and not first.doubt
    assert answer.parts == (
        Part("云岩区", "district", "云岩区", "exact"),
        Part("金阳南路", "road", "金阳南路", "exact"),
        Part("8号", "number"),
        Part("世纪城龙福苑", "estate", "世纪城龙福苑", "exact"),
        Part("旁", "relation"),
    )


@pytest.mark.parametrize(
    ("address", "name", "doubt"),
    [
        ("金阳南路八号", "金阳南路8号", ()),
        ("金阳南路８号", "金阳南路8号", ()),
        ("金陽南路8號", "金阳南路8号", ()),
        ("金阳南路8", "金阳南路8号", ()),
        ("金阳南路的12号", "金阳南路12号", ("number_between:8-16",)),
        ("金阳南路23号", "金阳南路23号", ("number_between:17-29",)),  # the odd side
        ("金阳南路31号", "金阳南路31号", ("number_beyond:29",)),
        ("金阳南路甲8号", "金阳南路甲8号", ("number_beside:8",)),
        ("金阳南路900号", "金阳南路", ("number_unknown:900",)),
        ("龙福苑", "世纪城龙福苑", ()),
        ("世纪城龙福苑三栋2单元501", "世纪城龙福苑3栋", ()),
        ("H座21号公馆", "Ｈ座二十一号公馆", ()),
    ],
)
def test_ask_when_written_in_many_ways_then_the_place(address: str, name: str, doubt: tuple[str, ...]) -> None:
    found = best(address)
    assert (found.name, found.doubt) == (name, doubt)


def test_ask_when_number_lies_between_then_on_its_side_and_less_sure() -> None:
    between, known = best("金阳南路12号"), best("金阳南路16号")
    assert between.lon == pytest.approx(WEST + 0.0012) and between.confidence < known.confidence
    beyond = best("金阳南路31号")
    assert beyond.confidence < between.confidence


@pytest.mark.parametrize(
    ("address", "name", "how"),
    [
        ("云岩区金洋南路8号", "金阳南路8号", "sound:金洋南路"),
        ("进阳兰路", "金阳南路", "sound:进阳兰路"),
        ("世纪诚龙福园", "世纪城龙福苑", "sound:世纪诚龙福园"),
        ("世纪龙福楼盘", "世纪城龙福苑", "similar:世纪龙福"),
        ("宝山白路", "宝山北路", "similar:宝山白路"),
    ],
)
def test_ask_when_misheard_or_mistyped_then_found_and_said(address: str, name: str, how: str) -> None:
    found, exact = best(address), best(name)
    assert found.name == name and how in found.doubt and found.confidence < exact.confidence


@pytest.mark.parametrize("address", ["金阳南路与宝山北路交叉口", "宝山北路金阳南路路口", "金阳南路和宝山北路交汇处东北角"])
def test_ask_when_two_roads_meet_then_the_crossing(address: str) -> None:
    found = best(address)
    assert found.kind == "crossing" and found.lon is not None and found.lat is not None
    assert metres_between(found.lon, found.lat, WEST + 0.001, 26.60) < 5 and found.confidence > 0.8


def test_ask_when_place_lies_outside_the_named_district_then_lowered_and_said() -> None:
    there = best("乌当区喷水池")
    pool = next(one for one in NAMES.ask("乌当区喷水池").candidates if one.name == "喷水池")
    assert pool.doubt[0] == "not_in:520112" and pool.confidence < LEAST_SURE < best("喷水池").confidence
    assert there.confidence >= pool.confidence


def test_ask_when_name_is_repeated_then_shared_unless_the_district_is_named() -> None:
    both = NAMES.ask("人民广场").candidates
    assert len(both) == 2 and all(one.doubt == ("several:2",) and one.confidence < 0.5 for one in both)
    east = best("乌当区人民广场")
    assert east.lon == EAST_OF + 0.05 and east.confidence > 0.7


def test_ask_when_place_lies_just_across_a_border_then_it_fits() -> None:
    near = Entry(name="边界路8号", kind="door", lon=EAST_OF + 0.0005, lat=26.6)  # 50 m
    far = Entry(name="内街路8号", kind="door", lon=EAST_OF + 0.002, lat=26.6)
    names = gazetteer([near, far])
    first = names.ask("云岩区边界路8号").candidates[0]
    assert first.lon == near.lon and first.doubt == () and first.confidence > 0.9
    contradicted = next(one for one in names.ask("云岩区内街路8号").candidates if one.lon is not None)
    assert contradicted.doubt == ("not_in:520103",) and contradicted.confidence <= 0.2


def test_ask_when_only_numbers_of_a_road_are_known_then_about_the_nearest() -> None:
    names = gazetteer([Entry(name=f"友谊巷{number}号", kind="door", lon=WEST + 0.0001 * number, lat=26.6) for number in (2, 90)])
    (found, *_) = names.ask("友谊巷200号").candidates
    assert (found.name, found.kind, found.doubt) == ("友谊巷", "road", ("number_unknown:200",))
    assert found.lon == pytest.approx(WEST + 0.009) and found.confidence < 0.6
    assert names.ask("友谊巷").candidates[0].kind == "road"


def test_ask_when_a_short_name_is_the_end_of_a_misspelled_one_then_the_longer_is_meant() -> None:
    line = ((WEST, 26.60), (WEST + 0.002, 26.60))
    names = gazetteer(
        [
            Entry(name="东四三条", kind="road", lon=WEST, lat=26.6, line=line),
            Entry(name="三条", kind="road", lon=WEST + 0.03, lat=26.6, line=tuple((lon + 0.03, lat) for lon, lat in line)),
        ]
    )
    found = names.ask("东海三条35号").candidates[0]
    assert found.name == "东四三条" and "similar:东海三条" in found.doubt
    assert names.ask("三条35号").candidates[0].confidence > names.ask("天府之国三条35号").candidates[0].confidence


def test_ask_when_curves_are_given_then_chances_but_rivals_stay_rivals() -> None:
    steep = NAMES.with_curves({"name": Curve(shift=3.0, slope=1.0)})
    (pool,) = (one for one in steep.ask("喷水池").candidates if one.name == "喷水池")
    assert pool.confidence == pytest.approx(chance(0.86, "landmark", {"name": Curve(3.0, 1.0)}))
    both = steep.ask("人民广场").candidates
    assert len(both) == 2 and all(0.4 < one.confidence <= 0.5 for one in both)
    other = next(one for one in steep.ask("乌当区喷水池").candidates if one.name == "喷水池")
    assert other.confidence <= 0.2


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["door", "road", "landmark", "township", "crossing"]))
def test_chance_when_one_score_is_higher_then_its_chance_is_not_lower(one: float, other: float, kind: str) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= chance(low, kind) <= chance(high, kind) <= 1.0


def test_ask_when_name_may_be_a_piece_of_a_longer_one_then_less_sure() -> None:
    assert best("喷水池").confidence > best("北喷水池").confidence
    assert "beside_unknown" in best("喷水池中学").doubt


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("jynl", ["金阳南路"]),
        ("jinyang", ["金阳南路"]),
        ("bsbl", ["宝山北路"]),
        ("wdq", ["乌当区"]),
        ("cql", ["重庆路"]),
        ("chongqinglu", ["重庆路"]),
        ("zql", ["重庆路"]),
        ("金阳", ["金阳南路"]),
        ("龙福", ["世纪城龙福苑"]),
        ("水池", ["喷水池"]),
        ("", []),
        ("%", []),
    ],
)
def test_typed_when_letters_or_pieces_then_entries(text: str, names: list[str]) -> None:
    assert [NAMES.index.name(entry) for entry in NAMES.typed(text, 5)] == names


def test_ask_when_gazetteer_is_empty_then_areas_alone() -> None:
    empty = gazetteer()
    assert [one.area for one in empty.ask("乌当区").candidates] == ["520112"]
    assert gazetteer().typed("jynl", 5) == []
