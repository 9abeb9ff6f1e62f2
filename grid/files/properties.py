"""Which property of a file holds which part of a boundary, and what its values mean.

The names that map tools and national tables use are known; a caller may name others. Values are read by what they say: `街道` is
a township, `单元网格` a unit grid, a number in a code column a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from grid.files.limits import broken

__all__ = ["FIELDS", "as_code", "as_kind", "as_level", "as_moment", "as_text", "columns_for", "parse_field_map"]

FIELDS = ("code", "name", "level", "kind", "parent", "name_en", "valid_from", "valid_to")
# In order of preference; XZQDM and XZQMC are the columns of the national land surveys, adcode that of AMap.
_KNOWN: Mapping[str, Sequence[str]] = {
    "code": (
        "code", "编码", "代码", "网格编码", "网格代码", "区划代码", "行政区划代码", "行政区代码", "xzqdm", "adcode", "area_code",
        "grid_code",
    ),
    "name": ("name", "名称", "网格名称", "区划名称", "行政区名称", "xzqmc", "area_name", "grid_name", "mc"),
    "level": ("level", "级别", "层级", "区划级别", "行政级别"),
    "kind": ("kind", "类型", "网格类型", "类别", "grid_kind"),
    "parent": ("parent", "上级编码", "上级代码", "上级", "父级编码", "所属编码", "parent_code"),
    "name_en": ("name_en", "英文名", "英文名称"),
    "valid_from": ("valid_from", "生效日期", "启用日期", "开始日期"),
    "valid_to": ("valid_to", "失效日期", "停用日期", "作废日期", "结束日期"),
}  # fmt: skip
_LEVELS = {
    "市": "city", "地级市": "city", "区": "district", "县": "district", "区县": "district", "区（县）": "district",
    "街道": "township", "镇": "township", "乡": "township", "乡镇": "township", "街道乡镇": "township", "乡镇街道": "township",
    "street": "township", "town": "township", "社区": "community", "村": "community", "居委会": "community", "村居": "community",
    "社区村": "community", "village": "community", "网格": "grid",
}  # fmt: skip
_KINDS = {
    "单元网格": "unit", "万米单元网格": "unit", "责任网格": "duty", "管理网格": "manage", "评价网格": "eval",
    "专属网格": "special", "专属": "special", "拓展网格": "extension", "扩展网格": "extension",
}  # fmt: skip
_DAY = re.compile(r"([0-9]{4})[-/年.]?([0-9]{1,2})[-/月.]?([0-9]{1,2})日?\Z")


def parse_field_map(text: str) -> dict[str, str]:
    """Return which property holds which part from `code:BM,name:MC`. Raises `BadBoundaryFile` for a part that is not known.

    >>> parse_field_map("code:BM, name:MC")
    {'code': 'BM', 'name': 'MC'}
    """
    found: dict[str, str] = {}
    for pair in filter(None, (piece.strip() for piece in text.split(","))):
        field, _, name = pair.partition(":")
        if field not in FIELDS or not name:
            words = f"`{pair[:60]}` is not understood; allowed: PART:PROPERTY with PART of {', '.join(FIELDS)}"
            raise broken("boundary_fields", words, field="field_map")
        found[field] = name
    return found


def columns_for(there: Iterable[str], asked: Mapping[str, str]) -> dict[str, str]:
    """Return the property of each part: as asked, else the first known name that is there, whatever its case.

    Raises `BadBoundaryFile` when one that was asked for is not there, or when none holds the code or the name.
    """
    names = list(dict.fromkeys(there))
    by_case = {name.strip().casefold(): name for name in reversed(names)}
    found: dict[str, str] = {}
    for field in FIELDS:
        wanted = asked.get(field)
        if wanted is not None and wanted not in names:
            raise _missing(f"no feature has the property `{wanted}`", names)
        name = wanted or next((by_case[known] for known in _KNOWN[field] if known in by_case), None)
        if name is not None:
            found[field] = name
    for field in ("code", "name"):
        if field not in found:
            raise _missing(f"no property is known to hold the {field}; name it by field_map ({field}:PROPERTY)", names)
    return found


def _missing(words: str, names: Sequence[str]) -> Exception:
    shown = ", ".join(name[:40] for name in names[:40])
    return broken("boundary_fields", f"{words}; the file has: {shown}", field="field_map", names=shown)


def as_text(value: Any) -> str:
    """Return a property as text, without what is around it; empty for none."""
    return "" if value is None or isinstance(value, (dict, list)) else str(value).strip(" \t\r\n\0\u3000")


def as_code(value: Any) -> str:
    """Return a code: a number without its fraction (tables keep codes as numbers), of an object its adcode.

    >>> as_code(520102001.0), as_code(" 520102 "), as_code({"adcode": 440300}), as_code(True)
    ('520102001', '520102', '440300', '')
    """
    if isinstance(value, dict):
        return as_code(value.get("adcode"))
    if isinstance(value, bool):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return as_text(value)


def as_level(value: Any) -> str:
    """Return a level of `dispatch.model.LEVELS` for what a file calls it; else the text as it is."""
    text = as_text(value)
    return _LEVELS.get(text.removesuffix("级"), text.casefold()) if text else ""


def as_kind(value: Any) -> str:
    """Return a kind of grid for what a file calls it; else the text as it is."""
    text = as_text(value)
    return _KINDS.get(text, text)


def as_moment(value: Any, zone: tzinfo) -> datetime | None:
    """Return the moment (UTC) when a day like 2026-11-21, 2026/11/21, 20261121 or 2026年11月21日 begins in `zone`, or a time.

    None for no value; ValueError for another text. `date` objects of a table are days; a time without a zone is one of `zone`.

    >>> from zoneinfo import ZoneInfo
    >>> as_moment("20261121", ZoneInfo("Asia/Shanghai")).isoformat(), as_moment("", UTC)
    ('2026-11-20T16:00:00+00:00', None)
    """
    text = as_text(value)
    if not text:
        return None
    if day := _DAY.match(text):
        return datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=zone).astimezone(UTC)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
