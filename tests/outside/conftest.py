"""Fixtures of the tests of what leads outside.

poster        the HTTP client, allowed to reach the loopback, with a short patience
certificate   a key and certificate for the loopback: the context of a server and the file that a client trusts
store         the collection of deliveries with its indexes, in a database of its own
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dispatch.outside.networks import parse_networks
from dispatch.outside.posting import Poster
from dispatch.outside.store import INDEXES, DeliveryStore
from storage.client import Database
from storage.indexes import ensure


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    opened = Poster(parse_networks(["127.0.0.0/8"]), timeout_seconds=0.5)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "mail.crt", folder / "mail.pem"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(secret + crt.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, crt


@pytest.fixture
async def store(database: Database) -> DeliveryStore:
    await ensure(database, INDEXES)
    return DeliveryStore(database)
