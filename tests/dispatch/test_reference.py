"""The generated reference is what the table says now."""

from __future__ import annotations

import pytest

from dispatch.reference import FOLDER, pages
from dispatch.states import STATES, TABLE


@pytest.mark.parametrize("name", sorted(pages()))
def test_page_when_committed_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run: python -m dispatch.reference"


def test_pages_when_generated_name_every_state_and_action() -> None:
    assert all(f"`{state}`" in pages()["states.md"] for state in STATES)
    assert all(f"### `{row.action}` ({row.number})" in pages()["actions.md"] for row in TABLE)
