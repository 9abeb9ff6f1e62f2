"""Texts of notices: complete in both languages, nothing personal in them, wrong ones named when they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.digests import KIND
from dispatch.joined import told_kinds
from dispatch.learning.versions import OFF
from dispatch.outside.templates import LANGUAGES, SAMPLE, load
from dispatch.states import TABLE
from storage.errors import Invalid


def test_render_when_given_values_then_title_and_text_in_each_language() -> None:
    values = {**SAMPLE, "urgency": "emergency", "link": ""}
    chinese, english = (load().render("dispatch", language, values) for language in LANGUAGES)
    assert chinese.title == "【和云】已派遣，请及时签收（GY20260101-000001）"
    assert chinese.text == "已派遣，请及时签收。\n案件 GY20260101-000001（特急），01-01 10:00。"
    assert english.text == "Dispatched, please sign for it.\nCase GY20260101-000001 (emergency), 01-01 10:00."


def test_render_when_the_kind_is_new_then_the_default_says_something() -> None:
    assert "有新动态" in load().render("never_heard_of", "zh-CN", SAMPLE).text


def test_kinds_when_compared_with_the_table_then_each_is_an_action() -> None:
    assert load().kinds <= {row.action for row in TABLE} | told_kinds() | {KIND, OFF}


def test_preview_when_given_some_values_then_samples_for_the_rest() -> None:
    shown = load().preview("light", "en", {"city": "Guiyang"})
    assert shown.title.startswith("[Guiyang]") and SAMPLE["case_no"] in shown.text and SAMPLE["link"] in shown.text


def test_preview_when_something_does_not_exist_then_named() -> None:
    with pytest.raises(Invalid) as raised:
        load().preview("nothing", "fr", {"phone": "138"})
    assert [error.field for error in raised.value.errors] == ["kind", "language", "values.phone"]


def test_load_when_a_city_has_its_own_then_over_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[kinds.dispatch]\nzh-CN = "请签收 {case_no}"\n', encoding="utf-8")
    templates = load(own)
    assert templates.render("dispatch", "zh-CN", SAMPLE).text.startswith("请签收 GY20260101-000001。")
    assert templates.render("dispatch", "en", SAMPLE) == load().render("dispatch", "en", SAMPLE)


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ('[kinds.dispatch]\nen = "{phone}"', "kinds.dispatch.en", "one of case_no"),
        ('[kinds.dispatch]\nen = "{what}"', "kinds.dispatch.en", "one of case_no"),
        ('[kinds.dispatch]\nen = "{case_no.__class__}"', "kinds.dispatch.en", "no placeholder"),
        ('[kinds.dispatch]\nen = "{case_no"', "kinds.dispatch.en", "expected '}'"),
        ('[kinds.brand_new]\nen = "new"', "kinds.brand_new.zh-CN", "a text"),
        ('[kinds.brand_new]\nen = "new"\nzh-CN = "  "', "kinds.brand_new.zh-CN", "a text"),
        ('[kinds.dispatch]\nfr = "non"', "kinds.dispatch.fr", "one of zh-CN, en"),
        ("[kinds]\ndispatch = 5", "kinds.dispatch", "a table"),
        ('[frame.en]\ntitle = "{name}"', "frame.en.title", "one of case_no"),
        ('[urgency.normal]\nen = "{time}"', "urgency.normal.en", "none"),
        ("kinds = 1", "kinds", "a table with default"),
        ("[kind.dispatch]", "kind", "one of frame"),
    ],
)
def test_load_when_a_text_is_wrong_then_named(tmp_path: Path, text: str, field: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as raised:
        load(own)
    (error,) = raised.value.errors
    assert error.field == field and message in error.message and field in str(raised.value)


def test_load_when_the_file_is_not_there_then_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        load(tmp_path / "own.toml")
