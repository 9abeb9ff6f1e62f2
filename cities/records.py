"""What the columns of recorded requests mean: how a row becomes a ticket, and what really happened to it.

A file is recognised by its columns: those of New York's 311 (`complaint_type`, `agency`) or of Pingshan's events (`SUB_TYPE_ID`,
`DISPOSE_UNIT_NAME`). What the service calls things (categories by `external_code`, units, areas) is asked from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import msgspec

from cities.nyc import convert as nyc
from cities.pingshan import convert as pingshan

__all__ = ["Known", "Records", "Truth", "UnknownRecords", "records_for"]

APPEALS = {"投诉": "complaint", "咨询": "consult", "建议": "suggestion", "求决": "help", "感谢": "praise"}
CHANNELS = {"12345": "phone", "12319": "phone", "固话投诉": "phone", "政府信箱": "mail"}


class UnknownRecords(Exception):
    """Raised where the columns of a file are not those of any known records, or the service holds another city."""


class Known(msgspec.Struct, frozen=True):
    """What the service holds: its city's code, categories by external code, units and areas by name."""

    city: str
    categories: Mapping[str, str]
    units: Mapping[str, str]
    areas: Mapping[str, str]


class Truth(msgspec.Struct, frozen=True):
    """What was recorded: the code of the unit that handled the request, and of the grid; None where the record does not say."""

    unit: str | None
    grid: str | None = None


class Records(Protocol):
    """How rows of one kind are read."""

    city: str

    def key(self, row: Mapping[str, str]) -> str:
        """Return what the record calls the request."""

    def ticket(self, row: Mapping[str, str], known: Known) -> dict[str, Any]:
        """Return the body of the ticket."""

    def truth(self, row: Mapping[str, str], known: Known) -> Truth:
        """Return what was recorded."""


def records_for(columns: Collection[str]) -> Records:
    """Return the reader for a file with these columns; raises `UnknownRecords`."""
    if {"complaint_type", "agency", "latitude", "longitude"} <= set(columns):
        return NewYork()
    if {"SUB_TYPE_ID", "DISPOSE_UNIT_NAME", "COMMUNITY_NAME"} <= set(columns):
        return Pingshan()
    raise UnknownRecords(f"the columns {', '.join(columns)} are not those of any known records")


class NewYork:
    """New York's 311: a point in WGS-84, an agency, in some files a community board."""

    city = nyc.CITY

    def key(self, row: Mapping[str, str]) -> str:
        """Return the number of the request."""
        return row["unique_key"]

    def ticket(self, row: Mapping[str, str], known: Known) -> dict[str, Any]:
        """Return the ticket at its point; without a point at its borough."""
        text = ": ".join(part for part in (row["complaint_type"], row["descriptor"]) if part)
        full = known.categories.get(nyc.type_key(row["complaint_type"], row["descriptor"]))
        body: dict[str, Any] = {
            "description": text.ljust(5, "."),
            "category": full or known.categories.get(nyc.type_key(row["complaint_type"])),
            "channel": "open311",
        }
        if row["latitude"] and row["longitude"]:
            return body | {"location": {"lon": float(row["longitude"]), "lat": float(row["latitude"]), "crs": "WGS-84"}}
        return body | {"area_code": known.areas.get(row["borough"].title(), nyc.CITY)}

    def truth(self, row: Mapping[str, str], known: Known) -> Truth:
        """Return the agency and, where it is numbered, the community board: `11 BROOKLYN` is 311."""
        number, _, borough = (row.get("community_board") or "").partition(" ")
        code = next((code for code, name in nyc.BOROUGHS.items() if name.upper() == borough), None)
        grid = f"{code}{int(number):02d}" if code and number.isdigit() and int(number) else None
        return Truth(row["agency"], grid if row["latitude"] else None)


class Pingshan:
    """Pingshan's events: no point and no text, a community, the unit that handled it."""

    city = pingshan.CITY

    def key(self, row: Mapping[str, str]) -> str:
        """Return the number of the event."""
        return row["REC_ID"]

    def ticket(self, row: Mapping[str, str], known: Known) -> dict[str, Any]:
        """Return the ticket of its community; where that is missing of its street, else of the whole city."""
        places = (row["COMMUNITY_NAME"], row["STREET_NAME"])
        return {
            "description": f"{row['EVENT_TYPE_NAME']}/{row['MAIN_TYPE_NAME']}/{row['SUB_TYPE_NAME']}",
            "category": known.categories.get(pingshan.category_key(row)),
            "appeal_type": APPEALS.get(row["EVENT_PROPERTY_NAME"], "none"),
            "channel": CHANNELS.get(row["EVENT_SRC_NAME"], "app"),
            "area_code": next((known.areas[name] for name in places if name in known.areas), pingshan.CITY),
        }

    def truth(self, row: Mapping[str, str], known: Known) -> Truth:
        """Return the unit that handled the event; the community is what was asked with, so it proves nothing."""
        return Truth(known.units.get(row["DISPOSE_UNIT_NAME"], row["DISPOSE_UNIT_NAME"]))
