"""Pictures: judged by content, bounded before they are decoded, re-encoded without metadata, kept by the hash of what was sent.

What a picture says about itself (when, where) is read first and kept beside it; the stored bytes say nothing. The work is done
in a small pool of threads (Pillow lets go of the interpreter while it decodes), never on the loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
from PIL import ExifTags, Image, ImageOps

from storage.errors import Invalid

__all__ = ["BadPicture", "Picture", "PictureReader", "read_picture"]

MEDIA_LIMIT = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE = 2_560
THUMB_SIDE = 320
_FORMATS = ("JPEG", "PNG", "WEBP")
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning)


class BadPicture(Invalid):
    """The bytes are not a picture that is taken; raised by `read_picture`, the code says why."""

    code = "not_a_picture"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture ready to be stored: bytes without metadata, a small one for lists, and what the original told.

    `taken_at` is the camera's clock without a zone (as text), `lon`, `lat` are WGS-84 degrees.
    """

    data: bytes
    thumb: bytes
    content_type: str
    width: int
    height: int
    taken_at: str | None = None
    lon: float | None = None
    lat: float | None = None


def read_picture(raw: bytes) -> Picture:
    """Return the picture in `raw`. Raises `BadPicture` for anything that is not JPEG, PNG or WebP, broken, or too many pixels."""
    _check_header(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=_FORMATS) as image:
                return _convert(image)
    except _BROKEN as error:
        raise BadPicture from error


def _check_header(raw: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=_FORMATS) as image:
                width, height = image.size
                image.verify()
    except _BROKEN as error:
        raise BadPicture from error
    if width * height > MAX_PIXELS:
        raise BadPicture(code="too_many_pixels", limit=MAX_PIXELS)


def _convert(image: Image.Image) -> Picture:
    taken_at, position = _told(image)
    upright = ImageOps.exif_transpose(image)
    plain = upright.convert("RGB") if upright.mode != "RGB" else upright
    plain.thumbnail((MAX_SIDE, MAX_SIDE))
    small = plain.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE))
    return Picture(
        data=_jpeg(plain, 85),
        thumb=_jpeg(small, 75),
        content_type="image/jpeg",
        width=plain.width,
        height=plain.height,
        taken_at=taken_at,
        lon=position[0] if position else None,
        lat=position[1] if position else None,
    )


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes(image.mode, image.size, image.tobytes()).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _told(image: Image.Image) -> tuple[str | None, tuple[float, float] | None]:
    try:
        exif = image.getexif()
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
        return _moment(taken), _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except (*_BROKEN, KeyError, TypeError):  # damaged metadata say nothing; the picture itself may be good
        return None, None


def _moment(value: Any) -> str | None:
    try:
        return datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return None


def _position(gps: dict[int, Any]) -> tuple[float, float] | None:
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef] in ("S", b"S"))
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef] in ("W", b"W"))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (lon, lat) if math.isfinite(lon + lat) and abs(lon) <= 180 and abs(lat) <= 90 else None


def _degrees(parts: Any, negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return round(-value if negative else value, 7)


class PictureReader:
    """Reads pictures off the loop, two at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")

    async def read(self, raw: bytes, sha256: str) -> Picture:
        """Return the picture. Raises `BadPicture`, with code `hash_mismatch` when `raw` has another SHA-256 (hex)."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _read, raw, sha256)

    def close(self) -> None:
        """Let what is being read end and take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _read(raw: bytes, sha256: str) -> Picture:
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise BadPicture(code="hash_mismatch")
    return read_picture(raw)
