"""A small city as a pack, for tests that need a whole service: 2 districts, 2 townships, 2 communities, 8 grids, 10 units.

Everything is made by rule: districts lie side by side west to east, each holds one township with one community with four grids.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

WEST, SOUTH, EAST, NORTH = 106.60, 26.60, 106.68, 26.64
CITY = "520100"
DISTRICTS = {"520102": "南明区", "520103": "云岩区"}
GRID_WIDTH = 0.01
INSIDE = (106.605, 26.62)  # in 520102001001001
NEXT_GRID = (106.615, 26.62)  # in 520102001001002
OTHER_DISTRICT = (106.665, 26.62)  # in 520103001001003
OUTSIDE = (106.90, 26.90)

CITY_TOML = """
code = "520100"
name = "小贵阳"
name_en = "Small Guiyang"
timezone = "Asia/Shanghai"
case_prefix = "XG"
languages = ["zh-CN", "en"]
working_hours = "09:00-12:00,13:00-17:00"
base_map = "none"
demo = true
"""


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    west, south, east, north = (round(side, 6) for side in (west, south, east, north))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _feature(geometry: dict[str, Any], code: str, name: str, level: str, parent: str | None, kind: str = "") -> dict[str, Any]:
    properties = {"code": code, "name": name, "level": level, "kind": kind, "parent": parent, "crs": "WGS-84", "synthetic": True}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def areas() -> dict[str, Any]:
    """Return the areas as GeoJSON."""
    features = [_feature(_box(WEST, SOUTH, EAST, NORTH), CITY, "小贵阳市", "city", None)]
    for number, (code, name) in enumerate(DISTRICTS.items()):
        west = WEST + number * 4 * GRID_WIDTH
        outline = _box(west, SOUTH, west + 4 * GRID_WIDTH, NORTH)
        features.append(_feature(outline, code, name, "district", CITY))
        features.append(_feature(outline, f"{code}001", f"{name}一街道", "township", code))
        features.append(_feature(outline, f"{code}001001", f"{name}一社区", "community", f"{code}001"))
        for grid in range(4):
            left = west + grid * GRID_WIDTH
            shape = _box(left, SOUTH, left + GRID_WIDTH, NORTH)
            features.append(
                _feature(shape, f"{code}001001{grid + 1:03}", f"{name}{grid + 1}号网格", "grid", f"{code}001001", "duty")
            )
    return {"type": "FeatureCollection", "features": features}


UNITS = [
    ("520100-govt", "小贵阳市人民政府", "市政府", "", "govt", "city", "", CITY, "24x7", ""),
    ("520100-urban", "小贵阳市城市管理局", "市城管", "", "urban", "city", "520100-govt", CITY, "24x7", ""),
    ("520102-govt", "南明区人民政府", "", "", "govt", "district", "520100-govt", "520102", "24x7", ""),
    ("520103-govt", "云岩区人民政府", "", "", "govt", "district", "520100-govt", "520103", "24x7", ""),
    ("520102-urban", "南明区综合行政执法局", "南明城管", "", "urban", "district", "520102-govt", "520102", "24x7", ""),
    ("520103-urban", "云岩区综合行政执法局", "云岩城管", "", "urban", "district", "520103-govt", "520103", "24x7", ""),
    ("520102-water", "南明区水务管理局", "", "", "water", "district", "520102-govt", "520102", "24x7", ""),
    ("520103-water", "云岩区水务管理局", "", "", "water", "district", "520103-govt", "520103", "24x7", ""),
    ("520102001-town", "南明区一街道办事处", "", "", "town", "township", "520102-govt", "520102001", "24x7", ""),
    ("520102-road", "南明区道路养护中心", "", "", "road", "district", "520102-govt", "520102", "", ""),
]


def _category(
    code: str, name: str, name_en: str, major: str, urgency: str, limit: str, *, leads: str, level: str = "d",
    safe_limit: str = "", transfer_to: str = "", org_kinds: str = "", check: str = "none",
) -> tuple[str, ...]:  # fmt: skip
    limits = (urgency, limit, safe_limit, transfer_to)
    return code, name, name_en, major, *limits, leads, level, "", "", org_kinds, "false", check, ""


CATEGORIES = [
    (
        "0101",
        "暴露垃圾",
        "Exposed garbage",
        "01 市容环境",
        "normal",
        "4wh",
        "",
        "",
        "urban",
        "d",
        "",
        "",
        "VOL",
        "true",
        "none",
        "",
    ),
    (
        "0201",
        "井盖缺失/破损",
        "Missing manhole cover",
        "02 公用设施",
        "urgent",
        "4h",
        "2h",
        "",
        "water;urban",
        "d",
        "",
        "",
        "VOL",
        "false",
        "none",
        "",
    ),
    (
        "0501",
        "消费纠纷",
        "Consumer dispute",
        "05 市场监管",
        "normal",
        "5wd",
        "",
        "",
        "urban",
        "d",
        "",
        "",
        "",
        "false",
        "none",
        "",
    ),
    (
        "0901",
        "家庭暴力",
        "Domestic violence",
        "09 平安建设",
        "urgent",
        "1d",
        "",
        "",
        "urban",
        "d",
        "S",
        "",
        "",
        "false",
        "none",
        "",
    ),
]
CATEGORIES += [
    (
        "0102",
        "积存渣土",
        "Heaped soil",
        "01 市容环境",
        "priority",
        "2wd",
        "",
        "",
        "urban",
        "d",
        "K",
        "town",
        "",
        "false",
        "site",
        "",
    ),
    (
        "0902",
        "安全隐患线索",
        "Safety lead",
        "09 平安建设",
        "priority",
        "2wd",
        "",
        "",
        "urban",
        "d",
        "K;S",
        "",
        "",
        "false",
        "site",
        "",
    ),
]
CATEGORIES += [  # what the stories of tests/scenarios are about
    _category("0202", "路面坑洞", "Pothole", "02 公用设施", "normal", "5wd", leads="urban;road", check="site"),
    _category("0203", "供水管爆裂", "Burst pipe", "02 公用设施", "priority", "2wd", leads="water"),
    _category("0204", "挡土墙破损", "Damaged retaining wall", "02 公用设施", "normal", "10wd", leads="road"),
    _category("0205", "线缆垂落", "Dangling cable", "02 公用设施", "priority", "2wd", leads="urban;water;road"),
    _category(
        "0301",
        "燃气泄漏",
        "Gas leak",
        "03 公共安全",
        "emergency",
        "24h",
        safe_limit="2h",
        leads="urban",
        transfer_to="gas",
        check="site",
    ),
    _category("0401", "施工噪声", "Noise of works", "04 环境保护", "normal", "", leads="urban"),
    _category("0601", "外墙脱落", "Falling facade", "06 公共安全", "normal", "5wd", leads="urban"),
    _category("0701", "独居老人关爱", "Elder alone", "07 民生服务", "normal", "", leads="town", level="t", org_kinds="VOL"),
]
KEYWORDS = [("0201", "井盖", 5), ("0101", "垃圾", 5), ("0501", "退款", 5)]
JOINT_TEMPLATES = [
    ("FALL", "高空坠物", "Falling objects", "0601", 1, "urban@district", "lead", "", "牵头查勘外墙，督促修缮并验收"),
    ("FALL", "", "", "", 1, "town@township", "joint", "4wh", "拉警戒线，疏散楼下人员"),
    ("FALL", "", "", "", 1, "water@district", "assist", "", "检查外墙给排水管"),
    ("FALL", "", "", "", 2, "520102-road", "joint", "1wd", "清理路面碎砖，恢复通行"),
]
RULES = [
    (
        "R-0201-A",
        "0201",
        "520102",
        "",
        "",
        "520102-water",
        "520102-urban",
        10,
        "《城市道路管理条例》第二十三条",
        "2020-01-01",
        "",
    ),
    ("R-0201-B", "0201", "520103", "", "", "520103-water", "", 10, "《城市道路管理条例》第二十三条", "2020-01-01", ""),
    ("R-01-A", "0101", "520102", "", "", "520102-urban", "", 10, "市容管理办法", "2020-01-01", ""),
    ("R-01-B", "0101", "520103", "", "", "520103-urban", "", 10, "市容管理办法", "2020-01-01", ""),
    ("R-05", "0501", "520100", "", "", "520100-urban", "", 10, "消费者权益保护法", "2020-01-01", ""),
    ("R-0202-A", "0202", "520102", "", "", "520102-urban", "", 10, "市容管理办法", "2020-01-01", ""),
    ("R-0203-A", "0203", "520102", "", "", "520102-water", "", 10, "城市供水条例", "2020-01-01", ""),
    ("R-0204-A", "0204", "520102", "", "", "520102-road", "", 10, "城市道路管理条例", "2020-01-01", ""),
    ("R-0301-A", "0301", "520102", "", "", "520102-urban", "", 10, "城镇燃气管理条例", "2020-01-01", ""),
    ("R-0401-A", "0401", "520102", "", "", "520102-urban", "", 10, "噪声污染防治法", "2020-01-01", ""),
    ("R-0601-A", "0601", "520102", "", "", "520102-urban", "", 10, "城市房屋安全管理办法", "2020-01-01", ""),
    ("R-0701-A", "0701", "520102", "", "", "520102001-town", "", 10, "养老服务条例", "2020-01-01", ""),
    ("R-09-A", "0901", "520102", "", "", "520102-urban", "", 10, "反家庭暴力法", "2020-01-01", ""),
]
ORGANIZATIONS = [
    ("ORG-1", "南明志愿服务队", "VOL", "normal", "520102", 106.606, 26.62, "WGS-84", 5000, 10, "", ""),
    ("ORG-2", "云岩志愿服务队", "VOL", "normal", "520103", 106.664, 26.62, "WGS-84", 5000, 10, "", ""),
    *[
        (f"ELD-{n}", f"南明助老社{n}", "ELD", "normal", "520102", 106.60 + n / 500, 26.62, "WGS-84", "", 2, "", "")
        for n in range(1, 7)
    ],
]
PEOPLE = [
    ("grid_worker", "机动网格员", "grid_worker", "", CITY, "", "false"),
    ("worker_a", "南明网格员", "grid_worker", "", "520102001001001", "", "false"),
    ("worker_b", "云岩网格员", "grid_worker", "", "520103001001003", "", "false"),
    ("worker_c", "南明二号网格员", "grid_worker", "", "520102001001002", "", "false"),
    ("lead_a", "南明网格长", "grid_lead", "", "520102001001", "", "false"),
    ("lead_b", "云岩网格长", "grid_lead", "", "520103001001", "", "false"),
    ("circle_a", "南明十户长", "group_leader", "", "520102001001001", "", "false"),
    ("operator", "坐席", "operator", "", CITY, "", "false"),
    ("dispatcher", "派遣员", "dispatcher", "", CITY, "", "false"),
    ("unit_clerk", "代办专岗", "unit_clerk", "520100-govt", "", "", "true"),
    ("unit_leader", "分管领导", "unit_leader", "520100-govt", "", "", "true"),
    ("clerk_a", "南明水务经办", "unit_clerk", "520102-water", "", "", "false"),
    ("clerk_b", "云岩水务经办", "unit_clerk", "520103-water", "", "", "false"),
    ("clerk_urban", "南明城管经办", "unit_clerk", "520102-urban", "", "", "false"),
    ("clerk_road", "道路养护经办", "unit_clerk", "520102-road", "", "", "false"),
    ("clerk_town", "一街道经办", "unit_clerk", "520102001-town", "", "", "false"),
    ("leader_urban", "南明城管分管领导", "unit_leader", "520102-urban", "", "", "false"),
    ("leader_road", "道路养护分管领导", "unit_leader", "520102-road", "", "", "false"),
    ("duty_a", "南明值班派遣员", "dispatcher", "", "520102", "", "false"),
    ("team_a", "南明志愿服务队协调员", "org_coordinator", "", "", "ORG-1", "false"),
    *[(f"elder_{n}", f"南明助老社{n}协调员", "org_coordinator", "", "", f"ELD-{n}", "false") for n in range(1, 7)],
    ("org_coordinator", "社会组织协调员", "org_coordinator", "", "", "*", "false"),
    ("supervisor", "督办员", "supervisor", "", CITY, "", "false"),
    ("leader", "市领导", "leader", "", CITY, "", "false"),
    ("sys_admin", "系统管理员", "sys_admin", "", "", "", "false"),
]
TABLES = {
    "units.csv": ("code,name,short_name,aliases,type,level,parent,area_codes,hours,duty_phone", UNITS),
    "categories.csv": (
        "code,name,name_en,major,urgency,limit,safe_limit,transfer_to,lead_types,level,flags,assist_types,org_kinds,self_handle,"
        "check,external_code",
        CATEGORIES,
    ),
    "keywords.csv": ("category,word,weight", KEYWORDS),
    "rules.csv": ("id,category,area_code,zone,hours,lead,assists,priority,basis,valid_from,valid_to", RULES),
    "joint_templates.csv": ("code,name,name_en,categories,step,unit,kind,limit,task", JOINT_TEMPLATES),
    "organizations.csv": ("code,name,kinds,standing,area_codes,lon,lat,crs,radius_m,capacity,hours,contact", ORGANIZATIONS),
    "people.csv": ("username,name,role,unit,area_codes,organization,subtree", PEOPLE),
}


def write_pack(folder: Path) -> Path:
    """Write the pack into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.toml").write_text(CITY_TOML, encoding="utf-8")
    (folder / "areas.geojson").write_text(json.dumps(areas(), ensure_ascii=False), encoding="utf-8")
    for name, (columns, rows) in TABLES.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns.split(","))
            writer.writerows(rows)
    return folder
