"""What leads outside: `channels.toml`, read once at start. Without the file nothing is sent outside.

Every key is explained in docs/howto/notices-outside.md. A wrong one stops the start with its name and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from dispatch.outside.filling import placeholders
from dispatch.outside.networks import Network, is_reachable, literal, parse_networks
from storage.errors import FieldError, Invalid

__all__ = [
    "SMS_PLACEHOLDERS", "WECOM", "GeocoderSettings", "Language", "MailSettings", "OutsideSettings", "RobotSettings", "SmsAnswer",
    "SmsSettings", "Target", "WebhookSettings", "WecomSettings", "load",
]  # fmt: skip

WECOM = "https://qyapi.weixin.qq.com"
SMS_PLACEHOLDERS = ("phone", "text", "title", "id", "kind", "case_no", "urgency", "link", "timestamp")

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Secret = Annotated[str, msgspec.Meta(min_length=16, max_length=500)]
_SENDER = r"^([^<>\r\n]{1,60} )?<?[^\s<>@]+@[^\s<>@]+>?$"
_NAME = r"^[a-z][a-z0-9-]{0,39}$"
_HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,59}$"
_KEY = r"^(\*|[a-z_]+:[^\s:]+)$"
Name = Annotated[str, msgspec.Meta(pattern=_NAME)]
Header = Annotated[str, msgspec.Meta(pattern=_HEADER)]
Key = Annotated[str, msgspec.Meta(pattern=_KEY)]
Some = msgspec.Meta(min_length=1)
Language = Literal["zh-CN", "en"]
Security = Literal["starttls", "tls", "none"]
Style = Literal["markdown", "text"]
_WORDS = {  # what msgspec says → what is allowed
    repr(_SENDER)[1:-1]: "a mail address, with a name before it if you like: 和云 <heyun@city.gov.cn>",
    repr(_NAME)[1:-1]: "small letters, digits and -",
    repr(_HEADER)[1:-1]: "the name of a header",
    repr(_KEY)[1:-1]: "* or an address like dispatcher:* or u:CODE",
}
Geocoder = Literal["tianditu", "amap"]
_ONE_OF = {
    "language": get_args(Language), "security": get_args(Security), "style": get_args(Style), "name": get_args(Geocoder),
}  # fmt: skip


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: a key that does not exist is an error, not a silent nothing."""


class MailSettings(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[email]`: the mail server that takes our messages."""

    host: Text
    sender: Annotated[str, msgspec.Meta(pattern=_SENDER)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: Security = "starttls"
    username: str = ""
    password: str = ""
    ca_file: str = ""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a password that would travel in the clear."""
        if self.password and self.security == "none":
            raise ValueError("security: `none` with a password; allowed: starttls or tls")


class SmsAnswer(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sms.answer]`: where code and message id lie in the gateway's JSON (dotted), which codes mean taken and which never."""

    code: Text = "code"
    id: str = ""
    ok: Annotated[tuple[str, ...], Some] = ("0",)
    refused: tuple[str, ...] = ()


class SmsSettings(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sms]`: an HTTP gateway. `fields` is the JSON that it takes, with placeholders."""

    url: Text
    secret: Secret
    fields: Annotated[dict[str, Any], Some]
    headers: dict[Header, Text] = {}
    signature_header: Header = "X-Signature"
    timestamp_header: Header = "X-Timestamp"
    answer: SmsAnswer = SmsAnswer()

    def __post_init__(self) -> None:
        """Raise `ValueError` for a placeholder that does not exist, and when the number would be nowhere."""
        named = {name for text in _texts(self.fields) for name in placeholders(text)}
        if unknown := sorted(named - set(SMS_PLACEHOLDERS)):
            raise ValueError(f"fields: `{{{unknown[0]}}}`; one of {', '.join(SMS_PLACEHOLDERS)}")
        if "phone" not in named:
            raise ValueError("fields: `{phone}` is in none of them")


class WecomSettings(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[wecom]`: an application of WeCom that writes to single people."""

    corpid: Text
    corpsecret: Text
    agentid: int
    api: Text = WECOM


class Target(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is no person: gets the notices that go to one of the addresses `keys` and are of one of the `kinds`.

    `quiet_hours`: what is not urgent waits for working hours.
    """

    name: Name
    keys: Annotated[tuple[Key, ...], Some]
    kinds: Annotated[tuple[Text, ...], Some] = ("*",)
    language: Language = "zh-CN"
    quiet_hours: bool = False


class RobotSettings(Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[robots]]`: the robot of a WeCom group."""

    key: Text
    style: Style = "markdown"
    api: Text = WECOM


class WebhookSettings(Target, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[webhooks]]`: another system that is told by signed requests."""

    url: Text
    secret: Secret


class GeocoderSettings(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[geocoders]]`: a service that is asked where an address is, when somebody wishes. `city` narrows what it looks at."""

    name: Geocoder
    key: Text
    city: Annotated[str, msgspec.Meta(max_length=40)] = ""
    api: str = ""


class OutsideSettings(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `networks` are the private networks that may be reached."""

    base_url: str = ""
    private_networks: tuple[str, ...] = ()
    templates: str = ""
    email: MailSettings | None = None
    sms: SmsSettings | None = None
    wecom: WecomSettings | None = None
    robots: tuple[RobotSettings, ...] = ()
    webhooks: tuple[WebhookSettings, ...] = ()
    geocoders: tuple[GeocoderSettings, ...] = ()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The private networks that may be reached."""
        return parse_networks(self.private_networks)

    @property
    def is_on(self) -> bool:
        """Tell whether any channel is configured."""
        return any((self.email, self.sms, self.wecom, self.robots, self.webhooks))


def load(path: Path, *, required: bool = False) -> OutsideSettings:
    """Read the file; without one nothing leads outside. Raises `Invalid` that names what is wrong and what is allowed."""
    try:
        if path.stat().st_mode & 0o077:
            raise Invalid(f"{path} holds secrets and may be read by others; run: chmod 600 {path}", code="channels")
        settings = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), OutsideSettings)
    except FileNotFoundError:
        if required:
            raise Invalid(f"{path}: there is no such file", code="channels") from None
        return OutsideSettings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}", code="channels") from None
    except msgspec.ValidationError as error:
        raise _refusal(path, [FieldError(*_field_and_rest(str(error)))]) from None
    if problems := list(_problems(settings)):
        raise _refusal(path, problems)
    return settings


def _refusal(path: Path, errors: list[FieldError]) -> Invalid:
    said = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return Invalid(f"{path}: {said}", code="channels", errors=errors)


def _field_and_rest(text: str) -> tuple[str, str, str]:
    """msgspec says what is allowed, then where."""
    what, _, where = text.partition(" - at `$")
    field = where.removesuffix("`").lstrip(".")
    words = [words for pattern, words in _WORDS.items() if pattern in what]
    if what.startswith("Invalid enum value"):
        words.append(f"one of {', '.join(_ONE_OF[field.rpartition('.')[2]])}")
    return field or "channels", "invalid", "; allowed: ".join([what.partition(" matching regex")[0], *words])


def _problems(settings: OutsideSettings) -> Iterator[FieldError]:
    """Give what only the whole file can tell."""
    try:
        networks = settings.networks
    except ValueError as error:
        yield FieldError("private_networks", "invalid", str(error))
        return
    for field, url in _urls(settings):
        if problem := _url_problem(url, networks):
            yield FieldError(field, "invalid", problem)
    for kind, targets in (
        ("robots", settings.robots),
        ("webhooks", settings.webhooks),
        ("geocoders", settings.geocoders),
    ):
        twice = [name for name, count in Counter(target.name for target in targets).items() if count > 1]
        if twice:
            yield FieldError(f"{kind}.name", "twice", f"`{twice[0]}` is there twice")


def _urls(settings: OutsideSettings) -> Iterator[tuple[str, str]]:
    if settings.base_url:
        yield "base_url", settings.base_url
    if settings.sms:
        yield "sms.url", settings.sms.url
    if settings.wecom:
        yield "wecom.api", settings.wecom.api
    for robot in settings.robots:
        yield f"robots.{robot.name}.api", robot.api
    for hook in settings.webhooks:
        yield f"webhooks.{hook.name}.url", hook.url
    for geocoder in settings.geocoders:
        if geocoder.api:
            yield f"geocoders.{geocoder.name}.api", geocoder.api


def _url_problem(url: str, networks: tuple[Network, ...]) -> str | None:
    """What goes over the network in the clear stays in a network that the file names."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "allowed: an address like https://host/path"
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.fragment:
        return "allowed: an address like https://host/path"
    address = literal(host)
    if address is not None and not is_reachable(address, networks):
        return f"`{host}` is in a private network that private_networks does not name"
    if parts.scheme == "http" and (address is None or address.is_global):
        return "allowed: https://…; http://… only for addresses in private_networks"
    return None


def _texts(value: Any) -> Iterator[str]:
    """Give every text in a JSON template."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
