"""What is packed: gzip and zip, never unpacked further than the limits, whatever their headers promise."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Protocol

from grid.files.limits import MAX_FILES, MAX_UNPACKED, broken, too_much

__all__ = ["gunzip", "members_of"]

_ENCRYPTED, _UTF8 = 0x1, 0x800
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes:
        """Return at most so many bytes."""


def gunzip(data: bytes) -> bytes:
    """Return what is packed in `data`. Raises `BadBoundaryFile` for too much or for what is no gzip."""
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return _read(file, MAX_UNPACKED)
    except (zlib.error, EOFError, OSError) as error:
        raise broken("boundary_file_broken", f"the gzip cannot be unpacked: {error}") from error


def members_of(data: bytes, endings: tuple[str, ...]) -> Mapping[str, bytes]:
    """Return the files of an archive whose name has one of the endings (lower case), by their path as it stands in the archive.

    Nothing is written anywhere, so that a path can do no harm; one that points outside is refused all the same, because whoever
    made the archive meant none of us well. Raises `BadBoundaryFile`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data), metadata_encoding="gb18030") as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check(infos)
            found: dict[str, bytes] = {}
            left = MAX_UNPACKED
            for info in infos:
                if info.filename.casefold().endswith(endings) and not info.filename.startswith("__MACOSX/"):
                    with archive.open(info) as file:
                        found[info.filename] = _read(file, left)
                    left -= len(found[info.filename])
            return found
    except _BROKEN as error:
        raise broken("boundary_file_broken", f"the archive cannot be unpacked: {error}") from error


def _check(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise too_much("files in the archive", len(infos), MAX_FILES)
    total = sum(info.file_size for info in infos)
    if total > MAX_UNPACKED:
        raise too_much("bytes unpacked", total, MAX_UNPACKED)
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise broken("boundary_file_broken", "a path in the archive leaves it", file=info.filename[:200])
        if info.flag_bits & _ENCRYPTED:
            raise broken("boundary_file_broken", "is encrypted; pack it without a password", file=info.filename[:200])


def _read(file: _Readable, most: int) -> bytes:
    """Read to the end, at most `most` bytes: the size in a header is only a claim."""
    unpacked = file.read(most + 1)
    if len(unpacked) > most:
        raise too_much("bytes unpacked", len(unpacked), MAX_UNPACKED)
    return unpacked
