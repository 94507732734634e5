"""Where a connection's SQL database is and how it is reached: for the connection test and for extraction alike.

`config.url` (`postgresql://host:port/name`), or `host`, `port` and `database` with the provider as the kind. User and
password are credentials. `sslmode` has libpq's words; `ca_certificate` is PEM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, unquote

from vai_common.errors import ErrorCode, Permanent

POSTGRES: Final = frozenset(("postgresql", "postgres", "redshift"))
MYSQL: Final = frozenset(("mysql", "mariadb"))
SSLMODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")

_PORTS: Final = {
    "postgresql": 5432,
    "postgres": 5432,
    "redshift": 5439,
    "mysql": 3306,
    "mariadb": 3306,
    "mssql": 1433,
    "sqlserver": 1433,
    "oracle": 1521,
    "clickhouse": 9000,
}


@dataclass(frozen=True)
class Database:
    """One database of a server. `kind` is the scheme of its address, or the connection's provider."""

    kind: str
    host: str
    port: int
    name: str | None = None
    user: str | None = None
    password: str = field(default="", repr=False)
    sslmode: str = "prefer"
    ca_certificate: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def database_of(
    provider: str, config: Mapping[str, Any], credentials: Mapping[str, Any], address: SplitResult | None
) -> Database | None:
    """The database of a connection; None if it is none. Raises `Permanent` for a bad port or TLS setting."""
    kind = (address.scheme if address else provider).split("+")[0].lower()
    host = address.hostname if address else config.get("host")
    if not isinstance(host, str) or not host or (address is not None and kind not in _PORTS):
        return None
    name = unquote(address.path.lstrip("/")) if address else config.get("database")
    user = credentials.get("username") or credentials.get("user")
    return Database(
        kind,
        host,
        _port(address, config, kind),
        str(name) if name else None,
        str(user) if user else None,
        str(credentials.get("password", "")),
        _sslmode(address, config),
        _certificate(config),
    )


def _port(address: SplitResult | None, config: Mapping[str, Any], kind: str) -> int:
    fault = Permanent(ErrorCode.DATA_ERROR, "config.port must be a number from 1 to 65535")
    try:
        port = int((address.port if address else config.get("port")) or _PORTS.get(kind, 0))
    except (ValueError, TypeError) as error:
        raise fault from error
    if not 0 < port < 65_536:
        raise fault
    return port


def _sslmode(address: SplitResult | None, config: Mapping[str, Any]) -> str:
    said = parse_qs(address.query).get("sslmode", [None])[-1] if address else None
    mode = config.get("sslmode") or said or "prefer"
    if mode not in SSLMODES:
        text = f"config.sslmode is {str(mode)[:60]!r}; it is one of {', '.join(SSLMODES)}"
        raise Permanent(ErrorCode.DATA_ERROR, text)
    return str(mode)


def _certificate(config: Mapping[str, Any]) -> str | None:
    given = config.get("ca_certificate")
    if given is None:
        return None
    if not isinstance(given, str) or "-----BEGIN CERTIFICATE-----" not in given:
        raise Permanent(ErrorCode.DATA_ERROR, "config.ca_certificate is no certificate in PEM: -----BEGIN CERTIFICATE…")
    return given
