"""Fixtures of the scenarios.

service   a running service over the small city for all scenarios of the session, on one event loop
told_service      another one that runs by a clock which the stories move, with that clock
story             a case to be told of on that service, from Monday 2026-11-23, 10:00 on
guiyang_service   the same over the whole Guiyang demo city with its named demo accounts
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from rich.console import Console

from cities.guiyang.build import build
from dispatch.draws import NO_SAMPLING
from orgs.demo import create_demo_accounts
from storage.client import Database
from storage.fields import FieldCipher, Keyring
from tests.scenarios.story import Story, StoryClock
from tests.service import Running, asking_now_and_then, open_service, serving
from web.cli.city import import_folder
from web.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the asynchronous tests of this folder on the loop of the session, where the services live."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("scenarios")
    async with open_service(mongodb_uri, folder, driver=os.environ.get("HEYUN_DRIVER", "motor")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told_service(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, StoryClock]]:
    clock, folder = StoryClock(), tmp_path_factory.mktemp("stories")
    async with open_service(mongodb_uri, folder, driver=os.environ.get("HEYUN_DRIVER", "motor"), clock=clock) as running:
        running.services.core.rules.sampling = NO_SAMPLING  # what is drawn for a check rests longer than its story says
        yield running, clock


@pytest.fixture
def story(told_service: tuple[Running, StoryClock]) -> Story:
    """A story that begins on Monday at ten."""
    return Story(*told_service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guiyang_service(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Twenty seconds: pack, import, accounts, snapshots."""
    folder, name = tmp_path_factory.mktemp("guiyang"), f"heyun_test_{secrets.token_hex(6)}"
    uri = asking_now_and_then(mongodb_uri)
    build(folder / "pack")
    settings = Settings(mongodb_uri=uri, database=name, data=folder)
    database = await Database.connect(uri, name)
    try:
        cipher = FieldCipher(Keyring.load_or_create(settings.keys))
        await import_folder(database, folder / "pack", Console(file=io.StringIO()), cipher=cipher)
        accounts = await create_demo_accounts(database, folder / "accounts.json")
        tokens = {role: held["token"] for role, held in accounts.items()}
        async with serving(settings, tokens) as running:
            yield running
    finally:
        await database.drop_database()
        await database.close()
