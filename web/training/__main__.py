"""`python -m web.training`: take the order from standard input, learn, print the version."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from dispatch.learning.versions import NewVersion
from dispatch.service import utc_now
from storage.client import Database
from storage.errors import HeyunError
from web.training.program import Order, learn


async def _run(order: Order) -> NewVersion:
    database = await Database.connect(order.uri, order.database, driver=order.driver)
    try:
        return await learn(database, least_cases=order.least_cases, now=utc_now(), progress=_say)
    finally:
        await database.close()


def _say(text: str) -> None:
    sys.stderr.write(f"  · {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Return the exit status: 0 when a version was kept."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        answer: object = asyncio.run(_run(order))
    except HeyunError as error:
        answer = {"problem": {"code": error.code, "message": str(error), **error.data}}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return 0 if isinstance(answer, NewVersion) else 1


if __name__ == "__main__":
    sys.exit(main())
