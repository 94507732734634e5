"""Finds objects by what people type: an id, the beginning of an id (as lists show it), a slug, an email.

A beginning has 8 characters or more and is looked for among the newest things that the API lists.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import typer

from vai.client import Client
from vai.errors import NotFound
from vai.models.agents import Agent
from vai.models.answers import Action, Answer, Connection
from vai.models.automations import Automation

from .inputs import is_id

A = TypeVar("A", bound=Answer)

BEGINNING = re.compile(r"[0-9a-f][0-9a-f-]{7,34}")
NEWEST = 1_000
_SHOWN = 5


@dataclass(frozen=True)
class Sought:
    """How a sort of thing is called, and its list, newest first."""

    noun: str
    every: Callable[[Client], Iterable[Answer]]


RUN = Sought("run", lambda client: client.runs.iterate())
AUTOMATION_RUN = Sought("automation run", lambda client: client.automation_runs.iterate())
ACTION = Sought("action", lambda client: client.actions.iterate())
CONNECTION = Sought("connection", lambda client: client.connections.iterate())
AUTOMATION = Sought("automation", lambda client: client.automations.iterate())
AGENT = Sought("agent", lambda client: client.agents.iterate())
AGENT_RUN = Sought("run of an agent", lambda client: client.agents.iterate_runs())
ALERT = Sought("alert", lambda client: client.alerts.iterate())
ALERT_RULE = Sought("alert rule", lambda client: client.alerts.rules())
THREAD = Sought("thread", lambda client: client.threads.iterate())
USER = Sought("user", lambda client: client.users.iterate())
SERVICE_ACCOUNT = Sought("service account", lambda client: client.service_accounts.iterate())
KEY = Sought("API key", lambda client: client.api_keys.iterate())
ORGANISATION = Sought("organisation", lambda client: client.installation.iterate_organisations())


def whole_id(client: Client, sought: Sought, text: str) -> str:
    """The id if `text` is an id or the beginning of one. Any other text is returned unchanged, for the server.

    Raises BadParameter if several ids, or none of the newest, begin like this.
    """
    if is_id(text) or not BEGINNING.fullmatch(text.lower()):
        return text
    ids = (str(each.raw[each.identity]) for each in islice(sought.every(client), NEWEST))
    found = list(dict.fromkeys(each for each in ids if each.startswith(text.lower())))
    if len(found) == 1:
        return found[0]
    hint = sought.noun.upper().replace(" ", "-")
    if not found:
        raise typer.BadParameter(f"no {sought.noun} that is listed has an id that begins with {text}", param_hint=hint)
    shown = "".join(f"\n  {each}" for each in found[:_SHOWN]) + ("\n  …" if len(found) > _SHOWN else "")
    raise typer.BadParameter(
        f"{len(found)} {sought.noun}s have an id that begins with {text}; give more of it:{shown}", param_hint=hint
    )


def run_id(client: Client, text: str) -> str:
    """The id of a run."""
    return whole_id(client, RUN, text)


def action(client: Client, text: str) -> Action:
    """The action with this id, beginning of an id, or slug."""
    return _named(client, ACTION, text, client.actions.get, client.actions.by_slug)


def agent(client: Client, text: str) -> Agent:
    """The agent with this id, beginning of an id, or slug."""
    return _named(client, AGENT, text, client.agents.get, client.agents.by_slug)


def automation(client: Client, text: str) -> Automation:
    """The automation with this id, beginning of an id, or slug."""
    return _named(client, AUTOMATION, text, client.automations.get, client.automations.by_slug)


def connection(client: Client, text: str) -> Connection:
    """The connection with this id, beginning of an id, or slug."""

    def by_slug(slug: str) -> Connection:
        found = next((each for each in client.connections.iterate(slug) if each.slug == slug), None)
        if found is None:
            raise _Nobody
        return found

    try:
        return _named(client, CONNECTION, text, client.connections.get, by_slug)
    except _Nobody:
        raise typer.BadParameter(f"no connection has the slug {text!r}", param_hint="CONNECTION") from None


def user_id(client: Client, text: str) -> str:
    """The id of the user with this id, beginning of an id, or email."""
    if "@" not in text:
        return whole_id(client, USER, text)
    found = next((each.id for each in client.users.iterate(text) if each.email.lower() == text.lower()), None)
    if found is None:
        raise typer.BadParameter(f"no user has the email {text}", param_hint="USER")
    return found


def key_id(client: Client, text: str) -> str:
    """The id of the API key with this id, beginning of an id, name, or beginning of the key."""
    if is_id(text):
        return text
    found = [each.id for each in client.api_keys.iterate(text) if text in (each.name, each.prefix)]
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} keys are called {text!r}; give the id", param_hint="API-KEY")
    if not found and not BEGINNING.fullmatch(text.lower()):
        raise typer.BadParameter(f"no key is called {text!r} or begins so", param_hint="API-KEY")
    return found[0] if found else whole_id(client, KEY, text)


def service_account_id(client: Client, text: str) -> str:
    """The id of the service account with this id, beginning of an id, or name."""
    if is_id(text):
        return text
    named = client.service_accounts.iterate(text)
    found = next((each.id for each in named if each.name.lower() == text.lower()), None)
    if found is None and not BEGINNING.fullmatch(text.lower()):
        raise typer.BadParameter(f"no service account is called {text!r}", param_hint="ACCOUNT")
    return found or whole_id(client, SERVICE_ACCOUNT, text)


def alert_rule_id(client: Client, text: str) -> str:
    """The id of the alert rule with this id, beginning of an id, or name."""
    if is_id(text):
        return text
    found = [each.id for each in client.alerts.rules() if each.name == text]
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} rules are called {text!r}; give the id", param_hint="RULE")
    if not found and not BEGINNING.fullmatch(text.lower()):
        raise typer.BadParameter(f"no alert rule is called {text!r}", param_hint="RULE")
    return found[0] if found else whole_id(client, ALERT_RULE, text)


def organisation_id(client: Client, text: str) -> str:
    """The id of the organisation with this id, beginning of an id, or slug. For the installation's token."""
    if is_id(text):
        return text
    named = client.installation.iterate_organisations(text)
    found = next((each.id for each in named if each.slug == text), None)
    if found is None and not BEGINNING.fullmatch(text.lower()):
        raise typer.BadParameter(f"no organisation has the slug {text!r}", param_hint="ORGANISATION")
    return found or whole_id(client, ORGANISATION, text)


class _Nobody(Exception):
    """The error if nothing has this slug."""


def _named(client: Client, sought: Sought, text: str, get: Callable[[str], A], by_slug: Callable[[str], A]) -> A:
    if is_id(text):
        return get(text)
    try:
        return by_slug(text)
    except (NotFound, _Nobody):
        if not BEGINNING.fullmatch(text.lower()):
            raise
        return get(whole_id(client, sought, text))
