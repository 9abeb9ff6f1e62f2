"""Shared parts: stored and sent like any dict, and never changed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import bson
import msgspec
import pytest

from storage.client import Database
from storage.shared import Shared

CONTENT: dict[str, Any] = {"code": "520103", "name": "云岩区", "parts": {"area": 0.86}, "list": [1, None]}


def test_shared_when_encoded_has_the_bytes_of_its_dict() -> None:
    shared = Shared(CONTENT)
    assert shared == CONTENT and shared["name"] == "云岩区"
    assert bson.encode({"one": shared, "more": [shared, shared]}) == bson.encode({"one": CONTENT, "more": [CONTENT, CONTENT]})
    assert msgspec.json.encode([shared]) == msgspec.json.encode([CONTENT])


async def test_shared_when_written_is_read_back_plain(database: Database) -> None:
    await database.insert_one("parts", {"_id": 1, "part": Shared(CONTENT)})
    await database.update_one("parts", {"_id": 1}, {"$set": {"again": [Shared(CONTENT)]}})
    found = await database.find_one("parts", {"_id": 1})
    assert found == {"_id": 1, "part": CONTENT, "again": [CONTENT]} and type(found["part"]) is dict


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(code="x"),
        lambda one: one.__setitem__("code", "x"),
        lambda one: one.pop("code"),
        lambda one: one.popitem(),
        lambda one: one.clear(),
        lambda one: one.setdefault("more", 1),
        lambda one: one.__ior__({"code": "x"}),
        lambda one: one.__delitem__("code"),
    ],
)
def test_shared_when_changed_then_refused(change: Any) -> None:
    shared = Shared(CONTENT)
    with pytest.raises(TypeError, match="never changed"):
        change(shared)
    assert shared == CONTENT


def test_shared_when_copied_is_the_same_and_travels_by_pickle() -> None:
    shared = Shared(CONTENT)
    assert copy.deepcopy({"part": shared})["part"] is shared and copy.copy(shared) is shared
    assert pickle.loads(pickle.dumps(shared)) == shared  # our own bytes
    assert type({**shared}) is dict
