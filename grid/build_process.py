"""Reads and builds a territory, or the names of its gazetteer, in a process of its own, so that an event loop is never held up.

The memory that this needs goes back to the system with the process, too. It is told by standard input where the database is (the
connection string may hold a password: it stands in no command line) and leaves its tables as files in a folder.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from grid import store
from grid.entries import entries
from grid.gazetteer_building import GazetteerTables, build_tables, entries_of_areas
from grid.index_building import IndexTables
from grid.making import Made, Outline, make
from storage.client import Database
from storage.errors import HeyunError

__all__ = ["BuildFailed", "make_apart", "names_apart"]

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 120.0
_TERRITORY, _NAMES = "territory", "names"
_OUTLINE, _INDEX, _STARTS, _SHAPES = "outline", "index", "starts", "shapes"
_REST, _COLUMN = "rest", ".column"

T = TypeVar("T", bound=msgspec.Struct)


class BuildFailed(HeyunError):
    """The process that builds tables ended with an error or not at all; raised by `make_apart`, `names_apart`."""

    code = "territory_build_failed"


class _Order(msgspec.Struct):
    uri: str
    database: str
    driver: str


async def make_apart(database: Database) -> Made:
    """Return what `grid.making.make` makes of what the database holds now. This process only takes over tables: some ten
    milliseconds at a time for 200,000 grids. Raises `BuildFailed`."""
    async with _built(_TERRITORY, database) as folder:
        outline = await _decoded(folder / _OUTLINE, Outline)
        index = await _decoded(folder / _INDEX, IndexTables)
        return Made(outline, index, await _read(folder / _STARTS), await _read(folder / _SHAPES))


async def names_apart(database: Database) -> GazetteerTables:
    """Return the names of the areas and of the entries that the database holds now, as tables. Raises `BuildFailed`."""
    async with _built(_NAMES, database) as folder:
        return await _read_columns(folder, GazetteerTables)


async def _read_columns(folder: Path, kind: type[T]) -> T:
    """Each column is read by another thread as the one piece of memory that it stays in: the loop copies nothing."""
    rest = msgspec.msgpack.decode(await _read(folder / _REST))
    names = [field.encode_name for field in msgspec.structs.fields(kind) if field.encode_name not in rest]
    columns = {name: await _read(folder / f"{name}{_COLUMN}") for name in names}
    return msgspec.convert({**rest, **columns}, kind, builtin_types=(bytes,))


def _write_columns(folder: Path, tables: msgspec.Struct) -> None:
    """A file for each column, and one for what is small."""
    fields = msgspec.structs.asdict(tables)
    columns = {name: value for name, value in fields.items() if isinstance(value, bytes)}
    for name, column in columns.items():
        (folder / f"{name}{_COLUMN}").write_bytes(column)
    (folder / _REST).write_bytes(msgspec.msgpack.encode({name: fields[name] for name in fields.keys() - columns.keys()}))


async def _read(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)


async def _decoded(path: Path, kind: type[T]) -> T:
    return msgspec.msgpack.decode(await _read(path), type=kind)


@asynccontextmanager
async def _built(what: str, database: Database) -> AsyncIterator[Path]:
    """Have the other process do its work; gives the folder with the result."""
    order = msgspec.msgpack.encode(_Order(database.uri, database.name, database.driver))
    holder = tempfile.TemporaryDirectory(prefix="heyun-territory-")
    try:
        await _run(what, holder.name, order)
        yield Path(holder.name)
    finally:
        await asyncio.to_thread(holder.cleanup)  # to give back files of many megabytes may take a disk a while


async def _run(what: str, folder: str, order: bytes) -> None:
    """Have the other process do its work. Who no longer waits for it ends it."""
    child = _Child()
    running = asyncio.ensure_future(asyncio.to_thread(child.run, what, folder, order))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        child.end()
        await asyncio.gather(running, return_exceptions=True)  # how it ends does not matter any more
        raise


class _Child:
    """The other process, of the thread that waits for it. Not of the event loop: that would copy the tables of this process's
    memory, a tenth of a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def run(self, what: str, folder: str, order: bytes) -> None:
        """Return when it has done its work. Raises `BuildFailed`."""
        with self._lock:
            if self._is_over:
                return
            process = self._process = _start(what, folder)
        try:
            _, complaint = process.communicate(order, _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise BuildFailed(f"building the territory took longer than {_PATIENCE_SECONDS:.0f} s") from error
        if process.returncode:
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise BuildFailed(f"building the territory ended with status {process.returncode}: {''.join(last)}")

    def end(self) -> None:
        """End it, or never begin it; may be called by any thread at any time."""
        with self._lock:
            self._is_over = True
            if self._process is not None:
                self._process.kill()


def _start(what: str, folder: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "grid.build_process", what, folder]
    setting = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}  # clearing huge pages costs it a fifth of its time
    return subprocess.Popen(  # noqa: S603  # our own module
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_ROOT, env=setting
    )


async def _names(database: Database) -> GazetteerTables:
    found, ids = entries_of_areas(await store.load_named_areas(database)), []
    async for id, entry in entries(database):
        found.append(entry)
        ids.append(id)
    return build_tables(found, ids)


async def _build(what: str, folder: Path, order: _Order) -> None:
    """The other process's work."""
    database = await Database.connect(order.uri, order.database, driver=order.driver)
    try:
        if what == _NAMES:
            _write_columns(folder, await _names(database))
        else:
            outline, index, starts, shapes = make(await store.load_parts(database))
            (folder / _OUTLINE).write_bytes(msgspec.msgpack.encode(outline))
            (folder / _INDEX).write_bytes(msgspec.msgpack.encode(index))
            (folder / _STARTS).write_bytes(starts)
            (folder / _SHAPES).write_bytes(shapes)
    finally:
        await database.close()


def main() -> None:
    """Read the order from standard input; what to build and the folder for it are the arguments."""
    os.nice(5)  # requests of the service go first
    gc.disable()  # hundreds of thousands of objects that stay until the end: looking through them costs a tenth of the time
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    asyncio.run(_build(sys.argv[1], Path(sys.argv[2]), order))


if __name__ == "__main__":
    main()
