"""Sealed fields and the key file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.client import Database
from storage.errors import Invalid
from storage.fields import FieldCipher, Keyring, SealBroken

CIPHER = FieldCipher(Keyring.generate())


@given(st.text(), st.text(), st.text())
def test_seal_when_opened_in_its_place_then_the_text(text: str, document_id: str, field: str) -> None:
    sealed = CIPHER.seal(text, document_id=document_id, field=field)
    assert CIPHER.open(sealed, document_id=document_id, field=field) == text
    assert len(text.encode()) < 8 or text.encode() not in sealed["c"]
    assert CIPHER.seal(text, document_id=document_id, field=field) != sealed


@pytest.mark.parametrize(
    ("document_id", "field", "change"),
    [
        ("case2", "phone", {}),
        ("case1", "name", {}),
        ("case", "1phone", {}),
        ("case1", "phone", {"c": b"0" * 27}),
        ("case1", "phone", {"n": b"0" * 12}),
        ("case1", "phone", {"k": "k9"}),
        ("case1", "phone", {"c": "text"}),
    ],
)
def test_open_when_moved_or_changed_then_broken(document_id: str, field: str, change: dict[str, Any]) -> None:
    sealed = CIPHER.seal("13800138000", document_id="case1", field="phone") | change
    with pytest.raises(SealBroken) as caught:
        CIPHER.open(sealed, document_id=document_id, field=field)
    assert "13800138000" not in str(caught.value)


def test_open_when_parts_are_missing_then_broken() -> None:
    with pytest.raises(SealBroken):
        CIPHER.open({}, document_id="case1", field="phone")


async def test_seal_when_stored_then_opens_again(database: Database) -> None:
    await database.insert_one("cases", {"_id": "c", "phone": CIPHER.seal("13800138000", document_id="c", field="phone")})
    found = await database.find_one("cases", {"_id": "c"})
    assert found is not None
    assert CIPHER.open(found["phone"], document_id="c", field="phone") == "13800138000"


def test_blind_index_when_same_text_then_same_and_tells_nothing() -> None:
    assert CIPHER.blind_index("13800138000") == CIPHER.blind_index("13800138000") != CIPHER.blind_index("13800138001")
    assert CIPHER.blind_index("a") != FieldCipher(Keyring.generate()).blind_index("a")


def test_keyring_when_made_by_many_at_once_then_one_file_of_mode_600(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(Keyring.load_or_create, [path] * 8))
    assert len({ring.secret("x") for ring in rings}) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["keys.json"]


def test_rotate_when_a_new_key_is_active_then_the_old_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = FieldCipher(Keyring.load_or_create(path))
    sealed = before.seal("张三", document_id="c", field="name")
    after = FieldCipher(Keyring.rotate(path))
    assert after.open(sealed, document_id="c", field="name") == "张三"
    assert (before.is_current(sealed), after.is_current(sealed)) == (True, False)
    assert after.seal("张三", document_id="c", field="name")["k"] == "k2"
    assert before.blind_index("x") == after.blind_index("x")
    assert path.stat().st_mode & 0o777 == 0o600


def test_load_when_file_is_exposed_missing_or_wrong_then_invalid(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(Invalid, match="cannot be read"):
        Keyring.load(path)
    Keyring.load_or_create(path)
    good = json.loads(path.read_text())
    for bad in ({}, good | {"active": "k7"}, good | {"keys": {"k1": "c2hvcnQ="}}, good | {"index_key": "%%"}, good | {"x": 1}):
        path.write_text(json.dumps(bad))
        with pytest.raises(Invalid):
            Keyring.load(path)
    path.chmod(0o640)
    with pytest.raises(Invalid, match="chmod 600"):
        Keyring.load(path)
