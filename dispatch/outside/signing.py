"""Signatures of what is sent by HTTP: HMAC-SHA256 over `timestamp.body`, so that neither can be changed nor replayed late."""

from __future__ import annotations

import hmac

__all__ = ["TOLERANCE_SECONDS", "is_signed", "sign"]

TOLERANCE_SECONDS = 300


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature in hex. `timestamp` is in seconds since 1970 and is sent along.

    >>> sign("secret", 1700000000, b"{}")[:16]
    'b8569b78799ff9e3'
    """
    return hmac.digest(secret.encode(), str(timestamp).encode() + b"." + body, "sha256").hex()


def is_signed(secret: str, timestamp: int, body: bytes, signature: str, *, now: float) -> bool:
    """Tell whether the signature is right and not older (or younger) than five minutes: what a receiver does."""
    fresh = abs(now - timestamp) <= TOLERANCE_SECONDS
    return fresh and hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode())
