"""Builds the tables of the point index and of the gazetteer in processes of their own, so that an event loop is never held up.

The memory that building needs goes back to the system with the process, too. The two sides talk by standard input and output:
in pieces of msgpack, each after its length in four bytes (the WKB of the grids with the numbers of their communities; entries,
some hundred at a time), out the tables as msgpack.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from grid.areas import Entry
from grid.gazetteer_building import GazetteerTables, build_tables
from grid.index_building import IndexTables
from grid.territory import tables_for
from storage.errors import HeyunError

__all__ = ["BuildFailed", "build_names_apart", "build_tables_apart"]

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 120.0


class BuildFailed(HeyunError):
    """The process that builds tables ended with an error or not at all; raised by `build_tables_apart`, `build_names_apart`."""

    code = "territory_build_failed"


class _Order(msgspec.Struct):
    wkb: list[bytes]
    community_of: list[int]


async def build_tables_apart(wkb: Sequence[bytes], community_of: Sequence[int]) -> IndexTables:
    """Return what `grid.territory.tables_for` would, without holding up this process. Raises `BuildFailed`."""

    async def pieces() -> AsyncIterator[bytes]:
        yield msgspec.msgpack.encode(_Order(list(wkb), list(community_of)))

    return msgspec.msgpack.decode(await _built("grids", pieces()), type=IndexTables)


async def build_names_apart(entries: AsyncIterable[Sequence[Entry]]) -> GazetteerTables:
    """Return what `grid.gazetteer_building.build_tables` would of all entries, without holding up this process; they are taken
    some at a time. Raises `BuildFailed`."""

    async def pieces() -> AsyncIterator[bytes]:
        async for some in entries:
            yield msgspec.msgpack.encode(some)

    return msgspec.msgpack.decode(await _built("names", pieces()), type=GazetteerTables)


async def _built(what: str, pieces: AsyncIterator[bytes]) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "grid.build_process", what, stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _hand_over(process, pieces)
            answer, complaint = await process.communicate()
    except TimeoutError as error:
        raise BuildFailed(f"building the territory took longer than {_PATIENCE_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise BuildFailed(f"building the territory ended with status {process.returncode}: {''.join(last)}")
    return answer


async def _hand_over(process: asyncio.subprocess.Process, pieces: AsyncIterator[bytes]) -> None:
    stdin = process.stdin
    if stdin is None:
        return
    try:
        async for piece in pieces:
            stdin.write(len(piece).to_bytes(4, "little"))
            stdin.write(piece)
            await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended; what it said is read next
    finally:
        stdin.close()


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while length := stream.read(4):
        yield stream.read(int.from_bytes(length, "little"))


def main() -> None:
    """Read the order from standard input, write the tables to standard output."""
    os.nice(5)  # requests of the service go first
    tables: IndexTables | GazetteerTables
    if sys.argv[1:] == ["names"]:
        decoder = msgspec.msgpack.Decoder(list[Entry])
        tables = build_tables([entry for piece in _pieces(sys.stdin.buffer) for entry in decoder.decode(piece)])
    else:
        order = msgspec.msgpack.decode(next(_pieces(sys.stdin.buffer)), type=_Order)
        tables = tables_for(order.wkb, order.community_of)
    sys.stdout.buffer.write(msgspec.msgpack.encode(tables))


if __name__ == "__main__":
    main()
