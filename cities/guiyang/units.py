"""The 510 government units of the demo city on three levels: city (64), district (300), township (146).

Kinds and names follow the usual establishment of a Chinese city; they are samples, not the real list. Telephone numbers begin
with zeros, which no real line does. A unit's code is its area's code and its kind: `520103-water`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cities.guiyang.features import MANAGED
from cities.guiyang.territory import CITY, Place

__all__ = ["TYPES", "UNIT_COUNT", "Unit", "build_units", "stem"]

UNIT_COUNT = 510
ALWAYS = "24x7"

# type → name in a district, name in the city, aliases, hours (`{d}` is the district's name, `{s}` the name without 区/县/市)
TYPES: dict[str, tuple[str, str, str, str]] = {
    "urban": ("{d}综合行政执法局", "贵阳市综合行政执法局", "{d}城管局;{d}城市管理局", "08:00-22:00"),
    "sanit": ("{d}环境卫生服务中心", "贵阳市环境卫生服务中心", "{d}环卫站", "06:00-22:00"),
    "park": ("{d}园林绿化服务中心", "贵阳市园林绿化服务中心", "{d}绿化所", ""),
    "house": ("{d}住房和城乡建设局", "贵阳市住房和城乡建设局", "{d}住建局", ""),
    "plan": ("{d}自然资源局", "贵阳市自然资源和规划局", "{d}国土局", ""),
    "market": ("{d}市场监督管理局", "贵阳市市场监督管理局", "{d}市场监管局;{d}工商局", ""),
    "env": ("贵阳市生态环境局{s}分局", "贵阳市生态环境局", "{d}环保局", ""),
    "police": ("贵阳市公安局{s}分局", "贵阳市公安局", "{d}公安分局", ALWAYS),
    "traffic": ("贵阳市公安局交通管理局{s}分局", "贵阳市公安局交通管理局", "{d}交警大队", ALWAYS),
    "fire": ("{d}消防救援大队", "贵阳市消防救援支队", "{d}消防队", ALWAYS),
    "emerg": ("{d}应急管理局", "贵阳市应急管理局", "{d}安监局", ALWAYS),
    "civil": ("{d}民政局", "贵阳市民政局", "", ""),
    "labor": ("{d}人力资源和社会保障局", "贵阳市人力资源和社会保障局", "{d}人社局", ""),
    "medic": ("{d}医疗保障局", "贵阳市医疗保障局", "{d}医保局", ""),
    "health": ("{d}卫生健康局", "贵阳市卫生健康局", "{d}卫健局", ""),
    "edu": ("{d}教育局", "贵阳市教育局", "", ""),
    "trans": ("{d}交通运输局", "贵阳市交通委员会", "{d}交通局", ""),
    "water": ("{d}水务管理局", "贵阳市水务管理局", "{d}水务局;{d}水利局", ALWAYS),
    "agri": ("{d}农业农村局", "贵阳市农业农村局", "", ""),
    "culture": ("{d}文体广电旅游局", "贵阳市文化和旅游局", "{d}文旅局", ""),
    "justice": ("{d}司法局", "贵阳市司法局", "", ""),
    "petition": ("{d}信访局", "贵阳市信访局", "", ""),
    "veteran": ("{d}退役军人事务局", "贵阳市退役军人事务局", "", ""),
    "disabled": ("{d}残疾人联合会", "贵阳市残疾人联合会", "{d}残联", ""),
    "women": ("{d}妇女联合会", "贵阳市妇女联合会", "{d}妇联", ""),
    "youth": ("共青团{d}委员会", "共青团贵阳市委员会", "{d}团委", ""),
    "gov": ("{d}政务服务和大数据管理局", "贵阳市大数据发展管理局", "{d}政务服务中心", ""),
    "disc": ("{d}作风效能监督办公室", "贵阳市作风效能监督办公室", "{d}效能办", ""),
}

# Bodies of the city that have one kind of thing in hand: code suffix, type, name, parent suffix, hours. Their types are finer
# than those of the bureaus, so that `house@city` names the bureau alone.
CITY_BODIES: tuple[tuple[str, str, str, str, str], ...] = (
    ("util-water", "util", "贵阳供水服务公司", "house", ALWAYS),
    ("util-power", "util", "贵阳供电服务局", "govt", ALWAYS),
    ("util-gas", "util", "贵阳燃气服务公司", "house", ALWAYS),
    ("util-heat", "util", "贵阳供热服务公司", "house", ALWAYS),
    ("tele", "tele", "贵阳市通信管理办公室", "govt", ALWAYS),
    ("tele-1", "tele-1", "贵阳通信线路维护一公司", "tele", ALWAYS),
    ("tele-2", "tele-2", "贵阳通信线路维护二公司", "tele", ALWAYS),
    ("tele-3", "tele-3", "贵阳通信线路维护三公司", "tele", ALWAYS),
    ("tele-tower", "tele-tower", "贵阳通信铁塔维护公司", "tele", ALWAYS),
    ("tele-cable", "tele-cable", "贵阳广电网络维护公司", "tele", ALWAYS),
    ("trans-bus", "trans-bus", "贵阳公共交通服务公司", "trans", ALWAYS),
    ("trans-metro", "trans-metro", "贵阳城市轨道交通服务公司", "trans", ALWAYS),
    ("house-lamp", "house-lamp", "贵阳市路灯管理处", "house", ALWAYS),
    ("house-road", "house-road", "贵阳市市政工程管理处", "house", ALWAYS),
    ("house-gas", "house-gas", "贵阳市燃气热力管理处", "house", ""),
    ("house-estate", "house-estate", "贵阳市物业管理指导中心", "house", ""),
    ("house-fund", "house-fund", "贵阳市住房资金管理中心", "house", ""),
    ("plan-register", "plan-register", "贵阳市不动产登记中心", "plan", ""),
    ("plan-geo", "plan-geo", "贵阳市地质灾害防治中心", "plan", ALWAYS),
    ("park-garden", "park-garden", "贵阳市公园管理处", "park", ""),
    ("water-drain", "water-drain", "贵阳市排水管理中心", "water", ALWAYS),
    ("water-river", "water-river", "贵阳市河湖管理中心", "water", ""),
    ("trans-highway", "trans-highway", "贵阳市公路管理处", "trans", ALWAYS),
    ("trans-service", "trans-service", "贵阳市道路运输服务中心", "trans", ""),
    ("market-lift", "market-lift", "贵阳市特种设备检验所", "market", ALWAYS),
    ("market-food", "market-food", "贵阳市食品药品检验中心", "market", ""),
    ("civil-rescue", "civil-rescue", "贵阳市救助管理站", "civil", ALWAYS),
    ("justice-aid", "justice-aid", "贵阳市法律援助中心", "justice", ""),
    ("labor-guard", "labor-guard", "贵阳市劳动保障监察支队", "labor", ""),
    ("labor-insure", "labor-insure", "贵阳市社会保险服务中心", "labor", ""),
    ("health-cdc", "health-cdc", "贵阳市疾病预防控制中心", "health", ALWAYS),
    ("health-rescue", "health-rescue", "贵阳市急救中心", "health", ALWAYS),
    ("agri-vet", "agri-vet", "贵阳市动物疫病预防控制中心", "agri", ""),
    ("trade", "trade", "贵阳市商务局", "govt", ""),
)


class Unit(msgspec.Struct, frozen=True):
    """One row of `units.csv`."""

    code: str
    name: str
    short_name: str
    aliases: str
    type: str
    level: str
    parent: str
    area_codes: str
    hours: str
    duty_phone: str


def stem(name: str) -> str:
    """Return the name of a district as it enters other names.

    >>> stem("云岩区"), stem("观山湖区"), stem("清镇市")
    ('云岩', '观山湖', '清镇')
    """
    return name[:-1]


def build_units(districts: dict[str, str], townships: Sequence[Place]) -> list[Unit]:
    """Return all units, parents before children; `districts` are names by code."""
    rows = [_unit(f"{CITY}-govt", "贵阳市人民政府", "government", "", ALWAYS)]
    rows.append(_unit(f"{CITY}-command", "贵阳市网格化服务管理指挥调度中心", "command", f"{CITY}-govt", ALWAYS))
    rows += [_unit(f"{CITY}-{kind}", names[1], kind, f"{CITY}-govt", names[3]) for kind, names in TYPES.items()]
    rows += [_unit(f"{CITY}-{code}", name, kind, f"{CITY}-{parent}", hours) for code, kind, name, parent, hours in CITY_BODIES]
    for code, name in districts.items():
        rows += _district_units(code, name)
    rows += [_township_unit(place, districts[place.parent]) for place in townships]
    if len(rows) != UNIT_COUNT:
        raise ValueError(f"{len(rows)} units; the demo city has exactly {UNIT_COUNT}")
    return [msgspec.structs.replace(row, duty_phone=f"0851-0000{number:04d}") for number, row in enumerate(rows, start=1)]


def _unit(code: str, name: str, kind: str, parent: str, hours: str) -> Unit:
    return Unit(code, name, name.removeprefix("贵阳市"), "", kind, "city", parent, CITY, hours, "")


def _district_units(code: str, name: str) -> list[Unit]:
    govt, areas = f"{code}-govt", ";".join([code, *(zone for zone, _, _, district, _ in MANAGED if district == code)])
    rows = [
        Unit(govt, f"{name}人民政府", name, f"{name}政府", "government", "district", f"{CITY}-govt", areas, ALWAYS, ""),
        Unit(
            f"{code}-command",
            f"{name}网格化服务管理指挥中心",
            f"{stem(name)}指挥中心",
            "",
            "command",
            "district",
            govt,
            areas,
            ALWAYS,
            "",
        ),
    ]
    for kind, (pattern, _, aliases, hours) in TYPES.items():
        full = _district_name(kind, pattern, name)
        short = full.removeprefix("贵阳市")
        rows.append(Unit(f"{code}-{kind}", full, short, aliases.format(d=name), kind, "district", govt, areas, hours, ""))
    return rows


def _district_name(kind: str, pattern: str, name: str) -> str:
    if kind == "police" and name.endswith("县"):
        return f"{name}公安局"
    if kind == "traffic" and name.endswith("县"):
        return f"{name}公安局交通警察大队"
    return pattern.format(d=name, s=stem(name))


def _township_unit(place: Place, district: str) -> Unit:
    office = f"{place.name}办事处" if place.kind == "街道" else f"{place.name}人民政府"
    return Unit(
        f"{place.code}-town",
        f"{district}{office}",
        place.name,
        office,
        "town",
        "township",
        f"{place.parent}-govt",
        place.code,
        "",
        "",
    )
