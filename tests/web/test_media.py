"""Pictures by content."""

import hashlib
import io

import pytest
from PIL import ExifTags, Image

from web import media
from web.media import BadPicture, PictureReader, read_picture


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def with_position() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2026:11:21 16:29:10"
    exif[ExifTags.Base.Make] = "SecretCamera"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (26.0, 38.0, 49.2)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (106.0, 37.0, 48.0)
    return picture(exif=exif)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_read_picture_when_taken_then_becomes_a_jpeg_with_a_small_one(kind: str) -> None:
    read = read_picture(picture(kind, (4000, 100)))
    assert (read.content_type, read.width) == ("image/jpeg", media.MAX_SIDE)
    assert Image.open(io.BytesIO(read.thumb)).width == media.THUMB_SIDE


def test_read_picture_when_it_tells_time_and_place_then_read_and_stripped() -> None:
    raw = with_position()
    read = read_picture(raw)
    assert b"SecretCamera" in raw and b"SecretCamera" not in read.data and b"Exif" not in read.data
    assert read.taken_at == "2026-11-21T16:29:10" and (read.lon, read.lat) == (106.63, 26.647)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><script>alert(1)</script>",
        b"\xff\xd8\xff\xe0 not really",
        picture()[:200],
        picture("GIF"),
        picture("BMP"),
        b"PK\x03\x04" + picture(),
    ],
)
def test_read_picture_when_disguised_or_broken_then_refused(raw: bytes) -> None:
    with pytest.raises(BadPicture):
        read_picture(raw)


def test_read_picture_when_small_bytes_hold_too_many_pixels_then_refused_before_decoding() -> None:
    bomb = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(BadPicture):
        read_picture(bomb.getvalue())


async def test_reader_when_hash_is_anothers_then_refused() -> None:
    reader = PictureReader()
    raw = picture()
    assert (await reader.read(raw, hashlib.sha256(raw).hexdigest())).width == 64
    with pytest.raises(BadPicture) as caught:
        await reader.read(raw, hashlib.sha256(b"other").hexdigest())
    assert caught.value.code == "hash_mismatch"
    reader.close()
