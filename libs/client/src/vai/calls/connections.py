"""The calls about connections."""

from vai.call import API, PAGE, UNSET, Call, Page, Unset, get_call, given, nothing, offset_list, segment
from vai.models.answers import Connection, ConnectionTest, Json


def create(
    provider: str,
    name: str,
    *,
    slug: str | None = None,
    config: Json | None = None,
    credentials: Json | None = None,
    is_default: bool | None = None,
    max_running: int | None = None,
) -> Call[Connection]:
    """Save a connection; its credentials are stored encrypted and never read back. `max_running`: live runs at once."""
    body = given(
        provider=provider,
        name=name,
        slug=slug,
        config=config,
        credentials=credentials,
        isDefault=is_default,
        maxRunning=max_running,
    )
    return Call("POST", f"{API}/connections", Connection.read, body=body)


def get(connection_id: str) -> Call[Connection]:
    """The connection with this id."""
    return get_call(f"/connections/{segment(connection_id)}", Connection.read)


def listing(
    q: str | None = None, *, provider: str | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[Connection]]:
    """Connections, newest first."""
    query = given(q=q, provider=provider, limit=limit)
    return offset_list("/connections", "connections", Connection, query, offset)


def update(
    connection_id: str,
    *,
    name: str | None = None,
    slug: str | None = None,
    status: str | None = None,
    config: Json | None = None,
    is_default: bool | None = None,
    credentials: Json | Unset | None = UNSET,
    max_running: int | Unset | None = UNSET,
) -> Call[Connection]:
    """Change what is given; `credentials=None` forgets them, `max_running=None` lifts the limit."""
    body = given(name=name, slug=slug, status=status, config=config, isDefault=is_default)
    clearable = {"credentials": credentials, "maxRunning": max_running}
    body |= {key: value for key, value in clearable.items() if value is not UNSET}
    return Call("PATCH", f"{API}/connections/{segment(connection_id)}", Connection.read, body=body)


def delete(connection_id: str) -> Call[None]:
    """Remove the connection."""
    return Call("DELETE", f"{API}/connections/{segment(connection_id)}", nothing)


def test(connection_id: str) -> Call[ConnectionTest]:
    """Try the connection with its stored credentials."""
    path = f"{API}/connections/{segment(connection_id)}/test"
    return Call("POST", path, ConnectionTest.read)
