"""E-mail by SMTP. The Message-ID is the delivery's id: a mail system that gets it twice can tell."""

from __future__ import annotations

import re
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib

from dispatch.outside.messages import Message, SendFailed, SendRefused, reason_of
from dispatch.outside.settings import MailSettings

__all__ = ["MailChannel", "letter"]

TIMEOUT_SECONDS = 10.0
_QUEUED = re.compile(r"queued as <?([A-Za-z0-9._-]{1,80})", re.IGNORECASE)


class MailChannel:
    """Hands messages to one mail server, each over a connection of its own."""

    def __init__(self, settings: MailSettings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        self._tls = ssl.create_default_context(cafile=settings.ca_file or None)

    async def send(self, message: Message) -> str:
        """Hand the message to the server; returns the server's queue id, or the Message-ID where it names none."""
        mail = letter(message, self._settings.sender)
        try:
            _, said = await aiosmtplib.send(
                mail,
                hostname=self._settings.host,
                port=self._settings.port,
                username=self._settings.username or None,
                password=self._settings.password or None,
                use_tls=self._settings.security == "tls",
                start_tls=self._settings.security == "starttls",
                tls_context=self._tls if self._settings.security != "none" else None,
                timeout=self._timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0].code) from None
        except aiosmtplib.SMTPDataError as error:
            raise _refusal(error.code) from None
        except aiosmtplib.SMTPResponseException as error:  # greeting, sign-in, sender: ours to mend, so worth another try
            raise SendFailed(reason_of("smtp", error.code)) from None
        except (aiosmtplib.SMTPTimeoutError, TimeoutError):
            raise SendFailed("timeout") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SendFailed("tls" if isinstance(error.__cause__ or error, ssl.SSLError) else "unreachable") from error
        queued = _QUEUED.search(said)
        return queued[1] if queued else str(mail["Message-ID"])


def letter(message: Message, sender: str) -> EmailMessage:
    """Return the mail of a message; the same message makes the same mail."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail = EmailMessage()
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Date"] = format_datetime(message.at)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = " ".join(message.title.split())
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = message.language
    mail.set_content(message.text)
    return mail


def _refusal(code: int) -> SendFailed | SendRefused:
    """4xx says later, 5xx never; the server's text may hold the address and is left out."""
    reason = reason_of("smtp", code)
    return SendRefused(reason) if code >= 500 else SendFailed(reason)
