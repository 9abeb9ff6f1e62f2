"""Asking without changing anything: where is this, who is responsible, what does the text say, what is open nearby."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from dispatch.learning.ordering import question_about
from dispatch.model import Place
from grid.areas import NameHit
from grid.geocoders import Trouble
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items, LocateAnswer, MatchAnswer, locate_answer, match_answer

__all__ = ["Address", "DuplicatesHandler", "Locate", "LocateMany", "MatchHandler", "SignalsHandler"]

Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]


class PointQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A point in degrees with the name of its coordinate system."""

    lon: Longitude
    lat: Latitude
    crs: str


class MatchQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A point with its coordinate system, or the code of an area alone; a category; the time to ask for (now when not given)."""

    lon: Longitude | None = None
    lat: Latitude | None = None
    crs: str | None = None
    area_code: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    category: str
    at: datetime | None = None


class AddressQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The words of an address; with `outside` they are also sent to the outside services that are configured."""

    q: Annotated[str, msgspec.Meta(max_length=200)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=20)] = 8
    outside: bool = False


class AddressAnswer(msgspec.Struct):
    """Places, best first, those of outside services last; `outside` names the services that gave no answer, and why."""

    items: list[NameHit]
    next: str | None = None
    outside: list[Trouble] = []


class Text(Body, frozen=True, kw_only=True):
    """What somebody said."""

    text: Annotated[str, msgspec.Meta(max_length=5000)]


class Proposed(msgspec.Struct):
    """A category that the words speak for."""

    code: str
    name: str
    score: float
    words: list[str]


class SignalsAnswer(msgspec.Struct):
    """Categories, best first, and the words that make it an emergency."""

    categories: list[Proposed]
    emergency: list[str]


class ManyPoints(Body, frozen=True, kw_only=True):
    """Up to 10,000 points as [lon, lat] in one coordinate system."""

    crs: str
    points: Annotated[list[tuple[Longitude, Latitude]], msgspec.Meta(max_length=10_000)]


class ManyGrids(msgspec.Struct):
    """The code of the grid that holds each point, in their order (null: in no grid), and the territory that answered."""

    grids: list[str | None]
    version: str


class LocateMany(ApiHandler):
    """POST /api/v1/locate:batch."""

    @operation("In which grid each of many points lies", permission="match.ask", body=ManyPoints, result=ManyGrids)
    async def post(self, body: ManyPoints) -> None:
        """Answer from the territory in memory; nothing is stored."""
        lons, lats = zip(*body.points, strict=True) if body.points else ((), ())
        territory = self.services.territory
        self.answer(ManyGrids(territory.find_grids(lons, lats, body.crs), territory.version))


class Locate(ApiHandler):
    """GET /api/v1/locate."""

    @operation("Where a point is", permission="match.ask", query=PointQuery, result=LocateAnswer)
    async def get(self, query: PointQuery) -> None:
        """Answer from the territory in memory."""
        self.answer(locate_answer(self.services.territory.locate(query.lon, query.lat, query.crs)))


class MatchHandler(ApiHandler):
    """GET /api/v1/match."""

    @operation("Who is responsible for a category at a point, and who can help, with reasons", permission="match.ask",
               query=MatchQuery, result=MatchAnswer)  # fmt: skip
    async def get(self, query: MatchQuery) -> None:
        """Answer from territory and directory in memory."""
        category = self.services.core.catalogue.get(query.category)
        if category is None:
            raise field_error("category", "unknown_category")
        place = self.place_of(query)
        at = query.at or datetime.now(UTC)
        match = self.services.parties.match(place, query.category, at.astimezone(UTC))
        if (learned := self.services.core.rules.learned) is not None:
            match = learned.ordered(match, question_about(category, place.area_path), place, self.services.parties)
        self.answer(match_answer(match, place))

    def place_of(self, query: MatchQuery) -> Place:
        """Return the place asked for. Raises `Invalid` where neither a whole point nor an area is given, or both are."""
        lon, lat, crs = query.lon, query.lat, query.crs
        if query.area_code is not None:
            if (lon, lat, crs) != (None, None, None):
                raise field_error("area_code", "contradiction")
            return self.services.territory.locate_area(query.area_code)
        if lon is None or lat is None or crs is None:
            raise field_error("lon" if lon is None else "lat" if lat is None else "crs", "required")
        return self.services.territory.locate(lon, lat, crs)


class Address(ApiHandler):
    """GET /api/v1/address."""

    @operation("Places that an address may mean", permission="match.ask", query=AddressQuery, result=AddressAnswer)
    async def get(self, query: AddressQuery) -> None:
        """Search names of areas and of the gazetteer, and outside if that is wished."""
        found = await self.services.addresses.search(query.q, query.limit, outside=query.outside)
        self.answer(AddressAnswer(found.hits, outside=found.troubles))


class SignalsHandler(ApiHandler):
    """POST /api/v1/signals."""

    @operation(
        "Which category a text speaks for, and whether it is urgent", permission="directory.read", body=Text, result=SignalsAnswer
    )
    async def post(self, body: Text) -> None:
        """Read the keywords of a text; nothing is stored."""
        proposals = self.services.core.signals.propose_category(body.text)
        names = self.services.core.catalogue
        categories = [
            Proposed(one.code, category.name, one.score, list(one.words))
            for one in proposals
            if (category := names.get(one.code))
        ]
        self.answer(SignalsAnswer(categories, list(self.services.core.signals.emergency_words(body.text))))


class DuplicatesQuery(PointQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point and a category."""

    category: str


class DuplicatesHandler(ApiHandler):
    """GET /api/v1/duplicates."""

    @operation("Open cases of the same category nearby that the asker may see", permission="match.ask",
               query=DuplicatesQuery, result=Items[dict[str, Any]])  # fmt: skip
    async def get(self, query: DuplicatesQuery) -> None:
        """Answer from the open cases in memory."""
        found = await self.services.cases.duplicates(
            actor=self.actor, lon=query.lon, lat=query.lat, crs=query.crs, category=query.category
        )
        self.answer(Items(found))
