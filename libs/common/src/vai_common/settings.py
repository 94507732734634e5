"""The settings that every service has; a service adds its own in its `settings.py`. Environment, prefix VAI_."""

import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from vai_common.egress.addresses import Policy
from vai_common.messages.brokers import KafkaSecurity
from vai_common.validation_messages import in_words

Some = TypeVar("Some", bound="Settings")

_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(\d{1,5})")


class Settings(KafkaSecurity):
    """Read once at boot, then frozen. A wrong value stops the boot with a message that gives the bound."""

    model_config = SettingsConfigDict(env_prefix="VAI_", frozen=True, extra="ignore")

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """None: passwords and keys are among them, and whatever holds its settings may end up in a log."""
        return []

    database_url: str = Field(description="postgresql://… for the pool; may be PgBouncer.")
    database_direct_url: str = Field(default="", description="The same database without a pooler; for LISTEN, locks.")
    kafka: str = Field(description="host:port,… of any Kafka-protocol broker.")
    topic_replication: int = Field(default=1, ge=1, le=100, description="Brokers that keep each topic that is made.")
    kafka_metrics: bool = Field(default=False, description="Whether batches of hints are counted and timed.")
    bell: Literal["kafka", "notify"] = "kafka"
    lake_url: str = Field(description="file:///… or s3://bucket/prefix.")
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535, description="0: any free port.")
    http_keep_alive_seconds: float = Field(
        default=75,
        ge=1,
        le=3600,
        description="How long an idle connection is kept; longer than the load balancer does.",
    )
    http_head_seconds: float = Field(default=30, gt=0, le=3600, description="For a client to send the headers.")
    http_body_seconds: float = Field(default=60, gt=0, le=3600, description="For a client to send the body after that.")
    http_connections: int = Field(default=5_000, ge=0, description="Open connections at once; 0: no bound.")
    http_connections_per_address: int = Field(
        default=1_000, ge=0, description="Open connections from one address; 0, no bound, behind a proxy of yours."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    trace_sample: float = Field(default=0.01, ge=0, le=1, description="The share of traces that are kept.")
    otlp_endpoint: str = Field(default="", description="Where spans go (gRPC); empty: nowhere.")
    encryption_keys: str = Field(default="", repr=False, description="k1:<base64>,k0:<base64>; the first one encrypts.")
    pool_size: int = Field(default=4, ge=1, le=100)
    allow_private_addresses: str = Field(
        default="", description="What runs may connect to besides public addresses: loopback, private, networks."
    )

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_of_postgres(cls, given: str) -> str:
        if given and urlsplit(given).scheme not in ("postgresql", "postgres"):
            raise ValueError("must be postgresql://…")  # without the value, which may hold a password
        return given

    @field_validator("lake_url")
    @classmethod
    def _is_a_lake(cls, given: str) -> str:
        parts = urlsplit(given)
        is_folder = parts.scheme == "file" and not parts.netloc and len(parts.path) > 1
        if not (is_folder or (parts.scheme == "s3" and parts.netloc)):
            raise ValueError(f"must be file:///folder or s3://bucket/prefix, not {given!r}")
        return given

    @field_validator("kafka")
    @classmethod
    def _are_brokers(cls, given: str) -> str:
        for one in given.split(","):
            if not _is_place(one.strip()):
                raise ValueError(f"must be host:port, several separated by commas, not {one!r}")
        return given

    @field_validator("otlp_endpoint")
    @classmethod
    def _takes_spans(cls, given: str) -> str:
        if given and not _is_place(given.removeprefix("http://").removeprefix("https://").rstrip("/")):
            raise ValueError(f"must be http://host:port, not {given!r}")
        return given

    @field_validator("allow_private_addresses")
    @classmethod
    def _are_networks(cls, setting: str) -> str:
        Policy.parse(setting)
        return setting

    @property
    def addresses(self) -> Policy:
        """Which addresses runs and connection tests may connect to."""
        return Policy.parse(self.allow_private_addresses)

    @property
    def direct_url(self) -> str:
        return self.database_direct_url or self.database_url


def public_address(given: str) -> str:
    """The setting `public_url`, without a slash at its end. Raises ValueError where it is no address."""
    parts = urlsplit(given)
    if given and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be http(s)://host[:port][/path]")
    return given.rstrip("/")


def _is_place(text: str) -> bool:
    """Whether it is host:port."""
    found = _PLACE.fullmatch(text)
    return found is not None and 0 < int(found[2]) <= 65_535


class WrongSettings(Exception):
    """The environment is wrong; `faults` has a line for each variable, with what is wrong with it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read(settings: type[Some]) -> Some:
    """The settings as the environment has them. Raises `WrongSettings`."""
    try:
        # The constructor takes its values from the environment.
        return cast(Callable[[], Some], settings)()
    except ValidationError as error:
        raise WrongSettings([_fault(fault) for fault in error.errors()]) from None


def _fault(fault: ErrorDetails) -> str:
    message = in_words(fault["msg"])
    return f"VAI_{'_'.join(map(str, fault['loc'])).upper()}: {message}" if fault["loc"] else message
