"""How somebody wants to be reached outside: which kinds of notices by which channel, where, in which language, at what hours.

Addresses are personal data: they are sealed, and read only by their owner and at the moment of sending. Nothing but a code
goes to an address until its owner has shown by that code that they can read it there (`confirming`). Every change is written
down (`channel_changes`: who, when, what, which channel; never an address).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from dispatch.outside.settings import Language
from storage.client import Database
from storage.errors import FieldError, Invalid
from storage.fields import FieldCipher
from storage.indexes import Index

__all__ = ["ANY_KIND", "CHANGES", "CHOICES", "INDEXES", "PERSONAL", "Choice", "Choices", "Way", "Wish"]

CHOICES = "channel_choices"
CHANGES = "channel_changes"
INDEXES: dict[str, list[Index]] = {
    CHOICES: [],
    CHANGES: [Index([("by", 1), ("at", 1)], serves="what somebody did with their channels")],
}
PERSONAL = ("email", "sms", "wecom")
ANY_KIND = "*"

_ADDRESSES = tuple(f"channels.{name}.address" for name in PERSONAL)
_SEPARATORS = re.compile(r"[\s()-]+")
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "email": (re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}"), "an address like name@unit.gov.cn"),
    "sms": (re.compile(r"\+?[0-9]{6,15}"), "6 to 15 digits, with a leading + if you like"),
    "wecom": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"), "a WeCom user id: letters, digits and _ - @ ."),
}


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel of a person: where, for which kinds of notices (`*`: all), and whether the address is shown to be theirs."""

    address: str
    kinds: tuple[str, ...] = (ANY_KIND,)
    confirmed: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person has chosen; without a choice nothing goes outside to them.

    `quiet_hours`: what is not urgent waits for working hours.
    """

    language: Language = "zh-CN"
    quiet_hours: bool = True
    email: Way | None = None
    sms: Way | None = None
    wecom: Way | None = None

    @property
    def ways(self) -> dict[str, Way]:
        """The chosen channels by name."""
        named = {name: getattr(self, name) for name in PERSONAL}
        return {name: way for name, way in named.items() if way is not None}


class Wish(msgspec.Struct, frozen=True):
    """A choice without its addresses: what planning needs."""

    quiet_hours: bool
    kinds: Mapping[str, Collection[str]]  # by channel

    def channels(self, kind: str) -> Iterator[str]:
        """Give the channels by which this kind is wanted."""
        for channel, kinds in self.kinds.items():
            if ANY_KIND in kinds or kind in kinds:
                yield channel


class Choices:
    """The collection `channel_choices`: one document for each user name."""

    def __init__(self, database: Database, cipher: FieldCipher, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    async def of(self, username: str) -> Choice:
        """Return somebody's choice; an empty one when nothing was ever chosen."""
        found = await self._database.find_one(CHOICES, {"_id": username})
        if found is None:
            return Choice()
        ways = {
            channel: Way(
                address=self._opened(username, channel, stored),
                kinds=tuple(stored["kinds"]),
                confirmed=stored.get("confirmed", False),
            )
            for channel, stored in found["channels"].items()
        }
        return Choice(language=found["language"], quiet_hours=found["quiet_hours"], **ways)

    async def put(self, username: str, choice: Choice, *, kinds: Collection[str]) -> Choice:
        """Put a choice in place of the one before and return it as it is kept. Raises `Invalid` for an address that is none and
        for a kind that is not among `kinds`."""
        plain = _normal(choice)
        if errors := list(_problems(plain, kinds)):
            raise Invalid(errors=errors)
        found = await self._database.find_one(CHOICES, {"_id": username})
        before = found["channels"] if found else {}
        channels = {channel: self._stored(username, channel, way, before.get(channel)) for channel, way in plain.ways.items()}
        document = {
            "_id": username, "language": plain.language, "quiet_hours": plain.quiet_hours, "channels": channels,
            "updated_at": self._clock(),
        }  # fmt: skip
        await self.write_down(username, "chosen", *channels)
        await self._database.replace_one(CHOICES, {"_id": username}, document, upsert=True)
        return await self.of(username)

    async def confirm(self, username: str, channel: str, address: str) -> bool:
        """Note that the address is theirs; False when it is no longer the one that they have chosen."""
        found = await self._database.find_one(CHOICES, {"_id": username})
        stored = found["channels"].get(channel) if found else None
        if stored is None or self._opened(username, channel, stored) != address:
            return False
        await self.write_down(username, "confirmed", channel)
        same = {"_id": username, f"channels.{channel}.address": stored["address"]}
        return bool(await self._database.update_one(CHOICES, same, {"$set": {f"channels.{channel}.confirmed": True}}))

    async def write_down(self, username: str, what: str, *channels: str) -> None:
        """Put on record what somebody did with their channels, before it is done."""
        change = {"_id": secrets.token_hex(12), "at": self._clock(), "by": username, "what": what, "channels": list(channels)}
        await self._database.insert_one(CHANGES, change)

    async def wishes(self) -> dict[str, Wish]:
        """Return what everybody wants who wants anything, by user name."""
        found = await self._database.find(CHOICES, {}, projection=dict.fromkeys(_ADDRESSES, 0))
        return {document["_id"]: _wish(document) for document in found if document["channels"]}

    def _stored(self, username: str, channel: str, way: Way, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """An address that stays keeps its confirmation; a new one has none."""
        if before is not None and self._opened(username, channel, before) == way.address:
            return {**before, "kinds": list(way.kinds)}
        sealed = self._cipher.seal(way.address, document_id=username, field=f"channels.{channel}")
        return {"address": sealed, "kinds": list(way.kinds), "confirmed": False}

    def _opened(self, username: str, channel: str, stored: Mapping[str, Any]) -> str:
        return self._cipher.open(stored["address"], document_id=username, field=f"channels.{channel}")


def _wish(document: Mapping[str, Any]) -> Wish:
    kinds = {channel: frozenset(stored["kinds"]) for channel, stored in document["channels"].items() if stored.get("confirmed")}
    return Wish(document["quiet_hours"], kinds)


def _normal(choice: Choice) -> Choice:
    """Return the choice with its addresses in the one form in which they are used."""
    ways = {name: msgspec.structs.replace(way, address=way.address.strip()) for name, way in choice.ways.items()}
    if "sms" in ways:
        ways["sms"] = msgspec.structs.replace(ways["sms"], address=_SEPARATORS.sub("", ways["sms"].address))
    return msgspec.structs.replace(choice, **ways)


def _problems(choice: Choice, kinds: Collection[str]) -> Iterator[FieldError]:
    for name, way in choice.ways.items():
        form, allowed = _FORMS[name]
        if form.fullmatch(way.address) is None:
            yield FieldError(f"{name}.address", "address", allowed)
        for position, kind in enumerate(way.kinds):
            if kind != ANY_KIND and kind not in kinds:
                yield FieldError(f"{name}.kinds[{position}]", "choice", f"one of {', '.join((ANY_KIND, *sorted(kinds)))}")
