"""Fixtures of the tests of the web service.

service   a running service over a small city (tests/small_city.py), its people signed in by token
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service import Running, open_service


@pytest.fixture
async def service(mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A database of its own for each test."""
    async with open_service(mongodb_uri, tmp_path, driver=os.environ.get("HEYUN_DRIVER", "motor")) as running:
        yield running
