"""TLS to an address that was checked, by the name that it was found under: SNI and certificate are the name's."""

import ssl
from typing import Any


class NamedContext(ssl.SSLContext):
    """Names the server (SNI, and where it is verified its certificate), whatever address the client library knows."""

    name: str

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **{**kwargs, "server_hostname": self.name})

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{**kwargs, "server_hostname": self.name})


def contexts(host: str, sslmode: str, ca_certificate: str | None = None) -> list[NamedContext | None]:
    """The ways that libpq's `sslmode` allows, in their order; None is without TLS.

    `ca_certificate` (PEM) is trusted instead of the machine's authorities. Raises `ssl.SSLError` where it is none.
    """
    if sslmode == "disable":
        return [None]
    tls = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.name = host
    tls.check_hostname = sslmode == "verify-full"
    tls.verify_mode = ssl.CERT_REQUIRED if sslmode.startswith("verify") else ssl.CERT_NONE
    if ca_certificate is not None:
        tls.load_verify_locations(cadata=ca_certificate)
    elif sslmode.startswith("verify"):
        tls.load_default_certs()
    return [tls, None] if sslmode == "prefer" else [tls]
