"""Loading what the pure rules need: catalogue, signals, calendar, joint templates.

Each is built anew when its `versions` document changes.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from dispatch.calendar import CalendarDay, WorkCalendar
from dispatch.categories import Catalogue
from dispatch.city import City, Params
from dispatch.joint import JointTemplate, JointTemplates
from dispatch.model import Category
from dispatch.signals import DangerWords, Keyword, Signals
from storage.client import Database

__all__ = [
    "CALENDAR", "CATEGORIES", "JOINT_TEMPLATES", "KEYWORDS", "VERSIONS", "danger_words", "load_calendar", "load_catalogue",
    "load_days", "load_joint_templates", "load_signals", "load_version", "mark_changed",
]  # fmt: skip

CATEGORIES, KEYWORDS, CALENDAR, VERSIONS = "categories", "keywords", "calendar", "versions"
JOINT_TEMPLATES = "joint_templates"


async def load_catalogue(database: Database) -> Catalogue:
    """Return the catalogue as it is now, disabled categories included."""
    version = await load_version(database, "catalogue")
    return Catalogue([_category(found) for found in await database.find(CATEGORIES, {})], version=version)


async def load_signals(database: Database, params: Params) -> Signals:
    """Return the keywords of the database and the words of danger of the city, compiled."""
    keywords = [Keyword(found["category"], found["word"], found["weight"]) for found in await database.find(KEYWORDS, {})]
    return Signals(keywords, danger_words(params))


async def load_days(database: Database) -> list[CalendarDay]:
    """Return the days that the calendar lists."""
    return [
        CalendarDay(date.fromisoformat(found["_id"]), found["kind"], found["name"], found["source"])
        for found in await database.find(CALENDAR, {})
    ]


async def load_calendar(database: Database, city: City) -> WorkCalendar:
    """Return the working calendar of the city."""
    return WorkCalendar(await load_days(database), city.timezone, city.working_hours)


async def load_joint_templates(database: Database) -> JointTemplates:
    """Return the templates of 一件事 as they are now."""
    found = await database.find(JOINT_TEMPLATES, {})
    return JointTemplates(msgspec.convert({**one, "code": one["_id"]}, JointTemplate) for one in found)


def danger_words(params: Params) -> DangerWords:
    """Return the words of danger as the city sets them."""
    return DangerWords(
        words=params.emergency_words,
        negations=params.emergency_negations,
        questions=params.emergency_questions,
        preventions=params.emergency_preventions,
        recurrences=params.emergency_recurrences,
        topics=params.emergency_topics,
        exceptions=params.emergency_exceptions,
    )


async def load_version(database: Database, kind: str) -> str:
    """Return the version of a snapshot (`catalogue`, `calendar`, `joint_templates`), empty before the first import."""
    found = await database.find_one(VERSIONS, {"_id": kind})
    return str(found["version"]) if found else ""


async def mark_changed(database: Database, kind: str) -> str:
    """Say that the data of a snapshot have changed: every process then builds it anew. Returns the new version."""
    update = {"$inc": {"version": 1}, "$set": {"changed_at": await database.server_time()}}
    found = await database.find_one_and_update(VERSIONS, {"_id": kind}, update, upsert=True)
    return str(found["version"]) if found else ""


def _category(found: dict[str, Any]) -> Category:
    found["code"] = found.pop("_id")
    return msgspec.convert(found, Category)
