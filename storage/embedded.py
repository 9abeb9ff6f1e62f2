"""The private mongod of an installation: one process on loopback with a password, as a replica set of one.

For trying out, for tests and for one small machine. `start` blocks until it takes writes. Everything lies in one folder
(`<data>/mongod`): database, log, key file, state with passwords (0600), pid. The order of the first start is closed, so that
nobody else on the machine can take the exception that lets the first user in: the first user is made over a Unix socket in a
folder of mode 0700, and only then a port is opened.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from storage.errors import StorageFailure, StorageUnavailable
from storage.mongod import Program, find_mongod, free_port, is_taken, spawn, stop_leftover

__all__ = ["Embedded", "find_mongod", "running_uri", "start"]

READY_SECONDS = 120.0  # recovery after a crash may read a long journal
STOP_SECONDS = 30.0
SET = "rs0"
_NOT_YET_INITIALIZED = 94
_PORT_TAKEN = 48  # mongod's exit code when it cannot listen


class State(msgspec.Struct, kw_only=True):
    """What the folder remembers. `complete` is written last: before that nobody was ever given the database."""

    port: int = 0
    member_port: int = 0  # the port in the configuration of the replica set
    root_password: str = ""
    password: str = ""
    complete: bool = False


def _uri_of(state: State) -> str:
    return f"mongodb://heyun:{quote(state.password)}@127.0.0.1:{state.port}/?replicaSet={SET}&authSource=admin"


def running_uri(data: Path) -> str | None:
    """Return the connection string of the private mongod of `data` while it runs for another process, else None."""
    path = data.absolute() / "mongod" / "state.json"
    if not path.exists():
        return None
    state = msgspec.json.decode(path.read_bytes(), type=State)
    return _uri_of(state) if state.complete and is_taken(state.port) else None


class Embedded:
    """A running private mongod. Use `uri` to connect; call `stop` at the end (after the service has stopped)."""

    def __init__(self, folder: Path, program: Program, cache_gb: float, lock: int) -> None:
        self._folder = folder
        self._program = program
        self._cache_gb = cache_gb
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._state = State()

    @property
    def uri(self) -> str:
        """The connection string, with the credentials of the application's user."""
        return _uri_of(self._state)

    @property
    def pid(self) -> int:
        """The process id of mongod."""
        return self._process.pid if self._process else 0

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._state.port

    @property
    def log(self) -> Path:
        """The log of mongod."""
        return self._folder / "mongod.log"

    @property
    def version(self) -> str:
        """The version of mongod."""
        return self._program.version

    def is_alive(self) -> bool:
        """Tell whether mongod runs; a supervisor calls `restart` when it does not."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Start it again after it died, with the same URI; returns when it takes writes. Nothing happens while it runs."""
        if self.is_alive():
            return
        self._serve(self._state.port)
        self._wait_writable()

    def stop(self) -> None:
        """Stop it in good order and give up the folder. Idempotent."""
        self._end()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    # -- starting

    def _open(self, port: int | None, database: str | None) -> None:
        self._state = self._load_state()
        if not self._state.complete:
            self._create()
        wanted = port or self._state.port
        self._serve_on(wanted, may_move=port is None)
        if self._state.member_port != self._state.port:
            self._configure_set()
        self._wait_writable()
        self._make_user(database)
        if not self._state.complete:
            self._state.complete = True
            self._save_state()

    def _load_state(self) -> State:
        path, data = self._folder / "state.json", self._folder / "db"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=State)
        if data.exists() and any(data.iterdir()):
            raise StorageFailure(f"{data} holds a database but {path} is missing; put it back or move the database away")
        return State()

    def _save_state(self) -> None:
        path = self._folder / "state.json"
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self._state))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def _create(self) -> None:
        """Make the database and its root user over a Unix socket that only we can reach."""
        shutil.rmtree(self._folder / "db", ignore_errors=True)  # of a first start that was broken off
        (self._folder / "db").mkdir(mode=0o700)
        self._state = State(root_password=secrets.token_urlsafe(32), password=secrets.token_urlsafe(32))
        self._save_state()
        key = self._folder / "keyfile"
        key.unlink(missing_ok=True)
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(96)))
        with tempfile.TemporaryDirectory(prefix="heyun-") as private:  # 0700; a path in the data folder may be too long
            path = f"{private}/mongod.sock"
            self._launch(["--auth", "--bind_ip", path, "--unixSocketPrefix", private])
            with self._client(quote(path, safe="")) as client:
                self._until(lambda: bool(client.admin.command("ping")))
                client.admin.command("createUser", "root", pwd=self._state.root_password, roles=["root"])
            self._end()

    def _serve_on(self, port: int, *, may_move: bool) -> None:
        """Listen on the port (0: any); on another one when it is taken and nobody asked for this very one."""
        for _attempt in range(5):
            chosen = port or free_port()
            if not is_taken(chosen):
                try:
                    return self._serve(chosen)
                except PortTakenError:
                    port = port if not may_move else 0
                    continue
            if not may_move:
                break
            port = 0
        raise StorageUnavailable(f"port {port} on 127.0.0.1 is taken by another program; choose another one")

    def _serve(self, port: int) -> None:
        listen = ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
        self._launch(["--replSet", SET, "--keyFile", str(self._folder / "keyfile"), *listen])
        with self._client(f"127.0.0.1:{port}") as client:
            self._until(lambda: bool(client.admin.command("hello")))
        if self._state.port != port:
            self._state.port = port
            self._save_state()

    def _configure_set(self) -> None:
        """Initiate the set, or tell it by force that its only member has moved to another port."""
        with self._root() as client:
            self._until(lambda: self._configure_member(client))
        self._state.member_port = self._state.port
        self._save_state()

    def _configure_member(self, client: MongoClient[Any]) -> bool:
        """Configure the one member; False while mongod is still reading the configuration that it has."""
        member = {"_id": 0, "host": f"127.0.0.1:{self._state.port}"}
        try:
            config = client.local["system.replset"].find_one({})
            if config is None:
                client.admin.command("replSetInitiate", {"_id": SET, "members": [member]})
            else:
                config |= {"members": [member], "version": config["version"] + 1}
                client.admin.command("replSetReconfig", config, force=True)
        except OperationFailure as error:
            if error.code == _NOT_YET_INITIALIZED:
                return False
            raise StorageFailure(f"the replica set cannot be configured: {error}") from error
        return True

    def _wait_writable(self) -> None:
        with self._client(f"127.0.0.1:{self._state.port}") as client:
            self._until(lambda: bool(client.admin.command("hello").get("isWritablePrimary")))

    def _make_user(self, database: str | None) -> None:
        """Give the application's user its present password and roles: on one database, or on all of this private server."""
        any_database: list[Any] = ["readWriteAnyDatabase", "dbAdminAnyDatabase"]
        one = [{"role": role, "db": database} for role in ("readWrite", "dbAdmin")]
        arguments: dict[str, Any] = {
            "pwd": self._state.password,
            "roles": [*(one if database else any_database), "clusterMonitor"],
        }
        with self._root() as client:
            try:
                client.admin.command("updateUser" if self._state.complete else "createUser", "heyun", **arguments)
            except OperationFailure as error:
                raise StorageFailure(f"the user of the application cannot be made: {error}") from error

    # -- the process

    def _launch(self, arguments: list[str]) -> None:
        common = ["--dbpath", str(self._folder / "db"), "--logpath", str(self.log), "--logappend", "--noscripting"]
        common += ["--wiredTigerCacheSizeGB", str(max(self._cache_gb, 0.25)), "--oplogSize", "1024"]
        common += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        # Many small index entries a case dirty many pages: let them gather in the cache between checkpoints (the journal is
        # what makes a write safe) in place of being written again and again.
        common += ["--wiredTigerEngineConfigString", "eviction_dirty_target=20,eviction_dirty_trigger=40"]
        self._process = spawn(self._program, common + arguments, self._folder / "mongod.out")
        (self._folder / "mongod.pid").write_text(f"{self._process.pid}\n")

    def _end(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        (self._folder / "mongod.pid").unlink(missing_ok=True)

    def _until(self, done: Callable[[], bool]) -> None:
        """Wait until `done`, or until mongod has ended, or the time is up."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if done():
                    return
            except PyMongoError as error:
                last: object = error
            else:
                last = "it is not ready yet"
            self._raise_if_ended()
            time.sleep(0.02)
        raise StorageUnavailable(f"mongod was not ready after {READY_SECONDS:.0f} s ({last}); see {self.log}")

    def _raise_if_ended(self) -> None:
        code = None if self._process is None else self._process.poll()
        if code is None:
            return
        if code == _PORT_TAKEN:
            raise PortTakenError("the port of the private mongod is taken")
        raise StorageUnavailable(f"mongod ended with code {code}: {_last_reason(self.log)}; see {self.log}")

    def _client(self, address: str, credentials: str = "") -> MongoClient[Any]:
        options = "directConnection=true&serverSelectionTimeoutMS=250&connectTimeoutMS=2000&authSource=admin"
        return MongoClient(f"mongodb://{credentials}{address}/?{options}", appname="heyun-embedded")

    def checkpoint(self) -> None:
        """Have the server write everything out to its data files now."""
        with self._root() as client:
            client.admin.command("fsync")

    def _root(self) -> MongoClient[Any]:
        return self._client(f"127.0.0.1:{self._state.port}", f"root:{quote(self._state.root_password)}@")


class PortTakenError(StorageUnavailable):
    """Another program listens on the port; raised while starting."""


def start(
    data: Path,
    *,
    mongod: str | None = None,
    cache_gb: float = 0.5,
    port: int | None = None,
    database: str | None = None,
) -> Embedded:
    """Start the private mongod of the folder `data` and return it when it takes writes (about 2 s the first time, 1 s later).

    `mongod` is the program to use (else found), `cache_gb` its cache in GB, `port` the port (else the one of last time, or a
    free one), `database` limits the application's user to this database. A mongod that an earlier start has left behind is
    stopped first. Raises `MongodNotFound`, `StorageUnavailable` or `StorageFailure`, each with what to do.
    """
    folder = data.absolute() / "mongod"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _take(folder)
    embedded: Embedded | None = None
    try:
        program = find_mongod(mongod, scratch=folder / "lib")
        stop_leftover(folder, STOP_SECONDS)
        embedded = Embedded(folder, program, cache_gb, lock)
        embedded._open(port, database)
    except BaseException:
        if embedded is not None:
            embedded.stop()
        else:
            os.close(lock)
        raise
    return embedded


def _take(folder: Path) -> int:
    """Take the folder for this process; the kernel gives it back when the process ends."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StorageUnavailable(f"{folder} is in use by another running Heyun; stop that one first") from None
    return lock


def _last_reason(log: Path) -> str:
    """Return the last error that mongod logged, in its own words."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-200:]
    except OSError:
        return "no log was written"
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("s") in {"E", "F"}:
            return f"{entry.get('msg')} {json.dumps(entry.get('attr', {}))[:300]}"
    return "no error was logged"
