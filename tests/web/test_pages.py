"""The generated pages say what the code says."""

from __future__ import annotations

from web.cli.pages import PAGES, stale_pages


def test_generated_pages_when_compared_with_the_code_then_none_is_stale() -> None:
    assert stale_pages() == [], "run ./heyun docs"


def test_generated_pages_when_read_then_each_holds_something() -> None:
    assert all(len(page()) > 500 for page in PAGES.values())
