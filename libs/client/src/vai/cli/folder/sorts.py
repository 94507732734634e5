"""What can be kept in files, and how each is found, compared, made and changed over the REST API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from vai.call import UNSET
from vai.client import Client
from vai.errors import NotFound, VaiError
from vai.models.agents import Agent
from vai.models.answers import Action, Answer, Connection, Json
from vai.models.automations import Automation
from vai.models.variables import Secret, Variable

from .documents import KEPT

A = TypeVar("A")


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

    every: Callable[["Platform"], Iterable[There]]
    find: Callable[["Platform", str], There | None]
    create: Callable[["Platform", str, Json], Answer]
    update: Callable[["Platform", There, Json], Answer]
    named: bool = False
    """Whether its slug is a name, which definitions write, and its value is taken as it is."""


class NoConnection(VaiError):
    """A file names a connection that is neither there nor in the files."""


class Platform:
    """What is asked of the platform while files are read and applied; lists that several objects need, once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._slugs: dict[str, dict[str, str]] = {}

    def slug_of(self, noun: Literal["connections", "actions"], identity: str) -> str:
        """The slug of a connection or an action; its id where it is gone."""
        if noun not in self._slugs:
            every: Iterable[Connection | Action]
            every = self.client.connections.iterate() if noun == "connections" else self.client.actions.iterate()
            self._slugs[noun] = {each.id: each.slug for each in every}
        return self._slugs[noun].get(identity, identity)

    def connection_id(self, slug: str | None) -> str | None:
        """Raises NoConnection."""
        if slug is None:
            return None
        if there := _find_connection(self, slug):
            return there.id
        raise NoConnection(f"connection: none has the slug {slug}; make one, or put it into the files")


def _found(get: Callable[[str], A], slug: str) -> A | None:
    try:
        return get(slug)
    except NotFound:
        return None


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


def _find_connection(platform: Platform, slug: str) -> There | None:
    return next((_connection(each) for each in platform.client.connections.iterate(slug) if each.slug == slug), None)


def _create_connection(platform: Platform, slug: str, body: Json) -> Answer:
    made = platform.client.connections.create(
        body.get("provider", ""),
        body.get("name", slug),
        slug=slug,
        config=body.get("config"),
        credentials=body.get("credentials"),
        is_default=body.get("isDefault"),
        max_running=body.get("maxRunning"),
    )
    status = body.get("status")
    return platform.client.connections.update(made.id, status=status) if status not in (None, made.status) else made


def _update_connection(platform: Platform, there: There, parts: Json) -> Answer:
    return platform.client.connections.update(
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


def _action(platform: Platform, found: Action) -> There:
    connection = found.connection_id and platform.slug_of("connections", found.connection_id)
    return There(found.id, found.slug, _picked(found.raw | {"connection": connection}, _ACTION), found.etag)


def _find_action(platform: Platform, slug: str) -> There | None:
    found = _found(platform.client.actions.by_slug, slug)
    return _action(platform, found) if found else None


def _create_action(platform: Platform, slug: str, body: Json) -> Answer:
    made = platform.client.actions.create(
        body.get("kind", ""),
        body.get("name", slug),
        body.get("definition"),
        slug=slug,
        connection_id=platform.connection_id(body.get("connection")),
        labels=body.get("labels"),
        expose=body.get("expose"),
    )
    status = body.get("status")
    return platform.client.actions.update(made.id, status=status) if status not in (None, made.status) else made


def _update_action(platform: Platform, there: There, parts: Json) -> Answer:
    return platform.client.actions.update(
        there.id,
        name=parts.get("name"),
        status=parts.get("status"),
        definition=parts.get("definition"),
        connection_id=platform.connection_id(parts["connection"]) if "connection" in parts else UNSET,
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


def _automation(platform: Platform, found: Automation) -> There:
    """Its saved actions by their slugs: an id is not the same elsewhere."""
    body = platform.client.automations.body(found.id)
    for step in body["steps"]:
        if "action_id" in step["action"]:
            step["action"]["action_id"] = platform.slug_of("actions", step["action"]["action_id"])
    return There(found.id, found.slug, _picked(body, _AUTOMATION), found.etag)


def _find_automation(platform: Platform, slug: str) -> There | None:
    found = _found(platform.client.automations.by_slug, slug)
    return _automation(platform, found) if found else None


def _agent(found: Agent) -> There:
    return There(found.id, found.slug, _picked(found.raw, _AGENT), found.etag)


def _find_agent(platform: Platform, slug: str) -> There | None:
    found = _found(platform.client.agents.by_slug, slug)
    return _agent(found) if found else None


# Variables and secrets: the slug is the name that definitions write --------------------------------------------------

_NAMED = ("value", "description")


def _variable(found: Variable) -> There:
    more = {"description": found.description} if found.description else {}
    return There(found.name, found.name, {"value": found.value} | more)


def _secret(found: Secret) -> There:
    more = {"description": found.description} if found.description else {}
    return There(found.name, found.name, {"value": KEPT} | more)


def _find_variable(platform: Platform, name: str) -> There | None:
    found = _found(platform.client.variables.get, name)
    return _variable(found) if found else None


def _find_secret(platform: Platform, name: str) -> There | None:
    found = _found(platform.client.secrets.get, name)
    return _secret(found) if found else None


def _put_variable(platform: Platform, name: str, body: Json) -> Answer:
    return platform.client.variables.put(name, body.get("value"), description=body.get("description"))


def _put_secret(platform: Platform, name: str, body: Json) -> Answer:
    value = body.get("value")
    return platform.client.secrets.put(name, None if value == KEPT else value, description=body.get("description"))


SORTS: dict[str, Sort] = {
    sort.name: sort
    for sort in (
        Sort(
            "variable",
            _NAMED,
            frozenset(),
            lambda platform: map(_variable, platform.client.variables.iterate()),
            _find_variable,
            _put_variable,
            lambda platform, there, parts: _put_variable(platform, there.id, there.body | parts),
            named=True,
        ),
        Sort(
            "secret",
            _NAMED,
            frozenset(),
            lambda platform: map(_secret, platform.client.secrets.iterate()),
            _find_secret,
            _put_secret,
            lambda platform, there, parts: _put_secret(platform, there.id, there.body | parts),
            named=True,
        ),
        Sort(
            "connection",
            _CONNECTION,
            frozenset({"provider"}),
            lambda platform: map(_connection, platform.client.connections.iterate()),
            _find_connection,
            _create_connection,
            _update_connection,
        ),
        Sort(
            "action",
            _ACTION,
            frozenset({"kind"}),
            lambda platform: (_action(platform, each) for each in platform.client.actions.iterate()),
            _find_action,
            _create_action,
            _update_action,
        ),
        Sort(
            "automation",
            _AUTOMATION,
            frozenset(),
            lambda platform: (_automation(platform, each) for each in platform.client.automations.iterate()),
            _find_automation,
            lambda platform, slug, body: platform.client.automations.create({"slug": slug, "name": slug} | body),
            lambda platform, there, parts: platform.client.automations.update(there.id, parts, if_match=there.etag),
        ),
        Sort(
            "agent",
            _AGENT,
            frozenset(),
            lambda platform: map(_agent, platform.client.agents.iterate()),
            _find_agent,
            lambda platform, slug, body: platform.client.agents.create({"slug": slug, "name": slug} | body),
            lambda platform, there, parts: platform.client.agents.update(there.id, parts, if_match=there.etag),
        ),
    )
}
"""In the order in which they are made: what is named stands before what names it."""


def fields_of(sort: str) -> frozenset[str]:
    return frozenset(SORTS[sort].fields)
