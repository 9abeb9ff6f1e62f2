"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DIST", "ROOT", "UI", "VENV", "VENV_PYTHON"]

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
UI = ROOT / "web" / "ui"
DIST = UI / "dist"
