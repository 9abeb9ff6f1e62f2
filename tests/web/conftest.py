"""Fixtures of the tests of the web service.

service   a running service over a small city (tests/small_city.py), its people signed in by token; one for all tests of the
          folder, on one event loop, so a test looks only at what it made itself
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from orgs.throttle import Throttle
from tests.service import Running, open_service
from web.cli.output import console


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the asynchronous tests of this folder on the loop of the session, where the service lives."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A database of its own, dropped at the end."""
    folder = tmp_path_factory.mktemp("service")
    async with open_service(mongodb_uri, folder, driver=os.environ.get("HEYUN_DRIVER", "motor")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def wide_tables() -> None:
    """What the verbs print is not folded; by the environment that would be settled by who imports the console first."""
    console.width = 300


@pytest.fixture(autouse=True)
def no_guesses(request: pytest.FixtureRequest) -> None:
    """What earlier tests guessed wrong from the one address of all tests does not count."""
    if "service" in request.fixturenames:
        running: Running = request.getfixturevalue("service")
        running.services.guesses, running.services.number_guesses = Throttle(), Throttle(limit=10)
