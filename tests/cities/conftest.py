"""Fixtures of the city packs.

guiyang   the folder of the Guiyang demo pack, built once for the session
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cities.guiyang.build import build


@pytest.fixture(scope="session")
def guiyang(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds; nothing may write into it."""
    folder = tmp_path_factory.mktemp("guiyang")
    build(folder)
    return folder
