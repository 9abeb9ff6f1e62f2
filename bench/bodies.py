"""Varied event reports: places, categories, texts and keys never repeat in step, so that no cache flatters a figure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

__all__ = ["event_bodies"]

SUBJECTS = (
    "人行道井盖缺失",
    "垃圾堆放多日无人清运",
    "路灯不亮",
    "占道经营堵住出口",
    "污水外溢到路面",
    "绿化带被占用",
    "车辆乱停堵路",
    "墙体小广告",
)
PLACES = ("小区东门", "学校门口", "公交站旁", "菜市场后面", "桥头", "地铁口", "停车场入口", "医院对面")
DETAILS = ("约50厘米", "影响老人出行", "晚上看不清", "已经三天", "气味很大", "行人绕行", "雨天更严重", "附近有孩子玩耍")


def event_bodies(points: Sequence[tuple[float, float]], categories: Sequence[str], *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (idempotency key, JSON body) without end; the same seed gives the same sequence.

    >>> first = next(event_bodies([(106.6, 26.6)], ["0104"], seed=1))
    >>> first == next(event_bodies([(106.6, 26.6)], ["0104"], seed=1))
    True
    """
    draw = random.Random(seed)
    number = 0
    while True:
        number += 1
        lon, lat = draw.choice(points)
        text = f"{draw.choice(PLACES)}{draw.choice(SUBJECTS)},{draw.choice(DETAILS)},编号{draw.randrange(10**6)}"
        body = {
            "description": text,
            "category": draw.choice(categories),
            "urgency": None,
            "location": {
                "lon": round(lon + draw.uniform(-2e-4, 2e-4), 6),
                "lat": round(lat + draw.uniform(-2e-4, 2e-4), 6),
                "crs": "WGS-84",
                "accuracy_m": draw.randrange(3, 15),
            },
            "address": None,
            "area_code": None,
            "photos": [],
            "occurred_at": None,
        }
        yield f"{seed:x}-{number:x}", msgspec.json.encode(body)
