"""TLS to a checked address by the name that it was found under."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vai_common.clock import now
from vai_common.egress.tls_by_name import contexts


def _certificate(folder: Path, name: str) -> tuple[Path, str]:
    """A file with key and certificate, and the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    own = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "server.pem"
    file.write_bytes(own + pem)
    return file, pem.decode()


async def test_the_certificate_has_to_be_the_names_and_not_the_addresss(tmp_path: Path) -> None:
    file, pem = _certificate(tmp_path, "db.example.com")
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(file)
    asked: list[str | None] = []
    own.sni_callback = lambda _, name, __: asked.append(name)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
    port = server.sockets[0].getsockname()[1]

    async def reached(host: str, sslmode: str, ca: str | None) -> bool:
        (tls, *_) = contexts(host, sslmode, ca)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="127.0.0.1")
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True

    async with server:
        assert await reached("db.example.com", "verify-full", pem)
        assert not await reached("other.example.com", "verify-full", pem)
        assert await reached("other.example.com", "verify-ca", pem)
        assert not await reached("db.example.com", "verify-full", None)
        assert await reached("other.example.com", "require", None)
    assert asked[:2] == ["db.example.com", "other.example.com"]


@pytest.mark.parametrize(("sslmode", "ways"), [("disable", [False]), ("prefer", [True, False]), ("require", [True])])
def test_the_ways_that_a_mode_allows(sslmode: str, ways: list[bool]) -> None:
    assert [way is not None for way in contexts("db.example.com", sslmode)] == ways
