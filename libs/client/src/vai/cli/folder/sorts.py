"""What can be kept in files, and how each is found, compared, made and changed over the REST API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vai.call import UNSET
from vai.client import Client
from vai.errors import NotFound
from vai.models.answers import Action, Answer, Connection, Json

from .documents import KEPT


@dataclass(frozen=True)
class There:
    """An object of the platform: what it is now, as a file says it."""

    id: str
    slug: str
    body: Json
    etag: str | None = None


@dataclass(frozen=True)
class Sort:
    """A type of object. `fields` are those of a file, in the order in which they are written down."""

    name: str
    fields: tuple[str, ...]
    fixed: frozenset[str]
    """Fields that are chosen once, when the object is made."""

    every: Callable[[Client], Iterable[There]]
    find: Callable[[Client, str], There | None]
    create: Callable[[Client, str, Json], Answer]
    update: Callable[[Client, There, Json], Answer]


def _picked(raw: Json, fields: tuple[str, ...]) -> Json:
    return {name: raw[name] for name in fields if raw.get(name) not in (None, {}, [])}


# Connections -------------------------------------------------------------------------------------------------------

_CONNECTION = ("name", "provider", "config", "credentials", "isDefault", "maxRunning", "status")


def _connection(found: Connection) -> There:
    body = _picked(found.raw, _CONNECTION)
    if found.status not in ("active", "disabled"):  # what a test or a run has found is not set in files
        body.pop("status", None)
    if found.has_credentials:
        body["credentials"] = KEPT
    return There(found.id, found.slug, body)


def _find_connection(client: Client, slug: str) -> There | None:
    return next((_connection(each) for each in client.connections.iterate(slug) if each.slug == slug), None)


def _create_connection(client: Client, slug: str, body: Json) -> Answer:
    made = client.connections.create(
        body.get("provider", ""),
        body.get("name", slug),
        slug=slug,
        config=body.get("config"),
        credentials=body.get("credentials"),
        is_default=body.get("isDefault"),
        max_running=body.get("maxRunning"),
    )
    status = body.get("status")
    return client.connections.update(made.id, status=status) if status not in (None, made.status) else made


def _update_connection(client: Client, there: There, parts: Json) -> Answer:
    return client.connections.update(
        there.id,
        name=parts.get("name"),
        status=parts.get("status"),
        config=parts.get("config"),
        is_default=parts.get("isDefault"),
        credentials=parts.get("credentials", UNSET),
        max_running=parts.get("maxRunning", UNSET),
    )


# Actions: a file names the connection by its slug --------------------------------------------------------------------

_ACTION = ("name", "kind", "connection", "definition", "labels", "expose", "status")


class _Slugs:
    """The slugs of connections or actions by their ids, asked for when one is first needed."""

    def __init__(self, every: Callable[[], Iterable[Action | Connection]]) -> None:
        self._every = every
        self._found: dict[str, str] | None = None

    def of(self, identity: str | None) -> str | None:
        if identity is None:
            return None
        if self._found is None:
            self._found = {each.id: each.slug for each in self._every()}
        return self._found.get(identity, identity)


def _action(raw: Json, slugs: _Slugs) -> Json:
    return _picked(raw | {"connection": slugs.of(raw.get("connectionId"))}, _ACTION)


def _every_action(client: Client) -> Iterable[There]:
    slugs = _Slugs(client.connections.iterate)
    return (There(each.id, each.slug, _action(each.raw, slugs), each.etag) for each in client.actions.iterate())


def _find_action(client: Client, slug: str) -> There | None:
    try:
        found = client.actions.by_slug(slug)
    except NotFound:
        return None
    return There(found.id, found.slug, _action(found.raw, _Slugs(client.connections.iterate)), found.etag)


def _connection_id(client: Client, slug: str | None) -> str | None:
    there = None if slug is None else _find_connection(client, slug)
    return there.id if there else slug


def _create_action(client: Client, slug: str, body: Json) -> Answer:
    made = client.actions.create(
        body.get("kind", ""),
        body.get("name", slug),
        body.get("definition"),
        slug=slug,
        connection_id=_connection_id(client, body.get("connection")),
        labels=body.get("labels"),
        expose=body.get("expose"),
    )
    status = body.get("status")
    return client.actions.update(made.id, status=status) if status not in (None, made.status) else made


def _update_action(client: Client, there: There, parts: Json) -> Answer:
    return client.actions.update(
        there.id,
        name=parts.get("name"),
        status=parts.get("status"),
        definition=parts.get("definition"),
        connection_id=_connection_id(client, parts["connection"]) if "connection" in parts else UNSET,
        labels=parts.get("labels"),
        expose=parts.get("expose"),
        if_match=there.etag,
    )


# Automations and agents: a file holds what the API takes -------------------------------------------------------------

_AUTOMATION = (
    *("name", "description", "enabled", "trigger", "conditions", "inputs", "steps", "max_parallel", "labels"),
    "expose",
)
_AGENT = (
    *("name", "description", "model", "instructions", "tools", "outputSchema", "limits", "allowedDomains"),
    *("datasets", "labels"),
)


def _automation(client: Client, automation_id: str, slugs: _Slugs) -> Json:
    """Its saved actions by their slugs: an id is not the same elsewhere."""
    body = client.automations.body(automation_id)
    for step in body["steps"]:
        if "action_id" in step["action"]:
            step["action"]["action_id"] = slugs.of(step["action"]["action_id"])
    return _picked(body, _AUTOMATION)


def _every_automation(client: Client) -> Iterable[There]:
    slugs = _Slugs(client.actions.iterate)
    for each in client.automations.iterate():
        yield There(each.id, each.slug, _automation(client, each.id, slugs), each.etag)


def _find_automation(client: Client, slug: str) -> There | None:
    try:
        found = client.automations.by_slug(slug)
    except NotFound:
        return None
    return There(found.id, found.slug, _automation(client, found.id, _Slugs(client.actions.iterate)), found.etag)


def _every_agent(client: Client) -> Iterable[There]:
    return (There(each.id, each.slug, _picked(each.raw, _AGENT), each.etag) for each in client.agents.iterate())


def _find_agent(client: Client, slug: str) -> There | None:
    try:
        found = client.agents.by_slug(slug)
    except NotFound:
        return None
    return There(found.id, found.slug, _picked(found.raw, _AGENT), found.etag)


SORTS: dict[str, Sort] = {
    sort.name: sort
    for sort in (
        Sort(
            "connection",
            _CONNECTION,
            frozenset({"provider"}),
            lambda client: map(_connection, client.connections.iterate()),
            _find_connection,
            _create_connection,
            _update_connection,
        ),
        Sort("action", _ACTION, frozenset({"kind"}), _every_action, _find_action, _create_action, _update_action),
        Sort(
            "automation",
            _AUTOMATION,
            frozenset(),
            _every_automation,
            _find_automation,
            lambda client, slug, body: client.automations.create({"slug": slug, "name": slug} | body),
            lambda client, there, parts: client.automations.update(there.id, parts, if_match=there.etag),
        ),
        Sort(
            "agent",
            _AGENT,
            frozenset(),
            _every_agent,
            _find_agent,
            lambda client, slug, body: client.agents.create({"slug": slug, "name": slug} | body),
            lambda client, there, parts: client.agents.update(there.id, parts, if_match=there.etag),
        ),
    )
}
"""In the order in which they are made: what is named stands before what names it."""


def fields_of(sort: str) -> frozenset[str]:
    return frozenset(SORTS[sort].fields)
