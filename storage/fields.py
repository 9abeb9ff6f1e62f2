"""Encryption of single fields: what is personal is stored only as AES-256-GCM under a key that the database never sees.

A sealed field is bound to its document and its name: moved elsewhere it does not open. Keys have ids, so a new key can become
the active one while what the old ones sealed still opens. The blind index finds equal texts without telling them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.errors import HeyunError, Invalid

__all__ = ["FieldCipher", "Keyring", "SealBroken"]

_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBroken(HeyunError):
    """A sealed field does not open: it was changed or moved, or its key is missing. Raised by `FieldCipher.open`."""

    code = "seal_broken"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    active: str
    keys: dict[str, str]
    index_key: str


class Keyring:
    """The keys of an installation: those that seal (by id, one of them active) and the one of the blind index."""

    def __init__(self, keys: dict[str, bytes], active: str, index_key: bytes) -> None:
        self.active = active
        self._keys = keys
        self._index_key = index_key

    @classmethod
    def generate(cls) -> Keyring:
        """Return new random keys that are in no file."""
        return cls({"k1": secrets.token_bytes(_KEY_BYTES)}, "k1", secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Read a key file. Raises `Invalid` when it is missing, not a key file, or readable by others than its owner."""
        try:
            if path.stat().st_mode & 0o077:
                raise Invalid(f"{path} may be read by others; run: chmod 600 {path}", code="keys_exposed")
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            keys = {name: _key(text) for name, text in file.keys.items()}
            ring = cls(keys, file.active, _key(file.index_key))
        except OSError as error:
            raise Invalid(f"the key file cannot be read: {error}", code="keys_unreadable") from error
        except (msgspec.DecodeError, binascii.Error, ValueError) as error:
            raise Invalid(f"{path} is not a key file: {error}", code="keys_malformed") from None
        if ring.active not in keys:
            raise Invalid(f"{path}: the active key {ring.active!r} is not among the keys", code="keys_malformed")
        return ring

    @classmethod
    def load_or_create(cls, path: Path) -> Keyring:
        """Read the key file; the first time make one (0600). Safe when several processes start at once."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            cls.generate()._write(path, replace=False)
        return cls.load(path)

    @classmethod
    def rotate(cls, path: Path) -> Keyring:
        """Add a new key to the file and make it the active one; running processes use it after their next start."""
        ring = cls.load(path)
        number = 1 + max((int(name[1:]) for name in ring._keys if name[1:].isdigit()), default=0)
        ring._keys[f"k{number}"] = secrets.token_bytes(_KEY_BYTES)
        ring.active = f"k{number}"
        ring._write(path, replace=True)
        return ring

    def key(self, name: str) -> bytes | None:
        """Return the sealing key with this id, or None."""
        return self._keys.get(name)

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose (such as signing the daily anchor), always the same for the same purpose."""
        return hmac.digest(self._index_key, b"purpose:" + purpose.encode(), "sha256")

    def _write(self, path: Path, *, replace: bool) -> None:
        names = {name: base64.b64encode(key).decode() for name, key in self._keys.items()}
        file = _File(self.active, names, base64.b64encode(self._index_key).decode())
        draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(msgspec.json.format(msgspec.json.encode(file)) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        try:
            if replace:
                draft.replace(path)
            else:
                _link_if_absent(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _link_if_absent(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another process was first; its keys are the ones


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key has {_KEY_BYTES} bytes, not {len(key)}")
    return key


class FieldCipher:
    """Seals and opens single text fields with the keys of a ring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, text: str, *, document_id: str, field: str) -> dict[str, Any]:
        """Return the sealed text as a small document to store in this field of this document, and nowhere else."""
        name, nonce = self._keyring.active, secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher(name).encrypt(nonce, text.encode(), _bound_to(document_id, field))
        return {"k": name, "n": nonce, "c": sealed}

    def open(self, sealed: dict[str, Any], *, document_id: str, field: str) -> str:
        """Return the text. Raises `SealBroken` when it was changed or moved or when its key is not in the ring."""
        try:
            cipher = self._cipher(sealed["k"])
            return cipher.decrypt(sealed["n"], sealed["c"], _bound_to(document_id, field)).decode()
        except (InvalidTag, KeyError, TypeError, ValueError) as error:
            raise SealBroken(f"{field} of {document_id} does not open", field=field) from error

    def is_current(self, sealed: dict[str, Any]) -> bool:
        """Tell whether it was sealed with the active key; what was not is sealed anew when keys are rotated."""
        return sealed.get("k") == self._keyring.active

    def blind_index(self, text: str) -> str:
        """Return what equal texts share and what does not tell the text: HMAC-SHA256 in hex. Normalise the text before."""
        return hmac.new(self._keyring.secret("blind-index"), text.encode(), hashlib.sha256).hexdigest()

    def _cipher(self, name: str) -> AESGCM:
        cipher = self._ciphers.get(name)
        if cipher is None:
            key = self._keyring.key(name)
            if key is None:
                raise SealBroken(f"the key {name!r} is not in the key file", key=name)
            cipher = self._ciphers[name] = AESGCM(key)
        return cipher


def _bound_to(document_id: str, field: str) -> bytes:
    document = document_id.encode()
    return len(document).to_bytes(4, "big") + document + field.encode()
