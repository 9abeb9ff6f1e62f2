"""Outside geocoders against a server that speaks their protocols: places, nothing, quotas, silence, nonsense, pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from dispatch.outside.networks import parse_networks
from dispatch.outside.posting import Poster
from dispatch.outside.settings import GeocoderSettings, load
from grid.coordinates import from_wgs84
from grid.geocoders import Geocoders, Trouble
from storage.errors import Invalid
from tests.outside.servers import Asked, Reply, Site, always, http_server, never

LON, LAT = 106.63, 26.647  # WGS-84
AMAP_PLACE = {
    "formatted_address": "贵州省贵阳市观山湖区金阳南路8号", "level": "门牌号",
    "location": ",".join(f"{part:.6f}" for part in from_wgs84(LON, LAT, "GCJ-02")),
}  # fmt: skip
AMAP = {"status": "1", "info": "OK", "infocode": "10000", "count": "1", "geocodes": [AMAP_PLACE]}
TIANDITU = {
    "msg": "ok", "status": "0", "searchVersion": "6.4.9V",
    "location": {"score": 100, "level": "门址", "lon": str(LON), "lat": str(LAT), "keyWord": "金阳南路8号"},
}  # fmt: skip


class Hands:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def closing_posters() -> AsyncIterator[list[Poster]]:
    opened: list[Poster] = []
    yield opened
    for poster in opened:
        await poster.close()


def geocoders(posters: list[Poster], *settings: GeocoderSettings, clock: Hands | None = None) -> Geocoders:
    def opened() -> Poster:
        posters.append(Poster(parse_networks(["127.0.0.0/8"]), timeout_seconds=0.3))
        return posters[-1]

    return Geocoders(settings, opened, clock or Hands())


def amap(site: Site) -> GeocoderSettings:
    return GeocoderSettings(name="amap", key="secret", city="贵阳", api=site.url)


def tianditu(site: Site) -> GeocoderSettings:
    return GeocoderSettings(name="tianditu", key="secret", api=site.url)


async def test_amap_when_it_knows_the_address_then_a_place_in_wgs84(closing_posters: list[Poster]) -> None:
    async with http_server(always(200, AMAP)) as site:
        places, troubles = await geocoders(closing_posters, amap(site)).ask("金阳南路8号")
    assert troubles == []
    (place,) = places
    assert (place.source, place.kind, place.name) == ("amap", "door", "贵州省贵阳市观山湖区金阳南路8号")
    assert (place.lon, place.lat) == (pytest.approx(LON, abs=2e-6), pytest.approx(LAT, abs=2e-6))
    assert 0 < place.confidence < 0.9 and place.radius_m > 0
    (asked,) = site.asked
    assert asked.path == "/v3/geocode/geo"
    assert asked.query == {"address": "金阳南路8号", "key": "secret", "city": "贵阳", "output": "JSON"}


async def test_tianditu_when_it_knows_the_address_then_a_place(closing_posters: list[Poster]) -> None:
    async with http_server(always(200, TIANDITU)) as site:
        places, troubles = await geocoders(closing_posters, tianditu(site)).ask("金阳南路8号")
    assert troubles == [] and [(one.source, one.lon, one.lat, one.kind) for one in places] == [("tianditu", LON, LAT, "door")]
    (asked,) = site.asked
    assert asked.path == "/geocoder" and asked.query == {"ds": '{"keyWord":"金阳南路8号"}', "tk": "secret"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("amap", {"status": "1", "infocode": "10000", "count": "0", "geocodes": []}),
        ("amap", {"status": "0", "info": "ENGINE_RESPONSE_DATA_ERROR", "infocode": "30001"}),
        ("amap", AMAP | {"geocodes": [{"location": "x,y"}, "nonsense", {"location": []}, {"location": "nan,26"}, {}]}),
        ("tianditu", {"msg": "未找到结果", "status": "101"}),
        ("tianditu", {"msg": "ok", "status": "0", "location": {"lon": "", "lat": None}}),
    ],
)
async def test_ask_when_nothing_is_known_then_nothing_and_no_trouble(
    closing_posters: list[Poster], kind: str, body: dict[str, Any]
) -> None:
    async with http_server(always(200, body)) as site:
        settings = amap(site) if kind == "amap" else tianditu(site)
        assert await geocoders(closing_posters, settings).ask("没有的地方") == ([], [])


@pytest.mark.parametrize(
    ("kind", "reply", "reason"),
    [
        ("amap", always(200, {"status": "0", "info": "DAILY_QUERY_OVER_LIMIT", "infocode": "10003"}), "amap_10003"),
        ("amap", always(200, {"status": "0", "info": "INVALID_USER_KEY", "infocode": "10001"}), "amap_10001"),
        ("amap", always(503), "http_503"),
        ("amap", always(403), "http_403"),
        ("amap", always(200, ["no object"]), "not_json"),
        ("amap", never, "timeout"),
        ("tianditu", always(200, {"status": "404", "msg": "error"}), "tianditu_404"),
        ("tianditu", always(200, {"code": 1, "msg": "非法Key", "resolve": "x"}), "tianditu_1"),
        ("tianditu", always(302, Location="http://10.0.0.1/"), "http_302"),
    ],
)
async def test_ask_when_it_fails_then_the_reason_and_never_an_error(
    closing_posters: list[Poster], kind: str, reply: Reply, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_server(reply) as site:
        settings = amap(site) if kind == "amap" else tianditu(site)
        assert await geocoders(closing_posters, settings).ask("某人家的地址") == ([], [Trouble(kind, reason)])
    assert "secret" not in caplog.text and "某人家" not in caplog.text


async def test_ask_when_one_of_two_fails_then_the_other_answers(closing_posters: list[Poster]) -> None:
    async with http_server(always(500)) as broken, http_server(always(200, TIANDITU)) as site:
        places, troubles = await geocoders(closing_posters, amap(broken), tianditu(site)).ask("金阳南路8号")
    assert ([one.source for one in places], troubles) == (["tianditu"], [Trouble("amap", "http_500")])


async def test_ask_when_it_failed_three_times_then_paused_and_asked_again_later(closing_posters: list[Poster]) -> None:
    clock, answers = Hands(), [500, 500, 500, 200]

    async def reply(asked: Asked) -> web.Response:
        return web.json_response(AMAP, status=answers.pop(0))

    async with http_server(reply) as site:
        service = geocoders(closing_posters, amap(site), clock=clock)
        reasons = [(await service.ask("甲"))[1][0].reason for _ in range(5)]
        assert reasons == ["http_500", "http_500", "http_500", "paused", "paused"] and len(site.asked) == 3
        clock.now += 61
        places, troubles = await service.ask("甲")
    assert len(places) == 1 and troubles == []


async def test_ask_when_the_quota_is_spent_then_an_hour_of_peace(closing_posters: list[Poster]) -> None:
    clock = Hands()
    async with http_server(always(200, {"status": "0", "infocode": "10044"})) as site:
        service = geocoders(closing_posters, amap(site), clock=clock)
        assert (await service.ask("甲"))[1] == [Trouble("amap", "amap_10044")]
        clock.now += 3000
        assert (await service.ask("甲"))[1] == [Trouble("amap", "paused")]
        clock.now += 700
        assert (await service.ask("甲"))[1] == [Trouble("amap", "amap_10044")]
    assert len(site.asked) == 2


async def test_ask_when_the_address_is_private_and_not_allowed_then_refused() -> None:
    poster = Poster((), timeout_seconds=0.3)
    settings = GeocoderSettings(name="amap", key="k", api="http://127.0.0.1:9")
    assert await Geocoders([settings], lambda: poster).ask("甲") == ([], [Trouble("amap", "private_address")])
    await poster.close()


async def test_ask_when_nothing_is_configured_then_no_client_is_opened() -> None:
    def opened() -> Poster:
        raise AssertionError("nobody is to be asked")

    service = Geocoders((), opened)
    assert not service.is_on and await service.ask("甲") == ([], [])


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[[geocoders]]\nname = "baidu"\nkey = "k"', "geocoders[0].name"),
        ('[[geocoders]]\nname = "amap"', "geocoders[0]"),
        ('[[geocoders]]\nname = "amap"\nkey = "k"\napi = "http://example.com"', "geocoders.amap.api"),
        ('[[geocoders]]\nname = "amap"\nkey = "k"\n[[geocoders]]\nname = "amap"\nkey = "k"', "geocoders.name"),
    ],
)
def test_load_when_a_geocoder_is_wrong_then_the_start_stops_with_its_name(tmp_path: Any, text: str, field: str) -> None:
    path = tmp_path / "channels.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Invalid) as refused:
        load(path)
    assert [error.field for error in refused.value.errors] == [field], refused.value
    path.write_text('[[geocoders]]\nname = "tianditu"\nkey = "k"\ncity = "贵阳市"')
    assert load(path).geocoders[0].city == "贵阳市" and not load(path).is_on
