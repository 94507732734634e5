"""TLS and sign-in mean the same to every client of Kafka; what does not fit together stops the start."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from faststream.kafka.security import parse_security
from pydantic import ValidationError

from vai_common.messages.brokers import Brokers, KafkaSecurity

USER = {"kafka_user": "u", "kafka_password": "p"}
GOOD: list[dict[str, Any]] = [
    {"kafka_security_protocol": protocol, "kafka_sasl_mechanism": mechanism, **(USER if "SASL" in protocol else {})}
    for protocol in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"kafka_security_protocol": "SASL_SSL"}, "VAI_KAFKA_USER"),
    ({"kafka_security_protocol": "SASL_SSL", "kafka_user": "u"}, "VAI_KAFKA_PASSWORD"),
    ({"kafka_security_protocol": "SSL", **USER}, "take neither"),
    ({**USER}, "take neither"),
    ({"kafka_ca_file": "/x"}, "no certificates"),
    ({"kafka_security_protocol": "SASL_PLAINTEXT", **USER, "kafka_ca_file": "/x"}, "no certificates"),
    ({"kafka_security_protocol": "SSL", "kafka_ca_file": "/not/there"}, "VAI_KAFKA_CA_FILE"),
    ({"kafka_security_protocol": "SSL", "kafka_cert_file": "/not/there"}, "VAI_KAFKA_CERT_FILE"),
    ({"kafka_security_protocol": "SSL", "kafka_key_file": "/not/there"}, "give both"),
    ({"kafka_security_protocol": "ssl"}, "SASL_SSL"),
]


@pytest.mark.parametrize("given", GOOD, ids=lambda given: "-".join(map(str, given.values())))
def test_both_sorts_of_clients_connect_alike(given: dict[str, Any]) -> None:
    brokers = KafkaSecurity(**given).brokers("a:1,b:2")
    options = brokers.options()
    assert options.pop("bootstrap_servers") == "a:1,b:2"
    assert options["security_protocol"] == given["kafka_security_protocol"]
    assert ("ssl_context" in options) == given["kafka_security_protocol"].endswith("SSL")
    assert ("sasl_mechanism" in options) == given["kafka_security_protocol"].startswith("SASL")
    hints = {name: value for name, value in parse_security(brokers.security()).items() if value is not None}
    assert {"security_protocol": "PLAINTEXT", **hints} == options
    assert "p" not in repr(brokers).split("password")[-1] or "password" not in repr(brokers)


@pytest.mark.parametrize(("given", "said"), BAD, ids=[str(sorted(given)) + said for given, said in BAD])
def test_what_does_not_fit_together_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        KafkaSecurity(**given)


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ValidationError, match="VAI_KAFKA_CA_FILE"):
        KafkaSecurity(kafka_security_protocol="SSL", kafka_ca_file=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("apart", [True, False], ids=["key file", "one file"])
def test_an_encrypted_key_is_opened_by_its_password_and_nobody_is_asked_at_a_terminal(
    tmp_path: Path, apart: bool
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "us")])
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end).sign(key, hashes.SHA256())
    sealed = serialization.BestAvailableEncryption(b"pw-of-key")
    pem = serialization.Encoding.PEM
    texts = made.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, sealed)
    cert, own = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(texts[0] if apart else b"".join(texts))
    own.write_bytes(texts[1])
    given = {"kafka_security_protocol": "SSL", "kafka_cert_file": str(cert)}
    given |= {"kafka_key_file": str(own)} if apart else {}
    assert KafkaSecurity(**given, kafka_key_password="pw-of-key").brokers("a:1").context is not None
    with pytest.raises(ValidationError, match="VAI_KAFKA_KEY_PASSWORD is empty"):
        KafkaSecurity(**given)
    with pytest.raises(ValidationError, match="VAI_KAFKA_KEY_PASSWORD"):
        KafkaSecurity(**given, kafka_key_password="wrong")


def test_an_address_alone_is_a_broker_without_either() -> None:
    assert Brokers.of("a:1").options() == {"bootstrap_servers": "a:1", "security_protocol": "PLAINTEXT"}
    assert Brokers.of("a:1").security() is None
