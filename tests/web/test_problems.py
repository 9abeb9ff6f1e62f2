"""Problem documents and the two message catalogues."""

import json
from pathlib import Path

import pytest

import web.server  # noqa: F401  imports every package, so that all errors are known
from storage.errors import FieldError, HeyunError, Invalid, StaleRev
from web.problems import LANGUAGES, catalogue, content_language, document

MESSAGES = Path(__file__).parents[2] / "web" / "messages"


def _keys(value: object, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {path}
    return set().union(*(_keys(inner, f"{path}/{key}") for key, inner in value.items()))


def _below(kind: type[HeyunError]) -> set[type[HeyunError]]:
    return {kind}.union(*(_below(inner) for inner in kind.__subclasses__()))


def test_catalogues_when_compared_then_hold_the_same_keys() -> None:
    first, second = (json.loads((MESSAGES / f"{language}.json").read_text()) for language in LANGUAGES)
    assert _keys(first) == _keys(second)


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_when_asked_for_any_known_error_then_has_its_text(language: str) -> None:
    known = set(catalogue(language).problems)
    assert {
        error.code for error in _below(HeyunError) if error.status < 500 and not error.__module__.startswith("tests")
    } <= known


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "zh-CN"),
        ("en", "en"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh-TW", "zh-CN"),
        ("fr", "zh-CN"),
        ("en;q=x", "zh-CN"),
        ("*", "zh-CN"),
    ],
)
def test_language_when_negotiated_then_prefers_what_was_asked(accept: str, language: str) -> None:
    assert content_language(accept) == language


def test_document_when_stale_then_carries_rev_and_state_and_no_internals() -> None:
    problem = document(StaleRev("internal words", rev=9, state="handling"), "zh-CN")
    assert problem["status"] == 412 and problem["code"] == "stale_rev" and problem["rev"] == 9 and problem["state"] == "handling"
    assert "internal words" not in json.dumps(problem) and "9" in problem["detail"]


def test_document_when_a_defect_then_shows_none_of_its_data() -> None:
    problem = document(HeyunError("secret", host="db-7"), "en")
    assert problem["status"] == 500 and "db-7" not in json.dumps(problem) and "secret" not in json.dumps(problem)


def test_document_when_fields_are_wrong_then_names_each_with_words() -> None:
    problem = document(Invalid(errors=[FieldError("location.crs", "required")]), "en")
    assert problem["errors"] == [{"field": "location.crs", "code": "required", "message": "Required"}]


def test_document_when_data_lack_a_name_of_the_text_then_leaves_it_out() -> None:
    assert "{" not in document(StaleRev(), "en")["detail"]


def test_field_when_chinese_then_text_of_the_code_with_the_figures_of_the_error() -> None:
    error = Invalid(
        errors=[FieldError("text", "length", "5 to 2,000 characters"), FieldError("way", "choice", "one of phone, visit")]
    )
    messages = [one["message"] for one in document(error, "zh-CN")["errors"]]
    assert "5 to 2,000" in messages[0] and "phone, visit" in messages[1] and not messages[0].isascii()


@pytest.mark.parametrize(("said", "shown"), [("the law allows 7wd at most", "7 个工作日"), ("at most 4wh", "4 个工作小时")])
def test_field_when_it_speaks_of_a_limit_then_chinese_says_how_long(said: str, shown: str) -> None:
    (told,) = document(Invalid(errors=[FieldError("limit", "beyond_law", said)]), "zh-CN")["errors"]
    assert told["message"] == f"超过法定时限（{shown}）"
