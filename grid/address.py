"""Reads an address as people write or say it: one spelling, house numbers, words of relation, what says nothing. Pure.

Names are not known here; they are found by `grid.gazetteer` in what this module leaves. Both sides of a comparison, the names of
the gazetteer and the words of a caller, go through `normalise`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

__all__ = [
    "BUILDING", "DOOR", "HouseNumber", "Reading", "Word", "door_of", "ends_as_road", "is_whole_door", "normalise", "read", "runs",
]  # fmt: skip

DOOR, BUILDING = "door", "building"  # what a number counts: doors of a road, buildings of an estate
_MOST = 200  # characters that are looked at

# Traditional characters that are common in addresses and do not stand for two simplified ones.
_SIMPLE = str.maketrans(
    "號樓區縣鎮鄉門東園廣場陽龍雲貴觀灣橋車醫學華國會單層棟裡裏對處馬頭關興義樂業電廠臺環風豐鐵飛術館農機場實驗運動員興長寶慶聖濱漢蘭錦黃麗劉陳吳趙師範後邊側鄰與",
    "号楼区县镇乡门东园广场阳龙云贵观湾桥车医学华国会单层栋里里对处马头关兴义乐业电厂台环风丰铁飞术馆农机场实验运动员兴长宝庆圣滨汉兰锦黄丽刘陈吴赵师范后边侧邻与",
)
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "壹": 1}
_TENS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = re.compile(r"[零〇一二两三四五六七八九十百千壹]+(?=号(?!线)|栋|幢|单元|弄)")
_OUTSIDE_PLANE = re.compile(r"[^\x00-\uffff]")
_BREAK = re.compile(r"[,，.。;；:：、()（）\[\]【】{}<>《》\"'“”‘’!！?？/\\|·~+*=&@_\u3000]+")
_ROAD = r"(?:大道|大街|马路|公路|辅路|胡同|路|街|巷|弄|道|条)"
_ROAD_END = re.compile(rf"{_ROAD}(?:[东南西北中上下内外]|[一二三四五六七八九十]{{1,2}}[段条巷]|[东南西北中][段口])?$")
_NO_ROAD = re.compile(r"(?:人行|车|盲|通|过|水|管|楼|隧|匝|轨|渠|街)道$")  # what ends as a road and is none
_NUMBER = re.compile(
    r"(?P<mark>[甲乙丙丁戊]|附)?(?P<number>\d{1,5})(?:[-—–之](?P<sub>\d{1,3}))?"
    r"(?P<what>号楼|号院|号|栋|幢|座|#|弄)(?!线|口|门|岗|桥|站|井)"
)
_BARE = re.compile(r"(?<=[路街道巷])(?P<number>\d{1,5})(?![\d号栋幢座#弄年月日级线米层楼单室之—–-])")
_DOOR_NAME = re.compile(rf"(?P<base>.+?)(?:{_NUMBER.pattern})$")
_CROSSING = re.compile(r"十字路口|丁字路口|交叉路口|交叉口|交叉|交汇处|交汇口|交汇|交界处|交界|相交|路口|转角处?|拐角处?")
_RELATION = re.compile(
    r"斜对面|正对面|对面|旁边|旁|附近|周边|隔壁|门口|楼下|后面|背后|前面|边上|靠近|"
    r"[东南西北]{1,2}(?:侧|面|边|角)|[东南西北]大?门(?:口|外|内)?|大门口?|往[东南西北]|\d+(?:米|公里|m)"
)
_NOISE = re.compile(
    r"^[^市区县]{2,3}(?:省|自治区)|我们家|我们|我家|我|你们|家里|那边|这边|那里|这里|那儿|这儿|那个|这个|位于|地址是?|有一?个|"
    r"(?:非?机动)?车道|人行(?:横?道|天桥)|盲道|地下通道|通道|过道|下水道|楼道|斑马线|路面|路段|路边|街边|沿线|"
    r"大概|左右|就是|一带|方向|院内|室内|里面|(?<=[路街巷区道])上|在|的|号|\d+(?:单元|层|楼|室)?|[a-z]+(?:座|区|口)?|之间|处"
)
_MARKS = {char: number for number, char in enumerate("甲乙丙丁戊", start=1)} | {"附": 6}


class HouseNumber(NamedTuple):
    """A number with what it counts (`DOOR` or `BUILDING`), and where it stands in the text.

    `sub` tells apart what shares a number: 8-2号, 甲8号 (0: nothing such).
    """

    number: int
    sub: int
    what: str
    start: int
    end: int


class Word(NamedTuple):
    """A stretch of the text and what it is: `relation` or `crossing`."""

    kind: str
    start: int
    end: int


class Reading(NamedTuple):
    """An address in one spelling with what needs no gazetteer to be understood."""

    text: str
    numbers: tuple[HouseNumber, ...]
    words: tuple[Word, ...]

    @property
    def is_crossing(self) -> bool:
        """Tell whether the words speak of a place where roads meet."""
        return any(word.kind == "crossing" for word in self.words)


def normalise(text: str) -> str:
    """Return the one spelling that names and questions are compared in.

    Full width becomes half width, capitals small, traditional characters simplified, numerals before 号, 栋, 单元 digits;
    blanks go, other marks become one comma. Never longer than 200 characters.

    >>> normalise("Ａ座，金陽南路八號　（二十一栋）"), normalise("地铁三号线")
    ('a座,金阳南路8号,21栋', '地铁三号线')
    """
    plain = "".join(unicodedata.normalize("NFKC", text[:_MOST]).casefold().split())
    plain = _OUTSIDE_PLANE.sub("□", unicodedata.normalize("NFKC", plain).translate(_SIMPLE))
    return _NUMERAL.sub(lambda found: _digits(found[0]), _BREAK.sub(",", plain)).strip(",")[:_MOST]


def _digits(numeral: str) -> str:
    """Turn 一百零八, 二十一 and 二一 into digits."""
    if not any(char in _TENS for char in numeral):
        return "".join(str(_DIGITS[char]) for char in numeral)
    total, digit = 0, 0
    for char in numeral:
        if char in _TENS:
            total, digit = total + (digit or 1) * _TENS[char], 0
        else:
            digit = _DIGITS[char]
    return str(total + digit)


def read(text: str) -> Reading:
    """Return what an address says beside its names.

    >>> reading = read("观山湖区金阳南路8号世纪城龙福苑3栋对面")
    >>> [(one.number, one.what) for one in reading.numbers], [reading.text[a:b] for _, a, b in reading.words]
    ([(8, 'door'), (3, 'building')], ['对面'])
    """
    plain = normalise(text)
    numbers = [_number(found) for found in _NUMBER.finditer(plain)]
    numbers += [HouseNumber(int(found["number"]), 0, DOOR, *found.span()) for found in _BARE.finditer(plain)]
    words = [Word("crossing", *found.span()) for found in _CROSSING.finditer(plain)]
    words += [
        Word("relation", *found.span())
        for found in _RELATION.finditer(plain)
        if not any(word.start < found.end() and found.start() < word.end for word in words)
    ]
    return Reading(plain, tuple(sorted(numbers, key=lambda one: one.start)), tuple(sorted(words, key=lambda one: one.start)))


def _number(found: re.Match[str]) -> HouseNumber:
    sub = int(found["sub"]) if found["sub"] else 1000 * _MARKS[found["mark"]] if found["mark"] else 0
    what = BUILDING if found["what"] in ("号楼", "栋", "幢", "座") else DOOR
    return HouseNumber(int(found["number"]), sub, what, *found.span())


def door_of(name: str) -> tuple[str, HouseNumber] | None:
    """Return the name before a house number and the number, for a name that is just that (in the spelling of `normalise`).

    >>> door_of("金阳南路8号")[0], door_of("世纪城3栋")[0], door_of("金阳南路8号院小卖部")
    ('金阳南路', '世纪城', None)
    """
    found = _DOOR_NAME.fullmatch(name)
    return (found["base"], _number(found)) if found and len(found["base"]) > 1 else None


def is_whole_door(name: str) -> bool:
    """Tell whether a name without a kind is a door of a road: 金阳南路8号, not 龙福苑8号."""
    found = door_of(name)
    return found is not None and found[1].what == DOOR and ends_as_road(found[0])


def ends_as_road(name: str) -> bool:
    """Tell whether a name ends as those of roads do.

    >>> [ends_as_road(name) for name in ("金阳南路", "净土胡同", "北京路南段", "东四十条", "龙福苑", "人行道", "道")]
    [True, True, True, True, False, False, False]
    """
    return len(name) > 1 and _ROAD_END.search(name) is not None and _NO_ROAD.search(name) is None


def runs(reading: Reading, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches that are neither taken nor a number, a word of relation, a mark or an empty word: what is not
    understood."""
    free = [char != "," for char in reading.text]
    known = [*taken, *((one.start, one.end) for one in reading.numbers), *((one.start, one.end) for one in reading.words)]
    for start, end in known:
        free[start:end] = [False] * (end - start)
    for found in _NOISE.finditer(reading.text):
        start, end = found.span()
        if all(free[start:end]):
            free[start:end] = [False] * (end - start)
    stretches, begin = [], None
    for position, is_free in enumerate([*free, False]):
        if is_free and begin is None:
            begin = position
        elif not is_free and begin is not None:
            stretches.append((begin, position))
            begin = None
    return stretches
