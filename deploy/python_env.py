"""The project's own Python environment in `.venv`: made where `venv` or `pip` is missing too, complete or not at all."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from deploy import interpreters
from deploy.paths import ROOT, VENV, VENV_PYTHON
from deploy.steps import Missing, apt_install, digest, is_root, run, step

__all__ = ["ensure"]

VENV_REMEDY = "Python's venv is missing: run 'apt-get install python3-venv' as root, then the same command again."


def ensure(*, dev: bool) -> None:
    """Have `.venv` with the pinned packages (with those for tests and linters when `dev`)."""
    wanted_files = [ROOT / "requirements.txt"] + ([ROOT / "requirements-dev.txt"] if dev else [])
    stamp = VENV / f".heyun-complete-{'dev' if dev else 'run'}"
    wanted = digest(wanted_files) + sys.version.split()[0]
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not _is_whole():
        with step("Python environment"):
            _make()
    with step("Python packages"):
        remedy = "Python packages could not be fetched: check the index settings (PIP_INDEX_URL or pip.conf)."
        install = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted_files[-1]]
        run(install, remedy=remedy)
    stamp.write_text(wanted)


def _is_whole() -> bool:
    """A folder that a failed `venv` left behind has no working pip."""
    if not VENV_PYTHON.exists():
        return False
    return subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _make() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    chosen = interpreters.chosen()
    if _try_venv(chosen) or (chosen != sys.executable and _try_venv(sys.executable)):
        return
    if is_root() and _install_venv() and _try_venv(sys.executable):
        return
    _make_without_pip()


def _try_venv(python: str) -> bool:
    done = subprocess.run([python, "-m", "venv", str(VENV)], capture_output=True, check=False)
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
    return done.returncode == 0


def _install_venv() -> bool:
    apt_install("python3-venv")
    return True


def _make_without_pip() -> None:
    """As an ordinary user on a machine without python3-venv: an environment without pip, then pip's wheel from the index."""
    run([sys.executable, "-m", "venv", "--without-pip", VENV], remedy=VENV_REMEDY)
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        run([sys.executable, "-m", "pip", "--python", VENV_PYTHON, "install", "--quiet", "pip"], remedy=VENV_REMEDY)
        return
    index = _configured_index()
    if not index:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Missing(VENV_REMEDY)
    with tempfile.TemporaryDirectory() as folder:
        wheel = _fetch_pip(index, Path(folder))
        run([VENV_PYTHON, f"{wheel}/pip", "install", "--quiet", "--no-index", wheel], remedy=VENV_REMEDY)


def _configured_index() -> str | None:
    """Return the package index that pip is configured with, by variable or file, or None."""
    if index := os.environ.get("PIP_INDEX_URL"):
        return index
    home = Path.home()
    candidates = [os.environ.get("PIP_CONFIG_FILE"), home / ".config/pip/pip.conf", home / ".pip/pip.conf", "/etc/pip.conf"]
    for path in candidates:
        if not path:
            continue
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(path)
        for section in ("global", "install"):
            if index := parser.get(section, "index-url", fallback=None):
                return index
    return None


def _fetch_pip(index: str, folder: Path) -> Path:
    """Fetch the newest stable wheel of pip from a simple index."""
    page_url = f"{index.rstrip('/')}/pip/"
    page = urllib.request.urlopen(page_url, timeout=60).read().decode()  # noqa: S310  the user's configured index
    links = re.findall(r'href="([^"]+/)?(pip-(\d+(?:\.\d+)*)-py3-none-any\.whl)([^"]*)"', page)
    if not links:
        raise Missing(VENV_REMEDY)
    prefix, name, _, suffix = max(links, key=lambda link: [int(part) for part in link[2].split(".")])
    wheel = folder / name
    url = urllib.parse.urljoin(page_url, f"{prefix}{name}{suffix}")
    wheel.write_bytes(urllib.request.urlopen(url, timeout=120).read())  # noqa: S310
    return wheel
