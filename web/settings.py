"""All options of an installation in one typed object, read once at start from the environment (`HEYUN_*`).

No other module reads the environment. A bad value stops the start with the name of the option and what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from storage.errors import FieldError, Invalid

__all__ = ["Settings", "environment", "load"]


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options; the environment variable of an option is `HEYUN_` and its name in capitals."""

    mongodb_uri: str | None = _option(None, "Connection string of a replica set; unset: the private mongod of this installation.")
    mongod: str | None = _option(None, "Path of the mongod program for the private database; unset: found or fetched.")
    driver: str = _option("motor", "Driver for MongoDB: motor or pymongo (its asynchronous client).")
    database: str = _option("heyun", "Name of the database.")
    data: Path = _option(Path(".heyun"), "Folder of everything that belongs to this installation and is not in the database.")
    host: str = _option("127.0.0.1", "Address to listen on. While demo accounts exist only a loopback address is taken.")
    port: int = _option(8888, "Port to listen on.")
    processes: int = _option(1, "Number of service processes that share the port.")
    pack: str = _option("guiyang", "City pack to load when the database is empty: a name under cities/ or a folder.")
    secret_file: Path | None = _option(
        None, "File with the keys that encrypt personal data (0600); unset: keys.json in the data folder."
    )
    channels: Path | None = _option(
        None, "File of the channels that lead outside (0600); unset: channels.toml in the data folder, if it is there."
    )
    certificate_font: Path | None = _option(
        None,
        "TrueType font (.ttf, .ttc) for certificates; unset: WenQuanYi Micro Hei or Droid Sans Fallback where installed.",
    )
    open311_jurisdiction: str = _option("", "Jurisdiction id that Open311 answers under; empty: the city's code.")

    @property
    def keys(self) -> Path:
        """Where the encryption keys lie: outside the database and its backups."""
        return self.secret_file or self.data / "keys.json"

    @property
    def channels_file(self) -> Path:
        """Where the channels that lead outside are configured; only a file that was named has to exist."""
        return self.channels or self.data / "channels.toml"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the options from the environment; raises `Invalid` that names each bad one."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for option in fields(Settings):
        raw = environ.get(f"HEYUN_{option.name.upper()}")
        if raw is None or raw == "":
            continue
        try:
            values[option.name] = _parse(option.name, raw)
        except ValueError as error:
            errors.append(FieldError(field=f"HEYUN_{option.name.upper()}", code="invalid", message=str(error)))
    if errors:
        raise Invalid("; ".join(f"{error.field}: {error.message}" for error in errors), code="settings", errors=errors)
    return Settings(**values)


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which `load` makes these settings again: what a service process is started with.

    >>> environment(load({"HEYUN_PORT": "9000"}))["HEYUN_PORT"]
    '9000'
    """
    values = {option.name: getattr(settings, option.name) for option in fields(Settings)}
    return {f"HEYUN_{name.upper()}": str(value) for name, value in values.items() if value not in (None, "")}


def _parse(name: str, raw: str) -> Any:
    if name in {"port", "processes"}:
        number, most = int(raw), 65535 if name == "port" else 64
        if not 1 <= number <= most:
            raise ValueError(f"a number from 1 to {most}, not {raw}")
        return number
    if name in {"data", "secret_file", "channels", "certificate_font"}:
        path = Path(raw).expanduser().absolute()
        if name == "certificate_font" and not path.is_file():
            raise ValueError(f"a font file, not {raw}")
        return path
    if name == "driver" and raw not in {"motor", "pymongo"}:
        raise ValueError(f"motor or pymongo, not {raw}")
    return raw
