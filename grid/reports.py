"""What a field report must have before it can be filed without a person looking at it (design: who files)."""

from __future__ import annotations

from dispatch.model import Category, Place
from dispatch.reports import NewReport

__all__ = ["lacking", "needs_photo"]


def needs_photo(category: Category) -> bool:
    """Tell whether a grid worker must show it: what somebody will check on the spot must be seen before, too.

    >>> needs_photo(Category(code="0201", name="井盖缺失", check="site")), needs_photo(Category(code="2001", name="政策咨询"))
    (True, False)
    """
    return category.check not in ("none", "") or "K" in category.flags


def lacking(report: NewReport, category: Category | None, place: Place) -> tuple[str, ...]:
    """Return the names of the fields that are still missing for filing: `category`, `location` (a grid), `photos`.

    >>> lacking(NewReport(description="井盖缺失"), None, Place())
    ('category', 'location')
    """
    found = []
    if category is None:
        found.append("category")
    if place.area("grid") is None:
        found.append("location")
    if category is not None and needs_photo(category) and not report.photos:
        found.append("photos")
    return tuple(found)
