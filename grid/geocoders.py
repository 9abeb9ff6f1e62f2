"""Outside geocoders: 天地图 (tianditu) and 高德 (amap). Off unless configured, asked only when somebody wishes, never believed as
certain and never stored.

What is sent is the address as typed, so it leaves the house. One slow or failing service holds nobody up: a limit of time for
all, and after some failures in a row a pause in which it is not asked. Keys stand in no log and in no error.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

import msgspec

from dispatch.outside.messages import SendFailed, SendRefused, reason_of
from dispatch.outside.settings import GeocoderSettings
from grid.coordinates import to_wgs84

__all__ = ["AMAP", "TIANDITU", "Asker", "Geocoders", "OutsidePlace", "Trouble"]

log = logging.getLogger(__name__)

AMAP, TIANDITU = "https://restapi.amap.com", "https://api.tianditu.gov.cn"
PATIENCE_SECONDS = 4.0
_FAILURES, _PAUSE_SECONDS, _QUOTA_PAUSE_SECONDS = 3, 60.0, 3600.0
_MOST = 5  # places of one answer
# What the services call the sort of place → our kind, confidence, radius in metres. Our estimates, not measured: no data may be
# kept to measure them by.
_LEVELS = {
    "门牌号": ("door", 0.8, 100.0), "门址": ("door", 0.8, 100.0), "单元号": ("building", 0.85, 60.0),
    "兴趣点": ("landmark", 0.7, 200.0), "poi": ("landmark", 0.7, 200.0), "道路交叉路口": ("crossing", 0.75, 100.0),
    "公交站台": ("landmark", 0.7, 150.0), "地铁站": ("landmark", 0.7, 250.0), "村庄": ("community", 0.4, 1000.0),
    "热点商圈": ("landmark", 0.4, 800.0), "道路": ("road", 0.25, 2000.0),
}  # fmt: skip
_VAGUE = ("", 0.1, 5000.0)
_QUOTA = frozenset({"amap_10003", "amap_10004", "amap_10014", "amap_10019", "amap_10020", "amap_10021", "amap_10044", "http_418"})
_AMAP_NOTHING = "30001"  # the engine has no answer: an address that it does not know


class Asker(Protocol):
    """The client towards the outside (`dispatch.outside.posting.Poster`)."""

    async def get(self, url: str, query: Mapping[str, str]) -> Any:
        """Ask and return an answer with `check()` and `values()`. Raises `SendFailed` when there is none."""


class OutsidePlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place as an outside service says it, in WGS-84."""

    source: str
    name: str
    kind: str
    lon: float
    lat: float
    confidence: float
    radius_m: float


class Trouble(msgspec.Struct, frozen=True):
    """A service that gave no answer, and why: `timeout`, `unreachable`, its own code (`amap_10003`: quota), `paused`…"""

    source: str
    reason: str


class _Service:
    """One configured service with the memory of its failures."""

    def __init__(self, settings: GeocoderSettings, asker: Asker, clock: Callable[[], float]) -> None:
        self.name = settings.name
        self._settings = settings
        self._asker = asker
        self._clock = clock
        self._failures, self._until = 0, 0.0

    async def ask(self, address: str) -> list[OutsidePlace]:
        """Return the places, best first. Raises `SendFailed`."""
        if self._clock() < self._until:
            raise SendFailed("paused")
        try:
            places = await (self._amap(address) if self.name == "amap" else self._tianditu(address))
        except (SendFailed, SendRefused) as error:
            self._note(error.detail or error.code)
            raise SendFailed(error.detail or error.code) from None
        self._failures = 0
        return places[:_MOST]

    def fail(self, reason: str) -> None:
        """Note a failure that was seen from outside: no answer within the time that there is."""
        self._note(reason)

    def _note(self, reason: str) -> None:
        self._failures += 1
        if reason in _QUOTA:
            self._until = self._clock() + _QUOTA_PAUSE_SECONDS
        elif self._failures >= _FAILURES:
            self._until = self._clock() + _PAUSE_SECONDS

    async def _amap(self, address: str) -> list[OutsidePlace]:
        query = {"address": address, "key": self._settings.key, "output": "JSON"}
        if self._settings.city:
            query["city"] = self._settings.city
        answer = await self._asker.get(f"{self._settings.api or AMAP}/v3/geocode/geo", query)
        answer.check()
        said = answer.values()
        if said.get("status") != "1":
            code = str(said.get("infocode", "unknown"))
            if code == _AMAP_NOTHING:
                return []
            raise SendFailed(reason_of("amap", code))
        found = said.get("geocodes")
        return [place for one in (found if isinstance(found, list) else []) if (place := self._amap_place(one))]

    def _amap_place(self, one: Any) -> OutsidePlace | None:
        if not isinstance(one, dict):
            return None
        lon, _, lat = str(one.get("location", "")).partition(",")
        return self._place(str(one.get("formatted_address", "")), str(one.get("level", "")), lon, lat, "GCJ-02")

    async def _tianditu(self, address: str) -> list[OutsidePlace]:
        wanted = msgspec.json.encode({"keyWord": f"{self._settings.city}{address}"}).decode()
        answer = await self._asker.get(f"{self._settings.api or TIANDITU}/geocoder", {"ds": wanted, "tk": self._settings.key})
        answer.check()
        said = answer.values()
        status = str(said.get("status", said.get("code", "unknown")))
        if status == "101":  # nothing found
            return []
        location = said.get("location")
        if status != "0" or not isinstance(location, dict):
            raise SendFailed(reason_of("tianditu", status))
        name, level = str(location.get("keyWord", address)), str(location.get("level", "")).casefold()
        place = self._place(name, level, location.get("lon"), location.get("lat"), "CGCS2000")
        return [place] if place else []

    def _place(self, name: str, level: str, lon: Any, lat: Any, crs: str) -> OutsidePlace | None:
        try:
            x, y = float(lon), float(lat)
        except (TypeError, ValueError):
            return None
        if not (isfinite(x) and isfinite(y) and abs(x) <= 180 and abs(y) <= 90):
            return None
        x, y = to_wgs84(x, y, crs)
        kind, confidence, radius = _LEVELS.get(level, _VAGUE)
        return OutsidePlace(
            source=self.name, name=name[:120], kind=kind, lon=round(x, 7), lat=round(y, 7), confidence=confidence, radius_m=radius
        )


class Geocoders:
    """All configured services of a process."""

    def __init__(
        self, settings: Sequence[GeocoderSettings], open_asker: Callable[[], Asker], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`open_asker` opens the client; it is called when somebody asks for the first time."""
        self._settings = settings
        self._open = open_asker
        self._clock = clock
        self._services: list[_Service] = []

    @property
    def is_on(self) -> bool:
        """Tell whether any service is configured."""
        return bool(self._settings)

    async def ask(self, address: str) -> tuple[list[OutsidePlace], list[Trouble]]:
        """Return what the services say, the surest first, and which of them gave no answer. Takes four seconds at most; never
        raises for a service that fails."""
        if self.is_on and not self._services:
            asker = self._open()
            self._services = [_Service(one, asker, self._clock) for one in self._settings]
        answers = await asyncio.gather(*(self._answer(service, address) for service in self._services))
        places = [place for found, _ in answers for place in found]
        return sorted(places, key=lambda one: -one.confidence), [trouble for _, trouble in answers if trouble]

    async def _answer(self, service: _Service, address: str) -> tuple[list[OutsidePlace], Trouble | None]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await service.ask(address), None
        except TimeoutError:
            service.fail("timeout")
            reason = "timeout"
        except SendFailed as error:
            reason = error.detail or error.code
        log.info("the geocoder %s gave no answer: %s", service.name, reason)
        return [], Trouble(service.name, reason)
