"""Reading the tables of a city pack: every row becomes a typed value, everything wrong is said with file, row and column.

A table is CSV in UTF-8 (a byte order mark is fine) with a header. The columns are the fields of a `msgspec.Struct`: a field
without default must have its column and a value in every row, others may be left out or empty. Lists are written with `;`.

    class Unit(msgspec.Struct):
        code: str
        area_codes: tuple[str, ...] = ()

    report = PackReport()
    units = rows(folder, "units.csv", Unit, report, required=True, unique=("code",))
    report.raise_if_errors()
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import inspect as shapes

from storage.errors import FieldError, Invalid

__all__ = ["MAX_ERRORS", "Imported", "PackInvalid", "PackReport", "Row", "allowed", "read_toml", "rows", "rows_of"]

MAX_ERRORS = 1000  # kept in full; what comes after is only counted
MAX_BYTES = 512 * 1024 * 1024
MAX_CELL = 1024 * 1024

T = TypeVar("T", bound=msgspec.Struct)


class PackInvalid(Invalid):
    """The city pack cannot be imported as it is. Raised by `PackReport.raise_if_errors`; `errors` name file, row and column."""

    code = "pack_invalid"


class Row(NamedTuple, Generic[T]):
    """A validated row: `number` as a spreadsheet counts it (the header is row 1)."""

    number: int
    value: T


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What taking a table over did, or in a dry run would do: rows that are new, that change one, that say what is so already."""

    new: int
    changed: int
    same: int


class PackReport:
    """What is wrong with a pack and how many rows it holds. One report goes through all readers of one import.

    >>> report = PackReport()
    >>> report.error("units.csv", 7, "level", "is `town`; allowed: city, district, township", code="not_allowed")
    >>> [str_error(error) for error in report.errors]
    ['units.csv, row 7, column level: is `town`; allowed: city, district, township']
    """

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.warnings: list[FieldError] = []
        self.counts: dict[str, int] = {}
        self.total_errors = 0

    def error(self, file: str, row: int | None, column: str, message: str, *, code: str = "invalid") -> None:
        """Add one error; `message` says what stands there and what is allowed. `column` is empty for a whole row or file."""
        self.total_errors += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(FieldError(field=column, code=code, message=message, row=row, file=file))

    def wrong(self, file: str, row: int | None, column: str, cell: str, allowed: str, code: str) -> None:
        """Add what stands in a cell and what is allowed there."""
        self.error(file, row, column, f"is `{cell}`; allowed: {allowed}", code=code)

    def warn(self, file: str, row: int | None, column: str, message: str, *, code: str = "doubtful") -> None:
        """Add something that a person should look at but that does not stop the import."""
        if len(self.warnings) < MAX_ERRORS:
            self.warnings.append(FieldError(field=column, code=code, message=message, row=row, file=file))

    def count(self, file: str, number: int) -> None:
        """Note how many rows of `file` were read."""
        self.counts[file] = self.counts.get(file, 0) + number

    @property
    def ok(self) -> bool:
        """True while nothing is wrong (warnings do not count)."""
        return self.total_errors == 0

    def raise_if_errors(self) -> None:
        """Raise `PackInvalid` with all errors when there are any."""
        if self.ok:
            return
        first = str_error(self.errors[0])
        raise PackInvalid(
            f"{self.total_errors} errors in the city pack, first: {first}", errors=self.errors, total=self.total_errors
        )


def str_error(error: FieldError) -> str:
    """Return one line for people: file, row, column and what is allowed."""
    where = [error.file or "pack"]
    if error.row is not None:
        where.append(f"row {error.row}")
    if error.field:
        where.append(f"column {error.field}" if error.row is not None else error.field)
    return f"{', '.join(where)}: {error.message}"


def rows(
    folder: Path,
    name: str,
    struct_type: type[T],
    report: PackReport,
    *,
    required: bool = False,
    unique: Sequence[str] = (),
) -> list[Row[T]]:
    """Return the valid rows of `folder/name`; what is wrong goes into `report`.

    A missing file is an error only when `required`. `unique` names the columns that together may not repeat.
    """
    path = folder / name
    if not path.is_file():
        if required:
            report.error(name, None, "", "the file is missing; a pack must have it", code="missing_file")
        return []
    text = _read_text(path, name, report)
    return [] if text is None else rows_of(text, name, struct_type, report, unique=unique)


def rows_of(
    text: str, name: str, struct_type: type[T], report: PackReport, *, unique: Sequence[str] = (), most: int | None = None
) -> list[Row[T]]:
    """Return the valid rows of a table that was sent as text under a name; what is wrong, `most` rows exceeded too, goes into
    `report`."""
    table = _Table(name, struct_type, report)
    found = list(table.read(text.removeprefix("\ufeff")))
    report.count(name, len(found))
    if most is not None and len(found) > most:
        report.error(name, None, "", f"has {len(found)} rows; allowed: at most {most}", code="too_many")
    _check_unique(name, found, unique, report)
    return found


def read_toml(folder: Path, name: str, struct_type: type[T], report: PackReport, *, required: bool = False) -> T | None:
    """Return `folder/name` as a `struct_type`, or None when it is missing or wrong (then `report` says where)."""
    path = folder / name
    if not path.is_file():
        if required:
            report.error(name, None, "", "the file is missing; a pack must have it", code="missing_file")
        return None
    text = _read_text(path, name, report)
    if text is None:
        return None
    try:
        value = msgspec.convert(tomllib.loads(text), struct_type)
    except tomllib.TOMLDecodeError as error:
        report.error(name, None, "", f"is not TOML: {error}", code="malformed")
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at ")
        key = key.strip("`").removeprefix("$").removeprefix(".")
        named, _, rest = message.partition(": ")
        if not key and named in struct_type.__struct_fields__:  # the struct's own check names its key
            key, message = named, rest
        report.error(name, None, key or "(top)", message, code="invalid")
    else:
        report.count(name, 1)
        return value
    return None


def allowed(annotation: Any) -> str:
    """Say in words what a cell of this type may hold.

    >>> allowed(int), allowed(bool), allowed(tuple[str, ...])
    ('a whole number', 'true or false', 'a list written with ;')
    """
    return _words(shapes.type_info(annotation))


_PLAIN_WORDS: tuple[tuple[type[shapes.Type], str], ...] = (
    (shapes.BoolType, "true or false"),
    (shapes.IntType, "a whole number"),
    (shapes.FloatType, "a number"),
    (shapes.DateTimeType, "a time like 2026-11-21T08:30:00Z"),
    (shapes.DateType, "a date like 2026-11-21"),
    (shapes.StrType, "text"),
    (shapes.CollectionType, "a list written with ;"),
    (shapes.VarTupleType, "a list written with ;"),
)


def _words(kind: shapes.Type) -> str:
    if isinstance(kind, shapes.Metadata):
        described = (kind.extra_json_schema or {}).get("description")
        return str(described) if described else _words(kind.type)
    if isinstance(kind, shapes.LiteralType):
        return "one of " + ", ".join(str(value) for value in kind.values)
    if isinstance(kind, shapes.EnumType):
        return "one of " + ", ".join(str(member.value) for member in kind.cls)
    if isinstance(kind, shapes.UnionType):
        return " or ".join("empty" if isinstance(part, shapes.NoneType) else _words(part) for part in kind.types)
    plain = next((words for shape, words in _PLAIN_WORDS if isinstance(kind, shape)), type(kind).__name__)
    return plain + _bounds(kind)


def _bounds(kind: shapes.Type) -> str:
    names = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"), ("pattern", "of the form"))
    parts = [f" {sign} {value}" for name, sign in names if (value := getattr(kind, name, None)) is not None]
    return "".join(parts)


def _read_text(path: Path, name: str, report: PackReport) -> str | None:
    if path.stat().st_size > MAX_BYTES:
        report.error(name, None, "", f"is larger than {MAX_BYTES // 1024 // 1024} MB", code="too_large")
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        report.error(name, None, "", f"is not UTF-8 (byte {error.start}); save it as UTF-8", code="encoding")
        return None


class _Column(NamedTuple):
    """How one column is read."""

    name: str
    type: Any
    required: bool
    is_list: bool


class _Table(Generic[T]):
    """One CSV file on its way to structs."""

    def __init__(self, name: str, struct_type: type[T], report: PackReport) -> None:
        self.name = name
        self.struct_type = struct_type
        self.report = report
        self.fields = struct_type.__struct_fields__
        self.columns = {field.encode_name: _column(field) for field in msgspec.structs.fields(struct_type)}

    def read(self, text: str) -> Iterator[Row[T]]:
        """Yield the valid rows; the others are reported."""
        csv.field_size_limit(MAX_CELL)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        number = 0
        try:
            header = [cell.strip() for cell in next(reader, [])]
            if not self._check_header(header):
                return
            for number, cells in enumerate(reader, start=2):
                if (value := self._row(number, header, cells)) is not None:
                    yield Row(number, value)
        except csv.Error as error:
            self.report.error(self.name, number + 1, "", f"is not CSV: {error}", code="malformed")

    def _check_header(self, header: list[str]) -> bool:
        before = self.report.total_errors
        known = ", ".join(self.columns)
        for column in dict.fromkeys(header):
            if column not in self.columns:
                self.report.error(self.name, 1, column, f"unknown column; allowed: {known}", code="unknown_column")
            elif header.count(column) > 1:
                self.report.error(self.name, 1, column, "stands more than once in the header", code="repeated_column")
        for wanted in self.columns.values():
            if wanted.required and wanted.name not in header:
                self.report.error(
                    self.name, 1, wanted.name, f"the column is missing; columns are: {known}", code="missing_column"
                )
        return self.report.total_errors == before

    def _row(self, number: int, header: list[str], cells: list[str]) -> T | None:
        if not any(cell.strip() for cell in cells):
            return None
        if len(cells) > len(header):
            message = f"has {len(cells)} cells, the header has {len(header)}; put text that holds commas in double quotes"
            self.report.error(self.name, number, "", message, code="cells")
            return None
        raw = {name: text for name, cell in zip(header, cells, strict=False) if (text := cell.strip())}
        if not self._has_required(number, raw):
            return None
        values = {name: _split(text) if self.columns[name].is_list else text for name, text in raw.items()}
        try:
            value = msgspec.convert(values, self.struct_type, strict=False)
            self._check_finite(value)
            return value
        except (msgspec.ValidationError, ValueError) as error:
            self._explain(number, values, error)
            return None

    def _has_required(self, number: int, raw: dict[str, str]) -> bool:
        empty = [column for column in self.columns.values() if column.required and column.name not in raw]
        for column in empty:
            message = f"is empty; allowed: {allowed(column.type)}"
            self.report.error(self.name, number, column.name, message, code="required")
        return not empty

    def _check_finite(self, value: T) -> None:
        """`nan` and `inf` are numbers to Python, never to a table."""
        if any(isinstance(number := getattr(value, name), float) and not isfinite(number) for name in self.fields):
            raise ValueError("not a finite number")

    def _explain(self, number: int, values: dict[str, Any], error: Exception) -> None:
        """The row failed as a whole: look at each cell to name all that are wrong."""
        before = self.report.total_errors
        for name, value in values.items():
            annotation = self.columns[name].type
            try:
                converted = msgspec.convert(value, annotation, strict=False)
                if isinstance(converted, float) and not isfinite(converted):
                    raise ValueError(value)
            except (msgspec.ValidationError, ValueError):
                shown = ";".join(value) if isinstance(value, list) else value
                message = f"is `{shown[:80]}`; allowed: {allowed(annotation)}"
                self.report.error(self.name, number, name, message, code="not_allowed")
        if self.report.total_errors == before:  # raised by the struct itself: a rule over several columns
            message, _, _ = str(error).partition(" - at ")
            self.report.error(self.name, number, "", message, code="not_allowed")


def _column(field: msgspec.structs.FieldInfo) -> _Column:
    return _Column(field.encode_name, field.type, field.required, _is_list(shapes.type_info(field.type)))


def _is_list(kind: shapes.Type) -> bool:
    if isinstance(kind, shapes.Metadata):
        return _is_list(kind.type)
    if isinstance(kind, shapes.UnionType):
        return any(_is_list(part) for part in kind.types)
    return isinstance(kind, (shapes.CollectionType, shapes.VarTupleType))


def _split(text: str) -> list[str]:
    return [part for piece in text.replace("；", ";").split(";") if (part := piece.strip())]


def _check_unique(name: str, found: Iterable[Row[T]], unique: Sequence[str], report: PackReport) -> None:
    if not unique:
        return
    first: dict[tuple[Any, ...], int] = {}
    for row in found:
        key = tuple(getattr(row.value, column) for column in unique)
        if (earlier := first.setdefault(key, row.number)) != row.number:
            shown = ", ".join(str(part) for part in key)
            report.error(
                name, row.number, unique[0], f"`{shown}` stands already in row {earlier}; it must be unique", code="repeated"
            )
