"""The font of certificates: a TrueType font of the machine, of which the document takes along the characters that it shows.

Where there is none, or a character is missing in it, the document names Adobe's GB1 collection (`STSong-Light`) instead, which
readers of PDF have or replace: then it looks a little different everywhere (ADR 20).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["FILES", "VIEWERS", "font_for"]

log = logging.getLogger(__name__)

VIEWERS = "STSong-Light"
FILES = (  # of the packages fonts-wqy-microhei (Apache-2.0, 5 MB) and fonts-droid-fallback (Apache-2.0, 4 MB)
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
)


def font_for(texts: Iterable[str], files: Sequence[Path] = FILES) -> str:
    """Return the name of a font, known to ReportLab from now on, that shows all these texts: the first of the files that has
    every character, else the viewer's own."""
    from reportlab.pdfbase import pdfmetrics  # heavy: only where a certificate is made
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    wanted = {ord(character) for text in texts for character in text}
    for path in files:
        font = _opened(path)
        if font is not None and wanted <= font.face.charToGlyph.keys():
            return str(font.fontName)
    pdfmetrics.registerFont(UnicodeCIDFont(VIEWERS))
    return VIEWERS


@lru_cache(maxsize=8)
def _opened(path: Path) -> Any:
    """Read a font once; None for one that is not there or cannot be read."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    if not path.is_file():
        return None
    try:
        font = TTFont(path.stem, str(path))
    except (TTFError, OSError):
        log.warning("%s is no TrueType font that certificates can take along", path)
        return None
    pdfmetrics.registerFont(font)
    return font
