"""What certificates look like on any machine: the font goes along where there is one that has every character."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
import reportlab

from orgs.certificate_font import FILES, VIEWERS, font_for
from orgs.certificate_pdf import pdf_of
from orgs.certificates import Certificate
from tests.orgs.parties import NOON

LATIN = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
MADE = Certificate(
    code="ABCDEFGHIJKLMNOP", number="XG-1", organization="O1", name="南明志愿服务队", first_day=date(2026, 1, 1),
    last_day=date(2026, 12, 31), since=NOON, until=NOON, tasks=3, hours=103.5, points=75, stars=1, issued_at=NOON,
    issued_by="sys_admin",
)  # fmt: skip
OF_VOLUNTEER = msgspec.structs.replace(MADE, volunteer="V-0012", points=0)


def drawn(certificate: Certificate, *fonts: Path) -> bytes:
    """Draw a certificate of the small city."""
    return pdf_of(certificate, city="小贵阳", zone=ZoneInfo("Asia/Shanghai"), address="https://example.org/x", fonts=fonts)


def test_font_when_it_has_every_character_then_taken_and_otherwise_the_next_or_the_viewers(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"not a font")
    assert font_for(["Heyun 2026"], [tmp_path / "none.ttf", broken, LATIN]) == "Vera"
    assert font_for(["Heyun 和云"], [LATIN]) == VIEWERS
    assert font_for(["Heyun"], []) == VIEWERS


def test_certificates_when_the_font_lacks_a_character_then_drawn_with_the_viewers() -> None:
    for certificate in (MADE, OF_VOLUNTEER):
        pdf = drawn(certificate, LATIN)
        assert pdf.count(b"/Type /Page\n") == 1 and VIEWERS.encode() in pdf and b"/FontFile2" not in pdf
    assert drawn(MADE) != drawn(OF_VOLUNTEER)


@pytest.mark.skipif(
    not any(path.is_file() for path in FILES), reason="no Chinese TrueType font: apt-get install fonts-wqy-microhei"
)
def test_certificates_when_a_chinese_font_is_there_then_take_along_what_they_show_and_are_the_same_bytes() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: drawn(one, *FILES), [MADE, OF_VOLUNTEER] * 8))
    assert set(found[::2]) == {found[0]} and set(found[1::2]) == {found[1]}, "however many are drawn at once"
    assert all(b"/FontFile2" in pdf and VIEWERS.encode() not in pdf and len(pdf) < 200_000 for pdf in found)
