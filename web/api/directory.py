"""Reading what the city is made of: areas, categories, the city itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from dispatch.model import AreaRef
from grid.borders import Form
from storage.errors import NotFound
from web.base import ApiHandler, operation
from web.shapes import Items

__all__ = ["Area", "Areas", "Categories", "CityHandler"]

Word = Annotated[str, msgspec.Meta(max_length=100)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]


class AreasQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Areas below `parent`, or those whose name holds `q`."""

    parent: Word | None = None
    q: Word | None = None
    limit: Limit = 200


class AreaItem(msgspec.Struct):
    """An area."""

    code: str
    name: str
    level: str
    name_en: str = ""


class CategoryItem(msgspec.Struct, kw_only=True):
    """A category of the catalogue; `external_code` is what another system or record calls it."""

    code: str
    name: str
    name_en: str
    major: str
    major_name: str
    urgency: str
    limit: str
    flags: list[str]
    self_handle: bool
    check: str
    external_code: str


class CityAnswer(msgspec.Struct, kw_only=True):
    """The city; `bbox` west, south, east, north and `centre` lon, lat in WGS-84 degrees; `base_map` none, xyz or wmts."""

    code: str
    name: str
    name_en: str
    timezone: str
    languages: list[str]
    bbox: tuple[float, float, float, float]
    centre: tuple[float, float]
    base_map: str
    demo: bool
    territory: str


def _shown(item: Any, shape: Any) -> Any:
    return shape(**{name: getattr(item, name) for name in shape.__struct_fields__})


class Areas(ApiHandler):
    """GET /api/v1/areas."""

    @operation("Areas below one, or by name", permission="directory.read", query=AreasQuery, result=Items[AreaItem])
    async def get(self, query: AreasQuery) -> None:
        """Send the areas; without `parent` and `q` the city itself."""
        territory = self.services.territory
        found: Iterable[AreaRef]
        if query.q:
            hits = territory.search_names(query.q, query.limit)
            found = {hit.area_path[-1].code: hit.area_path[-1] for hit in hits if hit.area_path}.values()
        elif query.parent:
            found = territory.children(query.parent)[: query.limit]
        else:
            found = territory.snapshot.roots()
        self.answer(Items([_shown(area, AreaItem) for area in found]))


class AreaQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The instant to ask for, now when not given."""

    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Area(ApiHandler):
    """GET /api/v1/areas/{code}."""

    @operation("One area with the path down to it, now or as it held at an instant", permission="directory.read",
               query=AreaQuery, result=Items[AreaItem])  # fmt: skip
    async def get(self, query: AreaQuery, code: str) -> None:
        """Send the areas from the city down to this one."""
        path: Sequence[AreaRef | Form]
        path = self.services.territory.path(code) if query.at is None else await self.services.borders.path_at(code, query.at)
        if not path:
            raise NotFound
        self.answer(Items([_shown(area, AreaItem) for area in path]))


class Categories(ApiHandler):
    """GET /api/v1/categories."""

    @operation("The catalogue of categories", permission="directory.read", result=Items[CategoryItem])
    async def get(self) -> None:
        """Send all categories."""
        items = [category for category in self.services.core.catalogue.all() if category.disabled_at is None]
        self.answer(Items([_category(category) for category in items]))


def _category(category: Any) -> CategoryItem:
    names = [name for name in CategoryItem.__struct_fields__ if name != "flags"]
    return CategoryItem(flags=sorted(category.flags), **{name: getattr(category, name) for name in names})


class CityHandler(ApiHandler):
    """GET /api/v1/city."""

    @operation("The city", permission=None, result=CityAnswer)
    async def get(self) -> None:
        """Send name, frame and base map."""
        city, territory = self.services.city, self.services.territory
        west, south, east, north = territory.bounds()
        self.answer(
            CityAnswer(
                code=city.code,
                name=city.name,
                name_en=city.name_en,
                timezone=city.timezone,
                languages=list(city.languages),
                bbox=(west, south, east, north),
                centre=((west + east) / 2, (south + north) / 2),
                base_map=city.base_map,
                demo=self.services.demo,
                territory=str(territory.version),
            )
        )
