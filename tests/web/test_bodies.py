"""Bodies and query strings."""

import msgspec
import pytest

from storage.errors import Invalid, Malformed
from web.bodies import Body, check_keys, decode, query_values


class Where(Body):
    lon: float
    crs: str


class Report(Body):
    text: str
    where: Where | None = None
    photos: list[str] = []


DECODER = msgspec.json.Decoder(Report)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"text":NaN}',
        b'{"text":"a","where":{"lon":Infinity,"crs":"x"}}',
        b'{"text":"\xff"}',
        b'{"text":"a"',
        b'{"text":"a"}x',
    ],
)
def test_decode_when_not_json_then_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(DECODER, raw)


@pytest.mark.parametrize(
    ("raw", "field", "code"),
    [
        (b'{"text":1}', "text", "type"),
        (b"{}", "text", "required"),
        (b'{"text":"a","where":{"lon":1}}', "where.crs", "required"),
        (b'{"text":"a","where":{"lon":"1","crs":"x"}}', "where.lon", "type"),
        (b'{"text":"a","where":{"lon":1e999,"crs":"x"}}', "where.lon", "range"),
        (b'{"text":"a","$where":"1"}', "$where", "unknown_field"),
        (b'{"text":"a","photos":["a",2]}', "photos[1]", "type"),
        (b"[]", "", "type"),
    ],
)
def test_decode_when_shape_is_wrong_then_names_the_field(raw: bytes, field: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(DECODER, raw)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]


@pytest.mark.parametrize("value", [{"$gt": 1}, {"a": {"$where": "1"}}, {"a": [{"b.c": 1}]}, {"a\0": 1}])
def test_check_keys_when_a_name_could_be_an_operator_then_refused(value: object) -> None:
    with pytest.raises(Invalid):
        check_keys(value)


def test_query_when_numbers_are_text_then_typed_and_empty_ones_are_missing() -> None:
    class Query(msgspec.Struct):
        limit: int = 50
        mine: bool = False
        q: str | None = None

    assert query_values({"limit": [b"20"], "mine": [b"true"], "q": [b" "]}, Query) == Query(limit=20, mine=True, q=None)
    with pytest.raises(Invalid):
        query_values({"limit": [b"many"]}, Query)
    with pytest.raises(Malformed):
        query_values({"q": [b"\xff"]}, Query)
