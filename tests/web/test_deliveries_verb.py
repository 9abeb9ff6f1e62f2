"""`./heyun deliveries`: lists what is dead and sends it again, on the configured database."""

from __future__ import annotations

import asyncio

from click.testing import CliRunner, Result

from tests.outside.samples import delivery
from tests.service import Running
from web.cli.deliveries import deliveries


async def run(service: Running, *arguments: str) -> Result:
    """Run the verb beside the service, as an administrator would: it has an event loop of its own."""
    settings = service.services.settings
    environment = {
        "HEYUN_MONGODB_URI": settings.mongodb_uri, "HEYUN_DATABASE": settings.database, "HEYUN_DATA": str(settings.data),
    }  # fmt: skip
    return await asyncio.to_thread(CliRunner().invoke, deliveries, list(arguments), env=environment)


async def test_deliveries_when_listed_and_sent_again_by_the_verb(service: Running) -> None:
    store = service.services.outside.store
    made = [delivery(f"nv{number}", "partner", "webhook:partner", state="dead", error="http_410") for number in range(2)]
    await store.add(made)
    assert (await run(service, "list")).exit_code == 0
    assert "1 are sent again" in (await run(service, "resend", made[0].id)).output
    assert [found.state for found in [await store.find(one.id) for one in made] if found] == ["waiting", "dead"]
    assert "2 are sent again" in (await run(service, "replay", "partner", "nv0")).output
    assert [found.state for found in [await store.find(one.id) for one in made] if found] == ["waiting", "waiting"]
    assert (await run(service, "resend", "d0")).exception is not None
