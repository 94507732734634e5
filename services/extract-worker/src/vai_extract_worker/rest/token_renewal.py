"""A connection's credentials during a run. An access token that expires is renewed (OAuth 2).

The worker renews it, not this process: the token is shared between workers, and the secrets for renewing it never come
here.
"""

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.credentials import HttpCredentials, Unusable, http_credentials
from vai_records.secrets.hiding import Hidden
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Link

_NOTHING = HttpCredentials()


class Lasting:
    """`current` are the credentials for the next request. Raises AUTH_ERROR for credentials that HTTP cannot use."""

    def __init__(
        self, connection: ConnectionSecret | None = None, link: Link | None = None, hidden: Hidden | None = None
    ) -> None:
        self._connection = connection
        self._link = link
        self._hidden = hidden
        self._found = _NOTHING if connection is None else _read(connection, connection.credentials)
        self._renew_at = None if connection is None else connection.renew_at
        self.seen: set[str] = {*self._found.headers.values(), *self._found.query.values()}
        """Every secret value that was ever sent."""

    @property
    def renews(self) -> bool:
        return self._renew_at is not None

    def current(self) -> HttpCredentials:
        """Renew the token if it is due. Raises the error that the vendor's refusal means."""
        if self._renew_at is not None and now().timestamp() >= self._renew_at:
            self._ask({})
        return self._found

    def refused(self, used: HttpCredentials) -> HttpCredentials:
        """Another access token, to try after the source has refused `used`. None if there is none."""
        if self._connection is not None and used == self._found:
            self._ask({"rejected": self._connection.credentials["access_token"]})
        return self._found

    def _ask(self, payload: dict[str, str]) -> None:
        if self._connection is None or self._link is None:
            return
        answer = self._link.ask("access_token", payload)
        if self._hidden is not None:
            self._hidden.learn(answer["access_token"])
        self._connection.credentials["access_token"] = answer["access_token"]
        self._found = _read(self._connection, self._connection.credentials)
        self._renew_at = answer["renew_at"]
        self.seen |= {*self._found.headers.values(), *self._found.query.values()}


def _read(connection: ConnectionSecret, credentials: dict[str, str]) -> HttpCredentials:
    try:
        return http_credentials(credentials, connection.config)
    except Unusable as error:
        text = f"The credentials of the connection {connection.slug} cannot be used for HTTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug}) from error
