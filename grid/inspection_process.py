"""Reads and judges a file of boundaries in a process of its own, which hostile bytes may bring down without harm.

The process inherits no secret of the service (an empty environment), may use so much memory, time and disk and no more, and ends
with its one answer. The two sides talk by standard input and output in msgpack.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from grid.areas import Area
from grid.files.limits import MAX_UNPACKED, BadBoundaryFile, broken
from grid.files.reading import BoundaryFile, ReadOptions, read_boundaries
from grid.inspection import Inspection, judged
from grid.planning import Plan
from grid.taking import Taking
from storage.errors import FieldError

__all__ = ["Inspected", "inspect_apart"]

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 120.0
_CPU_SECONDS = 100
_AT_ONCE = 500  # areas
_MEMORY = 3 * 1024**3  # of addresses, most of which is never touched; the largest file that is read takes about a gigabyte


class Inspected(msgspec.Struct, frozen=True, tag=True):
    """What was read and what was found. `file` is without the features, `levels` counts them. `taken` is what taking the file
    would do, where that was asked for and nothing that was found is an error; it stays packed until somebody wants it, because
    unpacking 15,000 areas takes 20 ms."""

    file: BoundaryFile
    levels: dict[str, int]
    inspection: Inspection
    taken: bytes = b""

    @property
    def plan(self) -> Plan:
        """The areas as they would be, in WGS-84, and the codes that would be void."""
        taken = msgspec.msgpack.decode(self.taken, type=_Taken)
        return Plan({area.code: area for area in taken.now}, taken.gone)


class _Taken(msgspec.Struct):
    """A `Plan` on its way to the other process."""

    now: list[Area]
    gone: dict[str, tuple[str, ...]]


class _Refused(msgspec.Struct, tag=True):
    """A `BadBoundaryFile` on its way to the other process."""

    code: str
    detail: str
    errors: list[FieldError]
    data: dict[str, Any]


class _Order(msgspec.Struct):
    data: bytes
    options: ReadOptions
    present: list[msgspec.Raw]  # some hundred areas each
    void: list[str]
    keeps_others: bool
    plans: bool


async def inspect_apart(
    data: bytes, options: ReadOptions, present: list[Area], *, void: list[str] | None = None, keeps_others: bool = False,
    plans: bool = False,
) -> Inspected:  # fmt: skip
    """Return what `grid.inspection.inspect` finds in a file, without holding up this process; with `plans` also what taking it
    would do, where nothing speaks against that.

    Raises `BadBoundaryFile` for a file that is not read, also when reading takes too long or brings the process down.
    """
    packed = [part async for part in _packed(present)]
    order = msgspec.msgpack.encode(_Order(data, options, packed, void or [], keeps_others, plans))
    with tempfile.TemporaryDirectory(prefix="heyun-boundaries-") as folder:  # removed by us, whatever becomes of the process
        answer, status = await _talk(order, folder)
    if status is None:
        raise broken("boundary_file_heavy", f"reading took longer than {_PATIENCE_SECONDS:.0f} s")
    if status:
        raise broken("boundary_file_heavy", "the file takes more than a file may take, or cannot be read at all")
    read = msgspec.msgpack.decode(answer, type=Inspected | _Refused)
    if isinstance(read, _Refused):
        raise BadBoundaryFile(read.detail, code=read.code, errors=read.errors, **read.data)
    return read


async def _talk(order: bytes, folder: str) -> tuple[bytes, int | None]:
    """Return what the process answers to the order and how it ended: None when it took too long. It may write to `folder`."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "grid.inspection_process", str(_MEMORY), stdin=pipe, stdout=pipe, stderr=nothing, cwd=_ROOT,
        env={"PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": folder},
    )  # fmt: skip
    talk = asyncio.ensure_future(process.communicate(order))
    try:
        await asyncio.wait({talk}, timeout=_PATIENCE_SECONDS)
        is_late = not talk.done()
    finally:
        if process.returncode is None:
            process.kill()
        answer, _ = await talk  # never broken off: what it still has to write would end as an error that nobody hears
        with suppress(BrokenPipeError, ConnectionResetError):  # how a process that died leaves its input
            await process.stdin.wait_closed()  # type: ignore[union-attr]
    return answer, None if is_late else process.returncode


async def _packed(present: list[Area]) -> AsyncIterator[msgspec.Raw]:
    """The areas in parts, each packed in a millisecond or two, other work in between."""
    for start in range(0, len(present), _AT_ONCE):
        yield msgspec.Raw(msgspec.msgpack.encode(present[start : start + _AT_ONCE]))
        await asyncio.sleep(0)


def _inspect_here(order: _Order) -> Inspected | _Refused:
    """Read and judge in this process."""
    try:
        file = read_boundaries(order.data, order.options)
    except BadBoundaryFile as error:
        return _Refused(error.code, error.detail, list(error.errors), error.data)
    present = [area for part in order.present for area in msgspec.msgpack.decode(part, type=list[Area])]
    taking = Taking(file.boundaries, present, keeps_others=order.keeps_others)
    inspection = judged(taking, void=order.void, crs=order.options.crs, already=file.findings)
    return Inspected(
        file=msgspec.structs.replace(file, boundaries=[], findings=[]),
        levels=dict(Counter(one.level for one in file.boundaries)),
        inspection=inspection,
        taken=_packed_plan(taking.plan()) if order.plans and not inspection.errors else b"",
    )


def _packed_plan(plan: Plan) -> bytes:
    return msgspec.msgpack.encode(_Taken([*plan.now.values()], plan.gone))


def main() -> None:
    """Read the order from standard input, write the answer to standard output. The argument is how much memory it may have."""
    os.nice(5)  # requests of the service go first
    for kind, most in (
        (resource.RLIMIT_AS, int(sys.argv[1])),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MAX_UNPACKED),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_inspect_here(order)))


if __name__ == "__main__":
    main()
