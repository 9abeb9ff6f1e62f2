"""E-mail against a real SMTP server: encrypted, refused for now or for ever, silent."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from dispatch.outside.mail import MailChannel
from dispatch.outside.messages import SendFailed, SendRefused
from dispatch.outside.settings import MailSettings
from tests.outside.samples import message
from tests.outside.servers import LOOPBACK, Mailbox, smtp_server

Certificate = tuple[ssl.SSLContext, Path]


def channel(box: Mailbox, **values: Any) -> MailChannel:
    defaults: dict[str, Any] = {"host": LOOPBACK, "port": box.port, "security": "none", "sender": "和云 <heyun@city.test>"}
    return MailChannel(MailSettings(**(defaults | values)), timeout_seconds=0.5)


async def test_mail_when_sent_carries_the_id_of_its_delivery() -> None:
    async with smtp_server() as box:
        assert await channel(box).send(message()) == "Q1"
        assert await channel(box).send(message()) == "Q2"
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"] == "<d0123@city.test>"
    assert (first["To"], first["From"], first["Subject"]) == ("clerk@unit.test", "和云 <heyun@city.test>", "派遣了，等签收")
    assert first["Auto-Submitted"] == "auto-generated"
    assert "GY20251124-000001" in first.get_content()  # type: ignore[attr-defined]


async def test_mail_when_starttls_is_asked_travels_encrypted_and_signs_in(certificate: Certificate) -> None:
    context, trusted = certificate
    options = {"security": "starttls", "ca_file": str(trusted), "username": "heyun", "password": "right"}
    async with smtp_server(context) as box:
        assert await channel(box, **options).send(message()) == "Q1"
        with pytest.raises(SendFailed, match="smtp_530"):  # this server takes nothing in the clear
            await channel(box).send(message())
        with pytest.raises(SendFailed, match="smtp_535"):
            await channel(box, **options | {"password": "wrong"}).send(message())
    assert set(box.signed_in) == {"heyun"} and len(box.mails) == 1


async def test_mail_when_tls_from_the_first_byte_is_asked_travels_encrypted(certificate: Certificate) -> None:
    context, trusted = certificate
    async with smtp_server(context, implicit=True) as box:
        assert await channel(box, security="tls", ca_file=str(trusted)).send(message()) == "Q1"


async def test_mail_when_the_server_is_not_trusted_sends_nothing(certificate: Certificate) -> None:
    async with smtp_server(certificate[0]) as box:
        with pytest.raises(SendFailed, match="tls"):
            await channel(box, security="starttls").send(message())
    assert box.mails == []


async def test_mail_when_the_recipient_is_refused_keeps_no_address() -> None:
    async with smtp_server() as box:
        box.refusals["clerk@unit.test"] = "550 5.1.1 <clerk@unit.test> unknown"
        with pytest.raises(SendRefused) as never:
            await channel(box).send(message())
        box.refusals["clerk@unit.test"] = "452 4.2.2 <clerk@unit.test> mailbox full"
        with pytest.raises(SendFailed) as later:
            await channel(box).send(message())
    assert (str(never.value), str(later.value)) == ("smtp_550", "smtp_452")


async def test_mail_when_the_text_is_refused_says_for_now_or_for_ever() -> None:
    async with smtp_server() as box:
        box.answers.extend(["451 greylisted", "554 spam"])
        with pytest.raises(SendFailed, match="smtp_451"):
            await channel(box).send(message())
        with pytest.raises(SendRefused, match="smtp_554"):
            await channel(box).send(message())


async def test_mail_when_the_server_is_silent_or_gone_fails_for_now() -> None:
    async with smtp_server() as box:
        box.silent = True
        with pytest.raises(SendFailed, match="timeout"):
            await channel(box).send(message())
    with pytest.raises(SendFailed, match="unreachable"):
        await channel(box).send(message())


async def test_mail_when_a_title_has_line_breaks_makes_no_header_of_them() -> None:
    async with smtp_server() as box:
        await channel(box).send(message(title="one\r\nBcc: other@unit.test"))
    assert box.mails[0]["Subject"] == "one Bcc: other@unit.test" and box.mails[0]["Bcc"] is None
