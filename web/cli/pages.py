"""`./heyun docs`: writes the pages again that are generated from the code; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from dispatch.reference import actions_page, states_page
from web.openapi import api_page

__all__ = ["PAGES", "docs", "stale_pages"]

ROOT = Path(__file__).resolve().parents[2]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/states.md": states_page,
    "docs/reference/actions.md": actions_page,
    "docs/reference/api.md": api_page,
}


def stale_pages() -> list[str]:
    """Return the generated pages that differ from what the code says now."""
    return [name for name, page in PAGES.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != page()]


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 when a page is stale.")
def docs(check: bool) -> None:
    """Write the generated pages: the state diagram, the action reference, the API reference."""
    stale = stale_pages()
    for name in stale:
        click.echo(f"{'stale' if check else 'written'}: {name}")
        if not check:
            (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
    sys.exit(1 if check and stale else 0)
