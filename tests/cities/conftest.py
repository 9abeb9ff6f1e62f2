"""Fixtures of the city packs.

guiyang   the folder of the Guiyang demo pack, built once for the session
shared_data   the folder with the data sets beside the checkout; tests that need it are skipped where it is missing
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cities.guiyang.build import build

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def guiyang(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds; nothing may write into it."""
    folder = tmp_path_factory.mktemp("guiyang")
    build(folder)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded data of other cities that may be measured but not shipped."""
    if not DATA.is_dir():
        pytest.skip(f"the data folder {DATA} is missing")
    return DATA
