"""Passwords and one-time codes: the policy, hashing with argon2id off the event loop, RFC 6238 codes.

One verification takes about 25 ms of a thread (t=2, 19 MB, p=1); at most two run at a time in a process. argon2 lets go of the
interpreter's lock while it works.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import string
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from storage.errors import FieldError, Invalid

__all__ = ["MIN_LENGTH", "PasswordPolicy", "Passwords", "generate_password", "new_otp_secret", "otp_step"]

MIN_LENGTH = 10
MAX_LENGTH = 1024
OTP_STEP_SECONDS = 30
OTP_DIGITS = 6
T = TypeVar("T")


class PasswordPolicy(Invalid):
    """The new password is too weak or was used before; raised when a password is set."""

    code = "password_policy"


def check_password(password: str) -> None:
    """Raise `PasswordPolicy` unless the password has ten characters of three kinds (small, capital, digit, other).

    >>> check_password("Heyun-2026-Guiyang")
    """
    kinds = (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum())
    used = sum(any(kind(char) for char in password) for kind in kinds)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH or used < 3:
        message = f"at least {MIN_LENGTH} characters of three kinds: small and capital letters, digits, others"
        raise PasswordPolicy(message, errors=[FieldError(field="password", code="password_policy", message=message)])


def generate_password() -> str:
    """Return a random password of about 118 bits that keeps the policy.

    >>> check_password(generate_password())
    """
    while True:
        password = (
            "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20)) + "-" + secrets.choice("23456789")
        )
        try:
            check_password(password)
        except PasswordPolicy:
            continue
        return password


def new_otp_secret() -> str:
    """Return a new random secret of 160 bits in base32, as authenticator programs take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def otp_step(secret: str, code: str, seconds: float) -> int | None:
    """Return the time step whose code was given (the present one or the one before), or None when the code is wrong.

    A step may be used once; the caller keeps the last one. Source: RFC 6238, SHA-1, 30 seconds, six digits.
    """
    if len(code) != OTP_DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp = TOTP(base64.b32decode(secret), OTP_DIGITS, SHA1(), OTP_STEP_SECONDS)  # noqa: S303  (the RFC's own hash)
    for moment in (int(seconds), int(seconds) - OTP_STEP_SECONDS):
        try:
            totp.verify(code.encode(), moment)
        except InvalidToken:
            continue
        return moment // OTP_STEP_SECONDS
    return None


class Passwords:
    """Hashes and verifies in a small pool of threads."""

    def __init__(self, *, threads: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="password")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password is the one that was hashed. Without `stored` it takes as long and is False."""
        return await self._run(lambda: self._verify(stored, password))

    async def is_any(self, stored: Sequence[str], password: str) -> bool:
        """Tell whether the password is one of those that were hashed."""
        return await self._run(lambda: any(self._verify(one, password) for one in stored))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _verify(self, stored: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_hex(16))
        try:
            return self._hasher.verify(stored or self._nobody, password[:MAX_LENGTH]) and stored is not None
        except (VerifyMismatchError, InvalidHashError, Argon2Error):
            return False
