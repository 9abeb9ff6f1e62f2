"""The catalogue of categories (大类, 小类) as one immutable snapshot (domain.md §4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from dispatch.model import Category

__all__ = ["Catalogue", "Major"]


class Major(msgspec.Struct, frozen=True):
    """A 大类: its code, its name and the categories in use below it, by code."""

    code: str
    name: str
    categories: tuple[Category, ...] = ()


class Catalogue:
    """All categories by code. Disabled ones are still found by `get` (old cases name them), but no longer listed.

    >>> catalogue = Catalogue([Category(code="0201", name="井盖缺失/破损", major="02", major_name="公用设施")])
    >>> catalogue.get("0201").name, catalogue.get("9999"), [major.name for major in catalogue.majors]
    ('井盖缺失/破损', None, ['公用设施'])
    """

    def __init__(self, categories: Iterable[Category] = (), *, version: str = "") -> None:
        ordered = sorted(categories, key=lambda category: category.code)
        self.version = version
        self._by_code = {category.code: category for category in ordered}
        self._active = tuple(category for category in ordered if category.disabled_at is None)
        grouped: dict[str, list[Category]] = {}
        for category in self._active:
            grouped.setdefault(category.major, []).append(category)
        self.majors = tuple(
            Major(code, next((one.major_name for one in members if one.major_name), code), tuple(members))
            for code, members in grouped.items()
        )

    def get(self, code: str) -> Category | None:
        """Return the category with this code, disabled or not, or None."""
        return self._by_code.get(code)

    def all(self) -> tuple[Category, ...]:
        """Return the categories in use, by code."""
        return self._active

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the categories in use."""
        return frozenset(category.code for category in self._active)

    @property
    def majors_by_category(self) -> Mapping[str, str]:
        """The major of each category, for whoever compares neighbours."""
        return MappingProxyType({category.code: category.major for category in self._by_code.values()})

    def __len__(self) -> int:
        """Return how many categories are in use."""
        return len(self._active)
