"""Builds the tables of the point index in a process of its own, so that an event loop is never held up by it.

The memory that building needs goes back to the system with the process, too. The two sides talk by standard input and output:
in the WKB of the grids and the numbers of their communities, out the tables, both as msgpack.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grid.index_building import IndexTables
from grid.territory import tables_for
from storage.errors import HeyunError

__all__ = ["BuildFailed", "build_tables_apart"]

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 120.0


class BuildFailed(HeyunError):
    """The process that builds the index ended with an error or not at all; raised by `build_tables_apart`."""

    code = "territory_build_failed"


class _Order(msgspec.Struct):
    wkb: list[bytes]
    community_of: list[int]


async def build_tables_apart(wkb: Sequence[bytes], community_of: Sequence[int]) -> IndexTables:
    """Return what `grid.territory.tables_for` would, without holding up this process. Raises `BuildFailed`."""
    order = msgspec.msgpack.encode(_Order(list(wkb), list(community_of)))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "grid.build_process", stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT
    )
    try:
        answer, complaint = await asyncio.wait_for(process.communicate(order), _PATIENCE_SECONDS)
    except TimeoutError as error:
        raise BuildFailed(f"building the territory took longer than {_PATIENCE_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise BuildFailed(f"building the territory ended with status {process.returncode}: {''.join(last)}")
    return msgspec.msgpack.decode(answer, type=IndexTables)


def main() -> None:
    """Read the order from standard input, write the tables to standard output."""
    os.nice(5)  # requests of the service go first
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    tables = tables_for(order.wkb, order.community_of)
    sys.stdout.buffer.write(msgspec.msgpack.encode(tables))


if __name__ == "__main__":
    main()
