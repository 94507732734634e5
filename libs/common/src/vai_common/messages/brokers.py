"""The address of the Kafka brokers and the sign-in there, the same for all our clients.

In the environment: VAI_KAFKA_SECURITY_PROTOCOL and others.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class _NeedsPassword(Exception):
    """The key is encrypted, and there is no password."""


@dataclass(frozen=True)
class Brokers:
    """`servers` is host:port,…. Without `context` there is no TLS, without `user` no sign-in."""

    servers: str
    context: ssl.SSLContext | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    mechanism: Mechanism = "SCRAM-SHA-512"

    @classmethod
    def of(cls, given: "str | Brokers") -> "Brokers":
        """An address alone is a broker without TLS and sign-in."""
        return cls(given) if isinstance(given, str) else given

    @property
    def protocol(self) -> SecurityProtocol:
        if self.user:
            return "SASL_PLAINTEXT" if self.context is None else "SASL_SSL"
        return "PLAINTEXT" if self.context is None else "SSL"

    def options(self) -> dict[str, Any]:
        """For the clients of aiokafka."""
        options: dict[str, Any] = {"bootstrap_servers": self.servers, "security_protocol": self.protocol}
        if self.context is not None:
            options["ssl_context"] = self.context
        if self.user:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def security(self) -> Any:
        """For FastStream's broker; None where there is neither TLS nor sign-in."""
        from faststream import security  # not every service reads hints from Kafka

        tls: dict[str, Any] = {"ssl_context": self.context, "use_ssl": self.context is not None}
        if not self.user:
            return None if self.context is None else security.BaseSecurity(**tls)
        kinds = {
            "PLAIN": security.SASLPlaintext,
            "SCRAM-SHA-256": security.SASLScram256,
            "SCRAM-SHA-512": security.SASLScram512,
        }
        return kinds[self.mechanism](self.user, self.password, **tls)


class KafkaSecurity(BaseSettings):
    """How every client of Kafka connects. Environment, prefix VAI_."""

    model_config = SettingsConfigDict(env_prefix="VAI_", frozen=True, extra="ignore")

    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: str = Field(default="", repr=False)
    kafka_ca_file: str = Field(default="", description="Who signs the brokers' certificates; empty: the system's list.")
    kafka_cert_file: str = Field(default="", description="Our own certificate, where brokers ask for one.")
    kafka_key_file: str = Field(default="", description="Its key, where that is in a file of its own.")
    kafka_key_password: str = Field(default="", repr=False, description="Of the key, where that is encrypted.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        protocol = self.kafka_security_protocol
        if protocol.startswith("SASL") != bool(self.kafka_user and self.kafka_password):
            raise ValueError(
                f"VAI_KAFKA_SECURITY_PROTOCOL is {protocol}: SASL_SSL and SASL_PLAINTEXT need VAI_KAFKA_USER and"
                " VAI_KAFKA_PASSWORD, the others take neither of them"
            )
        files = (self.kafka_ca_file, self.kafka_cert_file, self.kafka_key_file)
        if any(files) and not protocol.endswith("SSL"):
            message = f"VAI_KAFKA_SECURITY_PROTOCOL is {protocol}, which takes no certificates: SSL and SASL_SSL do"
            raise ValueError(message)
        if self.kafka_key_file and not self.kafka_cert_file:
            raise ValueError("VAI_KAFKA_KEY_FILE is the key of VAI_KAFKA_CERT_FILE: give both")
        if self.kafka_key_password and not self.kafka_cert_file:
            raise ValueError("VAI_KAFKA_KEY_PASSWORD opens the key of VAI_KAFKA_CERT_FILE: give both")
        self._context()
        return self

    def brokers(self, servers: str) -> Brokers:
        """The brokers at `servers`, with TLS and sign-in as the settings say."""
        return Brokers(
            servers, self._context(), self.kafka_user, self.kafka_password, mechanism=self.kafka_sasl_mechanism
        )

    def _context(self) -> ssl.SSLContext | None:
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.kafka_ca_file or None)
        except OSError as error:
            raise ValueError(f"VAI_KAFKA_CA_FILE {self.kafka_ca_file!r} cannot be used: {error}") from error
        if self.kafka_cert_file:
            try:
                context.load_cert_chain(self.kafka_cert_file, self.kafka_key_file or None, self._password)
            except _NeedsPassword:
                key = self.kafka_key_file or self.kafka_cert_file
                raise ValueError(f"VAI_KAFKA_KEY_PASSWORD is empty, and the key in {key!r} is encrypted") from None
            except OSError as error:
                files = f"{self.kafka_cert_file!r} and {self.kafka_key_file!r}"
                raise ValueError(
                    f"VAI_KAFKA_CERT_FILE, VAI_KAFKA_KEY_FILE, VAI_KAFKA_KEY_PASSWORD: {files} cannot be used: {error}"
                ) from error
        return context

    def _password(self) -> str:
        """Called if the key is encrypted. Without it OpenSSL would ask on the terminal, and wait."""
        if not self.kafka_key_password:
            raise _NeedsPassword
        return self.kafka_key_password
