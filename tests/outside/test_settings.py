"""channels.toml: absent it is nothing, right it is typed, wrong it stops the start with the field and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.outside.channels import open_channels
from dispatch.outside.service import load_templates
from dispatch.outside.settings import OutsideSettings, load
from storage.errors import Invalid

WHOLE = """
base_url = "https://heyun.city.gov.cn"
private_networks = ["10.0.0.0/8"]

[email]
host = "mail.city.gov.cn"
username = "heyun"
password = "secret"
sender = "和云 <heyun@city.gov.cn>"

[sms]
url = "http://10.1.2.3/send"
secret = "0123456789abcdef"
fields = { mobile = "{phone}", content = "{text}", id = "{id}" }
answer = { code = "code", id = "data.id", ok = ["0"], refused = ["BAD_PHONE"] }

[wecom]
corpid = "ww0123"
corpsecret = "secret"
agentid = 1000002

[[robots]]
name = "duty-room"
key = "693a91f6-7xxx"
keys = ["dispatcher:*"]
kinds = ["submit", "light"]

[[webhooks]]
name = "upstream"
url = "https://upstream.example.cn/heyun"
secret = "0123456789abcdef"
keys = ["*"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "channels.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_load_when_there_is_no_file_then_nothing_leads_outside(tmp_path: Path) -> None:
    assert load(tmp_path / "channels.toml") == OutsideSettings() and not OutsideSettings().is_on
    with pytest.raises(Invalid, match="no such file"):
        load(tmp_path / "channels.toml", required=True)


async def test_load_when_the_file_is_right_then_every_channel_opens(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE))
    assert settings.is_on and settings.email is not None and settings.email.port == 587
    poster, channels = open_channels(settings)
    assert set(channels) == {"email", "sms", "wecom", "robot:duty-room", "webhook:upstream"}
    await poster.close()


def test_load_when_others_may_read_the_file_then_refused(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    path.chmod(0o644)
    with pytest.raises(Invalid, match="chmod 600"):
        load(path)


@pytest.mark.parametrize(
    ("before", "after", "field", "allowed"),
    [
        ('host = "mail.city.gov.cn"', "", "email", "host"),
        ('host = "mail.city.gov.cn"', 'host = "m"\nport = 70000', "email.port", "65535"),
        ('host = "mail.city.gov.cn"', 'host = "m"\nsecurity = "ssl"', "email.security", "one of starttls, tls, none"),
        ('host = "mail.city.gov.cn"', 'host = "m"\nsecurity = "none"', "email", "starttls or tls"),
        ('sender = "和云 <heyun@city.gov.cn>"', 'sender = "heyun"', "email.sender", "a mail address"),
        ('host = "mail.city.gov.cn"', 'hots = "m"', "email", "hots"),
        ('"{phone}"', '"{number}"', "sms", "one of phone"),
        ('"{phone}"', '"{text}"', "sms", "`{phone}` is in none"),
        ('"{phone}"', '"{phone!r}"', "sms", "no placeholder"),
        ('"{phone}"', '"{phone"', "sms", "expected '}'"),
        ('secret = "0123456789abcdef"', 'secret = "short"', "sms.secret", "length >= 16"),
        ("http://10.1.2.3/send", "http://sms.example.cn/send", "sms.url", "https://"),
        ("http://10.1.2.3/send", "https://192.168.1.1/send", "sms.url", "private_networks"),
        ("10.0.0.0/8", "10.0.0.0/99", "private_networks", "networks like"),
        ("agentid = 1000002", 'agentid = "1000002"', "wecom.agentid", "int"),
        ('name = "duty-room"', 'name = "Duty Room"', "robots[0].name", "small letters"),
        ('keys = ["*"]', "keys = []", "webhooks[0].keys", "length >= 1"),
        ('keys = ["*"]', 'keys = ["everyone"]', "webhooks[0].keys[0]", "u:CODE"),
        ("https://upstream.example.cn/heyun", "https://name:word@upstream.example.cn", "webhooks.upstream.url", "https://host"),
        ("https://heyun.city.gov.cn", "heyun.city.gov.cn", "base_url", "https://host"),
    ],
)
def test_load_when_something_is_wrong_then_named_with_what_is_allowed(
    tmp_path: Path, before: str, after: str, field: str, allowed: str
) -> None:
    assert before in WHOLE
    with pytest.raises(Invalid) as raised:
        load(written(tmp_path, WHOLE.replace(before, after, 1)))
    (error,) = raised.value.errors
    assert (error.field or "channels") == field and allowed in error.message
    assert field in str(raised.value) and "0123456789abcdef" not in str(raised.value)


def test_load_when_a_name_is_there_twice_then_refused(tmp_path: Path) -> None:
    hook = WHOLE[WHOLE.index("[[webhooks]]") :]
    with pytest.raises(Invalid, match="`upstream` is there twice"):
        load(written(tmp_path, WHOLE + hook))


def test_load_when_it_is_not_toml_then_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="not TOML"):
        load(written(tmp_path, "email"))


def test_kinds_when_they_do_not_exist_then_refused(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE.replace('"light"]', '"lihgt"]')))
    with pytest.raises(Invalid, match=r"duty-room\.kinds: `lihgt`; one of \*"):
        load_templates(settings, tmp_path)
