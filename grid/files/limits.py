"""How much of a file is read at most, and the error of a file that is not taken.

A city of 15,000 grids of 50 vertices is 30 MB of GeoJSON, 4 MB gzipped or as a zipped Shapefile; the limits leave several times
that, and keep what one file can take of the machine below a gigabyte.
"""

from __future__ import annotations

from typing import Any

from storage.errors import FieldError, Invalid

__all__ = [
    "MAX_FEATURES", "MAX_FILES", "MAX_UNPACKED", "MAX_UPLOAD", "MAX_VERTICES", "BadBoundaryFile", "broken",
    "too_much",
]  # fmt: skip

MAX_UPLOAD = 32 * 1024 * 1024  # bytes as sent
MAX_UNPACKED = 192 * 1024 * 1024  # bytes of what is in it, all together
MAX_FILES = 100  # in an archive: a dozen layers of a Shapefile with everything that map tools put beside them
MAX_FEATURES = 50_000  # three times the grids of a large city
MAX_VERTICES = 4_000_000  # of all features; 64 MB of coordinates


class BadBoundaryFile(Invalid):
    """The file cannot be read as boundaries; raised by the readers of `grid.files`; `errors` name the place."""

    code = "boundary_file"


def broken(
    code: str, message: str, *, field: str = "file", row: int | None = None, file: str | None = None, **data: Any
) -> BadBoundaryFile:
    """Return the error of a file: where it is wrong and what is allowed."""
    error = FieldError(field=field, code=code, message=message, row=row, file=file)
    return BadBoundaryFile(message, code=code, errors=[error], **data)


def too_much(what: str, number: int, most: int) -> BadBoundaryFile:
    """Return the error of a file that has more of something than is read."""
    return broken("boundary_file_large", f"{number:,} {what}; allowed: at most {most:,}", limit=most)
