"""Fixtures of all tests.

mongodb_uri   a replica set for the tests: the one of HEYUN_TEST_MONGODB_URI, else a private mongod started for the session
driver        the driver under test: HEYUN_DRIVER, else motor
database      an empty database of its own for one test, dropped afterwards
shared_data   the folder with the data sets beside the checkout; tests that need it are skipped where it is missing
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from storage.client import Database
from storage.embedded import start

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

settings.register_profile("fast", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """The fast tier tries fewer examples of each property, everything else many more.

    PyMongo's client forgets the socket of a connection that it was just making when it is closed: not ours to fail for.
    """
    settings.load_profile("fast" if "not slow" in (config.option.markexpr or "") else "thorough")
    config.addinivalue_line("filterwarnings", r"ignore:unclosed <socket\.socket [^>]*laddr=[^>]*\)>:ResourceWarning")


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """Never the configured database: HEYUN_MONGODB_URI is not looked at."""
    if uri := os.environ.get("HEYUN_TEST_MONGODB_URI"):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="heyun-test-") as folder:
        embedded = start(Path(folder), cache_gb=0.5)
        yield embedded.uri
        embedded.stop()


@pytest.fixture
def driver() -> str:
    """The tests of storage run under both drivers (tests/storage/conftest.py)."""
    return os.environ.get("HEYUN_DRIVER", "motor")


@pytest.fixture
async def database(mongodb_uri: str, driver: str) -> AsyncIterator[Database]:
    """Drop it afterwards, so that a configured test server is left as it was."""
    opened = await Database.connect(mongodb_uri, f"heyun_test_{secrets.token_hex(6)}", driver=driver)
    yield opened
    await opened.drop_database()
    await opened.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded data of other cities that may be measured but not shipped."""
    if not DATA.is_dir():
        pytest.skip(f"the data folder {DATA} is missing")
    return DATA
