"""A certificate as a PDF of one page, A4 across, in Chinese. Pure but for the font, and slow: call it in a thread."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from orgs.certificate_font import FILES, font_for
from orgs.certificates import Certificate

__all__ = ["pdf_of"]

_DRAWING = Lock()  # a font that is read for two documents at once would mix them up
RED, INK, GREY = (0.72, 0.11, 0.11), (0.13, 0.13, 0.13), (0.42, 0.42, 0.42)
TITLE = "志愿服务证明"
Line = tuple[str, float, float, tuple[float, float, float]]  # text, height on the page, size, colour
WIDEST = 620.0  # points; a longer name is set smaller


def pdf_of(certificate: Certificate, *, city: str, zone: ZoneInfo, address: str, fonts: Sequence[Path] = FILES) -> bytes:
    """Return the PDF; `address` is where the code can be checked. It takes along the first of the `fonts` that has all its
    characters."""
    lines, notes = _lines(certificate, city, zone), _notes(certificate, address)
    with _DRAWING:
        return _drawn(lines, notes, f"{TITLE} {certificate.number}", city, fonts)


def _drawn(lines: Sequence[Line], notes: Sequence[str], title: str, author: str, fonts: Sequence[Path]) -> bytes:
    from reportlab.lib.pagesizes import A4, landscape  # heavy: only where a certificate is made
    from reportlab.pdfgen.canvas import Canvas

    font = font_for([*(line[0] for line in lines), *notes], fonts)
    out = io.BytesIO()
    width, height = landscape(A4)
    page = Canvas(out, pagesize=(width, height), invariant=1)
    page.setTitle(title)
    page.setAuthor(author)
    _frame(page, width, height)
    for text, y, size, colour in lines:
        widest = page.stringWidth(text, font, size)
        page.setFont(font, size * min(1.0, WIDEST / widest) if widest else size)
        page.setFillColorRGB(*colour)
        page.drawCentredString(width / 2, y, text)
    page.setFont(font, 10)
    page.setFillColorRGB(*GREY)
    number, code, checked = notes
    page.drawString(60, 62, number)
    page.drawRightString(width - 60, 78, code)
    page.drawRightString(width - 60, 62, checked)
    page.showPage()
    page.save()
    return out.getvalue()


def _frame(page: Any, width: float, height: float) -> None:
    page.setStrokeColorRGB(*RED)
    page.setLineWidth(3)
    page.rect(28, 28, width - 56, height - 56)
    page.setLineWidth(0.8)
    page.rect(36, 36, width - 72, height - 72)


def _notes(certificate: Certificate, address: str) -> tuple[str, str, str]:
    return f"编号 {certificate.number}", f"验证码 {_grouped(certificate.code)}", f"核验 {address}"


def _lines(found: Certificate, city: str, zone: ZoneInfo) -> list[Line]:
    if found.volunteer:
        return _lines_of_volunteer(found, city, zone)
    period = f"{_day(found.first_day)}至{_day(found.last_day)}"
    done = f"确认 {found.tasks} 次，服务 {found.hours:g} 小时，累计积分 {found.points} 分"
    stars = f"，达到{'一二三四五六七八九'[found.stars - 1]}星" if 0 < found.stars <= 9 else ""
    return [
        (TITLE, 470, 40, RED),
        (found.name, 390, 28, INK),
        (f"在{period}期间，参与{city}社会治理协作服务，", 330, 18, INK),
        (f"经受助居民或主办单位{done}{stars}。", 296, 18, INK),
        *_end(found, city, zone),
    ]


def _lines_of_volunteer(found: Certificate, city: str, zone: ZoneInfo) -> list[Line]:
    """The name is written in by the organization, which alone knows who has the number."""
    period = f"{_day(found.first_day)}至{_day(found.last_day)}"
    stars = f"，累计达到{'一二三四五六七八九'[found.stars - 1]}星" if 0 < found.stars <= 9 else ""
    return [
        (TITLE, 470, 40, RED),
        (f"姓名＿＿＿＿＿＿　志愿者编号 {found.volunteer}", 400, 24, INK),
        ("姓名由组织填写并盖章", 374, 11, GREY),
        (f"在{period}期间，由{found.name}组织，", 336, 18, INK),
        (f"参与{city}社会治理协作服务，经受助居民或主办单位", 302, 18, INK),
        (f"确认 {found.tasks} 次，服务 {found.hours:g} 小时{stars}。", 268, 18, INK),
        *_end(found, city, zone),
    ]


def _end(found: Certificate, city: str, zone: ZoneInfo) -> list[Line]:
    return [
        ("特此证明，谨致谢意。", 234 if found.volunteer else 262, 18, INK),
        (city, 176, 16, INK),
        (_day(found.issued_at.astimezone(zone).date()), 150, 16, INK),
    ]


def _day(day: object) -> str:
    year, month, date = str(day).split("-")
    return f"{year}年{int(month)}月{int(date)}日"


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
